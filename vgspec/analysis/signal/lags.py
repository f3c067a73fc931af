"""Products of a tensor's elements at two times, by how far apart the times are.

What a memory hands on makes near times alike beyond what all times share, and a second memory that reads the first
adds these up: the further up a stack of recurrent layers, the more. ``Pairs`` is an array of two rows with the lags in
order, none first: mean products for one sample, and for two samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from vgspec.analysis.signal.functions import Chain, Fn, chain
from vgspec.analysis.signal.quadrature import DEGREE, Vector
from vgspec.analysis.signal.response import degenerate, function_moments, respond
from vgspec.analysis.signal.state import Moments

__all__ = [
    "MOST_LAGS",
    "Pairs",
    "Recent",
    "Through",
    "pairs_of",
    "shifted",
    "through",
    "trace_of",
]

Pairs: TypeAlias = Vector

MOST_LAGS = 40
"""Times further apart than this share only what all times do."""


def pairs_of(x: Moments, trace: Vector | None, lags: int) -> Pairs:
    """The pairs of a tensor with these moments; ``trace`` is as in `State`."""
    near = np.zeros(lags)
    if trace is not None:
        known = min(trace.size, lags)
        near[:known] = trace[:known]
    found = np.empty((2, lags + 1))
    found[:, 0] = x.q, x.p
    found[0, 1:] = x.s
    found[1, 1:] = x.r
    if trace is not None and math.isfinite(x.q):
        found[:, 1:] += np.outer((x.q - x.s, x.p - x.r), near)
    return found


class Recent:
    """The pairs of the last steps, as many as there are lags.

    There may be further axes before the two of the pairs.
    """

    def __init__(self, nothing: Pairs) -> None:
        """Start with steps of nothing at all."""
        lags = nothing.shape[-1] - 1
        self._rows = np.zeros((lags, *nothing.shape))
        self._lags = np.arange(lags)
        self._next = 0

    def add(self, pairs: Pairs) -> None:
        """One more step; the oldest is forgotten."""
        if self._lags.size:
            self._next = (self._next - 1) % self._lags.size
            self._rows[self._next] = pairs

    def diagonal(self) -> Pairs:
        """Lag 1 of the last step, lag 2 of the one before and so on; zeros where there was no step yet."""
        places = (self._lags + self._next) % max(self._lags.size, 1)
        found: Pairs = self._rows[places, ..., self._lags + 1]
        return found.transpose(*range(1, found.ndim), 0)


def shifted(pairs: Pairs, far: tuple[float, float] | Vector) -> Pairs:
    """The pairs one lag further: that of lag 1 comes first, and ``far`` last."""
    found = np.empty_like(pairs)
    found[..., :-1] = pairs[..., 1:]
    found[..., -1] = far
    return found


def trace_of(pairs: Pairs, q: float, s: float) -> Vector | None:
    """The correlation at each lag beyond what two times share on average; None for none."""
    if not q - s > 1e-9 * q:
        return None
    trace: Vector = np.clip((pairs[0, 1:] - s) / (q - s), -1.0, 1.0)
    return trace if float(np.abs(trace).max(initial=0.0)) > 1e-3 else None


class Through(NamedTuple):
    """A function of a tensor.

    Attributes:
        moments: of its values.
        slopes: mean products of its slope for an element with itself, ``p``, ``s`` and ``r`` of `Moments`.
        mean_slope: its mean slope, squared.
        values: products of its values at two times.
        sloped: the same of its slopes.
    """

    moments: Moments
    slopes: tuple[float, float, float, float]
    mean_slope: float
    values: Pairs
    sloped: Pairs


def through(x: Moments, pairs: Pairs, functions: tuple[Fn | None, ...], offsets: tuple[float, ...]) -> list[Through]:
    """Functions of a Gaussian tensor, each of the tensor plus an offset.

    Args:
        x: moments of the tensor.
        pairs: its pairs.
        functions: None stands for the identity.
        offsets: one for each function.
    """
    correlated: _Correlated | None = None
    found = []
    for fn, offset in zip(functions, offsets, strict=True):
        base = x.shifted(offset) if offset else x
        if fn is None:
            found.append(Through(base, (1.0,) * 4, 1.0, pairs + (base.q - x.q), np.ones_like(pairs)))
        elif degenerate(base):
            moments, _ = function_moments(base, chain(fn))
            slope = float(fn.slope(np.array([base.m]))[0]) ** 2
            alike = np.full_like(pairs, moments.q), np.full_like(pairs, slope)
            found.append(Through(moments, (slope,) * 4, slope, *alike))
        else:
            correlated = correlated or _Correlated(x, pairs)
            found.append(correlated.through(base, chain(fn)))
    return found


class _Correlated:
    """The correlations of a tensor's elements, those of `Moments` and those by lag, and their powers.

    They stay what they are when a number is added to the tensor. Many of the moments are equal, and stay so.
    """

    def __init__(self, x: Moments, pairs: Pairs) -> None:
        self._x, self._shape = x, pairs.shape
        self._products = tuple(dict.fromkeys(x[2:]))
        square = x.m * x.m
        correlations = (np.concatenate((self._products, pairs.ravel())) - square) / (x.q - square)
        powers = np.empty((DEGREE + 1, correlations.size))
        powers[0] = 1.0
        np.minimum(np.maximum(correlations, -1.0), 1.0, out=powers[1])
        have = 1  # each round multiplies those that are there by the highest
        while have < DEGREE - 1:
            more = min(have, DEGREE - 1 - have)
            np.multiply(powers[1 : more + 1], powers[have], out=powers[have + 1 : have + more + 1])
            have += more
        cubed = powers[DEGREE // 2]
        np.multiply(cubed * cubed, cubed, out=powers[DEGREE])  # the degree of the rest, see `quadrature`
        self._powers = powers

    def through(self, base: Moments, functions: Chain) -> Through:
        """Functions of the tensor, to which a number may have been added."""
        response, scale = respond(base, functions)
        values, slopes = response.both @ self._powers
        if scale != 1.0:
            values = values * (scale * scale)
        count = len(self._products)
        of_slope = dict(zip(self._products, slopes[:count].tolist(), strict=True))
        x = self._x
        if functions.last.negative is not None or not math.isfinite(response.square):
            moments, _ = function_moments(base, functions)
        else:
            of_value = dict(zip(self._products, values[:count].tolist(), strict=True))
            square = response.square * (scale * scale)
            moments = Moments(response.mean * scale, square, *map(of_value.__getitem__, x[2:]))
        return Through(
            moments,
            (response.slope_square, of_slope[x.p], of_slope[x.s], of_slope[x.r]),
            float(response.slope_squares[0]),
            values[count:].reshape(self._shape),
            slopes[count:].reshape(self._shape),
        )
