"""Which files to lint: those that are named, and the specs in folders, found by their content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
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
    """One thing to lint.

    Attributes:
        name: as it is shown.
        path: where it is read from; for standard input, where it is meant to stand, if that was said.
        standard_input: whether it is what stands on standard input.
    """

    name: str
    path: Path | None
    standard_input: bool = False

    @classmethod
    def named(cls, name: str, stdin_filename: str | None = None) -> Target:
        """The target that an argument names; ``-`` is standard input."""
        if name == "-":
            return cls(stdin_filename or STDIN, None if stdin_filename is None else Path(stdin_filename), True)
        return cls(name, Path(name))


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


def _nothing(_: Path) -> bool:
    return False


def find_targets(
    paths: Iterable[str],
    *,
    excluded: Callable[[Path], bool] = _nothing,
    force_exclude: bool = False,
    specs_only: bool = False,
    stdin_filename: str | None = None,
    unreadable: Callable[[str], None] | None = None,
) -> list[Target]:
    """Every file to lint, each once and sorted by name: named files, specs in folders, ``-`` for standard input.

    A named path that does not exist is a target too: reading it gives the diagnostic.

    Args:
        paths: files, folders, and ``-``.
        excluded: says of a file or folder whether a search leaves it out.
        force_exclude: leave out named files too.
        specs_only: leave out named files that are no specs by their content.
        stdin_filename: the name that standard input is to have.
        unreadable: is told what could not be looked at, in words.
    """
    found: dict[str, Target] = {}
    tell = unreadable or (lambda _: None)
    for name in paths:
        if os.path.isdir(name) and not os.path.isfile(os.path.join(name, "saved_model.pb")):
            targets: Iterable[Target] = _in_folder(Path(name), excluded, tell)
        else:
            target = Target.named(name, stdin_filename)
            left_out = target.path is not None and force_exclude and excluded(target.path)
            if specs_only and target.path is not None and not target.standard_input and target.path.is_file():
                left_out = left_out or not _is_spec(target.path, tell)
            targets = () if left_out else (target,)
        for target in targets:
            key = "-" if target.path is None or target.standard_input else os.path.realpath(target.path)
            known = found.get(key)
            if known is None or (len(target.name), target.name) < (len(known.name), known.name):
                found[key] = target
    return sorted(found.values(), key=lambda target: (target.standard_input, Path(target.name).parts))


def _in_folder(folder: Path, excluded: Callable[[Path], bool], unreadable: Callable[[str], None]) -> Iterator[Target]:
    """Specs below a folder; hidden folders, environments and build outputs are left out."""

    def failed(error: OSError) -> None:
        unreadable(f"cannot search {error.filename}: {error.strerror or error}")

    for base, folders, files in os.walk(folder, onerror=failed):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not Path(base, name, "pyvenv.cfg").exists()
            and not excluded(Path(base, name))
        )
        for name in sorted(files):
            path = Path(base, name)
            if path.suffix.lower() in _SUFFIXES and _is_spec(path, unreadable) and not excluded(path):
                yield Target(str(path), path)


def _is_spec(path: Path, unreadable: Callable[[str], None]) -> bool:
    try:
        if not path.is_file():  # a broken link, or a pipe that would block for ever
            return False
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return looks_like_spec(stream.read(_SNIFFED))
    except OSError as error:
        unreadable(f"cannot read {path}: {error.strerror or error}")
        return False
