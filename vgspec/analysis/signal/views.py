"""A tensor looked at in another way: padding counted in, other axes as channels."""

from __future__ import annotations

import math

from vgspec.analysis.signal.positions import padded
from vgspec.analysis.signal.state import Moments, Segment, State

__all__ = ["fold_border", "merge_axes", "to_channel"]


def fold_border(state: State) -> State:
    """The same tensor with the zeros around it counted in the moments."""
    if not state.border:
        return state
    total = inside = 1
    for (before, after), size in zip(state.border, state.spatial, strict=True):
        total *= size
        inside *= size - before - after
    cover = inside / total
    pairs = inside * (inside - 1) / (total * (total - 1)) if total > 1 else cover

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        return Moments(
            m * cover, q * cover, p * cover, s * pairs, r * pairs, k * cover, kp * cover, ks * pairs, kr * pairs
        )

    return state.map(change, border=(), profile=padded(state.profile, state.spatial, state.border))


def to_channel(state: State, axis: int) -> State:
    """The tensor seen with another axis as channels: what were pairs of positions become pairs of channels."""
    axis = axis % len(state.sizes) if state.sizes else 0
    if not state.sizes or axis == state.channel:
        return state
    folded = fold_border(state)
    moments = folded.moments.transposed()
    return State(
        folded.sizes,
        axis,
        (Segment(folded.sizes[axis], moments),),
        spread=folded.spread,
        fresh=folded.fresh,
        overlap=folded.overlap,
        integer=folded.integer,
        vary=folded.vary,
        samples=folded.samples,
    )


def merge_axes(state: State, axes: int, lead: tuple[int, ...]) -> State:
    """The last ``axes`` axes as one, which holds the channels."""
    state = to_channel(state, len(state.sizes) - 1)
    inner = math.prod(state.sizes[len(lead) : -1])
    size = inner * state.sizes[-1]
    x = state.moments
    c = state.sizes[-1]
    pairs = size * (size - 1) or 1
    same, far, other = inner * c * (c - 1), c * inner * (inner - 1), inner * (inner - 1) * c * (c - 1)
    k = (same * x.k + far * x.s + other * x.ks) / pairs
    kp = (same * x.kp + far * x.r + other * x.kr) / pairs
    alone = math.prod(lead) == 1
    moments = Moments(
        x.m, x.q, x.p, x.q if alone else x.s, x.p if alone else x.r, k, kp, k if alone else x.ks, kp if alone else x.kr
    )
    sizes = (*lead, size)
    segments: tuple[Segment, ...] = (Segment(size, moments),)
    if alone and len(state.segments) == 1:
        only = state.segments[0]
        segments = (Segment(size, moments, None, only.hetero, excess=only.excess),)
    return State(
        sizes,
        len(lead),
        segments,
        (),
        state.spread,
        state.fresh,
        state.overlap,
        state.dead,
        integer=state.integer,
        vary=state.vary,
        samples=state.samples,
    )
