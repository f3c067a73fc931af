"""What a graph costs: weights and floating-point operations, node by node and in total.

A shared layer's weights are counted where it is called first. Sizes that the spec leaves open stay symbolic; what
a layer does not tell is None, and so is then the total.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vgspec.ir import Dim, Graph, Node
from vgspec.ir.dims import add, numel
from vgspec.layers.base import Call, Layer, Weight

__all__ = ["NodeCost", "Totals", "call_of", "graph_cost", "node_costs"]


@dataclass(frozen=True, slots=True)
class NodeCost:
    """One call of a layer.

    Attributes:
        node: the call.
        weights: the layer's weights; none for a further call of a shared layer.
        trainable: number of trainable weights.
        frozen: number of weights that training leaves alone.
        flops: floating-point operations for one sample (a multiply-add counts as two); None if unknown.
        again: whether the layer's weights were counted at an earlier call.
    """

    node: Node
    weights: tuple[Weight, ...]
    trainable: Dim
    frozen: Dim
    flops: Dim
    again: bool = False

    @property
    def parameters(self) -> Dim:
        """All weights of the layer."""
        return add(self.trainable, self.frozen)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a graph; ``unknown_flops`` counts the calls whose operations are not known and not in the sum."""

    trainable: Dim
    frozen: Dim
    flops: Dim
    unknown_flops: int

    @property
    def parameters(self) -> Dim:
        """All weights."""
        return add(self.trainable, self.frozen)


def call_of(graph: Graph, node: Node) -> Call:
    """The call a node makes, with the types of its tensors in place of references."""
    return Call.of(node.args, graph.tensor)


def _count(weights: Iterable[Weight]) -> Dim:
    total: Dim = 0
    for weight in weights:
        total = add(total, numel(weight.shape))
    return total


def node_costs(graph: Graph) -> tuple[NodeCost, ...]:
    """The cost of every call, in order."""
    counted: set[str] = set()
    found: list[NodeCost] = []
    for node in graph.nodes:
        operator = graph.operator(node)
        if not isinstance(operator, Layer):
            raise TypeError(f"{node.id}: {operator.type_name} is no layer descriptor")
        call = call_of(graph, node)
        again = node.layer in counted
        counted.add(node.layer)
        weights = () if again else operator.weight_specs(call)
        trainable = _count(weight for weight in weights if weight.trainable and operator.trainable)
        frozen = _count(weight for weight in weights if not (weight.trainable and operator.trainable))
        found.append(NodeCost(node, weights, trainable, frozen, operator.flop_count(call, node.outputs), again))
    return tuple(found)


def graph_cost(costs: Iterable[NodeCost]) -> Totals:
    """The sums of these costs; calls without known operations are counted and left out of the sum."""
    trainable: Dim = 0
    frozen: Dim = 0
    flops: Dim = 0
    unknown = 0
    for cost in costs:
        trainable, frozen = add(trainable, cost.trainable), add(frozen, cost.frozen)
        if cost.flops is None:
            unknown += 1
        else:
            flops = add(flops, cost.flops)
    return Totals(trainable, frozen, flops, unknown)
