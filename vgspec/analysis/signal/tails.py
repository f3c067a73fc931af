"""How far elements are from Gaussian: heavy tails, and samples and positions that are larger than others.

Three things give an element within its channel a distribution with heavier tails than a Gaussian of the same variance:
few terms in the sum that made it (a depthwise convolution adds nine), positions of different size (`positions`), and
samples of different size. The last come from layers that drop whole samples, and normalization over the batch does not
even them out. A rectifier's mean is smaller then, and its variance larger; a product of two tensors that are large for
the same samples is larger.

The mean of ``f`` over such an element is ``E[f(z)] + excess / 24 E[f(z) He4(z)]`` for a standard Gaussian ``z`` (the
Gram-Charlier series, Kendall and Stuart, *The advanced theory of statistics*, vol. 1, section 6.17); a sum of ``n``
independent terms with weights ``w`` has the excess ``sum w^4 / (sum w^2)^2`` times that of a term.
"""

from __future__ import annotations

import math

from vgspec.analysis.signal.positions import Profile
from vgspec.analysis.signal.response import Response
from vgspec.analysis.signal.state import Moments, Segment, State

__all__ = ["added", "corrected", "dropped", "excess_of", "mixed", "own_excess", "scales", "summed"]

_WIDEST = 6.0
"""The largest excess for which the first term of the series is taken; the tails of larger ones count as this."""


def scales(profile: Profile, vary: float) -> float:
    """Relative variance of the mean square over samples and positions."""
    total = 1.0 + vary
    square, last = 1.0, None
    for vector in profile:
        if vector is not last:
            square, last = float(vector @ vector) / vector.size, vector
        total *= square
    return total - 1.0


def own_excess(excess: float, sizes: float) -> float:
    """What of an excess is not due to positions and samples of different size: the kurtosis of a product of two."""
    return (3.0 + excess) / (1.0 + sizes) - 3.0


def summed(segment: Segment, before: float, after: float, fourth: float, terms: float) -> float:
    """The excess of a sum with random weights.

    Args:
        segment: the terms.
        before: `scales` of the terms.
        after: `scales` of the sum.
        fourth: ``E[w^4] / E[w^2]^2``.
        terms: how many.
    """
    own = fourth / max(terms + fourth - 1.0, 1.0) * own_excess(segment.excess, before)
    return (3.0 + own) * (1.0 + after) - 3.0


def added(parts: list[tuple[Segment, float]], after: float) -> float:
    """The excess of a sum of tensors, each with its `scales`."""
    variances = [max(segment.moments.q - segment.moments.r, 0.0) for segment, _ in parts]
    total = sum(variances)
    if not total > 0.0:
        return 0.0
    own = sum(
        (variance / total) ** 2 * own_excess(segment.excess, before)
        for variance, (segment, before) in zip(variances, parts, strict=True)
    )
    return (3.0 + own) * (1.0 + after) - 3.0


def mixed(values: list[float], weights: list[float]) -> float:
    """Relative variance of the samples' sizes in a sum.

    What the least of the terms has they have from one source, and are large for the same samples; what the others have
    beyond it they drew on their own ways, and it averages out.
    """
    total = sum(weights)
    if not total > 0.0:
        return 0.0
    least = min(values)
    return least + sum((value - least) * (weight / total) ** 2 for value, weight in zip(values, weights, strict=True))


def dropped(segment: Segment, keep: float) -> float:
    """The excess after elements are zeroed independently of their value, the others raised."""
    return min((3.0 + segment.excess) / keep - 3.0, 60.0)


def excess_of(state: State, segment: Segment) -> tuple[float, float, float]:
    """What of a Gaussian's excess there is, and the parts that positions and samples of different size have in it.

    Channels differ in their means as Gaussians do: the excess within a channel counts by its share in the variance.
    """
    x = segment.moments
    variance = x.q - x.m * x.m
    if (segment.excess == 0.0 and state.vary == 0.0) or not variance > 0.0:
        return 0.0, 0.0, 0.0
    share = min(max(x.q - x.r, 0.0) / variance, 1.0)
    weight = share * share
    even = 3.0 * scales(state.profile, 0.0)
    found, vary = segment.excess, state.vary
    if state.samples is not None:  # they are followed by themselves
        found, vary = own_excess(found, vary), 0.0
    total = max(min(found, _WIDEST), -2.0)
    return (
        weight * total,
        weight * min(even, total) if total > 0.0 else 0.0,
        weight * min(3.0 * vary, max(total, 0.0)),
    )


def corrected(
    moments: Moments, response: Response, scale: float, excess: tuple[float, float, float]
) -> tuple[Moments, float]:
    """Moments of a function of an element with some excess, and the result's own excess.

    Two elements of one sample share what of the excess samples bring in, two at one position what positions do: the
    mean of their product is lowered by the rest only.

    Args:
        moments: of the function of a Gaussian.
        response: the function.
        scale: of its values.
        excess: as `excess_of` gives it.
    """
    total, even, samples = excess
    one, two, three, four = (a + total * b for a, b in zip(response.powers, response.shifts, strict=True))
    variance = two - one * one
    if not (variance * variance > 0.0 and math.isfinite(four)):
        return moments, 0.0
    central = four - 4.0 * one * three + 6.0 * one * one * two - 3.0 * one**4
    result = min(max(central / (variance * variance) - 3.0, -2.0), 60.0)
    if total == 0.0:
        return moments, result
    f = scale * scale
    m, q, p, s, r, k, kp, ks, kr = moments
    spread = q - m * m
    more = f * total * response.shifts[1]

    def pair(value: float, part: float) -> float:
        mean = response.powers[0] + part * response.shifts[0]
        apart = 1.0 - (value - m * m) / spread if spread > 0.0 else 0.0
        return value + apart * (f * mean * mean - m * m) + (1.0 - apart) * more

    alone, shared = total - even, total - samples
    return (
        Moments(
            one * scale,
            q + more,
            pair(p, alone),
            pair(s, shared),
            pair(r, total),
            pair(k, alone - samples),
            pair(kp, alone),
            pair(ks, shared),
            pair(kr, total),
        ),
        result,
    )
