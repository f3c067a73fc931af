"""Names of Keras layers as ids of a spec, and back; and where a class comes from.

An id has letters, digits, ``_``, ``-`` and ``.``, and begins with a letter or ``_``. Any other character becomes
``-x`` and its code point in hexadecimal and ``-``: ``block1/conv`` is ``block1-x2f-conv``. A name that looks escaped
already has its hyphens escaped, so that no two names become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["is_foreign", "original_name", "package_of", "spec_name"]

_STANDARD = frozenset({"Keras", "builtins", "keras", "keras_core", "tensorflow", "tf_keras"})
"""Roots of the modules, and packages of registered names, of Keras itself."""

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


def package_of(item: Mapping[str, Any]) -> str:
    """The package under which the class of a serialised object was registered; empty where none is named."""
    registered = item.get("registered_name")
    return registered.rpartition(">")[0] if isinstance(registered, str) else ""


def is_foreign(item: Mapping[str, Any]) -> bool:
    """Whether a serialised object says that its class is not one of Keras's own: ``keras_hub`` is another package."""
    module = item.get("module")
    places = (package_of(item), module if isinstance(module, str) else "")
    return any(place and place.partition(".")[0] not in _STANDARD for place in places)
