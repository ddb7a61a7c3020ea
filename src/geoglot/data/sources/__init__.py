"""Published data sets, one file each: a `CARD` and `rows(root, split)`, found by file name."""
