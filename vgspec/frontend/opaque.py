"""Layers of which only the outside is known: what is to be said of them, and what they become once they are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic
from vgspec.ir import Graph, Node
from vgspec.layers.base import Layer
from vgspec.layers.registry import REGISTRY

__all__ = ["inexpressible", "known_layer", "opaque_findings"]

_SHOWN = 3


def known_layer(layer: Layer) -> tuple[str, Any] | None:
    """For an opaque layer whose class has been registered: the class's name and the arguments that it is to have.

    None where the class has not been registered, or a spec cannot name what an argument is: see `inexpressible`.
    """
    name, arguments = getattr(layer, "class_name", ""), getattr(layer, "arguments", {})
    reason: str = getattr(layer, "reason", "")
    if REGISTRY.find(name) is None or reason or inexpressible(layer):
        return None
    common = {key: getattr(layer, key) for key in ("trainable", "dtype")}
    return name, {**arguments, **{key: value for key, value in common.items() if value not in (True, None)}}


def inexpressible(layer: Layer) -> str:
    """Why a registered descriptor cannot take an opaque layer's place: an argument that stands as Keras serialised it.

    Empty where the class has not been registered, or all arguments have a spec's form.
    """
    name, arguments = getattr(layer, "class_name", ""), getattr(layer, "arguments", {})
    if REGISTRY.find(name) is None:
        return ""
    for key, value in arguments.items():
        if isinstance(value, Mapping) and {"class_name", "config"} <= set(value):
            config = value["config"]
            what = config if isinstance(config, str) else value.get("registered_name") or value["class_name"]
            return f"its argument {key!r} is {what}, which a spec cannot name"
    return ""


def opaque_findings(graph: Graph) -> list[Diagnostic]:
    """One finding for each class that is not known, at its first layer."""
    if not any(layer.type_name == "Opaque" for layer in graph.layers.values()):
        return []
    first: dict[tuple[str, str], Node] = {}
    names: dict[tuple[str, str], list[str]] = {}
    for node in graph.nodes:
        layer: Any = graph.operator(node)
        if layer.type_name == "Opaque":
            kind = (f"{layer.package}>{layer.class_name}" if layer.package else layer.class_name, layer.reason)
            first.setdefault(kind, node)
            if node.layer not in names.setdefault(kind, []):
                names[kind].append(node.layer)
    return [_finding(kind, reason, first[kind, reason], names[kind, reason]) for kind, reason in first]


def _finding(kind: str, reason: str, node: Node, layers: list[str]) -> Diagnostic:
    shown = ", ".join(repr(name) for name in layers[:_SHOWN])
    more = f" and {len(layers) - _SHOWN} more" if len(layers) > _SHOWN else ""
    subject = f"layer {shown} is" if len(layers) == 1 else f"layers {shown}{more} are"
    name = kind.rpartition(">")[2]
    return codes.OPAQUE_LAYER.diagnostic(
        f"{subject} not analysed: {reason or f'the class {kind} is not known to vgspec'}",
        span=node.origin.span,
        pointer=node.origin.pointer,
        file=node.origin.file,
        node=node.id,
        notes=("shapes and weights are as Keras told them; no gradient is predicted for what stands before it",),
        help="" if reason else f"to analyse and to build it, register {name}: docs/how-to/custom-layers.md",
    )
