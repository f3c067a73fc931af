"""Several tensors into one, element by element: sums, products, extremes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache

from vgspec.analysis.signal.alignment import body_of
from vgspec.analysis.signal.functions import absolute, affine, chain
from vgspec.analysis.signal.gradients import EQUAL
from vgspec.analysis.signal.kinship import Kin, join
from vgspec.analysis.signal.merge_gradients import Others, leans_of, others, projections, share_of, unbroadcast
from vgspec.analysis.signal.positions import Profile, alike, blend
from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.response import function_moments, third_moment
from vgspec.analysis.signal.samples import blended, function_sizes, leveled, mean_of, of_function, product, started
from vgspec.analysis.signal.state import Moments, Samples, Segment, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, Pulled, Step
from vgspec.analysis.signal.sums import bent_sum
from vgspec.analysis.signal.tails import added, mixed, scales
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.layers import signal as rule

__all__ = ["broadcast_to", "combine", "common_lag", "typical"]

Pull = Callable[[Grad], Grad]


def broadcast_to(state: State, sizes: tuple[int, ...]) -> tuple[State, Pull]:
    """The tensor repeated to these sizes, and the sum of the gradient over the copies."""
    if state.sizes == sizes:
        return state, lambda grad: grad
    state = fold_border(state)
    lead = len(sizes) - len(state.sizes)
    padded = (1,) * lead + state.sizes
    channel = state.channel + lead
    if any(a not in (1, b) for a, b in zip(padded, sizes, strict=True)):
        raise UnknownSignal(f"sizes {state.sizes} do not broadcast to {sizes}")
    if not state.sizes:
        channel = len(sizes) - 1
    copies_position = math.prod(
        b for i, (a, b) in enumerate(zip(padded, sizes, strict=True)) if a == 1 and i != channel
    )
    copies_channel = sizes[channel] if padded[channel] == 1 else 1
    n_in = state.positions
    n_out = n_in * copies_position
    same = (copies_position - 1) / (n_out - 1) if n_out > 1 else 0.0

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        s, r = same * q + (1 - same) * s, same * p + (1 - same) * r
        ks, kr = same * k + (1 - same) * ks, same * kp + (1 - same) * kr
        if copies_channel > 1:
            k, kp, ks, kr = q, p, s, r
        return Moments(m, q, p, s, r, k, kp, ks, kr)

    if copies_channel > 1:
        segments: tuple[Segment, ...] = (Segment(sizes[channel], change(state.moments)),)
    elif copies_position == 1:
        segments = state.segments
    else:
        segments = tuple(
            Segment(item.size, change(item.moments), None, item.hetero, excess=item.excess) for item in state.segments
        )
    profile = state.profile if copies_position == 1 else ()
    result = state._replace(sizes=sizes, channel=channel, segments=segments, profile=profile)

    def pull(grad: Grad) -> Grad:
        return unbroadcast(grad, copies_position, copies_channel, n_in, state.channels)

    return result, pull


def _common(states: tuple[State, ...]) -> tuple[int, ...]:
    """Cuts that respect the segments of all states."""
    edges: set[int] = set()
    for state in states:
        total = 0
        for segment in state.segments:
            total += segment.size
            edges.add(total)
    ordered = sorted(edges)
    if len(ordered) > 64:
        return (ordered[-1],)
    return tuple(b - a for a, b in zip([0, *ordered[:-1]], ordered, strict=True))


def _cut(state: State, sizes: tuple[int, ...]) -> tuple[Segment, ...]:
    if len(state.segments) == len(sizes):
        return state.segments
    if len(sizes) == 1:
        return (Segment(sizes[0], state.moments),)
    result = []
    index, left = 0, state.segments[0].size
    for size in sizes:
        result.append(state.segments[index]._replace(size=size))
        left -= size
        if left == 0 and index + 1 < len(state.segments):
            index += 1
            left = state.segments[index].size
    return tuple(result)


def _plus(a: Moments, b: Moments, sign: float = 1.0) -> Moments:
    c = 2.0 * sign * a.m * b.m
    m, q, p, s, r, k, kp, ks, kr = a
    mean, q2, p2, s2, r2, k2, kp2, ks2, kr2 = b
    return Moments(
        m + sign * mean,
        q + q2 + c,
        p + p2 + c,
        s + s2 + c,
        r + r2 + c,
        k + k2 + c,
        kp + kp2 + c,
        ks + ks2 + c,
        kr + kr2 + c,
    )


def _times(a: Moments, b: Moments) -> Moments:
    return Moments(*(x * y for x, y in zip(a, b, strict=True)))


def _greater(a: Moments, b: Moments, sign: float) -> Moments:
    """``(a + b)/2 + sign * |a - b|/2`` for Gaussians, the two halves taken as uncorrelated."""
    total, difference = _plus(a, b), _plus(a, b, -1.0)
    bent, _ = function_moments(difference, chain(absolute))
    cross = 2.0 * sign * total.m * bent.m
    return Moments(
        0.5 * (total.m + sign * bent.m), *(0.25 * (x + y + cross) for x, y in zip(total[1:], bent[1:], strict=True))
    )


def typical(state: State) -> State:
    """The finite-width correction taken into the moments, since other tensors do not share it."""
    if not state.fresh:
        return state
    f = 1.0 / math.sqrt(1.0 + state.fresh)

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        return Moments(m, q * f, p * f, s * f, r * f, k * f, kp * f, ks * f, kr * f)

    segments = tuple(item._replace(moments=change(item.moments)) for item in state.segments)
    return state._replace(segments=segments, spread=state.spread + math.log1p(state.fresh), fresh=0.0)


def combine(
    states: tuple[State, ...], primitive: rule.Combine, sources: tuple[object, ...] = (), kin: Kin | None = None
) -> Step:
    """Element by element over several inputs.

    Args:
        states: the inputs.
        primitive: the kind.
        sources: what each input is, to see when one is given twice.
        kin: the one tensor that both inputs are functions of, if there is one.
    """
    rank = max(len(state.sizes) for state in states)
    sizes = tuple(
        max(state.sizes[axis - rank + len(state.sizes)] for state in states if axis >= rank - len(state.sizes))
        for axis in range(rank)
    )
    kind = primitive.kind
    factors = primitive.factors if len(primitive.factors) == len(states) else (1.0,) * len(states)
    if any(factor != 1.0 for factor in factors):
        sources = ()  # the same tensor times two numbers is not the same tensor twice
        states = tuple(
            state if factor == 1.0 else _multiplied(state, factor)
            for state, factor in zip(states, factors, strict=True)
        )
    alike_padded = len({(state.border, state.sizes, state.channel) for state in states}) == 1
    if not alike_padded:  # zeros and zeros together are zero
        states = tuple(fold_border(state) for state in states)
    repeated = _repeats(sources, len(states))
    earliest: dict[object, int] = {}
    numbered = sources if len(sources) == len(states) else tuple(range(len(states)))
    first = tuple(earliest.setdefault(source, index) for index, source in enumerate(numbered))
    spread_states: list[State] = []
    pulls: list[Pull] = []
    for state in states:
        wide, pull = broadcast_to(state, sizes)
        spread_states.append(wide)
        pulls.append(pull)
    channel = spread_states[0].channel
    wide_states = tuple(typical(to_channel(state, channel)) for state in spread_states)
    cuts = _common(wide_states)
    columns = [_cut(state, cuts) for state in wide_states]
    n = len(states)
    segments = []
    for index, size in enumerate(cuts):
        parts = [column[index].moments for column in columns]
        merged = _merge(kind, parts, first)
        skew = 0.0
        if kind in ("add", "average") and len(set(first)) == n:
            skew = _skewness([column[index] for column in columns], merged, 1.0 / n if kind == "average" else 1.0)
        bent = None
        if kind == "add" and abs(skew) > 0.05:
            bent = bent_sum([column[index] for column in columns], merged)
        segments.append(Segment(size, merged, skew=skew, bent=bent))
        if kind == "multiply":
            segments[-1] = segments[-1]._replace(excess=max((column[index].excess for column in columns), key=abs))
    joined, merge = None, object()
    if (
        kin is not None
        and set(factors) == {1.0}
        and len(cuts) == 1
        and wide_states[0].sizes == wide_states[1].sizes == kin.root.sizes
    ):
        joined = join(kind, kin, (wide_states[0], wide_states[1]))
        if joined is not None:
            segments = [joined.segment._replace(size=cuts[0])]
    powers = [sum(state.moments.q for state in wide_states)] * n
    shares = [state.moments.q / power if power > 0 else 0.0 for state, power in zip(wide_states, powers, strict=True)]
    if kind == "multiply":
        spread = sum(state.spread for state in wide_states)
    else:
        spread = sum(share * share * state.spread for share, state in zip(shares, wide_states, strict=True))
    dead = math.prod(state.dead for state in wide_states) if kind != "multiply" else max(s.dead for s in wide_states)
    if kind == "multiply":  # a gate that is nearly the same for all samples leaves the angles between them
        overlap = min(state.overlap for state in wide_states)
    else:
        overlap = sum(share * state.overlap for share, state in zip(shares, wide_states, strict=True))
    output = (
        wide_states[0]
        .with_segments(segments)
        ._replace(
            sizes=sizes,
            border=wide_states[0].border,
            spread=spread,
            overlap=min(overlap, 1.0),
            dead=dead,
            profile=_profile(kind, wide_states),
            reach=max(state.reach for state in wide_states),
            lag=common_lag(kind, wide_states),
            vary=_vary(kind, wide_states),
            samples=None,
        )
    )
    samples = _samples(kind, wide_states)
    if joined is not None and kin is not None:
        output = _joined_sizes(output, kin.root.samples, samples)
    else:
        output = output.sized(samples)
        if kind == "multiply" and samples is not None:
            output = _met(output, wide_states)
    if kind in ("add", "average", "subtract"):
        output = _with_tails(output, columns, wide_states)

    equal = kind == "add" and n == 2 and repeated == (2, 2)  # two tensors that are one, perhaps from two nodes
    bodies = [body_of(state) for state in states]
    lean_of = projections(kind, columns, cuts)
    elements = output.positions * output.channels
    rest = Others(columns)
    uneven = [at for at, state in enumerate(wide_states) if state.profile]

    @cache
    def other_samples() -> list[Samples | None]:  # of both backward passes
        return others([state.samples for state in wide_states], _both, None)

    def backward(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,) * n)
        results = []
        gates = other_samples() if kind == "multiply" else []
        for index in range(n):
            once = (1,) * n if equal else repeated
            inward = share_of(kind, grad, columns, cuts, index, n, once, rest)
            if equal:
                inward = inward._replace(meets=(*grad.meets, (merge, EQUAL, grad.log)))
            if joined is not None:
                if kind in ("maximum", "minimum"):
                    inward = grad.scaled(joined.shares[index])
                inward = inward._replace(meets=(*grad.meets, (merge, joined.cross * grad.mean.q, grad.log)))
            if factors[index] != 1.0:
                inward = inward.scaled(factors[index] ** 2)
            if kind == "multiply":
                gate = gates[index]
                if gate is not None:
                    sizes_of = gate.square if grad.samples is None else gate.square * grad.samples
                    inward = inward.scaled(mean_of(sizes_of))._replace(samples=leveled(sizes_of))
                other = [at for at in uneven[:3] if at != index]
                place = wide_states[other[0]].profile if len(other) == 1 else ()
                inward = inward.scaled(1.0 + alike(grad.profile, place))
            leans = leans_of(grad, merge, index, lean_of[index], elements)
            inward = pulls[index](inward)._replace(leans=leans, body=bodies[index])
            results.append(inward.normalised())
        return Pulled(tuple(results))

    return Step((output,), backward)


def _multiplied(state: State, factor: float) -> State:
    """A tensor times a number; what its function of a Gaussian was is kept."""
    return state._replace(
        segments=tuple(
            item._replace(
                moments=item.moments.scaled(factor),
                curve=None
                if item.curve is None
                else item.curve._replace(functions=item.curve.functions.then(affine(factor, 0.0))),
                skew=item.skew if factor > 0 else -item.skew,
            )
            for item in state.segments
        ),
    )


def common_lag(kind: str, states: tuple[State, ...]) -> float:
    """The correlation of neighbours: the mean by size."""
    if kind == "multiply":
        return max(state.lag for state in states)
    total = sum(state.channels * state.moments.q for state in states)
    if not total > 0.0 or not any(state.lag for state in states):
        return 0.0
    return sum(state.channels * state.moments.q * state.lag for state in states) / total


def _vary(kind: str, states: tuple[State, ...]) -> float:
    """How far samples differ in size: a gate that a sample opens for itself makes it differ more."""
    if kind != "multiply":
        return mixed([state.vary for state in states], [state.moments.q for state in states])
    return math.prod(1.0 + state.vary for state in states) - 1.0


def _samples(kind: str, states: tuple[State, ...]) -> Samples | None:
    """The sizes of the samples."""
    if all(state.samples is None for state in states):
        return None
    parts = [started(state.samples, state.vary, 0.0) for state in states]
    if kind == "multiply":
        return product(parts)
    moments = [state.moments for state in states]
    return blended(parts, [x.q for x in moments], [abs(x.m) for x in moments])


def _joined_sizes(output: State, root: Samples | None, otherwise: Samples | None) -> State:
    """The merge of two functions of one tensor, whose samples have these sizes."""
    only = output.segments[0]
    if root is None or only.curve is None:
        return output.sized(otherwise)
    base = root.square if root.base is None else root.base
    sized = of_function(only.curve.base, only.curve.functions, base)
    if sized is None:
        return output.sized(otherwise)
    segment = only._replace(moments=sized.applied(only.moments))
    return output._replace(segments=(segment,)).sized(function_sizes(root, base, [sized], [1.0]))


def _met(output: State, states: tuple[State, ...]) -> State:
    """A product of tensors that are large for the same samples."""
    square, mean = 1.0, 1.0
    squares: Vector | None = None
    means: Vector | None = None
    for state in states:
        if state.samples is None:
            continue
        squares = state.samples.square if squares is None else squares * state.samples.square
        if state.samples.mean is not None:
            means = state.samples.mean if means is None else means * state.samples.mean
    if squares is not None:
        square = mean_of(squares)
    if means is not None:
        mean = mean_of(means)
    near, far = square, mean * mean

    def change(x: Moments) -> Moments:
        m, q, p, s, r, k, kp, ks, kr = x
        return Moments(m * mean, q * near, p * far, s * near, r * far, k * near, kp * far, ks * near, kr * far)

    return output._replace(
        segments=tuple(item._replace(moments=change(item.moments)) for item in output.segments),
    )


def _both(a: Samples | None, b: Samples | None) -> Samples | None:
    """The sizes of a product of two."""
    return product((a, b))


def _with_tails(output: State, columns: list[tuple[Segment, ...]], states: tuple[State, ...]) -> State:
    """The sum with the excess of its elements."""
    if all(item.excess == 0.0 for column in columns for item in column) and not output.vary and not output.profile:
        return output
    before = [scales(state.profile, state.vary) for state in states]
    after = scales(output.profile, output.vary)
    if len(output.segments) != len(columns[0]):
        return output
    rows = zip(output.segments, zip(*columns, strict=True), strict=True)
    return output.with_segments(
        item._replace(excess=added(list(zip(parts, before, strict=True)), after)) for item, parts in rows
    )


def _profile(kind: str, states: tuple[State, ...]) -> Profile:
    """The profile of the result; that of a product is what its only uneven factor has."""
    if kind != "multiply":
        return blend([state.profile for state in states], [state.moments.q for state in states])
    uneven = [state.profile for state in states if state.profile]
    return uneven[0] if len(uneven) == 1 else ()


def _repeats(sources: tuple[object, ...], n: int) -> tuple[int, ...]:
    """How often each input occurs."""
    if len(sources) != n or len(set(sources)) == n:
        return (1,) * n
    times = Counter(sources)
    return tuple(times[source] for source in sources)


def _merge(kind: str, parts: list[Moments], first: tuple[int, ...]) -> Moments:
    """Moments of the result; ``first`` says for each input where the same tensor occurs first."""
    n = len(parts)
    if kind in ("add", "average", "subtract"):
        weights: dict[int, float] = {}
        for index in range(n):
            weights[first[index]] = weights.get(first[index], 0.0) + (-1.0 if kind == "subtract" and index else 1.0)
        terms = [parts[index] if weight == 1.0 else parts[index].scaled(weight) for index, weight in weights.items()]
        total = terms[0]
        for term in terms[1:]:
            total = _plus(total, term)
        return total.scaled(1.0 / n) if kind == "average" else total
    if kind == "multiply":
        result = parts[0]
        for part in parts[1:]:
            result = _times(result, part)
        if n == 2 and first == (0, 0):
            variance = max(parts[0].q - parts[0].m ** 2, 0.0)
            square = 3 * variance**2 + 6 * variance * parts[0].m ** 2 + parts[0].m ** 4
            pairs = [parts[0].q ** 2 + 2 * (c * c - parts[0].m ** 4) for c in parts[0][2:]]
            result = Moments(parts[0].q, square, *pairs)
        return result
    if n > 1 and set(first) == {0}:
        return parts[0]
    result = parts[0]
    for part in parts[1:]:
        result = _greater(result, part, 1.0 if kind == "maximum" else -1.0)
    return result


def _skewness(parts: list[Segment], merged: Moments, factor: float) -> float:
    """Skewness of a sum of independent tensors, from their third moments."""
    variance = merged.q - merged.m * merged.m
    if variance <= 1e-12 * merged.q or not math.isfinite(variance):
        return 0.0
    total = sum(third_moment(part) for part in parts) * factor * factor * factor
    return min(max(total / (variance * math.sqrt(variance)), -1.2), 1.2)
