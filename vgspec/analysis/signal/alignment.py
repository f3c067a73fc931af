"""The part of a gradient that lies along the value itself.

A loss like the squared error pushes an output back along itself. Behind random weights most of a gradient has nothing
to do with the value, but this part stays: for a map with ``y(c x) = c^d y(x)`` Euler's theorem says
``sum dL/dx x = d sum dL/dy y``, so it is known at every tensor. It matters where many samples add up, in the kernels'
gradients, and because the parts of a product of random matrices and its own transpose add up: ``W^T W x`` has the
mean square ``v^2 f (n + f)`` per mean square of ``x``, of which ``f n`` is what independent matrices would give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vgspec.analysis.signal.state import Moments, State
from vgspec.analysis.signal.step import Grad, GradSegment, Lean, Pulled, Step, leaning_of

__all__ = ["aligned", "alignment", "body_of", "kept", "together", "with_lean"]

_MOST = 4
"""Products with signs of their own that are followed at once."""


def alignment(grad: Grad, state: State) -> float:
    """The mean product of gradient and value at a tensor, relative to ``exp(log / 2)``."""
    if len(grad.segments) == 1:
        along = grad.segments[0].a
    else:
        total = sum(segment.size for segment in grad.segments) or 1
        along = sum(segment.size * segment.a for segment in grad.segments) / total
    return along * math.sqrt(max(state.moments.q, 0.0)) if along else 0.0


def body_of(state: State) -> float:
    """`Grad.body` at a tensor."""
    return _body(state.moments.q, state.positions * state.channels)


def _body(q: float, elements: int) -> float:
    return math.log(q) + 2.0 * math.log(max(elements, 1)) if q > 0.0 else math.inf


def with_lean(grad: Grad, state: State, origin: object) -> Grad:
    """A gradient at an output, with the part along each sample's value of what has nothing to do with it."""
    elements, body, g = state.positions * state.channels, body_of(state), grad.mean
    rest = g.q - g.a * g.a
    if not rest > 0.0 or not math.isfinite(body):
        return grad
    return grad._replace(leans=(Lean(origin, 1.0, math.log(rest / elements) + body + grad.log),), body=body)


def _leaning(outer: Grad, inward: Grad, step: Step, elements: int, body: float) -> tuple[tuple[Lean, ...], float]:
    """What lies along each sample's own value behind a step, and what it makes of the gradient's mean square.

    Random weights that give ``y = W x`` are ``y x' / x'x`` and what is independent of both: a gradient along ``y``
    comes back along ``x`` as large as Euler's theorem says, and the rest as ever.
    """
    degree, q = step.degree or 0.0, inward.mean.q
    if degree == 0.0 or not math.isfinite(body) or not q > 0.0:
        return (), 1.0
    leans = outer.leans if degree in (1.0, -1.0) else _grown(outer.leans, 2.0 * math.log(abs(degree)))
    own = leaning_of(leans, body + inward.log)
    if not step.adds:
        if own > q:
            leans = _grown(leans, math.log(q / own))  # less: of values too rare for most batches
        return leans, 1.0
    factor = 1.0 - 1.0 / max(elements, 1) + own / q
    return leans, factor if abs(factor - 1.0) >= 1e-3 else 1.0


def _grown(leans: tuple[Lean, ...], log: float) -> tuple[Lean, ...]:
    return tuple(Lean(origin, sign, size + log) for origin, sign, size in leans)


def together(a: Grad, b: Grad) -> tuple[tuple[Lean, ...], float]:
    """The products of a sum of two gradients at one tensor, and what they add to its mean square.

    The latter is relative to ``exp(a.log)``.
    """
    if not a.leans or not b.leans:
        return a.leans or b.leans, 0.0
    found = {lean.origin: lean for lean in a.leans}
    meeting = 0.0
    for lean in b.leans:
        other = found.get(lean.origin)
        if other is None:
            found[lean.origin] = lean
            continue
        agree = lean.sign * other.sign
        meeting += 2.0 * agree * math.exp(min(0.5 * (lean.log + other.log) - a.body - a.log, 300.0))
        high, low = (lean, other) if lean.log > other.log else (other, lean)
        ratio = 1.0 + agree * math.exp(0.5 * (low.log - high.log))
        if ratio > 1e-6:
            found[lean.origin] = high._replace(log=high.log + 2.0 * math.log(ratio))
        else:
            del found[lean.origin]
    return kept(list(found.values())), meeting


def kept(leans: Sequence[Lean]) -> tuple[Lean, ...]:
    """The largest ones."""
    return tuple(leans) if len(leans) <= _MOST else tuple(sorted(leans, key=lambda lean: -lean.log)[:_MOST])


def _has_linear_part(grad: Grad) -> bool:
    if len(grad.segments) == 1:
        return grad.segments[0].linear != 0.0
    return any(segment.linear for segment in grad.segments)


def aligned(step: Step, state: State) -> Step:
    """The step with Euler's theorem applied to its backward pass.

    Args:
        step: a step with one input and one output.
        state: the input.
    """
    if step.degree is None or len(step.outputs) != 1:
        return step
    degree, output, inner = step.degree, step.outputs[0], step.pull
    elements, moments = state.positions * state.channels, state.moments
    body = _body(moments.q, elements)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        result = inner(grads)
        outer, inward = grads[0], result.inputs[0]
        if outer is None or inward is None:
            return result
        leans, factor = _leaning(outer, inward, step, elements, body) if outer.leans else (inward.leans, 1.0)
        segments = inward.segments if factor == 1.0 else tuple([g._replace(q=g.q * factor) for g in inward.segments])
        if _has_linear_part(outer):
            product = alignment(outer, output) * output.positions * output.channels / elements * degree
            segments = _with_linear_part(segments, outer, inward.log, inward.mean.q * factor, product, step, moments)
        elif not leans and not inward.leans:
            return result
        return Pulled(
            (inward._replace(segments=segments, leans=leans, body=body if leans else inward.body),), result.kernels
        )

    return step._replace(pull=pull)


def _with_linear_part(
    segments: tuple[GradSegment, ...], outer: Grad, log: float, q: float, product: float, step: Step, x: Moments
) -> tuple[GradSegment, ...]:
    """The gradient at a step's input with what in it is a linear function of the value.

    Args:
        segments: the gradient, relative to ``exp(log)``.
        outer: the gradient at the output.
        log: the gradient's own scale.
        q: its mean square.
        product: the mean product of gradient and value at the input, by Euler's theorem.
        step: the step.
        x: moments of the input.
    """
    if not x.q > 0.0:
        return segments
    a = product / math.sqrt(x.q) * math.exp(min(0.5 * (outer.log - log), 300.0))
    more = a * a if step.adds else 0.0
    before = outer.mean
    rest = before.q - (before.a**2 if step.degree == 0.0 else 0.0)  # what lies along the value is taken away
    gain = q / rest if rest > 1e-9 * before.q else 0.0
    # behind weights all that was linear stays so; a function of each element treats what lies along the value
    # in its own way, and the rest by its mean slope
    linear = max(before.linear - (0.0 if step.adds else before.a**2), 0.0) * gain * step.straight + a * a
    if not more:
        return tuple([g._replace(a=a, linear=linear) for g in segments])
    p, s, r = more * x.p / x.q, more * x.s / x.q, more * x.r / x.q
    return tuple([g._replace(a=a, linear=linear, q=g.q + more, p=g.p + p, s=g.s + s, r=g.r + r) for g in segments])
