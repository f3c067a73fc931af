"""Settings of a process that is all vgspec's, which save a third of its start and an eighth at its end."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from types import ModuleType
from typing import Any

__all__ = ["end_quickly", "start_quickly"]

_METADATA = "importlib.metadata"


def start_quickly() -> None:
    """Make this process start fast.

    The modules that are loaded make thousands of objects and no garbage, so the collector looks at them less often.
    Pydantic need not search all installed packages for plugins of its own, nor import what it would search with.
    NumPy's linear algebra need not start a thread for each processor: no matrix here is large enough for two.
    """
    gc.set_threshold(50_000, 20, 20)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if _METADATA not in sys.modules:
        stand_in = _Deferred(_METADATA, "Loads the module of this name when it is used.")
        stand_in.__path__ = [os.path.join(os.path.dirname(importlib.__file__ or ""), "metadata")]
        sys.modules[_METADATA] = stand_in
        importlib.metadata = stand_in  # what importing it would do


def end_quickly() -> None:
    """Make this process end fast: on its way out Python would look for cycles among all objects, several times."""
    gc.disable()
    gc.freeze()


class _Deferred(ModuleType):
    """Stands for ``importlib.metadata``, which brings e-mail, archives and sockets, until something is asked of it."""

    __path__: list[str]

    def entry_points(self, **given: Any) -> Any:
        """What pydantic imports by name, and does not call."""
        return _metadata().entry_points(**given)

    def __getattr__(self, name: str) -> Any:
        return getattr(_metadata(), name)


def _metadata() -> Any:
    if isinstance(sys.modules.get(_METADATA), _Deferred):
        del sys.modules[_METADATA]
    import importlib.metadata

    return importlib.metadata
