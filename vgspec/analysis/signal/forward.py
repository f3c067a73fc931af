"""The forward pass over a graph: the state of every tensor, and the steps that led there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from vgspec.analysis.signal.interpret import Place, apply_rule
from vgspec.analysis.signal.kinship import kinship
from vgspec.analysis.signal.sizes import SizeTable
from vgspec.analysis.signal.state import Segment, State, UnknownSignal, independent_moments
from vgspec.analysis.signal.step import Step
from vgspec.ir import BATCH, Graph, Input, Node, Ref, Tensor, refs_of
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.signal import Drop, GlobalPool, Lookup, Noise, Pad, Pool, Unknown, Upsample

__all__ = ["OVERFLOWS", "Ran", "run_forward", "vocabulary_of"]

OVERFLOWS = "the activation overflows"
"""The reason of a node whose output has no finite mean square in double precision."""

_MASKS = frozenset({"mask", "attention_mask", "query_mask", "value_mask", "key_mask", "training"})
"""Call arguments that choose what counts but carry no signal."""


class Ran(NamedTuple):
    """One node after the forward pass.

    Attributes:
        node: the node.
        inputs: the tensors that carry its signal, in order.
        steps: what was applied.
        refs: the tensors that it makes.
        outputs: states of its outputs; empty if unknown.
        reason: why they are unknown.
        primitives: the rule that was applied.
    """

    node: Node
    inputs: tuple[Ref, ...]
    steps: tuple[Step, ...]
    refs: tuple[Ref, ...]
    outputs: tuple[State, ...]
    reason: str = ""
    primitives: tuple[Any, ...] = ()


_DRAWING = frozenset({Drop, Noise})
"""Primitives that draw anew at each call."""


_WEIGHTLESS = frozenset({Pool, GlobalPool, Pad, Upsample})
"""Primitives that say all that a layer does: two layers with the same ones are one function."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What was run so far.

    Attributes:
        ran: by node.
        origins: for a tensor that is the same as another one, that one.
        calls: by layer (or what it does, where it has no weights) and what it was called with, its output, for layers
            that draw nothing.
    """

    ran: dict[str, Ran]
    origins: dict[Ref, Ref]
    calls: dict[tuple[object, ...], Ref]

    def origin(self, ref: Ref) -> Ref:
        """The tensor that this one is."""
        return self.origins.get(ref, ref)

    def add(self, item: Ran) -> None:
        """Note what a node gave: a layer that does nothing hands its input on, and one call twice gives one tensor."""
        self.ran[item.node.id] = item
        if len(item.inputs) != 1 or len(item.outputs) != 1:
            return
        before = self.origin(item.inputs[0])
        if not item.steps:
            self.origins[item.refs[0]] = before
        elif _DRAWING.isdisjoint(map(type, item.primitives)):
            kinds = tuple(map(type, item.primitives))
            alike = (kinds, item.primitives) if _WEIGHTLESS.issuperset(kinds) else item.node.layer
            first = self.calls.setdefault((alike, before), item.refs[0])
            if first != item.refs[0]:
                self.origins[item.refs[0]] = first


def run_forward(graph: Graph, sizes: SizeTable) -> tuple[dict[Ref, State], list[Ran]]:
    """States of all tensors that can be analysed, and what was run for every node, in order."""
    states: dict[Ref, State] = {}
    reasons: dict[Ref, str] = {}
    for item in graph.inputs:
        state = _input_state(graph, item, sizes)
        if isinstance(state, str):
            reasons[Ref(item.name)] = state
        else:
            states[Ref(item.name)] = state
    ran: list[Ran] = []
    done = _Done({}, {}, {})
    for node in graph.nodes:
        result = _run(graph, node, states, reasons, sizes, done)
        ran.append(result)
        done.add(result)
        for index, ref in enumerate(result.refs):
            if index < len(result.outputs):
                states[ref] = result.outputs[index]
            else:
                reasons[ref] = result.reason or f"output {index} of {node.id} is not analysed"
    return states, ran


def _input_state(graph: Graph, item: Input, sizes: SizeTable) -> State | str:
    shape = sizes.of_input(item.name, item.tensor.shape)
    channel = max(len(shape) - 1, 0)
    width = shape[channel] if shape else 1
    dtype = item.tensor.dtype
    if dtype.startswith(("int", "uint")):
        vocabulary = vocabulary_of(graph, item, sizes)
        mean = (vocabulary - 1) / 2.0
        moments = independent_moments((vocabulary - 1) * (2 * vocabulary - 1) / 6.0, mean)
        return State(shape, channel, (Segment(width, moments),), integer=vocabulary)
    if dtype == "bool":
        return State(shape, channel, (Segment(width, independent_moments(0.5, 0.5)),))
    if dtype == "string":
        return "a string has no size"
    mean, deviation = statistics_of(item)
    moments = independent_moments(deviation**2 + mean**2, mean)
    count = max(math.prod(shape), 1)
    # samples of a single vector are followed by the spread of finite widths alone
    own = 1.0 - moments.m**4 / moments.q**2 if moments.q > 0.0 and len(shape) > 1 else 0.0
    return State(shape, channel, (Segment(width, moments),), overlap=1.0 / count, vary=2.0 * own / count)


def statistics_of(item: Input) -> tuple[float, float]:
    """Mean and standard deviation of a floating input: standard normal unless the spec says otherwise.

    A range ``low``, ``high`` stands for numbers spread evenly over it.
    """
    given: Mapping[str, float] = dict(item.options).get("statistics", {})
    if "low" in given or "high" in given:
        low, high = float(given.get("low", 0.0)), float(given.get("high", 1.0))
        return (low + high) / 2.0, abs(high - low) / math.sqrt(12.0)
    return float(given.get("mean", 0.0)), float(given.get("std", 1.0))


def vocabulary_of(graph: Graph, item: Input, sizes: SizeTable) -> int:
    """Different values of an integer input: what the spec says, or the rows of the tables that they index."""
    given = dict(item.options).get("statistics", {})
    if "high" in given:
        return max(int(given["high"]), 1)
    found = []
    for name in graph.consumers[item.name]:
        rows = getattr(graph.operator(graph.by_id[name]), "input_dim", None)
        if isinstance(rows, int):
            found.append(rows)
    if found:
        return min(found)
    return 256 if item.tensor.dtype == "uint8" else sizes.assumptions.vocabulary


def _run(
    graph: Graph,
    node: Node,
    states: Mapping[Ref, State],
    reasons: Mapping[Ref, str],
    sizes: SizeTable,
    done: _Done,
) -> Ran:
    inputs: list[Ref] = []
    names: list[str] = []
    for name, argument in node.args:
        if name in _MASKS:
            continue
        for ref in refs_of(argument):
            inputs.append(ref)
            names.append(name)
    missing = [ref for ref in inputs if ref not in states]
    refs = tuple([Ref(node.id, index) for index in range(len(node.outputs))])
    if missing:
        reason = next((reasons[ref] for ref in missing if reasons.get(ref) == OVERFLOWS), "")
        if reason:
            return Ran(node, tuple(inputs), (), refs, (), reason)
        reason = reasons.get(missing[0], "not analysed")
        return Ran(
            node,
            tuple(inputs),
            (),
            refs,
            (),
            reason if reason.startswith("behind") else f"behind {missing[0]}: {reason}",
        )
    layer = graph.layers[node.layer]
    try:
        return _apply(graph, node, layer, tuple(inputs), tuple(names), refs, states, sizes, done)
    except OverflowError:
        return Ran(node, tuple(inputs), (), refs, (), OVERFLOWS)
    except (UnknownSignal, ShapeError) as error:
        return Ran(node, tuple(inputs), (), refs, (), f"{layer.type_name}: {error}")


def _apply(
    graph: Graph,
    node: Node,
    layer: Any,
    inputs: tuple[Ref, ...],
    names: tuple[str, ...],
    refs: tuple[Ref, ...],
    states: Mapping[Ref, State],
    sizes: SizeTable,
    done: _Done,
) -> Ran:
    if not isinstance(layer, Layer):
        raise UnknownSignal("has no descriptor")
    call = Call.of(node.args, partial(_typed, graph, states, sizes))
    primitives = layer.signal_rule(call)
    if isinstance(primitives, Unknown):
        raise UnknownSignal(primitives.reason)
    given = tuple(states[ref] for ref in inputs)
    exact = sizes.exact(node.outputs[0].shape)
    if exact is None:
        resolved = layer.infer_outputs(call)[0].shape
        exact = sizes.exact(resolved)
    if exact is None:
        raise UnknownSignal("the output's shape is not known")
    place = Place(exact, inputs, names)
    if len(inputs) > 1:
        origins = tuple(map(done.origin, inputs))
        twins = len(set(inputs)) == len(inputs) and _one_layer(graph, inputs)
        place = Place(exact, origins, names, twins, partial(kinship, origins, done.ran, states))
    if given and given[0].integer is not None and not (primitives and isinstance(primitives[0], Lookup)):
        given = tuple(_plain(state) for state in given)
    steps = apply_rule(given, primitives, place)
    outputs = steps[-1].outputs if steps else given
    if outputs[0].sizes != exact:
        raise UnknownSignal(f"the analysis gives sizes {outputs[0].sizes} where the layer gives {exact}")
    for output in outputs:
        for segment in output.segments:
            if not (math.isfinite(sum(segment.moments)) or all(map(math.isfinite, segment.moments))):
                raise OverflowError
    return Ran(node, inputs, steps, refs, outputs, "", primitives)


def _one_layer(graph: Graph, inputs: tuple[Ref, ...]) -> bool:
    """Whether the inputs that are outputs of nodes are so of one layer."""
    return len({graph.by_id[ref.node].layer for ref in inputs if ref.node in graph.by_id}) == 1


def _plain(state: State) -> State:
    return State(state.sizes, state.channel, state.segments)


def _typed(graph: Graph, states: Mapping[Ref, State], sizes: SizeTable, ref: Ref) -> Tensor:
    """The type of a value, of known sizes."""
    tensor = graph.tensor(ref)
    state = states.get(ref)
    known = state.sizes if state is not None else sizes.exact(tensor.shape)
    return tensor if known is None else Tensor((BATCH, *known), tensor.dtype)
