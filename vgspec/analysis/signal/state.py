"""What the analysis knows of a tensor: second-order numbers.

Randomness is over the initial weights and the inputs. Two elements of a tensor may share the sample or not,
the position (space, time) or not, the channel or not: eight product moments. `Moments` keeps them, with the
mean. A tensor is a list of channel `Segment`, since a concatenation does not have one set of moments.

Sources: Poole et al. 2016 and Schoenholz et al. 2017 for ``q`` and ``p`` (there ``q`` and ``c``), Xiao et al.
2018 for positions, Yang et al. 2019 for batch normalization.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from vgspec.analysis.signal.quadrature import Vector

__all__ = [
    "BATCH_SIZE",
    "Bent",
    "Moments",
    "Samples",
    "Segment",
    "State",
    "UnknownSignal",
    "average",
    "constant_moments",
    "independent_moments",
    "pair_average",
    "simplify",
]

BATCH_SIZE = 32
"""Samples in a batch: the size at which the figures are defined."""


class UnknownSignal(Exception):
    """A primitive cannot be analysed here; the reason is shown to the user."""


class Moments(NamedTuple):
    """Mean and product moments of the elements of a tensor.

    ``q``: an element with itself. ``p``: same position and channel, two samples. ``s``: same sample and channel,
    two positions. ``r``: same channel, two samples, two positions. ``k``, ``kp``, ``ks``, ``kr``: the same
    four for two different channels.
    """

    m: float
    q: float
    p: float
    s: float
    r: float
    k: float
    kp: float
    ks: float
    kr: float

    def scaled(self, factor: float) -> Moments:
        """The moments after multiplication by a number."""
        f = factor * factor
        m, q, p, s, r, k, kp, ks, kr = self
        return Moments(m * factor, q * f, p * f, s * f, r * f, k * f, kp * f, ks * f, kr * f)

    def shifted(self, offset: float) -> Moments:
        """The moments after adding a number."""
        d = 2.0 * offset * self.m + offset * offset
        m, q, p, s, r, k, kp, ks, kr = self
        return Moments(m + offset, q + d, p + d, s + d, r + d, k + d, kp + d, ks + d, kr + d)

    def transposed(self) -> Moments:
        """The moments with channels and positions exchanged."""
        m, q, p, s, r, k, kp, ks, kr = self
        return Moments(m, q, p, k, kp, s, r, ks, kr)


def independent_moments(q: float, m: float = 0.0) -> Moments:
    """Independent elements with second moment ``q`` and mean ``m``."""
    d = m * m
    return Moments(m, q, d, d, d, d, d, d, d)


def constant_moments(value: float) -> Moments:
    """Every element equal to ``value``."""
    return independent_moments(value * value, value)


class Samples(NamedTuple):
    """A typical batch where its samples differ in size (see `samples`), several times.

    Attributes:
        square: each sample's mean square, of mean one in each batch (row).
        mean: how much each has of what all samples have in common, likewise; None for the same.
        base: ``square`` of the Gaussian that the tensor is a function of.
        drawn: how often random numbers were drawn on the way to here.
    """

    square: Vector
    mean: Vector | None = None
    base: Vector | None = None
    drawn: int = 0

    @property
    def variance(self) -> float:
        """Relative variance of the sizes."""
        return float(np.vdot(self.square, self.square)) / self.square.size - 1.0


class Bent(NamedTuple):
    """A sum as a growing function of a Gaussian tensor: its moments, and the function in units of its deviation."""

    base: Moments
    function: Any


class Segment(NamedTuple):
    """A run of channels with common statistics.

    Attributes:
        size: channels in it.
        moments: their moments.
        curve: where the tensor is a function of a Gaussian one, that function (see `pointwise`).
        hetero: relative variance of the channels' own variances that comes from the norms of their few weights.
        skew: skewness of a sum that holds rectified parts; 0 for what is taken as Gaussian.
        uneven: the same from the few samples, positions or directions that they are measured over.
        excess: of the elements' kurtosis within a channel over that of a Gaussian.
        echo: mean squared correlation of two positions of one sample over the weights that made them, where its mean
            is zero: of windows that share inputs, in one channel.
        bent: how the sum is distributed, where ``skew`` is not all that is known.
        dropped: behind dropout, the segment before it and the share that is kept.
    """

    size: int
    moments: Moments
    curve: Any = None
    hetero: float = 0.0
    uneven: float = 0.0
    skew: float = 0.0
    excess: float = 0.0
    dropped: tuple[Segment, float] | None = None
    bent: Bent | None = None
    echo: float = 0.0


class State(NamedTuple):
    """A tensor: sizes without the batch axis, the channel axis among them, and its channel segments.

    Attributes:
        sizes: sizes without batch; empty for one number a sample.
        channel: index of the channel axis in ``sizes``.
        segments: runs of channels.
        border: zeros around the interior, per spatial axis as (before, after); the moments are those of
            the interior. Empty for none.
        spread: variance of the log mean square over initialisations, gathered up to here.
        fresh: the part of it that the last linear map's finite number of channels adds.
        overlap: mean squared cosine between the vectors of two samples, beyond what the moments tell.
        dead: probability that a stack of rectifiers has no live unit left.
        profile: how the mean square varies along each position axis, of mean 1 (the interior's, where there is a
            border; see `positions`). Empty for evenly.
        reach: positions from the border over which zero padding so far makes itself felt.
        vary: relative variance of the samples' mean squares.
        samples: these mean squares themselves, once they differ enough.
        lag: correlation of neighbouring positions beyond what all positions have in common (see `windows`).
        trace: the same by distance in time, from one step on, behind a recurrence (see `lags`).
        integer: size of the vocabulary for integer data, otherwise None.
    """

    sizes: tuple[int, ...]
    channel: int
    segments: tuple[Segment, ...]
    border: tuple[tuple[int, int], ...] = ()
    spread: float = 0.0
    fresh: float = 0.0
    overlap: float = 0.0
    dead: float = 0.0
    integer: int | None = None
    profile: tuple[Vector, ...] = ()
    reach: float = 0.0
    vary: float = 0.0
    lag: float = 0.0
    trace: Vector | None = None
    samples: Samples | None = None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.sizes[self.channel] if self.sizes else 1

    @property
    def positions(self) -> int:
        """Number of positions: the product of all sizes but the channels'."""
        total = 1
        for axis, size in enumerate(self.sizes):
            if axis != self.channel:
                total *= size
        return total

    @property
    def spatial(self) -> tuple[int, ...]:
        """Sizes of the position axes in order."""
        return tuple(size for axis, size in enumerate(self.sizes) if axis != self.channel)

    @property
    def moments(self) -> Moments:
        """Moments over all channels."""
        if len(self.segments) == 1:
            return self.segments[0].moments
        return average(self.segments)

    def mean_square(self) -> float:
        """The mean square of the whole tensor, border included, typical over initialisations."""
        if len(self.segments) == 1:
            value = self.segments[0].moments.q
        else:
            total = sum(segment.size for segment in self.segments)
            value = sum(segment.size * segment.moments.q for segment in self.segments) / max(total, 1)
        value /= math.sqrt(1.0 + self.fresh)
        return value * self.coverage() if self.border else value

    def coverage(self) -> float:
        """The part of the positions that is not border."""
        inside = 1.0
        for (before, after), size in zip(self.border, self.spatial, strict=True):
            inside *= (size - before - after) / size
        return inside

    def sized(self, samples: Samples | None) -> State:
        """A copy with samples of these sizes."""
        return self._replace(samples=samples, vary=self.vary if samples is None else samples.variance)

    def with_segments(self, segments: Iterable[Segment], **changes: Any) -> State:
        """A copy with other segments."""
        return self._replace(segments=simplify(tuple(segments)), **changes)

    def map(self, change: Callable[[Moments], Moments], **changes: Any) -> State:
        """A copy with the moments of every segment changed and curves dropped."""
        segments = tuple(
            Segment(item.size, change(item.moments), None, item.hetero, excess=item.excess) for item in self.segments
        )
        return self._replace(segments=segments, **changes)


def average(segments: tuple[Segment, ...]) -> Moments:
    """Moments over several segments; two channels may lie in different ones, which correlate by their means."""
    total = 0
    mean = squared = q = p = s = r = 0.0
    k = kp = ks = kr = 0.0
    for segment in segments:
        size, x = segment.size, segment.moments
        total += size
        mean += size * x.m
        squared += size * size * x.m * x.m
        q, p, s, r = q + size * x.q, p + size * x.p, s + size * x.s, r + size * x.r
        within = size * (size - 1)
        k, kp, ks, kr = k + within * x.k, kp + within * x.kp, ks + within * x.ks, kr + within * x.kr
    pairs = total * (total - 1)
    if pairs == 0:  # one channel, which has no other
        x = segments[0].moments
        return x if len(segments) == 1 else Moments(mean, q, p, s, r, x.k, x.kp, x.ks, x.kr)
    across = mean * mean - squared
    return Moments(
        mean / total,
        q / total,
        p / total,
        s / total,
        r / total,
        (k + across) / pairs,
        (kp + across) / pairs,
        (ks + across) / pairs,
        (kr + across) / pairs,
    )


MAX_SEGMENTS = 48


def simplify(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Join neighbours that say the same, and the most alike ones beyond a fixed number."""
    if len(segments) == 1:
        return segments
    joined = [segments[0]]
    for segment in segments[1:]:
        last = joined[-1]
        same_curve = segment.curve is last.curve or (segment.curve is not None and segment.curve == last.curve)
        if same_curve and _distance(last.moments, segment.moments) < 2e-3:
            joined[-1] = Segment(
                last.size + segment.size,
                average((last, segment)),
                last.curve,
                max(last.hetero, segment.hetero),
                excess=(last.size * last.excess + segment.size * segment.excess) / (last.size + segment.size),
            )
        else:
            joined.append(segment)
    while len(joined) > MAX_SEGMENTS:
        at = min(range(len(joined) - 1), key=lambda i: _distance(joined[i].moments, joined[i + 1].moments))
        pair = (joined[at], joined[at + 1])
        joined[at : at + 2] = [Segment(pair[0].size + pair[1].size, average(pair))]
    return tuple(joined)


def _distance(a: Moments, b: Moments) -> float:
    scale = max(a.q, b.q)
    if scale == 0.0:
        return 0.0
    variance = min(abs(a.q - a.r), abs(b.q - b.r))
    if variance <= 0.0:
        return math.inf if a != b else 0.0
    return max(
        abs(a.q - b.q) / scale,
        abs(a.m - b.m) / math.sqrt(scale),
        abs(a.p - b.p) / scale,
        abs(a.s - b.s) / scale,
        abs((a.q - a.r) - (b.q - b.r)) / variance,
    )


def pair_average(q: float, p: float, s: float, r: float, positions: int, batch: int = BATCH_SIZE) -> float:
    """The mean product over all pairs of (sample, position), each element with itself included."""
    n = positions
    return (q + (n - 1) * s + (batch - 1) * (p + (n - 1) * r)) / (batch * n)
