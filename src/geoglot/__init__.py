"""Satellite and aerial imagery in plain words."""
