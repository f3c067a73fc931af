"""Patterns of paths, as ``exclude`` and ``per-path-ignores`` take them.

A pattern without a slash means a file or folder of that name wherever it lies; one with a slash is a path from the
folder that the settings are for. ``*`` and ``?`` stand for characters of one name, ``[abc]`` for one of several, ``**``
for any number of folders. What matches a folder holds for everything in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["matches"]


def matches(pattern: str, path: str | os.PathLike[str], root: str | os.PathLike[str]) -> bool:
    """Whether ``path``, or a folder that it lies in, fits ``pattern``.

    Args:
        pattern: with forward slashes on every system.
        path: a file or folder; it need not exist. Symbolic links are not followed.
        root: the folder that patterns with a slash begin at. Nothing outside it matches such a pattern.
    """
    absolute = Path(os.path.abspath(path))
    base = Path(os.path.abspath(root))
    inside = absolute.is_relative_to(base)
    parts = absolute.relative_to(base).parts if inside else absolute.parts[1:]
    words = pattern.strip("/").split("/")
    if words == [""]:
        return False
    if "/" not in pattern.rstrip("/"):
        return any(fnmatchcase(part, words[0]) for part in parts)
    if not inside:
        return False
    wanted = [word for word in words if word not in ("", ".")]
    return _fits(wanted, parts)


def _fits(words: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the words fit the parts, or the first of them; in steps of the product of both numbers."""

    def with_empty(reached: set[int]) -> set[int]:
        """Numbers of words used up, those after a ``**`` that stands for no folder included."""
        for i in sorted(reached):
            while i < len(words) and words[i] == "**":
                i += 1
                reached.add(i)
        return reached

    reached = with_empty({0})
    for part in parts:
        following = {i for i in reached if i < len(words) and words[i] == "**"}
        following |= {i + 1 for i in reached if i < len(words) and words[i] != "**" and fnmatchcase(part, words[i])}
        reached = with_empty(following)
        if len(words) in reached:
            return True
    return False
