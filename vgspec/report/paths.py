"""File names as reports write them: relative to the working directory where they lie below it."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote

__all__ = ["relative", "uri"]


def relative(file: str, base: str) -> str:
    """``file`` relative to the folder ``base`` with forward slashes; unchanged if it does not lie below it.

    Names that are no paths, such as ``<stdin>``, stay as they are.
    """
    if file.startswith("<"):
        return file
    path = PurePath(file)
    if path.is_absolute():
        try:
            path = path.relative_to(base)
        except ValueError:
            return path.as_posix()
    parts = [part for part in path.parts if part != "."]
    return PurePosixPath(*parts).as_posix() if parts else file


def uri(file: str, base: str) -> str:
    """`relative` as a URI reference, percent-encoded; a ``file:`` URI where the path stays absolute."""
    path = relative(file, base)
    if PurePath(path).is_absolute():
        return Path(path).as_uri()
    return quote(path)
