"""Layers whose whole work is a nonlinearity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import MinLen

from vgspec.catalogue.activations import activation_of
from vgspec.catalogue.initializers import ZEROS
from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import may_equal, mul, numel
from vgspec.layers.base import INPUTS, Call, CallArgument, Layer, ShapeError, Trait, Weight, activate
from vgspec.layers.dtypes import is_floating, is_integer
from vgspec.layers.fields import (
    ActivationArg,
    ConstraintArg,
    InitializerArg,
    NonNegativeFloat,
    PositiveInt,
    RegularizerArg,
)
from vgspec.layers.sizes import as_tuple, known_size, normalize_axis

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["ELU", "LAYERS", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]

_TAKES_INTEGERS = frozenset({"exponential", "leaky_relu", "linear", "relu", "relu6", "tanh"})


class _Pointwise(Layer):
    """Base of the activation layers: the output is like the input."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ACTIVATION})

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape, in the compute dtype."""
        self._check_dtype(call.x)
        return (Tensor(call.x.shape, self.compute_dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One for every element."""
        return numel(outputs[0].shape[1:])

    def _check_dtype(self, x: Tensor) -> None:
        """Refuse what TensorFlow has no kernel for: Keras declares a floating output for any input."""
        dtype = self.autocast(x).dtype
        if is_floating(dtype):
            return
        found = activation_of(self)
        scalar = found.scalar() if found is not None else None
        plain = scalar is not None and scalar.name in _TAKES_INTEGERS
        if scalar is not None and scalar.name == "relu":
            plain = not scalar.arguments
        if not (is_integer(dtype) and plain):
            raise ShapeError(f"needs a floating-point input, got {x}")

    def signal_rule(self, call: Call) -> Rule:
        """The function itself."""
        from vgspec.layers import signal

        found = activation_of(self)
        return (
            signal.Unknown(f"{self.type_name} is no known function") if found is None else (signal.Elementwise(found),)
        )


class Activation(_Pointwise):
    """Applies an activation function."""

    activation: ActivationArg

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        activate(self.activation, call.x)
        return super().infer_outputs(call)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One for every element; nothing for the identity."""
        return 0 if self.activation.is_linear else super().flop_count(call, outputs)


class ReLU(_Pointwise):
    """``max(x, 0)``, or with its arguments a leaky, clipped and shifted one.

    ``max_value`` above it, ``x`` from ``threshold`` on, ``negative_slope * (x - threshold)`` below.
    """

    max_value: NonNegativeFloat | None = None
    negative_slope: NonNegativeFloat = 0.0
    threshold: NonNegativeFloat = 0.0


class LeakyReLU(_Pointwise):
    """``x`` above zero, ``negative_slope * x`` below (Maas et al. 2013)."""

    negative_slope: NonNegativeFloat = 0.3


class ELU(_Pointwise):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below (Clevert et al. 2016)."""

    alpha: float = 1.0


class PReLU(_Pointwise):
    """``x`` above zero, ``alpha * x`` below, with a trained ``alpha`` for every position (He et al. 2015)."""

    alpha_initializer: InitializerArg = ZEROS
    alpha_regularizer: RegularizerArg = None
    alpha_constraint: ConstraintArg = None
    shared_axes: PositiveInt | tuple[PositiveInt, ...] | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        self.weight_specs(call)
        return super().infer_outputs(call)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``alpha``: the input's shape without the batch axis, with ones for ``shared_axes``."""
        x = call.x
        shared = {normalize_axis(axis, x, "shared_axes", batch=False) for axis in as_tuple(self.shared_axes)}
        shape = tuple(1 if axis in shared else known_size(x, axis) for axis in range(1, x.rank))
        return (Weight("alpha", shape, self.alpha_initializer),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for every element."""
        return mul(2, numel(outputs[0].shape[1:]))

    def _check_dtype(self, x: Tensor) -> None:
        if not is_floating(self.autocast(x).dtype):
            raise ShapeError(f"needs a floating-point input, got {x}")


class Softmax(_Pointwise):
    """``exp(x) / sum(exp(x))`` along ``axis``; where ``mask`` is false the result is zero."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (*INPUTS, CallArgument("mask", required=False))

    axis: int | Annotated[tuple[int, ...], MinLen(1)] = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape; the mask must broadcast to it."""
        x = call.x
        axes = [normalize_axis(axis, x, "axis") for axis in as_tuple(self.axis)]
        if len(set(axes)) < len(axes):
            raise ShapeError(f"names an axis twice in {self.axis}", argument="axis")
        if (mask := call.tensor("mask")) is not None:
            pairs = zip(reversed(mask.shape), reversed(x.shape), strict=False)
            if mask.rank > x.rank or not all(size == 1 or may_equal(size, of) for size, of in pairs):
                raise ShapeError(f"needs a mask that broadcasts to {x}, got {mask}")
        return super().infer_outputs(call)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Five for every element: maximum, difference, exponential, sum, quotient."""
        return mul(5, numel(outputs[0].shape[1:]))


LAYERS: tuple[type[Layer], ...] = (
    Activation,
    ELU,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
