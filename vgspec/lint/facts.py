"""What rules may ask of a model: beside the graph itself, its weights, nonlinearities, outputs and predicted signal.

Everything is computed when it is first asked for, once for all rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vgspec.catalogue.activations import Activation, activation_of
from vgspec.catalogue.moments import fans
from vgspec.ir import Node, Shape
from vgspec.layers.base import Trait, Weight
from vgspec.lint.neighbours import GraphFacts
from vgspec.lint.records import Drift, Final, Kernel, Stage, Stretch
from vgspec.source import MappingNode, SequenceNode, pointer_join

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions, Edge, NodeSignal, Profile

__all__ = ["KEEPS_SIZE", "Drift", "Facts", "Final", "Kernel", "Stage", "Stretch", "known_size"]

KEEPS_SIZE = frozenset({Trait.RESHAPING, Trait.IDENTITY, Trait.DROPOUT, Trait.NOISE})
"""Traits of layers that leave the size of a signal about as it is."""


_HARMLESS = 8.0
"""Decades up to which the gradient of a kernel before a normalization is left alone."""


@dataclass(frozen=True)
class Facts(GraphFacts):
    """A loaded spec with everything that rules read.

    Attributes:
        spec: the spec.
        settings: thresholds by ``rule.setting``.
        assumptions: numbers for sizes that the spec leaves open; the usual ones where it is None.
    """

    settings: Mapping[str, float] = field(default_factory=dict)
    assumptions: Assumptions | None = None

    # --- activations ------------------------------------------------------------------------------

    def activation(self, node: Node) -> Activation | None:
        """The nonlinearity that a node applies to its output, or None for a linear or other node."""
        return self._activations.get(node.id)

    @cached_property
    def _activations(self) -> Mapping[str, Activation]:
        """By node, the nonlinearity that it applies; nodes without one are left out."""
        found: dict[str, Activation] = {}
        for kind, names in self.ids_by_class.items():
            if not kind.traits.isdisjoint({Trait.RECURRENT, Trait.CELL}):
                continue
            whole = Trait.ACTIVATION in kind.traits
            if not whole and "activation" not in kind.model_fields:
                continue
            for name in names:
                layer: Any = self.layer(self.graph.by_id[name])
                own = activation_of(layer) if whole else layer.activation
                if isinstance(own, Activation) and not own.is_linear:
                    found[name] = own
        return found

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Every nonlinearity in order, with the kernel it follows."""
        found = []
        for node in self.nodes:
            activation = self.activation(node)
            if activation is not None:
                kernel = node if self.has(node, Trait.KERNEL) else self.kernel_before(node)
                found.append(Stage(node, activation, kernel))
        return tuple(found)

    @cached_property
    def _stages_of(self) -> Mapping[str, tuple[Stage, ...]]:
        found: dict[str, list[Stage]] = {}
        for stage in self.stages:
            if stage.kernel is not None:
                found.setdefault(stage.kernel.id, []).append(stage)
        return {key: tuple(stages) for key, stages in found.items()}

    def kernel_before(self, node: Node) -> Node | None:
        """The node with a kernel whose output this node transforms, through layers that keep the sign."""
        for seen in self.back(node, Trait.NORMALIZING, *KEEPS_SIZE):
            if self.has(seen, Trait.KERNEL):
                return seen if self.activation(seen) is None else None
        return None

    def activation_after(self, node: Node) -> Activation | None:
        """The nonlinearity that follows a kernel: its own, or the only one that reads it; None if none does."""
        own = self.activation(node)
        if own is not None:
            return own
        followers = [stage.activation for stage in self._stages_of.get(node.id, ())]
        return followers[0] if followers and all(f == followers[0] for f in followers) else None

    def normalised_after(self, node: Node) -> bool:
        """Whether every reader of a kernel's output, through layers that keep its size, sets the size anew."""
        return node.id in self._normalised

    @cached_property
    def _normalised(self) -> frozenset[str]:
        normalizing, keeping = self.ids_with(Trait.NORMALIZING), self.ids_with(*KEEPS_SIZE)
        found: set[str] = set()
        for node in reversed(self.graph.nodes):
            readers = self.graph.consumers[node.id]
            if self.activation(node) is not None or not readers or node.id in self.output_nodes:
                continue
            if all(name in normalizing or (name in found and name in keeping) for name in readers):
                found.add(node.id)
        return frozenset(found)

    @cached_property
    def settled(self) -> frozenset[str]:
        """Ids of nodes from which every way to an output goes through a normalization, whatever else lies on it."""
        normalizing, reaching = self.ids_with(Trait.NORMALIZING), self.paths.reaching
        found: set[str] = set()
        for node in reversed(self.nodes):
            readers = [name for name in self.graph.consumers[node.id] if name in reaching]
            if not readers or node.id in self.output_nodes:
                continue
            if all(name in normalizing or name in found for name in readers):
                found.add(node.id)
        return frozenset(found)

    @cached_property
    def gated(self) -> frozenset[str]:
        """Ids of nodes whose gradient comes through a trainable factor alone: the model learns how much it wants."""
        scaling, reaching = self.ids_with(Trait.SCALING), self.paths.reaching
        found: set[str] = set()
        for node in reversed(self.nodes):
            readers = [name for name in self.graph.consumers[node.id] if name in reaching]
            if (
                readers
                and node.id not in self.output_nodes
                and all(name in found or name in scaling for name in readers)
            ):
                found.add(node.id)
        return frozenset(found)

    def added_after(self, node: Node) -> bool:
        """Whether a kernel's output is only added to something else: the end of a residual branch."""
        return node.id in self._added

    @cached_property
    def _added(self) -> frozenset[str]:
        additive, keeping = self.ids_with(Trait.ADDITIVE), self.ids_with(*KEEPS_SIZE)
        found: set[str] = set()
        for node in reversed(self.graph.nodes):
            readers = self.graph.consumers[node.id]
            if readers and all(name in additive or (name in found and name in keeping) for name in readers):
                found.add(node.id)
        return frozenset(found)

    # --- weights ----------------------------------------------------------------------------------

    def weights(self, node: Node) -> tuple[Weight, ...]:
        """The weights that a node's layer has."""
        known = self._weights.get(node.id)
        if known is None:
            known = self._weights[node.id] = self.layer(node).weight_specs(self.call(node))
        return known

    @cached_property
    def _weights(self) -> dict[str, tuple[Weight, ...]]:
        """What `weights` has found so far."""
        return {}

    @cached_property
    def kernels(self) -> tuple[Kernel, ...]:
        """Every trainable kernel, in order; of a shared layer once."""
        weighted = self.ids_with(Trait.KERNEL, Trait.RECURRENT, Trait.ATTENTION, Trait.WRAPPER)
        nodes = (node for node in self.first_calls if node.id in weighted and self.trainable(node))
        return tuple(kernel for node in nodes for kernel in self._kernels_of(node))

    @cached_property
    def own_kernels(self) -> Mapping[str, tuple[Kernel, ...]]:
        """By layer, its kernels; those of a layer inside a wrapper left out."""
        found: dict[str, list[Kernel]] = {}
        for kernel in self.kernels:
            if "/" not in kernel.weight.name:
                found.setdefault(kernel.node.layer, []).append(kernel)
        return {key: tuple(kernels) for key, kernels in found.items()}

    def _kernels_of(self, node: Node) -> Iterator[Kernel]:
        layer = self.layer(node)
        for weight in self.weights(node):
            path, _, name = weight.name.rpartition("/")
            if not name.endswith("kernel") or weight.initializer is None or not weight.trainable:
                continue
            shape = weight.shape
            sizes = [size for size in shape if isinstance(size, int)]
            if len(sizes) < max(len(shape), 2):
                continue
            argument = f"{name}_initializer" if not path and hasattr(layer, f"{name}_initializer") else ""
            fan_in: float | None = fans(shape)[0]
            units = sizes[-1]
            if name == "depthwise_kernel":
                fan_in, units = float(math.prod(sizes[:-2])), 1
            elif not path and self.has(node, Trait.KERNEL):
                fan_in = self._fan_in(node, weight, fan_in)
            yield Kernel(node, weight, fan_in, units, argument)

    def _fan_in(self, node: Node, weight: Weight, default: float | None) -> float | None:
        """How many values one output sums up: not what Keras calls so for grouped and transposed convolutions."""
        for step in self.steps(node):
            if getattr(step, "shape", None) != weight.shape or not hasattr(step, "kernel"):
                continue
            if hasattr(step, "fan_in"):
                return float(step.fan_in)
            if getattr(step, "depthwise", False):
                return float(math.prod(step.shape[:-2]))
            if getattr(step, "transposed", False):
                return float(math.prod(step.shape[:-2]) * step.shape[-1] / max(math.prod(step.strides), 1))
        return default

    # --- the predicted signal ---------------------------------------------------------------------

    @cached_property
    def profile(self) -> Profile:
        """The predicted size of every activation and gradient."""
        from vgspec.analysis.signal import profile

        return profile(self.graph, self.assumptions)

    def signal(self, node: Node) -> NodeSignal | None:
        """What is predicted for a node; None where it could not be analysed."""
        found = self.profile.by_id.get(node.id)
        return found if found is not None and found.known else None

    @cached_property
    def last_kernel_gradient(self) -> float | None:
        """Decimal logarithm of the smallest gradient norm of a last kernel; None where none is known."""
        found = []
        for node in self.nodes:
            if self.is_final(node) and self.has(node, Trait.KERNEL) and (signal := self.signal(node)) is not None:
                size = signal.log10_kernel_gradient
                if size is not None and math.isfinite(size):
                    found.append(size)
        return min(found, default=None)

    @cached_property
    def largest_kernel_gradient(self) -> tuple[float, str] | None:
        """Decimal logarithm of the largest gradient norm of a kernel, and its node; None where none is known.

        Norms that no float32 can hold are left out: there the activations have overflowed before.
        """
        found = []
        for node in self.first_calls:
            signal = self.signal(node)
            size = signal.log10_kernel_gradient if signal is not None else None
            # The scale of a kernel before a normalization is free, and a step on it shrinks as it grows
            # (van Laarhoven 2017), so that its gradient may be large without harm.
            if size is None or size >= 38.0 or (size < _HARMLESS and self.normalised_after(node)):
                continue
            found.append((size, node.id))
        return max(found, default=None, key=lambda item: item[0])

    @cached_property
    def drift(self) -> Mapping[str, Drift]:
        """By node whose activation is predicted, how far the size of the signal has drifted."""
        sets = self.ids_with(Trait.NORMALIZING, Trait.EMBEDDING, Trait.RECURRENT, Trait.ATTENTION)
        additive = self.ids_with(Trait.ADDITIVE)
        base: dict[str, tuple[float, int]] = {}
        gained: dict[str, float] = {}
        for item in self.graph.inputs:
            record = self.profile.by_id.get(item.name)
            size = record.log10_activation if record is not None else None
            if size is not None and math.isfinite(size):
                base[item.name] = (size, 0)
        for node in self.graph.nodes:
            record = self.profile.by_id.get(node.id)
            size = record.log10_activation if record is not None else None
            if size is None or not math.isfinite(size):
                continue
            before = [base[name] for name in self.graph.sources[node.id] if name in base]
            if not before or node.id in sets:
                base[node.id] = (size, 0)
                continue
            low, merges = min(item[0] for item in before), max(item[1] for item in before)
            base[node.id] = (low, merges + (node.id in additive))
            gained[node.id] = size - low
        ahead = dict(gained)
        for node in reversed(self.graph.nodes):
            if node.id in ahead and node.id not in sets:
                for name in self.graph.sources[node.id]:
                    if name in ahead:
                        ahead[name] = max(ahead[name], ahead[node.id])
        return {name: Drift(size, base[name][1], ahead[name]) for name, size in gained.items()}

    def input_size(self, node: Node) -> float | None:
        """Root mean square of the one value that a node reads; None where unknown, or where its values are counts."""
        names = self.graph.sources[node.id]
        if len(names) != 1:
            return None
        name = names[0]
        item = self.graph.input_by_name.get(name)
        if item is not None and item.tensor.dtype.startswith(("int", "uint")) and item.tensor.dtype != "uint8":
            return None
        record = self.profile.by_id.get(name)
        return record.activation_rms if record is not None else None

    @cached_property
    def edges(self) -> Mapping[str, tuple[Edge, ...]]:
        """By node, what crosses it, an entry for each of its inputs."""
        found: dict[str, list[Edge]] = {}
        for edge in self.profile.edges:
            found.setdefault(edge.node, []).append(edge)
        return {key: tuple(edges) for key, edges in found.items()}

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """Every stretch of hidden layers that could be analysed."""
        cut = (Trait.NORMALIZING, Trait.MERGING, Trait.RECURRENT, Trait.ATTENTION, Trait.EMBEDDING)
        found = []
        for chain in self.runs_without(*cut):
            stretch = self.stretch(chain)
            if stretch is not None:
                found.append(stretch)
        return tuple(found)

    def stretch(self, chain: tuple[Node, ...]) -> Stretch | None:
        """What happens to signal and gradient along a chain from its first kernel on; None where unknown."""
        if chain[-1].id not in self.paths.reaching:
            return None
        owning = self.ids_with(Trait.KERNEL)
        numbers = [i for i, node in enumerate(chain) if node.id in owning]
        if not numbers:
            return None
        nodes = chain[numbers[0] :]
        edges = []
        gradient = activation = 0.0
        for node in nodes:
            crossing = self.edges.get(node.id, ())
            if len(crossing) != 1:
                return None
            edge = crossing[0]
            edges.append(edge)
            gradient += edge.gradient + self._more_entries(node)
            activation += edge.activation
        if math.isnan(gradient) or math.isnan(activation):
            return None
        kernels = tuple(chain[i] for i in numbers)
        return Stretch(nodes, kernels, self.paths.bypassed(chain), gradient, activation, tuple(edges))

    def _more_entries(self, node: Node) -> float:
        """Decades that the norm of a tensor gains by having more entries, from a node's output to its input."""
        before, after = known_size(self.inputs(node)[0].shape), known_size(node.outputs[0].shape)
        return 0.5 * math.log10(before / after)

    # --- the compile section ----------------------------------------------------------------------

    def loss_pointer(self, output: str) -> str:
        """Where the document says the loss of an output."""
        written = self.spec.document.find("/compile/loss")
        if isinstance(written, MappingNode) and output in written:
            return pointer_join("/compile/loss", output)
        names = [item.name for item in self.graph.outputs]
        if isinstance(written, SequenceNode) and output in names:
            return pointer_join("/compile/loss", names.index(output))
        return "/compile/loss"

    # --- outputs ----------------------------------------------------------------------------------

    @cached_property
    def finals(self) -> tuple[Final, ...]:
        """Every output with its activation, its scores and its loss."""
        found = []
        for output in self.graph.outputs:
            node = self.graph.by_id.get(output.ref.node)
            if node is None:
                continue
            last = node.outputs[output.ref.index].shape[-1:]
            units = last[0] if last and isinstance(last[0], int) else None
            while self.activation(node) is None and self.has(node, Trait.RESHAPING, Trait.IDENTITY):
                before = self.only_producer(node)
                if before is None:
                    break
                node = before
            activation = self.activation(node)
            kernel: Node | None = node if self.has(node, Trait.KERNEL) else None
            if kernel is None and activation is not None:
                kernel = self.kernel_before(node)
            loss = self.compiled.loss_of(output.name) if self.compiled is not None else None
            if loss is not None and hasattr(loss, "chosen"):
                loss = loss.chosen(units or 2)
            found.append(Final(output, node, activation, kernel, units, loss))
        return tuple(found)


def known_size(shape: Shape) -> int:
    """The product of the sizes that are numbers, the batch axis left out."""
    return math.prod(size for size in shape[1:] if isinstance(size, int)) or 1
