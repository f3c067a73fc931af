"""Inputs of a merge that are functions of one tensor: ``x + tanh(x)``, ``x * sigmoid(x)``, a residual without weights.

Random weights make tensors independent; functions of an element, normalizations and noise do not. Where the inputs
of a merge go back to one tensor through nothing else, the result is itself a function of that tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from vgspec.analysis.signal.functions import Fn, affine, chain, scalar_function
from vgspec.analysis.signal.quadrature import Vector, basis
from vgspec.analysis.signal.response import Curve, function_moments, respond
from vgspec.analysis.signal.state import Moments, Segment, State
from vgspec.layers import signal as rule

__all__ = ["Joined", "Kin", "join", "kinship"]

_FARTHEST = 8
"""Nodes to go back at most."""


class Kin(NamedTuple):
    """The tensor that all inputs of a merge are functions of, and the functions that lead to each."""

    root: State
    paths: tuple[tuple[Fn, ...], ...]


class Joined(NamedTuple):
    """A merge of kin.

    Attributes:
        segment: what comes out.
        cross: twice the mean product of what a gradient is multiplied by on its two ways to the root.
        shares: for an extreme, how often each input is the one.
    """

    segment: Segment
    cross: float
    shares: tuple[float, float]


def kinship(refs: tuple[Any, ...], ran: Mapping[str, Any], states: Mapping[Any, State]) -> Kin | None:
    """The common origin of two different inputs, if only functions of an element lie between.

    Args:
        refs: the inputs.
        ran: what was run, by node.
        states: of all tensors so far.
    """
    if len(refs) != 2 or refs[0] == refs[1]:
        return None
    first, second = (_ancestors(ref, ran, states) for ref in refs)
    for ref, path in first.items():
        if ref in second:
            return Kin(states[ref], (path, second[ref]))
    return None


def _ancestors(ref: Any, ran: Mapping[str, Any], states: Mapping[Any, State]) -> dict[Any, tuple[Fn, ...]]:
    """Tensors that this one is a function of, itself first, with the functions in order."""
    path: tuple[Fn, ...] = ()
    found = {ref: path}
    for _ in range(_FARTHEST):
        item = ran.get(ref.node)
        if item is None or ref.index or len(item.inputs) != 1 or len(item.outputs) != 1:
            break
        source = item.inputs[0]
        before, after = states[source], states[ref]
        if before.sizes != after.sizes or before.channel != after.channel or before.border != after.border:
            break
        own = _functions(item, before)
        if own is None:
            break
        path = (*own, *path)
        ref = source
        found[ref] = path
    return found


def _functions(item: Any, state: State) -> tuple[Fn, ...] | None:
    """What a node does to an element; None if it is more than that."""
    found: list[Fn] = []
    steps = iter(item.steps)
    for primitive in item.primitives:
        if isinstance(primitive, rule.Elementwise) and primitive.activation.is_linear:
            continue
        step = next(steps, None)
        if step is None:
            return None
        after = step.outputs[0]
        if isinstance(primitive, rule.Elementwise):
            scalar = primitive.activation.scalar()
            if scalar is None:
                return None
            found.append(scalar_function(scalar))
        elif isinstance(primitive, rule.Normalize | rule.BatchNormalize | rule.Scale):
            fn = _line(primitive, state.moments, after.moments)
            if fn is None:
                return None
            found.append(fn)
        elif not (isinstance(primitive, rule.Drop) or (isinstance(primitive, rule.Noise) and not primitive.alpha_rate)):
            return None
        state = after
    return tuple(found)


def _line(primitive: Any, x: Moments, y: Moments) -> Fn | None:
    """The straight line that sends mean and variance where the primitive sends them."""
    if isinstance(primitive, rule.Scale) and len(set(primitive.factor)) > 1:
        return None
    before, after = x.q - x.m * x.m, y.q - y.m * y.m
    if before <= 1e-12 * x.q or before <= 0.0 or after < 0.0:
        return None
    factor = math.sqrt(after / before)
    if isinstance(primitive, rule.Scale) and primitive.factor[0] < 0.0:
        factor = -factor
    return affine(round(factor, 9), round(y.m - factor * x.m, 9))


def _follow(path: tuple[Fn, ...], x: Vector) -> tuple[Vector, Vector]:
    """A path's value and its derivative."""
    slope = np.ones_like(x)
    for fn in path:
        slope = slope * fn.slope(x)
        x = fn.value(x)
    return x, slope


@lru_cache(maxsize=256)
def _together(kind: str, paths: tuple[tuple[Fn, ...], ...]) -> Fn:
    """The merge of two functions of an element as one function."""

    def value(x: Vector) -> Vector:
        (a, _), (b, _) = (_follow(path, x) for path in paths)
        return _MERGES[kind](a, b)

    def slope(x: Vector) -> Vector:
        (a, da), (b, db) = (_follow(path, x) for path in paths)
        first, second = _parts(kind, a, b)
        return first * da + second * db

    kinks = tuple(sorted({kink for path in paths for fn in path[:1] for kink in fn.kinks}))
    return Fn(("joined", kind, tuple(tuple(fn.key for fn in path) for path in paths)), value, slope, kinks)


_MERGES: Mapping[str, Callable[[Vector, Vector], Vector]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "average": lambda a, b: 0.5 * (a + b),
    "multiply": lambda a, b: a * b,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def _parts(kind: str, a: Vector, b: Vector) -> tuple[Vector, Vector]:
    """The derivatives of a merge by its two inputs."""
    one = np.ones_like(a)
    if kind == "multiply":
        return b, a
    if kind in ("maximum", "minimum"):
        first = (a >= b if kind == "maximum" else a <= b).astype(np.float64)
        return first, one - first
    weight = 0.5 if kind == "average" else 1.0
    return weight * one, (-weight if kind == "subtract" else weight) * one


def join(kind: str, kin: Kin, inputs: tuple[State, State]) -> Joined | None:
    """The merge of two tensors that are functions of one; None where that one is a constant or has several segments."""
    if len(kin.root.segments) != 1 or kin.root.fresh > 0.2:
        return None
    root = kin.root.segments[0]
    base = root.curve.base if root.curve is not None else root.moments
    merged = _together(kind, kin.paths)
    functions = chain(merged) if root.curve is None else root.curve.functions.then(merged)
    moments, response = function_moments(base, functions)
    if response is None:
        return None
    if root.curve is None:
        deviation = math.sqrt(base.q - base.m * base.m)
        nodes = basis(base.m, deviation)
        x, weights = base.m + deviation * nodes.z, nodes.weights
    else:
        before, scale = respond(base, root.curve.functions)
        x, weights = before.value * scale, before.basis.weights
    (a, da), (b, db) = (_follow(path, x) for path in kin.paths)
    first, second = _parts(kind, a, b)
    extra = 0.0
    for values, part, state in ((a, first, inputs[0]), (b, second, inputs[1])):
        own = float(weights @ (values * values))
        noise = state.moments.q / own - 1.0 if own > 0.0 else 0.0  # dropout and the like on the way
        if noise > 1e-3:
            extra += noise * float(weights @ (part * part * values * values))
    curve = Curve(base, functions) if extra == 0.0 else None
    segment = Segment(root.size, moments._replace(q=moments.q + extra), curve, root.hetero)
    shares = float(weights @ (first * first)), float(weights @ (second * second))
    return Joined(segment, 2.0 * float(weights @ (first * da * second * db)), shares)
