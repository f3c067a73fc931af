"""Signatures of Keras's layers, kept where Python looks for them while a model is built.

For every layer that is made Keras asks anew for the signatures of its ``__init__`` and ``call``, and Python works them
out anew each time: a twentieth of the time that building a model takes. A function that carries its signature is asked
for it instead. Nothing else changes: it is the signature that would be found.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType

__all__ = ["kept_signatures"]

_KEPT = "__signature__"


@contextmanager
def kept_signatures(classes: Iterable[type]) -> Iterator[None]:
    """Keep the signatures of what Keras asks of each instance of these classes, for as long as the block runs.

    Classes of other packages than Keras, and functions that are wrapped or have a signature of their own, stay as they
    are. Where two threads build at once, the second may find less kept than it put there, which costs time only.
    """
    functions = [function for kind in classes for function in _asked(kind)]
    for function in functions:
        setattr(function, _KEPT, inspect.signature(function))
    try:
        yield
    finally:
        for function in functions:
            function.__dict__.pop(_KEPT, None)


def _asked(kind: type) -> Iterator[FunctionType]:
    for name in ("__init__", "call"):
        function = getattr(kind, name, None)
        if not isinstance(function, FunctionType) or not function.__module__.startswith("keras."):
            continue
        if not hasattr(function, "__wrapped__") and not hasattr(function, _KEPT):
            yield function
