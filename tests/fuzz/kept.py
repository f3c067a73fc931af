"""The corpus that campaigns have grown, kept for the next one: a packed archive for each target."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

__all__ = ["keep", "kept", "unpack"]

FOLDER = Path(__file__).with_name("kept")
_LARGEST = 10_000
"""Bytes of an input that is kept."""


def kept(name: str) -> list[bytes]:
    """The inputs of a target, each of which reached something that those before it did not."""
    path = FOLDER / f"{name}.tar.xz"
    if not path.exists():
        return []
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                found.append(stream.read())
    return found


def unpack(name: str, folder: Path) -> None:
    """Put the inputs of a target into a folder, under names that say their content."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in kept(name):
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def keep(name: str, folder: Path) -> int:
    """Keep the small ones of a folder of inputs; how many there are. The same inputs give the same archive."""
    FOLDER.mkdir(exist_ok=True)
    inputs = {data for path in folder.iterdir() if len(data := path.read_bytes()) <= _LARGEST}
    with tarfile.open(FOLDER / f"{name}.tar.xz", "w:xz") as archive:
        for number, data in enumerate(sorted(inputs, key=lambda data: (data[:200], len(data), data))):
            entry = tarfile.TarInfo(f"{number:04}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return len(inputs)
