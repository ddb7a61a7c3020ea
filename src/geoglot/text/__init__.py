"""Prompt templates, sentence grammar and tokenizers. No torch."""
