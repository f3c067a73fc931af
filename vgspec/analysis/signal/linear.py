"""Dense layers, biases, and what spectral normalization divides by."""

from __future__ import annotations

import math

from vgspec.analysis.signal.linear_map import LinearMap, cancelled, log_of, typical_gradient
from vgspec.analysis.signal.positions import flatter
from vgspec.analysis.signal.samples import shifted
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State
from vgspec.analysis.signal.step import Grad, Pulled, Step
from vgspec.analysis.signal.taps import Taps
from vgspec.analysis.signal.views import fold_border, merge_axes, to_channel
from vgspec.analysis.signal.weights import WeightLaw, weight_law
from vgspec.catalogue.moments import Structure
from vgspec.layers import signal as rule

__all__ = ["add_bias", "largest_singular_value", "linear"]


def linear(state: State, primitive: rule.Linear) -> Step:
    """Apply a matrix to the last axes; every other axis counts as positions."""
    if primitive.axes > 1 or state.channel != len(state.sizes) - 1:
        state = fold_border(state)
    if primitive.axes > 1:
        lead = state.sizes[: len(state.sizes) - primitive.axes]
        state = merge_axes(state, primitive.axes, lead)
    state = to_channel(state, len(state.sizes) - 1)
    shape = primitive.shape
    if len(shape) != 2 and getattr(primitive.initializer, "input_axes", ()) is None:
        shape = (primitive.fan_in, primitive.fan_out)  # Keras counts the fans of an einsum by its equation
    law = weight_law(primitive.initializer, shape)
    if law.structure is Structure.DIAGONAL and primitive.fan_in == primitive.fan_out:
        gain = math.sqrt(law.square * primitive.fan_in)
        return _scaled(state, gain, primitive)
    positions = state.positions
    if state.border:  # zeros stay zeros
        positions = max(round(positions * state.coverage()), 1)
    taps = Taps(positions, positions * positions, 1, positions, positions)
    if primitive.spectral:
        top = largest_singular_value(law, primitive.fan_in, primitive.fan_out, primitive.spectral)
        law = law._replace(variance=law.variance / top**2, mean=law.mean / top)
    sizes = (*state.sizes[:-1], *primitive.features)
    channel = len(sizes) - 1
    step = LinearMap(state, law, taps, primitive.fan_in, primitive.fan_out, sizes, channel)
    excess = step.excess(state.segments)
    segment = Segment(sizes[-1] if sizes else 1, step.transfer(step.x), None, *step.unevenness(), excess=excess)
    state_sizes = state.sizes
    output = step.output((segment,), primitive.fan_out)._replace(trace=state.trace, border=state.border)
    orthogonal = law.structure is Structure.ORTHOGONAL
    if orthogonal and primitive.fan_in <= primitive.fan_out:
        output = State(
            output.sizes,
            output.channel,
            output.segments,
            state.border,
            output.spread,
            0.0,
            output.overlap,
            output.dead,
            profile=output.profile,
            reach=output.reach,
            lag=output.lag,
            vary=output.vary,
            samples=output.samples,
            trace=output.trace,
        )

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = typical_gradient(grad)
        spread, fresh, overlap = step.pulled(grad, primitive.fan_in, orthogonal)
        shared = cancelled(segment.hetero, g.inverse)
        inward = step.back(g, state_sizes[-1], None).scaled(1.0 / shared)
        result = grad._replace(segments=(inward,), spread=spread, fresh=fresh, overlap=overlap, meets=())

        def kernel() -> float:
            return log_of(step.kernel(g, step.x, primitive.fan_in * primitive.fan_out, grad), grad.log)

        return Pulled((result.normalised(),), ((primitive.kernel, kernel),))

    return Step((output,), pull, degree=1.0, adds=law.random)


def _scaled(state: State, gain: float, primitive: rule.Linear) -> Step:
    """A multiple of the identity matrix."""
    output = state.map(lambda x: x.scaled(gain))
    entries = primitive.fan_in * primitive.fan_out
    moments, positions = state.moments, state.positions

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))

        def kernel() -> float:
            g = grad.mean
            near = positions * (moments.q * g.q + (BATCH_SIZE - 1) * moments.p * g.p)
            far = positions * (positions - 1) * (moments.s * g.s + (BATCH_SIZE - 1) * moments.r * g.r)
            return log_of(entries * BATCH_SIZE * max(near + far, 0.0), grad.log)

        return Pulled((grad.scaled(gain * gain).normalised(),), ((primitive.kernel, kernel),))

    return Step((output,), pull)


def largest_singular_value(law: WeightLaw, rows: int, columns: int, iterations: int) -> float:
    """The largest singular value that power iterations from a random start find.

    One iteration gives ``sqrt(E[l^2] / E[l])`` over the squared singular values, that is ``sqrt(v (rows + columns))``
    for independent entries (Marchenko and Pastur 1967); many give the edge of their spectrum.
    """
    if law.structure is Structure.ORTHOGONAL:
        return math.sqrt(law.variance * max(rows, columns))
    if not law.random:
        return math.sqrt(law.square * rows * columns)
    edge = math.sqrt(rows) + math.sqrt(columns)
    first = math.sqrt(rows + columns)
    return math.sqrt(law.variance) * (edge - (edge - first) / iterations)


def add_bias(state: State, primitive: rule.Bias) -> Step:
    """Add a vector along the channels."""
    law = weight_law(primitive.initializer, primitive.shape)
    if law.mean == 0.0 and law.variance == 0.0:
        return Step((state,), _straight)
    state = fold_border(state)
    v = law.variance

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x.shifted(law.mean)
        return Moments(m, q + v, p + v, s + v, r + v, k, kp, ks, kr)

    before = state.moments.q
    output = state.map(change)
    after = output.moments.q
    share = before / after if after > 0 else 1.0
    output = State(
        output.sizes,
        output.channel,
        output.segments,
        (),
        output.spread * share * share,
        output.fresh * share * share,
        output.overlap,
        output.dead,
        profile=flatter(state.profile, share),
        reach=state.reach,
        lag=state.lag,
        vary=state.vary,
        trace=state.trace,
    )
    if state.samples is not None:
        output = output.sized(shifted(state.samples, state.moments, law.mean, v))
    own = (after - law.mean * output.moments.m - v) / after if after > 0.0 else 1.0
    return Step((output,), _straight, degree=own)


def _straight(grads: tuple[Grad | None, ...]) -> Pulled:
    return Pulled(grads)
