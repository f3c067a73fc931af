"""Pooling: averages, and the maximum of correlated Gaussians.

The maximum over a window is taken of the underlying Gaussian where the tensor is a growing function of one
(a rectifier before it), so that its distribution is known and not only its first two moments. Elements of a window
share a part of the randomness (the channel's mean over samples, the sample's own level):
``z = sqrt(c) u + sqrt(1-c) e``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.positions import Window, window
from vgspec.analysis.signal.quadrature import Vector, basis, gauss_hermite, normal_cdf
from vgspec.analysis.signal.response import respond
from vgspec.analysis.signal.samples import meeting, pooled
from vgspec.analysis.signal.state import Moments, Segment, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.tails import own_excess, scales
from vgspec.analysis.signal.taps import count, window_taps
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.analysis.signal.windows import FAR, Nearness, nearby, nearness, pooled_lag
from vgspec.layers import signal as rule

__all__ = ["global_pool", "pool"]


@lru_cache(maxsize=512)
def _maximum_nodes(k: float) -> tuple[Vector, Vector]:
    """Quadrature for the maximum of ``k`` independent standard Gaussians (``k`` may be fractional)."""
    nodes = basis(0.0, 1.0)
    cdf = normal_cdf(nodes.z)
    with np.errstate(under="ignore"):
        weights = nodes.weights * k * cdf ** (k - 1.0)
    return nodes.z, weights / weights.sum()


def maximum_moments(segment: Segment, k: float, near: Nearness = FAR) -> tuple[Moments, Vector | None]:
    """Moments of the maximum over ``k`` positions, and where the gradient goes: given the Gaussian value."""
    if segment.dropped is not None and k * segment.dropped[1] > 1.0:  # the largest of those that are kept
        before, keep = segment.dropped
        moments, route = maximum_moments(before, k * keep, near)
        return moments.scaled(1.0 / keep), route
    x = segment.moments
    base, functions = (x, ()) if segment.curve is None else (segment.curve.base, segment.curve.functions)
    base = nearby(base, near)
    variance = base.q - base.m * base.m
    if not variance > 1e-13 * base.q or k <= 1.0:
        return x, None
    m2 = base.m * base.m
    c_s, c_p, c_r = ((value - m2) / variance for value in (base.s, base.p, base.r))
    c_s, c_p, c_r = (min(max(c, 0.0), 1.0) for c in (c_s, c_p, c_r))
    shared = min(max(c_s, c_r), 0.9999)
    deviation = math.sqrt(variance)
    outer, outer_weights = gauss_hermite(24)
    inner, inner_weights = _maximum_nodes(k)
    z = math.sqrt(shared) * outer[:, None] + math.sqrt(1.0 - shared) * inner[None, :]
    value = base.m + deviation * z
    with np.errstate(over="ignore"):
        for fn in functions:
            value = fn.value(value)
    mean = float(outer_weights @ (value @ inner_weights))
    square = float(outer_weights @ ((value * value) @ inner_weights))
    conditional = value @ inner_weights
    same_sample = float(outer_weights @ (conditional * conditional))
    ratio = min(c_r / shared, 1.0) if shared > 0 else 0.0
    other = _pair(conditional, ratio)
    if c_p > c_r + 1e-6 and c_s < 1.0:
        part = min((c_p - c_r) / max(1.0 - c_s, 1e-9), 1.0)
        same_position = other + part * (square - same_sample)
    else:
        same_position = other
    floor = mean * mean
    moments = Moments(mean, square, same_position, same_sample, other, floor, floor, floor, floor)
    if abs(x.k - x.m * x.m) > 1e-9 * x.q:  # channels are alike: the maximum keeps their correlation, roughly
        share = (x.k - x.m * x.m) / max(x.q - x.m * x.m, 1e-300)
        moments = moments._replace(k=floor + share * (square - floor))
    return moments, _routing(base, segment, k, shared)


def _pair(conditional: Vector, correlation: float) -> float:
    """``E[F(u) F(u')]`` for a function on the outer nodes."""
    nodes, weights = gauss_hermite(24)
    total = 0.0
    before, now = np.zeros_like(nodes), np.ones_like(nodes)
    for degree in range(20):
        coefficient = float(weights @ (conditional * now))
        total += coefficient * coefficient * correlation**degree
        before, now = now, (nodes * now - math.sqrt(degree) * before) / math.sqrt(degree + 1)
    return total


def _routing(base: Moments, segment: Segment, k: float, shared: float) -> Vector | None:
    """``k P(z is the maximum | z)`` on the nodes of the segment's own response."""
    if segment.curve is None:
        return None
    response, _ = respond(segment.curve.base, segment.curve.functions)
    z = response.basis.z
    if shared < 1e-4:
        chance = normal_cdf(z) ** (k - 1.0)
    else:
        outer, weights = gauss_hermite(16)
        root = math.sqrt(shared)
        rest = math.sqrt(1.0 - shared)
        u = root * z[:, None] + rest * outer[None, :]
        chance = normal_cdf((z[:, None] - root * u) / rest) ** (k - 1.0) @ weights
    total = float(response.basis.weights @ chance)
    return chance / total if total > 0 else None


def pool(state: State, primitive: rule.Pool) -> Step:
    """Maximum or average over a moving window."""
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    state = to_channel(state, axis)
    spatial = state.spatial
    if len(spatial) != len(primitive.size) or min(spatial, default=0) < 1:
        raise UnknownSignal("the window does not fit the tensor's axes")
    single = set(primitive.size) == {1}  # the maximum of one value is that value
    if primitive.kind == "average" or single:
        state = fold_border(state)
    taps, outputs = count(spatial, primitive.size, primitive.strides, (), primitive.padding, state.border)
    sizes = list(outputs)
    sizes.insert(state.channel, state.channels)
    if single and set(primitive.strides) == {1}:
        return Step((state,), lambda grads: Pulled(grads), degree=1.0)
    if primitive.kind == "average" or single:
        windows = tuple(
            window_taps(size, outputs[axis], primitive.size[axis], primitive.strides[axis], primitive.padding)
            for axis, size in enumerate(spatial)
        )
        moved = window(spatial, outputs, primitive.size, primitive.strides, (), primitive.padding, ())
        reach = state.reach / max(primitive.strides, default=1)
        step = _average(state, windows, tuple(sizes), nearness(state, primitive.size), moved)
        output = step.outputs[0]._replace(reach=reach, lag=pooled_lag(state.lag, primitive))
        return step._replace(outputs=(output,))
    reach = taps.total / taps.outputs
    near = nearness(state, primitive.size)
    segments, routes = [], []
    for segment in state.segments:
        moments, route = maximum_moments(segment, reach, near)
        segments.append(Segment(segment.size, moments, None, segment.hetero))
        routes.append(route)
    moved = window(spatial, outputs, primitive.size, primitive.strides, (), primitive.padding, state.border)
    profile = () if moved is None else moved.average(state.profile)
    output = state._replace(
        sizes=tuple(sizes),
        segments=tuple(segments),
        border=(),
        profile=profile,
        reach=state.reach / max(primitive.strides, default=1),
        lag=pooled_lag(state.lag, primitive),
    )
    return Step(
        (output,), _route(state, tuple(routes), taps.outputs / taps.inputs, moved), degree=1.0, straight=reach**-0.5
    )


def _route(
    state: State, routes: tuple[Vector | None, ...], share: float, moved: Window | None = None
) -> Callable[[tuple[Grad | None, ...]], Pulled]:
    sizes = tuple(segment.size for segment in state.segments)
    outer = state.coverage() if state.border else 1.0

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        result = []
        for g, route in zip(align(grad, sizes), routes, strict=True):
            far = share * share
            result.append(
                GradSegment(g.size, g.q * share, g.p * far, g.s * far, g.r * far, g.k * far, 0.0, route, chosen=True)
            )
        profile = () if moved is None else moved.backward(grad.profile)[1]
        return Pulled((grad.with_segments(result, outer=outer, profile=profile).normalised(),))

    return pull


Windows: TypeAlias = tuple[tuple[tuple[int, ...], ...], ...]
"""For each axis, for each output, the input positions in its window."""


def _average(state: State, windows: Windows, sizes: tuple[int, ...], close: Nearness, moved: Window | None) -> Step:
    """Each window's mean over the positions that are not padding."""
    squares = 1.0  # sum over inputs of the squared total weight
    own = 1.0  # mean over windows of 1 / count
    back = 1.0  # sum over windows of 1 / count, that is sum over (input, window) of weight^2
    total_inputs = total_outputs = 1
    for size, along in zip(state.spatial, windows, strict=True):
        weight = [0.0] * size
        inverse = 0.0
        for taps in along:
            share = 1.0 / max(len(taps), 1)
            inverse += share
            for index in taps:
                weight[index] += share
        squares *= sum(value * value for value in weight)
        own *= inverse / len(along)
        back *= inverse
        total_inputs *= size
        total_outputs *= len(along)
    n = total_outputs

    def near(same: float, far: float) -> float:
        return same * own + far * (1.0 - own)

    def between(same: float, far: float) -> float:
        if n < 2:
            return near(same, far)
        everything = squares * same + (n * n - squares) * far
        return (everything - n * near(same, far)) / (n * (n - 1))

    def change(x: Moments) -> Moments:
        y = nearby(x, close)
        return Moments(
            x.m,
            near(x.q, y.s),
            near(x.p, y.r),
            between(x.q, x.s),
            between(x.p, x.r),
            near(x.k, y.ks),
            near(x.kp, y.kr),
            between(x.k, x.ks),
            between(x.kp, x.kr),
        )

    profile = () if moved is None else moved.average(state.profile)
    output = _averaged(state, state.map(change, sizes=sizes, profile=profile, lag=0.0))
    inputs = total_inputs

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        # the input's gradient is a weighted sum over the windows that hold it; all pairs together weigh n^2
        overlap = (squares - back) / inputs

        def one(same: float, far: float) -> float:
            return back / inputs * same + overlap * far

        def two(same: float, far: float) -> float:
            if inputs < 2:
                return one(same, far)
            everything = n * same + n * (n - 1) * far
            return (everything - inputs * one(same, far)) / (inputs * (inputs - 1))

        result = [
            GradSegment(g.size, one(g.q, g.s), one(g.p, g.r), two(g.q, g.s), two(g.p, g.r), one(g.k, g.k * 0.0))
            for g in grad.segments
        ]
        profile = () if moved is None else moved.backward(grad.profile)[1]
        return Pulled((grad.with_segments(result, profile=profile).normalised(),))

    return Step((output,), pull, degree=1.0, straight=_kept(state, output))


def _averaged(state: State, output: State) -> State:
    """Means over positions: the sizes of the samples, and the tails.

    What the elements have of their own counts by its share in the variance that is left, and adds as for any sum.
    """
    if state.positions < 2:
        return output.sized(state.samples)
    x, y = state.moments, output.moments
    if state.samples is not None:
        mean = state.samples.mean
        common = max(y.r, 0.0)
        held = common if mean is None else common * meeting(mean, mean)
        output = output.sized(pooled(state.samples, y.q - held, common))
    before, after = scales(state.profile, state.vary), scales(output.profile, output.vary)
    own, left = x.q - max(x.s, x.r), y.q - max(y.s if output.positions > 1 else y.r, y.r)
    share = min(max(y.q - x.s, 0.0) / left, 1.0) if left > 0.0 else 0.0
    terms = max(own / max(y.q - x.s, 1e-300), 1.0) if own > 0.0 else 1.0
    return output._replace(
        segments=tuple(
            item._replace(excess=(3.0 + share * share / terms * own_excess(item.excess, before)) * (1.0 + after) - 3.0)
            for item in output.segments
        )
    )


def _kept(state: State, output: State) -> float:
    """The squared correlation of a mean with the values that it is of."""
    before = state.moments.q
    return min(output.moments.q / before, 1.0) if before > 0.0 else 0.0


def _parts(sizes: tuple[int, ...], parts: tuple[int, ...]) -> Windows:
    """The windows of adaptive pooling, which overlap where a size is no multiple of the number of parts."""
    return tuple(
        tuple(tuple(range(size * i // n, -(-size * (i + 1) // n))) for i in range(n))
        for size, n in zip(sizes, parts, strict=True)
    )


def global_pool(state: State, primitive: rule.GlobalPool) -> Step:
    """Maximum or average over all positions, or over equal parts of them."""
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    state = to_channel(state, axis)
    parts = primitive.adaptive or (1,) * len(state.spatial)
    if primitive.adaptive or primitive.keepdims:
        sizes = list(parts)
        sizes.insert(state.channel, state.channels)
    else:
        sizes = [state.channels]
    channel = state.channel if len(sizes) > 1 else 0
    n_out = math.prod(parts)
    windows = _parts(state.spatial, parts) if primitive.adaptive else ()
    if windows and primitive.kind == "average":
        return _average(fold_border(state), windows, tuple(sizes), FAR, None)
    if primitive.kind == "max":
        cover = state.coverage() if state.border else 1.0
        n = cover * state.positions / n_out
        if windows:
            n = cover * math.prod(sum(map(len, along)) / len(along) for along in windows)
        segments, routes = [], []
        for segment in state.segments:
            moments, route = maximum_moments(segment, n)
            if n_out == 1:
                moments = moments._replace(s=moments.q, r=moments.p, ks=moments.k, kr=moments.kp)
            segments.append(Segment(segment.size, moments, None, segment.hetero))
            routes.append(route)
        output = state._replace(
            sizes=tuple(sizes), channel=channel, segments=tuple(segments), border=(), profile=(), lag=0.0
        )
        share = min(n_out / (cover * state.positions), 1.0)
        return Step((output,), _route(state, tuple(routes), share), degree=1.0, straight=max(n, 1.0) ** -0.5)
    state = fold_border(state)
    part = float(state.positions)

    def change(x: Moments) -> Moments:
        def mean(same: float, far: float) -> float:
            return (same + (part - 1.0) * far) / part

        q, p, k, kp = mean(x.q, x.s), mean(x.p, x.r), mean(x.k, x.ks), mean(x.kp, x.kr)
        return Moments(x.m, q, p, q, p, k, kp, k, kp)

    output = _averaged(state, state.map(change, sizes=tuple(sizes), channel=channel, profile=(), lag=0.0))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        f = 1.0 / (part * part)
        result = [GradSegment(g.size, g.q * f, g.p * f, g.q * f, g.p * f, g.k * f) for g in grad.segments]
        return Pulled((grad.with_segments(result, profile=()).normalised(),))

    return Step((output,), pull, degree=1.0, straight=_kept(state, output))
