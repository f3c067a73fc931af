"""The predicted profile of a model: activation and gradient size at every node, without running it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from vgspec.analysis.signal.alignment import with_lean
from vgspec.analysis.signal.backward import Flow, Seed, run_backward
from vgspec.analysis.signal.forward import OVERFLOWS, Ran, run_forward
from vgspec.analysis.signal.loss import loss_gradient, loss_name, usual_loss
from vgspec.analysis.signal.sizes import Assumptions, SizeTable
from vgspec.analysis.signal.state import State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment
from vgspec.analysis.unfold import unfolded
from vgspec.collection import uncollected
from vgspec.ir import Graph, Ref, Shape

__all__ = ["Edge", "NodeSignal", "Profile", "profile"]

_DECADE = math.log(10.0)


_NOTHING: Mapping[str, Any] = {}


class NodeSignal(NamedTuple):
    """What is predicted for one node, or for one input of the model.

    Sizes are root mean squares; a size of which the logarithm is finite may round to 0 or inf as a float. None is a
    size that is not known, or a gradient that does not arrive.

    Attributes:
        id: the node.
        layer: the layer it calls.
        type_name: the layer's type; ``Input`` for an input.
        shape: of its first output.
        activation_rms: of its output.
        gradient_rms: of the gradient at its output, for a random direction at every model output.
        kernel_gradient_norm: Frobenius norm of the kernel's gradient under the loss.
        log10_activation: decimal logarithm of ``activation_rms``.
        log10_gradient: of ``gradient_rms``.
        log10_kernel_gradient: of ``kernel_gradient_norm``.
        kernels: decimal logarithms by weight name, for layers with several.
        known: whether activation and gradient are predicted.
        reason: why not, or what else is to be said.
        assumed: whether a size that the spec leaves open was assumed.
        spread: standard deviation of the decimal logarithm of ``gradient_rms`` over initialisations.
        spread_activation: the same for ``activation_rms``.
        dead: probability that no unit of a rectifier stack up to here is alive.
        trainable: whether the layer's weights are trained.
        facts: further results by name, such as ``horizon``.
    """

    id: str
    layer: str
    type_name: str
    shape: Shape
    activation_rms: float | None = None
    gradient_rms: float | None = None
    kernel_gradient_norm: float | None = None
    log10_activation: float | None = None
    log10_gradient: float | None = None
    log10_kernel_gradient: float | None = None
    kernels: Mapping[str, float] = _NOTHING
    known: bool = True
    reason: str = ""
    assumed: bool = False
    spread: float | None = None
    spread_activation: float | None = None
    dead: float = 0.0
    trainable: bool = True
    facts: Mapping[str, Any] = _NOTHING


@dataclass(frozen=True, slots=True)
class Edge:
    """One input of one node, and what crosses it.

    Attributes:
        source: the node or input that the tensor comes from.
        node: the node that reads it.
        index: which of the node's inputs.
        gradient: decades that the gradient's root mean square gains (loses, if negative) on the way from the
            node's output to this input.
        activation: decades that the activation gains from this input to the node's output.
    """

    source: str
    node: str
    index: int
    gradient: float
    activation: float


@dataclass(frozen=True)
class Profile:
    """A model's predicted signal: nodes in order (inputs first), edges, and what had to be assumed."""

    nodes: tuple[NodeSignal, ...]
    edges: tuple[Edge, ...]
    assumed: Mapping[str, int]
    loss_reason: str = ""

    @cached_property
    def by_id(self) -> Mapping[str, NodeSignal]:
        """Nodes and inputs by id."""
        return {node.id: node for node in self.nodes}

    @property
    def unknown(self) -> tuple[NodeSignal, ...]:
        """The nodes that could not be analysed."""
        return tuple(node for node in self.nodes if not node.known)

    def worst_edges(self, n: int = 5, *, gain: bool = False) -> tuple[Edge, ...]:
        """The edges at which the gradient loses most, or with ``gain`` gains most, the worst first."""
        ordered = sorted(self.edges, key=lambda edge: edge.gradient, reverse=gain)
        return tuple(edge for edge in ordered[:n] if (edge.gradient > 0) == gain and edge.gradient != 0)


@uncollected()
def profile(graph: Graph, assumptions: Assumptions | None = None) -> Profile:
    """Predict activation and gradient sizes at initialisation.

    Args:
        graph: a verified graph.
        assumptions: numbers for sizes that the graph leaves open.

    Returns:
        One record for every input and node; a network inside a wrapper is laid open, its nodes' ids begin with the
        wrapper's. What cannot be analysed is marked, never guessed.
    """
    graph = unfolded(graph)
    table = SizeTable(graph, assumptions or Assumptions())
    states, ran = run_forward(graph, table)
    probe = run_backward(ran, _probe_seeds(graph, states), kernels=False)
    seeds, reason = _loss_seeds(graph, states, ran)
    loss = run_backward(ran, seeds, kernels=True) if seeds else None
    records = [_input_record(graph, item.name, states, probe, table) for item in graph.inputs]
    records += [_record(graph, item, probe, loss, table, reason) for item in ran]
    return Profile(tuple(records), tuple(_edges(ran, states, probe)), dict(table.assumed), reason)


def _probe_seeds(graph: Graph, states: Mapping[Ref, State]) -> list[Seed]:
    seeds = []
    for output in graph.outputs:
        state = states.get(output.ref)
        if state is not None:
            width = max(state.channels, 1)
            grad = Grad((GradSegment(width, 1.0),), overlap=1.0 / width)
            seeds.append(Seed(output.ref, with_lean(grad, state, output.ref)))
    return seeds


def _loss_seeds(graph: Graph, states: Mapping[Ref, State], ran: list[Ran]) -> tuple[list[Seed], str]:
    by_node = {item.node.id: item for item in ran}
    seeds: list[Seed] = []
    reason = ""
    for output in graph.outputs:
        state = states.get(output.ref)
        if state is None:
            continue
        item = by_node.get(output.ref.node)
        activation, before = _last_activation(item, states)
        name, from_logits, weight = usual_loss(activation), False, 1.0
        settings = graph.compile
        if settings is not None and getattr(settings, "loss", None) is not None:
            loss = settings.loss_of(output.name)
            if loss is None:
                continue
            name, from_logits = loss_name(loss)
            weight = float(settings.weight_of(output.name))
        if weight == 0.0:
            continue
        try:
            grad, fused = loss_gradient(state, before, activation, name, from_logits)
        except UnknownSignal as error:
            reason = str(error)
            continue
        scaled = Grad(grad.segments, grad.log + 2.0 * math.log(abs(weight)), overlap=grad.overlap)
        seeds.append(
            Seed(output.ref, with_lean(scaled, before if fused and before is not None else state, output.ref), fused)
        )
    return seeds, reason


def _last_activation(item: Ran | None, states: Mapping[Ref, State]) -> tuple[str, State | None]:
    """The name of the function that a node ends with, and the tensor before it."""
    from vgspec.layers.signal import Elementwise, Softmax

    if item is None or not item.steps or not item.primitives:
        return "linear", None
    last = item.primitives[-1]
    before = item.steps[-2].outputs[0] if len(item.steps) > 1 else states.get(item.inputs[0]) if item.inputs else None
    if isinstance(last, Softmax):
        return ("log_softmax" if last.log else "softmax"), before
    if isinstance(last, Elementwise):
        row = last.activation.row
        return (row.name if row is not None else "?"), before
    return "linear", None


def _rms(log_mean_square: float) -> tuple[float, float]:
    """Root mean square and its decimal logarithm."""
    half = 0.5 * log_mean_square
    value = math.inf if half > 709.0 else math.exp(half)
    return value, half / _DECADE


def _activation(state: State) -> tuple[float, float]:
    q = state.mean_square()
    if q <= 0.0:
        return 0.0, -math.inf
    if math.isinf(q):
        return math.inf, math.inf
    return math.sqrt(q), 0.5 * math.log10(q)


def _deviation(spread: float) -> float:
    return 0.5 * math.sqrt(max(spread, 0.0)) / _DECADE


def _input_record(graph: Graph, name: str, states: Mapping[Ref, State], flow: Flow, table: SizeTable) -> NodeSignal:
    ref = Ref(name)
    shape = graph.input_by_name[name].tensor.shape
    state = states.get(ref)
    if state is None:
        return NodeSignal(name, name, "Input", shape, known=False, reason="not analysed")
    value, log = _activation(state)
    gradient = _gradient(ref, flow)
    return NodeSignal(
        name,
        name,
        "Input",
        shape,
        activation_rms=value,
        gradient_rms=gradient.rms,
        log10_activation=log,
        log10_gradient=gradient.log,
        known=gradient.known,
        reason=gradient.reason,
        assumed=bool(table.assumed),
        spread=gradient.spread,
    )


class _Gradient(NamedTuple):
    """What is known of the gradient at a tensor, as `NodeSignal` has it."""

    rms: float | None = None
    log: float | None = None
    spread: float | None = None
    known: bool = True
    reason: str = ""


def _gradient(ref: Ref, flow: Flow) -> _Gradient:
    blocked = flow.blocked.get(ref) if flow.blocked else None
    if blocked is None and (grad := flow.grads.get(ref)) is not None:
        value, log = _rms(grad.log_mean_square())
        return _Gradient(value, log, _deviation(grad.spread + math.log1p(grad.fresh)))
    if blocked == OVERFLOWS:
        return _Gradient(math.inf, math.inf, reason=OVERFLOWS)
    return _Gradient() if blocked is None else _Gradient(known=False, reason=blocked)


def _record(graph: Graph, item: Ran, probe: Flow, loss: Flow | None, table: SizeTable, reason: str) -> NodeSignal:
    node = item.node
    layer: Any = graph.layers[node.layer]
    shape = node.outputs[0].shape
    trainable = bool(getattr(layer, "trainable", True))
    if item.reason == OVERFLOWS:
        kernel = math.inf if trainable and _has_kernel(layer) else None
        sizes = (math.inf, math.inf, kernel) * 2
        return NodeSignal(node.id, node.layer, layer.type_name, shape, *sizes, reason=OVERFLOWS, trainable=trainable)
    if not item.outputs:
        return NodeSignal(
            node.id, node.layer, layer.type_name, shape, known=False, reason=item.reason, trainable=trainable
        )
    state, ref = item.outputs[0], item.refs[0]
    value, log = _activation(state)
    gradient = _gradient(ref, probe)
    kernels: Mapping[str, float] = _NOTHING
    norm: float | None = None
    log_norm: float | None = None
    words = "the activation overflows" if log == math.inf else ""
    if loss is not None and trainable and node.layer in loss.kernels and ref not in loss.blocked:
        squares = loss.kernels[node.layer]
        kernels = {name: 0.5 * square / _DECADE for name, square in squares.items()}
        square = squares["kernel"] if "kernel" in squares else _log_sum(squares.values())
        norm, log_norm = _rms(square) if square > -math.inf else (0.0, -math.inf)
    elif probe.blocked.get(ref) == OVERFLOWS and trainable and _has_kernel(layer):
        norm = log_norm = math.inf
    elif loss is None:
        words = words or reason
    return NodeSignal(
        node.id,
        node.layer,
        layer.type_name,
        shape,
        value,
        gradient.rms,
        norm,
        log,
        gradient.log,
        log_norm,
        kernels,
        gradient.known,
        gradient.reason or words,
        bool(table.assumed),
        gradient.spread,
        _deviation(state.spread + math.log1p(state.fresh)),
        state.dead,
        trainable,
        dict(fact for step in item.steps for fact in step.facts),
    )


def _has_kernel(layer: Any) -> bool:
    from vgspec.layers.base import Trait

    return bool(layer.traits & {Trait.KERNEL, Trait.RECURRENT, Trait.EMBEDDING})


def _log_sum(values: Any) -> float:
    found = [value for value in values if value > -math.inf]
    if not found:
        return -math.inf
    top = max(found)
    return float(top + math.log(sum(math.exp(value - top) for value in found)))


def _edges(ran: list[Ran], states: Mapping[Ref, State], flow: Flow) -> list[Edge]:
    edges = []
    logs = {ref: _activation(state)[1] for ref, state in states.items()}
    for item in ran:
        if not item.outputs:
            continue
        node = item.node.id
        after = logs[item.refs[0]]
        for index, ref in enumerate(item.inputs):
            pair = flow.edges.get((node, index))
            if pair is None:
                continue
            before = logs[ref]
            gain = after - before if math.isfinite(after) and math.isfinite(before) else 0.0
            loss = 0.0 if pair[0] == pair[1] else 0.5 * (pair[0] - pair[1]) / _DECADE  # nothing of nothing is no loss
            edges.append(Edge(ref.node, node, index, loss, gain))
    return edges
