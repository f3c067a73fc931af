"""Elementwise functions: moments of ``f(x)`` for Gaussian ``x``, and what ``f'`` does to a gradient.

A tensor that is a function of a Gaussian one keeps that function as a `Curve`, so that a second function, a
maximum over a window or another mask is taken of the Gaussian and not of a Gaussian with the moments of ``f(x)``.
The gradient that comes back is kept as a function of the same Gaussian (`GradSegment.given`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from vgspec.analysis.signal import samples as sizes_of
from vgspec.analysis.signal import tails
from vgspec.analysis.signal.functions import Fn, affine, chain, skewed
from vgspec.analysis.signal.gradients import align
from vgspec.analysis.signal.positions import alike
from vgspec.analysis.signal.quadrature import DEGREE, Basis, Vector, mehler, spectrum
from vgspec.analysis.signal.response import Curve, Response, degenerate, function_moments
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State, pair_average
from vgspec.analysis.signal.step import Grad, GradSegment, Pulled, Step

__all__ = ["apply_function"]


def _rectified_slopes(c: float, a: float) -> float:
    linear, bent = 0.5 * (1.0 + a), 0.5 * (1.0 - a)
    return linear * linear + bent * bent * (2.0 / math.pi) * math.asin(c)


def apply_function(state: State, fn: Fn) -> Step:
    """Apply a scalar function to every element."""
    outputs: list[Segment] = []
    responses: list[Response | None] = []
    bases: list[Moments] = []
    extras: list[float] = []
    chi = kurtosis = degree = straight = 0.0
    stacked = False
    alive = 1.0
    samples = sizes_of.started(state.samples, state.vary)
    if samples is not state.samples:
        state = state.sized(samples)
    inputs = None if samples is None else samples.square
    if samples is not None and samples.base is not None and all(item.curve is not None for item in state.segments):
        inputs = samples.base
    resized: list[sizes_of.Sized | None] = []
    for segment in state.segments:
        if segment.curve is None:
            base = segment.moments
            functions = chain(fn)
            if segment.bent is not None:
                base, functions = segment.bent.base, chain(segment.bent.function)
                if not fn.homogeneous:  # it sees the values, not their ratio to the deviation
                    deviation = math.sqrt(base.q)
                    base, functions = base.scaled(1.0 / deviation), functions.then(affine(round(deviation, 6), 0.0))
                functions = functions.then(fn)
            elif abs(segment.skew) > 0.05 and fn.homogeneous and not degenerate(base):
                ratio = base.m / math.sqrt(base.q - base.m * base.m)
                functions = chain(skewed(round(ratio, 3) + 0.0, round(segment.skew, 2)), fn)
        else:
            base, functions = segment.curve.base, segment.curve.functions.then(fn)
            stacked = True
        moments, response = function_moments(base, functions)
        bases.append(base)
        responses.append(response)
        curve = Curve(base, functions) if response is not None else None
        tail = tails.excess_of(state, segment) if segment.curve is None and not segment.skew else (0.0, 0.0, 0.0)
        excess = 0.0
        if response is not None:
            scale = math.sqrt(base.q - base.m * base.m) if functions.homogeneous else 1.0
            if segment.echo:  # the correlation of two positions has any sign: its square is left
                own = 1.0 + 0.5 * max(tail[0], -1.0)
                moments = moments._replace(
                    s=moments.s + scale * scale * float(response.squares[2]) * segment.echo * own
                )
            moments, excess = tails.corrected(moments, response, scale, tail)
        sized = sizes_of.of_function(base, functions, inputs) if inputs is not None else None
        resized.append(sized)
        if sized is not None:
            moments = sized.applied(moments)
            excess = (3.0 + excess) * (1.0 + sizes_of.spread_of(sized.square)) - 3.0
        extras.append(tail[0])
        outputs.append(Segment(segment.size, moments, curve, segment.hetero, excess=excess))
        share = segment.size / state.channels
        chi += share * (response.chi if response is not None else 1.0)
        kurtosis += share * (response.kurtosis if response is not None else 1.0)
        degree += share * (response.degree if response is not None else 0.0)
        straight += share * (_straightness(response) if response is not None else 0.0)
        if fn.negative == 0.0 and response is not None and not stacked:
            alive *= response.flat**segment.size
    fresh = state.fresh if stacked else state.fresh * max(kurtosis - 1.0, 0.0) / 2.0
    dead = state.dead
    if fn.negative == 0.0 and not stacked:
        dead = 1.0 - (1.0 - dead) * (1.0 - alive)
    few = 0.0 if stacked or len(state.sizes) < 2 else _few(state, bases, responses)
    kept = _decorrelation(responses)
    overlap = state.overlap if stacked else state.overlap * kept
    output = state.with_segments(
        outputs,
        overlap=overlap,
        spread=state.spread * min(chi * chi, 4.0),
        fresh=fresh,
        dead=dead,
        vary=state.vary * chi * chi + few,
        lag=state.lag and state.lag * math.sqrt(kept),
    )
    sizes = tuple(segment.size for segment in state.segments)
    positions = state.positions
    if samples is not None and inputs is not None:
        weights = [item.size * item.moments.q for item in output.segments] if len(outputs) > 1 else [1.0]
        found = sizes_of.function_sizes(samples, inputs, resized, weights)
        output = output.sized(sizes_of.stirred(found, few, state.channels, base=True))
    known = [
        (segment.size, response, _shared_slopes(base, response))
        for segment, base, response in zip(state.segments, bases, responses, strict=True)
        if response is not None
    ]
    weight = sum(size for size, _, _ in known) or 1
    ratio = sum(size * response.slope_kurtosis for size, response, _ in known) / weight
    agree = sum(size * shared for size, _, shared in known) / weight

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None,))
        result = []
        lean = grad.leaning()
        common = alike(grad.profile, state.profile)
        slopes: Vector | None = None
        rows = zip(align(grad, sizes), state.segments, bases, responses, extras, resized, strict=True)
        for g, segment, base, response, excess, sized in rows:
            if response is None:
                x = base.m if segment.curve is None else segment.moments.m
                d = float(fn.slope(np.array([x]))[0]) ** 2
                result.append(GradSegment(segment.size, g.q * d, g.p * d, g.s * d, g.r * d, g.k * d))
                continue
            past = _through(g, segment, base, response, fn, positions, lean)
            # slopes of elements with heavy tails, and of samples that are large where the gradient is
            more = 1.0 + excess * response.slope_shift + common * response.slope_chi
            more = max(more, 0.1)
            if sized is not None:
                own = sized.slope if grad.samples is None else sized.slope * grad.samples
                more *= sizes_of.mean_of(own)
                slopes = _plus(slopes, past.q * segment.size, own)
            elif grad.samples is not None:
                slopes = _plus(slopes, past.q * segment.size, grad.samples)
            past = past._replace(q=past.q * more)
            result.append(past.scaled(_typical_share(response, segment.size, base, positions)))
        if not known:
            return Pulled((grad.with_segments(result).normalised(),))
        outer = grad.outer
        if state.border:  # the padding's own gradient meets the slope at zero
            inside, before, after = state.coverage(), grad.mean.q, grad.with_segments(result).mean.q
            slope = fn.at_zero[1] ** 2 * before / after if after > 0.0 else 0.0
            outer = inside + max(outer - inside, 0.0) * slope
        changed = grad.with_segments(
            result,
            outer=outer,
            fresh=grad.fresh and grad.fresh * max(3.0 * ratio - 1.0, 0.0) / 2.0,
            overlap=grad.overlap * agree**2,
            samples=sizes_of.leveled(slopes) if slopes is not None else grad.samples,
        )
        return Pulled((changed.normalised(),))

    return Step((output,), pull, degree=degree, straight=straight)


def _plus(total: Vector | None, weight: float, sizes: Vector) -> Vector:
    return weight * sizes if total is None else total + weight * sizes


@lru_cache(maxsize=1)
def _degrees() -> Vector:
    """The degrees of a spectrum."""
    return np.arange(DEGREE, dtype=np.float64)


def _few(state: State, bases: list[Moments], responses: list[Response | None]) -> float:
    """Relative variance of the samples' mean squares from the finite number of elements.

    Of the spectrum of the squared function the second degree is what follows the sample's own mean square. What two
    samples have in common does not make them differ.
    """
    total = 0.0
    for segment, base, response in zip(state.segments, bases, responses, strict=True):
        if response is None or not 0.0 < response.square < math.inf:
            continue
        m2 = base.m * base.m
        alike = min(max((base.p - m2) / (base.q - m2), 0.0), 1.0)
        own = response.doubled
        varied = float(own.sum() - own @ np.power(alike, _degrees()))
        total += segment.size * (varied - float(own[2]) * (1.0 - alike * alike))
    return total / (state.channels * state.channels * state.positions)


def _shared_slopes(base: Moments, response: Response) -> float:
    """Correlation of the slopes at two samples: their mean product relative to the mean square."""
    if not response.slope_square > 0:
        return 1.0
    m2 = base.m * base.m
    return mehler(response.slope_squares, response.slope_square, (base.p - m2) / (base.q - m2)) / response.slope_square


def _typical_share(response: Response, width: int, base: Moments, positions: int) -> float:
    """What is left of the slope's mean square without values too rare to occur in half of all batches.

    Of saturated units nearly none passes a gradient, and the mean is that of a few that most batches do not have.
    """
    if response.slope_kurtosis < 10.0:
        return 1.0
    variance = base.q - base.m * base.m
    alike = min(max((base.p - base.m * base.m) / variance, 0.0), 1.0) if variance > 0.0 else 1.0
    different = width * max(BATCH_SIZE * positions * (1.0 - alike), 1.0)
    missing = math.log(2.0) / different
    if response.slope_kurtosis * missing < 0.3:
        return 1.0
    squares = response.slope * response.slope
    order = np.argsort(-squares)
    weights = response.basis.weights[order]
    seen = np.cumsum(weights)
    kept = np.clip(seen - missing, 0.0, weights)
    return float(kept @ squares[order]) / response.slope_square if response.slope_square > 0.0 else 1.0


def _straightness(response: Response) -> float:
    """The linear part's share: of the function in its variance, and of its slope in the slope's mean square."""
    if not response.scattered or response.slope_square <= 0.0:
        return 0.0
    return min(response.linear, 1.0) * min(float(response.slope_squares[0]) / response.slope_square, 1.0)


def _decorrelation(responses: list[Response | None]) -> float:
    """How a small squared correlation shrinks: the square of the linear part's share in the variance."""
    shares = [response.linear for response in responses if response is not None and response.scattered]
    return (sum(shares) / len(shares)) ** 2 if shares else 1.0


def _through(
    g: GradSegment, segment: Segment, base: Moments, response: Response, fn: Fn, positions: int, lean: float
) -> GradSegment:
    """The gradient before the function from the one behind it."""
    weights = response.basis.weights
    along = g.given
    g = _with_what_lies_along(g, response, lean)
    given = None
    square = response.slope_square
    if g.given is not None and g.given.size == weights.size:
        product = g.given * response.slope * response.slope
        square = float(weights @ product)
        if segment.curve is not None and square > 0:
            given = product / square
    elif segment.curve is not None and square > 0:
        given = response.slope * response.slope / square
    m2 = base.m * base.m
    variance = base.q - m2
    exact = fn.negative is not None and segment.curve is None and not segment.skew and m2 < 1e-12 * base.q

    def pair(product: float) -> float:
        c = (product - m2) / variance
        if exact and fn.negative is not None:
            return _rectified_slopes(min(max(c, -1.0), 1.0), fn.negative)
        return mehler(response.slope_squares, response.slope_square, c)

    expected = g.expected if g.expected is not None and g.expected.size == weights.size else None
    if expected is None:
        p = g.p * pair(base.p) if g.p else 0.0
        s = g.s * pair(base.s) if g.s else 0.0
        r = g.r * pair(base.r) if g.r else 0.0
        k = g.k * pair(base.k) if g.k else 0.0
    else:  # what the value says of the gradient meets the slope at that value, not its mean
        before = _MeanPairs(response.basis, expected)
        expected = expected * response.slope
        after = _MeanPairs(response.basis, expected)
        p, s, r, k = (
            max(of_g - before.at(c), min(of_g, 0.0)) * pair(product) + after.at(c)
            for of_g, product in ((g.p, base.p), (g.s, base.s), (g.r, base.r), (g.k, base.k))
            for c in ((product - m2) / variance,)
        )
        if segment.curve is None:
            expected = None  # the value itself is the Gaussian: alignment tells what lies along it
    # the batch's coherent part, as a function of the Gaussian: its linear term lies along the value itself
    coherent = pair_average(g.q, g.p, g.s, g.r, positions) - g.q / (BATCH_SIZE * positions)
    h = 0.0
    if coherent > 0.0:
        linear = float(response.slope_squares[1])
        if along is not None and along.size == weights.size:
            linear = float(weights @ (response.basis.z * along * response.slope)) ** 2
        h = coherent * linear
    positive: bool | tuple[Vector, Vector] = fn.negative == 0.0 and segment.curve is None
    if positive and g.given is not None and g.given.size == weights.size:
        seen = response.value > 0.0
        deviation = math.sqrt(variance) if segment.bent is None else math.sqrt(segment.bent.base.q)
        positive = response.value[seen] * deviation, g.given[seen]
    bow = Curve(base, chain(fn)) if segment.curve is None and not fn.homogeneous else None
    return GradSegment(segment.size, g.q * square, p, s, r, k, h, given, positive=positive, expected=expected, bow=bow)


def _with_what_lies_along(g: GradSegment, response: Response, lean: float) -> GradSegment:
    """The gradient as a function of the Gaussian, where it is only known how much of it lies along the value.

    A gradient ``c y`` and the slope at ``y`` are not independent: behind a rectifier both are zero together.
    ``lean`` is the mean square of what lies along it with a sign of each sample's own.
    """
    if not 0.0 < response.square < math.inf or not g.q > 0.0:
        return g
    if g.a and g.expected is None:
        g = g._replace(expected=g.a / math.sqrt(response.square) * response.value)
    share = min((g.a * g.a + lean) / g.q, 1.0)
    if g.given is not None or share < 1e-3:
        return g
    value = response.value
    return g._replace(given=1.0 + share * (value * value / response.square - 1.0))


class _MeanPairs:
    """Mean products of a function of a Gaussian for two values of it that correlate."""

    def __init__(self, nodes: Basis, values: Vector) -> None:
        self.squares = spectrum(nodes, values)
        self.square = float(nodes.weights @ (values * values))

    def at(self, correlation: float) -> float:
        return mehler(self.squares, self.square, correlation)
