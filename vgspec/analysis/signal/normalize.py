"""Normalizations: what they subtract, what they divide by, and what that does to the gradient.

Batch normalization subtracts, per channel, the mean over samples and positions: in expectation the average
product moment of all pairs (Yang et al. 2019). Its backward pass divides by the same deviation, removes the
gradient's mean over the batch and its part along the normalised value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vgspec.analysis.signal.channels import Unequal, channel_share, unequal_channels
from vgspec.analysis.signal.functions import affine
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.positions import flatter
from vgspec.analysis.signal.response import Curve, respond
from vgspec.analysis.signal.samples import centred as centred_sizes
from vgspec.analysis.signal.samples import leveled, mean_of, meeting, started
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State, pair_average
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.tails import own_excess, scales
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.analysis.signal.weights import weight_law
from vgspec.layers import signal as rule

__all__ = ["batch_normalize", "normalize"]


_SINGLE = 0.8
"""Relative variance of the channels' variances from which a channel has one weight."""
_EQUAL = 0.02
"""Share of the channels' means in the variance below which a function leaves all channels alike."""


def _gains(scale: Any, offset: Any, size: int) -> tuple[float, float, float, float]:
    """Mean and variance of scale and offset."""
    if type(scale).__name__ in ("Ones", "NoneType") and type(offset).__name__ in ("Zeros", "NoneType"):
        return 1.0, 0.0, 0.0, 0.0
    gamma = weight_law(scale, (size,)) if scale is not None else None
    beta = weight_law(offset, (size,)) if offset is not None else None
    return (
        gamma.mean if gamma is not None else 1.0,
        gamma.variance if gamma is not None else 0.0,
        beta.mean if beta is not None else 0.0,
        beta.variance if beta is not None else 0.0,
    )


def _scaled_and_shifted(x: Moments, gains: tuple[float, float, float, float]) -> Moments:
    gm, gv, bm, bv = gains
    if gains == (1.0, 0.0, 0.0, 0.0):
        return x
    same, other = gm * gm + gv, gm * gm
    m, q, p, s, r, k, kp, ks, kr = x
    y = Moments(m * gm, q * same, p * same, s * same, r * same, k * other, kp * other, ks * other, kr * other)
    m, q, p, s, r, k, kp, ks, kr = y.shifted(bm)
    return Moments(m, q + bv, p + bv, s + bv, r + bv, k, kp, ks, kr)


def batch_normalize(state: State, primitive: rule.BatchNormalize) -> Step:
    """Normalise each channel by the statistics of the batch."""
    state = fold_border(state)
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    state = to_channel(state, axis)
    size = state.channels
    gains = _gains(primitive.scale, primitive.offset, size)
    positions = state.positions
    elements = BATCH_SIZE * positions
    outputs: list[Segment] = []
    inverses: list[float] = []
    shares: list[float] = []
    taken = square = 0.0
    unequals: list[Unequal | None] = []
    few = []
    singles: dict[int, float] = {}
    for at, segment in enumerate(state.segments):
        x = segment.moments
        unequal = None
        few.append(segment.uneven or max(segment.excess + 2.0, 0.0) / elements)
        if primitive.frozen:
            variance = (
                weight_law(primitive.variance_initializer, (size,)).mean if primitive.variance_initializer else 1.0
            )
            mean = weight_law(primitive.mean_initializer, (size,)).mean if primitive.mean_initializer else 0.0
            inverse = 1.0 / (variance + primitive.epsilon)
            share = 0.0
            y = x.shifted(-mean).scaled(math.sqrt(inverse))
        else:
            mean_square = min(pair_average(x.q, x.p, x.s, x.r, positions), x.q)
            mean_cross = pair_average(x.k, x.kp, x.ks, x.kr, positions)
            variance = max(x.q - mean_square, 0.0)
            taken += segment.size * max(mean_square, 0.0)
            square += segment.size * x.q
            inverse = 1.0 / (variance + primitive.epsilon)
            share = variance * inverse
            uneven = 1.0 - (segment.hetero + few[-1]) * share * (1.0 - share)
            inverse *= max(uneven, 0.1)
            if segment.curve is not None and channel_share(segment.curve.base, positions) > _EQUAL:
                unequal = unequal_channels(segment.curve, positions, primitive.epsilon)
                if unequal is not None and variance > 0.0:
                    inverse = unequal.square / variance
                    share = unequal.square
            if segment.hetero > _SINGLE and segment.curve is not None and variance > 0.0:
                share, raised = _single_weights(primitive.epsilon / variance)
                singles[at], inverse = raised, share / variance * min(max(1.0 - few[-1] * (1.0 - share), 0.1), 1.0)
            values = [(value - mean_square) * inverse for value in x[1:5]]
            values += [(value - mean_cross) * inverse for value in x[5:]]
            y = Moments(0.0, *values)
        inverses.append(inverse)
        shares.append(share)
        unequals.append(unequal)
        curve = None
        moments = _scaled_and_shifted(y, gains)
        if segment.curve is not None and not gains[1] and not gains[3]:
            m2 = x.m * x.m
            if primitive.frozen or abs(x.r - m2) <= 0.05 * (x.q - m2):
                factor = math.sqrt(inverse) * gains[0]
                center = 0.0 if primitive.frozen else x.m
                fn = affine(round(factor, 9), round(gains[2] - factor * center, 9))
                curve = Curve(segment.curve.base, segment.curve.functions.then(fn))
        outputs.append(Segment(segment.size, moments, curve, excess=segment.excess, echo=segment.echo))
    output = state.with_segments(outputs)
    if not primitive.frozen:
        centred = 1.0 - taken / square if square > 0.0 else 1.0
        output = output._replace(spread=0.0, fresh=0.0, profile=flatter(state.profile, centred))
        samples = started(state.samples, state.vary)
        if samples is not None:
            unsure = sum(segment.size * u for segment, u in zip(state.segments, few, strict=True)) / size
            output = output.sized(centred_sizes(samples, 1.0 - centred, unsure))
    elsewhere = output.samples
    sizes = tuple(segment.size for segment in state.segments)
    gain = gains[0] * gains[0] + gains[1]

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        result = []
        # samples that are large get large gradients
        common = 0.0 if elsewhere is None else meeting(elsewhere.square, grad.samples) - 1.0
        cut = align(grad, sizes)
        outer = 1.0
        rows = zip(cut, state.segments, few, inverses, shares, unequals, outputs, strict=True)
        for at, (g, segment, measured, inverse, share, unequal, after) in enumerate(rows):
            f = inverse * gain
            if primitive.frozen:
                result.append(GradSegment(segment.size, g.q * f, g.p * f, g.s * f, g.r * f, g.k * f))
                continue
            mean = pair_average(g.q, g.p, g.s, g.r, positions)
            if unequal is not None:
                result.append(_to_unequal(g, segment.size, mean, gain, unequal, elements))
                continue
            random = g.q / elements * (1.0 + common) * _with_the_value(g, segment)
            along = max(g.h + g.a * g.a, random) * share * (2.0 - share)
            q = max(g.q - mean - along, 0.0)
            radial = g.a * g.a * share * (2.0 - share)
            of_p, of_s, of_r = _pairs_along(radial, segment.moments, positions)
            # all pairs together have no mean left, so that those of one sample bound those of two from below
            s = max(g.s - mean - of_s, -q / max(positions - 1, 1))
            least = -(q + (positions - 1) * s) / max(elements - positions, 1)
            p, r = max(g.p - mean - of_p, least), max(g.r - mean - of_r, least)
            # the inverse was lowered for the values' mean; gradients have the mean of the inverse itself
            hetero = 0.0 if at in singles else segment.hetero
            level = (hetero + measured) * share
            f /= max(1.0 - level * (1.0 - share), 0.1)
            low = measured * share * share
            raised = 1.0 / (1.0 - min(low, 0.8)) if segment.uneven else 1.0 + low
            spread = (1.0 + hetero * share * share) * raised
            given = g.given if after.curve is not None else None
            q, p, s, r, k = q * f * spread, p * f, s * f, r * f, g.k * f
            kept = 0.0 if at in singles else share  # what single weights take away again is left out from the start
            result.append(GradSegment(segment.size, q, p, s, r, k, given=given, inverse=kept, bow=g.bow))
            outer += (singles.get(at, 1.0) - 1.0) * segment.size / size
        return Pulled((grad.with_segments(result, outer=outer).normalised(),))

    return Step((output,), pull, degree=1.0 if primitive.frozen else 0.0)


def _single_weights(epsilon: float) -> tuple[float, float]:
    """Channels of variance ``w^2`` for one Gaussian weight each; ``epsilon`` is relative to the mean of them.

    Returns:
        The mean of ``w^2 / (w^2 + epsilon)``, which the next layer gets and a gradient before the weight as well; and
        the mean of ``1 / (w^2 + epsilon)`` relative to it, by which the gradient between the two layers is larger.
    """
    half = math.sqrt(max(0.5 * epsilon, 1e-12))
    inverse = 0.5 * math.sqrt(math.pi) / half * math.exp(half * half) * math.erfc(half)
    share = max(1.0 - epsilon * inverse, 1e-12)
    return share, inverse / share


def _with_the_value(g: GradSegment, segment: Segment) -> float:
    """Mean product of the squares of a gradient and of the value within its channel, relative to their means."""
    if g.bow is not None:
        return 1.0 + 2.0 * respond(g.bow.base, g.bow.functions)[0].slope_chi
    if g.given is None or segment.curve is None:
        return 1.0
    response, _ = respond(segment.curve.base, segment.curve.functions)
    variance = response.square - response.mean**2
    if g.given.size != response.basis.weights.size or not variance > 0.0:
        return 1.0
    apart = response.value - response.mean
    return float(response.basis.weights @ (g.given * apart * apart)) / variance


def _pairs_along(square: float, x: Moments, positions: int) -> tuple[float, float, float]:
    """Pair products of what lies along the centred value with this mean square: they are the value's own."""
    if square <= 0.0:
        return 0.0, 0.0, 0.0
    mean = pair_average(x.q, x.p, x.s, x.r, positions)
    variance = x.q - mean
    if variance <= 1e-12 * x.q:
        return 0.0, 0.0, 0.0
    return (
        square * (x.p - mean) / variance,
        square * (x.s - mean) / variance,
        square * (x.r - mean) / variance,
    )


def _to_unequal(g: GradSegment, size: int, mean: float, gain: float, unequal: Unequal, elements: int) -> GradSegment:
    """The gradient before normalising channels whose variances follow from their means."""
    f = gain * unequal.inverse
    # the part of a random gradient that the batch's mean and the value take is in the effect already
    q = max(g.q - max(mean - g.q / elements, 0.0) - max(g.h - g.q / elements, 0.0), 0.0)
    floor = -q / max(elements - 1, 1)
    p, s, r = (max(value - mean, floor) * f for value in (g.p, g.s, g.r))
    given = unequal.given
    if g.given is not None and g.given.size == given.size:
        given = given * g.given
    return GradSegment(size, q * f, p, s, r, g.k * f, given=given, inverse=0.0)


def _kurtosis(state: State) -> float:
    """Fourth moment over the squared second one; that of a Gaussian where nothing else is known."""
    total = weight = 0.0
    for segment in state.segments:
        x = segment.moments
        if segment.curve is not None:
            own = respond(segment.curve.base, segment.curve.functions)[0].kurtosis
        else:
            mean = x.m * x.m / x.q if x.q > 0.0 else 1.0
            own = 3.0 - 2.0 * mean * mean
        total += segment.size * x.q * own
        weight += segment.size * x.q
    return total / weight if weight > 0.0 else 3.0


def _near_zero(x: Moments, variance: float, primitive: rule.Normalize, count: int) -> float:
    """What comes back through values whose size epsilon decides, where nothing comes back through the others.

    Of one number there is left ``d / sqrt(d^2 + epsilon)``, and so of the difference of two from their mean: a sign,
    but near zero, where the squared slope has the integral ``3 pi / (8 sqrt(epsilon))``.
    """
    free = 2 if primitive.centered else 1
    if count != free or primitive.norm or not variance > 0.0 or primitive.epsilon <= 0.0:
        return 0.0
    mean = 0.0 if primitive.centered else x.m * x.m
    spread = max(variance - mean, 1e-12 * variance)
    density = math.exp(-0.5 * mean / spread) / math.sqrt(2.0 * math.pi * spread)
    slope = density * 3.0 * math.pi / (8.0 * math.sqrt(primitive.epsilon))
    return min(slope * (variance + primitive.epsilon) / free, 1.0)


def normalize(state: State, primitive: rule.Normalize) -> Step:
    """Normalise each sample over some axes: layer, group, instance, root-mean-square and unit normalization."""
    rank = len(state.sizes)
    axes = {(axis if axis < 0 else axis - 1) % rank for axis in primitive.axes}
    if state.channel not in axes and len(axes) == 1:
        state = to_channel(state, next(iter(axes)))
    gains = _gains(primitive.scale, primitive.offset, state.channels)
    if axes != {state.channel} or gains[2] or gains[3]:  # a vector of zeros by itself stays one
        state = fold_border(state)
    over_channels = state.channel in axes
    channels = max(state.channels // max(primitive.groups, 1), 1) if over_channels else 1
    positions = 1
    for axis in axes:
        if axis != state.channel:
            positions *= state.sizes[axis]
    count = channels * positions
    x = state.moments

    def within(same: float, far: float, other: float, farther: float) -> float:
        total = same + (positions - 1) * far + (channels - 1) * (other + (positions - 1) * farther)
        return total / count

    means = (0.0, 0.0, 0.0, 0.0)
    if primitive.centered:
        own = within(x.q, x.s, x.k, x.ks)
        sample = within(x.p, x.r, x.kp, x.kr)
        wide = positions >= state.positions
        means = (
            own,
            sample,
            own if wide else within(x.s, x.s, x.ks, x.ks),
            sample if wide else within(x.r, x.r, x.kr, x.kr),
        )
    variance = max(x.q - means[0], 0.0)
    # The floors are Keras's own for a norm, and what keeps a float finite otherwise.
    inverse = 1.0 / (max(variance * count, 1e-12) if primitive.norm else max(variance + primitive.epsilon, 1e-300))

    def change(y: Moments) -> Moments:
        if not primitive.centered:
            return _scaled_and_shifted(y.scaled(math.sqrt(inverse)), gains)
        if len(state.segments) > 1:
            return _scaled_and_shifted(y.shifted(-x.m).scaled(math.sqrt(inverse)), gains)
        own, sample, far, far_sample = means
        values = (y.q - own, y.p - sample, y.s - far, y.r - far_sample, y.k - own, y.kp - sample, y.ks - far)
        moments = Moments(0.0, *(value * inverse for value in (*values, y.kr - far_sample)))
        return _scaled_and_shifted(moments, gains)

    segments = []
    for segment in state.segments:
        curve = None
        if segment.curve is not None and not gains[1] and not gains[3] and count >= 16:
            factor = math.sqrt(inverse) * gains[0]
            center = x.m if primitive.centered else 0.0
            fn = affine(round(factor, 9), round(gains[2] - factor * center, 9))
            curve = Curve(segment.curve.base, segment.curve.functions.then(fn))
        excess = own_excess(segment.excess, scales(state.profile, state.vary))
        segments.append(Segment(segment.size, change(segment.moments), curve, segment.hetero, excess=excess))
    output = state.with_segments(segments, spread=0.0, fresh=0.0)
    output = output._replace(vary=0.0, samples=None)  # every sample is brought to the same size
    small = None if state.samples is None else 1.0 / np.maximum(state.samples.square, 1e-3)
    if positions < state.positions:  # and every position
        output = output._replace(profile=())
    gain = gains[0] * gains[0] + gains[1]
    lost = (2.0 if primitive.centered else 1.0) / count
    # samples differ in their own variance, and small ones count more in the mean of its inverse
    unsure = min(max(_kurtosis(state) - 1.0, 0.0) / count, 0.5)
    rare = _near_zero(x, variance, primitive, count)
    alike = min(max(x.p / x.q, 0.0), 1.0) if x.q > 0.0 else 1.0
    raised = 1.0 / (1.0 - 0.75 * unsure * (1.0 - 0.33 * alike * alike))
    y = output.moments

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        f = inverse * gain * raised
        samples = grad.samples
        if small is not None:
            samples = small if samples is None else samples * small
            f *= mean_of(samples)
            samples = leveled(samples)
        result = []
        for g in grad.segments:
            k = g.k
            coherent = (channels - 1) * max(k, 0.0) / channels if primitive.centered and over_channels else 0.0
            far = (
                (positions - 1) / positions * g.s if primitive.centered and positions > 1 and not over_channels else 0.0
            )
            # a gradient along the value changes its length only
            radial = min(g.a * g.a + (g.h if primitive.norm else 0.0), g.q)
            q = max((g.q - radial) * (1.0 - min(lost, 1.0)) - coherent - far, 0.0) + rare * g.q
            own = radial / y.q if y.q > 0.0 else 0.0
            pairs = (g.p - own * y.p, g.s - far - own * y.s, g.r - own * y.r, 0.0 if coherent else k)
            # no product of two elements is above the mean square: of a single value nothing at all comes back
            p, s, r, k = (min(max(value, -q), q) for value in pairs)
            result.append(GradSegment(g.size, q * f, p * f, s * f, r * f, k * f, given=g.given))
        outer = grad.outer
        if state.border:  # nothing but epsilon to divide by
            inside = state.coverage()
            least = 1e-12 if primitive.norm else max(primitive.epsilon, 1e-12)
            outer = inside + max(outer - inside, 0.0) * gain / (least * f)
        return Pulled((grad.with_segments(result, outer=outer, samples=samples).normalised(),))

    return Step((output,), pull, degree=0.0)
