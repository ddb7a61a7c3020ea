"""Samples, data sources and rendered scenes."""
