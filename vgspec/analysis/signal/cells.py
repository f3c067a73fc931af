"""One step of a recurrence: what it does to the moments of its state, and to gradients on the way back.

Gates see Gaussian inputs; state, gates and new values are taken as independent at one step. Gradients go back
for each kind of pair by itself: an element with itself, two samples, two times, both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from vgspec.analysis.signal.functions import Fn, chain
from vgspec.analysis.signal.pointwise import function_moments
from vgspec.analysis.signal.quadrature import mehler
from vgspec.analysis.signal.state import Moments
from vgspec.analysis.signal.weights import WeightLaw

__all__ = ["ZERO", "Back", "Cell", "Local", "Slopes"]

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
        import numpy as np

        d = float(fn.slope(np.array([x.m]))[0]) ** 2
        return Slopes(moments, (d, d, d, d), d)
    variance = x.q - x.m * x.m
    p, s, r = (
        mehler(response.slope_squares, response.slope_square, (c - x.m * x.m) / variance) for c in (x.p, x.s, x.r)
    )
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


class Local(NamedTuple):
    """What the backward pass needs of one step: gates and slopes by name."""

    parts: dict[str, Slopes]
    before: Moments
    memory: Moments


class Back(NamedTuple):
    """Gradients for one kind of pair: at the state before, at the memory before, and summed over the gates."""

    state: float
    memory: float
    gates: float
    recurrent: float


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

    def step(self, x: Moments, h: Moments, c: Moments) -> tuple[Moments, Moments, Local]:
        """State and memory after one step."""
        drive = self.drive(x, h)
        if self.kind == "simple":
            new = _respond(drive, self.activation)
            return new.moments, ZERO, Local({"new": new}, h, ZERO)
        if self.kind == "lstm":
            gate = _respond(drive, self.gate)
            forget = _respond(drive.shifted(self.forget), self.gate) if self.forget else gate
            new = _respond(drive, self.activation)
            memory = plus(times(forget.moments, c), times(gate.moments, new.moments))
            read = _respond(memory, self.activation)
            state = times(gate.moments, read.moments)
            return state, memory, Local({"gate": gate, "forget": forget, "new": new, "read": read}, h, c)
        gate = _respond(drive, self.gate)
        new = _respond(self.drive(x, h, gate.moments), self.activation)
        rest = complement(gate.moments)
        both = gate.moments.m - gate.moments.q  # E[z (1 - z)]
        kept, added = times(gate.moments, h), times(rest, new.moments)
        cross = 2.0 * both * h.m * new.moments.m
        state = Moments(kept.m + added.m, *(a + b + cross for a, b in zip(kept[1:], added[1:], strict=True)))
        return state, ZERO, Local({"gate": gate, "new": new, "rest": Slopes(rest, gate.slopes)}, h, ZERO)

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
            through = self.back(local, 0, 1.0, 0.0).state - parts["gate"].moments.q
            return max(through, 0.0) / carry**2
        gate, forget, new, read = parts["gate"], parts["forget"], parts["new"], parts["read"]
        gates = local.memory.q * forget.slopes[0] + new.moments.q * gate.slopes[0] + gate.moments.q * new.slopes[0]
        spread = self.recurrent.variance * self.units / self.keep[1]
        return spread * gates * gate.moments.q * read.slopes[0] / carry**2

    def back(self, local: Local, kind: int, state: float, memory: float, cross: float = 0.0) -> Back:
        """Gradients one step earlier; ``kind`` counts the kinds of pair from zero.

        ``cross`` is added to the memory's: what coherent gradients of several outputs give beyond their sum.
        """
        at = kind + 1  # place in Moments
        parts = local.parts
        new = parts["new"]
        spread = self.recurrent.variance * self.units / (self.keep[1] if kind == 0 else 1.0)
        if self.kind == "simple":
            d = state * new.slopes[kind]
            return Back(spread * d, 0.0, d, d)
        gate = parts["gate"]
        if self.kind == "lstm":
            forget, read = parts["forget"], parts["read"]
            inner = memory + state * gate.moments[at] * read.slopes[kind] + cross
            gates = (
                state * read.moments[at] * gate.slopes[kind]
                + inner * local.memory[at] * forget.slopes[kind]
                + inner * new.moments[at] * gate.slopes[kind]
                + inner * gate.moments[at] * new.slopes[kind]
            )
            return Back(spread * gates, inner * forget.moments[at], gates, gates)
        state += cross
        rest = parts["rest"]
        inner = state * rest.moments[at] * new.slopes[kind]
        arrived = self._map(local.before, self.recurrent, self.fan_state)[at]
        update = state * (local.before[at] + new.moments[at]) * gate.slopes[kind]
        reset = inner * arrived * gate.slopes[kind]
        through = inner * gate.moments[at]
        before = state * gate.moments[at] + spread * (update + reset + through)
        return Back(before, 0.0, inner + update + reset, through + update + reset)


def settled(a: Moments, b: Moments) -> bool:
    """Whether two steps agree to a millionth."""
    scale = max(abs(b.q), 1e-300)
    return all(abs(x - y) <= 1e-6 * scale for x, y in zip(a[1:5], b[1:5], strict=True)) and math.isfinite(b.q)
