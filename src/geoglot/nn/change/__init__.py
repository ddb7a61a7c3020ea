"""Modules of change by file name: from what is seen at two dates to a logit a place, positive where it changed for good.

A part is a module with `Options`, a frozen set of sizes, and `KIND`, the `Changer` that is made of them.
"""
