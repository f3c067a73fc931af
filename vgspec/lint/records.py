"""What rules see of a model: its nonlinearities, kernels, stretches of layers and outputs, as records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from vgspec.catalogue.activations import Activation
from vgspec.ir import Node, Output
from vgspec.layers.base import Trait, Weight

if TYPE_CHECKING:
    from vgspec.analysis.signal import Edge

__all__ = ["Drift", "Final", "Kernel", "Recurrence", "Stage", "Stretch"]


class Stage(NamedTuple):
    """A nonlinearity in the graph: the node, its activation, and the node that owns the kernel before it.

    ``kernel`` is the node itself for a fused activation; for an activation layer, the last node with a
    kernel before it, with nothing but normalisation, reshaping or dropout between.
    """

    node: Node
    activation: Activation
    kernel: Node | None


@dataclass(frozen=True)
class Kernel:
    """A trainable weight that maps units to units.

    Attributes:
        node: the first node that calls its layer.
        weight: the weight.
        fan_in: values that one output sums up; None where unknown.
        units: outputs that start out alike if the entries do.
        argument: the layer's argument that initialises it, if it is the layer's own.
    """

    node: Node
    weight: Weight
    fan_in: float | None
    units: int
    argument: str

    @cached_property
    def moments(self) -> Any:
        """Mean and variance of an entry."""
        return self.weight.initializer.moments(self.weight.shape)

    @cached_property
    def scale(self) -> float | None:
        """Root mean square of the output for an input of unit mean square: ``sqrt(fan_in * E[w**2])``."""
        second = self.moments.second_moment
        if second is None or self.fan_in is None:
            return None
        return math.sqrt(self.fan_in * second)


class Recurrence(NamedTuple):
    """A layer that runs over the steps of a sequence.

    Attributes:
        node: its call.
        layer: the recurrent layer itself, inside a wrapper if ``wrapped``.
        cell: what it does at every step: a cell of its own, or the layer.
        wrapped: whether another layer, such as ``Bidirectional``, is around it.
    """

    node: Node
    layer: Any
    cell: Any
    wrapped: bool

    @property
    def gated(self) -> bool:
        """Whether gates hold the state."""
        return Trait.GATED in self.layer.traits or Trait.GATED in self.cell.traits


class Stretch(NamedTuple):
    """Consecutive layers with nothing between that sets the size of the signal anew.

    Attributes:
        nodes: the layers, from the first kernel on.
        kernels: those among them that own a kernel.
        bypassed: whether the gradient has a way around.
        gradient: decades that the norm of the gradient gains from the end to the beginning (negative: it shrinks).
        activation: decades that the activation gains from the beginning to the end.
        edges: what crosses each layer, in order.
    """

    nodes: tuple[Node, ...]
    kernels: tuple[Node, ...]
    bypassed: bool
    gradient: float
    activation: float
    edges: tuple[Edge, ...]


class Drift(NamedTuple):
    """How the size of the signal at a node compares with where it was last set.

    Attributes:
        decades: gained since the last normalization, embedding, recurrence or attention, or since the model's input.
        merges: additions on the way.
        ahead: the most decades that are gained anywhere from here to where the size is set next.
    """

    decades: float
    merges: int
    ahead: float


class Final(NamedTuple):
    """An output of the model with what makes it.

    Attributes:
        output: the output.
        node: the node that applies the last activation, or the last kernel where none does.
        activation: that activation; None for a linear output.
        kernel: the node whose kernel makes the scores, if one does.
        units: entries on the last axis; None where unknown.
        loss: the loss on it, or None.
    """

    output: Output
    node: Node
    activation: Activation | None
    kernel: Node | None
    units: int | None
    loss: Any
