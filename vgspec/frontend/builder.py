"""Puts a graph together call by call, inferring shapes as it goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from vgspec import codes
from vgspec.codes import Code
from vgspec.diagnostics import nearest
from vgspec.frontend.findings import Findings, chain_notes
from vgspec.ir import Argument, Graph, Input, Node, Origin, Output, Ref, Shape, Tensor, format_shape, with_refs
from vgspec.layers.base import Call, Layer, ShapeError, Weight
from vgspec.limits import Limits

__all__ = ["Builder", "Outcome", "Suppressions", "inner_graph"]

Outcome = tuple[Ref, ...] | None
"""The outputs of something that was expanded; None where an error was reported."""

Suppressions = tuple[tuple[str, str, str], ...]


@dataclass(slots=True)
class Builder:
    """The graph so far. Everything is checked when it is added; a failed call yields None and no node."""

    findings: Findings
    limits: Limits
    inputs: list[Input] = field(default_factory=list)
    layers: dict[str, Layer] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[Ref, Tensor] = field(default_factory=dict)
    _taken: dict[str, Origin] = field(default_factory=dict)
    _weights: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _steps: int = 0

    def report(self, code: Code, message: str, origin: Origin, **more: Any) -> None:
        """Report something about a place in the document."""
        notes = (*more.pop("notes", ()), *chain_notes(origin.chain))
        self.findings.add(
            code.diagnostic(message, span=origin.span, pointer=origin.pointer, file=origin.file, notes=notes, **more)
        )

    def stop(self, message: str, origin: Origin) -> NoReturn:
        """Report a limit that lies far above what a model needs, and leave the rest of the document.

        Raises:
            TooMuch: always.
        """
        notes = chain_notes(origin.chain)
        self.findings.stop(
            codes.LIMIT_EXCEEDED.diagnostic(
                message, span=origin.span, pointer=origin.pointer, file=origin.file, notes=notes
            )
        )

    def step(self, origin: Origin, depth: int, node_id: str) -> None:
        """Count one item, or one turn of a repeat, at a depth of expansion.

        Raises:
            TooMuch: if there are too many, or it lies too deep. Without this, blocks that use a block ten
                times each would keep a machine busy for ever without adding a layer.
        """
        limits = self.limits
        self._steps += 1
        if self._steps > limits.max_expansion_steps:
            self.stop(f"expansion takes more than {limits.max_expansion_steps} steps", origin)
        if depth > limits.max_expansion_depth:
            self.stop(f"blocks and repeats are more than {limits.max_expansion_depth} deep inside each other", origin)
        if len(node_id) > limits.max_id_length:
            self.stop(f"the id of a layer is longer than {limits.max_id_length} characters", origin)

    def _check_sizes(self, outputs: Iterable[Tensor], weights: Iterable[Weight]) -> None:
        """Refuse tensors whose elements cannot be counted.

        Raises:
            ShapeError: for such an output or weight.
        """
        limit = self.limits.max_elements
        for tensor in outputs:
            if _count(tensor.shape) > limit:
                raise ShapeError(f"would have more than {limit} elements in its output")
        for weight in weights:
            if _count(weight.shape) > limit:
                raise ShapeError(f"would have more than {limit} elements in its {weight.name}")

    def add_input(self, item: Input) -> None:
        """Add a model input."""
        self.inputs.append(item)
        self._taken[item.name] = item.origin
        self.tensors[Ref(item.name)] = item.tensor

    def add(
        self,
        key: str,
        layer: Layer,
        args: tuple[tuple[str, Argument], ...],
        node_id: str,
        origin: Origin,
        lint: Suppressions = (),
    ) -> Outcome:
        """Add a call of ``layer``, known as ``key``; returns its outputs, or None after reporting an error."""
        if len(self.nodes) >= self.limits.max_expanded_nodes:
            self.stop(f"the model has more than {self.limits.max_expanded_nodes} layers after expansion", origin)
        if not self._name_is_free(node_id, origin) or (key != node_id and not self._key_is_free(key, layer, origin)):
            return None
        if not self._arguments_fit(layer, args, origin):
            return None
        call = self.call(args)
        try:
            outputs = layer.infer_outputs(call)
            weights = layer.weight_specs(call)
            self._check_sizes(outputs, weights)
        except ShapeError as error:
            self._shape_error(layer, error, call, origin)
            return None
        if key in self._weights and self._weights[key] != weights:
            self._shared_mismatch(key, layer, weights, origin)
            return None
        self._weights.setdefault(key, weights)
        self.layers.setdefault(key, layer)
        self._taken[node_id] = origin
        self.nodes.append(Node(node_id, key, args, outputs, origin, lint))
        refs = tuple(Ref(node_id, i) for i in range(len(outputs)))
        self.tensors.update(zip(refs, outputs, strict=True))
        return refs

    def call(self, args: tuple[tuple[str, Argument], ...]) -> Call:
        """A call with these arguments."""
        return Call.of(args, self.tensors.__getitem__)

    def _name_is_free(self, node_id: str, origin: Origin) -> bool:
        if node_id in self._taken or node_id in self.layers:
            self.report(codes.DUPLICATE_ID, f"the name {node_id!r} is taken already", origin)
            return False
        return True

    def _key_is_free(self, key: str, layer: Layer, origin: Origin) -> bool:
        if key in self._taken:
            self.report(codes.DUPLICATE_ID, f"the shared layer {key!r} has the name of an input or layer", origin)
            return False
        return True

    def _arguments_fit(self, layer: Layer, args: tuple[tuple[str, Argument], ...], origin: Origin) -> bool:
        rows = layer.open_arguments
        given, known = {name for name, _ in args}, [row.name for row in rows]
        wanted = [row.name for row in rows if row.required]
        fits = True
        for name, _ in args:
            if name not in known:
                near = nearest(name, known)
                self.report(
                    codes.BAD_CALL,
                    f"a call of {layer.type_name} takes no {name!r}",
                    origin,
                    help=f"did you mean {near!r}?" if near else f"it takes {', '.join(known)}",
                )
                fits = False
        if not given.issuperset(wanted):
            missing = " and ".join(repr(name) for name in wanted if name not in given)
            example = ", ".join(f"{name}: …" for name in wanted)
            message = f"a call of {layer.type_name} needs {missing}"
            self.report(codes.BAD_CALL, message, origin, help=f"write in: {{{example}}}")
            fits = False
        return fits

    def _shape_error(self, layer: Layer, error: ShapeError, call: Call, origin: Origin) -> None:
        received = [
            f"{name} is {self._shown(value)}" for name, value in call.args.items() if isinstance(value, Tensor | tuple)
        ]
        notes = (*error.notes, *received)
        self.report(codes.SHAPE_ERROR, f"{layer.type_name} {error.message}", origin, notes=notes)

    @staticmethod
    def _shown(value: Any) -> str:
        if isinstance(value, tuple):
            return ", ".join(Builder._shown(item) for item in value)
        return f"{format_shape(value.shape)} {value.dtype}" if isinstance(value, Tensor) else repr(value)

    def _shared_mismatch(self, key: str, layer: Layer, weights: tuple[Any, ...], origin: Origin) -> None:
        notes = []
        for old, new in zip(self._weights[key], weights, strict=False):
            if old != new:
                shapes = f"{format_shape(old.shape)} at its first call and {format_shape(new.shape)} here"
                notes.append(f"its {old.name} is {shapes}")
        message = f"the shared {layer.type_name} {key!r} is called with inputs that need other weights"
        self.report(codes.SHAPE_ERROR, message, origin, notes=tuple(notes))


def _count(shape: Shape) -> int:
    """Elements of a tensor, as far as its sizes are known."""
    count = 1
    for size in shape:
        if isinstance(size, int):
            count *= max(size, 1)
    return count


def inner_graph(name: str, builder: Builder, output: Ref, prefix: str = "") -> Graph:
    """The graph of a network inside a layer: what its one output needs, names without the prefix."""
    needed = {output.node}
    for node in reversed(builder.nodes):
        if node.id in needed:
            needed.update(ref.node for ref in node.refs())

    def renamed(ref: Ref) -> Ref:
        return Ref(ref.node.removeprefix(prefix), ref.index)

    own = {key.removeprefix(prefix) for key in builder.layers if key.startswith(prefix)}

    def layer_key(key: str) -> str:
        if prefix and not key.startswith(prefix):  # a shared layer, which may be called like one of the network's own
            while key in own:
                key += "_"
            return key
        return key.removeprefix(prefix)

    nodes = tuple(
        replace(
            node,
            id=node.id.removeprefix(prefix),
            layer=layer_key(node.layer),
            args=tuple((key, with_refs(value, renamed)) for key, value in node.args),
        )
        for node in builder.nodes
        if node.id in needed
    )
    used = {node.layer for node in nodes}
    layers = {layer_key(key): layer for key, layer in builder.layers.items()}
    kept = {key: layer for key, layer in layers.items() if key in used}
    end = renamed(output)
    return Graph(name, tuple(builder.inputs), kept, nodes, (Output(end.node, end),)).verify()
