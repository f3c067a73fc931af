"""``vgspec lint --show-settings``: which settings apply to which specs, and where each comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output

if TYPE_CHECKING:
    from vgspec.cli.discover import Target
    from vgspec.cli.settings import Chooser
    from vgspec.settings import Settings

__all__ = ["show_settings"]

_NAMED = 5  # specs that are named


def show_settings(chooser: Chooser, targets: Sequence[Target], output_format: str, out: Output) -> int:
    """Print the settings, once for all specs that share them; as JSON where that is the output format."""
    groups: dict[int, tuple[Settings, list[Target]]] = {}
    for target in targets:
        settings = chooser.of(target.path)
        groups.setdefault(id(settings), (settings, []))[1].append(target)
    if output_format == "json":
        data = [_data(settings, members) for settings, members in groups.values()]
        out.write_data(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        return Exit.OK
    from vgspec.report.cells import printable
    from vgspec.report.style import paint

    look = out.look
    for number, (settings, members) in enumerate(groups.values()):
        names = ", ".join(target.name for target in members[:_NAMED])
        more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
        head = f"{len(members)} spec{'' if len(members) == 1 else 's'}: {names}{more}"
        lines = ["", head] if number else [head]
        out.write("".join(paint([(printable(line, look.encoding), "strong")], look.color) + "\n" for line in lines))
        rows = [(f"{name} = {_shown(value)}", origin) for name, value, origin in _rows(settings)]
        width = max(len(text) for text, _ in rows)
        for text, origin in rows:
            role = "faint" if origin == "default" else ""
            out.write(paint([(f"  {printable(f'{text:<{width}}  {origin}', look.encoding)}", role)], look.color) + "\n")
    return Exit.OK


def _rows(settings: Settings) -> list[tuple[str, Any, str]]:
    """Every setting with its value and where that comes from; of thresholds and limits those that differ."""
    from vgspec.limits import DEFAULT_LIMITS
    from vgspec.settings.fields import kebab

    origins = settings.origins

    def origin(name: str, table: str = "") -> str:
        return origins.get(f"{table}.{name}" if table else name) or origins.get(table) or "default"

    rows: list[tuple[str, Any, str]] = [
        ("settings file", settings.file or None, ""),
        ("select", list(settings.select) or "all", origin("select")),
        ("extend-select", list(settings.extend_select), origin("extend-select")),
        ("ignore", list(settings.ignore), origin("ignore")),
        (
            "per-path-ignores",
            {key: list(rules) for key, rules in settings.per_path_ignores},
            origin("per-path-ignores"),
        ),
        ("exclude", list(settings.exclude), origin("exclude")),
        ("fail-on", settings.fail_on.value if settings.fail_on is not None else "never", origin("fail-on")),
        ("output-format", settings.output_format, origin("output-format")),
        ("assumptions.time", settings.time, _kept(settings.time, 128, origin("time", "assumptions"))),
        (
            "assumptions.positions",
            settings.positions,
            _kept(settings.positions, 32, origin("positions", "assumptions")),
        ),
        ("assumptions.sizes", dict(settings.sizes), _kept(dict(settings.sizes), {}, origin("sizes", "assumptions"))),
    ]
    rows += [(f"rules.{name}", value, origin("", "rules")) for name, value in sorted(settings.thresholds.items())]
    for item in fields(settings.limits):
        value = getattr(settings.limits, item.name)
        if value != getattr(DEFAULT_LIMITS, item.name):
            rows.append((f"limits.{kebab(item.name)}", value, origin("", "limits")))
    return rows


def _kept(value: object, default: object, origin: str) -> str:
    """A table is named as the origin of all its entries; those that are not in it have their defaults."""
    return "default" if value == default and not origin.startswith("--") else origin


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _data(settings: Settings, members: Sequence[Target]) -> dict[str, Any]:
    return {
        "specs": [target.name for target in members],
        "settings": {
            name: {"value": value, "origin": origin}
            for name, value, origin in _rows(settings)
            if name != "settings file"
        },
        "file": settings.file or None,
    }
