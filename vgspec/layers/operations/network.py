"""Operations of ``keras.ops.nn`` and ``keras.ops.image`` that are more than pointwise."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import field_validator

from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import add, floor_div, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, ShapeError, Trait
from vgspec.layers.dtypes import is_floating
from vgspec.layers.fields import DataFormat, Padding, PositiveInt
from vgspec.layers.geometry import axis_indices, image_shape, slide
from vgspec.layers.operations.base import Number, Operand, Operation, operand, per_sample, promoted

__all__ = [
    "BatchNormalization",
    "Convolution",
    "DepthwiseConvolution",
    "DotProductAttention",
    "Glu",
    "LayerNormalization",
    "Pool",
    "Resize",
    "RmsNormalization",
]

Sizes = PositiveInt | tuple[PositiveInt, ...]


def _floating(x: Tensor) -> None:
    if not is_floating(x.dtype):
        raise ShapeError(f"needs a floating-point input, got {x}")


def spread(value: int | tuple[int, ...], rank: int, argument: str) -> tuple[int, ...]:
    """One number per spatial axis.

    Raises:
        ShapeError: if there are as many numbers as for another rank.
    """
    sizes = (value,) * rank if isinstance(value, int) else value
    if len(sizes) != rank:
        raise ShapeError(f"has {len(sizes)} numbers for {rank} spatial axes", argument=argument)
    return sizes


class Glu(Operation):
    """Gated linear unit: one half of an axis times the sigmoid of the other."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ACTIVATION, Trait.GATED})
    flops: ClassVar[int] = 2

    axis: int = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Half the size of the axis."""
        x = call.x
        _floating(x)
        (axis,) = axis_indices(self.axis, x)
        size = x.shape[axis]
        if isinstance(size, int) and size % 2:
            raise ShapeError(f"needs an axis of even size, got {x}", argument="axis")
        return (Tensor((*x.shape[:axis], floor_div(size, 2), *x.shape[axis + 1 :]), x.dtype),)


class Pool(Operation):
    """Largest or mean value in a sliding window."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("inputs"),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.POOLING})

    pool_size: Sizes
    strides: Sizes | None = None
    padding: Padding = "valid"
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The number of places of the window, along each spatial axis."""
        x = call.x
        _floating(x)
        if x.rank < 3:
            raise ShapeError(f"needs a batch with spatial axes and channels, got {x}")
        window = spread(self.pool_size, x.rank - 2, "pool_size")
        strides = window if self.strides is None else spread(self.strides, x.rank - 2, "strides")
        sizes = slide(x, window, strides, self.padding, self.data_format, argument="pool_size")
        channels = x.shape[1] if self.data_format == "channels_first" else x.shape[-1]
        return (Tensor(image_shape(x, sizes, channels, self.data_format), x.dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One for each element under the window."""
        window = spread(self.pool_size, call.x.rank - 2, "pool_size")
        return mul(numel(window), per_sample(outputs[0].shape))


class Convolution(Operation):
    """Convolution of one tensor with another as its kernel ``(sizes, in, out)``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("inputs"), operand("kernel"))
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})

    strides: Sizes = 1
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Sizes = 1

    def filters(self, x: Tensor, kernel: Tensor) -> Dim:
        """The number of output channels.

        Raises:
            ShapeError: if the channels of input and kernel do not fit.
        """
        depth, group = self._channels(x), kernel.shape[-2]
        if isinstance(depth, int) and isinstance(group, int) and depth % group:
            raise ShapeError(f"cannot convolve {depth} channels in groups of {group}, got {x} and {kernel}")
        return kernel.shape[-1]

    def _channels(self, x: Tensor) -> Dim:
        return x.shape[1] if self.data_format == "channels_first" else x.shape[-1]

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The number of places of the kernel, along each spatial axis."""
        x, kernel = self.operand(call, "inputs"), self.operand(call, "kernel")
        _floating(x)
        if x.rank < 3 or kernel.rank != x.rank:
            raise ShapeError(f"needs an input with spatial axes and a kernel of its rank, got {x} and {kernel}")
        taps = [size for size in kernel.shape[:-2] if isinstance(size, int)]
        if len(taps) != x.rank - 2:
            raise ShapeError(f"needs a kernel of known size, got {kernel}")
        strides = spread(self.strides, x.rank - 2, "strides")
        dilation = spread(self.dilation_rate, x.rank - 2, "dilation_rate")
        sizes = slide(x, taps, strides, self.padding, self.data_format, dilation, argument="padding")
        return (Tensor(image_shape(x, sizes, self.filters(x, kernel), self.data_format), x.dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each element of the output and each weight of its filter."""
        kernel = self.operand(call, "kernel")
        return mul(2, mul(numel(kernel.shape[:-1]), per_sample(outputs[0].shape)))


class DepthwiseConvolution(Convolution):
    """Convolution of each channel by itself, with a kernel ``(sizes, channels, multiplier)``."""

    def filters(self, x: Tensor, kernel: Tensor) -> Dim:
        """Channels times multiplier."""
        if not may_equal(self._channels(x), kernel.shape[-2]):
            raise ShapeError(f"needs a kernel for each channel, got {x} and {kernel}")
        return mul(kernel.shape[-2], kernel.shape[-1])

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each element of the output and each tap."""
        kernel = self.operand(call, "kernel")
        return mul(2, mul(numel(kernel.shape[:-2]), per_sample(outputs[0].shape)))


class LayerNormalization(Operation):
    """Centres and scales along axes, then applies ``gamma`` and ``beta``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        operand("x"),
        operand("gamma", required=False),
        operand("beta", required=False),
    )
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})
    flops: ClassVar[int] = 8

    gamma: Operand = None
    beta: Operand = None
    axis: int | tuple[int, ...] = -1
    epsilon: float | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        x = self.operand(call, "x")
        _floating(x)
        axes = axis_indices(self.axis, x)
        for name in ("gamma", "beta"):
            _check_scale(self.find(call, name), tuple(x.shape[axis] for axis in sorted(axes)), x, name)
        return (x,)


def _check_scale(scale: Tensor | None, wanted: tuple[Dim, ...], x: Tensor, name: str) -> None:
    if scale is None:
        return
    if scale.rank != len(wanted) or not all(map(may_equal, scale.shape, wanted)):
        raise ShapeError(f"needs a {name} of the size of the normalized axes of {x}, got {scale}", argument=name)


class RmsNormalization(Operation):
    """Divides by the root mean square along axes, then multiplies by ``scale``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"), operand("scale", required=False))
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})
    flops: ClassVar[int] = 5

    scale: Operand = None
    axis: int | tuple[int, ...] = -1
    epsilon: float | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        x = self.operand(call, "x")
        _floating(x)
        axes = axis_indices(self.axis, x)
        _check_scale(self.find(call, "scale"), tuple(x.shape[axis] for axis in sorted(axes)), x, "scale")
        return (x,)


class BatchNormalization(Operation):
    """Centres and scales by given moments, then applies ``scale`` and ``offset``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        operand("x"),
        operand("mean"),
        operand("variance"),
        operand("offset", required=False),
        operand("scale", required=False),
    )
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})
    flops: ClassVar[int] = 4

    mean: Operand = None
    variance: Operand = None
    axis: int
    offset: Operand = None
    scale: Operand = None
    epsilon: float = 0.001

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        x = self.operand(call, "x")
        _floating(x)
        (axis,) = axis_indices(self.axis, x)
        for name in ("mean", "variance"):
            _check_scale(self.operand(call, name), (x.shape[axis],), x, name)
        for name in ("offset", "scale"):
            _check_scale(self.find(call, name), (x.shape[axis],), x, name)
        return (x,)


class DotProductAttention(Operation):
    """Scaled dot-product attention (Vaswani et al. 2017) on ``(batch, time, heads, features)``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        operand("query"),
        operand("key"),
        operand("value"),
        operand("bias", required=False),
        operand("mask", required=False),
    )
    keras_parameters: ClassVar[tuple[str, ...]] = (
        *("query", "key", "value", "bias", "mask", "scale"),
        *("flash_attention", "attn_logits_soft_cap"),
    )
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ATTENTION, Trait.MERGING})

    scale: Number | None = None
    is_causal: bool = False
    flash_attention: bool | None = None
    attn_logits_soft_cap: float | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of the query."""
        query, key, value = (self.operand(call, name) for name in ("query", "key", "value"))
        for x in (query, key, value):
            _floating(x)
            if x.rank != 4:
                raise ShapeError(f"needs inputs of shape (batch, time, heads, features), got {x}")
        if not all(map(may_equal, key.shape, value.shape)):
            raise ShapeError(f"needs one key per value, got {key} and {value}")
        if not may_equal(query.shape[0], key.shape[0]) or not may_equal(query.shape[3], key.shape[3]):
            raise ShapeError(f"needs queries like keys, got {query} and {key}")
        heads, groups = query.shape[2], key.shape[2]
        if isinstance(heads, int) and isinstance(groups, int) and heads % groups:
            raise ShapeError(f"cannot share {groups} heads of keys among {heads} heads of queries")
        return (Tensor(query.shape, promoted((query, key, value))),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two products of queries, keys and features, and five operations for each softmax element."""
        query, key = self.operand(call, "query"), self.operand(call, "key")
        scores = mul(mul(query.shape[1], key.shape[1]), query.shape[2])
        return add(mul(4, mul(scores, query.shape[3])), mul(5, scores))


class Resize(Operation):
    """Resizes images."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("images"),)
    flops: ClassVar[int] = 8

    size: tuple[PositiveInt, PositiveInt]
    interpolation: Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"] = "bilinear"
    antialias: bool = False
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: Literal["constant"] = "constant"
    fill_value: float = 0.0
    data_format: DataFormat = None

    @field_validator("pad_to_aspect_ratio")
    @classmethod
    def _one_of_both(cls, value: bool, info: Any) -> bool:
        if value and info.data.get("crop_to_aspect_ratio"):
            raise ValueError("only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be true")
        return value

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Height and width replaced."""
        x = call.x
        if x.rank not in (3, 4) or x.dtype in ("string", "bool"):
            raise ShapeError(f"needs an image (rank 3) or a batch of images (rank 4), got {x}")
        if self.data_format == "channels_first":
            return (Tensor((*x.shape[:-2], *self.size), x.dtype),)
        return (Tensor((*x.shape[:-3], *self.size, x.shape[-1]), x.dtype),)
