"""Published methods and our own recipes, each composed of parts."""
