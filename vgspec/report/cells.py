"""How wide text is on a terminal, and how text from a file is made safe to show there.

Widths follow Unicode Standard Annex 11 (East Asian Width) and, for emoji sequences, Technical Standard 51:
wide and full-width characters take two columns, combining ones none, an emoji sequence as much as its first.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

__all__ = ["Cell", "ascii_fallback", "cells", "printable", "text_width"]

_TAB = 4
_ZWJ = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FALLBACK = str.maketrans(
    {
        "→": "->",
        "←": "<-",
        "…": "...",
        "×": "x",
        "·": "-",
        "–": "-",
        "—": "-",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "✓": "ok",
        "─": "-",
        "│": "|",
    }
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One code point as it is shown: the text and the columns it takes."""

    text: str
    width: int


def _width(char: str) -> int:
    if char < "\u0300":
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _visible(char: str) -> str | None:
    """What stands for a character that a terminal would obey instead of showing it; None for all others."""
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0x80 <= code < 0xA0 or char in _BIDI or 0xD800 <= code < 0xE000 or char in "\u2028\u2029":
        return "\ufffd"
    return None


def cells(line: str, encoding: str = "utf-8") -> list[Cell]:
    """The code points of one line as cells, so that columns can be added up.

    Tabs become blanks up to the next multiple of four. Control and bidirectional characters are shown as a
    symbol. A character that ``encoding`` cannot carry becomes question marks of the same width.
    """
    if line.isascii() and line.isprintable():
        return [Cell(char, 1) for char in line]
    found: list[Cell] = []
    column = 0
    joined = False
    for char in line:
        if char == "\t":
            cell = Cell(" " * (_TAB - column % _TAB), _TAB - column % _TAB)
        elif (stand_in := _visible(char)) is not None:
            cell = Cell(stand_in if _encodable(stand_in, encoding) else "?", 1)
        else:
            width = _width(char)
            if joined or (0x1F3FB <= ord(char) <= 0x1F3FF and found and found[-1].width == 2):
                width = 0  # a further part of an emoji sequence
            elif char == _EMOJI_STYLE and found and found[-1].width == 1 and not found[-1].text.isascii():
                width = 1  # asks for the wide form of the character before it
            cell = Cell(char if _encodable(char, encoding) else "?" * width, width)
        joined = char == _ZWJ
        found.append(cell)
        column += cell.width
    return found


def text_width(text: str) -> int:
    """The columns that a line of text takes."""
    return sum(cell.width for cell in cells(text))


def printable(text: str, encoding: str = "utf-8") -> str:
    """Text of a message made safe: control characters as symbols, what cannot be encoded in ASCII words.

    Line breaks are kept.
    """
    shown = "".join(char if char == "\n" else (_visible(char) or char) for char in text.expandtabs(_TAB))
    return ascii_fallback(shown, encoding)


def ascii_fallback(text: str, encoding: str) -> str:
    """``text`` with typographic characters replaced by ASCII ones if ``encoding`` cannot carry it."""
    if _encodable(text, encoding):
        return text
    plain = "".join(char if _encodable(char, encoding) else char.translate(_FALLBACK) for char in text)
    return plain.encode(encoding, "backslashreplace").decode(encoding)
