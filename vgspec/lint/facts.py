"""What rules may ask of a model: the graph, layers with their calls, weights, paths and the predicted signal.

Everything is computed when it is first asked for, once for all rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vgspec.analysis.paths import Paths
from vgspec.catalogue.activations import Activation
from vgspec.ir import Argument, Graph, Node, Ref, Tensor
from vgspec.layers.base import Call, Layer, Trait, Weight
from vgspec.spec import Spec

__all__ = ["Facts", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A nonlinearity in the graph: the node, its activation, and the node that owns the kernel before it.

    ``kernel`` is the node itself for a fused activation; for an activation layer, the last node with a
    kernel before it, with nothing but normalisation, reshaping or dropout between.
    """

    node: Node
    activation: Activation
    kernel: Node | None


@dataclass(frozen=True)
class Facts:
    """A loaded spec with everything that rules read.

    Attributes:
        spec: the spec.
        settings: thresholds by ``rule.setting``.
    """

    spec: Spec
    settings: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def graph(self) -> Graph:
        """The expanded graph."""
        return self.spec.require_graph()

    @cached_property
    def paths(self) -> Paths:
        """Which nodes lie on which paths."""
        return Paths(self.graph)

    @cached_property
    def profile(self) -> Any:
        """The predicted size of every activation and gradient."""
        from vgspec.analysis.signal import profile

        return profile(self.graph)

    @property
    def compiled(self) -> Any:
        """The compile section, or None."""
        return self.graph.compile

    def layer(self, node: Node) -> Layer:
        """The layer that a node calls."""
        layer = self.graph.layers[node.layer]
        assert isinstance(layer, Layer)
        return layer

    def call(self, node: Node) -> Call:
        """A node's call with the types of its arguments."""

        def typed(value: Argument) -> Any:
            if isinstance(value, Ref):
                return self.graph.tensor(value)
            if isinstance(value, tuple):
                return tuple(typed(item) for item in value)
            if isinstance(value, Mapping):
                return {key: typed(item) for key, item in value.items()}
            return value

        return Call({name: typed(value) for name, value in node.args})

    def weights(self, node: Node) -> tuple[Weight, ...]:
        """The weights that a node's layer has."""
        return self.layer(node).weight_specs(self.call(node))

    def inputs(self, node: Node) -> tuple[Tensor, ...]:
        """Types of the values that a node reads."""
        return tuple(self.graph.tensor(ref) for ref in node.refs())

    def producers(self, node: Node) -> tuple[Node, ...]:
        """The nodes whose outputs a node reads; model inputs are left out."""
        by_id = self.graph.by_id
        return tuple(by_id[name] for name in dict.fromkeys(r.node for r in node.refs()) if name in by_id)

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """The nodes that read a node's outputs."""
        return tuple(self.graph.by_id[name] for name in self.graph.consumers[node.id])

    @cached_property
    def output_nodes(self) -> frozenset[str]:
        """Ids of the nodes that are model outputs."""
        return frozenset(output.ref.node for output in self.graph.outputs)

    def has(self, node: Node, trait: Trait) -> bool:
        """Whether a node's layer has a trait."""
        return trait in self.layer(node).traits

    def nodes_with(self, trait: Trait) -> Iterator[Node]:
        """Nodes whose layer has a trait, in order."""
        return (node for node in self.graph.nodes if trait in self.layer(node).traits)

    def activation(self, node: Node) -> Activation | None:
        """The nonlinearity that a node applies to its output, or None for a linear or other node."""
        layer = self.layer(node)
        if Trait.RECURRENT in layer.traits or Trait.CELL in layer.traits:
            return None
        if Trait.ACTIVATION in layer.traits:
            inner = getattr(layer, "activation", None)
            found = inner if isinstance(inner, Activation) else Activation(name=layer.type_name, layer=layer)
        else:
            found = getattr(layer, "activation", None)
        if not isinstance(found, Activation) or found.is_linear:
            return None
        return found

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Every nonlinearity in order, with the kernel it follows."""
        found = []
        for node in self.graph.nodes:
            activation = self.activation(node)
            if activation is not None:
                kernel = node if self.has(node, Trait.KERNEL) else self.kernel_before(node)
                found.append(Stage(node, activation, kernel))
        return tuple(found)

    def kernel_before(self, node: Node) -> Node | None:
        """The node with a kernel whose output this node transforms, through layers that keep the sign."""
        seen = node
        while True:
            producers = self.producers(seen)
            if len(producers) != 1:
                return None
            seen = producers[0]
            traits = self.layer(seen).traits
            if Trait.KERNEL in traits:
                return seen if self.activation(seen) is None else None
            if not traits & {Trait.NORMALIZING, Trait.RESHAPING, Trait.DROPOUT, Trait.IDENTITY}:
                return None

    def activation_after(self, node: Node) -> Activation | None:
        """The nonlinearity that follows a kernel: its own, or the only one that reads it; None if none does."""
        own = self.activation(node)
        if own is not None:
            return own
        followers = [
            stage.activation for stage in self.stages if stage.kernel is not None and stage.kernel.id == node.id
        ]
        return followers[0] if followers and all(f == followers[0] for f in followers) else None
