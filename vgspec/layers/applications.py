"""Layers that ``keras.applications`` defines for its own networks; they are no public classes of ``keras.layers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vgspec.catalogue.initializers import Constant
from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import broadcast, mul, numel
from vgspec.layers.base import TRAINING, Call, CallArgument, Layer, ShapeError, Trait, Weight
from vgspec.layers.fields import PositiveInt, Rate

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "CustomScaleLayer", "LayerScale", "StochasticDepth"]

_X = CallArgument("x")


class LayerScale(Layer):
    """One trainable factor per channel (Touvron et al. 2021, "Going deeper with Image Transformers"), in ConvNeXt."""

    keras_module: ClassVar[str] = "keras.src.applications.convnext"
    supports_masking: ClassVar[bool] = False
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.SCALING})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (_X,)

    init_values: float
    projection_dim: PositiveInt

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape; its last axis has ``projection_dim`` channels."""
        x = call.x
        if x.rank < 2 or x.shape[-1] not in (self.projection_dim, None):
            raise ShapeError(f"scales {self.projection_dim} channels, got {x}", argument="projection_dim")
        return (Tensor(x.shape, self.floating(x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``gamma``: a factor per channel; Keras leaves it without a name."""
        return (Weight("variable", (self.projection_dim,), Constant(value=self.init_values)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One per element."""
        return numel(outputs[0].shape[1:])

    def signal_rule(self, call: Call) -> Rule:
        """Every channel times the factor that it starts with."""
        from vgspec.layers import signal

        return (signal.Scale((self.init_values,)),)


class StochasticDepth(Layer):
    """In training, drops the whole branch of a batch at random (Huang et al. 2016), as in ConvNeXt."""

    keras_module: ClassVar[str] = "keras.src.applications.convnext"
    supports_masking: ClassVar[bool] = False
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (_X, TRAINING)

    drop_path_rate: Rate

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        return (Tensor(call.x.shape, self.floating(call.x)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per element, in training."""
        return mul(2, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Inverted dropout in which all elements drop together."""
        from vgspec.layers import signal

        return (signal.Drop(self.drop_path_rate, True),)


class CustomScaleLayer(Layer):
    """``inputs[0] + scale * inputs[1]``: the residual sum of Inception-ResNet."""

    keras_module: ClassVar[str] = "keras.src.applications.inception_resnet_v2"
    supports_masking: ClassVar[bool] = False
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING, Trait.ADDITIVE})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (CallArgument("inputs", many=True),)

    scale: float

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The two inputs' shapes, broadcast."""
        if len(call.xs) != 2:
            raise ShapeError(f"takes two inputs, got {len(call.xs)}")
        a, b = call.xs
        try:
            shape = broadcast(a.shape, b.shape)
        except ValueError as error:
            raise ShapeError(f"cannot add {b} to {a}: {error}") from None
        return (Tensor(shape, self.floating(a)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """A product and a sum per element."""
        return mul(2, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """A sum of which the second term is scaled."""
        from vgspec.layers import signal

        return (signal.Combine("add", (1.0, self.scale)),)


LAYERS: tuple[type[Layer], ...] = (
    CustomScaleLayer,
    LayerScale,
    StochasticDepth,
)
