"""How Keras names a layer that was given no name, and names that are taken."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from itertools import count

__all__ = ["numbered", "snake_case"]

_WORD = re.compile(r"(.)([A-Z][a-z0-9]+)")
_CAPITAL = re.compile(r"([a-z])([A-Z])")


@lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """Keras's own way of naming a layer after its class: ``Conv2D`` → ``conv2d``, ``ReLU`` → ``re_lu``."""
    return _CAPITAL.sub(r"\1_\2", _WORD.sub(r"\1_\2", name)).lower().replace(".", "_")


def numbered(name: str, taken: Container[str], first: int = 1) -> str:
    """``name``, with the first free number from ``first`` on behind it if it is taken."""
    if name not in taken:
        return name
    return next(free for i in count(first) if (free := f"{name}_{i}") not in taken)
