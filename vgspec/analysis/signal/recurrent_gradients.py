"""The way back through a recurrence, and how far a gradient comes on it.

What a step does to products of gradients is linear in them, and those for one sample and for two do not mix. So the
steps are followed once for a unit of each kind of gradient that may arrive, and every gradient takes its multiples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.cells import Cell, Local, Return, Trail, back_over
from vgspec.analysis.signal.lags import Pairs, Recent
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.state import BATCH_SIZE, Moments

__all__ = ["MOST_STEPS", "Arriving", "Past", "WayBack", "first_to_last", "horizon", "unchanged"]

MOST_STEPS = 4096
"""Steps that are followed one by one; where nothing has settled by then, those beyond are taken like the last."""
_HORIZON = 4096
"""Steps after which a gradient that has not fallen to a thousandth counts as kept."""
_NOTHING = 1e-20
"""A gradient that is smaller than this beside all that came before has faded away."""
_LOOK = 8
"""Steps from one look at what has settled or faded to the next."""


class Past(NamedTuple):
    """State and memory after a step, what the step was, and the state's products by lag."""

    state: Moments
    memory: Moments
    local: Local
    pairs: Pairs

    @property
    def trail(self) -> Trail:
        """What the steps before left."""
        return self.local.trail


class Arriving(NamedTuple):
    """Mean products of the gradients that arrive at a recurrence, each for one sample and for two.

    Attributes:
        alone: at every output, of one time with itself.
        apart: of two times.
        near: what comes on top at near times, along ``trace``.
        end: at the state after the last step.
        memory: at the memory after the last step.
    """

    alone: tuple[float, float] = (0.0, 0.0)
    apart: tuple[float, float] = (0.0, 0.0)
    near: tuple[float, float] = (0.0, 0.0)
    end: tuple[float, float] = (0.0, 0.0)
    memory: tuple[float, float] = (0.0, 0.0)


class Returned(NamedTuple):
    """What comes back to the beginning, for one sample (first row or number) and for two.

    Attributes:
        gates: gradients at what arrives at the gates, by lag, summed over all steps.
        far: the same for times further apart than the lags go.
        recurrent: sum over all pairs of times of products of these gradients with those of the states that the
            recurrent kernel reads there.
        state: at the first state.
        memory: at the first memory.
    """

    gates: Pairs
    far: Vector
    recurrent: Vector
    state: Vector
    memory: Vector


class WayBack:
    """The steps of a recurrence from the last to the first, followed when a gradient first asks for it."""

    def __init__(self, cell: Cell, history: list[Past], steps: int) -> None:
        """Go back over a recurrence.

        Args:
            cell: the cell.
            history: its steps; those beyond are as the last one.
            steps: how many there are.
        """
        self._cell, self._history, self._steps = cell, history, steps
        self._lags = history[0].pairs.shape[1] - 1
        self._factors = [cell.factors(past.local) for past in history]
        self._kernel = cell.through_kernel(self._lags)
        self.weights = np.full((2, self._lags + 1), 2.0)
        """How often each pair of times and of samples counts in a kernel's gradient."""
        self.weights[:, 0] = 1.0
        self.weights[1] *= BATCH_SIZE - 1
        self._met = np.stack([past.trail.state for past in history]) * self.weights
        self._known: dict[str, Vector] = {}

    def returned(self, arriving: Arriving, trace: Vector | None) -> Returned:
        """What comes of gradients that arrive; ``trace`` is as in `State`."""
        shares = {kind: pair for kind, pair in zip(Arriving._fields, arriving, strict=True) if any(pair)}
        if "alone" in shares:
            shares.setdefault("apart", (0.0, 0.0))  # the next gradient has some
        if missing := [kind for kind in shares if kind == "near" or kind not in self._known]:
            self._known.update(zip(missing, self._follow(missing, trace), strict=True))
        lags = self._lags
        total = np.zeros((2, lags + 5))
        for kind, pair in shares.items():
            for row in (0, 1):
                if pair[row]:  # of what does not arrive, not even an infinite gradient comes back
                    total[row] += pair[row] * self._known[kind][row]
        return Returned(total[:, : lags + 1], *total[:, lags + 1 :].T)

    def _follow(self, kinds: list[str], trace: Vector | None) -> Vector:
        """The sums for a unit of each of these kinds: along the last axis, the parts of `Returned` one by one."""
        history, lags, steps = self._history, self._lags, self._steps
        outputs = np.zeros((len(kinds), 2, lags + 1))
        end = np.zeros((len(kinds), 2))
        nothing = np.zeros_like(outputs)
        start = nothing.copy()
        last = self._factors[-1].memory
        for place, kind in enumerate(kinds):
            if kind == "alone":
                outputs[place, :, 0] = 1.0
            elif kind == "apart":
                outputs[place, :, 1:] = 1.0
            elif kind == "near" and trace is not None:
                known = min(trace.size, lags)
                outputs[place, :, 1 : known + 1] = trace[:known]
            elif kind == "end":
                end[place] = 1.0
            elif kind == "memory" and last is not None:
                start[place, :, 0] = 1.0 / last.squares
        later = Return(nothing, start, nothing, nothing, nothing)
        ahead = Recent(nothing)
        inward = nothing.copy()
        far, recurrent = np.zeros_like(end), np.zeros_like(end)
        t = steps
        while t > 0:
            t -= 1
            at = min(t, len(history) - 1)
            behind = steps - 1 - t
            arrived = outputs + later.state
            if not behind:
                arrived[..., 0] += end
            back = back_over(self._factors[at], self._kernel, arrived, later, ahead.diagonal(), behind)
            beyond = max(behind - lags, 0)
            products = back.recurrent * self._met[at]
            sums = products.sum(axis=-1)
            inward += back.gates
            if beyond and lags:
                sums += beyond * products[..., -1]
                far += beyond * back.gates[..., -1]
            recurrent += sums
            ahead.add(back.ahead)
            left = t - len(history) + 1  # steps left that are like this one
            look = behind > lags and behind % _LOOK == 0
            if left > 0 and look and (unchanged(later, back, inward) or behind >= MOST_STEPS):
                further = left * (beyond + (left + 1) / 2.0) if lags else 0.0
                recurrent += left * products.sum(axis=-1) + further * products[..., -1]
                inward += left * back.gates
                far += further * back.gates[..., -1]
                t -= left
            later = back
            if look and _faded(back, inward).all():
                break
        memory = self._factors[0].memory
        kept = 0.0 if memory is None else memory.squares * later.memory[..., 0]
        state = later.state[..., 0] + (kept if self._cell.kind == "gru" else 0.0)
        parts = np.stack(np.broadcast_arrays(far, recurrent, state, kept), axis=-1)
        return np.concatenate((inward, parts), axis=-1)


def _faded(back: Return, inward: Pairs) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Of which kinds nothing arrives any more."""
    last, total = np.abs(back.gates).max(axis=-1), np.abs(inward).max(axis=-1)
    found: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (last <= _NOTHING * total).all(axis=-1)
    return found


def unchanged(before: Return, back: Return, inward: Pairs) -> bool:
    """Whether two steps back agree to a billionth, in each kind of gradient that has not faded."""
    agree = np.ones(inward.shape[:-2], dtype=bool)
    for x, y in ((before.state, back.state), (before.memory, back.memory), (before.gates, back.gates)):
        agree &= np.abs(x - y).max(axis=(-1, -2)) <= 1e-9 * np.abs(y).max(axis=(-1, -2))
    return bool((agree | _faded(back, inward)).all())


class _Growth:
    """How much faster than by independent steps a gradient grows, step by step: see `Cell.mixing`.

    The sums are Legendre polynomials up to a factor; the ratio of one to the one before has a recurrence.
    """

    def __init__(self, cell: Cell, local: Local) -> None:
        self.x = cell.mixing(local)
        self.n = 0
        self.ratio = 1.0

    def next(self) -> float:
        """The factor of the next step; one for the first and without a carry."""
        self.n += 1
        x, n = self.x, self.n
        if x <= 0.0:
            return 1.0
        before = self.ratio
        self.ratio = 1.0 + x if n == 1 else ((2 * n - 1) * (1.0 + x) - (n - 1) * (1.0 - x) ** 2 / before) / n
        return self.ratio / (1.0 + x)


def horizon(cell: Cell, local: Local) -> int | None:
    """Steps until the gradient at the input has fallen to a thousandth of that at the last step."""
    state, memory = 1.0, 0.0
    growth = _Growth(cell, local)
    first: float | None = None
    for t in range(_HORIZON):
        back = cell.back(local, state, memory)
        if first is None:
            first = back.gates
            if first <= 0.0:
                return 0
        elif back.gates < 1e-6 * first:
            return t
        if back.gates > 1e60 * first:
            return None
        faster = growth.next()
        state, memory = back.state * faster, back.memory * faster
    return None


def first_to_last(cell: Cell, history: list[Past], steps: int) -> float | None:
    """Decades from the input gradient at the last step to that at the first, for a gradient at the end only."""
    state, memory, log = 1.0, 0.0, 0.0
    last = current = 0.0
    growth = _Growth(cell, history[-1].local)
    for t in range(steps - 1, max(steps - 1 - MOST_STEPS, -1), -1):
        back = cell.back(history[min(t, len(history) - 1)].local, state, memory)
        if t == steps - 1:
            last = back.gates
        current = back.gates
        faster = growth.next()
        state, memory = back.state * faster, back.memory * faster
        top = max(state, memory)
        if top <= 0.0:
            break
        if not 1e-100 < top < 1e100:
            state, memory, log, current = state / top, memory / top, log + math.log10(top), current
    if last <= 0.0 or current <= 0.0:
        return None
    decades = 0.5 * (math.log10(current / last) + log)
    return decades * max((steps - 1) / MOST_STEPS, 1.0)  # the steps beyond are as those before
