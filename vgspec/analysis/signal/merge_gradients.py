"""What of a gradient each input of a merge gets."""

from __future__ import annotations

import math

from vgspec.analysis.signal.alignment import kept
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.quadrature import normal_cdf
from vgspec.analysis.signal.response import respond
from vgspec.analysis.signal.state import Grad, GradSegment, Lean, Segment

__all__ = ["leans_of", "projection", "share_of", "unbroadcast"]


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
) -> Grad:
    """The gradient at one input."""
    if kind in ("add", "subtract", "average"):
        factor = repeated[index] / (n * n) if kind == "average" else float(repeated[index])
        if kind == "subtract" and repeated[index] == n == 2:
            factor = 0.0  # x - x
        sign = -1.0 if kind == "subtract" and index else 1.0
        found = grad if factor == 1.0 else grad.scaled(factor)
        masks = kind == "add" and factor == 1.0 and any(g.positive for g in grad.segments)
        if not masks and not any(g.linear for g in grad.segments):
            return found
        parts = [_of_term(g, sign, columns, at, index) for at, g in enumerate(align(found, cuts))]
        return found.with_segments(_masked(g, at, columns, index) if masks else g for at, g in enumerate(parts))
    if kind in ("maximum", "minimum"):
        return grad.scaled(1.0 / n) if repeated[index] == 1 else grad
    result = []
    for at, g in enumerate(align(grad, cuts)):
        q, p, s, r, k = 1.0, 1.0, 1.0, 1.0, 1.0
        for other in range(n):
            if other != index:
                x = columns[other][at].moments
                q, p, s, r, k = q * x.q, p * x.p, s * x.s, r * x.r, k * x.k
        times = 2.0 if repeated[index] > 1 else 1.0
        result.append(GradSegment(g.size, g.q * q * times, g.p * p, g.s * s, g.r * r, g.k * k))
    return grad.with_segments(result)


def _along(columns: list[tuple[Segment, ...]], at: int, index: int) -> float:
    """What share of a gradient along a sum lies along one of its terms: their correlation."""
    own = columns[index][at].moments
    others = sum(column[at].moments.m for place, column in enumerate(columns) if place != index)
    mean = own.m + others
    total = sum(column[at].moments.q - column[at].moments.m ** 2 for column in columns) + mean * mean
    scale = math.sqrt(max(own.q * total, 0.0))
    return min((own.q + own.m * others) / scale, 1.0) if scale > 0.0 else 0.0


def _of_term(g: GradSegment, sign: float, columns: list[tuple[Segment, ...]], at: int, index: int) -> GradSegment:
    """The gradient at one term of a sum.

    Only a share of it lies along the term. All of what was linear in the sum stays linear in what the terms have in
    common: they mostly come from one input.
    """
    return g._replace(a=sign * g.a * _along(columns, at, index)) if g.a else g


def _masked(g: GradSegment, at: int, columns: list[tuple[Segment, ...]], index: int) -> GradSegment:
    """The gradient at one term of a sum that a rectifier follows: it comes where the sum is positive.

    That is more likely where the term is large, so the masks of successive rectifiers in a residual stream agree more
    often than by chance.
    """
    curve = columns[index][at].curve
    others = [column[at].moments for place, column in enumerate(columns) if place != index]
    mean = sum(x.m for x in others)
    variance = sum(max(x.q - x.m * x.m, 0.0) for x in others)
    if not g.positive or curve is None or variance <= 0.0:
        return g._replace(given=None, positive=False)
    response, scale = respond(curve.base, curve.functions)
    chance = normal_cdf((response.value * scale + mean) / math.sqrt(variance))
    total = float(response.basis.weights @ chance)
    return g._replace(given=chance / total if total > 0 else None, positive=False)


def projection(kind: str, columns: list[tuple[Segment, ...]], cuts: tuple[int, ...], index: int) -> tuple[float, float]:
    """How much of the result an input of a merge is, and the mean square of the rest of that input."""
    if kind == "multiply":
        return 1.0, 0.0
    if kind in ("maximum", "minimum"):
        return 1.0 / len(columns), 0.0
    own = whole = square = 0.0
    for at, size in enumerate(cuts):
        sign = -1.0 if kind == "subtract" else 1.0
        signs = [1.0 if place == 0 else sign for place in range(len(columns))]
        mean = sum(s * column[at].moments.m for s, column in zip(signs, columns, strict=True))
        x = columns[index][at].moments
        own += size * (x.q - x.m * x.m + signs[index] * x.m * mean)
        whole += size * (sum(column[at].moments.q - column[at].moments.m ** 2 for column in columns) + mean * mean)
        square += size * x.q
    if not whole > 0.0:
        return 0.0, 0.0
    share = abs(own) / whole
    return share, max(square - share * share * whole, 0.0) / sum(cuts)


def leans_of(grad: Grad, merge: object, index: int, part: tuple[float, float], elements: int) -> tuple[Lean, ...]:
    """The products of value and gradient at an input of a merge.

    Beside the input's share in those at the result there is the product with what of the input is not along the result:
    with two inputs, it is the opposite for the other one.
    """
    share, rest = part
    if not grad.leans or share <= 0.0:
        return ()
    more = 2.0 * math.log(share)
    found = [lean._replace(log=lean.log + more) for lean in grad.leans]
    apart = max(grad.mean.q - grad.leaning(), 0.0) * rest * elements
    if apart > 0.0:
        found.append(Lean(merge, 1.0 if index == 0 else -1.0, math.log(apart) + grad.log))
    return kept(found)
