"""What operations do to the size of a signal, by the function's name.

Operations are rows of a table and share classes, so their signal rules are rows too. A name that is not here
has no rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vgspec.ir import Tensor
from vgspec.layers import signal
from vgspec.layers.base import Call

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["RULED", "WITHOUT_RULE", "operation_rule"]


def operation_rule(operation: Any, call: Call) -> Rule:
    """The signal rule of an operation."""
    name: str = operation.keras_name
    make = _RULES.get(name)
    if make is not None:
        return make(operation, call)
    activation = _activation(operation, name)
    if activation is not None:
        return (signal.Elementwise(activation),)
    reason = next((reason for reason, names in WITHOUT_RULE.items() if name in names), "it has no rule")
    return signal.Unknown(f"ops.{name} has no rule for the size of its signal: {reason}")


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
    "convert_to_tensor": _same,
    "cast": _same,
    "stop_gradient": _stop,
}

RULED = frozenset(_RULES)
"""Functions with a rule here; those that are activations have theirs."""

WITHOUT_RULE: Mapping[str, tuple[str, ...]] = {
    "a truth value or an index carries no gradient": (
        *("all", "any", "argmax", "argmin", "argsort", "count_nonzero", "equal", "greater", "greater_equal"),
        *("isclose", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and", "logical_not", "logical_or"),
        *("logical_xor", "not_equal", "one_hot"),
    ),
    "a step function has no gradient": ("ceil", "floor", "floor_divide", "round", "sign", "trunc"),
    "it makes a tensor of its own": ("full_like", "ones_like", "zeros_like"),
    "functions of an element beside the activations are not analysed": (
        *("abs", "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "cbrt", "clip", "cos"),
        *("cosh", "erf", "erfinv", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "nan_to_num", "power"),
        *("reciprocal", "rsqrt", "saturate_cast", "sin", "sinh", "sqrt", "square", "tan"),
    ),
    "functions of two tensors beside sum, product and extremes are not analysed": (
        *("arctan2", "cross", "divide_no_nan", "dot", "einsum", "fmax", "fmin", "fmod", "inner", "logaddexp", "matmul"),
        *("mod", "outer", "tensordot", "where"),
    ),
    "what is left of an axis is not a mean over all positions": (
        *("amax", "amin", "average", "cumprod", "cumsum", "logsumexp", "max", "median", "min", "moments", "norm"),
        *("prod", "std", "var"),
    ),
    "the layer of this kind is analysed, the operation is not": (
        *("average_pool", "batch_normalization", "conv", "depthwise_conv", "dot_product_attention", "image.resize"),
        *("layer_normalization", "max_pool", "normalize", "rms_normalization"),
    ),
    "it mixes, cuts or orders positions and channels": (
        *("broadcast_to", "depth_to_space", "flip", "get_item", "hstack", "moveaxis", "pad", "ravel", "repeat", "roll"),
        *("slice", "slice_update", "sort", "space_to_depth", "split", "stack", "swapaxes", "take", "take_along_axis"),
        *("tile", "top_k", "tril", "triu", "unstack", "vstack"),
    ),
}
"""Functions without a rule, by the reason."""
