"""Generators by family, one file each: opened by name, hub id or path.

A family of published weights is a module with `open_folder(folder, name, entry, device, dtype)` and `reads(folder)`, which says
whether a folder of diffusers is of it; one of our own files has `open_file(path, device, dtype)` and is named by its header.
"""

from __future__ import annotations
