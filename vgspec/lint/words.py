"""How rules write numbers and lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["factor", "listed", "number", "power"]


def number(decades: float) -> float:
    """``10 ** decades``, kept within what a float holds; what is smaller is 0."""
    return 10.0 ** min(decades, 300.0) if decades > -300.0 else 0.0


def power(decades: float) -> str:
    """``10 ** decades`` as people write it: ``0.24``, ``35``, ``3.1e-20``; also far beyond what a float holds."""
    if math.isinf(decades):
        return "0" if decades < 0 else "infinity"
    if -3 < decades < 4:
        value = 10.0**decades
        return f"{value:.0f}" if value >= 100 else f"{value:.2g}"
    whole = math.floor(decades)
    digits = f"{10.0 ** (decades - whole):.1f}"
    if digits == "10.0":
        digits, whole = "1.0", whole + 1
    return f"{digits}e{whole:+03d}"


def factor(value: float) -> str:
    """A factor as people write it."""
    return power(math.log10(value)) if value > 0 else "0"


def listed(names: Sequence[str], most: int = 3) -> str:
    """A few names in backquotes, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown
