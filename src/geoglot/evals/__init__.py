"""Protocols, runner and baselines."""
