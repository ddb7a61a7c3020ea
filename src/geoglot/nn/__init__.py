"""Typed tensors and the blocks that no library has."""
