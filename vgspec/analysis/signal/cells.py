"""One step of a recurrence: what it does to the moments of its state, and to gradients on the way back.

Gates see Gaussian inputs; gates are independent of the values that they multiply. What a memory holds and what is added
to it are not independent where the inputs at near times are alike: their mean product is followed (`Trail.ahead`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Fn, chain
from vgspec.analysis.signal.lags import Pairs, Through, diagonal, shifted, through
from vgspec.analysis.signal.quadrature import mehler_all
from vgspec.analysis.signal.response import function_moments
from vgspec.analysis.signal.state import Moments
from vgspec.analysis.signal.weights import WeightLaw

__all__ = ["ZERO", "Back", "Cell", "Local", "Return", "Slopes", "Trail", "settled", "unchanged"]

ZERO = Moments(*(0.0,) * 9)
Kinds = tuple[float, float, float, float]


class Slopes(NamedTuple):
    """A function's moments at its input, mean products of its slope for the four kinds of pair, squared mean slope."""

    moments: Moments
    slopes: Kinds
    mean_slope: float = 1.0


def _respond(x: Moments, fn: Fn | None) -> Slopes:
    if fn is None:
        return Slopes(x, (1.0, 1.0, 1.0, 1.0))
    moments, response = function_moments(x, chain(fn))
    if response is None:
        d = float(fn.slope(np.array([x.m]))[0]) ** 2
        return Slopes(moments, (d, d, d, d), d)
    variance = x.q - x.m * x.m
    correlations = [(c - x.m * x.m) / variance for c in (x.p, x.s, x.r)]
    p, s, r = mehler_all(response.slope_squares, response.slope_square, correlations)
    return Slopes(moments, (response.slope_square, p, s, r), float(response.slope_squares[0]))


def plus(a: Moments, b: Moments) -> Moments:
    """Moments of a sum of independent terms."""
    cross = 2.0 * a.m * b.m
    return Moments(a.m + b.m, *(x + y + cross for x, y in zip(a[1:], b[1:], strict=True)))


def times(a: Moments, b: Moments) -> Moments:
    """Moments of a product of independent factors."""
    return Moments(*(x * y for x, y in zip(a, b, strict=True)))


def complement(a: Moments) -> Moments:
    """Moments of one minus it."""
    return a.scaled(-1.0).shifted(1.0)


class Trail(NamedTuple):
    """What the steps so far leave, by lag.

    Attributes:
        state: mean products of the state with that of so many steps before.
        memory: the same of the memory; of a GRU, the state.
        ahead: mean products of the memory with what will be added so many steps later; far from it in ``far``.
        far: for one sample and for two.
        before: ``ahead`` of the steps before, the last one last.
    """

    state: Pairs
    memory: Pairs
    ahead: Pairs
    far: tuple[float, float]
    before: tuple[Pairs, ...]

    @classmethod
    def start(cls, h: Moments, c: Moments, lags: int) -> Trail:
        """Nothing yet but the initial states."""
        nothing = np.zeros((2, lags + 1))
        state, memory = nothing.copy(), nothing.copy()
        state[:, 0], memory[:, 0] = (h.q, h.p), (c.q, c.p)
        return cls(state, memory, nothing, (0.0, 0.0), ())

    def met(self, apart: float) -> tuple[float, ...]:
        """Mean products of the memory with what the next step adds, as `Moments` has them but the mean.

        ``apart`` is that of two channels.
        """
        near = self.ahead[:, 1] if self.ahead.shape[1] > 1 else self.far
        return (float(near[0]), float(near[1]), *self.far, *(apart,) * 4)

    def grown(self, carry: float, added: Pairs, square: tuple[float, float], share: float = 1.0) -> tuple[Pairs, Pairs]:
        """The memory's products after one more step, and those with what is new later.

        Args:
            carry: the mean factor that the memory is handed on with.
            added: products of what is added with what was new before.
            square: the memory's own mean products, for one sample and for two.
            share: the mean share of what is new that is added.
        """
        memory = np.empty_like(self.memory)
        memory[:, 0] = square
        memory[:, 1:] = carry * self.memory[:, :-1] + share * diagonal((self.ahead, *reversed(self.before)))
        return memory, carry * shifted(self.ahead, self.far) + added


def _added(kept: Moments, added: Moments, factors: tuple[float, ...], products: tuple[float, ...]) -> Moments:
    """Moments of a sum of which the terms' mean products, each times its factor, are these."""
    rows = zip(kept[1:], added[1:], factors, products, strict=True)
    return Moments(kept.m + added.m, *(a + b + 2.0 * factor * product for a, b, factor, product in rows))


class Local(NamedTuple):
    """What the backward pass needs of one step: gates and slopes by name, also by lag, and what was there before."""

    parts: dict[str, Slopes]
    before: Moments
    memory: Moments
    lags: dict[str, Through]
    trail: Trail


class Back(NamedTuple):
    """Gradients at the state before, at the memory before, and summed over the gates, for one step alone."""

    state: float
    memory: float
    gates: float
    recurrent: float


class Return(NamedTuple):
    """Gradients by lag after one step back.

    Attributes:
        state: at the state before, through the recurrent kernel.
        memory: at the memory; of a GRU, at the state.
        ahead: products of it with what earlier outputs will add.
        gates: at what arrives at the gates, by the kernel.
        recurrent: the same by the recurrent kernel.
    """

    state: Pairs
    memory: Pairs
    ahead: Pairs
    gates: Pairs
    recurrent: Pairs


@dataclass(frozen=True, slots=True)
class Cell:
    """A recurrent cell.

    Attributes:
        kind: ``simple``, ``lstm`` or ``gru``.
        units: size of the state.
        inward: law of the kernel.
        recurrent: law of the recurrent kernel.
        fan_in: inputs of each unit.
        fan_back: units that each state element goes to, for one gate.
        bias: mean and variance of the bias.
        forget: mean of the forget gate's bias.
        activation: of new values.
        gate: of the gates.
        keep: kept share of the inputs, and of the state, under dropout.
    """

    kind: str
    units: int
    inward: WeightLaw
    recurrent: WeightLaw
    fan_in: float
    fan_state: float
    bias: tuple[float, float]
    forget: float
    activation: Fn | None
    gate: Fn | None
    keep: tuple[float, float] = (1.0, 1.0)

    def drive(self, x: Moments, h: Moments, share: Moments | None = None) -> Moments:
        """What arrives at a gate from input and state."""
        a = self._map(x._replace(q=x.q / self.keep[0]), self.inward, self.fan_in)
        b = self._map(h._replace(q=h.q / self.keep[1]), self.recurrent, self.fan_state)
        if share is not None:
            b = times(b, share)
        total = plus(a, b)
        mean, variance = self.bias
        if mean or variance:
            m, q, p, s, r, *cross = total.shifted(mean)
            total = Moments(m, q + variance, p + variance, s + variance, r + variance, *cross)
        return total

    @staticmethod
    def _map(x: Moments, law: WeightLaw, fan: float) -> Moments:
        f = law.variance * fan
        mean = law.mean * fan * x.m
        d = mean * mean
        return Moments(mean, x.q * f + d, x.p * f + d, x.s * f + d, x.r * f + d, d, d, d, d)

    def _driven(self, drive: Moments, x: Moments, h: Moments, of_x: Pairs, of_h: Pairs) -> Pairs:
        """What arrives at a gate, by lag; means and biases are the same for all lags."""
        inward, back = self.inward.variance * self.fan_in, self.recurrent.variance * self.fan_state
        found = inward * of_x + back * of_h
        found += drive.q - inward * x.q / self.keep[0] - back * h.q / self.keep[1]
        found[0, 0] = drive.q
        return found

    def step(
        self, x: Moments, h: Moments, c: Moments, of_x: Pairs, trail: Trail
    ) -> tuple[Moments, Moments, Local, Trail]:
        """State and memory after one step.

        Args:
            x: the input.
            h: the state.
            c: the memory.
            of_x: the input's products by lag.
            trail: what the steps before left.
        """
        drive = self.drive(x, h)
        arrived = self._driven(drive, x, h, of_x, trail.state)
        past = (*trail.before, trail.ahead)[1 - arrived.shape[1] :]
        if self.kind == "simple":
            new = _respond(drive, self.activation)
            (values,) = through(drive, arrived, (self.activation,), (0.0,))
            local = Local({"new": new}, h, ZERO, {"new": values}, trail)
            return new.moments, ZERO, local, trail._replace(state=values.values)
        if self.kind == "lstm":
            gate = _respond(drive, self.gate)
            forget = _respond(drive.shifted(self.forget), self.gate) if self.forget else gate
            new = _respond(drive, self.activation)
            functions = (self.gate, self.gate, self.activation)
            gates, forgets, news = through(drive, arrived, functions, (0.0, self.forget, 0.0))
            added = times(gate.moments, new.moments)
            carry = forget.moments.m
            memory = _added(times(forget.moments, c), added, (carry,) * 8, trail.met(c.m * added.m))
            pairs, ahead = trail.grown(carry, gates.values * news.values, (memory.q, memory.p))
            far = (carry * trail.far[0] + added.s, carry * trail.far[1] + added.r)
            read = _respond(memory, self.activation)
            (reads,) = through(memory, pairs, (self.activation,), (0.0,))
            state = times(gate.moments, read.moments)
            parts = {"gate": gate, "forget": forget, "new": new, "read": read}
            lags = {"gate": gates, "forget": forgets, "new": news, "read": reads}
            left = Trail(gates.values * reads.values, pairs, ahead, far, past)
            return state, memory, Local(parts, h, c, lags, trail), left
        gate = _respond(drive, self.gate)
        (gates,) = through(drive, arrived, (self.gate,), (0.0,))
        candidate = self.drive(x, h, gate.moments)
        new = _respond(candidate, self.activation)
        shared = self._driven(candidate, x, times(h, gate.moments), of_x, trail.state * gates.values)
        (news,) = through(candidate, shared, (self.activation,), (0.0,))
        rest = complement(gate.moments)
        carry = gate.moments.m
        both = Moments(carry, *(carry - value for value in gate.moments[1:]))  # E[z (1 - z')]
        kept, fresh = times(gate.moments, h), times(rest, new.moments)
        state = _added(kept, fresh, both[1:], trail.met(h.m * new.moments.m))
        pairs, ahead = trail.grown(carry, rest.m * news.values, (state.q, state.p), rest.m)
        far = (carry * trail.far[0] + rest.m * new.moments.s, carry * trail.far[1] + rest.m * new.moments.r)
        parts = {"gate": gate, "new": new, "rest": Slopes(rest, gate.slopes)}
        lags = {"gate": gates, "new": news}
        return state, ZERO, Local(parts, h, ZERO, lags, trail), Trail(pairs, pairs, ahead, far, past)

    def carry(self, local: Local) -> tuple[float, float, float]:
        """How the memory is handed on, on average.

        Returns:
            The mean factor from one step to the next; the share of an output's gradient that reaches the memory
            coherently, squared; and that of the memory's gradient that reaches a gate coherently, squared.
        """
        parts = local.parts
        if self.kind == "simple":
            return 0.0, 0.0, 0.0
        gate, new = parts["gate"], parts["new"]
        if self.kind == "lstm":
            into = gate.moments.m**2
            return parts["forget"].moments.m, into * parts["read"].mean_slope, into * new.mean_slope
        rest = parts["rest"].moments.m
        return gate.moments.m, 1.0, rest * rest * new.mean_slope

    def mixing(self, local: Local) -> float:
        """Mean square of what reaches the memory one step earlier through the recurrent kernel, over the carry's.

        The kernel is the same at every step, so that carry and kernel do not act as independent factors: for a
        carry ``a`` and a random matrix ``R`` of spectral radius ``r`` the power ``(a + R)^n`` grows as
        ``(a + r)^n``, with mean square ``sum over k of C(n, k)^2 a^(2n-2k) r^2k``.
        """
        carry, _, _ = self.carry(local)
        if carry <= 0.0:
            return 0.0
        parts = local.parts
        if self.kind == "gru":
            through = self.back(local, 1.0, 0.0).state - parts["gate"].moments.q
            return max(through, 0.0) / carry**2
        gate, forget, new, read = parts["gate"], parts["forget"], parts["new"], parts["read"]
        gates = local.memory.q * forget.slopes[0] + new.moments.q * gate.slopes[0] + gate.moments.q * new.slopes[0]
        return self.spread() * gates * gate.moments.q * read.slopes[0] / carry**2

    def back(self, local: Local, state: float, memory: float) -> Back:
        """Mean squares of the gradient one step earlier, for a gradient at the last step only."""
        parts = local.parts
        new = parts["new"]
        spread = self.spread()
        if self.kind == "simple":
            d = state * new.slopes[0]
            return Back(spread * d, 0.0, d, d)
        gate = parts["gate"]
        if self.kind == "lstm":
            forget, read = parts["forget"], parts["read"]
            inner = memory + state * gate.moments.q * read.slopes[0]
            gates = (
                state * read.moments.q * gate.slopes[0]
                + inner * local.memory.q * forget.slopes[0]
                + inner * new.moments.q * gate.slopes[0]
                + inner * gate.moments.q * new.slopes[0]
            )
            return Back(spread * gates, inner * forget.moments.q, gates, gates)
        inner = state * parts["rest"].moments.q * new.slopes[0]
        arrived = self._map(local.before, self.recurrent, self.fan_state).q
        apart = local.before.q + new.moments.q - 2.0 * local.trail.met(0.0)[0]
        update = state * max(apart, 0.0) * gate.slopes[0]
        reset = inner * arrived * gate.slopes[0]
        through_reset = inner * gate.moments.q
        before = state * gate.moments.q + spread * (update + reset + through_reset)
        return Back(before, 0.0, inner + update + reset, through_reset + update + reset)

    def spread(self) -> float:
        """What a gradient's mean square is multiplied by on its way through the recurrent kernel."""
        return self.recurrent.variance * self.fan_state / self.keep[1]

    def back_over(self, local: Local, arrived: Pairs, later: Return, ahead: Pairs, present: int) -> Return:
        """Gradients by lag, one step earlier.

        Args:
            local: the step.
            arrived: at the state, from the outputs and the steps behind, but for a GRU's carry.
            later: what the step behind gave.
            ahead: `Return.ahead` of the step behind at lag 1, of the next one at lag 2 and so on.
            present: how many steps there are behind.
        """
        lags = local.lags
        back = self.spread() * _dropped_lags(self.keep[1], arrived)
        if self.kind == "simple":
            gates = _cut(arrived * lags["new"].slopes, present)
            return Return(back * gates, later.memory, later.ahead, gates, gates)
        carry = self.carry(local)[0] if self.kind == "gru" else local.parts["forget"].moments.m
        gate, new = lags["gate"], lags["new"]
        if self.kind == "lstm":
            forget, read = lags["forget"], lags["read"]
            into = arrived * gate.values * read.slopes
            memory = _handed_on(carry, forget.values, later, ahead, into)
            inner = _cut(memory, present)
            gates = inner * (
                local.trail.memory * forget.slopes + new.values * gate.slopes + gate.values * new.slopes
            ) + _cut(arrived, present) * (read.values * gate.slopes)
            return Return(back * gates, memory, _led(carry, later.ahead) + into, gates, gates)
        memory = _handed_on(carry, gate.values, later, ahead, arrived)
        state = _cut(memory, present)
        rest = 1.0 - 2.0 * carry + gate.values
        inner = state * rest * new.slopes
        difference = local.trail.memory + new.values - 2.0 * shifted(local.trail.ahead, local.trail.far)
        update = state * np.maximum(difference, 0.0) * gate.slopes
        reset = inner * (self.recurrent.variance * self.fan_state * local.trail.state) * gate.slopes
        recurrent = inner * gate.values + update + reset
        return Return(back * recurrent, memory, _led(carry, later.ahead) + arrived, inner + update + reset, recurrent)


def _dropped_lags(keep: float, like: Pairs) -> Pairs:
    """What recurrent dropout takes back from the pairs that are not an element with itself."""
    found = np.full_like(like, keep)
    found[0, 0] = 1.0
    return found


def _cut(pairs: Pairs, present: int) -> Pairs:
    """The pairs without those whose later step there is not."""
    if present + 1 >= pairs.shape[1]:
        return pairs
    found = pairs.copy()
    found[:, present + 1 :] = 0.0
    return found


def _led(carry: float, ahead: Pairs) -> Pairs:
    """What is ahead one step further: the last lag stands for those beyond."""
    return carry * shifted(ahead, (float(ahead[0, -1]), float(ahead[1, -1])))


def _handed_on(carry: float, squares: Pairs, later: Return, ahead: Pairs, added: Pairs) -> Pairs:
    """The gradient at a memory from that one step later and what this step adds: `Trail.grown` backwards."""
    memory = np.empty_like(added)
    memory[:, 0] = squares[:, 0] * later.memory[:, 0] + added[:, 0]
    if memory.shape[1] > 1:
        memory[:, 0] += 2.0 * carry * later.ahead[:, 1]
        memory[:, 1:] = carry * later.memory[:, :-1] + ahead
    return memory


def unchanged(a: Return, b: Return) -> bool:
    """Whether two steps back agree to a billionth."""
    pairs = zip((a.state, a.memory, a.gates), (b.state, b.memory, b.gates), strict=True)
    return all(float(np.abs(x - y).max()) <= 1e-9 * float(np.abs(y).max()) for x, y in pairs)


def settled(a: Moments, b: Moments) -> bool:
    """Whether two steps agree to a millionth."""
    scale = max(abs(b.q), 1e-300)
    return all(abs(x - y) <= 1e-6 * scale for x, y in zip(a[1:5], b[1:5], strict=True)) and math.isfinite(b.q)
