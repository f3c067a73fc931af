"""The intermediate graph: frozen nodes in topological order, each with its place in the document.

A `Graph` is what the frontend and the importers produce and what the analyses, rules and
backends read. `layers` holds the objects that own weights, `nodes` the calls: a shared layer is one entry
of `layers` and several nodes.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from vgspec.diagnostics import Span
from vgspec.ir.dims import Shape, format_shape

__all__ = [
    "Argument",
    "Frame",
    "Graph",
    "GraphError",
    "Input",
    "Node",
    "Operator",
    "Origin",
    "Output",
    "Ref",
    "Returns",
    "Tensor",
    "refs_of",
]


@dataclass(frozen=True, slots=True)
class Tensor:
    """The type of a value: its shape, batch axis included, and its dtype as Keras names it."""

    shape: Shape
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        """The number of axes, batch included."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}{format_shape(self.shape)}"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value: output number ``index`` of the node or input called ``node``."""

    node: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.node}:{self.index}" if self.index else self.node

    def __hash__(self) -> int:
        return hash(self.node) + self.index  # asked for so often that a tuple of the two in between would show


Argument = Any
"""A call argument: a `Ref`, a literal (None, bool, int, float, str), or a tuple or dict of arguments."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the expansion that led to a node: ``block residual_unit``, ``repeat i=2`` and so on."""

    what: str
    pointer: str
    file: str = ""
    span: Span | None = None
    bindings: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node comes from: its own place, and the frames around it, outermost first."""

    pointer: str = ""
    file: str = ""
    span: Span | None = None
    chain: tuple[Frame, ...] = ()


@runtime_checkable
class Operator(Protocol):
    """What the IR asks of a layer: a type name and its arguments in canonical, JSON-ready form."""

    @property
    def type_name(self) -> str:
        """The layer type, spelled as Keras spells it."""
        ...

    @property
    def title(self) -> str:
        """What tables call it: the type, or for a layer that is not known the class that it stands for."""
        ...

    @property
    def networks(self) -> tuple[Graph, ...]:
        """The networks that stand in the place of an argument."""
        ...

    def canonical(self) -> Mapping[str, Any]:
        """The arguments that differ from their defaults, JSON-ready, in declaration order; networks without names."""
        ...


@dataclass(frozen=True, slots=True)
class Input:
    """A named input of the model."""

    name: str
    tensor: Tensor
    origin: Origin = Origin()
    options: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A named output of the model."""

    name: str
    ref: Ref
    origin: Origin = Origin()


class Returns(enum.Enum):
    """What a model returns, and so the form in which it takes targets."""

    TENSOR = "tensor"
    """Its one output."""
    LIST = "list"
    """Its outputs, of which there are several, in order."""
    DICT = "dict"
    """Its outputs by name. Keras sorts the names, and layers, with them weights, come in an order that follows."""


@dataclass(frozen=True, slots=True)
class Node:
    """One call of a layer.

    Attributes:
        id: unique name, the path through blocks and repeats (``stage.1.conv_bn.conv2d``).
        layer: key into `Graph.layers`; equal to ``id`` unless the layer is shared.
        args: call arguments by Keras's names, the layer's first argument first.
        outputs: types of the outputs, flattened.
        origin: place in the document.
        lint: suppressions that hold here, as (rule, reason, pointer of the suppression).
    """

    id: str
    layer: str
    args: tuple[tuple[str, Argument], ...]
    outputs: tuple[Tensor, ...]
    origin: Origin = Origin()
    lint: tuple[tuple[str, str, str], ...] = ()

    def refs(self) -> Iterator[Ref]:
        """Every value this call reads, in order."""
        for _, argument in self.args:
            yield from refs_of(argument)


def refs_of(argument: Argument) -> Iterator[Ref]:
    """The values inside a call argument, in order."""
    if isinstance(argument, Ref):
        yield argument
    elif isinstance(argument, tuple | list):
        for item in argument:
            yield from refs_of(item)
    elif isinstance(argument, Mapping):
        for item in argument.values():
            yield from refs_of(item)


def with_refs(argument: Argument, change: Callable[[Ref], Argument]) -> Argument:
    """A call argument with something else in place of each value inside it."""
    if isinstance(argument, Ref):
        return change(argument)
    if isinstance(argument, tuple | list):
        return tuple(with_refs(item, change) for item in argument)
    if isinstance(argument, Mapping):
        return {key: with_refs(item, change) for key, item in argument.items()}
    return argument


class GraphError(Exception):
    """A graph that breaks an invariant: a bug in whatever built it."""


@dataclass(frozen=True)
class Graph:
    """A model: inputs, layers that own weights, calls in topological order, outputs, compile settings.

    Attributes:
        name: the model's name.
        inputs: in order.
        layers: what owns weights, by key.
        nodes: the calls, in topological order.
        outputs: named, in order.
        compile: the compile settings, if there are any.
        meta: what is known of where the graph comes from; not part of the model.
        returns: whether a call of the model gives a tensor, a list or a dict.
    """

    name: str
    inputs: tuple[Input, ...]
    layers: Mapping[str, Operator]
    nodes: tuple[Node, ...]
    outputs: tuple[Output, ...]
    compile: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False)
    returns: Returns = Returns.TENSOR

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def input_by_name(self) -> Mapping[str, Input]:
        """Inputs by name."""
        return {item.name: item for item in self.inputs}

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """For every node id, the inputs and nodes that it reads, each once, in order."""
        return {node.id: tuple(dict.fromkeys(ref.node for ref in node.refs())) for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """For every input name and node id, the ids of the nodes that read one of its outputs, in order."""
        found: dict[str, list[str]] = {item.name: [] for item in self.inputs}
        found |= {node.id: [] for node in self.nodes}
        for name, sources in self.sources.items():
            for source in sources:
                found[source].append(name)
        return {key: tuple(ids) for key, ids in found.items()}

    def tensor(self, ref: Ref) -> Tensor:
        """The type of a value."""
        if ref.node in self.input_by_name:
            return self.input_by_name[ref.node].tensor
        return self.by_id[ref.node].outputs[ref.index]

    def operator(self, node: Node) -> Operator:
        """The layer a node calls."""
        return self.layers[node.layer]

    def verify(self) -> Graph:
        """Check the invariants and return the graph.

        Raises:
            GraphError: unknown layer or reference, a use before its definition, a name used twice.
        """
        seen: dict[str, int] = {}
        for item in self.inputs:
            if item.name in seen:
                raise GraphError(f"input {item.name!r} is defined twice")
            seen[item.name] = 1
        for node in self.nodes:
            if node.id in seen:
                raise GraphError(f"node {node.id!r} is defined twice")
            if node.layer not in self.layers:
                raise GraphError(f"node {node.id!r} calls unknown layer {node.layer!r}")
            for ref in node.refs():
                if ref.node not in seen:
                    raise GraphError(f"node {node.id!r} reads {ref.node!r} before it is defined")
                if not 0 <= ref.index < seen[ref.node]:
                    raise GraphError(f"node {node.id!r} reads output {ref.index} of {ref.node!r}")
            seen[node.id] = len(node.outputs)
        called = {node.layer for node in self.nodes}
        if unused := [key for key in self.layers if key not in called]:
            raise GraphError(f"layers never called: {', '.join(unused)}")
        for output in self.outputs:
            if output.ref.node not in seen or not 0 <= output.ref.index < seen[output.ref.node]:
                raise GraphError(f"output {output.name!r} refers to unknown value {output.ref}")
        if self.returns is not Returns.DICT and (self.returns is Returns.TENSOR) != (len(self.outputs) == 1):
            raise GraphError(f"a model with {len(self.outputs)} outputs does not return a {self.returns.value}")
        return self

    def canonical(self, *, names: bool = True) -> str:
        """Canonical text: one JSON value a line, equal exactly for equal graphs.

        Args:
            names: keep the user's names; without them nodes and layers are numbered in order.
        """
        alias: dict[str, str] = {}
        layer_alias: dict[str, str] = {}

        def called(name: str) -> str:
            return name if names else alias.setdefault(name, f"v{len(alias)}")

        def layer_called(name: str) -> str:
            return name if names else layer_alias.setdefault(name, f"l{len(layer_alias)}")

        def argument(value: Argument) -> Any:
            if isinstance(value, Ref):
                return {"$": called(value.node), "i": value.index}
            if isinstance(value, tuple | list):
                return [argument(item) for item in value]
            if isinstance(value, Mapping):
                return {key: argument(item) for key, item in value.items()}
            return value

        lines: list[Any] = [{"vgspec": 1, "name": self.name if names else ""}]
        for item in self.inputs:
            lines.append({"input": called(item.name), "type": str(item.tensor), **dict(item.options)})
        emitted: set[str] = set()
        for node in self.nodes:
            key = layer_called(node.layer)
            if key not in emitted:
                emitted.add(key)
                operator = self.layers[node.layer]
                lines.append({"layer": key, "type": operator.type_name, "args": operator.canonical()})
                if names:  # which the arguments leave aside
                    lines += [{"inside": key, "lines": inner.canonical().splitlines()} for inner in operator.networks]
            lines.append(
                {
                    "node": called(node.id),
                    "layer": key,
                    "args": {name: argument(value) for name, value in node.args},
                    "out": [str(tensor) for tensor in node.outputs],
                }
            )
        ends = self.outputs
        if self.returns is Returns.DICT:  # which has no order
            ends = tuple(sorted(ends, key=lambda output: output.name))
        for output in ends:
            lines.append({"output": output.name if names else "", "value": argument(output.ref)})
        if self.returns is not (Returns.DICT if len(self.outputs) > 1 else Returns.TENSOR):
            lines.append({"returns": self.returns.value})
        if self.compile is not None:
            lines.append({"compile": self.compile.canonical()})
        return "\n".join(json.dumps(line, sort_keys=True, ensure_ascii=False) for line in lines) + "\n"

    def hash(self, *, names: bool = True) -> str:
        """SHA-256 of the canonical text, in hexadecimal."""
        import hashlib  # costs every start, and few ask for it

        return hashlib.sha256(self.canonical(names=names).encode()).hexdigest()
