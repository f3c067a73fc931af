"""``--set name=value``: overrides of a spec's parameters."""

from __future__ import annotations

from collections.abc import Iterable

from vgspec.cli.exits import UsageError

__all__ = ["parse_params"]


def parse_params(items: Iterable[str]) -> dict[str, object]:
    """The overrides by name; values are read as YAML, so that ``3`` is a number and ``[1, 2]`` a list.

    Raises:
        UsageError: if one is not ``name=value``, its value is no YAML, or a name is given twice.
    """
    found: dict[str, object] = {}
    for item in items:
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"--set {item}: expected NAME=VALUE")
        if name in found:
            raise UsageError(f"--set {name}: given twice")
        found[name] = _value(name, value)
    return found


def _value(name: str, text: str) -> object:
    from vgspec.codes import NOT_A_SPEC
    from vgspec.source import parse_text

    if not text.strip():
        raise UsageError(f"--set {name}=: the value is missing; write --set {name}='\"\"' for an empty text")
    document, diagnostics = parse_text(text, "--set")
    reasons = [d.message for d in diagnostics if d.code != NOT_A_SPEC.code]
    if reasons:
        raise UsageError(f"--set {name}={text}: the value cannot be read: {reasons[0]}")
    return None if document.root is None else document.root.to_python()
