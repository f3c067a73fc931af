"""Several lists of one shape → one list with parameters, and the values that give each of them back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vgspec.catalogue.base import Kind, canonical_value, default_of, find
from vgspec.importers.items import Item, Items, freeze, simplest, thaw

__all__ = ["Parameter", "Pattern", "parameters"]

_MISSING = object()
_FACTORS = range(2, 129)
_SIZES = frozenset({"filters", "units", "key_dim", "projection_dim", "output_dim"})
"""Arguments that count channels, so that one may be a multiple of another."""
_COUNTED = re.compile(r"_\d+$")
_LINEAR = re.compile(r"\$(?:(?P<name>[a-z_][a-z0-9_]*)|\((?P<factor>\d+) \* (?P<of>[a-z_][a-z0-9_]*)\))$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a block; ``default`` is None where most uses differ."""

    name: str
    type: str
    default: Any = _MISSING

    @property
    def bare(self) -> bool:
        """Whether its default alone says its type."""
        return self.default is not _MISSING and type(thaw(self.default)).__name__ == self.type

    def default_entry(self) -> dict[str, Any]:
        """The default as a declaration has it."""
        return {} if self.default is _MISSING else {"default": thaw(self.default)}


@dataclass(frozen=True, slots=True)
class Pattern:
    """The list with parameters."""

    rows: tuple[Parameter, ...]
    body: Items

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class _Hole:
    """An argument in which the lists differ: its path, its name, its values, one a list."""

    path: tuple[Any, ...]
    name: str
    kind: str
    values: tuple[Any, ...]


Known = Mapping[str, Mapping[str, Parameter]]
"""The parameters of the blocks there are, by block and name."""


def parameters(windows: Sequence[Items], known: Known) -> tuple[Pattern, list[list[tuple[str, Any]]]] | None:
    """The pattern of lists of one shape, and for each list the values of the parameters.

    None where an argument is missing in some lists and cannot be given its default there, or where the values of
    one have no common type.
    """
    holes = _holes(windows, known)
    if any(not hole.kind for hole in holes):
        return None
    names: dict[str, int] = {}
    rows: list[tuple[Parameter, _Hole]] = []
    fill: dict[tuple[Any, ...], Any] = {}
    for hole in holes:
        same = next((row for row, other in rows if other.values == hole.values and _alike(other, hole)), None)
        if same is not None:
            fill[hole.path] = f"${same.name}"
            continue
        factor = next(((row, k) for row, other in rows if (k := _factor(other, hole))), None)
        if factor is not None:
            fill[hole.path] = f"$({factor[1]} * {factor[0].name})"
            continue
        base = _COUNTED.sub("", hole.name)
        count = names[base] = names.get(base, 0) + 1
        name = base if count == 1 else f"{base}_{count}"
        rows.append((_parameter(name, hole), hole))
        fill[hole.path] = f"${name}"
    uses = [
        [(row.name, hole.values[i]) for row, hole in rows if hole.values[i] != row.default] for i in range(len(windows))
    ]
    body = tuple(_filled(item, (i,), fill) for i, item in enumerate(windows[0]))
    return Pattern(tuple(row for row, _ in rows), body), uses


def _parameter(name: str, hole: _Hole) -> Parameter:
    value, count = Counter(hole.values).most_common(1)[0]
    usual = 2 * count > len(hole.values) and not (isinstance(value, str) and value.startswith("$"))
    return Parameter(name, hole.kind, value if usual and value is not None else _MISSING)


def _alike(a: _Hole, b: _Hole) -> bool:
    return _kin(a) == _kin(b)


def _kin(hole: _Hole) -> str:
    """What an argument is about, whatever it is called: two of a kind that always agree are one parameter."""
    base = _COUNTED.sub("", hole.name)
    return "size" if base in _SIZES else base


def _linear(value: Any) -> tuple[int, str] | None:
    """A whole number, ``$x`` or ``$(k * x)`` as a factor and a name."""
    if type(value) is int:
        return value, ""
    match = _LINEAR.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    return (1, match["name"]) if match["name"] else (int(match["factor"]), match["of"])


def _factor(of: _Hole, hole: _Hole) -> int:
    """The whole number by which one hole always is the other; 0 if there is none."""
    open_ones = all(_is_open(value) for value in (*of.values, *hole.values))
    if _kin(of) != "size" or _kin(hole) != "size" or (len(set(of.values)) < 2 and not open_ones):
        return 0
    pairs = [(_linear(a), _linear(b)) for a, b in zip(of.values, hole.values, strict=True)]
    found: set[int] = set()
    for a, b in pairs:
        if a is None or b is None or a[1] != b[1] or a[0] == 0 or b[0] % a[0]:
            return 0
        found.add(b[0] // a[0])
    factor = found.pop() if len(found) == 1 else 0
    return factor if factor in _FACTORS else 0


def _holes(windows: Sequence[Items], known: Known) -> list[_Hole]:
    holes: list[_Hole] = []
    for i, row in enumerate(zip(*windows, strict=True)):
        _item_holes(row, (i,), holes, known)
    return holes


def _item_holes(row: tuple[Item, ...], path: tuple[Any, ...], holes: list[_Hole], known: Known) -> None:
    first = row[0]
    names = dict.fromkeys(name for item in row for name, _ in item.args)
    for name in names:
        values = tuple(dict(item.args).get(name, _MISSING) for item in row)
        if len(set(values)) == 1 and not _is_open(values[0]):
            continue
        values = _uniform(tuple(_default(first, name, known) if value is _MISSING else value for value in values))
        if len(set(values)) > 1 or _is_open(values[0]):
            holes.append(_Hole((*path, name), _short(name), _type(first, name, values, known), values))
    for key, _ in first.lists:
        nested = [dict(item.lists)[key] for item in row]
        for i, inner in enumerate(zip(*nested, strict=True)):
            _item_holes(inner, (*path, key, i), holes, known)
    if first.merge is not None:
        _item_holes(tuple(item.merge for item in row if item.merge is not None), (*path, "merge"), holes, known)


def _is_open(value: Any) -> bool:
    """Whether a value names a parameter of the block around, which a new block would not know."""
    return isinstance(value, str) and value.startswith("$") and not value.startswith("$$")


def _short(name: str) -> str:
    return {"count": "units", "strides": "stride"}.get(name, name)


def _uniform(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """One number for all axes as a list, where others are lists."""
    lengths = {len(value) for value in values if isinstance(value, tuple)}
    if len(lengths) != 1 or not any(type(value) is int for value in values):
        return values
    size = lengths.pop()
    return tuple((value,) * size if type(value) is int else value for value in values)


def _default(item: Item, name: str, known: Known) -> Any:
    """The default of an argument that some items do not give."""
    if item.action == "use":
        return known[item.target][name].default
    cls = find("layer", item.action)
    if cls is None or cls.model_fields[name].is_required():
        return None
    return freeze(simplest(cls, name, canonical_value(default_of(cls, name))))


def _type(item: Item, name: str, values: Sequence[Any], known: Known) -> str:
    """The type of a parameter in the place of an argument; empty where there is none."""
    if item.action == "use":
        return known[item.target][name].type
    cls = find("layer", item.action) if item.action != "repeat" else None
    if cls is not None and name in cls.model_fields:
        kind = next((entry.name for entry in cls.model_fields[name].metadata if isinstance(entry, Kind)), "")
        if kind:
            return kind
    types: set[str] = set()
    for value in map(thaw, values):
        if isinstance(value, str) and value.startswith("$"):
            types |= _types_of(value, known)
        else:
            types.add(type(value).__name__)
    if types in ({"int", "float"}, {"float"}):
        return "float"
    found = types.pop() if len(types) == 1 else ""
    return found if found in ("int", "bool", "str", "list") else ""


def _types_of(expression: str, known: Known) -> set[str]:
    """The type of an expression: that of the parameter in it, which has one type in all blocks or counts as several."""
    match = _LINEAR.match(expression)
    name = (match["name"] or match["of"]) if match else ""
    return {row.type for params in known.values() for row in params.values() if row.name == name}


def _filled(item: Item, path: tuple[Any, ...], fill: dict[tuple[Any, ...], Any]) -> Item:
    """The item with expressions for the arguments that became parameters."""
    args = dict(item.args)
    for where, value in fill.items():
        if where[:-1] == path and isinstance(where[-1], str):
            args[where[-1]] = value
    lists = tuple(
        (key, tuple(_filled(inner, (*path, key, i), fill) for i, inner in enumerate(items)))
        for key, items in item.lists
    )
    merge = None if item.merge is None else _filled(item.merge, (*path, "merge"), fill)
    return replace(item, args=tuple(args.items()), lists=lists, merge=merge)
