"""One linear map with random weights: what dense layers and convolutions share.

A weight of mean zero and variance ``v`` sends the product moments of ``n`` inputs to ``n v`` times themselves; two
outputs share a weight only if they meet it at the same tap, so that a pair of positions counts the taps that meet
data at both. Padding with zeros makes the expected output depend on the position; the sums over taps of
squared coverage say how much.
"""

from __future__ import annotations

import math

from vgspec.analysis.signal.positions import Profile, Sums, Window
from vgspec.analysis.signal.samples import meeting, stirred
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, Segment, State, pair_average
from vgspec.analysis.signal.step import Grad, GradSegment
from vgspec.analysis.signal.tails import scales, summed
from vgspec.analysis.signal.taps import Taps
from vgspec.analysis.signal.weights import WeightLaw
from vgspec.catalogue.moments import Structure

__all__ = ["LinearMap", "cancelled", "gradient_overlap", "log_of", "overlap_of", "typical_gradient"]


def overlap_of(state: State) -> float:
    """Mean squared cosine between two vectors of the batch (all samples and positions)."""
    x = state.moments
    if x.q <= 0:
        return 0.0
    n = state.positions
    p, s, r = x.p / x.q, x.s / x.q, x.r / x.q
    total = (1.0 + (n - 1) * s * s + (BATCH_SIZE - 1) * (p * p + (n - 1) * r * r)) / (BATCH_SIZE * n)
    return min(total + state.overlap * (1.0 - total), 1.0)


def centred_overlap(state: State, width: int, taps: float = 1.0) -> float:
    """Mean squared cosine between the vectors of a batch less their mean; ``width`` weights meet each of them.

    A vector is what ``taps`` positions hold: cosines of different pairs of positions are independent, so that the
    square of their mean is smaller by that number.
    """
    x = state.moments
    n = state.positions
    mean = pair_average(x.q, x.p, x.s, x.r, n)
    q = x.q - mean
    if q <= 1e-12 * x.q or x.q <= 0:
        return 1.0
    p, s, r = (x.p - mean) / q, (x.s - mean) / q, (x.r - mean) / q
    own = 1.0 + scales(state.profile, state.vary)
    total = (own + (n - 1) * s * s + (BATCH_SIZE - 1) * (p * p + (n - 1) * r * r)) / (BATCH_SIZE * n)
    rest = max(state.overlap / taps, 1.0 / max(width, 1))
    return min(total + rest * (1.0 - total), 1.0)


def gradient_overlap(grad: Grad, positions: int) -> float:
    """The same for the gradient."""
    x = grad.mean
    if x.q <= 0:
        return 0.0
    n = positions
    p, s, r = x.p / x.q, x.s / x.q, x.r / x.q
    total = (1.0 + (n - 1) * s * s + (BATCH_SIZE - 1) * (p * p + (n - 1) * r * r)) / (BATCH_SIZE * n)
    return min(total + grad.overlap * (1.0 - total), 1.0)


def _mean_part(x: Moments, c: float, t: float) -> Moments:
    """Moments of the sum of ``c`` channels over ``t`` taps."""
    n = c * t
    same, other = n, c * (c - 1.0) * t
    far, farther = c * t * (t - 1.0), c * (c - 1.0) * t * (t - 1.0)
    q = same * x.q + other * x.k + far * x.s + farther * x.ks
    p = same * x.p + other * x.kp + far * x.r + farther * x.kr
    s = n * t * x.s + other * t * x.ks
    r = n * t * x.r + other * t * x.kr
    return Moments(n * x.m, q, p, s, r, q, p, s, r)


class LinearMap:
    """One linear map with its counts: the common part of dense layers and convolutions.

    ``window`` tells how the taps meet an uneven profile of positions; without one they are met evenly. ``channels``
    are those of the whole tensor where the state is a part of it.
    """

    def __init__(
        self,
        state: State,
        law: WeightLaw,
        taps: Taps,
        fan_in: int,
        fan_out: int,
        sizes: tuple[int, ...],
        channel: int,
        window: Window | None = None,
        channels: int = 0,
    ) -> None:
        self.channels = channels
        self.state, self.law, self.taps, self.window = state, law, taps, window
        self.fan_in, self.fan_out = fan_in, fan_out  # channels per group, in and out
        self.sizes, self.channel = sizes, channel
        typical = 1.0 / math.sqrt(1.0 + state.fresh)
        self.x = state.moments
        self.x = Moments(self.x.m, *(value * typical for value in self.x[1:])) if state.fresh else self.x
        self.profile, self.reach, self.vary, self.lag = state.profile, state.reach, state.vary, state.lag
        self._sums = None if window is None else window.forward(state.profile)
        if self._sums is not None:
            self.profile = self._sums[1]

    def transfer(self, x: Moments) -> Moments:
        """Moments of the output from those of the input."""
        t, law = self.taps, self.law
        total, distinct = _weighted(self._sums, t, t.inputs)
        n = self.fan_in * law.variance * total / t.outputs
        pairs = t.outputs * (t.outputs - 1)
        far = self.fan_in * law.variance * distinct / pairs if pairs else n
        m = 0.0
        q, p, s, r = n * x.q, n * x.p, far * x.s, far * x.r
        if not pairs:
            s, r = q, p
        k = kp = ks = kr = 0.0
        if law.mean:
            mean = _mean_part(x, self.fan_in, t.total / t.outputs).scaled(law.mean)
            m, q, p, s, r = mean.m, q + mean.q, p + mean.p, s + mean.s, r + mean.r
            k, kp, ks, kr = mean.k, mean.kp, mean.ks, mean.kr
        return Moments(m, q, p, s, r, k, kp, ks, kr)

    def output(self, segments: tuple[Segment, ...], units: int) -> State:
        """The output tensor with these segments of together ``units`` independent channels."""
        overlap = overlap_of(self.state)
        width = self.fan_in * self.taps.size
        overlap = max(overlap, 1.0 / max(width, 1))
        fresh = 0.0
        if self.law.random:
            share = self.law.variance / self.law.square
            fresh = 2.0 * overlap * share / max(units, 1)
        elif self.law.structure is Structure.EQUAL:
            overlap = 1.0
        base = max(self.state.overlap / self.taps.mean, 1.0 / max(width, 1))
        sampled = self._sampled(units) if self.law.random else 0.0
        samples = self.state.samples
        found = State(
            self.sizes,
            self.channel,
            segments,
            spread=self.state.spread + math.log1p(self.state.fresh),
            fresh=fresh,
            overlap=min(base + (1.0 - base) / max(units, 1), 1.0),
            dead=self.state.dead,
            profile=self.profile,
            reach=self.reach,
            lag=self.lag,
            vary=self.vary + sampled,
        )
        return (
            found
            if samples is None
            else found.sized(stirred(samples, sampled, self.fan_in + 31 * units + self.taps.size))
        )

    def _sampled(self, units: int) -> float:
        """Relative variance of a sample's mean square, from the finite number of units and of positions.

        With the second moments C of a sample's positions and D of all, their weighted traces differ by
        ``tr W (C - D) W'``, of the variance ``2 v^2 units tr (C - D)^2``: of n positions ``(tr D)^2 / n``, and what two
        positions of a sample have in common beyond all others.
        """
        x, n = self.x, self.state.positions
        variance = x.q - x.r
        if not variance > 1e-9 * x.q or self.taps.outputs < 2:
            return 0.0
        far = ((x.s - x.r) / variance) ** 2
        return 2.0 / max(units, 1) * (1.0 / n + far)

    def excess(self, segments: tuple[Segment, ...]) -> float:
        """The excess of the sum over these channels' elements."""
        if not self.law.random:
            return 0.0
        before, after = scales(self.state.profile, self.vary), scales(self.profile, self.vary)
        terms = self.fan_in * self.taps.mean
        total = sum(segment.size for segment in segments)
        fourth = 1.0 + self.law.excess
        return sum(item.size * summed(item, before, after, fourth, terms) for item in segments) / max(total, 1)

    def unevenness(self) -> tuple[float, float]:
        """Relative variance of the channels' variances: from the weights' norms, and from what they meet."""
        if not self.law.random:
            return 0.0, 0.0
        width = max(self.fan_in * self.taps.size, 1)
        overlap = centred_overlap(self.state, width, self.taps.mean)
        return self.law.excess / width, 2.0 * max(overlap - 1.0 / width, 0.0)

    def inward(self, grad: Grad) -> tuple[Sums, Profile] | None:
        """The taps' sums over the gradient's own profile, and the profile that it gets at the input."""
        return None if self.window is None else self.window.backward(grad.profile)

    def back(self, g: GradSegment, size: int, inward: tuple[Sums, Profile] | None) -> GradSegment:
        """Moments of the gradient at the input from those at the output; ``inward`` is that of the gradient."""
        t, law = self.taps, self.law
        total, distinct = _weighted(inward, t, t.outputs)
        n = self.fan_out * law.variance * total / t.inputs
        pairs = t.inputs * (t.inputs - 1)
        far = self.fan_out * law.variance * distinct / pairs if pairs else n
        q, p, s, r = n * g.q, n * g.p, far * g.s, far * g.r
        k = 0.0
        if law.mean:
            x = Moments(0.0, g.q, g.p, g.s, g.r, g.k, 0.0, 0.0, 0.0)
            mean = _mean_part(x, self.fan_out, t.total / t.inputs)
            f = law.mean * law.mean
            q, p, s, r = q + f * mean.q, p + f * mean.p, s + f * mean.s, r + f * mean.r
            k = f * mean.q
        return GradSegment(size, q, p, s, r, k)

    def kernel(self, g: GradSegment, x: Moments, entries: float, grad: Grad) -> float:
        """Expected squared norm of the kernel's gradient; ``g`` is the output's gradient and ``grad`` all of it."""
        t = self.taps
        total, distinct = float(t.total), float(t.distinct)
        if self.window is not None and (grad.profile or self.state.profile):
            sums = self.window.pairs(self.state.profile, grad.profile)
            total, distinct = sums.total, sums.squares - sums.own
        alike = 1.0 if self.state.samples is None else meeting(self.state.samples.square, grad.samples)
        near = total * (alike * x.q * g.q + (BATCH_SIZE - 1) * x.p * g.p)
        far = distinct * (alike * x.s * g.s + (BATCH_SIZE - 1) * x.r * g.r)
        # what a normalization behind took from the gradient cancels the mean of the inputs, not what is left of them
        apart = max(x.q - pair_average(x.q, x.p, x.s, x.r, self.state.positions), 0.0)
        size = entries * BATCH_SIZE * max(near + far, 0.5 * total * apart * alike * g.q)
        if g.h > 0.0 or g.a or g.linear > 0.0:  # inputs and a coherent gradient correlate along each unit's weights
            pairs = BATCH_SIZE * BATCH_SIZE * t.squares * t.outputs / max(t.total, 1)
            centred = max(x.q - pair_average(x.q, x.p, x.s, x.r, self.state.positions), 0.0)
            own = g.a * g.a
            # of what is linear in all channels, a unit meets the part in those that it sees
            seen = self.fan_in / max(self.state.channels, self.channels)
            along = (own + max(g.linear - own, 0.0) * seen) * centred / x.q if x.q > 0.0 else 0.0
            few = max(1.0, self.fan_in * self.state.overlap)  # the directions that the inputs lie in
            size += entries / max(self.fan_in, 1) * pairs * (g.h + along * few) * centred
        return size

    def pulled(self, grad: Grad, width: int, orthogonal: bool) -> tuple[float, float, float]:
        """Spread, fresh spread and overlap of the gradient at the input."""
        positions = self.taps.outputs
        overlap = gradient_overlap(grad, positions)
        overlap = max(overlap, 1.0 / max(self.fan_out * self.taps.size, 1))
        base = max(grad.overlap, 1.0 / max(self.fan_out * self.taps.size, 1))
        fresh = 0.0 if orthogonal or not self.law.random else 2.0 * overlap / max(width, 1)
        return (
            grad.spread + math.log1p(grad.fresh),
            fresh,
            min(base + (1.0 - base) / max(width, 1), 1.0),
        )


def _weighted(sums: tuple[Sums, Profile] | None, taps: Taps, positions: int) -> tuple[float, float]:
    """Sums over taps of squares and of pairs, for what comes from so many positions."""
    if sums is None:
        return float(taps.total), float(taps.distinct)
    found = sums[0]
    square = positions * positions
    pairs = square - found.norm
    distinct = max(found.squares - found.own, 0.0)
    return found.total, distinct * (square - positions) / pairs if pairs > 1e-9 * square else 0.0


def cancelled(hetero: float, share: float) -> float:
    """What a normalization added for channels with small weights, which these weights take away again."""
    raised = 1.0 + hetero * share * share
    return raised / max(raised - hetero * share, 0.1)


def log_of(value: float, log: float) -> float:
    """The log of a squared norm from a value relative to ``exp(log)``."""
    return math.log(value) + log if value > 0.0 else -math.inf


def typical_gradient(grad: Grad) -> GradSegment:
    """Mean moments, with the finite number of channels behind the last map accounted for."""
    g = grad.mean
    if len(grad.segments) > 1:
        g = g._replace(inverse=min(segment.inverse for segment in grad.segments))
    return g.scaled(1.0 / math.sqrt(1.0 + grad.fresh)) if grad.fresh else g
