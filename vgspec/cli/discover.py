"""Which files to lint: those that are named, and the specs in folders, found by their content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STDIN", "Target", "find_targets", "looks_like_spec"]

STDIN = "<stdin>"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_SKIPPED = frozenset({"__pycache__", "node_modules", "venv", "build", "dist", "site-packages"})
_SNIFFED = 256 * 1024  # characters of a file that are looked at
_YAML_KEY = re.compile(r"""^(?:vgspec|"vgspec"|'vgspec')[ \t]*:(?:[ \t\r\n]|$)""", re.M)
_FLOW_KEY = re.compile(r"""^\s*(?:#[^\n]*\n\s*|---\s*)*\{""")
_FLOW_VERSION = re.compile(r"""(?:\{|,)\s*(?:vgspec|"vgspec"|'vgspec')\s*:""")


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to lint: the name to show, and the path to read; no path for standard input."""

    name: str
    path: Path | None

    @classmethod
    def named(cls, name: str) -> Target:
        """The target that an argument names; ``-`` is standard input."""
        return cls(STDIN, None) if name == "-" else cls(name, Path(name))


def looks_like_spec(text: str) -> bool:
    """Whether a text is meant as a spec: a mapping with the key ``vgspec`` at its top.

    It is judged by its look, without parsing, so that a spec with a syntax error is found too.
    """
    text = text.removeprefix("\ufeff")
    if not _FLOW_KEY.match(text):
        return _YAML_KEY.search(text) is not None
    match = _FLOW_VERSION.search(text)
    return match is not None and _depth(text[: match.start() + 1]) == 1


def _depth(text: str) -> int:
    """How many brackets are open at the end of ``text``, brackets in quotes not counted."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:[^\']|\'\')*\'', "", text)
    return sum(bare.count(sign) for sign in "{[") - sum(bare.count(sign) for sign in "}]")


def find_targets(paths: Iterable[str]) -> Iterator[Target]:
    """Every file to lint, each once: named files as they are, folders searched, ``-`` for standard input.

    A named path that does not exist is a target too: reading it gives the diagnostic.
    """
    seen: set[str] = set()
    for name in paths:
        found: Iterable[Target] = _in_folder(Path(name)) if os.path.isdir(name) else (Target.named(name),)
        for target in found:
            key = target.name if target.path is None else os.path.realpath(target.path)
            if key not in seen:
                seen.add(key)
                yield target


def _in_folder(folder: Path) -> Iterator[Target]:
    """Specs below a folder, in order of their names; hidden folders, environments and build outputs are left out."""
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and not Path(base, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            path = Path(base, name)
            if path.suffix.lower() in _SUFFIXES and _is_spec(path):
                yield Target(str(path), path)


def _is_spec(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return looks_like_spec(stream.read(_SNIFFED))
    except OSError:
        return False
