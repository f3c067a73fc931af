"""How Keras names a layer that was given no name."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["snake_case"]

_WORD = re.compile(r"(.)([A-Z][a-z0-9]+)")
_CAPITAL = re.compile(r"([a-z])([A-Z])")


@lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """Keras's own way of naming a layer after its class: ``Conv2D`` → ``conv2d``, ``ReLU`` → ``re_lu``."""
    return _CAPITAL.sub(r"\1_\2", _WORD.sub(r"\1_\2", name)).lower().replace(".", "_")
