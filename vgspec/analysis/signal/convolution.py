"""Convolutions: plain, grouped, depthwise and transposed, with padding, strides and dilation."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal.functions import affine
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.linear import largest_singular_value
from vgspec.analysis.signal.linear_map import LinearMap, cancelled, log_of, typical_gradient
from vgspec.analysis.signal.positions import Window, window
from vgspec.analysis.signal.quadrature import Vector, gauss_hermite
from vgspec.analysis.signal.response import Curve, respond
from vgspec.analysis.signal.state import BATCH_SIZE, Segment, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.taps import Taps, count
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.analysis.signal.weights import WeightLaw, weight_law
from vgspec.analysis.signal.windows import strided
from vgspec.catalogue.moments import Structure
from vgspec.layers import signal as rule

__all__ = ["convolve"]


def convolve(state: State, primitive: rule.Convolution) -> Step:
    """Apply a convolution of any kind."""
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    channel = axis % len(state.sizes)
    if channel != state.channel:
        state = to_channel(state, channel)
    law = weight_law(primitive.initializer, primitive.shape)
    spatial, channels = state.spatial, state.channels
    kernel = primitive.shape[: len(spatial)]
    if len(kernel) != len(spatial) or min(spatial, default=1) < 1:
        raise UnknownSignal(f"a kernel of {len(kernel)} axes meets {len(spatial)} axes of positions")
    if primitive.transposed:
        state = fold_border(state)
        outputs = tuple(_transposed_size(spatial[i], kernel[i], primitive, i) for i in range(len(spatial)))
        turned, _ = count(outputs, kernel, primitive.strides, primitive.dilation, primitive.padding, (), spatial)
        taps = Taps(turned.total, turned.squares, turned.size, turned.inputs, turned.outputs)
        moved = None
    else:
        taps, outputs, moved = _moved(
            spatial, kernel, primitive.strides, primitive.dilation, primitive.padding, state.border
        )
    if primitive.spectral:
        top = largest_singular_value(law, math.prod(primitive.shape[:-1]), primitive.shape[-1], primitive.spectral)
        law = law._replace(variance=law.variance / top**2, mean=law.mean / top)
    sizes = list(outputs)
    sizes.insert(state.channel, primitive.filters)
    lag = 0.0 if primitive.transposed else strided(state.lag, max(primitive.strides, default=1))
    state = state._replace(reach=_reach(state, kernel, primitive), lag=lag)
    if primitive.depthwise:
        return _depthwise(state, primitive, law, taps, tuple(sizes), moved)
    outer = _outer(state, kernel, primitive, taps) if state.border and not primitive.transposed else 1.0
    fan_in, fan_out = channels // primitive.groups, primitive.filters // primitive.groups
    step = LinearMap(state, law, taps, fan_in, fan_out, tuple(sizes), state.channel, moved)
    excess = step.excess(state.segments)
    segment = Segment(primitive.filters, step.transfer(step.x), None, *step.unevenness(), excess=excess)
    output = step.output((segment,), primitive.filters)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = typical_gradient(grad)
        spread, fresh, overlap = step.pulled(grad, channels, law.structure is Structure.ORTHOGONAL)
        shared = cancelled(segment.hetero, g.inverse)
        sums = step.inward(grad)
        inward = step.back(g, channels, sums).scaled(1.0 / shared)
        profile = () if sums is None else sums[1]
        result = Grad((inward,), grad.log, spread, fresh, overlap, outer, profile, grad.samples).normalised()

        def kernel_norm() -> float:
            return log_of(step.kernel(g, step.x, fan_in * primitive.filters, grad), grad.log)

        return Pulled((result,), ((primitive.kernel, kernel_norm),))

    return Step((output,), pull, degree=1.0, adds=law.random, straight=_within(kernel))


@lru_cache(maxsize=4096)
def _moved(
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    border: tuple[tuple[int, int], ...],
) -> tuple[Taps, tuple[int, ...], Window | None]:
    """The taps of a kernel moved over positions, the output's sizes, and how the taps meet them one by one."""
    taps, outputs = count(spatial, kernel, strides, dilation, padding, border)
    return taps, outputs, window(spatial, outputs, kernel, strides, dilation, padding, border)


def _reach(state: State, kernel: tuple[int, ...], primitive: rule.Convolution) -> float:
    """How far into the output the border of a padded tensor makes itself felt: half a window further, less strides."""
    stride = max(primitive.strides, default=1)
    dilation = max(primitive.dilation, default=1)
    if primitive.transposed:
        return state.reach * stride
    padded = primitive.padding != "valid" or bool(state.border)
    return (state.reach + (0.5 * (max(kernel) - 1) * dilation if padded else 0.0)) / stride


@lru_cache(maxsize=256)
def _within(kernel: tuple[int, ...]) -> float:
    """How much of a kernel's product with itself lies within the kernel's own reach.

    Of the pairs of taps, ``k - d`` lie ``d`` apart; a gradient that comes back through the kernel reaches further than
    the next kernel before it looks.
    """
    share = 1.0
    for size in kernel:
        share *= sum(size - abs(d) for d in range(-(size // 2), size // 2 + 1)) / (size * size)
    return share


def _outer(state: State, kernel: tuple[int, ...], primitive: rule.Convolution, taps: Taps) -> float:
    """The gradient's mean square over a padded tensor, relative to that over its interior."""
    whole, _ = count(state.spatial, kernel, primitive.strides, primitive.dilation, primitive.padding)
    inside = taps.total / taps.inputs
    return whole.total / whole.inputs / inside if inside > 0 else 1.0


def _transposed_size(size: int, kernel: int, primitive: rule.Convolution, axis: int) -> int:
    stride = primitive.strides[axis]
    dilation = primitive.dilation[axis] if primitive.dilation else 1
    reach = (kernel - 1) * dilation + 1
    extra = primitive.output_padding[axis] if primitive.output_padding is not None else None
    if extra is not None:
        crop = reach // 2 if primitive.padding == "same" else 0
        return (size - 1) * stride + reach - 2 * crop + extra
    if primitive.padding == "same":
        return size * stride
    return size * stride + max(reach - stride, 0)


def _left_open(curve: Curve) -> float:
    """The relative variance of a squared value about its mean that mean and variance of the Gaussian do not explain.

    Normalization over a batch fixes these two for each channel, and with them most of what a function of the normalised
    values has for a variance.
    """
    response, _ = respond(curve.base, curve.functions)
    nodes, apart = response.basis, response.value - response.mean
    square = float(nodes.weights @ (apart * apart))
    if not square > 0.0:
        return 2.0
    relative = apart * apart / square - 1.0
    whole = float(nodes.weights @ (relative * relative))
    if abs(curve.base.q - 1.0) > 0.01 or abs(curve.base.m) > 0.01:
        return whole
    known = float(relative @ nodes.hermite[1]) ** 2 + float(relative @ nodes.hermite[2]) ** 2
    return max(whole - known, 0.0)


def _signed(whole: Segment, curve: Curve, factor: float) -> list[Segment]:
    """Channels that are multiplied by one weight each: half of them change their sign."""
    halves = []
    for size, sign in ((whole.size // 2, -1.0), (whole.size - whole.size // 2, 1.0)):
        fn = affine(round(sign * factor, 9), 0.0)
        mean = sign * factor * respond(curve.base, curve.functions)[0].mean
        turned = Curve(curve.base, curve.functions.then(fn))
        halves.append(whole._replace(size=size, moments=whole.moments._replace(m=mean), curve=turned, echo=0.0))
    return halves


def _bowed(back: GradSegment, bow: Curve, curve: Curve, law: WeightLaw, taps: float, centred: bool) -> GradSegment:
    """The gradient at inputs of which few make up an output that a function follows: large outputs have other slopes.

    A square of the output has the part ``w_t^2 / |w|^2`` from each input's, and the gradient at the input as large a
    part from each output's: the sum of the squares of these parts is what counts of the input in each.

    Args:
        back: the gradient at the input.
        bow: the function behind the output.
        curve: the input as a function of a Gaussian.
        law: of the weights.
        taps: inputs that make up an output.
        centred: whether normalization takes the output's mean away.
    """
    given = _slopes_behind(bow, curve, (1.0 + law.excess) / (taps + law.excess), centred)
    return back if given is None else back._replace(given=given)


@lru_cache(maxsize=256)
def _slopes_behind(bow: Curve, curve: Curve, part: float, centred: bool) -> Vector | None:
    """Mean square of the slope behind an output given an input that has a part in it; None where there is none.

    It is the same for all gradients, of which there are two (see `vgspec.analysis.signal.profile`).
    """
    own, _ = respond(curve.base, curve.functions)
    behind, _ = respond(bow.base, bow.functions)
    mean = own.mean if centred else 0.0
    square = own.square - mean * mean
    if not 0.0 < square < math.inf or not behind.slope_square > 0.0:
        return None
    nodes, weights = gauss_hermite(16)
    values = math.sqrt(part / square) * (own.value - mean)
    points = values[:, None] + math.sqrt(1.0 - part) * nodes
    slopes = behind.slope * behind.slope
    slopes = np.interp(points, behind.basis.z, slopes) + np.interp(-points, behind.basis.z, slopes)
    given: Vector = slopes @ weights
    total = float(own.basis.weights @ given)
    return given / total if total > 0.0 else None


def _joined(parts: list[GradSegment], state: State) -> tuple[GradSegment, ...]:
    """Gradients of halves of a segment as those of the whole one."""
    if len(parts) == len(state.segments):
        return tuple(parts)
    result: list[GradSegment] = []
    rest = list(parts)
    for segment in state.segments:
        first = rest.pop(0)
        if first.size == segment.size:
            result.append(first)
            continue
        second = rest.pop(0)
        share = first.size / segment.size
        q, p, s, r, k, h = (share * a + (1.0 - share) * b for a, b in zip(first.pairs, second.pairs, strict=True))
        given = None
        if first.given is not None and second.given is not None and q > 0.0:
            given = (share * first.q * first.given + (1.0 - share) * second.q * second.given) / q
        result.append(GradSegment(segment.size, q, p, s, r, k, h, given))
    return tuple(result)


def _along_taps(back: GradSegment, curve: Curve, law: WeightLaw, taps: float) -> float:
    """Mean product of the squares of an input and of the gradient that a tap sends to it, relative to their means."""
    own, _ = respond(curve.base, curve.functions)
    if back.given is None or not own.square > 0.0:
        return 1.0
    found = float(own.basis.weights @ (back.given * own.value * own.value)) / own.square
    return 1.0 + (found - 1.0) / taps * (taps + law.excess) / (1.0 + law.excess)


def _depthwise(
    state: State,
    primitive: rule.Convolution,
    law: WeightLaw,
    taps: Taps,
    sizes: tuple[int, ...],
    moved: Window | None,
) -> Step:
    """Each channel by itself: segments stay apart."""
    multiplier = primitive.shape[-1]
    outer = _outer(state, primitive.shape[: len(state.spatial)], primitive, taps) if state.border else 1.0
    maps = []
    segments: list[Segment] = []
    before: list[Segment] = []  # the input of each segment
    single = law.random and not law.mean and taps.mean == 1.0 and multiplier == 1
    # the squared cosine of random weights that share o of T taps is o / T^2 on average
    sharing = 1.0 + max(1.0 / math.prod(primitive.strides) - 1.0 / taps.mean, 0.0)
    for segment in state.segments:
        alone = State(
            state.sizes,
            state.channel,
            (segment,),
            state.border,
            state.spread,
            state.fresh,
            state.overlap,
            state.dead,
            profile=state.profile,
            reach=state.reach,
            lag=state.lag,
            vary=state.vary,
            samples=state.samples,
        )
        step = LinearMap(alone, law, taps, 1, multiplier, sizes, state.channel, moved, state.channels)
        maps.append(step)
        hetero = segment.hetero + law.excess * taps.squares / max(taps.total, 1) ** 2
        excess = step.excess((segment,))
        # the variance of n independent values is found to (excess + 2) / n; windows that overlap share their inputs
        uneven = max(excess + 2.0, 0.0) * sharing / (BATCH_SIZE * taps.outputs)
        echo = (sharing - 1.0) / max(taps.outputs - 1, 1)
        width = segment.size * multiplier
        found = Segment(width, step.transfer(step.x), None, hetero, uneven, excess=excess, echo=echo)
        segments.append(found)
        if single and segment.curve is not None and width > 1:
            values = BATCH_SIZE * taps.outputs
            found = found._replace(uneven=(1.0 + state.vary) * _left_open(segment.curve) / values)
            segments[-1:] = _signed(found, segment.curve, math.sqrt(law.variance))
            before.append(segment._replace(size=width // 2))
            maps.append(step)
            segment = segment._replace(size=width - width // 2)
        before.append(segment)
    whole = LinearMap(state, law, taps, 1, multiplier, sizes, state.channel, moved)
    # cosines between vectors are now means over channels and taps: of those that the narrower layers before left, only
    # one part for each tap remains
    least = 1.0 / max(state.channels, 1)
    overlap = least + max(state.overlap - least, 0.0) / taps.mean
    output = whole.output(tuple(segments), state.channels * multiplier)._replace(overlap=overlap)
    cuts = tuple(segment.size for segment in segments)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        spread, fresh, overlap = whole.pulled(grad, state.channels, False)
        typical = 1.0 / math.sqrt(1.0 + grad.fresh)
        sums = whole.inward(grad)
        parts = [g.scaled(typical) for g in align(grad, cuts)]
        rows = list(zip(parts, maps, before, segments, strict=True))
        inward = []
        for g, step, own, after in rows:
            back = step.back(g, own.size, sums).scaled(1.0 / cancelled(after.hetero, g.inverse))
            if after.curve is not None:
                back = back._replace(given=g.given)
            elif g.bow is not None and own.curve is not None and law.random:
                back = _bowed(back, g.bow, own.curve, law, taps.mean, g.inverse > 0.0)
            inward.append(back)
        profile = () if sums is None else sums[1]
        result = Grad(_joined(inward, state), grad.log, spread, fresh, overlap, outer, profile, grad.samples)

        def kernel_norm() -> float:
            total = 0.0
            for (g, step, own, _), back in zip(rows, inward, strict=True):
                size = step.kernel(g, step.x, own.size * multiplier, grad)
                if back.given is not None and own.curve is not None:
                    size *= _along_taps(back, own.curve, law, taps.mean)
                total += size
            return log_of(total, grad.log)

        return Pulled((result.normalised(),), ((primitive.kernel, kernel_norm),))

    return Step((output,), pull, degree=1.0, adds=law.random)
