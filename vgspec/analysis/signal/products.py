"""Dot products of two tensors along one axis each."""

from __future__ import annotations

import math

from vgspec.analysis.signal.merging import typical
from vgspec.analysis.signal.state import Moments, Segment, State, constant_moments
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.layers import signal as rule

__all__ = ["dot"]


def _own_dot(state: State, normalize: bool, sizes: tuple[int, ...]) -> Step:
    """The dot product of vectors with themselves: their squared length, or one."""
    n, x = state.channels, state.moments
    out = sizes or (1,)
    if normalize:
        output = State(out, len(out) - 1, (Segment(out[-1], constant_moments(1.0)),))
        zero = Grad((GradSegment(n, 0.0),))
        return Step((output,), lambda grads: Pulled((None, None) if grads[0] is None else (zero, zero)))
    m4 = x.m**4

    def product(same: float, other: float) -> float:
        return (n * x.q) ** 2 + 2.0 * n * max(same * same - m4, 0.0) + 2.0 * n * (n - 1) * max(other * other - m4, 0.0)

    q, p = product(x.q, x.k), product(x.p, x.kp)
    output = State(out, len(out) - 1, (Segment(out[-1], Moments(n * x.q, q, p, q, p, q, p, q, p)),))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None, None))
        # both inputs are one tensor: each gets half of 2 x g, and the halves agree
        g = grad.mean.scaled(2.0)
        half = Grad((GradSegment(n, g.q * x.q, g.p * x.p, g.q * x.q, g.p * x.p, g.q * x.k),), grad.log, grad.spread)
        return Pulled((half, half))

    return Step((output,), pull)


def dot(
    states: tuple[State, ...],
    primitive: rule.DotProduct,
    sizes: tuple[int, ...],
    twins: bool = False,
    sources: tuple[object, ...] = (),
) -> Step:
    """Dot product of two tensors along one axis each."""
    if len(set(sources)) == 1 and len(states[0].sizes) == 1:
        return _own_dot(typical(states[0]), primitive.normalize, sizes)
    a, b = (fold_border(typical(state)) for state in states)
    axis_a, axis_b = (
        (axis if axis < 0 else axis - 1) % len(state.sizes) for axis, state in zip(primitive.axes, (a, b), strict=True)
    )
    a, b = to_channel(a, axis_a), to_channel(b, axis_b)
    n = a.channels
    x, y = a.moments, b.moments
    norm_a = norm_b = 1.0
    if primitive.normalize:
        norm_a, norm_b = 1.0 / max(n * x.q, 1e-12), 1.0 / max(n * y.q, 1e-12)
        x, y = x.scaled(math.sqrt(norm_a)), y.scaled(math.sqrt(norm_b))

    def total(u: float, uk: float, v: float, vk: float) -> float:
        return n * u * v + n * (n - 1) * uk * vk

    same = total(x.q, x.k, y.q, y.k)
    sample = total(x.p, x.kp, y.p, y.kp)
    row, column = total(x.q, x.k, y.s, y.ks), total(x.s, x.ks, y.q, y.k)
    apart = total(x.s, x.ks, y.s, y.ks)
    apart_sample = total(x.r, x.kr, y.r, y.kr)
    if not sizes or (len(sizes) == 1 and sizes[0] == 1):
        moments = Moments(n * x.m * y.m, same, sample, same, sample, same, sample, same, sample)
    else:
        moments = Moments(
            n * x.m * y.m, same, sample, column, total(x.r, x.kr, y.p, y.kp), row, sample, apart, apart_sample
        )
    if twins and a.positions == b.positions == 1:
        # two inputs through the same weights are like two samples of one tensor
        p = math.sqrt(max(x.p * y.p, 0.0))
        both = n * (x.q * y.q + 2.0 * p * p) + n * (n - 1) * p * p
        alike = n * n * p * p
        moments = Moments(n * p, both, alike, both, alike, both, alike, both, alike)
    out = sizes or (1,)
    output = State(out, len(out) - 1, (Segment(out[-1], moments),))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None, None))
        g = grad.mean
        back_a = b.positions * (g.q * y.q + (b.positions - 1) * g.k * y.s) * norm_a
        back_b = a.positions * (g.q * x.q + (a.positions - 1) * g.s * x.s) * norm_b
        ratio_a, ratio_b = (back / g.q if g.q > 0 else 0.0 for back in (back_a, back_b))
        along = 0.0
        if twins and x.q > 0 and y.q > 0:  # each is the gradient of the other, and they are alike
            along = max(x.p * y.p, 0.0) / (x.q * y.q)
        return Pulled(
            (
                Grad(
                    (GradSegment(a.channels, back_a, g.p * ratio_a * y.p / max(y.q, 1e-300), h=back_a * along),),
                    grad.log,
                    grad.spread,
                ),
                Grad(
                    (GradSegment(b.channels, back_b, g.p * ratio_b * x.p / max(x.q, 1e-300), h=back_b * along),),
                    grad.log,
                    grad.spread,
                ),
            )
        )

    return Step((output,), pull)
