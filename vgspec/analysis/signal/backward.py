"""The backward pass over a graph: gradients from the outputs to the inputs, consumers added."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vgspec.analysis.signal.alignment import together
from vgspec.analysis.signal.forward import Ran
from vgspec.analysis.signal.interpret import pull_back
from vgspec.analysis.signal.pointwise import align
from vgspec.analysis.signal.positions import blend
from vgspec.analysis.signal.state import Grad, GradSegment, State, Step
from vgspec.analysis.signal.tails import mixed
from vgspec.ir import Graph, Ref

__all__ = ["Flow", "Seed", "add_gradients", "run_backward"]


@dataclass(frozen=True, slots=True)
class Seed:
    """A gradient given from outside: at a tensor, or before the last step of the node that makes it."""

    ref: Ref
    grad: Grad
    before_last_step: bool = False


@dataclass(slots=True)
class Flow:
    """What a backward pass found.

    Attributes:
        grads: the gradient at each tensor that gets one.
        blocked: tensors whose gradient is not known, with the reason.
        kernels: by layer, by weight name, the natural log of the squared norm of the gradient.
        edges: by (node, input index), log of the mean square that goes to that input, and at the output.
        facts: further results by node.
    """

    grads: dict[Ref, Grad] = field(default_factory=dict)
    blocked: dict[Ref, str] = field(default_factory=dict)
    kernels: dict[str, dict[str, float]] = field(default_factory=dict)
    edges: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)


def add_gradients(a: Grad | None, b: Grad | None) -> Grad | None:
    """The sum of two uncorrelated gradients at one tensor."""
    if a is None or b is None:
        return b if a is None else a
    if a.log < b.log - 80.0:
        return b
    if b.log < a.log - 80.0:
        return a
    if len(b.segments) > len(a.segments):
        a, b = b, a
    factor = math.exp(b.log - a.log)
    leans, meeting = together(a, b)
    body = a.body if a.leans else b.body
    sizes = tuple(segment.size for segment in a.segments)
    segments = []
    for x, y in zip(a.segments, align(b, sizes), strict=True):
        other = y.scaled(factor)
        both = 2.0 * x.a * other.a  # what lies along the value is not uncorrelated
        total = max(x.q + other.q + both + meeting, 0.0)
        given = None
        if x.given is not None or other.given is not None:
            first = x.given if x.given is not None else 1.0
            second = other.given if other.given is not None else 1.0
            same = x.given is None or other.given is None or x.given.size == other.given.size
            if same and total > 0:
                given = (x.q * first + other.q * second) / total
        segments.append(
            GradSegment(
                x.size,
                total,
                x.p + other.p,
                x.s + other.s,
                x.r + other.r,
                x.k + other.k,
                x.h + other.h,
                given,
                min(x.inverse, other.inverse),
                a=x.a + other.a,
                linear=max(x.linear + other.linear + both, 0.0),
                expected=_sum(x.expected, other.expected),
            )
        )
    whole, part = a.mean.q, b.mean.q * factor
    meets = (*a.meets, *b.meets)
    if a.meets and b.meets:
        segments, meets = _met(a, b, segments)
    share = whole / (whole + part) if whole + part > 0 else 1.0
    rest = 1.0 - share
    spread = share * share * a.spread + rest * rest * b.spread
    fresh = share * share * a.fresh + rest * rest * b.fresh
    profile = blend([a.profile, b.profile], [whole, part]) if a.profile or b.profile else ()
    overlap = share * a.overlap + rest * b.overlap
    vary = mixed([a.vary, b.vary], [whole, part])
    result = Grad(
        tuple(segments), a.log, spread, fresh, overlap, profile=profile, vary=vary, leans=leans, body=body, meets=meets
    )
    return result.normalised()


def _sum(a: Any, b: Any) -> Any:
    """The sum of what two gradients are expected to be given the value; what is not known counts as zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b if a.size == b.size else None


def _met(
    a: Grad, b: Grad, segments: list[GradSegment]
) -> tuple[list[GradSegment], tuple[tuple[object, float, float], ...]]:
    """The sum's segments where both parts come from one merge, and what is left to meet."""
    others = {merge for merge, _, _ in b.meets}
    both = [item for item in a.meets if item[0] in others]
    cross = sum(value * math.exp(min(log - a.log, 300.0)) for _, value, log in both)
    done = {merge for merge, _, _ in both}
    left = tuple(item for item in (*a.meets, *b.meets) if item[0] not in done)
    total = sum(segment.size * segment.q for segment in segments) / (sum(segment.size for segment in segments) or 1)
    if total <= 0.0:
        return segments, left
    factor = max(1.0 + cross / total, 0.0)
    return [segment.scaled(factor)._replace(a=segment.a) for segment in segments], left


def run_backward(graph: Graph, states: Mapping[Ref, State], ran: list[Ran], seeds: list[Seed]) -> Flow:
    """Pull gradients from the seeds back to the inputs."""
    flow = Flow()
    inner: dict[str, Grad] = {}
    for seed in seeds:
        if seed.before_last_step:
            inner[seed.ref.node] = seed.grad
        else:
            total = add_gradients(flow.grads.get(seed.ref), seed.grad)
            if total is not None:
                flow.grads[seed.ref] = total
    for item in reversed(ran):
        _pull(item, flow, inner.get(item.node.id))
    return flow


def _pull(item: Ran, flow: Flow, inner: Grad | None) -> None:
    node = item.node
    blocked = None
    if flow.blocked:
        blocked = next((flow.blocked[ref] for ref in item.refs if ref in flow.blocked), None)
    if not item.outputs:
        reason = blocked or item.reason
        for ref in item.inputs:
            flow.blocked.setdefault(ref, reason)
        return
    if blocked is not None:
        for ref in item.inputs:
            flow.blocked.setdefault(ref, blocked)
        return
    grads = tuple(map(flow.grads.get, item.refs[: len(item.outputs)]))
    steps: tuple[Step, ...] = item.steps
    kernels: tuple[tuple[str, float], ...] = ()
    if inner is not None and steps:
        result = steps[-1].pull(grads)
        kernels = result.kernels
        grads = (add_gradients(result.inputs[0], inner), *result.inputs[1:])
        steps = steps[:-1]
    at_output = next((grad for grad in grads if grad is not None), None)
    if at_output is None:
        return
    pulled = pull_back(steps, grads)
    kernels += pulled.kernels
    after = at_output.log_mean_square()
    for index, (ref, grad) in enumerate(zip(item.inputs, pulled.inputs, strict=False)):
        if grad is None:
            continue
        before = flow.grads.get(ref)
        total = grad if before is None else add_gradients(before, grad)
        if total is not None:
            flow.grads[ref] = total
        flow.edges[(node.id, index)] = (grad.log_mean_square(), after)
    if kernels:
        table = flow.kernels.setdefault(node.layer, {})
        for name, value in kernels:
            table[name] = _log_add(table[name], value) if name in table else value


def _log_add(a: float, b: float) -> float:
    """The logarithm of the sum of two numbers from their logarithms."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
