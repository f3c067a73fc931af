"""Gradients of one tensor from several places: cut alike, and added."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vgspec.analysis.signal.alignment import together
from vgspec.analysis.signal.positions import blend
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.samples import leveled
from vgspec.analysis.signal.step import Grad, GradSegment

__all__ = ["EQUAL", "add_gradients", "align"]

EQUAL = -1.0
"""In `Grad.meets`, in place of a mean product: the two gradients are one and the same."""


def align(grad: Grad, sizes: tuple[int, ...]) -> tuple[GradSegment, ...]:
    """The gradient's segments cut to these sizes, averaged where a cut runs through one."""
    segments = grad.segments
    if len(segments) == len(sizes) and all(a.size == b for a, b in zip(segments, sizes, strict=True)):
        return segments
    if len(segments) == 1:
        only = segments[0]
        return tuple(only._replace(size=size) for size in sizes)
    result = []
    index, left = 0, segments[0].size
    for size in sizes:
        need, parts = size, []
        while need > 0 and index < len(segments):
            take = min(need, left)
            parts.append(segments[index]._replace(size=take))
            need -= take
            left -= take
            if left == 0:
                index += 1
                left = segments[index].size if index < len(segments) else 0
        if len(parts) == 1:
            result.append(parts[0]._replace(size=size))
        else:
            total = sum(part.size for part in parts) or 1
            columns = zip(*(part.pairs for part in parts), strict=True)
            q, p, s, r, k, h = (
                sum(part.size * x for part, x in zip(parts, column, strict=True)) / total for column in columns
            )
            along = sum(part.size * part.a for part in parts) / total
            straight = sum(part.size * part.linear for part in parts) / total
            result.append(GradSegment(size, q, p, s, r, k, h, a=along, linear=straight))
    return tuple(result)


def add_gradients(a: Grad | None, b: Grad | None) -> Grad | None:
    """The sum of two uncorrelated gradients at one tensor."""
    if a is None or b is None:
        return b if a is None else a
    if a.log < b.log - 80.0:
        return b
    if b.log < a.log - 80.0:
        return a
    if len(b.segments) > len(a.segments):
        a, b = b, a
    factor = math.exp(b.log - a.log)
    leans, meeting = together(a, b)
    body = a.body if a.leans else b.body
    sizes = tuple(segment.size for segment in a.segments)
    segments = []
    for x, y in zip(a.segments, align(b, sizes), strict=True):
        other = y.scaled(factor)
        both = 2.0 * x.a * other.a  # what lies along the value is not uncorrelated
        total = max(x.q + other.q + both + meeting, 0.0)
        given = None
        if x.given is not None or other.given is not None:
            first = x.given if x.given is not None else 1.0
            second = other.given if other.given is not None else 1.0
            same = x.given is None or other.given is None or x.given.size == other.given.size
            if same and total > 0:
                given = (x.q * first + other.q * second) / total
        segments.append(
            GradSegment(
                x.size,
                total,
                x.p + other.p,
                x.s + other.s,
                x.r + other.r,
                x.k + other.k,
                x.h + other.h,
                given,
                min(x.inverse, other.inverse),
                a=x.a + other.a,
                linear=max(x.linear + other.linear + both, 0.0),
                expected=_sum(x.expected, other.expected),
            )
        )
    whole, part = a.mean.q, b.mean.q * factor
    meets = (*a.meets, *b.meets)
    if a.meets and b.meets:
        segments, meets = _met(a, b, segments)
    share = whole / (whole + part) if whole + part > 0 else 1.0
    rest = 1.0 - share
    spread = share * share * a.spread + rest * rest * b.spread
    fresh = share * share * a.fresh + rest * rest * b.fresh
    profile = blend([a.profile, b.profile], [whole, part]) if a.profile or b.profile else ()
    overlap = share * a.overlap + rest * b.overlap
    samples = _sizes(a, b, share)
    result = Grad(
        tuple(segments),
        a.log,
        spread,
        fresh,
        overlap,
        profile=profile,
        samples=samples,
        leans=leans,
        body=body,
        meets=meets,
    )
    return result.normalised()


def _sizes(a: Grad, b: Grad, share: float) -> Vector | None:
    """The sizes of the samples' gradients in a sum of which the first one is this share."""
    if a.samples is None and b.samples is None:
        return None
    first, second = (np.ones(()) if x.samples is None else x.samples for x in (a, b))
    return leveled(share * first + (1.0 - share) * second)


def _sum(a: Any, b: Any) -> Any:
    """The sum of what two gradients are expected to be given the value; what is not known counts as zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b if a.size == b.size else None


def _met(
    a: Grad, b: Grad, segments: list[GradSegment]
) -> tuple[list[GradSegment], tuple[tuple[object, float, float], ...]]:
    """The sum's segments where both parts come from one merge, and what is left to meet."""
    others = {merge for merge, _, _ in b.meets}
    both = [item for item in a.meets if item[0] in others]
    cross = sum(value * math.exp(min(log - a.log, 300.0)) for _, value, log in both if value != EQUAL)
    if any(value == EQUAL for _, value, _ in both):  # to the first of them others may have been added
        cross += 2.0 * min(a.mean.q, b.mean.q * math.exp(min(b.log - a.log, 300.0)))
    done = {merge for merge, _, _ in both}
    left = tuple(item for item in (*a.meets, *b.meets) if item[0] not in done)
    total = sum(segment.size * segment.q for segment in segments) / (sum(segment.size for segment in segments) or 1)
    if total <= 0.0:
        return segments, left
    factor = max(1.0 + cross / total, 0.0)
    return [segment.scaled(factor)._replace(a=segment.a) for segment in segments], left
