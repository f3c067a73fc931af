"""Tensors laid side by side, along channels or positions."""

from __future__ import annotations

import math

from vgspec.analysis.signal.alignment import body_of
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.merging import common_lag, typical
from vgspec.analysis.signal.positions import blend
from vgspec.analysis.signal.samples import blended, started
from vgspec.analysis.signal.state import Moments, Segment, State, average
from vgspec.analysis.signal.step import Grad, Lean, Pulled, Step
from vgspec.analysis.signal.tails import mixed
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.layers import signal as rule

__all__ = ["concatenate"]


def concatenate(states: tuple[State, ...], primitive: rule.Concatenate) -> Step:
    """Join tensors along an axis."""
    states = tuple(typical(fold_border(state)) for state in states)
    rank = len(states[0].sizes)
    axis = (primitive.axis if primitive.axis < 0 else primitive.axis - 1) % rank
    channel = states[0].channel
    states = tuple(to_channel(state, channel) for state in states)
    sizes = list(states[0].sizes)
    sizes[axis] = sum(state.sizes[axis] for state in states)
    total = sum(state.channels if axis == channel else state.positions for state in states)
    parts = [state.channels if axis == channel else state.positions for state in states]
    spread = sum((part / total) ** 2 * state.spread for part, state in zip(parts, states, strict=True))
    dead = math.prod(state.dead for state in states)
    overlap = sum(part / total * state.overlap for part, state in zip(parts, states, strict=True))
    if axis == channel:
        segments = tuple(segment for state in states for segment in state.segments)
        moments = [state.moments for state in states]
        sums = [state.channels * x.q for state, x in zip(states, moments, strict=True)]
        output = (
            states[0]
            .with_segments(segments)
            ._replace(
                sizes=tuple(sizes),
                spread=spread,
                dead=dead,
                overlap=overlap,
                profile=blend([state.profile for state in states], sums),
                reach=max(state.reach for state in states),
                lag=common_lag("add", states),
                vary=mixed([state.vary for state in states], sums),
                samples=None,
            )
        )
        if any(state.samples is not None for state in states):
            output = output.sized(
                blended(
                    [started(state.samples, state.vary, 0.0) for state in states],
                    sums,
                    [state.channels * abs(x.m) for state, x in zip(states, moments, strict=True)],
                )
            )
        widths = tuple(state.channels for state in states)
        within = tuple(tuple(segment.size for segment in state.segments) for state in states)
        flat = tuple(size for group in within for size in group)

        energies = [state.positions * square for state, square in zip(states, sums, strict=True)]
        whole = sum(energies)
        lean_of = [math.log(energy / whole) if energy > 0.0 else -math.inf for energy in energies]
        bodies = [body_of(state) for state in states]

        def split(grads: tuple[Grad | None, ...]) -> Pulled:
            grad = grads[0]
            if grad is None:
                return Pulled((None,) * len(widths))
            cut = align(grad, flat)
            results: list[Grad] = []
            at = 0
            for group in within:
                part = grad.with_segments(cut[at : at + len(group)])
                index = len(results)
                # each part's product with the value has a sign of its own
                apart = tuple(Lean(object(), 1.0, lean.log + lean_of[index]) for lean in grad.leans)
                results.append(part._replace(leans=apart, body=bodies[index]).normalised())
                at += len(group)
            return Pulled(tuple(results))

        return Step((output,), split)
    merged = _beside(states)
    segments = (Segment(states[0].channels, merged),)
    output = State(tuple(sizes), channel, segments, (), spread, 0.0, overlap, dead)

    def same(grads: tuple[Grad | None, ...]) -> Pulled:
        return Pulled((grads[0],) * len(states))

    return Step((output,), same)


def _beside(states: tuple[State, ...]) -> Moments:
    """Moments of tensors laid side by side along positions."""
    turned = tuple(Segment(state.positions, state.moments.transposed()) for state in states)
    return average(turned).transposed()
