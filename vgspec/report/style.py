"""Colour by role. A row of text is a list of (text, role); `paint` turns it into a string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["PLAIN", "ROLES", "Look", "Segment", "paint"]

Segment: TypeAlias = tuple[str, str]

ROLES: Mapping[str, str] = {
    "": "",
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "help": "1;36",
    "strong": "1",
    "gutter": "1;34",
    "place": "1;34",
    "faint": "2",
    "added": "32",
    "removed": "31",
    "ok": "1;32",
}
"""SGR parameters by role."""


@dataclass(frozen=True, slots=True)
class Look:
    """How text is shown: terminal width in columns, colour, and what the stream can carry."""

    width: int = 120
    color: bool = False
    encoding: str = "utf-8"


PLAIN = Look()


def paint(row: Iterable[Segment], color: bool) -> str:
    """One line of text, with the escape sequences of its roles if ``color`` is set; no trailing blanks."""
    segments = [(text, role) for text, role in row if text]
    while segments and not segments[-1][0].rstrip():
        segments.pop()
    if segments:
        segments[-1] = (segments[-1][0].rstrip(), segments[-1][1])
    if not color:
        return "".join(text for text, _ in segments)
    return "".join(f"\x1b[{ROLES[role]}m{text}\x1b[0m" if ROLES[role] else text for text, role in segments)
