"""Tables of rows: what an index draws."""

from __future__ import annotations

import math

from vgspec.analysis.signal.linear_map import log_of
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State
from vgspec.analysis.signal.step import Grad, Pulled, Step
from vgspec.analysis.signal.weights import weight_law
from vgspec.layers import signal as rule

__all__ = ["lookup"]


def lookup(state: State, primitive: rule.Lookup) -> Step:
    """Rows of a table by a uniformly drawn index."""
    law = weight_law(primitive.initializer, primitive.shape)
    rows, width = primitive.shape
    x = state.moments
    drawn = rows if state.integer is None else min(state.integer, rows)
    if state.integer is None:  # a floating input is cut to an integer: a standard normal one gives -2..2, mostly 0
        drawn = min(rows, 3)
    v, mean = law.variance, law.mean * law.mean
    same = v / drawn + mean
    del x
    moments = Moments(law.mean, v + mean, same, same, same, mean, mean, mean, mean)
    sizes = (*state.sizes, width)
    output = State(sizes, len(sizes) - 1, (Segment(width, moments),), overlap=1.0 / drawn)
    positions = math.prod(state.sizes)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))

        def kernel() -> float:
            g = grad.mean
            coherent = (positions - 1) * g.s + (BATCH_SIZE - 1) * (g.p + (positions - 1) * g.r)
            return log_of(BATCH_SIZE * positions * width * (g.q + coherent / drawn), grad.log)

        return Pulled((None,), ((primitive.kernel, kernel),))

    return Step((output,), pull)
