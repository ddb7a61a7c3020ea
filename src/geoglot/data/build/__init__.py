"""What turns labels into training material: windows, sentences, duplicates, mixtures."""
