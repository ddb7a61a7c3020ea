"""Lengths and areas on the ground in words."""

from __future__ import annotations


def sized(kind: str, long: float, short: float) -> str:
    """The length, width or area of a box on the ground."""
    if kind == "area":
        return f"about {_square(long * short)}"
    return f"about {metres(long if kind == 'length' else short)}"


def metres(value: float) -> str:
    """A length in words."""
    return f"{value:,.0f} m" if value >= 10 else f"{value:.1f} m"


def _square(value: float) -> str:
    return f"{value / 1e6:,.2f} km²" if value >= 1e6 else f"{value:,.0f} m²"
