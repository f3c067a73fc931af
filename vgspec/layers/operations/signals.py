"""What operations do to the size of a signal, by the function's name.

Operations are rows of a table and share classes, so their signal rules are rows too. A name that is not here
has no rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vgspec.ir import Tensor
from vgspec.layers import signal
from vgspec.layers.base import Call

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["operation_rule"]


def operation_rule(operation: Any, call: Call) -> Rule:
    """The signal rule of an operation."""
    name: str = operation.keras_name
    make = _RULES.get(name)
    if make is not None:
        return make(operation, call)
    activation = _activation(operation, name)
    if activation is not None:
        return (signal.Elementwise(activation),)
    return signal.Unknown(f"ops.{name} has no rule for the size of its signal")


def _activation(operation: Any, name: str) -> Any:
    """The activation of this name, if the operation has no arguments that change it."""
    from vgspec.catalogue.activation_table import BY_NAME
    from vgspec.catalogue.activations import Activation

    row = BY_NAME.get(name)
    if row is None or any(getattr(operation, key, value) != value for key, value in row.arguments.items()):
        return None
    return Activation(name=row.name)


def _literal(operation: Any) -> tuple[tuple[float, ...] | None, bool]:
    """The literal operand of a binary operation, and whether it is the first."""
    for index, key in enumerate(("x1", "x2")):
        value = getattr(operation, key, None)
        if value is not None:
            return signal.flat(value), index == 0
    return None, False


def _sum(sign: float) -> Callable[[Any, Call], Rule]:
    def make(operation: Any, call: Call) -> Rule:
        value, first = _literal(operation)
        if value is None:
            return (signal.Combine("add" if sign > 0 else "subtract"),)
        if sign > 0:
            return (signal.Scale((1.0,), value),)
        return (signal.Scale((-1.0,), value),) if first else (signal.Scale((1.0,), tuple(-x for x in value)),)

    return make


def _product(operation: Any, call: Call) -> Rule:
    value, _ = _literal(operation)
    return (signal.Combine("multiply"),) if value is None else (signal.Scale(value),)


def _quotient(operation: Any, call: Call) -> Rule:
    value, first = _literal(operation)
    if value is None or first or not all(value):
        return signal.Unknown("a division by a tensor")
    return (signal.Scale(tuple(1.0 / x for x in value)),)


def _extreme(operation: Any, call: Call) -> Rule:
    value, _ = _literal(operation)
    name = operation.keras_name
    if value is None:
        return (signal.Combine("maximum" if name == "maximum" else "minimum"),)
    if name == "maximum" and set(value) == {0.0}:
        from vgspec.catalogue.activations import RELU

        return (signal.Elementwise(RELU),)
    return signal.Unknown(f"ops.{name} with a number")


def _mean(operation: Any, call: Call) -> Rule:
    x = call.x
    axis = operation.axis
    axes = tuple(range(x.rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if sorted(a % x.rank for a in axes) != list(range(1, x.rank - 1)) or not axes:
        return signal.Unknown("a mean over other axes than all positions")
    return (signal.GlobalPool("average", bool(operation.keepdims)),)


def _total(operation: Any, call: Call) -> Rule:
    rule = _mean(operation, call)
    if isinstance(rule, signal.Unknown):
        return rule
    sizes = [size for size in call.x.shape[1:-1] if isinstance(size, int)]
    return (*rule, signal.Scale((float(math.prod(sizes)),)))


def _transpose(operation: Any, call: Call) -> Rule:
    axes = operation.axes
    if axes is None or axes[0] != 0:
        return signal.Unknown("a transposition that moves the batch")
    return (signal.Permute(tuple(axes[1:])),)


def _same(operation: Any, call: Call) -> Rule:
    return ()


def _reshape(operation: Any, call: Call) -> Rule:
    x = next(value for value in call.args.values() if isinstance(value, Tensor))
    outputs = operation.infer_outputs(call)
    if not outputs[0].shape or outputs[0].shape[0] != x.shape[0]:
        return signal.Unknown("a shape that changes the batch")
    return (signal.Reshape(),)


def _concatenate(operation: Any, call: Call) -> Rule:
    return (signal.Concatenate(operation.axis),)


def _negative(operation: Any, call: Call) -> Rule:
    return (signal.Scale((-1.0,)),)


def _stop(operation: Any, call: Call) -> Rule:
    return (signal.Stop(),)


_RULES: dict[str, Callable[[Any, Call], Rule]] = {
    "add": _sum(1.0),
    "subtract": _sum(-1.0),
    "multiply": _product,
    "divide": _quotient,
    "true_divide": _quotient,
    "maximum": _extreme,
    "minimum": _extreme,
    "mean": _mean,
    "sum": _total,
    "transpose": _transpose,
    "reshape": _reshape,
    "expand_dims": _reshape,
    "squeeze": _reshape,
    "concatenate": _concatenate,
    "negative": _negative,
    "copy": _same,
    "cast": _same,
    "stop_gradient": _stop,
}
