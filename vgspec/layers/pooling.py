"""Pooling: windows, whole axes, and a fixed number of outputs, over one, two or three spatial axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import mul, numel
from vgspec.layers.base import Call, Layer, ShapeError, Trait
from vgspec.layers.dtypes import is_floating
from vgspec.layers.fields import DataFormat, Padding, Size1, Size2, Size3
from vgspec.layers.geometry import channel_axis, image_shape, slide, spatial_sizes
from vgspec.layers.sizes import check_rank

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class Pooling(Layer):
    """What all pooling layers have in common; no layer itself."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.POOLING})
    supports_masking: ClassVar[bool] = False
    windowed: ClassVar[bool] = True
    """Whether windows slide, which TensorFlow does with kernels of its own."""

    def pooled(self, x: Tensor, rank: int) -> str:
        """Check the input of a pooling layer over ``rank`` axes; returns the output's dtype.

        Raises:
            ShapeError: for another rank, or an input that is not floating.
        """
        check_rank(x, rank + 2)
        dtype = self.floating(x)
        if not is_floating(x.dtype):
            raise ShapeError(f"needs a floating input, got {x}")
        if rank == 3 and dtype == "float64" and self.windowed:
            raise ShapeError("pools over three axes in float64, for which TensorFlow has no kernel", argument="dtype")
        return dtype


class Window(Pooling):
    """Arguments and rules of pooling over a sliding window; no layer itself."""

    pool_size: tuple[int, ...] = ()
    strides: tuple[int, ...] | None = None
    padding: Padding = "valid"
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The channels stay; the spatial sizes as the window slides, by its own size where ``strides`` is None."""
        x = call.x
        dtype = self.pooled(x, len(self.pool_size))
        strides = self.strides or self.pool_size
        spatial = slide(x, self.pool_size, strides, self.padding, self.data_format, argument="pool_size")
        return (Tensor(image_shape(x, spatial, x.shape[channel_axis(x, self.data_format)], self.data_format), dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One comparison or addition for every element of every window."""
        return mul(numel(outputs[0].shape[1:]), math.prod(self.pool_size))

    def signal_rule(self, call: Call) -> Rule:
        """Maximum or average of a window."""
        from vgspec.layers import signal

        axis = 1 if self.data_format == "channels_first" else -1
        kind: Literal["max", "average"] = "max" if "Max" in self.type_name else "average"
        return (signal.Pool(kind, self.pool_size, self.strides or self.pool_size, self.padding, axis),)


class MaxPooling1D(Window):
    """Largest element of a window over one axis."""

    pool_size: Size1 = (2,)
    strides: Size1 | None = None


class MaxPooling2D(Window):
    """Largest element of a window over two axes."""

    pool_size: Size2 = (2, 2)
    strides: Size2 | None = None


class MaxPooling3D(Window):
    """Largest element of a window over three axes."""

    pool_size: Size3 = (2, 2, 2)
    strides: Size3 | None = None


class AveragePooling1D(Window):
    """Mean of a window over one axis, padding not counted."""

    pool_size: Size1
    strides: Size1 | None = None


class AveragePooling2D(Window):
    """Mean of a window over two axes, padding not counted."""

    pool_size: Size2
    strides: Size2 | None = None


class AveragePooling3D(Window):
    """Mean of a window over three axes, padding not counted."""

    pool_size: Size3
    strides: Size3 | None = None


class Global(Pooling):
    """Arguments and rules of pooling over whole axes; no layer itself."""

    spatial_rank: ClassVar[int] = 0
    windowed: ClassVar[bool] = False

    data_format: DataFormat = None
    keepdims: bool = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Batch and channels, with the spatial axes as ones between them if ``keepdims``."""
        x = call.x
        dtype = self.pooled(x, self.spatial_rank)
        spatial = (1,) * self.spatial_rank if self.keepdims else ()
        return (Tensor(image_shape(x, spatial, x.shape[channel_axis(x, self.data_format)], self.data_format), dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One comparison or addition an element."""
        return numel(call.x.shape[1:])

    def signal_rule(self, call: Call) -> Rule:
        """Maximum or average of all positions."""
        from vgspec.layers import signal

        axis = 1 if self.data_format == "channels_first" else -1
        kind: Literal["max", "average"] = "max" if "Max" in self.type_name else "average"
        return (signal.GlobalPool(kind, self.keepdims, axis),)


class GlobalMaxPooling1D(Global):
    """Largest element along one axis."""

    spatial_rank: ClassVar[int] = 1


class GlobalMaxPooling2D(Global):
    """Largest element of every channel of an image."""

    spatial_rank: ClassVar[int] = 2


class GlobalMaxPooling3D(Global):
    """Largest element of every channel of a volume."""

    spatial_rank: ClassVar[int] = 3


class GlobalAveragePooling1D(Global):
    """Mean along one axis; masked steps do not count."""

    spatial_rank: ClassVar[int] = 1


class GlobalAveragePooling2D(Global):
    """Mean of every channel of an image."""

    spatial_rank: ClassVar[int] = 2


class GlobalAveragePooling3D(Global):
    """Mean of every channel of a volume."""

    spatial_rank: ClassVar[int] = 3


class Adaptive(Pooling):
    """Arguments and rules of pooling to a fixed number of outputs; no layer itself.

    Output ``i`` of ``m`` over an axis of size ``n`` covers the elements from ``floor(i n / m)`` to
    ``ceil((i + 1) n / m)``.
    """

    min_keras: ClassVar[str] = "3.13.0"

    output_size: tuple[int, ...]
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The channels stay; the spatial sizes are ``output_size``."""
        x = call.x
        dtype = self.pooled(x, len(self.output_size))
        sizes = spatial_sizes(x, self.data_format)
        if not all(isinstance(size, int) for size in sizes):
            raise ShapeError(f"needs known spatial sizes, got {x}")
        shape: Shape = image_shape(x, self.output_size, x.shape[channel_axis(x, self.data_format)], self.data_format)
        return (Tensor(shape, dtype),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One comparison or addition for every element of every window, the windows taken as equally long."""
        window = 1
        for size, count in zip(spatial_sizes(call.x, self.data_format), self.output_size, strict=True):
            if not isinstance(size, int):
                return None
            window *= -(-size // count)
        return mul(numel(outputs[0].shape[1:]), window)

    def signal_rule(self, call: Call) -> Rule:
        """Maximum or average of equal parts of the positions."""
        from vgspec.layers import signal

        axis = 1 if self.data_format == "channels_first" else -1
        kind: Literal["max", "average"] = "max" if "Max" in self.type_name else "average"
        return (signal.GlobalPool(kind, True, axis, self.output_size),)


class AdaptiveAveragePooling1D(Adaptive):
    """Mean over windows that give ``output_size`` outputs along one axis."""

    output_size: Size1


class AdaptiveAveragePooling2D(Adaptive):
    """Mean over windows that give ``output_size`` outputs along two axes."""

    output_size: Size2


class AdaptiveAveragePooling3D(Adaptive):
    """Mean over windows that give ``output_size`` outputs along three axes."""

    output_size: Size3


class AdaptiveMax(Adaptive):
    """Rules of adaptive pooling by maximum; no layer itself."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The channels stay; the spatial sizes are ``output_size``.

        Keras pools over windows of ``ceil(n / m)`` and of one element more. Where the latter is longer than the
        last spatial axis, TensorFlow (2.21, CPU) divides by zero and ends the process.
        """
        outputs = super().infer_outputs(call)
        size, count = spatial_sizes(call.x, self.data_format)[-1], self.output_size[-1]
        if isinstance(size, int) and -(-size // count) + 1 > size:
            raise ShapeError(
                f"wants {count} outputs from a last spatial axis of size {size}, where TensorFlow divides by zero; "
                "a global pooling layer with keepdims gives one output",
                argument="output_size",
            )
        return outputs


class AdaptiveMaxPooling1D(AdaptiveMax):
    """Maximum over windows that give ``output_size`` outputs along one axis."""

    output_size: Size1


class AdaptiveMaxPooling2D(AdaptiveMax):
    """Maximum over windows that give ``output_size`` outputs along two axes."""

    output_size: Size2


class AdaptiveMaxPooling3D(AdaptiveMax):
    """Maximum over windows that give ``output_size`` outputs along three axes."""

    output_size: Size3


LAYERS: tuple[type[Layer], ...] = (
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
