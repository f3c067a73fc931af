"""The ``outputs`` of a document: what the model returns, and the names by which ``compile`` speaks of it."""

from __future__ import annotations

from dataclasses import dataclass

from vgspec import codes
from vgspec.frontend.expand import Expander
from vgspec.frontend.scope import Scope
from vgspec.ir import Origin, Output, Ref, Returns
from vgspec.source import MappingNode, SequenceNode, SNode, pointer_join

__all__ = ["Ends", "output_name", "read_outputs"]


@dataclass(frozen=True, slots=True)
class Ends:
    """The outputs of a model, and whether it returns a tensor, a list or a dict."""

    outputs: tuple[Output, ...]
    returns: Returns


def read_outputs(root: MappingNode, expander: Expander, scope: Scope, last: tuple[Ref, ...] | None) -> Ends | None:
    """The outputs that a document names, or what its last item gives; None if that failed, which is reported.

    Args:
        root: the document.
        expander: resolves references.
        scope: the document's names.
        last: what the last item gives, None if it failed.
    """
    node = root.get("outputs")
    if node is None:
        return _of_last(root, expander, scope, last)
    if isinstance(node, MappingNode):
        named, returns = _named(node, "/outputs"), Returns.DICT
    elif isinstance(node, SequenceNode):
        named, returns = [], Returns.LIST if len(node.items) > 1 else Returns.TENSOR
        for i, item in enumerate(node.items):
            pointer = pointer_join("/outputs", i)
            named += _named(item, pointer) if isinstance(item, MappingNode) else [("", item, pointer)]
    else:
        named, returns = [("", node, "/outputs")], Returns.TENSOR
    found: dict[str, Output] = {}
    failed = False
    for name, item, pointer in named:
        ref = expander.reference(item, pointer, scope)
        if ref is None:
            failed = True
            continue
        label = name or output_name(ref)
        if label in found:
            message = f"two outputs are called {label!r}"
            help = f"give one of them another name: {{{label}_2: {ref}}}" if returns is Returns.LIST else ""
            scope.env.findings.add(
                codes.DUPLICATE_ID.diagnostic(message, span=item.span, pointer=pointer, file=scope.env.file, help=help)
            )
            failed = True
        found[label] = Output(label, ref, Origin(pointer, scope.env.file, item.span))
    return None if failed else Ends(tuple(found.values()), returns)


def _of_last(root: MappingNode, expander: Expander, scope: Scope, last: tuple[Ref, ...] | None) -> Ends | None:
    layers = root.get("layers")
    if isinstance(layers, SequenceNode) and not layers.items:
        scope.env.findings.add(
            codes.OUT_OF_RANGE.diagnostic(
                "a model needs at least one layer", span=layers.span, pointer="/layers", file=scope.env.file
            )
        )
        return None
    if last is None:
        return None
    origin = expander.builder.nodes[-1].origin if expander.builder.nodes else Origin("/layers", scope.env.file)
    outputs = tuple(Output(output_name(ref), ref, origin) for ref in last)
    return Ends(outputs, Returns.TENSOR if len(outputs) == 1 else Returns.LIST)


def _named(node: MappingNode, pointer: str) -> list[tuple[str, SNode, str]]:
    return [(name, item, pointer_join(pointer, name)) for name, item in node.items()]


def output_name(ref: Ref) -> str:
    """What an output is called that has no name of its own: the id, with its number if it is not the first."""
    return ref.node if ref.index == 0 else f"{ref.node}_{ref.index}"
