"""Connectors by file name: from the maps of one or several image encoders to what a language model reads as tokens.

A part is a module with `Options`, a frozen set of sizes, and `KIND`, an `nn.Module` made of channels of the maps, the width of
the language model and the options. It takes maps (B, h, w, C), one a level, encoder or scale, and the words that stand beside
the picture where `reads_words` says so, and gives tokens (B, N, width); `count` says N beforehand.
"""
