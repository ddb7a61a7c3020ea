"""One metric a file: add, merge, result. numpy only."""
