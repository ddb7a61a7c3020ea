"""Image-text models and their weights."""
