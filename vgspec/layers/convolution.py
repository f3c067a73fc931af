"""Convolutions: plain, depthwise, separable and transposed, over one, two or three spatial axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from vgspec.catalogue.activations import LINEAR
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, mul, numel
from vgspec.layers.base import Call, Layer, ShapeError, Trait, Weight, activate
from vgspec.layers.dtypes import is_floating
from vgspec.layers.fields import (
    ActivationArg,
    ConstraintArg,
    DataFormat,
    InitializerArg,
    Offset1,
    Offset2,
    Offset3,
    Padding,
    PositiveInt,
    RegularizerArg,
    Size1,
    Size2,
    Size3,
)
from vgspec.layers.geometry import channels, image_shape, slide, spatial_sizes, unslide
from vgspec.layers.sizes import check_rank

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
]

KERNEL = frozenset({Trait.KERNEL, Trait.CONVOLUTION})


class Sliding(Layer):
    """What all convolutions have in common; no layer itself."""

    traits: ClassVar[frozenset[Trait]] = KERNEL
    supports_masking: ClassVar[bool] = False

    def convolved(self, x: Tensor, kernel_size: tuple[int, ...], data_format: DataFormat) -> int:
        """Check the input of a convolution; returns its number of channels.

        Raises:
            ShapeError: for another rank, an unknown number of channels, or an input that is not floating.
        """
        check_rank(x, len(kernel_size) + 2)
        self.floating(x)
        if not is_floating(x.dtype):
            raise ShapeError(f"needs a floating input, got {x}")
        return channels(x, data_format)


class Convolution(Sliding):
    """Arguments and rules of `Conv1D`, `Conv2D` and `Conv3D`; no layer itself."""

    filters: PositiveInt
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...] = ()
    padding: Literal["valid", "same", "causal"] = "valid"
    data_format: DataFormat = None
    dilation_rate: tuple[int, ...] = ()
    groups: PositiveInt = 1
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.filters % self.groups:
            raise ValueError(f"groups must divide filters, got groups={self.groups} and filters={self.filters}")
        refuse_strided_dilation(self.strides, self.dilation_rate)
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``filters`` channels; the spatial sizes as the window slides."""
        x = call.x
        count = self.convolved(x, self.kernel_size, self.data_format)
        if count % self.groups:
            raise ShapeError(f"has {self.groups} groups, which do not divide the {count} channels", argument="groups")
        window, dilation = self.kernel_size, self.dilation_rate
        spatial = slide(x, window, self.strides, self.padding, self.data_format, dilation, argument="kernel_size")
        shape = image_shape(x, spatial, self.filters, self.data_format)
        return (activate(self.activation, Tensor(shape, self.floating(x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (spatial sizes, channels of a group, filters) and ``bias`` (filters)."""
        depth = channels(call.x, self.data_format) // self.groups
        kernel = Weight("kernel", (*self.kernel_size, depth, self.filters), self.kernel_initializer)
        return (kernel, Weight("bias", (self.filters,), self.bias_initializer)) if self.use_bias else (kernel,)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, one per bias."""
        taps = math.prod(self.kernel_size) * channels(call.x, self.data_format) // self.groups
        return mul(numel(outputs[0].shape[1:]), 2 * taps + int(self.use_bias))

    def signal_rule(self, call: Call) -> Rule:
        """The kernel, bias, activation."""
        from vgspec.layers import signal

        x = call.x
        axis = 1 if self.data_format == "channels_first" else -1
        depth = channels(x, self.data_format) // self.groups
        kernel = signal.Convolution(
            "kernel",
            self.kernel_initializer,
            (*self.kernel_size, depth, self.filters),
            self.strides,
            self.padding,
            self.filters,
            self.dilation_rate,
            self.groups,
            axis=axis,
        )
        bias = (signal.Bias(self.bias_initializer, (self.filters,), axis),) if self.use_bias else ()
        return (kernel, *bias, signal.Elementwise(self.activation))


def refuse_strided_dilation(strides: tuple[int, ...], dilation_rate: tuple[int, ...]) -> None:
    """Raise ValueError where both strides and dilation are above one; no backend computes that."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(f"strides > 1 and dilation_rate > 1 exclude each other, got {strides} and {dilation_rate}")


class Conv1D(Convolution):
    """Convolution over one axis, such as time; ``causal`` padding looks at the past only."""

    kernel_size: Size1
    strides: Size1 = (1,)
    dilation_rate: Size1 = (1,)


class Conv2D(Convolution):
    """Convolution over two axes, such as those of an image."""

    kernel_size: Size2
    strides: Size2 = (1, 1)
    padding: Padding = "valid"
    dilation_rate: Size2 = (1, 1)


class Conv3D(Convolution):
    """Convolution over three axes, such as those of a volume or a video."""

    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    padding: Padding = "valid"
    dilation_rate: Size3 = (1, 1, 1)


def refuse_unequal_strides(strides: tuple[int, ...], dilation_rate: tuple[int, ...]) -> None:
    """Refuse strides that TensorFlow's depthwise convolution has in float32 on some CPUs only.

    Keras computes strides together with dilation in another way, which takes any.

    Raises:
        ShapeError: for unequal strides without dilation.
    """
    if len(set(strides)) > 1 and max(dilation_rate) == 1:
        raise ShapeError(f"needs equal strides along both axes, got {list(strides)}", argument="strides")


class Depthwise(Sliding):
    """Arguments and rules of `DepthwiseConv1D` and `DepthwiseConv2D`; no layer itself."""

    kernel_size: tuple[int, ...]
    strides: tuple[int, ...] = ()
    padding: Padding = "valid"
    depth_multiplier: PositiveInt = 1
    data_format: DataFormat = None
    dilation_rate: tuple[int, ...] = ()
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    depthwise_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    depthwise_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    depthwise_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``depth_multiplier`` times the channels; the spatial sizes as the window slides."""
        x = call.x
        count = self.convolved(x, self.kernel_size, self.data_format)
        refuse_unequal_strides(self.strides, self.dilation_rate)
        window, dilation = self.kernel_size, self.dilation_rate
        spatial = slide(x, window, self.strides, self.padding, self.data_format, dilation, argument="kernel_size")
        shape = image_shape(x, spatial, count * self.depth_multiplier, self.data_format)
        return (activate(self.activation, Tensor(shape, self.floating(x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (spatial sizes, channels, depth_multiplier) and ``bias`` (their product)."""
        count = channels(call.x, self.data_format)
        kernel = Weight("kernel", (*self.kernel_size, count, self.depth_multiplier), self.depthwise_initializer)
        bias = Weight("bias", (count * self.depth_multiplier,), self.bias_initializer)
        return (kernel, bias) if self.use_bias else (kernel,)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, one per bias."""
        return mul(numel(outputs[0].shape[1:]), 2 * math.prod(self.kernel_size) + int(self.use_bias))

    def signal_rule(self, call: Call) -> Rule:
        """The kernel on every channel by itself, bias, activation."""
        from vgspec.layers import signal

        x = call.x
        axis = 1 if self.data_format == "channels_first" else -1
        count = channels(x, self.data_format)
        kernel = signal.Convolution(
            "kernel",
            self.depthwise_initializer,
            (*self.kernel_size, count, self.depth_multiplier),
            self.strides,
            self.padding,
            count * self.depth_multiplier,
            self.dilation_rate,
            depthwise=True,
            axis=axis,
        )
        bias = (signal.Bias(self.bias_initializer, (count * self.depth_multiplier,), axis),) if self.use_bias else ()
        return (kernel, *bias, signal.Elementwise(self.activation))


class DepthwiseConv1D(Depthwise):
    """Convolution over one axis of every channel by itself."""

    kernel_size: Size1
    strides: Size1 = (1,)
    dilation_rate: Size1 = (1,)


class DepthwiseConv2D(Depthwise):
    """Convolution over two axes of every channel by itself."""

    kernel_size: Size2
    strides: Size2 = (1, 1)
    dilation_rate: Size2 = (1, 1)


class Separable(Sliding):
    """Arguments and rules of `SeparableConv1D` and `SeparableConv2D`; no layer itself."""

    filters: PositiveInt
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...] = ()
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: tuple[int, ...] = ()
    depth_multiplier: PositiveInt = 1
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    depthwise_initializer: InitializerArg = GLOROT_UNIFORM
    pointwise_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    depthwise_regularizer: RegularizerArg = None
    pointwise_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    depthwise_constraint: ConstraintArg = None
    pointwise_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``filters`` channels; the spatial sizes as the window slides."""
        x = call.x
        self.convolved(x, self.kernel_size, self.data_format)
        refuse_unequal_strides(self.strides, self.dilation_rate)
        window, dilation = self.kernel_size, self.dilation_rate
        spatial = slide(x, window, self.strides, self.padding, self.data_format, dilation, argument="kernel_size")
        shape = image_shape(x, spatial, self.filters, self.data_format)
        return (activate(self.activation, Tensor(shape, self.floating(x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The kernels (spatial, channels, multiplier) and (1, …, their product, filters), and ``bias`` (filters)."""
        count, ones = channels(call.x, self.data_format), (1,) * len(self.kernel_size)
        depthwise: Shape = (*self.kernel_size, count, self.depth_multiplier)
        pointwise: Shape = (*ones, count * self.depth_multiplier, self.filters)
        kernels = (
            Weight("depthwise_kernel", depthwise, self.depthwise_initializer),
            Weight("pointwise_kernel", pointwise, self.pointwise_initializer),
        )
        return (*kernels, Weight("bias", (self.filters,), self.bias_initializer)) if self.use_bias else kernels

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add of both convolutions, one per bias."""
        depth = channels(call.x, self.data_format) * self.depth_multiplier
        each = 2 * depth * (math.prod(self.kernel_size) + self.filters) + self.filters * int(self.use_bias)
        return mul(numel(spatial_sizes(outputs[0], self.data_format)), each)

    def signal_rule(self, call: Call) -> Rule:
        """A depthwise kernel, then a mixing of the channels, bias, activation."""
        from vgspec.layers import signal

        x = call.x
        axis = 1 if self.data_format == "channels_first" else -1
        count, ones = channels(x, self.data_format), (1,) * len(self.kernel_size)
        inner = count * self.depth_multiplier
        depthwise = signal.Convolution(
            "depthwise_kernel",
            self.depthwise_initializer,
            (*self.kernel_size, count, self.depth_multiplier),
            self.strides,
            self.padding,
            inner,
            self.dilation_rate,
            depthwise=True,
            axis=axis,
        )
        pointwise = signal.Convolution(
            "pointwise_kernel",
            self.pointwise_initializer,
            (*ones, inner, self.filters),
            ones,
            "valid",
            self.filters,
            axis=axis,
        )
        bias = (signal.Bias(self.bias_initializer, (self.filters,), axis),) if self.use_bias else ()
        return (depthwise, pointwise, *bias, signal.Elementwise(self.activation))


class SeparableConv1D(Separable):
    """Depthwise convolution over one axis, then a mixing of the channels."""

    kernel_size: Size1
    strides: Size1 = (1,)
    dilation_rate: Size1 = (1,)


class SeparableConv2D(Separable):
    """Depthwise convolution over two axes, then a mixing of the channels."""

    kernel_size: Size2
    strides: Size2 = (1, 1)
    dilation_rate: Size2 = (1, 1)


class Transposed(Sliding):
    """Arguments and rules of the transposed convolutions; no layer itself."""

    filters: PositiveInt
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...] = ()
    padding: Padding = "valid"
    output_padding: tuple[int, ...] | None = None
    data_format: DataFormat = None
    dilation_rate: tuple[int, ...] = ()
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse_strided_dilation(self.strides, self.dilation_rate)
        extra = self.output_padding or (0,) * len(self.strides)
        if any(padding >= stride for padding, stride in zip(extra, self.strides, strict=True)):
            raise ValueError(f"output_padding must be below strides, got {self.output_padding} and {self.strides}")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``filters`` channels; each spatial axis as long as what a convolution would shrink to the input."""
        x = call.x
        self.convolved(x, self.kernel_size, self.data_format)
        spatial: list[Dim] = []
        for axis, size in enumerate(spatial_sizes(x, self.data_format)):
            taps, stride, dilation = self.kernel_size[axis], self.strides[axis], self.dilation_rate[axis]
            extra = None if self.output_padding is None else self.output_padding[axis]
            result, consistent = unslide(size, taps, stride, self.padding, extra, dilation)
            if not consistent:
                raise ShapeError(
                    f"has output_padding {extra} for a window of even size {taps} with padding same, "
                    "a size that no convolution maps to its input's",
                    argument="output_padding",
                )
            spatial.append(result)
        shape = image_shape(x, spatial, self.filters, self.data_format)
        return (activate(self.activation, Tensor(shape, self.floating(x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (spatial sizes, filters, channels) and ``bias`` (filters)."""
        shape: Shape = (*self.kernel_size, self.filters, channels(call.x, self.data_format))
        kernel = Weight("kernel", shape, self.kernel_initializer)
        return (kernel, Weight("bias", (self.filters,), self.bias_initializer)) if self.use_bias else (kernel,)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, of which every input element takes part in taps times filters; one per bias."""
        work = mul(numel(call.x.shape[1:]), 2 * math.prod(self.kernel_size) * self.filters)
        return add(work, numel(outputs[0].shape[1:]) if self.use_bias else 0)

    def signal_rule(self, call: Call) -> Rule:
        """The kernel, transposed, bias, activation."""
        from vgspec.layers import signal

        x = call.x
        axis = 1 if self.data_format == "channels_first" else -1
        kernel = signal.Convolution(
            "kernel",
            self.kernel_initializer,
            (*self.kernel_size, self.filters, channels(x, self.data_format)),
            self.strides,
            self.padding,
            self.filters,
            self.dilation_rate,
            transposed=True,
            axis=axis,
            output_padding=self.output_padding,
        )
        bias = (signal.Bias(self.bias_initializer, (self.filters,), axis),) if self.use_bias else ()
        return (kernel, *bias, signal.Elementwise(self.activation))


class Conv1DTranspose(Transposed):
    """Transposed convolution over one axis: upsamples."""

    kernel_size: Size1
    strides: Size1 = (1,)
    output_padding: Offset1 | None = None
    dilation_rate: Size1 = (1,)


class Conv2DTranspose(Transposed):
    """Transposed convolution over two axes: upsamples an image."""

    kernel_size: Size2
    strides: Size2 = (1, 1)
    output_padding: Offset2 | None = None
    dilation_rate: Size2 = (1, 1)


class Conv3DTranspose(Transposed):
    """Transposed convolution over three axes: upsamples a volume."""

    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    output_padding: Offset3 | None = None
    dilation_rate: Size3 = (1, 1, 1)


LAYERS: tuple[type[Layer], ...] = (
    Conv1D,
    Conv2D,
    Conv3D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)
