"""Core layers: the ones that every network has."""

from __future__ import annotations

from typing import ClassVar

from vgspec.catalogue.activations import LINEAR
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ZEROS
from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import add, mul, numel
from vgspec.layers.base import Call, Layer, ShapeError, Trait, Weight
from vgspec.layers.fields import ActivationArg, ConstraintArg, InitializerArg, PositiveInt, RegularizerArg

__all__ = ["LAYERS", "Dense"]


class Dense(Layer):
    """Fully connected layer: ``activation(inputs @ kernel + bias)`` on the last axis."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.KERNEL})

    units: PositiveInt
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape with the last axis replaced by ``units``."""
        x = call.x
        if x.rank < 2:
            raise ShapeError(f"needs an input of rank 2 or more, got {x}")
        if x.shape[-1] is None or not isinstance(x.shape[-1], int):
            raise ShapeError(f"needs a known size of the input's last axis, got {x}")
        return (Tensor((*x.shape[:-1], self.units), self.floating(x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (features, units) and ``bias`` (units)."""
        kernel = Weight("kernel", (call.x.shape[-1], self.units), self.kernel_initializer)
        return (kernel, Weight("bias", (self.units,), self.bias_initializer)) if self.use_bias else (kernel,)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, one per bias."""
        return mul(numel(outputs[0].shape[1:]), add(mul(2, call.x.shape[-1]), int(self.use_bias)))


LAYERS: tuple[type[Layer], ...] = (Dense,)
