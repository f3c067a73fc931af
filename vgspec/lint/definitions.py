"""Which definitions of a document nothing in it uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vgspec.expressions import is_expression
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join
from vgspec.source.nodes import children

if TYPE_CHECKING:
    from vgspec.spec import Spec

__all__ = ["shadowed", "unused", "unused_params"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def unused(spec: Spec, section: str, key: str) -> Iterator[tuple[str, str]]:
    """Pointer and name of the entries of a section that no item names under ``key``."""
    root = spec.document.root
    defined = root.get(section) if isinstance(root, MappingNode) else None
    if not isinstance(defined, MappingNode):
        return
    named = {
        node.value
        for pointer, node in spec.document.walk()
        if isinstance(node, ScalarNode) and pointer.rpartition("/")[2] == key
    }
    for name in defined:
        if name not in named:
            yield pointer_join("", section, name), name


def unused_params(spec: Spec) -> Iterator[tuple[str, str]]:
    """Pointer and name of the parameters, of the document and of its blocks, that no expression in scope reads."""
    root = spec.document.root
    if not isinstance(root, MappingNode):
        return
    yield from _unread(root, "", skip=("blocks",))
    blocks = root.get("blocks")
    for name, block in blocks.items() if isinstance(blocks, MappingNode) else ():
        if isinstance(block, MappingNode):
            yield from _unread(block, pointer_join("/blocks", name), skip=())


def _unread(owner: MappingNode, pointer: str, skip: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    params = owner.get("params")
    if not isinstance(params, MappingNode):
        return
    read = {name for key, node in owner.items() if key not in skip for name in _names(node)}
    for name in params:
        if name not in read:
            yield pointer_join(pointer, "params", name), name


def _names(node: SNode) -> Iterator[str]:
    """Every word of every expression below a node."""
    if isinstance(node, ScalarNode):
        if isinstance(node.value, str) and is_expression(node.value):
            yield from _NAME.findall(node.value)
        return
    for _, child in children(node):
        yield from _names(child)


def shadowed(spec: Spec) -> Iterator[tuple[str, str]]:
    """Pointer and name of the ids that hide one of a list around theirs, and that something below refers to."""
    root = spec.document.root
    if not isinstance(root, MappingNode):
        return
    yield from _hidden(root.get("layers"), "/layers", _keys(root.get("inputs")))
    blocks = root.get("blocks")
    for name, block in blocks.items() if isinstance(blocks, MappingNode) else ():
        if isinstance(block, MappingNode):
            yield from _hidden(block.get("layers"), pointer_join("/blocks", name, "layers"), _keys(block.get("inputs")))


def _keys(node: SNode | None) -> tuple[str, ...]:
    return tuple(node) if isinstance(node, MappingNode) else ()


def _hidden(
    items: SNode | None, pointer: str, given: Iterable[str] = (), around: tuple[set[str], ...] = ()
) -> Iterator[tuple[str, str]]:
    """What the ids of a list hide; ``given`` are the names known at its start, ``around`` those of lists outside."""
    if not isinstance(items, SequenceNode):
        return
    own = set(given)
    for number, item in enumerate(items.items):
        if not isinstance(item, MappingNode):
            continue
        here = pointer_join(pointer, number)
        for inner, where in _lists(item, here):
            yield from _hidden(inner, where, (), (*around, own))
        node = item.get("id")
        name = node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else None
        if name is None:
            continue
        hides = name not in own and any(name in names for names in around)
        if hides and any(name in _references(x) for x in items.items[number + 1 :]):
            yield pointer_join(here, "id"), name
        own.add(name)


def _lists(item: MappingNode, pointer: str) -> Iterator[tuple[SNode, str]]:
    """The lists of layers right inside an item."""
    for key, node in item.items():
        where = pointer_join(pointer, key)
        if key == "body":
            yield node, where
        elif key in ("residual", "parallel") and isinstance(node, MappingNode):
            for part, value in node.items():
                branches = part == "branches" and isinstance(value, MappingNode | SequenceNode)
                inner = children(value) if branches else [(part, value)]
                for name, branch in inner:
                    yield branch, pointer_join(where, part, name) if branches else pointer_join(where, part)


def _references(node: SNode, key: str = "") -> Iterator[str]:
    """Every id that ``in`` and ``call_args`` below a node refer to."""
    if isinstance(node, ScalarNode):
        if key in ("in", "call_args") and isinstance(node.value, str):
            yield node.value.partition(":")[0]
        return
    for name, child in children(node):
        known = key if key in ("in", "call_args") else str(name)
        yield from _references(child, known)
