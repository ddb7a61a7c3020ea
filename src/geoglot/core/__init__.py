"""Errors, configuration, part lookup, progress and the protocols that every room speaks."""
