"""vgspec that stops in the middle of writing: ``python -m tests.fuzz.stopping STEP STEPS build m.yaml …``.

The steps are the moments before and after each call of the operating system that makes, fills, flushes or renames
what is written, and the moment at which half of a file's bytes are there. The process sends itself SIGSTOP at step
number STEP, so that another can look at the folder and end it. With STEP 0 it stops nowhere. It writes the names of the
steps that it went through to the file STEPS, one a line.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from vgspec import files
from vgspec.cli import main as vgspec


class _Steps:
    """Counts the steps, and stops the process at one of them."""

    def __init__(self, stop: int) -> None:
        self.stop, self.names = stop, list[str]()

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.stop:
            os.kill(os.getpid(), signal.SIGSTOP)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **options: Any) -> Any:
            self(f"before {name}")
            result = call(*args, **options)
            self(f"after {name}")
            return result

        return stepped


class _Module:
    """A module of which some functions are others."""

    def __init__(self, module: Any, **others: Callable[..., Any]) -> None:
        self.__dict__.update({"_module": module, **others})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _where_it_writes(steps: _Steps, name: str) -> Callable[..., Any]:
    """The method of archives with this name, with steps around it where the archive is being written."""
    plain = getattr(zipfile.ZipFile, name)
    stepped = steps.around(f"{name} of the archive", plain)

    def method(archive: zipfile.ZipFile, *args: Any, **options: Any) -> Any:
        return (plain if archive.mode == "r" else stepped)(archive, *args, **options)

    return method


def main(argv: Sequence[str]) -> int:
    """Run vgspec so that it stops at a step."""
    steps = _Steps(int(argv[0]))
    calls = {name: steps.around(name, getattr(os, name)) for name in ("open", "fsync", "replace", "rename", "link")}
    write_bytes = pathlib.Path.write_bytes

    def half_then_all(path: pathlib.Path, data: bytes) -> int:
        write_bytes(path, data[: len(data) // 2])
        steps("half of the bytes")
        return write_bytes(path, data)

    files.os = _Module(os, **calls)  # type: ignore[assignment]
    files.shutil = _Module(shutil, rmtree=steps.around("rmtree", shutil.rmtree))  # type: ignore[assignment]
    files._exchange = steps.around("exchange", files._exchange)
    pathlib.Path.write_bytes = half_then_all  # type: ignore[method-assign]
    for name in ("writestr", "write", "close"):
        setattr(zipfile.ZipFile, name, _where_it_writes(steps, name))
    status = vgspec(list(argv[2:]))
    write_bytes(pathlib.Path(argv[1]), "\n".join(steps.names).encode())
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
