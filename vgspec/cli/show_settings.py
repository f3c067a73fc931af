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
        rows = [(f"settings file = {_shown(settings.file or None)}", "")]
        rows += [(f"{name} = {_shown(value)}", origin) for name, value, origin in _rows(settings)]
        width = max(len(text) for text, _ in rows)
        for text, origin in rows:
            role = "faint" if origin == "default" else ""
            out.write(paint([(f"  {printable(f'{text:<{width}}  {origin}', look.encoding)}", role)], look.color) + "\n")
    return Exit.OK


def _rows(settings: Settings) -> list[tuple[str, Any, str]]:
    """Every setting with its value and where that comes from; of thresholds and limits those that differ."""
    from vgspec.limits import DEFAULT_LIMITS
    from vgspec.settings.fields import kebab

    values: list[tuple[str, Any]] = [
        ("select", list(settings.select) or "all"),
        ("extend-select", list(settings.extend_select)),
        ("ignore", list(settings.ignore)),
        ("per-path-ignores", {key: list(rules) for key, rules in settings.per_path_ignores}),
        ("exclude", list(settings.exclude)),
        ("fail-on", settings.fail_on.value if settings.fail_on is not None else "never"),
        ("output-format", settings.output_format),
        ("assumptions.time", settings.time),
        ("assumptions.positions", settings.positions),
        ("assumptions.sizes", dict(settings.sizes)),
    ]
    values += [(f"rules.{name}", value) for name, value in sorted(settings.thresholds.items())]
    for item in fields(settings.limits):
        value = getattr(settings.limits, item.name)
        if value != getattr(DEFAULT_LIMITS, item.name):
            values.append((f"limits.{kebab(item.name)}", value))
    return [(name, value, settings.origins.get(name, "default")) for name, value in values]


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
