"""One verb a file, each a function from model, raster and request to a typed result."""
