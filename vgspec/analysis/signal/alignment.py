"""The part of a gradient that lies along the value itself.

A loss like the squared error pushes an output back along itself. Behind random weights most of a gradient has nothing
to do with the value, but this part stays: for a map with ``y(c x) = c^d y(x)`` Euler's theorem says
``sum dL/dx x = d sum dL/dy y``, so it is known at every tensor. It matters where many samples add up, in the kernels'
gradients, and because the parts of a product of random matrices and its own transpose add up: ``W^T W x`` has the
mean square ``v^2 f (n + f)`` per mean square of ``x``, of which ``f n`` is what independent matrices would give.
"""

from __future__ import annotations

import math

from vgspec.analysis.signal.state import Grad, Pulled, State, Step

__all__ = ["aligned", "alignment"]


def alignment(grad: Grad, state: State) -> float:
    """The mean product of gradient and value at a tensor, relative to ``exp(log / 2)``."""
    if len(grad.segments) == 1:
        along = grad.segments[0].a
    else:
        total = sum(segment.size for segment in grad.segments) or 1
        along = sum(segment.size * segment.a for segment in grad.segments) / total
    return along * math.sqrt(max(state.moments.q, 0.0)) if along else 0.0


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

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        result = inner(grads)
        outer, inward = grads[0], result.inputs[0]
        if outer is None or inward is None or not _has_linear_part(outer):
            return result
        x = state.moments
        if not x.q > 0.0:
            return result
        elements = state.positions * state.channels
        product = alignment(outer, output) * output.positions * output.channels / elements * degree
        a = product / math.sqrt(x.q) * math.exp(min(0.5 * (outer.log - inward.log), 300.0))
        more = a * a if step.adds else 0.0
        before = outer.mean
        rest = before.q - (before.a**2 if degree == 0.0 else 0.0)  # what lies along the value is taken away
        gain = inward.mean.q / rest if rest > 1e-9 * before.q else 0.0
        # behind weights all that was linear stays so; a function of each element treats what lies along the value
        # in its own way, and the rest by its mean slope
        linear = max(before.linear - (0.0 if step.adds else before.a**2), 0.0) * gain * step.straight + a * a
        segments = tuple(
            g._replace(
                a=a,
                linear=linear,
                q=g.q + more,
                p=g.p + more * x.p / x.q,
                s=g.s + more * x.s / x.q,
                r=g.r + more * x.r / x.q,
            )
            for g in inward.segments
        )
        return result._replace(inputs=(inward._replace(segments=segments),))

    return step._replace(pull=pull)
