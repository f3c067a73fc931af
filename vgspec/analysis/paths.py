"""Paths through a graph: how many layers a gradient must cross, and which it can go around.

A gradient takes every path at once, and the easiest one dominates at initialisation (Veit et al. 2016:
residual networks behave like ensembles of shallow ones). So what counts as the *effective depth* of a layer
is the least number of weight layers on any path from it to an output: layers with a kernel, and recurrent
ones, whose cells have theirs, alone or inside a wrapper.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from vgspec.ir import Graph, Node
from vgspec.layers.base import Layer, Trait

__all__ = ["Paths"]


class Paths:
    """Depths and chains of one graph; computed in one pass each."""

    def __init__(self, graph: Graph) -> None:
        """Keep the graph."""
        self.graph = graph

    def _weighs(self, node: Node) -> bool:
        """Whether a gradient that crosses a node crosses weights."""
        layer: object = self.graph.layers[node.layer]
        while isinstance(layer, Layer) and Trait.WRAPPER in layer.traits and Trait.RECURRENT not in layer.traits:
            layer = getattr(layer, "layer", None)
        return isinstance(layer, Layer) and not layer.traits.isdisjoint({Trait.KERNEL, Trait.RECURRENT})

    @cached_property
    def reaching(self) -> frozenset[str]:
        """Ids of the nodes from which an output can be reached."""
        found = {output.ref.node for output in self.graph.outputs}
        for node in reversed(self.graph.nodes):
            if node.id in found:
                found.update(self.graph.sources[node.id])
        return frozenset(found)

    @cached_property
    def shortest_below(self) -> Mapping[str, int]:
        """Per node, the least number of weight layers after it on any path to an output; outputs have 0."""
        depth: dict[str, int] = {output.ref.node: 0 for output in self.graph.outputs}
        for node in reversed(self.graph.nodes):
            if node.id not in depth:
                continue
            cost = depth[node.id] + self._weighs(node)
            for name in self.graph.sources[node.id]:
                depth[name] = min(depth.get(name, cost), cost)
        return depth

    @cached_property
    def longest_above(self) -> Mapping[str, int]:
        """Per node and input, the greatest number of weight layers on any path from an input, itself included."""
        depth = {item.name: 0 for item in self.graph.inputs}
        for node in self.graph.nodes:
            before = max((depth[name] for name in self.graph.sources[node.id]), default=0)
            depth[node.id] = before + self._weighs(node)
        return depth

    @cached_property
    def effective_depth(self) -> int:
        """The least number of weight layers on any path from an input to an output."""
        below = self.shortest_below
        return max((below.get(item.name, 0) for item in self.graph.inputs), default=0)

    @cached_property
    def easiest_path(self) -> tuple[Node, ...]:
        """The nodes of a path with the least number of weight layers, from the input that has most of them."""
        below = self.shortest_below
        inputs = [item.name for item in self.graph.inputs if item.name in below]
        if not inputs:
            return ()
        here = max(inputs, key=lambda name: below[name])
        found: list[Node] = []
        ends = {output.ref.node for output in self.graph.outputs}
        while here not in ends or below[here] > 0:
            options = [self.graph.by_id[name] for name in self.graph.consumers[here] if name in below]
            if not options:
                break
            best = min(options, key=lambda node: below[node.id] + self._weighs(node))
            found.append(best)
            here = best.id
        return tuple(found)

    @cached_property
    def chains(self) -> tuple[tuple[Node, ...], ...]:
        """Maximal chains: runs of nodes, each read only by the next and reading only the one before."""
        by_id, consumers = self.graph.by_id, self.graph.consumers
        ends = {output.ref.node for output in self.graph.outputs}
        followed: set[str] = set()
        found: list[tuple[Node, ...]] = []
        for node in self.graph.nodes:
            if node.id in followed:
                continue
            chain = [node]
            while True:
                last = chain[-1]
                readers = consumers[last.id]
                if len(readers) != 1 or last.id in ends:
                    break
                following = by_id[readers[0]]
                if len(self.graph.sources[following.id]) != 1:
                    break
                chain.append(following)
                followed.add(following.id)
            found.append(tuple(chain))
        return tuple(found)

    def stretches(self, cut: Callable[[Node], bool]) -> tuple[tuple[Node, ...], ...]:
        """Chains without the nodes for which ``cut`` holds, which end one stretch and begin the next."""
        found: list[tuple[Node, ...]] = []
        for chain in self.chains:
            part: list[Node] = []
            for node in chain:
                if cut(node):
                    found.append(tuple(part))
                    part = []
                else:
                    part.append(node)
            found.append(tuple(part))
        return tuple(part for part in found if part)

    def bypassed(self, chain: tuple[Node, ...]) -> bool:
        """Whether what enters a chain also reaches an output another way, so that a gradient can go around."""
        ends = {output.ref.node for output in self.graph.outputs}
        inside = {node.id for node in chain}
        for source in self.graph.sources[chain[0].id]:
            if source in ends:
                return True
            readers = self.graph.consumers.get(source, ())
            if any(name in self.reaching and name not in inside for name in readers):
                return True
        return False
