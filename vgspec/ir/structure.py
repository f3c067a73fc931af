"""Where the inputs of a model lie in the structure in which it takes them: keys of dicts and positions in lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vgspec.ir.graph import Input

__all__ = ["input_structure", "nested"]


def input_structure(inputs: Sequence[Input]) -> Any:
    """The structure in which a model takes its inputs, with names at its ends; None where it is the usual one.

    Raises:
        ValueError: if some inputs have a place in it and others have none, or the places do not fit together.
    """
    places = {item.name: tuple(dict(item.options).get("at", ())) for item in inputs}
    if not any(places.values()):
        return None
    if without := next((name for name, place in places.items() if not place), ""):
        raise ValueError(f"the input {without!r} needs an 'at' too: with one, each of them has a place")
    return nested(places)


def nested(places: Mapping[str, tuple[str | int, ...]]) -> Any:
    """Dicts and lists with names at their ends.

    Args:
        places: for each name the keys and positions that lead to it.

    Raises:
        ValueError: if two lie in one place, positions are left out, or keys and positions meet.
    """
    names = list(places)
    if len(names) == 1 and not places[names[0]]:
        return names[0]
    if inside := next((name for name, place in places.items() if not place), ""):
        other = next(name for name in names if name != inside)
        raise ValueError(f"the inputs {inside!r} and {other!r} lie in one place, or one inside the other")
    groups: dict[str | int, dict[str, tuple[str | int, ...]]] = {}
    for name, (first, *rest) in places.items():
        groups.setdefault(first, {})[name] = tuple(rest)
    if all(isinstance(key, str) for key in groups):
        return {key: nested(group) for key, group in groups.items()}
    if not all(isinstance(key, int) for key in groups):
        raise ValueError(f"keys and positions meet in one place: {', '.join(map(repr, groups))}")
    missing = next((i for i in range(len(groups)) if i not in groups), None)
    if missing is not None:
        raise ValueError(f"positions count from 0, and {missing} is left out")
    return [nested(groups[i]) for i in range(len(groups))]
