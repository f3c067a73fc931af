"""From the primitives of a layer's signal rule to steps that compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from vgspec.analysis.signal import convolution, linear, merging, normalize, pooling, products, reshaping
from vgspec.analysis.signal.alignment import aligned
from vgspec.analysis.signal.concatenation import concatenate
from vgspec.analysis.signal.functions import scalar_function
from vgspec.analysis.signal.kinship import Kin
from vgspec.analysis.signal.lookup import lookup
from vgspec.analysis.signal.pointwise import apply_function
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment, Kernels, Pulled, Step
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.analysis.signal.weights import weight_law
from vgspec.layers import signal as rule

__all__ = ["Place", "apply_rule", "pull_back"]


def _no_kin() -> Kin | None:
    return None


class Place(NamedTuple):
    """What a primitive may need to know of the call it belongs to.

    Attributes:
        sizes: sizes of the call's first output, batch left out.
        sources: what each input is, to see when one tensor is given twice.
        names: the argument that each input was given for.
        twins: whether the inputs are outputs of one shared layer.
        kin: gives the tensor that all inputs are functions of, if there is one.
    """

    sizes: tuple[int, ...]
    sources: tuple[object, ...] = ()
    names: tuple[str, ...] = ()
    twins: bool = False
    kin: Callable[[], Kin | None] = _no_kin


def apply_rule(states: tuple[State, ...], primitives: tuple[Any, ...], place: Place) -> tuple[Step, ...]:
    """Apply primitives one after the other.

    Raises:
        UnknownSignal: if one cannot be analysed here.
    """
    steps: list[Step] = []
    for primitive in primitives:
        handler = _HANDLERS.get(type(primitive))
        if handler is None:
            raise UnknownSignal(f"{type(primitive).__name__} is not analysed")
        step = handler(states, primitive, place)
        if step is not None:
            steps.append(aligned(step, states[0]) if len(states) == 1 else step)
            states = step.outputs
    return tuple(steps)


def pull_back(steps: tuple[Step, ...], grads: tuple[Grad | None, ...]) -> Pulled:
    """The backward pass of several steps."""
    kernels: Kernels = ()
    for step in reversed(steps):
        result = step.pull(grads)
        grads = result.inputs
        if result.kernels:
            kernels += result.kernels
    return Pulled(grads, kernels)


def _elementwise(states: tuple[State, ...], primitive: rule.Elementwise, place: Place) -> Step | None:
    activation = primitive.activation
    if activation.is_linear:
        return None
    scalar = activation.scalar()
    state = states[0]
    if scalar is not None:
        fn = scalar_function(scalar)
        if state.border and fn.at_zero[0] != 0.0:
            state = fold_border(state)
        return apply_function(state, fn)
    row = activation.row
    axis = getattr(activation.layer, "axis", -1) if activation.layer is not None else -1
    axes = axis if isinstance(axis, tuple) else (axis,)
    name = row.name if row is not None else activation.name
    if name in ("softmax", "log_softmax"):
        from vgspec.analysis.signal.softmax import softmax

        return softmax(state, rule.Softmax(axes, log=name == "log_softmax"))
    if name == "glu":
        return _gated(state)
    if name == "PReLU":
        return _prelu(state, activation.layer)
    raise UnknownSignal(f"the activation {name} is not analysed")


def _prelu(state: State, layer: Any) -> Step:
    """A rectifier with slopes drawn at random: the slope's second moment below zero."""
    from vgspec.catalogue.activations import ScalarActivation

    law = weight_law(layer.alpha_initializer, (1,))
    return apply_function(
        state, scalar_function(ScalarActivation("leaky_relu", (("negative_slope", law.square**0.5),)))
    )


def _gated(state: State) -> Step:
    """``a * sigmoid(b)`` for the two halves of the channels."""
    from vgspec.catalogue.activations import ScalarActivation

    state = to_channel(fold_border(state), len(state.sizes) - 1)
    half = state.channels // 2
    sizes = (*state.sizes[:-1], half)
    part = State(
        sizes, len(sizes) - 1, (Segment(half, state.moments),), (), state.spread, state.fresh, state.overlap, state.dead
    )
    gate = apply_function(part, scalar_function(ScalarActivation("sigmoid")))
    product = merging.combine((part, gate.outputs[0]), rule.Combine("multiply"))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        pulled = product.pull(grads)
        first, second = pulled.inputs
        through = gate.pull((second,)).inputs[0]
        if first is None or through is None:
            return Pulled((None,))
        a, b = first.mean, through.mean
        return Pulled(
            (first.with_segments((a._replace(size=half), b.scaled(2.718281828 ** (through.log - first.log)))),)
        )

    return Step(product.outputs, pull)


def _constant(states: tuple[State, ...], primitive: rule.Constant, place: Place) -> Step:
    law = weight_law(primitive.initializer, primitive.shape)
    state = fold_border(states[0])
    v, mean = law.variance, law.mean
    if primitive.add:

        def change(x: Moments) -> Moments:
            m, q, p, s, r, k, kp, ks, kr = x.shifted(mean)
            return Moments(m, q + v, p + v, s, r, k, kp, ks, kr)

        return Step((state.map(change),), lambda grads: Pulled(grads))
    d = mean * mean
    moments = Moments(mean, v + d, v + d, d, d, d, d, d, d)
    output = State(place.sizes, len(place.sizes) - 1, (Segment(place.sizes[-1], moments),))
    return Step((output,), lambda grads: Pulled((None,) * len(states)))


_BY_POSITION = (rule.Linear, rule.Bias, rule.Elementwise, rule.Drop, rule.Scale)
"""Primitives that treat every position alike, so that time is one more axis of positions to them."""


def _chained(states: tuple[State, ...], primitives: tuple[Any, ...], place: Place) -> Step:
    """Several primitives as one step."""
    steps = apply_rule(states, primitives, place)
    outputs = steps[-1].outputs if steps else states
    return Step(outputs, lambda grads: pull_back(steps, grads))


def _each(states: tuple[State, ...], primitive: rule.Each, place: Place) -> Step:
    """Axis 1 as further samples: run once with other times and once with other samples in the place of samples."""
    if all(isinstance(item, _BY_POSITION) and getattr(item, "axes", 1) == 1 for item in primitive.rule):
        return _chained(states, primitive.rule, place)
    state = fold_border(states[0])
    time, inner = state.sizes[0], state.sizes[1:]
    if state.channel == 0:
        state = to_channel(state, len(state.sizes) - 1)

    def part(same_sample: bool) -> State:
        def change(x: Moments) -> Moments:
            if same_sample:
                return Moments(x.m, x.q, x.s, x.s, x.s, x.k, x.ks, x.ks, x.ks)
            return Moments(x.m, x.q, x.p, x.s, x.r, x.k, x.kp, x.ks, x.kr)

        changed = state.map(change)
        return changed._replace(sizes=inner, channel=max(state.channel - 1, 0))

    rest = place._replace(sizes=place.sizes[1:])
    over_time = apply_rule((part(True),), primitive.rule, rest)
    over_samples = apply_rule((part(False),), primitive.rule, rest)
    if not over_time:
        return Step((state,), lambda grads: Pulled(grads))
    a, b = over_time[-1].outputs[0], over_samples[-1].outputs[0]
    x, y = a.moments, b.moments
    n = a.positions
    blend = (n - 1) / (n * time - 1) if n * time > 1 else 0.0
    moments = Moments(
        x.m,
        x.q,
        y.p,
        blend * y.s + (1 - blend) * x.p,
        blend * y.r + (1 - blend) * y.p,
        x.k,
        y.kp,
        blend * y.ks + (1 - blend) * x.kp,
        blend * y.kr + (1 - blend) * y.kp,
    )
    sizes = (time, *a.sizes)
    output = State(
        sizes,
        a.channel + 1,
        (Segment(a.channels, moments),),
        (),
        a.spread,
        a.fresh,
        a.overlap,
        a.dead,
    )

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = grad.mean
        near = pull_back(over_time, (grad.with_segments((GradSegment(g.size, g.q, g.s, g.s, g.s, g.k),)),))
        alone = pull_back(over_samples, (grad.with_segments((GradSegment(g.size, g.q, 0.0, g.s, 0.0, g.k),)),))
        pairs = zip(near.kernels, alone.kernels, strict=True)
        kernels = tuple((name, partial(_over_time, some, single, time)) for (name, some), (_, single) in pairs)
        first = near.inputs[0]
        return Pulled((None if first is None else first.with_segments((first.mean._replace(p=0.0),)),), kernels)

    return Step((output,), pull)


def _over_time(near: Callable[[], float], alone: Callable[[], float], time: int) -> float:
    """A squared norm over all times: the incoherent part counts ``T`` times, the coherent one ``T (T - 1)``."""
    with_time, single = near(), alone()
    if single == -math.inf:
        return single
    excess = max(math.exp(min(with_time - single, 700.0)) - 1.0, 0.0) / (BATCH_SIZE - 1)
    return single + math.log(time * (1.0 + (time - 1) * excess))


def _softmax(states: tuple[State, ...], primitive: rule.Softmax, place: Place) -> Step:
    from vgspec.analysis.signal.softmax import softmax

    return softmax(states[0], primitive)


def _recurrent(states: tuple[State, ...], primitive: rule.Recurrence | rule.Bidirect, place: Place) -> Step:
    from vgspec.analysis.signal import recurrent

    if isinstance(primitive, rule.Bidirect):
        return recurrent.bidirect(states, primitive, place.sizes)
    return recurrent.recur(states, primitive, place.sizes)


def _attention(states: tuple[State, ...], primitive: rule.Attend | rule.MultiHead, place: Place) -> Step:
    from vgspec.analysis.signal import attention

    if isinstance(primitive, rule.MultiHead):
        return attention.multi_head(states, primitive, place.names, place.sizes)
    return attention.attend(states, primitive, place.names)


Handler = Callable[[tuple[State, ...], Any, Place], Step | None]

_HANDLERS: dict[type, Handler] = {
    rule.Linear: lambda states, primitive, place: linear.linear(states[0], primitive),
    rule.Convolution: lambda states, primitive, place: convolution.convolve(states[0], primitive),
    rule.Bias: lambda states, primitive, place: linear.add_bias(states[0], primitive),
    rule.Lookup: lambda states, primitive, place: lookup(states[0], primitive),
    rule.Elementwise: _elementwise,
    rule.Softmax: _softmax,
    rule.BatchNormalize: lambda states, primitive, place: normalize.batch_normalize(states[0], primitive),
    rule.Normalize: lambda states, primitive, place: normalize.normalize(states[0], primitive),
    rule.Scale: lambda states, primitive, place: reshaping.scale(states[0], primitive),
    rule.Constant: _constant,
    rule.Combine: lambda states, primitive, place: merging.combine(states, primitive, place.sources, place.kin()),
    rule.Concatenate: lambda states, primitive, place: concatenate(states, primitive),
    rule.DotProduct: lambda states, primitive, place: products.dot(
        states, primitive, place.sizes, place.twins, place.sources
    ),
    rule.Pool: lambda states, primitive, place: pooling.pool(states[0], primitive),
    rule.GlobalPool: lambda states, primitive, place: pooling.global_pool(states[0], primitive),
    rule.Pad: lambda states, primitive, place: reshaping.pad(states[0], primitive),
    rule.Crop: lambda states, primitive, place: reshaping.crop(states[0], place.sizes),
    rule.Upsample: lambda states, primitive, place: reshaping.upsample(states[0], primitive, place.sizes),
    rule.Tile: lambda states, primitive, place: reshaping.tile(states[0], primitive),
    rule.Reshape: lambda states, primitive, place: reshaping.reshape(states[0], place.sizes),
    rule.Permute: lambda states, primitive, place: reshaping.permute(states[0], primitive),
    rule.Drop: lambda states, primitive, place: reshaping.drop(states[0], primitive),
    rule.Noise: lambda states, primitive, place: reshaping.noise(states[0], primitive),
    rule.Stop: lambda states, primitive, place: reshaping.stop(states[0]),
    rule.Recurrence: _recurrent,
    rule.Bidirect: _recurrent,
    rule.Attend: _attention,
    rule.MultiHead: _attention,
    rule.Each: _each,
}
"""Totality over the primitives is tested. Modules that most models do not need are loaded when one does."""
