"""The published forms of conversations: one file each, found by its name; see `geoglot.data.conversations`."""
