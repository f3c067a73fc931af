"""The backward pass over a graph: gradients from the outputs to the inputs, consumers added."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from vgspec.analysis.signal.forward import Ran
from vgspec.analysis.signal.gradients import add_gradients
from vgspec.analysis.signal.interpret import pull_back
from vgspec.analysis.signal.step import Grad, Kernels
from vgspec.ir import Ref

__all__ = ["Flow", "Seed", "run_backward"]


class Seed(NamedTuple):
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
    """

    grads: dict[Ref, Grad] = field(default_factory=dict)
    blocked: dict[Ref, str] = field(default_factory=dict)
    kernels: dict[str, dict[str, float]] = field(default_factory=dict)
    edges: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)


def run_backward(ran: list[Ran], seeds: list[Seed], *, kernels: bool) -> Flow:
    """Pull gradients from the seeds back to the inputs.

    Args:
        ran: what the forward pass ran.
        seeds: the gradients to start from.
        kernels: measure the gradients of kernels, in place of what crosses edges.
    """
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
        _pull(item, flow, inner.get(item.node.id), kernels)
    return flow


def _pull(item: Ran, flow: Flow, inner: Grad | None, of_kernels: bool) -> None:
    reason = _blocked(item, flow) if flow.blocked or not item.outputs else None
    if reason is not None:
        for ref in item.inputs:
            flow.blocked.setdefault(ref, reason)
        return
    found, steps, kernels = flow.grads, item.steps, _NO_KERNELS
    grads = tuple([found.get(ref) for ref in item.refs[: len(item.outputs)]])
    if inner is not None and steps:
        result = steps[-1].pull(grads)
        kernels = result.kernels
        grads = (add_gradients(result.inputs[0], inner), *result.inputs[1:])
        steps = steps[:-1]
    at_output = next((grad for grad in grads if grad is not None), None)
    if at_output is None:
        return
    pulled = pull_back(steps, grads)
    for ref, grad in zip(item.inputs, pulled.inputs, strict=False):
        if grad is not None:
            before = found.get(ref)
            total = grad if before is None else add_gradients(before, grad)
            assert total is not None, "both are there"
            found[ref] = total
    if not of_kernels:
        after = at_output.log_mean_square()
        for index, grad in enumerate(pulled.inputs):
            if grad is not None:
                flow.edges[(item.node.id, index)] = (grad.log_mean_square(), after)
    elif counted := (*kernels, *pulled.kernels):
        _count_kernels(counted, flow.kernels.setdefault(item.node.layer, {}))


_NO_KERNELS: Kernels = ()


def _blocked(item: Ran, flow: Flow) -> str | None:
    """Why no gradient is known at a node's inputs; None where it is."""
    reason = next((flow.blocked[ref] for ref in item.refs if ref in flow.blocked), None)
    return reason if item.outputs else reason or item.reason


def _count_kernels(kernels: Kernels, table: dict[str, float]) -> None:
    """Add the gradients of a call's kernels to those of the layer's other calls."""
    for name, log_square in kernels:
        value = log_square()
        table[name] = _log_add(table[name], value) if name in table else value


def _log_add(a: float, b: float) -> float:
    """The logarithm of the sum of two numbers from their logarithms."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
