"""What of a gradient each input of a merge gets."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np

from vgspec.analysis.signal.alignment import kept
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.quadrature import normal_cdf
from vgspec.analysis.signal.response import respond
from vgspec.analysis.signal.state import Segment
from vgspec.analysis.signal.step import Grad, GradSegment, Lean

__all__ = ["Others", "leans_of", "others", "projections", "share_of", "unbroadcast"]


T = TypeVar("T")


def others(values: Sequence[T], join: Callable[[T, T], T], empty: T) -> list[T]:
    """For each value all the others joined, in time that grows with their number and not with its square."""
    before = [empty]
    for value in values[:-1]:
        before.append(join(before[-1], value))
    result, after = list(before), empty
    for index in reversed(range(len(values))):
        result[index] = join(before[index], after)
        after = join(values[index], after)
    return result


class Others:
    """What the other inputs of a merge are together, for each input and each segment of its channels.

    The lists are by segment, then by input.
    """

    def __init__(self, columns: Sequence[tuple[Segment, ...]]) -> None:
        """Look at inputs whose segments are aligned."""
        self._rows = [[item.moments for item in row] for row in zip(*columns, strict=True)]

    @cached_property
    def products(self) -> list[list[tuple[float, ...]]]:
        """The products of the mean squares and of the mean products."""
        ones = (1.0,) * 5
        return [others([(x.q, x.p, x.s, x.r, x.k) for x in row], _times, ones) for row in self._rows]

    @cached_property
    def means(self) -> list[list[float]]:
        """The sums of the means."""
        return [others([x.m for x in row], operator.add, 0.0) for row in self._rows]

    @cached_property
    def variances(self) -> list[list[float]]:
        """The sums of the variances."""
        return [others([max(x.q - x.m * x.m, 0.0) for x in row], operator.add, 0.0) for row in self._rows]

    @cached_property
    def whole(self) -> list[float]:
        """The variance of the sum of all inputs, by segment."""
        return [sum(x.q - x.m**2 for x in row) for row in self._rows]


def _times(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(x * y for x, y in zip(a, b, strict=True))


def unbroadcast(grad: Grad, positions: int, channels: int, left: int, width: int) -> Grad:
    """The gradient summed over copies along positions and channels; ``left`` positions remain."""
    segments = grad.segments
    if channels > 1:
        g = grad.mean
        total = channels * (g.q + (channels - 1) * g.k)
        # other pairs: only what is known to be coherent over channels
        ratio = total / g.q if g.q > 0 else 0.0
        segments = (GradSegment(width, total, g.p * ratio, g.s * ratio, g.r * ratio, 0.0),)
    if positions > 1:
        n = positions
        segments = tuple(
            GradSegment(
                g.size,
                n * (g.q + (n - 1) * g.s),
                n * (g.p + (n - 1) * g.r),
                n * (g.q + (n - 1) * g.s) if left == 1 else n * n * g.s,
                n * (g.p + (n - 1) * g.r) if left == 1 else n * n * g.r,
                n * g.k,
            )
            for g in segments
        )
        grad = grad._replace(profile=())
    return grad.with_segments(segments)


def share_of(
    kind: str,
    grad: Grad,
    columns: list[tuple[Segment, ...]],
    cuts: tuple[int, ...],
    index: int,
    n: int,
    repeated: tuple[int, ...],
    rest: Others,
) -> Grad:
    """The gradient at one input; ``rest`` is what the others are."""
    if kind in ("add", "subtract", "average"):
        factor = repeated[index] / (n * n) if kind == "average" else float(repeated[index])
        if kind == "subtract" and repeated[index] == n == 2:
            factor = 0.0  # x - x
        sign = -1.0 if kind == "subtract" and index else 1.0
        found = grad if factor == 1.0 else grad.scaled(factor)
        masks = kind == "add" and factor == 1.0 and any(g.positive for g in grad.segments)
        if not masks and not any(g.linear for g in grad.segments):
            return found
        parts = [_of_term(g, sign, columns, at, index, rest) for at, g in enumerate(align(found, cuts))]
        return found.with_segments(_masked(g, at, columns, index, rest) if masks else g for at, g in enumerate(parts))
    if kind in ("maximum", "minimum"):
        return grad.scaled(1.0 / n) if repeated[index] == 1 else grad
    result = []
    for at, g in enumerate(align(grad, cuts)):
        q, p, s, r, k = rest.products[at][index]
        times = 2.0 if repeated[index] > 1 else 1.0
        result.append(GradSegment(g.size, g.q * q * times, g.p * p, g.s * s, g.r * r, g.k * k))
    return grad.with_segments(result)


def _along(columns: list[tuple[Segment, ...]], at: int, index: int, rest: Others) -> float:
    """What share of a gradient along a sum lies along one of its terms: their correlation."""
    own = columns[index][at].moments
    mean = own.m + rest.means[at][index]
    total = rest.whole[at] + mean * mean
    scale = math.sqrt(max(own.q * total, 0.0))
    return min((own.q + own.m * rest.means[at][index]) / scale, 1.0) if scale > 0.0 else 0.0


def _of_term(
    g: GradSegment, sign: float, columns: list[tuple[Segment, ...]], at: int, index: int, rest: Others
) -> GradSegment:
    """The gradient at one term of a sum.

    Only a share of it lies along the term. All of what was linear in the sum stays linear in what the terms have in
    common: they mostly come from one input.
    """
    return g._replace(a=sign * g.a * _along(columns, at, index, rest)) if g.a else g


def _masked(g: GradSegment, at: int, columns: list[tuple[Segment, ...]], index: int, rest: Others) -> GradSegment:
    """The gradient at one term of a sum that a rectifier follows: it comes where the sum is positive.

    That is more likely where the term is large, so the masks of successive rectifiers in a residual stream agree more
    often than by chance. What the sum's own value says of the gradient, from the rectifiers further on, is taken at the
    mean of those sums that are positive with this term.
    """
    curve = columns[index][at].curve
    mean, variance = rest.means[at][index], rest.variances[at][index]
    if not g.positive or curve is None or variance <= 0.0:
        return g._replace(given=None, positive=False)
    response, scale = respond(curve.base, curve.functions)
    deviation = math.sqrt(variance)
    apart = (response.value * scale + mean) / deviation
    chance = normal_cdf(apart)
    if isinstance(g.positive, tuple):
        density = np.exp(-0.5 * apart * apart) / math.sqrt(2.0 * math.pi)
        values, given = g.positive
        chance = chance * np.interp(deviation * (apart + density / np.maximum(chance, 1e-12)), values, given)
    total = float(response.basis.weights @ chance)
    return g._replace(given=chance / total if total > 0 else None, positive=False)


def projections(kind: str, columns: list[tuple[Segment, ...]], cuts: tuple[int, ...]) -> list[tuple[float, float]]:
    """For each input of a merge, how much of the result it is, and the mean square of the rest of it."""
    if kind == "multiply":
        return [(1.0, 0.0)] * len(columns)
    if kind in ("maximum", "minimum"):
        return [(1.0 / len(columns), 0.0)] * len(columns)
    signs = [-1.0 if kind == "subtract" and place else 1.0 for place in range(len(columns))]
    means = [sum(s * column[at].moments.m for s, column in zip(signs, columns, strict=True)) for at in range(len(cuts))]
    whole = 0.0
    for at, size in enumerate(cuts):
        whole += size * (sum(column[at].moments.q - column[at].moments.m ** 2 for column in columns) + means[at] ** 2)
    if not whole > 0.0:
        return [(0.0, 0.0)] * len(columns)
    result = []
    for sign, column in zip(signs, columns, strict=True):
        own = square = 0.0
        for at, size in enumerate(cuts):
            x = column[at].moments
            own += size * (x.q - x.m * x.m + sign * x.m * means[at])
            square += size * x.q
        share = abs(own) / whole
        result.append((share, max(square - share * share * whole, 0.0) / sum(cuts)))
    return result


def leans_of(grad: Grad, merge: object, index: int, part: tuple[float, float], elements: int) -> tuple[Lean, ...]:
    """The products of value and gradient at an input of a merge.

    Beside the input's share in those at the result there is the product with what of the input is not along the result:
    with two inputs, it is the opposite for the other one.
    """
    share, rest = part
    if not grad.leans or share <= 0.0:
        return ()
    more = 2.0 * math.log(share)
    found = [Lean(origin, sign, log + more) for origin, sign, log in grad.leans]
    apart = max(grad.mean.q - grad.leaning(), 0.0) * rest * elements
    if apart > 0.0:
        found.append(Lean(merge, 1.0 if index == 0 else -1.0, math.log(apart) + grad.log))
    return kept(found)
