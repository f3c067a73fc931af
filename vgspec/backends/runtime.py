"""Importing Keras: once, quietly, and with a diagnostic where it is missing.

TensorFlow's native code writes lines about CPUs and GPUs to file descriptor 2 while it is imported, before
any of its settings can stop it. They are held back here; everything else that was written is passed on.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.codes import BACKEND_MISSING

__all__ = ["load_keras", "load_tensorflow"]

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_NATIVE_LOG = re.compile(
    rb"(?:WARNING: All log messages before absl::InitializeLog"
    rb"|[IWE]\d{4} \d\d:\d\d:\d\d|[IWE]\d{4} \d\d:|[IWE]0000 00:00:"
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] "
    rb"|To enable the following instructions)"
)


def load_keras() -> Any:
    """The ``keras`` module.

    Raises:
        BuildError: if it, or the backend that it is configured for, cannot be imported.
    """
    return _load("keras")


def load_tensorflow() -> Any:
    """The ``tensorflow`` module.

    Raises:
        BuildError: if it cannot be imported.
    """
    return _load("tensorflow")


def _load(name: str) -> Any:
    if sys.modules.get(name) is not None and sys.modules.get("keras") is not None:
        return sys.modules[name]
    try:
        with _quiet():
            module = importlib.import_module(name)
            if "tensorflow" in sys.modules:  # finds the devices now, while its complaints are held back
                sys.modules["tensorflow"].config.list_physical_devices()
            return module
    except ImportError as error:
        raise BuildError(
            [
                about(
                    BACKEND_MISSING,
                    f"building a model needs {error.name or name}, which cannot be imported",
                    notes=[first_lines(error)],
                    help="install it with: pip install 'vgspec[tensorflow]'",
                )
            ]
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back native log lines; a user who set a log level, or has TensorFlow loaded, sees all."""
    if _LEVEL in os.environ or "tensorflow" in sys.modules:
        yield
        return
    os.environ[_LEVEL] = "2"
    try:
        with _filtered_stderr():
            yield
    finally:
        os.environ.pop(_LEVEL, None)


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no stderr at all, as in some services
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            rest = b"".join(line for line in held if not _NATIVE_LOG.match(line))
            if rest:
                os.write(2, rest)
