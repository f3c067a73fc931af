"""The published JSON Schema, read as far as it is needed.

It describes every layer of Keras in half a megabyte, of which one document uses a few per cent. The file is laid out
one value a line, its definitions last, so that a definition can be found by its indentation and parsed alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from vgspec.resources import resource_path

__all__ = ["published_schema", "read_schema"]

_OPENING, _CLOSING = '\n "$defs": {', "\n }\n}\n"
_NAME = re.compile(r'\n  "([^"\\]+)": ')


class _Definitions(Mapping[str, Any]):
    """Definitions by name, each parsed when it is first asked for."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._places = {match[1]: match.end() for match in _NAME.finditer(text, start)}
        self._decode = json.JSONDecoder().raw_decode
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        found = self._known.get(name)
        if found is None:
            found, _ = self._decode(self._text, self._places[name])
            self._known[name] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_schema(text: str) -> Mapping[str, Any]:
    """A schema from its text; ``$defs`` is lazy where the text has the published layout."""
    start = text.find(_OPENING)
    if start < 0 or not text.endswith(_CLOSING):
        schema: dict[str, Any] = json.loads(text)
        return schema
    head: dict[str, Any] = json.loads(text[:start].removesuffix(",") + "}")
    return {**head, "$defs": _Definitions(text, start + len(_OPENING))}


@cache
def published_schema() -> Mapping[str, Any]:
    """The JSON Schema as it is published."""
    return read_schema(resource_path("schema/vgspec.schema.json").read_text(encoding="utf-8"))
