"""Plain data → YAML text as a person would write a spec: short things on one line, long ones in blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vgspec.source.scalars import needs_quotes, quote

__all__ = ["dump_flow", "dump_yaml", "scalar_text"]

WIDTH = 110
_INDENT = "  "


def scalar_text(value: Any, *, flow: bool = False) -> str:
    """A scalar as YAML 1.2 text that reads back as the same value.

    Args:
        value: None, a boolean, a number or a string.
        flow: whether it stands inside ``[...]`` or ``{...}``, where more characters need quotes.

    Raises:
        TypeError: for anything else.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        special = flow and any(char in value for char in ",[]{}")
        return quote(value) if special or needs_quotes(value) else value
    raise TypeError(f"no YAML form for {type(value).__name__}")


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        sign = "-" if exponent.startswith("-") else ""
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+-').lstrip('0') or '0'}"
    return text


def dump_flow(value: Any) -> str:
    """A value on one line: ``{filters: 8, kernel_size: [3, 3]}``."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{scalar_text(str(key), flow=True)}: {dump_flow(item)}" for key, item in value.items())
        return "{" + inner + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(dump_flow(item) for item in value) + "]"
    return scalar_text(value, flow=True)


def _depth(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


def _fits(value: Any, column: int, *, depth: int) -> str | None:
    """The one-line form, if it is short and flat enough to read."""
    if _depth(value) > depth:
        return None
    text = dump_flow(value)
    return text if column + len(text) <= WIDTH else None


def dump_yaml(data: Mapping[str, Any]) -> str:
    """A document in block style; mappings and lists that are short and not deep stay on one line."""
    lines: list[str] = []
    for key, value in data.items():
        _entry(lines, key, value, 0, depth=1 if isinstance(value, Mapping) else 2)
    return "\n".join(lines) + "\n"


def _entry(lines: list[str], key: str, value: Any, level: int, *, depth: int = 3) -> None:
    head = f"{_INDENT * level}{scalar_text(str(key))}:"
    if not isinstance(value, Mapping | list | tuple):
        lines.append(f"{head} {scalar_text(value)}")
        return
    # A section of the document reads better as a block, what stands in it on one line where it fits.
    limit = 0 if level == 0 and isinstance(value, Mapping) and value else depth
    one_line = _fits(value, len(head) + 1, depth=limit) if not _is_items(value) or not value else None
    if one_line is not None:
        lines.append(f"{head} {one_line}")
        return
    lines.append(head)
    _block(lines, value, level + 1)


def _is_items(value: Any) -> bool:
    """A list of layers with more than one item: each gets a line of its own."""
    return isinstance(value, list | tuple) and len(value) > 1 and any(isinstance(item, Mapping) for item in value)


def _block(lines: list[str], value: Any, level: int) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _entry(lines, key, item, level)
        return
    for item in value:
        _item(lines, item, level)


def _item(lines: list[str], item: Any, level: int) -> None:
    dash = f"{_INDENT * level}- "
    if not isinstance(item, Mapping | list | tuple):
        lines.append(dash + scalar_text(item))
        return
    if isinstance(item, Mapping) and len(item) == 1:
        key, value = next(iter(item.items()))
        text = _fits(value, len(dash) + len(str(key)) + 2, depth=3)
        if text is not None and isinstance(value, Mapping) and not any(_is_items(v) for v in value.values()):
            lines.append(f"{dash}{scalar_text(str(key))}: {text}")
            return
    text = _fits(item, len(dash), depth=4)
    nested = isinstance(item, Mapping) and any(_is_items(v) for v in item.values())
    if text is not None and not nested:
        lines.append(dash + text)
        return
    inner: list[str] = []
    _block(inner, item, level + 1)
    inner[0] = dash + inner[0].lstrip()
    lines.extend(inner)
