"""Chains of functions of a Gaussian on quadrature nodes, and the moments of what comes out."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Chain
from vgspec.analysis.signal.quadrature import DEGREE, Basis, Vector, basis, mehler_all, spectrum
from vgspec.analysis.signal.state import Moments, Segment, constant_moments

__all__ = ["Curve", "Response", "degenerate", "function_moments", "respond", "third_moment"]


_HE4 = math.sqrt(24.0)
"""The norm of the Hermite polynomial of degree four; the tables hold normalised ones."""


class Curve(NamedTuple):
    """A tensor as a function of a Gaussian one: the Gaussian's moments (known by identity) and the functions."""

    base: Moments
    functions: Chain


class Response(NamedTuple):
    """A chain of functions of a Gaussian, on quadrature nodes.

    ``scale``: what to multiply values (not slopes) by. ``slope`` is the last function's derivative at its input,
    ``chi`` the exponent by which the output's mean square follows the Gaussian's, ``degree`` that by which it
    follows the last function's input, and ``slope_chi`` that of the slope's mean square.
    ``scattered``: whether the value has a variance to speak of; ``linear`` is the linear part's share in it, ``flat``
    the share of values at which the slope is zero. ``powers`` are the means of the value's first four powers,
    ``shifts`` what a unit of excess adds to them (see `tails`), ``slope_shift`` the same for the slope's mean square,
    relative to it. ``both`` are the two spectra with what of the mean squares they do not hold as a last column.
    ``doubled`` is the spectrum of the squared value, relative to its mean's square.
    """

    basis: Basis
    value: Vector
    slope: Vector
    mean: float
    square: float
    kurtosis: float
    squares: Vector
    slope_square: float
    slope_kurtosis: float
    slope_squares: Vector
    chi: float
    degree: float
    powers: tuple[float, ...]
    shifts: tuple[float, ...]
    slope_chi: float
    slope_shift: float
    linear: float
    flat: float
    scattered: bool
    both: Vector
    doubled: Vector


class _Values(NamedTuple):
    """A chain on quadrature nodes: its value, the last function's slope there, and the product of all slopes."""

    value: Vector
    slope: Vector
    total: Vector


def _evaluate(mean: float, deviation: float, functions: Chain, x: Vector) -> _Values:
    """The chain at the points ``x`` of a Gaussian, from where the last evaluation of its beginnings got to."""
    key = (mean, deviation)
    pending: list[Chain] = []
    at: Chain | None = functions
    values: _Values | None = None
    while at is not None:
        memo = at.memo
        if memo is not None and memo[0] == key:
            values = memo[1]
            break
        pending.append(at)
        at = at.before
    total = np.ones_like(x)
    if values is not None:
        x, total = values.value, values.total
    for link in reversed(pending):
        slope = link.last.slope(x)
        total = total * slope
        x = link.last.value(x)
        values = _Values(x, slope, total)
        link.memo = (key, values)
    assert values is not None, "a chain has a function"
    return values


@lru_cache(maxsize=4096)
def _response(mean: float, deviation: float, functions: Chain) -> Response:
    nodes = basis(mean, deviation, functions.kinks)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        start = mean + deviation * nodes.z
        x, slope, total = _evaluate(mean, deviation, functions, start)
        before = start if functions.before is None else _evaluate(mean, deviation, functions.before, start).value
        w = nodes.weights
        squared = x * x
        square = float(w @ squared)
        fourth = float(w @ (squared * squared))
        d = slope * slope
        slope_square = float(w @ d)
        slope_fourth = float(w @ (d * d))
        chi = float(w @ (x * total * nodes.z)) * deviation / square if 0.0 < square < math.inf else 1.0
        degree = float(w @ (x * slope * before)) / square if 0.0 < square < math.inf else 1.0
        powers = np.stack((x, squared, squared * x, squared * squared))
        second, fourth_degree = float(d @ nodes.hermite[2]), float(d @ nodes.hermite[4])
        squares, slope_squares = spectrum(nodes, x), spectrum(nodes, slope)
        both = np.stack((squares, slope_squares))
        variance = square - float(squares[0])
        scattered = variance > 1e-12 * square and math.isfinite(square)
        return Response(
            nodes,
            x,
            slope,
            float(w @ x),
            square,
            fourth / square**2 if 1e-150 < square < 1e150 else 3.0,
            squares,
            slope_square,
            slope_fourth / slope_square**2 if slope_square > 1e-150 else 3.0,
            slope_squares,
            chi if math.isfinite(chi) else 1.0,
            degree if math.isfinite(degree) else 1.0,
            tuple((powers @ w).tolist()),
            tuple((powers @ nodes.hermite[4] / _HE4).tolist()),
            second / (math.sqrt(2.0) * slope_square) if slope_square > 0 else 0.0,
            fourth_degree / (_HE4 * slope_square) if slope_square > 0 else 0.0,
            float(squares[1]) / variance if scattered else 1.0,
            float(w @ (slope == 0.0)),
            scattered,
            np.column_stack((both, np.maximum(np.array([square, slope_square]) - both.sum(axis=1), 0.0))),
            spectrum(nodes, squared / square) if 1e-150 < square < 1e150 else np.zeros(DEGREE),
        )


def respond(base: Moments, functions: Chain) -> tuple[Response, float]:
    """The response of a chain and the scale of its values.

    Mean and deviation are rounded to a thousandth, so that nearly equal layers share one quadrature; a chain of
    homogeneous functions needs only their ratio.
    """
    m = base.m
    deviation = math.sqrt(max(base.q - m * m, 0.0))
    ratio = round(m / deviation, 3) + 0.0
    if functions.homogeneous:
        return _response(ratio, 1.0, functions), deviation
    rounded = math.exp(round(math.log(deviation), 3))
    return _response(ratio * rounded, rounded, functions), 1.0


def degenerate(base: Moments) -> bool:
    """Whether elements with these moments are as good as a constant."""
    variance = base.q - base.m * base.m
    return not variance > max(1e-13 * base.q, 1e-290)


def function_moments(base: Moments, functions: Chain) -> tuple[Moments, Response | None]:
    """Moments of a chain of functions of a Gaussian with these moments."""
    if degenerate(base):
        x = np.array([base.m])
        with np.errstate(over="ignore", invalid="ignore"):
            for fn in functions:
                x = fn.value(x)
        return constant_moments(float(x[0])), None
    response, scale = respond(base, functions)
    f = scale * scale
    m2 = base.m * base.m
    variance = base.q - m2
    negative = functions.last.negative if functions.before is None else None
    exact = negative is not None and m2 < 1e-12 * base.q
    square = response.square * f
    mean = response.mean * scale
    if not math.isfinite(square):
        raise OverflowError("the mean square of an activation is beyond double precision")
    done: dict[float, float] = {base.q: square, m2: mean * mean}
    others = [product for product in dict.fromkeys(base[2:]) if product not in done]
    if exact and negative is not None:
        for product in others:
            done[product] = f * _rectified(min(max((product - m2) / variance, -1.0), 1.0), negative)
    elif others:
        found = mehler_all(response.squares, response.square, [(product - m2) / variance for product in others])
        done.update((product, f * value) for product, value in zip(others, found, strict=True))
    return Moments(mean, square, *map(done.__getitem__, base[2:])), response


def _rectified(c: float, a: float) -> float:
    """``E[f(x) f(y)]`` for ``f = max(x, a x)`` and standard Gaussians (Cho and Saul 2009)."""
    linear, bent = 0.5 * (1.0 + a), 0.5 * (1.0 - a)
    return linear * linear * c + bent * bent * (2.0 / math.pi) * (math.sqrt(1.0 - c * c) + c * math.asin(c))


def third_moment(segment: Segment) -> float:
    """The third central moment of the elements."""
    if segment.curve is None:
        x = segment.moments
        variance = max(x.q - x.m * x.m, 0.0)
        return segment.skew * variance * math.sqrt(variance)
    response, scale = respond(segment.curve.base, segment.curve.functions)
    centred = response.value - response.mean
    return float(response.basis.weights @ (centred * centred * centred)) * scale * scale * scale
