"""Products of a tensor's elements at two times, by how far apart the times are.

What a memory hands on makes near times alike beyond what all times share, and a second memory that reads the first
adds these up: the further up a stack of recurrent layers, the more. ``Pairs`` is an array of two rows with the lags in
order, none first: mean products for one sample, and for two samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np

from vgspec.analysis.signal.functions import Fn, chain
from vgspec.analysis.signal.quadrature import DEGREE, Vector
from vgspec.analysis.signal.response import degenerate, function_moments, respond
from vgspec.analysis.signal.state import Moments

__all__ = [
    "MOST_LAGS",
    "Pairs",
    "Recent",
    "Through",
    "diagonal",
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


def diagonal(rows: tuple[Pairs, ...]) -> Pairs:
    """Lag 1 of the first, lag 2 of the second and so on, without lag 0; zero for the lags that none is there for."""
    found = np.zeros((2, rows[0].shape[1] - 1)) if rows else np.zeros((2, 0))
    count = min(len(rows), found.shape[1])
    if count:
        place = np.arange(count)
        found[:, :count] = np.array(rows[:count])[place, :, place + 1].T
    return found


class Recent:
    """The pairs of the last steps, as many as there are lags: `diagonal` of them, the last one first, at any time."""

    def __init__(self, lags: int) -> None:
        self._rows = np.zeros((lags, 2, lags + 1))
        self._lags = np.arange(lags)
        self._next = 0

    def add(self, pairs: Pairs) -> None:
        """One more step; the oldest is forgotten."""
        if self._lags.size:
            self._next = (self._next - 1) % self._lags.size
            self._rows[self._next] = pairs

    def diagonal(self) -> Pairs:
        """Lag 1 of the last step, lag 2 of the one before and so on; zeros where there was no step yet."""
        if not self._lags.size:
            return np.zeros((2, 0))
        found: Pairs = self._rows[(self._lags + self._next) % self._lags.size, :, self._lags + 1].T
        return found


def shifted(pairs: Pairs, far: tuple[float, float]) -> Pairs:
    """The pairs one lag further: that of lag 1 comes first, and ``far`` last."""
    found = np.empty_like(pairs)
    found[:, :-1] = pairs[:, 1:]
    found[:, -1] = far
    return found


def trace_of(pairs: Pairs, q: float, s: float) -> Vector | None:
    """The correlation at each lag beyond what two times share on average; None for none."""
    if not q - s > 1e-9 * q:
        return None
    trace: Vector = np.clip((pairs[0, 1:] - s) / (q - s), -1.0, 1.0)
    return trace if float(np.abs(trace).max(initial=0.0)) > 1e-3 else None


class Through(NamedTuple):
    """A function's products at two times: of its values and of its slopes."""

    values: Pairs
    slopes: Pairs


def through(x: Moments, pairs: Pairs, functions: tuple[Fn | None, ...], offsets: tuple[float, ...]) -> list[Through]:
    """Functions of a Gaussian tensor, each of the tensor plus an offset.

    Args:
        x: moments of the tensor.
        pairs: its pairs.
        functions: None stands for the identity.
        offsets: one for each function.
    """
    variance = x.q - x.m * x.m
    powers = None
    found = []
    for fn, offset in zip(functions, offsets, strict=True):
        base = x.shifted(offset) if offset else x
        if fn is None:
            found.append(Through(pairs + (base.q - x.q), np.ones_like(pairs)))
            continue
        if degenerate(base):
            moments, _ = function_moments(base, chain(fn))
            slope = float(fn.slope(np.array([base.m]))[0]) ** 2
            found.append(Through(np.full_like(pairs, moments.q), np.full_like(pairs, slope)))
            continue
        if powers is None:
            correlation = np.clip((pairs - x.m * x.m) / variance, -1.0, 1.0).reshape(1, -1)
            powers = np.repeat(correlation, DEGREE, axis=0)
            powers[0] = 1.0
            np.multiply.accumulate(powers, axis=0, out=powers)
            last = np.abs(correlation[0]) ** (1.5 * DEGREE)
        response, scale = respond(base, chain(fn))
        products = response.both @ powers + np.outer(response.rests, last)
        found.append(Through(products[0].reshape(pairs.shape) * scale * scale, products[1].reshape(pairs.shape)))
    return found
