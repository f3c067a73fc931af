"""What rules may ask of the graph: its layers and calls, who reads whom, and what lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from vgspec.analysis.cost import call_of
from vgspec.analysis.paths import Paths
from vgspec.analysis.unfold import unfolded
from vgspec.ir import Graph, Node, Tensor
from vgspec.layers.base import Call, Layer, ShapeError, Trait
from vgspec.lint.records import Recurrence
from vgspec.spec import Spec

__all__ = ["GraphFacts"]


@dataclass(frozen=True)
class GraphFacts:
    """A loaded spec with what its graph says of itself.

    Attributes:
        spec: the spec.
    """

    spec: Spec

    @cached_property
    def graph(self) -> Graph:
        """The expanded graph, networks inside wrappers laid open."""
        return unfolded(self.spec.require_graph())

    @cached_property
    def paths(self) -> Paths:
        """Which nodes lie on which paths."""
        return Paths(self.graph)

    @property
    def compiled(self) -> Any:
        """The compile section, or None."""
        return self.graph.compile

    def layer(self, node: Node) -> Layer:
        """The layer that does a node's work: of one applied step by step, the layer within."""
        return self._layers[node.id]

    @cached_property
    def _layers(self) -> Mapping[str, Layer]:
        found: dict[str, Layer] = {}
        for node in self.graph.nodes:
            layer = self.graph.layers[node.layer]
            assert isinstance(layer, Layer)
            found[node.id] = layer if Trait.WRAPPER not in layer.traits else layer.applied(call_of(self.graph, node))[0]
        return found

    def call(self, node: Node) -> Call:
        """The call of `layer`, with the types of its arguments."""
        known = self._calls.get(node.id)
        if known is None:
            layer = self.graph.layers[node.layer]
            assert isinstance(layer, Layer)
            known = self._calls[node.id] = layer.applied(call_of(self.graph, node))[1]
        return known

    @cached_property
    def _calls(self) -> dict[str, Call]:
        """What `call` has found so far."""
        return {}

    def steps(self, node: Node) -> tuple[Any, ...]:
        """What `layer` does to a signal, primitive by primitive; empty where that is not known."""
        known = self._steps.get(node.id)
        if known is None:
            try:
                rule = self.layer(node).signal_rule(self.call(node))
            except (ShapeError, TypeError, ValueError, ArithmeticError):  # a size is not known
                rule = None
            known = self._steps[node.id] = rule if isinstance(rule, tuple) else ()
        return known

    @cached_property
    def _steps(self) -> dict[str, tuple[Any, ...]]:
        """What `steps` has found so far."""
        return {}

    def trainable(self, node: Node) -> bool:
        """Whether a node's weights may change: neither its layer nor a wrapper around it is frozen."""
        outer = self.graph.layers[node.layer]
        return self.layer(node).trainable and (not isinstance(outer, Layer) or outer.trainable)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes from which an output can be reached, in order."""
        return tuple(node for node in self.graph.nodes if node.id in self.paths.reaching)

    @cached_property
    def first_calls(self) -> tuple[Node, ...]:
        """The first node of every layer that is used."""
        return tuple({node.layer: node for node in reversed(self.nodes)}.values())[::-1]

    def inputs(self, node: Node) -> tuple[Tensor, ...]:
        """Types of the values that a node reads."""
        return tuple(self.graph.tensor(ref) for ref in node.refs())

    def producers(self, node: Node) -> tuple[Node, ...]:
        """The nodes whose outputs a node reads; model inputs are left out."""
        by_id = self.graph.by_id
        return tuple(by_id[name] for name in self.graph.sources[node.id] if name in by_id)

    def only_producer(self, node: Node) -> Node | None:
        """The node whose output is all that a node reads; None if it reads several, or a model input."""
        names = self.graph.sources[node.id]
        return self.graph.by_id.get(names[0]) if len(names) == 1 else None

    def consumers(self, node: Node) -> tuple[Node, ...]:
        """The nodes that read a node's outputs."""
        return self._consumers[node.id]

    @cached_property
    def _consumers(self) -> Mapping[str, tuple[Node, ...]]:
        by_id = self.graph.by_id
        return {name: tuple([by_id[reader] for reader in ids]) for name, ids in self.graph.consumers.items()}

    def only_consumer(self, node: Node) -> Node | None:
        """The one node that reads a node, where it is not an output of the model too."""
        readers = self.consumers(node)
        return readers[0] if len(readers) == 1 and node.id not in self.output_nodes else None

    @cached_property
    def output_nodes(self) -> frozenset[str]:
        """Ids of the nodes that are model outputs."""
        return frozenset(output.ref.node for output in self.graph.outputs)

    def has(self, node: Node, *traits: Trait) -> bool:
        """Whether a node's layer has one of these traits."""
        return node.id in self.ids_with(*traits)

    def ids_with(self, *traits: Trait) -> frozenset[str]:
        """Ids of all nodes whose layer has one of these traits."""
        known = self._ids_with.get(traits)
        if known is None:
            ids = (names for kind, names in self.ids_by_class.items() if not kind.traits.isdisjoint(traits))
            known = self._ids_with[traits] = frozenset(chain.from_iterable(ids))
        return known

    @cached_property
    def _ids_with(self) -> dict[tuple[Trait, ...], frozenset[str]]:
        """What `ids_with` has found so far."""
        return {}

    @cached_property
    def ids_by_class(self) -> Mapping[type[Layer], list[str]]:
        """Ids of all nodes by the class of their layer."""
        found: dict[type[Layer], list[str]] = {}
        for name, layer in self._layers.items():
            found.setdefault(type(layer), []).append(name)
        return found

    def nodes_with(self, *traits: Trait) -> Iterator[Node]:
        """Used nodes whose layer has one of these traits, in order."""
        return map(self.nodes.__getitem__, self._places(lambda kind: not kind.traits.isdisjoint(traits)))

    def first_calls_given(self, argument: str) -> Iterator[Node]:
        """The first node of every used layer that takes an argument of this name, in order."""
        for node in map(self.nodes.__getitem__, self._places(lambda kind: argument in kind.model_fields)):
            if node.id in self._first:
                yield node

    @cached_property
    def _first(self) -> frozenset[str]:
        return frozenset(node.id for node in self.first_calls)

    def _places(self, wanted: Callable[[type[Layer]], bool]) -> list[int]:
        """Where in `nodes` layers of the wanted classes stand. There are few classes, and traits belong to them."""
        found = [places for kind, places in self._by_class.items() if wanted(kind)]
        return list(found[0]) if len(found) == 1 else sorted(chain.from_iterable(found))

    @cached_property
    def _by_class(self) -> Mapping[type[Layer], tuple[int, ...]]:
        found: dict[type[Layer], list[int]] = {}
        for place, node in enumerate(self.nodes):
            found.setdefault(type(self.layer(node)), []).append(place)
        return {kind: tuple(places) for kind, places in found.items()}

    @cached_property
    def recurrences(self) -> tuple[Recurrence, ...]:
        """Every used recurrence in order, alone or inside a wrapper."""
        found = []
        places = self._places(lambda kind: Trait.RECURRENT in kind.traits or "layer" in kind.model_fields)
        for node in map(self.nodes.__getitem__, places):
            outer: Any = self.layer(node)
            inner = outer.layer if "layer" in type(outer).model_fields else outer
            if Trait.RECURRENT in inner.traits:
                found.append(Recurrence(node, inner, getattr(inner, "step_cell", inner), inner is not outer))
        return tuple(found)

    def lineage(self, names: Iterable[str]) -> tuple[str, ...]:
        """Ids of some nodes, of all that they come from and of all that comes from them, inputs left out."""
        above, below = set(names), set(names)
        for node in reversed(self.graph.nodes):
            if node.id in above:
                above.update(self.graph.sources[node.id])
        for node in self.graph.nodes:
            if not below.isdisjoint(self.graph.sources[node.id]):
                below.add(node.id)
        return tuple(node.id for node in self.graph.nodes if node.id in above or node.id in below)

    def is_final(self, node: Node) -> bool:
        """Whether an output can be reached without a further layer with weights."""
        return self.paths.shortest_below.get(node.id, 1) == 0

    def runs_without(self, *traits: Trait) -> tuple[tuple[Node, ...], ...]:
        """Chains of nodes, cut at layers with these traits and before the last layers with weights."""
        cut = self.ids_with(*traits)
        return self.paths.stretches(lambda node: node.id in cut or self.is_final(node))

    def is_output(self, node: Node) -> bool:
        """Whether a node is an output, or goes into one through reshaping only."""
        if node.id in self.output_nodes:
            return True
        following = list(self.through(node, Trait.RESHAPING, Trait.IDENTITY))
        return (
            bool(following)
            and following[-1].id in self.output_nodes
            and self.has(following[-1], Trait.RESHAPING, Trait.IDENTITY)
        )

    def is_side_branch(self, node: Node) -> bool:
        """Whether what a node reads goes to an output another way too; model inputs do not count."""
        for before in self.producers(node):
            if before.id in self.output_nodes:
                return True
            if any(reader.id != node.id and reader.id in self.paths.reaching for reader in self.consumers(before)):
                return True
        return False

    def through(self, node: Node, *traits: Trait) -> Iterator[Node]:
        """The nodes after one, as long as each is read by one other only; goes on past layers with these traits."""
        here = self.only_consumer(node)
        while here is not None:
            yield here
            here = self.only_consumer(here) if self.has(here, *traits) else None

    def back(self, node: Node, *traits: Trait) -> Iterator[Node]:
        """The nodes before one, as long as each reads one other only; goes on past layers with these traits."""
        here = self.only_producer(node)
        while here is not None:
            yield here
            here = self.only_producer(here) if self.has(here, *traits) else None
