"""The attributes of an HDF5 file in which Keras keeps a model's config, read by a process of its own.

The HDF5 library is written in C, and a file that was made to do so can crash it or have it fill the memory. Then it
is a child that ends, and the parent says so.

This file is also what the child runs; it needs nothing of vgspec.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

__all__ = ["NAMES", "HdfProblem", "read_attributes"]

NAMES = ("model_config", "training_config", "keras_version")
"""The attributes that are read."""

_SECONDS = 60
_MEMORY = 2 << 30
_NOT_INSTALLED, _NOT_HDF5, _TOO_LARGE = 11, 12, 13


class HdfProblem(Exception):
    """Why the attributes could not be read.

    Attributes:
        missing: whether it is h5py that is not installed.
    """

    def __init__(self, message: str, *, missing: bool = False) -> None:
        """Keep the parts."""
        self.missing = missing
        super().__init__(message)


def read_attributes(path: Path, most: int) -> tuple[bytes | None, ...]:
    """The attributes `NAMES` of a file; None for one that is not there or is no text.

    Args:
        path: the file.
        most: bytes that one attribute may have.

    Raises:
        HdfProblem: if it is no HDF5 file, an attribute is too long, or reading it crashes or takes too much.
    """
    call = [sys.executable, "-P", __file__, str(path.resolve()), str(most)]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            call, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise HdfProblem(f"reading it takes more than {_SECONDS} seconds") from None
    if done.returncode == _NOT_INSTALLED:
        raise HdfProblem("h5py is not installed", missing=True)
    if done.returncode == _NOT_HDF5:
        raise HdfProblem("it is not an HDF5 file, or is cut short")
    if done.returncode == _TOO_LARGE:
        raise HdfProblem(f"an attribute has more than {most} bytes")
    if done.returncode:
        raise HdfProblem("the HDF5 library cannot cope with it: the file is damaged, or made to do harm")
    head, _, rest = done.stdout.partition(b"\n")
    found: list[bytes | None] = []
    for size in json.loads(head):
        found.append(None if size is None else rest[:size])
        rest = rest[size or 0 :]
    return tuple(found)


def _child(path: str, most: int) -> int:
    """Write the sizes of the attributes and the attributes to standard output; the exit status."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        import h5py  # type: ignore[import-untyped, unused-ignore]  # optional, and without types
    except ImportError:
        return _NOT_INSTALLED
    found: list[bytes | None] = []
    try:
        with h5py.File(path, "r") as file:
            for name in NAMES:
                if name in file.attrs and file.attrs.get_id(name).get_storage_size() > most:
                    return _TOO_LARGE
                value = file.attrs.get(name)
                value = value.encode() if isinstance(value, str) else value
                if isinstance(value, bytes) and len(value) > most:
                    return _TOO_LARGE
                found.append(value if isinstance(value, bytes) else None)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError):
        return _NOT_HDF5
    sys.stdout.buffer.write(json.dumps([None if value is None else len(value) for value in found]).encode() + b"\n")
    sys.stdout.buffer.writelines(value for value in found if value is not None)
    return 0


if __name__ == "__main__":
    sys.exit(_child(sys.argv[1], int(sys.argv[2])))
