"""Grids, rasters and scenes: reading, writing, sensors, boxes, vectors, STAC and rendering. No torch."""
