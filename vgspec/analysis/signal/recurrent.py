"""Recurrent layers: the cell's map iterated over time, forward and back.

Two times share what their common past gave them, so the moments for two times after ``t`` steps are
those of pairs whose earlier time is ``t``. Reported beside sizes: how far back a gradient reaches (the steps
until it falls to a thousandth) and the gradient at the first step relative to the last.
"""

from __future__ import annotations

import math
from typing import Any

from vgspec.analysis.signal.cells import ZERO, Cell, Local, settled
from vgspec.analysis.signal.functions import Fn, scalar_function
from vgspec.analysis.signal.linear import fold_border, to_channel
from vgspec.analysis.signal.merging import combine, concatenate
from vgspec.analysis.signal.state import (
    BATCH_SIZE,
    Grad,
    GradSegment,
    Moments,
    Pulled,
    Segment,
    State,
    Step,
    UnknownSignal,
)
from vgspec.analysis.signal.weights import WeightLaw, weight_law
from vgspec.catalogue.moments import Structure
from vgspec.layers import signal as rule

__all__ = ["bidirect", "recur"]

_MOST_STEPS = 20_000
_HORIZON = 4096
"""Steps after which a gradient that has not fallen to a thousandth counts as kept."""
_GATES = {"simple": 1, "lstm": 4, "gru": 3}


def _function(activation: Any) -> Fn | None:
    if activation is None or activation.is_linear:
        return None
    scalar = activation.scalar()
    if scalar is None:
        raise UnknownSignal(f"the activation {activation.name} in a recurrent cell")
    return scalar_function(scalar)


def _cell(primitive: rule.Recurrence, features: int) -> Cell:
    gates = _GATES[primitive.cell]
    units = primitive.units
    taps = primitive.taps
    inward = weight_law(primitive.kernel_initializer, (*taps, features, gates * units))
    recurrent = weight_law(primitive.recurrent_initializer, (*taps, units, gates * units))
    size = math.prod(taps)
    if recurrent.structure is Structure.DIAGONAL:  # the identity in the first gate only: its mean square over all
        recurrent = WeightLaw(0.0, recurrent.square, Structure.ORTHOGONAL, 0.0)
    bias = weight_law(primitive.bias_initializer, (gates * units,))
    return Cell(
        primitive.cell,
        units,
        inward,
        recurrent,
        features * size,
        units * size,
        (bias.mean, bias.variance),
        1.0 - bias.mean if primitive.unit_forget_bias and primitive.bias_initializer is not None else 0.0,
        _function(primitive.activation),
        _function(primitive.recurrent_activation),
        (max(1.0 - primitive.dropout, 1e-6), max(1.0 - primitive.recurrent_dropout, 1e-6)),
    )


def recur(states: tuple[State, ...], primitive: rule.Recurrence, sizes: tuple[int, ...]) -> Step:
    """A recurrent layer; further inputs are its initial states."""
    x = fold_border(states[0])
    x = to_channel(x, len(x.sizes) - 1)
    steps = x.sizes[0]
    if steps > _MOST_STEPS:
        raise UnknownSignal(f"a recurrence over more than {_MOST_STEPS:,} steps is not analysed")
    inner = x.moments
    cell = _cell(primitive, x.channels)
    given = states[1].moments if len(states) > 1 else ZERO
    memory = states[2].moments if len(states) > 2 else ZERO
    history: list[tuple[Moments, Moments, Local]] = []
    h, c = given, memory
    for _ in range(steps):
        h_next, c_next, local = cell.step(inner, h, c)
        history.append((h_next, c_next, local))
        if settled(h, h_next) and settled(c, c_next):
            break
        h, c = h_next, c_next

    def at(t: int) -> tuple[Moments, Moments, Local]:
        return history[min(t, len(history) - 1)]

    last, last_memory, _ = at(steps - 1)
    units = primitive.units
    overlap = max(x.overlap, 1.0 / units)
    spatial = sizes[1:] if primitive.return_sequences else sizes
    alone = last._replace(s=last.q, r=last.p) if len(spatial) == 1 else last
    end = State(spatial, len(spatial) - 1, (Segment(units, alone),), (), x.spread, overlap=overlap)
    if primitive.return_sequences:
        first = State(
            sizes, len(sizes) - 1, (Segment(units, _over_time(cell, history, steps)),), (), x.spread, overlap=overlap
        )
    else:
        first = end
    outputs = [first]
    if primitive.return_state:
        outputs.append(end)
        if primitive.cell == "lstm":
            kept = last_memory._replace(s=last_memory.q, r=last_memory.p)
            kept_state = State(spatial, len(spatial) - 1, (Segment(units, kept),), (), x.spread, overlap=overlap)
            outputs.append(kept_state)
    horizon = _horizon(cell, at(steps - 1)[2])
    facts = (("steps", steps), ("horizon", horizon), ("first_to_last", _first_to_last(cell, history, steps)))

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        return _pull(cell, primitive, x, history, steps, grads, len(states))

    return Step(tuple(outputs), pull, facts)


def _lag_weight(carry: float, steps: int) -> float:
    """The mean of ``carry ** lag`` over all pairs of two different times."""
    if steps < 2 or carry <= 0.0:
        return 0.0
    if carry >= 1.0 - 1e-9:
        return 1.0
    total = carry / (1.0 - carry) * (steps - (1.0 - carry**steps) / (1.0 - carry))
    return max(2.0 * total / (steps * (steps - 1.0)), 0.0)


def _over_time(cell: Cell, history: list[tuple[Moments, Moments, Local]], steps: int) -> Moments:
    """Moments over all times: pairs of two times weigh by how many have the earlier time so.

    What a memory hands on makes near times alike beyond what their inputs share.
    """
    if steps == 1:
        x = history[0][0]
        return x._replace(s=x.q, r=x.p)
    total = [0.0] * 9
    pairs = steps * (steps - 1) / 2
    for t, (x, _, _) in enumerate(history[:steps]):
        last = t == min(len(history), steps) - 1
        number = steps - t if last else 1
        later = number * (number - 1) / 2 if last else steps - 1 - t
        for index in (0, 1, 2, 5, 6):
            total[index] += x[index] * number / steps
        for index in (3, 4, 7, 8):
            total[index] += x[index] * later / pairs
    mean = Moments(*total)
    local = history[-1][2]
    carry, _, _ = cell.carry(local)
    weight = _lag_weight(carry, steps)
    if weight <= 0.0:
        return mean
    s, r = mean.s + weight * (mean.q - mean.s), mean.r + weight * (mean.p - mean.r)
    if cell.kind == "lstm":  # the read gate is drawn anew at each time
        share = local.parts["gate"].moments.m ** 2 / local.parts["gate"].moments.q
        s, r = mean.s + weight * share * (mean.q - mean.s), mean.r + weight * share * (mean.p - mean.r)
    return mean._replace(s=s, r=r)


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


def _horizon(cell: Cell, local: Local) -> int | None:
    """Steps until the gradient at the input has fallen to a thousandth of that at the last step."""
    state, memory = 1.0, 0.0
    growth = _Growth(cell, local)
    first: float | None = None
    for t in range(_HORIZON):
        back = cell.back(local, 0, state, memory)
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


def _first_to_last(cell: Cell, history: list[tuple[Moments, Moments, Local]], steps: int) -> float | None:
    """Decades from the input gradient at the last step to that at the first, for a gradient at the end only."""
    state, memory, log = 1.0, 0.0, 0.0
    last = current = 0.0
    growth = _Growth(cell, history[-1][2])
    for t in range(steps - 1, -1, -1):
        back = cell.back(history[min(t, len(history) - 1)][2], 0, state, memory)
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
    return 0.5 * (math.log10(current / last) + log)


def _pull(
    cell: Cell,
    primitive: rule.Recurrence,
    x: State,
    history: list[tuple[Moments, Moments, Local]],
    steps: int,
    grads: tuple[Grad | None, ...],
    inputs: int,
) -> Pulled:
    present = [grad for grad in grads if grad is not None]
    if not present:
        return Pulled((None,) * inputs)
    log = max(grad.log for grad in present)
    out, end, memory_end = (*grads, None, None)[:3]

    def part(grad: Grad | None) -> tuple[float, float, float, float]:
        if grad is None:
            return (0.0, 0.0, 0.0, 0.0)
        g = grad.mean
        f = math.exp(max(grad.log - log, -700.0)) / math.sqrt(1.0 + grad.fresh)
        return (g.q * f, g.p * f, g.s * f, g.r * f)

    every = part(out) if primitive.return_sequences else (0.0,) * 4
    final = part(end) if primitive.return_sequences else tuple(a + b for a, b in zip(part(out), part(end), strict=True))
    final_memory = part(memory_end)
    inward_sums = [0.0] * 4
    kernel = recurrent = 0.0
    xm = x.moments
    fan = cell.inward.variance * cell.units * math.prod(primitive.taps)
    ends = [0.0, 0.0]
    states = [0.0] * 4
    memories = [0.0] * 4
    for kind in range(4):
        state, memory = final[kind], final_memory[kind]
        last_only = kind >= 2 and not primitive.return_sequences
        if last_only:  # two times meet the same gradient only through powers of a random matrix
            continue
        together = 0.0
        growth = _Growth(cell, history[-1][2])
        for t in range(steps - 1, -1, -1):
            local = history[min(t, len(history) - 1)][2]
            carry, arrive, reach = cell.carry(local)
            state += every[kind]
            cross = 0.0
            if kind < 2 and every[kind + 2] and carry:
                cross = 2.0 * carry * together
                together = arrive * every[kind + 2] + carry * together
            back = cell.back(local, kind, state, memory, cross)
            if kind == 0 and 0.0 < carry < 1.0 and t:
                coherent = _coherent(cell, local, state, memory + cross) * reach
                near, both = carry / (1.0 - carry), carry**2 / (1.0 - carry**2)
                near, both = min(near, t), min(both, t)
                kernel += 2.0 * coherent * xm.s * near
                before = local.before
                recurrent += 2.0 * coherent * ((before.q - before.s) * both + before.s * near)
                inward_sums[2] += 2.0 * coherent * fan * near / max(steps - 1, 1)
            inward = fan * back.gates
            inward_sums[kind] += inward
            if kind == 0:
                kernel += back.gates * xm.q
                recurrent += back.recurrent * local.before.q
            elif kind == 1:
                kernel += (BATCH_SIZE - 1) * back.gates * xm.p
                recurrent += (BATCH_SIZE - 1) * back.recurrent * local.before.p
            elif kind == 2:
                kernel += (steps - 1) * back.gates * xm.s
                recurrent += (steps - 1) * back.recurrent * local.before.s
            else:
                kernel += (BATCH_SIZE - 1) * (steps - 1) * back.gates * xm.r
                recurrent += (BATCH_SIZE - 1) * (steps - 1) * back.recurrent * local.before.r
            if kind == 0:
                ends[0 if t else 1] = inward
            faster = 1.0 if every[kind] else growth.next()
            state, memory = back.state * faster, back.memory * faster
            if state == 0.0 and memory == 0.0 and not every[kind]:
                break
        states[kind], memories[kind] = state, memory
    f = [value / steps for value in inward_sums]
    keep = cell.keep[0]
    result = Grad(
        (GradSegment(x.channels, f[0] / keep, f[1], f[2], f[3]),),
        log,
        max(grad.spread for grad in present) + 2.0 / x.channels / BATCH_SIZE,
        0.0,
        min(max(grad.overlap for grad in present) + 1.0 / cell.units, 1.0),
    )
    n_in = x.channels * cell.units * math.prod(primitive.taps) * BATCH_SIZE
    n_back = cell.units * cell.units * math.prod(primitive.taps) * BATCH_SIZE
    norms = (
        ("kernel", _log(n_in * kernel * (x.positions / steps), log)),
        ("recurrent_kernel", _log(n_back * recurrent * (x.positions / steps) if steps > 1 else 0.0, log)),
    )
    found: list[Grad | None] = [result.normalised()]
    if inputs > 1:
        found.append(Grad((GradSegment(cell.units, states[0], states[1]),), log).normalised())
    if inputs > 2:
        found.append(Grad((GradSegment(cell.units, memories[0], memories[1]),), log).normalised())
    found += [None] * (inputs - len(found))
    return Pulled(tuple(found), norms)


def _coherent(cell: Cell, local: Local, state: float, memory: float) -> float:
    """Mean square of the gradient at the memory, which times share."""
    if cell.kind == "lstm":
        return memory + state * local.parts["gate"].moments.q * local.parts["read"].slopes[0]
    return state


def _log(value: float, log: float) -> float:
    return math.log(value) + log if value > 0.0 and math.isfinite(value) else -math.inf


def bidirect(states: tuple[State, ...], primitive: rule.Bidirect, sizes: tuple[int, ...]) -> Step:
    """Two recurrences over the same input, merged."""
    half = (len(states) - 1) // 2
    merge = primitive.merge
    inner_sizes = (*sizes[:-1], sizes[-1] // 2) if merge == "concat" else sizes
    ahead = _chain((states[0], *states[1 : 1 + half]), primitive.forward, inner_sizes)
    behind = _chain((states[0], *states[1 + half :]), primitive.backward, inner_sizes)
    first, second = ahead.outputs[0], behind.outputs[0]
    if merge is None:
        merged: tuple[State, ...] = (first, second)
        join: Step | None = None
    else:
        if merge == "concat":
            join = concatenate((first, second), rule.Concatenate(-1))
        else:
            kind = {"sum": "add", "mul": "multiply", "ave": "average"}[merge]
            join = combine((first, second), rule.Combine(kind), ("ahead", "behind"))  # type: ignore[arg-type]
        merged = join.outputs
    extra = (*ahead.outputs[1:], *behind.outputs[1:])
    count = len(merged)
    facts = tuple((name, value) for name, value in ahead.facts)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        top = grads[:count] if join is None else join.pull(grads[:1]).inputs
        n = len(ahead.outputs) - 1
        a = ahead.pull((top[0], *grads[count : count + n]))
        b = behind.pull((top[1], *grads[count + n :]))
        from vgspec.analysis.signal.backward import add_gradients

        total = add_gradients(a.inputs[0], b.inputs[0])
        kernels = [(f"forward/{name}", value) for name, value in a.kernels]
        kernels += [(f"backward/{name}", value) for name, value in b.kernels]
        return Pulled((total, *a.inputs[1:], *b.inputs[1:]), tuple(kernels))

    return Step((*merged, *extra), pull, facts)


def _chain(states: tuple[State, ...], primitives: tuple[Any, ...], sizes: tuple[int, ...]) -> Step:
    if len(primitives) != 1 or not isinstance(primitives[0], rule.Recurrence):
        raise UnknownSignal("a bidirectional layer over stacked cells")
    return recur(states, primitives[0], sizes)
