"""Which definitions of a document nothing in it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.expressions import is_expression
from vgspec.source import MappingNode, ScalarNode, SNode, pointer_join
from vgspec.source.nodes import children

if TYPE_CHECKING:
    from vgspec.spec import Spec

__all__ = ["unused", "unused_params"]

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
