"""Image and text encoders, one file each."""
