"""One training loop for all families."""
