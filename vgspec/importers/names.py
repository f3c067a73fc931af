"""Names of Keras layers as ids of a spec, and back.

An id has letters, digits, ``_``, ``-`` and ``.``, and begins with a letter or ``_``. Any other character becomes
``-x`` and its code point in hexadecimal and ``-``: ``block1/conv`` is ``block1-x2f-conv``. A name that looks escaped
already has its hyphens escaped, so that no two names become one.
"""

from __future__ import annotations

import re

__all__ = ["original_name", "spec_name"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_ESCAPE = re.compile(r"-x([0-9a-f]*)-")
_BAD = re.compile(r"[^A-Za-z0-9_.]")
_HEAD = "n-x-"
"""What stands before a name whose first character cannot be an id's first."""


def spec_name(name: str) -> str:
    """The id that stands for a Keras name; the name itself where it is one."""
    if _PLAIN.fullmatch(name) and not _ESCAPE.search(name):
        return name
    keeps_hyphens = not _ESCAPE.search(name)

    def escaped(match: re.Match[str]) -> str:
        char = match[0]
        return char if char == "-" and keeps_hyphens else f"-x{ord(char):x}-"

    found = _BAD.sub(escaped, name)
    found = found if re.match(r"[A-Za-z_]", found) else _HEAD + found
    return found if _ESCAPE.search(found) else _HEAD + found


def original_name(name: str) -> str:
    """The Keras name behind an id."""
    if not _ESCAPE.search(name):
        return name
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name.removeprefix(_HEAD))
