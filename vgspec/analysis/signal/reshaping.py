"""Operators that move, repeat, cut off or zero elements, and noise."""

from __future__ import annotations

import math
from collections.abc import Callable

from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.samples import kept_by, leveled, masked, mean_of, meeting, shifted, started
from vgspec.analysis.signal.state import Moments, Segment, State
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.tails import dropped
from vgspec.analysis.signal.views import fold_border, merge_axes, to_channel
from vgspec.layers import signal as rule

__all__ = ["crop", "drop", "noise", "pad", "permute", "reshape", "scale", "stop", "tile", "upsample"]


def _same(grads: tuple[Grad | None, ...]) -> Pulled:
    return Pulled(grads)


def _even(grads: tuple[Grad | None, ...]) -> Pulled:
    """The same gradient at other positions."""
    return Pulled(tuple(None if grad is None else grad._replace(profile=()) for grad in grads))


def _uniform(grad: Grad, size: int, s: float, r: float | None = None, k: float | None = None) -> Grad:
    """The mean gradient over channels, with some pair moments changed, at other positions."""
    g = grad.mean
    return grad._replace(profile=()).with_segments(
        (GradSegment(size, g.q, g.p, s, g.r if r is None else r, g.k if k is None else k),)
    )


def reshape(state: State, sizes: tuple[int, ...]) -> Step:
    """Elements in the same order under other sizes."""
    if sizes == state.sizes:
        return Step((state,), _same)
    state = fold_border(state)
    channels, positions = state.channels, state.positions
    if state.channel == len(state.sizes) - 1 and sizes and sizes[-1] == channels:
        return Step((state._replace(sizes=sizes, channel=len(sizes) - 1, profile=()),), _even)
    total = math.prod(state.sizes)
    if len(sizes) == 1 and state.sizes:
        if state.channel == len(state.sizes) - 1:
            merged = merge_axes(state, len(state.sizes), ())
        else:
            merged = _flat(state, total)
        return Step((merged,), _flattened(state), degree=1.0, straight=1.0 / max(positions, 1))
    moments = _redrawn(state, sizes)
    channel = len(sizes) - 1 if sizes else 0
    output = State(
        sizes,
        channel,
        (Segment(sizes[-1] if sizes else 1, moments),),
        (),
        state.spread,
        state.fresh,
        state.overlap,
        state.dead,
    )

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = grad.mean
        # only coherence that survives the regrouping is kept: the smaller of the two kinds
        s = min(g.s, g.k) if g.s > 0 and g.k > 0 else 0.0
        return Pulled((_uniform(grad, channels, s=s, k=s),))

    del positions
    return Step((output,), pull, degree=1.0)


def _flat(state: State, total: int) -> State:
    x = state.moments
    c, n = state.channels, state.positions
    pairs = total * (total - 1) or 1
    k = (n * c * (c - 1) * x.k + c * n * (n - 1) * x.s + n * (n - 1) * c * (c - 1) * x.ks) / pairs
    kp = (n * c * (c - 1) * x.kp + c * n * (n - 1) * x.r + n * (n - 1) * c * (c - 1) * x.kr) / pairs
    moments = Moments(x.m, x.q, x.p, x.q, x.p, k, kp, k, kp)
    return State((total,), 0, (Segment(total, moments),), (), state.spread, state.fresh, state.overlap, state.dead)


def _flattened(state: State) -> Callable[[tuple[Grad | None, ...]], Pulled]:
    channels = state.channels

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        g = grad.mean
        return Pulled((_uniform(grad, channels, s=g.k, r=0.0),))

    return pull


def _redrawn(state: State, sizes: tuple[int, ...]) -> Moments:
    """Moments after a regrouping that mixes channels and positions."""
    x = state.moments
    c, n = state.channels, state.positions
    total = c * n
    pairs = total * (total - 1) or 1
    any_q = (n * c * (c - 1) * x.k + c * n * (n - 1) * x.s + n * (n - 1) * c * (c - 1) * x.ks) / pairs
    any_p = (n * c * (c - 1) * x.kp + c * n * (n - 1) * x.r + n * (n - 1) * c * (c - 1) * x.kr) / pairs
    if state.sizes and len(sizes) > 1 and state.channel == len(state.sizes) - 1 and c % sizes[-1] == 0:
        # channels are split: their first part becomes positions, and the rest remain channels
        parts = c // sizes[-1]
        count = n * parts
        if count > 1:
            # two new positions with one new channel: old channels differ where only the part differs
            far = (parts - 1) * n
            s = (far * x.k + (n - 1) * n * 0.0 + (n - 1) * parts * any_q) / max(far + (n - 1) * parts, 1)
            r = (far * x.kp + (n - 1) * parts * any_p) / max(far + (n - 1) * parts, 1)
        else:
            s, r = x.q, x.p
        return Moments(x.m, x.q, x.p, s, r, x.k, x.kp, any_q, any_p)
    return Moments(x.m, x.q, x.p, any_q, any_p, any_q, any_p, any_q, any_p)


def permute(state: State, primitive: rule.Permute) -> Step:
    """Axes in another order; the channel axis moves along."""
    state = fold_border(state)
    order = tuple(dim - 1 for dim in primitive.dims)
    sizes = tuple(state.sizes[axis] for axis in order)
    return Step((state._replace(sizes=sizes, channel=order.index(state.channel), profile=()),), _even)


def stop(state: State) -> Step:
    """The identity whose gradient is nothing."""
    return Step((state,), lambda grads: Pulled((None,) * len(grads)))


def scale(state: State, primitive: rule.Scale) -> Step:
    """A number times the input plus a number."""
    factors, offsets = primitive.factor, primitive.offset
    if set(factors) == {1.0} and set(offsets) == {0.0}:
        return Step((state,), _same)
    state = fold_border(state) if any(offsets) else state
    n = max(len(factors), len(offsets))
    factors, offsets = factors * (n // len(factors)), offsets * (n // len(offsets))
    if n == 1:
        output = state.map(lambda x: x.scaled(factors[0]).shifted(offsets[0]))
    elif n == state.channels and len(state.segments) == 1:
        x = state.segments[0].moments
        parts = (Segment(1, x.scaled(f).shifted(b)) for f, b in zip(factors, offsets, strict=True))
        output = state.with_segments(parts)
    else:  # one number for each element of several axes: only its mean and mean square are kept
        square, mean = sum(f * f for f in factors) / n, sum(offsets) / n
        extra = sum(b * b for b in offsets) / n - mean * mean
        sign = 1.0 if sum(factors) >= 0 else -1.0
        scaled = state.map(lambda x: x.scaled(sign * math.sqrt(square)).shifted(mean))
        output = scaled.map(lambda x: x._replace(q=x.q + extra, p=x.p + extra))
    if state.samples is not None and any(offsets):
        mean = sum(factors) / n
        output = output.sized(shifted(state.samples, state.moments.scaled(mean), sum(offsets) / n))
    sizes = tuple(segment.size for segment in output.segments)
    gains = tuple(f * f for f in factors) if len(sizes) == n else (sum(f * f for f in factors) / n,) * len(sizes)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        parts = (g.scaled(gain) for g, gain in zip(align(grad, sizes), gains, strict=True))
        return Pulled((grad.with_segments(parts).normalised(),))

    y, shift = output.moments, sum(offsets) / n
    return Step((output,), pull, degree=1.0 - shift * y.m / y.q if y.q > 0.0 else 1.0)


def drop(state: State, primitive: rule.Drop) -> Step:
    """Inverted dropout."""
    keep = 1.0 - primitive.rate
    if keep >= 1.0:
        return Step((state,), _same)
    if keep <= 0.0:
        zero = state.map(lambda x: Moments(*(0.0,) * 9))
        return Step((zero,), lambda grads: Pulled(tuple(None if g is None else g.scaled(0.0) for g in grads)))

    def change(x: Moments) -> Moments:
        s, k, ks = x.s, x.k, x.ks
        if primitive.shared:
            s = s / keep
        return Moments(x.m, x.q / keep, x.p, s, x.r, k, x.kp, ks, x.kr)

    output = state.map(change)
    apart = not primitive.shared and not state.border
    output = output.with_segments(
        item._replace(excess=dropped(item, keep), dropped=(before, keep) if apart else None)
        for item, before in zip(output.segments, state.segments, strict=True)
    )
    mask = None
    if primitive.shared:
        before = started(state.samples, state.vary, 0.0)
        mask = kept_by(before, keep, state.channels)
        output = output.sized(masked(before, mask))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        far = 1.0 / keep if primitive.shared else 1.0
        result = [
            GradSegment(g.size, g.q / keep**2, g.p, g.s * far, g.r, g.k, given=g.given)
            if g.chosen and not primitive.shared  # what is dropped is never the largest
            else GradSegment(g.size, g.q / keep, g.p, g.s * far, g.r, g.k)
            for g in grad.segments
        ]
        samples = grad.samples
        if mask is not None:
            if samples is not None:  # those that are kept may be those with large gradients
                more = meeting(samples, mask) / max(mean_of(mask), 1e-300)
                result = [g.scaled(more) for g in result]
            samples = leveled(mask if samples is None else samples * mask)
        return Pulled((grad.with_segments(result, samples=samples),))

    return Step((output,), pull, degree=1.0)


def noise(state: State, primitive: rule.Noise) -> Step:
    """Noise added or multiplied, and alpha dropout."""
    if primitive.alpha_rate:
        return _alpha(state, primitive.alpha_rate)
    added, factor = primitive.added**2, primitive.multiplied**2
    if added:
        state = fold_border(state)
    output = state.map(lambda x: x._replace(q=x.q * (1.0 + factor) + added))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        return Pulled((grad.with_segments(GradSegment(g.size, g.q * (1.0 + factor), *g[2:6]) for g in grad.segments),))

    return Step((output,), pull, degree=1.0)


def _alpha(state: State, rate: float) -> Step:
    """Alpha dropout (Klambauer et al. 2017): dropped units take SELU's floor, then scale and shift restore moments."""
    floor = -1.7580993408473766
    keep = 1.0 - rate
    a = (keep * (1.0 + rate * floor * floor)) ** -0.5
    b = -a * floor * rate
    state = fold_border(state)

    def change(x: Moments) -> Moments:
        mean = keep * x.m + rate * floor
        same = keep * x.q + rate * floor * floor

        def pair(value: float) -> float:
            return keep * keep * value + 2.0 * keep * rate * floor * x.m + (rate * floor) ** 2

        return Moments(mean, same, *(pair(value) for value in x[2:])).scaled(a).shifted(b)

    output = state.map(change)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        f = a * a * keep
        return Pulled(
            (grad.with_segments(GradSegment(g.size, g.q * f, *(v * f * keep for v in g[2:6])) for g in grad.segments),)
        )

    x, y = state.moments, output.moments
    degree = a * keep * (a * x.q + b * x.m) / y.q if y.q > 0.0 else 1.0
    return Step((output,), pull, degree=degree)


def pad(state: State, primitive: rule.Pad) -> Step:
    """Zeros around the positions; kept as a border for the convolution or pooling that follows."""
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    state = to_channel(state, axis)
    sizes = list(state.sizes)
    axes = [index for index in range(len(sizes)) if index != state.channel]
    border = list(state.border) or [(0, 0)] * len(axes)
    for index, at in enumerate(axes):
        before, after = primitive.amounts[index]
        sizes[at] += before + after
        border[index] = (border[index][0] + before, border[index][1] + after)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        return Pulled((None if grad is None else grad._replace(outer=1.0),))

    return Step((state._replace(sizes=tuple(sizes), border=tuple(border)),), pull, degree=1.0)


def crop(state: State, sizes: tuple[int, ...]) -> Step:
    """Positions cut off: what remains looks alike, and the gradient elsewhere is zero."""
    state = fold_border(state)
    output = state._replace(sizes=sizes, profile=())
    share = output.positions / max(state.positions, 1)
    n_out, n_in = output.positions, state.positions
    pairs = n_out * (n_out - 1) / (n_in * (n_in - 1)) if n_in > 1 else 1.0

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        result = [
            GradSegment(g.size, g.q * share, g.p * share, g.s * pairs, g.r * pairs, g.k * share) for g in grad.segments
        ]
        return Pulled((grad.with_segments(result, profile=()),))

    return Step((output,), pull, degree=1.0)


def tile(state: State, primitive: rule.Tile) -> Step:
    """The tensor repeated along a new first axis."""
    times = primitive.times
    state = fold_border(state)
    n = state.positions
    total = n * times
    same = (times - 1) / (total - 1) if total > 1 else 0.0

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        return Moments(
            m,
            q,
            p,
            same * q + (1 - same) * s,
            same * p + (1 - same) * r,
            k,
            kp,
            same * k + (1 - same) * ks,
            same * kp + (1 - same) * kr,
        )

    output = state.map(change, sizes=(times, *state.sizes), channel=state.channel + 1, profile=())

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        return Pulled((None if grad is None else _gathered(grad, times, n),))

    return Step((output,), pull, degree=1.0)


def _gathered(grad: Grad, copies: float, left: int) -> Grad:
    """The gradient summed over ``copies`` of each of ``left`` positions."""
    c = copies
    result = []
    for g in grad.segments:
        q, p = c * (g.q + (c - 1) * g.s), c * (g.p + (c - 1) * g.r)
        s, r = (q, p) if left == 1 else (c * c * g.s, c * c * g.r)
        result.append(GradSegment(g.size, q, p, s, r, c * g.k))
    return grad.with_segments(result, profile=()).normalised()


def upsample(state: State, primitive: rule.Upsample, sizes: tuple[int, ...]) -> Step:
    """Each position repeated or interpolated."""
    state = fold_border(state)
    axis = primitive.axis if primitive.axis < 0 else primitive.axis - 1
    state = to_channel(state, axis)
    n_in = max(state.positions, 1)
    output = state._replace(sizes=sizes, profile=())
    n_out = max(output.positions, 1)
    copies = n_out / n_in
    if primitive.interpolation == "nearest":
        concentration, spread_over = 1.0, copies
    else:
        # linear interpolation along each axis by a factor f has squared weights (2 f^2 + 1) / (3 f^2) on average
        concentration = spread_over = 1.0
        for factor in primitive.factors:
            share = (2.0 * factor * factor + 1.0) / (3.0 * factor * factor)
            concentration *= share
            spread_over *= factor

    same = max(copies - 1.0, 0.0) / max(n_out - 1, 1)

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        q, p = concentration * q + (1 - concentration) * s, concentration * p + (1 - concentration) * r
        k, kp = concentration * k + (1 - concentration) * ks, concentration * kp + (1 - concentration) * kr
        return Moments(
            m,
            q,
            p,
            same * q + (1 - same) * s,
            same * p + (1 - same) * r,
            k,
            kp,
            same * k + (1 - same) * ks,
            same * kp + (1 - same) * kr,
        )

    output = output.map(change)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        if primitive.interpolation == "nearest":
            return Pulled((_gathered(grad, copies, n_in),))
        result = []
        for g in grad.segments:
            own = copies * concentration
            total = copies * copies
            q, p = own * g.q + (total - own) * g.s, own * g.p + (total - own) * g.r
            result.append(GradSegment(g.size, q, p, total * g.s, total * g.r, own * g.k))
        return Pulled((grad.with_segments(result, profile=()).normalised(),))

    return Step((output,), pull, degree=1.0)
