"""Kinds of protocols, one file each: `run(job)` gives an `Outcome`."""
