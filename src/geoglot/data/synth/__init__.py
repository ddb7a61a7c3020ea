"""Rendered scenes with exact ground truth."""
