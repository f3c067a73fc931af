"""Rolling up: equal neighbours become repeats, lists that occur again become blocks with parameters.

Windows of items are compared by their shape, that is without the values of arguments. Of all windows that occur
twice or more the one that saves most is made a block; the arguments in which its occurrences differ become
parameters, where one always is a multiple of another an expression. Then all over again, inside blocks too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vgspec.frontend.scope import snake_case
from vgspec.importers.items import Item, Items, cost, freeze, thaw, walk
from vgspec.importers.parameters import Parameter, parameters

__all__ = ["Block", "roll"]

_LONGEST = 14
"""Items of a window, at most."""
_PERIOD = 8
"""Items of a repeat's body, at most."""
_ROUNDS = 60
_OVERHEAD = 40
"""About how many characters a block costs beside its items, and a parameter."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block: parameters and items; the ids of a nested model's layers are kept."""

    params: tuple[Parameter, ...]
    items: Items
    keeps_ids: bool = False


def roll(items: Items, models: Mapping[str, Items] | None = None) -> tuple[Items, dict[str, Block]]:
    """A shorter way to write the same list, and the blocks that it uses; ``models`` are blocks that must be."""
    start = {name: Block((), body, keeps_ids=True) for name, body in (models or {}).items()}
    found = _rolled(items, start, (True,))
    if _repeats(items, nested=True) != _repeats(items, nested=False):
        # Within branches blocks before repeats: some of which one repeats itself by chance are alike without repeats.
        other = _rolled(items, start, (False, True))
        found = min(found, other, key=_size)
    return found


def _rolled(items: Items, start: Mapping[str, Block], phases: tuple[bool, ...]) -> tuple[Items, dict[str, Block]]:
    """Repeats and blocks by turns; a phase says whether repeats are looked for in nested lists."""
    blocks = dict(start)
    for nested in phases:
        for _ in range(_ROUNDS):
            items = _repeats(items, nested=nested)
            blocks = {
                name: replace(block, items=_repeats(block.items, nested=nested)) for name, block in blocks.items()
            }
            found = _best(items, blocks)
            if found is None:
                break
            items = _extract(found, items, blocks)
    items = _groups(items, blocks)
    return items, dict(reversed(blocks.items()))


def _size(rolled: tuple[Items, Mapping[str, Block]]) -> int:
    """About how many characters it takes to write."""
    items, blocks = rolled
    return cost(items) + sum(cost(block.items) + _OVERHEAD + 24 * len(block.params) for block in blocks.values())


# --- repeats ---------------------------------------------------------------------------------------------


def _repeats(items: Items, *, nested: bool) -> Items:
    """Equal windows in a row as one repeat, with ``nested`` in nested lists first."""
    if nested:
        items = tuple(item.with_lists(lambda inner: _repeats(inner, nested=True)) for item in items)
    found: list[Item] = []
    i = 0
    while i < len(items):
        best = (0, 0, 0)
        for period in range(1, min(_PERIOD, (len(items) - i) // 2) + 1):
            body = items[i : i + period]
            if any(item.pinned for item in body):
                break
            turns = 1
            while items[i + turns * period : i + (turns + 1) * period] == body:
                turns += 1
            saved = (turns - 1) * cost(body) - 20
            if turns > 1 and saved > best[0]:
                best = (saved, period, turns)
        saved, period, turns = best
        if saved > 0:
            rest = len(items) - i - period * turns
            if i > 0 and 0 < rest < period and items[i : i + rest] == items[len(items) - rest :]:
                found += items[i : i + rest]  # so that the list ends with the repeat, and nothing of it is left over
                i += rest
            body = items[i : i + period]
            found.append(Item("repeat", args=(("count", freeze(turns)),), lists=(("body", body),)))
            i += period * turns
        else:
            found.append(items[i])
            i += 1
    return tuple(found)


# --- windows ---------------------------------------------------------------------------------------------


def _lists(items: Items, blocks: Mapping[str, Block]) -> Iterator[Items]:
    """Every list there is."""
    for top in (items, *(block.items for block in blocks.values())):
        yield top
        for item in walk(top):
            for _, nested in item.lists:
                yield nested


def _best(items: Items, blocks: Mapping[str, Block]) -> tuple[Any, int] | None:
    """The shape and length of the window that saves most as a block; None if none saves anything."""
    counts: dict[tuple[Any, int], list[Items]] = {}
    whole = {block.items for block in blocks.values()}
    interned: dict[Any, int] = {}
    for row in _lists(items, blocks):
        keys = [interned.setdefault(item.shape, len(interned)) for item in row]
        for length in range(1, min(_LONGEST, len(row)) + 1):
            next_free: dict[tuple[int, ...], int] = {}
            for i in range(len(row) - length + 1):
                window = row[i : i + length]
                if any(item.pinned for item in window):
                    continue
                if length == 1 and window[0].action not in ("residual", "parallel", "repeat", "group"):
                    continue
                if length == len(row) and row in whole:
                    continue  # a block that is only another block
                key = tuple(keys[i : i + length])
                if next_free.get(key, 0) > i:
                    continue
                next_free[key] = i + length
                counts.setdefault((key, length), []).append(window)
    best: tuple[float, Any, int] | None = None
    known = {name: {row.name: row for row in block.params} for name, block in blocks.items()}
    for (_, length), windows in counts.items():
        if len(windows) < 2:
            continue
        size = cost(windows[0])
        if (len(windows) - 1) * size <= (best[0] if best else 0) + _OVERHEAD:
            continue
        made = parameters(windows, known)
        if made is None:
            continue
        params, uses = made
        with_cost = sum(12 + sum(len(name) + len(str(thaw(value))) + 4 for name, value in use) for use in uses)
        saved = len(windows) * size - size - _OVERHEAD - 24 * len(params) - with_cost
        if saved > (best[0] if best else 0):
            best = (saved, tuple(item.shape for item in windows[0]), length)
    return None if best is None else (best[1], best[2])


def _extract(found: tuple[Any, int], items: Items, blocks: dict[str, Block]) -> Items:
    """Make a block of every window of a shape, and use it in their places."""
    shape, length = found
    windows: list[Items] = []

    def spots(row: Items) -> Iterator[int]:
        i = 0
        while i <= len(row) - length:
            window = row[i : i + length]
            if not any(item.pinned for item in window) and tuple(item.shape for item in window) == shape:
                yield i
                i += length
            else:
                i += 1

    def collect(row: Items) -> None:
        at = set(spots(row))
        i = 0
        while i < len(row):
            if i in at:
                windows.append(row[i : i + length])
                i += length
                continue
            for _, nested in row[i].lists:
                collect(nested)
            i += 1

    collect(items)
    for block in blocks.values():
        collect(block.items)
    known = {name: {row.name: row for row in block.params} for name, block in blocks.items()}
    made = parameters(windows, known)
    assert made is not None  # or the window would not have been chosen
    params, uses = made
    name = _name(windows[0], blocks)
    pending = iter(uses)

    def replaced(row: Items) -> Items:
        at = set(spots(row))
        row_made: list[Item] = []
        i = 0
        while i < len(row):
            if i in at:
                row_made.append(Item("use", name, args=tuple(next(pending)), id=row[i + length - 1].id))
                i += length
            else:
                row_made.append(row[i].with_lists(replaced))
                i += 1
        return tuple(row_made)

    items = replaced(items)
    for other, block in list(blocks.items()):
        blocks[other] = replace(block, items=replaced(block.items))
    blocks[name] = Block(params.rows, params.body)
    return items


def _groups(items: Items, blocks: dict[str, Block]) -> Items:
    """What is left of regions that only ids describe, as blocks that are used once."""

    def replaced(row: Items) -> Items:
        made: list[Item] = []
        for item in row:
            plain = item.with_lists(replaced)
            if plain.action == "group":
                name, args = _as_block(dict(plain.lists)["body"], blocks, item.hint)
                plain = Item("use", name, args=args, id=item.id, pinned=item.pinned, hint=item.hint)
            made.append(plain)
        return tuple(made)

    items = replaced(items)
    for name, block in list(blocks.items()):
        body = block.items
        if len(body) == 1 and body[0].action == "group":  # a block of nothing but a region is that region
            body = dict(body[0].lists)["body"]
        blocks[name] = replace(block, items=replaced(body))
    return items


def _as_block(body: Items, blocks: dict[str, Block], hint: str) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """A block that holds a list, and what it is to be given: the parameters of the block around that it names."""
    made = parameters([body], {name: {row.name: row for row in block.params} for name, block in blocks.items()})
    assert made is not None  # every name in it is a parameter with a type
    pattern, uses = made
    block = Block(pattern.rows, pattern.body, keeps_ids=bool(hint))
    name = next((key for key, other in blocks.items() if other == block), "")
    if not name:
        name = hint if hint and hint not in blocks and "." not in hint else _name(body, blocks)
        blocks[name] = block
    return name, tuple(uses[0])


_WORDS: Mapping[str, str] = {
    "BatchNormalization": "bn",
    "LayerNormalization": "norm",
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    "Activation": "act",
    "ReLU": "relu",
}


def _name(items: Items, blocks: Mapping[str, Block]) -> str:
    """A name that says what a block holds."""
    actions = Counter(item.action for item in items)
    words = [_word(item) for item in items if item.action not in ("repeat",)]
    if actions["repeat"]:
        base = "stage"
    elif actions["residual"] or actions["parallel"] or actions["group"]:
        base = "unit"
    elif len(words) <= 3 and not actions["use"]:
        base = "_".join(words)
    elif actions["use"]:
        base = "branch"
    else:
        base = f"{words[0]}_block"
    if base not in blocks:
        return base
    return next(name for i in range(2, len(blocks) + 3) if (name := f"{base}_{i}") not in blocks)


def _word(item: Item) -> str:
    action = str(item.argument("class_name")) if item.action == "Opaque" else item.action
    word = _WORDS.get(action, snake_case(action.removeprefix("ops.")))
    return word.removesuffix("1d").removesuffix("2d").removesuffix("3d")
