"""A model as a layer inside a wrapper: ``TimeDistributed`` of a whole network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from vgspec.ir import Dim, Graph, Node, Ref, Tensor
from vgspec.ir.dims import add
from vgspec.layers.base import INPUTS, Call, CallArgument, Layer, ShapeError, Weight

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["InnerModel", "settled"]


class InnerModel(Layer):
    """A network of one input and one output; in a spec a list of items, or a block, in the place of a layer.

    It stands only where a wrapper takes a layer, and no document can name it.
    """

    keras_module: ClassVar[str] = "keras"
    call_arguments: ClassVar[tuple[CallArgument, ...]] = INPUTS

    graph: Any

    def spec_value(self) -> Any:
        """What the network is, names aside: for comparing and hashing; the importers write it as a document."""
        return [json.loads(line) for line in self.inner.canonical(names=False).splitlines()]

    @property
    def inner(self) -> Graph:
        """The network."""
        assert isinstance(self.graph, Graph)
        return self.graph

    @property
    def networks(self) -> tuple[Graph, ...]:
        """Itself."""
        return (self.inner,)

    def typed(self, call: Call) -> Graph:
        """The network with the types of its values for an input.

        Raises:
            ShapeError: if a layer in it cannot be applied to what reaches it.
        """
        graph = self.inner
        if call.x == graph.inputs[0].tensor:
            return graph
        types: dict[Ref, Tensor] = {Ref(graph.inputs[0].name): call.x}
        nodes: list[Node] = []
        for node in graph.nodes:
            layer = _layer(graph, node)
            try:
                outputs = layer.infer_outputs(Call.of(node.args, types.__getitem__))
            except ShapeError as error:
                message = f"holds {node.id!r}, and {layer.type_name} {error.message}"
                raise ShapeError(message, argument="layer", notes=error.notes) from None
            types |= {Ref(node.id, i): tensor for i, tensor in enumerate(outputs)}
            nodes.append(replace(node, outputs=outputs))
        return replace(graph, inputs=(replace(graph.inputs[0], tensor=call.x),), nodes=tuple(nodes))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The network's output.

        Raises:
            ShapeError: if a layer in it cannot be applied to what reaches it.
        """
        graph = self.typed(call)
        return tuple(graph.tensor(output.ref) for output in graph.outputs)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """Those of its layers in order, each once, under the layers' names."""
        graph = self.typed(call)
        found: list[Weight] = []
        seen: set[str] = set()
        for node, inner in calls(graph):
            layer = _layer(graph, node)
            if node.layer not in seen:
                seen.add(node.layer)
                found += [
                    weight._replace(name=f"{node.layer}/{weight.name}", trainable=weight.trainable and layer.trainable)
                    for weight in layer.weight_specs(inner)
                ]
        return tuple(found)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """The sum over its calls; unknown if one of them is."""
        graph = self.typed(call)
        total: Dim = 0
        for node, inner in calls(graph):
            total = add(total, _layer(graph, node).flop_count(inner, node.outputs))
        return total

    def signal_rule(self, call: Call) -> Rule:
        """Unknown as a whole: the analysis looks at the layers inside, see `vgspec.analysis.unfold`."""
        from vgspec.layers.signal import Unknown

        return Unknown("the model inside has layers that cannot be applied to all steps at once")


def settled(layer: Any, call: Call) -> Any:
    """A wrapper of a model with the types that the call gives the model inside; any other layer as it is.

    Raises:
        ShapeError: if it cannot be applied to these inputs.
    """
    inner = getattr(layer, "layer", None)
    if isinstance(inner, InnerModel) and hasattr(layer, "step"):
        return layer.replace(layer=InnerModel(graph=inner.typed(layer.step(call)), trainable=inner.trainable))
    if hasattr(layer, "step") and hasattr(inner, "step"):
        return layer.replace(layer=settled(inner, layer.step(call)))
    return layer


def _layer(graph: Graph, node: Node) -> Layer:
    layer = graph.layers[node.layer]
    assert isinstance(layer, Layer)
    return layer


def calls(graph: Graph) -> list[tuple[Node, Call]]:
    """Every call of a network with the types of its arguments."""
    types: dict[Ref, Tensor] = {Ref(item.name): item.tensor for item in graph.inputs}
    types |= {Ref(node.id, i): tensor for node in graph.nodes for i, tensor in enumerate(node.outputs)}
    return [(node, Call.of(node.args, types.__getitem__)) for node in graph.nodes]
