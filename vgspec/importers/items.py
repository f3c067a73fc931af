"""The list items of a document as frozen values: what the decompiler compares, rolls up and finally writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Annotated, Any

from vgspec.layers.fields import PerAxis

__all__ = ["Item", "Items", "cost", "freeze", "simplest", "thaw", "walk", "written"]

Items = tuple["Item", ...]
Frozen = Any
"""A scalar, or a tuple of frozen values; a mapping is a `Pairs`."""


class Pairs(tuple[tuple[str, Any], ...]):
    """A frozen mapping."""

    __slots__ = ()


def freeze(value: Any) -> Frozen:
    """Plain data as a hashable value that tells 1, 1.0 and true apart."""
    if isinstance(value, Mapping):
        return Pairs((key, freeze(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if isinstance(value, bool | float):
        return _Typed(type(value).__name__, value)
    return value


@dataclass(frozen=True, slots=True)
class _Typed:
    kind: str
    value: Any


def thaw(value: Frozen) -> Any:
    """The plain data again."""
    if isinstance(value, _Typed):
        return value.value
    if isinstance(value, Pairs):
        return {key: thaw(item) for key, item in value}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value


def simplest(cls: Any, name: str, value: Any) -> Any:
    """An argument of a layer with one number in place of equal ones per axis, where the layer takes it so."""
    while isinstance(value, list) and value and all(item == value[0] for item in value):
        field = cls.model_fields[name]
        if not any(isinstance(item, PerAxis) for item in field.metadata) and not _takes(cls, name, value[0], value):
            break
        value = value[0]
    return value


@cache
def _adapter(cls: Any, name: str) -> Any:
    from pydantic import TypeAdapter

    field = cls.model_fields[name]
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(annotation)


def _takes(cls: Any, name: str, short: Any, value: Any) -> bool:
    """Whether a shorter value means the same to a field."""

    def tuples(item: Any) -> Any:
        return tuple(tuples(inner) for inner in item) if isinstance(item, list) else item

    try:
        adapter = _adapter(cls, name)
        return bool(adapter.validate_python(tuples(short)) == adapter.validate_python(tuples(value)))
    except Exception:  # whatever a validator raises: the longer form is always right
        return False


@dataclass(frozen=True)
class Item:
    """One list item.

    Attributes:
        action: a layer's name, ``call``, ``use``, ``repeat``, ``residual`` or ``parallel``.
        target: the shared layer or block that is meant.
        args: the layer's arguments, the block's parameters, or ``count`` of a repeat.
        lists: nested lists by their key: ``body``, ``shortcut``, or the branches.
        merge: how branches are joined.
        extra: reserved keys that stay as they are: ``in`` and ``call_args``.
        pinned: whether its id or its input ties it to its place, so that it cannot be rolled up.
        id: the id that it shall have, if that is to be kept; no part of what is compared.
    """

    action: str
    target: str = ""
    args: tuple[tuple[str, Frozen], ...] = ()
    lists: tuple[tuple[str, Items], ...] = ()
    merge: Item | None = None
    extra: tuple[tuple[str, Frozen], ...] = ()
    pinned: bool = False
    id: str = field(default="", compare=False)
    hint: str = field(default="", compare=False)
    """What a block of its content would be called: the name of the nested model that it was."""

    @cached_property
    def shape(self) -> Any:
        """What two items must share for one block to stand for both: everything but the arguments' values."""
        return (
            self.action,
            self.target,
            tuple((key, tuple(item.shape for item in items)) for key, items in self.lists),
            None if self.merge is None else self.merge.shape,
            self.extra,
            self.pinned,
        )

    @cached_property
    def size(self) -> int:
        """About how many characters it takes; a region becomes a block of its own."""
        if self.action == "group":
            return 60 + sum(cost(items) for _, items in self.lists)
        below = sum(inner.size - len(str(written(inner))) - 4 for _, items in self.lists for inner in items)
        return len(str(written(self))) + 4 + below

    def argument(self, name: str) -> Frozen:
        """An argument, or None."""
        return dict(self.args).get(name)

    def with_lists(self, change: Any) -> Item:
        """The item with each nested list changed."""
        return replace(self, lists=tuple((key, change(items)) for key, items in self.lists))


def walk(items: Items) -> Iterator[Item]:
    """Every item, nested ones after the one that holds them."""
    for item in items:
        yield item
        for _, nested in item.lists:
            yield from walk(nested)


def cost(items: Items) -> int:
    """About how many characters a list takes."""
    return sum(item.size for item in items)


def written(item: Item) -> Any:
    """The item as a document has it."""
    row: dict[str, Any] = {}
    if item.id:
        row["id"] = item.id
    row |= {key: thaw(value) for key, value in item.extra if key == "in"}
    args = {key: thaw(value) for key, value in item.args}
    if item.action == "use":
        row["use"] = item.target
        if args:
            row["with"] = args
    elif item.action == "call":
        row["call"] = item.target
    elif item.action == "repeat":
        row["repeat"] = args["count"]
        row |= {key: [written(inner) for inner in items] for key, items in item.lists}
    elif item.action == "residual":
        value: dict[str, Any] = {key: [written(inner) for inner in items] for key, items in item.lists}
        if item.merge is not None and written(item.merge) != "Add":
            value["merge"] = written(item.merge)
        row["residual"] = value
    elif item.action == "parallel":
        assert item.merge is not None
        branches = {key: [written(inner) for inner in items] for key, items in item.lists}
        row["parallel"] = {"branches": branches, "merge": written(item.merge)}
    else:
        row[item.action] = args
    row |= {key: thaw(value) for key, value in item.extra if key != "in"}
    if len(row) == 1 and not args and not item.lists and item.action not in ("use", "call"):
        return item.action
    return row
