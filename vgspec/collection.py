"""Long passes without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector from looking for cycles meanwhile.

    Passes over a graph make many small objects that stay, and no cycles worth speaking of: looking through all of
    them again and again as they grow in number would cost a large model more than the passes themselves.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
