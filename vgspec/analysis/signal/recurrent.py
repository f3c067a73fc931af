"""Recurrent layers: the cell's map iterated over time, forward and back.

Two times share what their common past gave them, so the moments for two times after ``t`` steps are
those of pairs whose earlier time is ``t``. Reported beside sizes: how far back a gradient reaches (the steps
until it falls to a thousandth) and the gradient at the first step relative to the last.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from vgspec.analysis.signal.cells import ZERO, Cell, Trail, settled
from vgspec.analysis.signal.concatenation import concatenate
from vgspec.analysis.signal.functions import Fn, scalar_function
from vgspec.analysis.signal.gradients import add_gradients
from vgspec.analysis.signal.lags import MOST_LAGS, Pairs, pairs_of, trace_of
from vgspec.analysis.signal.linear_map import gradient_overlap, overlap_of
from vgspec.analysis.signal.merging import combine
from vgspec.analysis.signal.positions import LONGEST
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.recurrent_gradients import MOST_STEPS, Arriving, Past, WayBack, first_to_last, horizon
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step
from vgspec.analysis.signal.taps import Taps, count
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.analysis.signal.weights import WeightLaw, weight_law
from vgspec.catalogue.moments import Structure
from vgspec.layers import signal as rule

__all__ = ["bidirect", "recur"]

_GATES = {"simple": 1, "lstm": 4, "gru": 3}


def _function(activation: Any) -> Fn | None:
    if activation is None or activation.is_linear:
        return None
    scalar = activation.scalar()
    if scalar is None:
        raise UnknownSignal(f"the activation {activation.name} in a recurrent cell")
    return scalar_function(scalar)


def _taps(primitive: rule.Recurrence, x: State, sizes: tuple[int, ...]) -> tuple[Taps, Taps]:
    """How the windows of kernel and recurrent kernel meet data; a single tap where there are none."""
    kernel = primitive.taps
    if not kernel:
        return _ONE_TAP, _ONE_TAP
    before, after = x.spatial[1:], sizes[1:-1] if primitive.return_sequences else sizes[:-1]
    one = (1,) * len(kernel)
    inward, _ = count(before, kernel, one, one, "same" if before == after else "valid", (), after)
    back, _ = count(after, kernel, one, one, "same")
    return inward, back


_ONE_TAP = Taps(1, 1, 1, 1, 1)


def _cell(primitive: rule.Recurrence, features: int, met: tuple[Taps, Taps]) -> Cell:
    gates = _GATES[primitive.cell]
    units = primitive.units
    taps = primitive.taps
    inward = weight_law(primitive.kernel_initializer, (*taps, features, gates * units))
    recurrent = weight_law(primitive.recurrent_initializer, (*taps, units, gates * units))
    inputs, states = (item.total / item.outputs for item in met)
    if recurrent.structure is Structure.DIAGONAL:  # the identity in the first gate only: its mean square over all
        recurrent = WeightLaw(0.0, recurrent.square, Structure.ORTHOGONAL, 0.0)
    bias = weight_law(primitive.bias_initializer, (gates * units,))
    return Cell(
        primitive.cell,
        units,
        inward,
        recurrent,
        features * inputs,
        units * states,
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
    if not primitive.taps:  # one cell of several has sizes of its own
        sizes = (steps, primitive.units) if primitive.return_sequences else (primitive.units,)
    inner = x.moments
    if x.fresh:
        typical = 1.0 / math.sqrt(1.0 + x.fresh)
        inner = Moments(inner.m, *(value * typical for value in inner[1:]))
    met = _taps(primitive, x, sizes)
    cell = _cell(primitive, x.channels, met)
    given = states[1].moments if len(states) > 1 else ZERO
    memory = states[2].moments if len(states) > 2 else ZERO
    lags = min(steps - 1, MOST_LAGS)
    of_x = pairs_of(inner, x.trace, lags)
    trail = Trail.start(given, memory, lags)
    history: list[Past] = []
    h, c = given, memory
    levels = _levels(x, steps)
    for t in range(min(steps, MOST_STEPS)):
        level = levels[t] if levels is not None else 1.0
        now = inner if level == 1.0 else inner.scaled(math.sqrt(level))
        h_next, c_next, local, trail = cell.step(now, h, c, of_x * level, trail)
        history.append(Past(h_next, c_next, local, trail.state))
        if (levels is None and settled(h, h_next) and settled(c, c_next)) or t == MOST_STEPS - 1:
            history[-1] = _for_good(history[-1], t)
            break
        h, c = h_next, c_next

    def at(t: int) -> Past:
        return history[min(t, len(history) - 1)]

    last, last_memory = at(steps - 1)[:2]
    units = primitive.units
    overlap = max(x.overlap, 1.0 / units)
    spread = x.spread + math.log1p(x.fresh)

    def made(
        sizes: tuple[int, ...], moments: Moments, trace: Vector | None = None, profile: tuple[Vector, ...] = ()
    ) -> State:
        found = State(sizes, len(sizes) - 1, (Segment(units, moments),), (), spread, overlap=overlap)
        return found._replace(fresh=_fresh(found), trace=trace, profile=profile)

    spatial = sizes[1:] if primitive.return_sequences else sizes
    alone = last._replace(s=last.q, r=last.p) if len(spatial) == 1 else last
    end = made(spatial, alone)
    first = end
    if primitive.return_sequences:
        first = made(sizes, *_over_time(history, steps), profile=() if primitive.taps else _uneven(history, steps))
    outputs = [first]
    if primitive.return_state:
        outputs.append(end)
        if primitive.cell == "lstm":
            kept = last_memory._replace(s=last_memory.q, r=last_memory.p)
            outputs.append(made(spatial, kept))
    facts = (
        ("steps", steps),
        ("horizon", horizon(cell, at(steps - 1).local)),
        ("first_to_last", first_to_last(cell, history, steps)),
    )

    @cache
    def way_back() -> WayBack:
        return WayBack(cell, history, steps)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        with np.errstate(over="ignore", invalid="ignore"):  # a gradient beyond double precision is infinite
            return _pull(way_back(), cell, primitive, x, met, steps, grads, len(states))

    return Step(tuple(outputs), pull, facts)


def _levels(x: State, steps: int) -> list[float] | None:
    """The input's mean square at each step beside that at all; None for evenly."""
    if len(x.profile) != 1 or x.profile[0].size != steps:
        return None
    return [float(value) for value in x.profile[0]]


def _uneven(history: list[Past], steps: int) -> tuple[Vector, ...]:
    """The profile over time: a memory starts empty. Long sequences are taken as even, as in `positions`."""
    if not 1 < steps <= LONGEST:
        return ()
    sizes = [past.state.q for past in history]
    found = np.array(sizes + sizes[-1:] * (steps - len(sizes)))
    mean = float(found.mean())
    if not 0.0 < mean < math.inf or float(found.min()) > 0.98 * float(found.max()):
        return ()
    return (found / mean,)


def _fresh(state: State) -> float:
    """Relative variance of the mean square from the finite number of units, as for a linear map.

    What all units have in common does not vary; the rest does as far as the batch's vectors are alike.
    """
    x = state.moments
    own = x.q - x.k
    if not own > 1e-9 * x.q:
        return 0.0
    share = own / x.q
    centred = Moments(0.0, own, x.p - x.kp, x.s - x.ks, x.r - x.kr, 0.0, 0.0, 0.0, 0.0)
    alike = overlap_of(state._replace(segments=(Segment(state.channels, centred),)))
    return 2.0 * alike * share * (2.0 - share) / max(state.channels, 1)


def _for_good(past: Past, t: int) -> Past:
    """A step as it is from here on, with what lags beyond the first step come to."""
    trail = past.local.trail

    def filled(pairs: Pairs, far: tuple[float, float]) -> Pairs:
        if t + 1 >= pairs.shape[1]:
            return pairs
        found = pairs.copy()
        found[:, t + 1 :] = np.array(far)[:, None]
        return found

    h, c = past.state, past.memory
    of_memory = filled(trail.memory, (c.s, c.r) if c.q else (h.s, h.r))
    of_state = filled(trail.state, (h.s, h.r))
    local = past.local._replace(trail=trail._replace(state=of_state, memory=of_memory))
    return Past(h, c, local, filled(past.pairs, (h.s, h.r)))


def _over_time(history: list[Past], steps: int) -> tuple[Moments, Vector | None]:
    """Moments over all times, and what near times have in common beyond all pairs of them."""
    if steps == 1:
        x = history[0].state
        return x._replace(s=x.q, r=x.p), None
    total = np.zeros(9)
    lags = history[0].pairs.shape[1]
    sums = np.zeros((2, lags))
    far = np.zeros(2)
    distance = np.arange(float(lags))
    for t, past in enumerate(history):
        last = t == len(history) - 1
        total += np.array(past.state) * ((steps - t) if last else 1.0) / steps
        times = np.maximum(steps - np.maximum(distance, t), 0.0) if last else (distance <= t)
        sums += past.pairs * times
        beyond = steps - max(t, lags) if last else float(t >= lags)
        if beyond > 0:  # pairs of times that are further apart than the lags go
            first = max(t, lags) - lags + 1
            count = (first + steps - lags) * (steps - lags - first + 1) // 2 if last else first
            far += count * np.array((past.state.s, past.state.r))
    pairs = steps * (steps - 1) / 2.0
    s, r = (sums[:, 1:].sum(axis=1) + far) / pairs
    mean = Moments(*(float(value) for value in total))._replace(s=float(s), r=float(r))
    return mean, trace_of(sums / np.maximum(steps - distance, 1.0), mean.q, mean.s)


def _pull(
    way: WayBack,
    cell: Cell,
    primitive: rule.Recurrence,
    x: State,
    met: tuple[Taps, Taps],
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

    trace = None
    first, last, kept = part(out), part(end), part(memory_end)
    if primitive.return_sequences:
        q, p, s, r = first
        arriving = Arriving((q, p), (s, r), end=last[:2], memory=kept[:2])
        if out is not None and out.trace is not None and math.isfinite(q):
            trace = out.trace
            arriving = arriving._replace(near=(q - s, p - r))
    else:
        arriving = Arriving(end=(first[0] + last[0], first[1] + last[1]), memory=kept[:2])
    found = way.returned(arriving, trace)
    fan = cell.inward.variance * cell.units * met[0].total / met[0].inputs

    def kernel() -> float:
        of_x = way.weights * pairs_of(x.moments, x.trace, way.weights.shape[1] - 1)
        products = float((of_x * found.gates).sum() + of_x[:, -1] @ found.far)
        return _log(BATCH_SIZE * cell.units * x.channels * met[0].total * products, log)

    def recurrent_kernel() -> float:
        return _log(BATCH_SIZE * cell.units * cell.units * met[1].total * float(found.recurrent.sum()), log)

    inward, far = fan * found.gates, fan * found.far
    number = steps * (steps - 1) / 2.0
    s, r = ((inward[:, 1:].sum(axis=1) + far) / number) if steps > 1 else (0.0, 0.0)
    q, p = (float(value) / steps for value in inward[:, 0])
    times = np.maximum(steps - np.arange(float(inward.shape[1])), 1.0)
    trace = trace_of(inward / times, q, float(s)) if q > 0.0 else None
    keep = cell.keep[0]
    alike = max(gradient_overlap(grad, max(steps, 1)) for grad in present)
    result = Grad(
        (GradSegment(x.channels, q / keep, p, float(s), float(r)),),
        log,
        max(grad.spread + math.log1p(grad.fresh) for grad in present),
        2.0 * alike / x.channels,
        min(max(grad.overlap for grad in present) + 1.0 / cell.units, 1.0),
        trace=trace,
    )
    norms = ((f"{primitive.name}kernel", kernel), (f"{primitive.name}recurrent_kernel", recurrent_kernel))
    given = [
        Grad((GradSegment(cell.units, float(one), float(two)),), log).normalised()
        for one, two in (found.state, found.memory)
    ]
    return Pulled((result.normalised(), *given[: inputs - 1], *(None,) * (inputs - 3)), norms)


def _log(value: float, log: float) -> float:
    return math.log(value) + log if value > 0.0 and math.isfinite(value) else -math.inf


def bidirect(states: tuple[State, ...], primitive: rule.Bidirect, sizes: tuple[int, ...]) -> Step:
    """Two recurrences over the same input, merged."""
    half = (len(states) - 1) // 2
    merge = primitive.merge
    inner_sizes = (*sizes[:-1], sizes[-1] // 2) if merge == "concat" else sizes
    ahead = _chain((states[0], *states[1 : 1 + half]), primitive.forward, inner_sizes)
    if len(states) == 1 and primitive.backward == primitive.forward:  # to moments no direction differs from the other
        behind = ahead
    else:
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
        total = add_gradients(a.inputs[0], b.inputs[0])
        kernels = [(f"forward/{name}", value) for name, value in a.kernels]
        kernels += [(f"backward/{name}", value) for name, value in b.kernels]
        return Pulled((total, *a.inputs[1:], *b.inputs[1:]), tuple(kernels))

    return Step((*merged, *extra), pull, facts)


def _chain(states: tuple[State, ...], primitives: tuple[Any, ...], sizes: tuple[int, ...]) -> Step:
    if len(primitives) != 1 or not isinstance(primitives[0], rule.Recurrence):
        raise UnknownSignal("a bidirectional layer over stacked cells")
    return recur(states, primitives[0], sizes)
