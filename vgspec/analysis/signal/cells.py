"""One step of a recurrence: what it does to the moments of its state, and to gradients on the way back.

Gates see Gaussian inputs; gates are independent of the values that they multiply. What a memory holds and what is added
to it are not independent where the inputs at near times are alike: their mean product is followed (`Trail.ahead`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Fn
from vgspec.analysis.signal.lags import Pairs, Recent, Through, shifted, through
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.state import Moments
from vgspec.analysis.signal.weights import WeightLaw

__all__ = ["ZERO", "Back", "Cell", "Factors", "Local", "OfMemory", "Return", "Trail", "back_over", "settled"]

ZERO = Moments(*(0.0,) * 9)


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
        recent: ``ahead`` of the last steps; one for all trails of a recurrence, since only the newest needs it.
    """

    state: Pairs
    memory: Pairs
    ahead: Pairs
    far: tuple[float, float]
    recent: Recent

    @classmethod
    def start(cls, h: Moments, c: Moments, lags: int) -> Trail:
        """Nothing yet but the initial states."""
        nothing = np.zeros((2, lags + 1))
        state, memory = nothing.copy(), nothing.copy()
        state[:, 0], memory[:, 0] = (h.q, h.p), (c.q, c.p)
        return cls(state, memory, nothing, (0.0, 0.0), Recent(nothing))

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
        self.recent.add(self.ahead)
        memory = np.empty_like(self.memory)
        memory[:, 0] = square
        memory[:, 1:] = carry * self.memory[:, :-1] + share * self.recent.diagonal()
        return memory, carry * shifted(self.ahead, self.far) + added


def _added(kept: Moments, added: Moments, factors: tuple[float, ...], products: tuple[float, ...]) -> Moments:
    """Moments of a sum of which the terms' mean products, each times its factor, are these."""
    rows = zip(kept[1:], added[1:], factors, products, strict=True)
    return Moments(kept.m + added.m, *(a + b + 2.0 * factor * product for a, b, factor, product in rows))


class Local(NamedTuple):
    """What the backward pass needs of one step: gates and new values by name, and what was there before."""

    parts: dict[str, Through]
    before: Moments
    memory: Moments
    trail: Trail


class Back(NamedTuple):
    """Gradients at the state before, at the memory before, and summed over the gates, for one step alone."""

    state: float
    memory: float
    gates: float
    recurrent: float


class OfMemory(NamedTuple):
    """What the gradient at a memory is made with, and what is made with it; of a GRU, the state is the memory.

    Attributes:
        carry: the mean factor that the memory is handed on with.
        squares: mean square of the factor, and its mean product for two samples.
        into: what of a gradient at the state goes to the memory, by lag; None for all.
        gates: what of that at the memory goes to what arrives at the gates, by the kernel.
        recurrent: the same by the recurrent kernel.
    """

    carry: float
    squares: Vector
    into: Pairs | None
    gates: Pairs
    recurrent: Pairs


class Factors(NamedTuple):
    """What the gradients of one step are made with.

    Attributes:
        direct: what of a gradient at the state goes to what arrives at the gates, by lag; None for nothing.
        memory: what goes by way of the memory; None without one.
    """

    direct: Pairs | None
    memory: OfMemory | None = None


class Return(NamedTuple):
    """Gradients by lag after one step back; there may be further axes before the two of pairs.

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
        if self.kind == "simple":
            (new,) = through(drive, arrived, (self.activation,), (0.0,))
            return new.moments, ZERO, Local({"new": new}, h, ZERO, trail), trail._replace(state=new.values)
        if self.kind == "lstm":
            functions = (self.gate, self.gate, self.activation)
            gate, forget, new = through(drive, arrived, functions, (0.0, self.forget, 0.0))
            added = times(gate.moments, new.moments)
            carry = forget.moments.m
            memory = _added(times(forget.moments, c), added, (carry,) * 8, trail.met(c.m * added.m))
            pairs, ahead = trail.grown(carry, gate.values * new.values, (memory.q, memory.p))
            far = (carry * trail.far[0] + added.s, carry * trail.far[1] + added.r)
            (read,) = through(memory, pairs, (self.activation,), (0.0,))
            state = times(gate.moments, read.moments)
            parts = {"gate": gate, "forget": forget, "new": new, "read": read}
            left = Trail(gate.values * read.values, pairs, ahead, far, trail.recent)
            return state, memory, Local(parts, h, c, trail), left
        (gate,) = through(drive, arrived, (self.gate,), (0.0,))
        candidate = self.drive(x, h, gate.moments)
        shared = self._driven(candidate, x, times(h, gate.moments), of_x, trail.state * gate.values)
        (new,) = through(candidate, shared, (self.activation,), (0.0,))
        rest = complement(gate.moments)
        carry = gate.moments.m
        both = Moments(carry, *(carry - value for value in gate.moments[1:]))  # E[z (1 - z')]
        kept, fresh = times(gate.moments, h), times(rest, new.moments)
        state = _added(kept, fresh, both[1:], trail.met(h.m * new.moments.m))
        pairs, ahead = trail.grown(carry, rest.m * new.values, (state.q, state.p), rest.m)
        far = (carry * trail.far[0] + rest.m * new.moments.s, carry * trail.far[1] + rest.m * new.moments.r)
        return (
            state,
            ZERO,
            Local({"gate": gate, "new": new}, h, ZERO, trail),
            Trail(pairs, pairs, ahead, far, trail.recent),
        )

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
        rest = 1.0 - gate.moments.m
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
        inner = state * complement(gate.moments).q * new.slopes[0]
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

    def factors(self, local: Local) -> Factors:
        """What the gradients of one step are made with."""
        parts = local.parts
        new = parts["new"]
        if self.kind == "simple":
            return Factors(new.sloped)
        gate = parts["gate"]
        if self.kind == "lstm":
            forget, read = parts["forget"], parts["read"]
            gates = local.trail.memory * forget.sloped + new.values * gate.sloped + gate.values * new.sloped
            memory = OfMemory(forget.moments.m, forget.values[:, 0], gate.values * read.sloped, gates, gates)
            return Factors(read.values * gate.sloped, memory)
        carry = gate.moments.m
        inner = (1.0 - 2.0 * carry + gate.values) * new.sloped
        difference = local.trail.memory + new.values - 2.0 * shifted(local.trail.ahead, local.trail.far)
        update = np.maximum(difference, 0.0) * gate.sloped
        reset = (self.recurrent.variance * self.fan_state * local.trail.state) * gate.sloped
        every = inner + update + inner * reset
        back = inner * gate.values + update + inner * reset
        return Factors(None, OfMemory(carry, gate.values[:, 0], None, every, back))

    def through_kernel(self, lags: int) -> Pairs:
        """What a gradient's products by lag are multiplied by on their way through the recurrent kernel.

        Recurrent dropout takes its share back from the pairs that are not an element with itself.
        """
        found = np.full((2, lags + 1), self.keep[1])
        found[0, 0] = 1.0
        return self.spread() * found


def back_over(
    factors: Factors, through_kernel: Pairs, arrived: Pairs, later: Return, ahead: Pairs, present: int
) -> Return:
    """Gradients by lag, one step earlier.

    Args:
        factors: of the step.
        through_kernel: `Cell.through_kernel`.
        arrived: at the state, from the outputs and the steps behind, but for a GRU's carry.
        later: what the step behind gave.
        ahead: `Return.ahead` of the step behind at lag 1, of the next one at lag 2 and so on.
        present: how many steps there are behind.
    """
    direct = None if factors.direct is None else _cut(arrived, present) * factors.direct
    memory = factors.memory
    if memory is None:
        assert direct is not None, "what arrives goes somewhere"
        return Return(through_kernel * direct, later.memory, later.ahead, direct, direct)
    into = arrived if memory.into is None else arrived * memory.into
    kept = _handed_on(memory.carry, memory.squares, later, ahead, into)
    inner = _cut(kept, present)
    gates = inner * memory.gates
    if direct is not None:
        gates += direct
    recurrent = gates
    if memory.recurrent is not memory.gates:
        recurrent = inner * memory.recurrent
        if direct is not None:
            recurrent += direct
    return Return(through_kernel * recurrent, kept, _led(memory.carry, later.ahead) + into, gates, recurrent)


def _cut(pairs: Pairs, present: int) -> Pairs:
    """The pairs without those whose later step there is not."""
    if present + 1 >= pairs.shape[-1]:
        return pairs
    found = pairs.copy()
    found[..., present + 1 :] = 0.0
    return found


def _led(carry: float, ahead: Pairs) -> Pairs:
    """What is ahead one step further: the last lag stands for those beyond."""
    return carry * shifted(ahead, ahead[..., -1])


def _handed_on(carry: float, squares: Vector, later: Return, ahead: Pairs, added: Pairs) -> Pairs:
    """The gradient at a memory from that one step later and what this step adds: `Trail.grown` backwards."""
    memory = np.empty_like(added)
    memory[..., 0] = squares * later.memory[..., 0] + added[..., 0]
    if memory.shape[-1] > 1:
        memory[..., 0] += 2.0 * carry * later.ahead[..., 1]
        memory[..., 1:] = carry * later.memory[..., :-1] + ahead
    return memory


def settled(a: Moments, b: Moments) -> bool:
    """Whether two steps agree to a millionth."""
    scale = max(abs(b.q), 1e-300)
    return all(abs(x - y) <= 1e-6 * scale for x, y in zip(a[1:5], b[1:5], strict=True)) and math.isfinite(b.q)
