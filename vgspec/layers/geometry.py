"""Shape arithmetic that layers share: axes, windows that slide over spatial axes, and their inverse."""

from __future__ import annotations

from collections.abc import Sequence

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, floor_div, mul
from vgspec.layers.base import ShapeError
from vgspec.layers.sizes import as_tuple, normalize_axis

__all__ = [
    "axis_indices",
    "channel_axis",
    "channels",
    "image_shape",
    "slide",
    "spatial_sizes",
    "unslide",
]


def axis_indices(axes: int | Sequence[int], x: Tensor, argument: str = "axis") -> tuple[int, ...]:
    """Axes counted from the front, in the given order.

    Raises:
        ShapeError: if the input lacks one, or one is named twice.
    """
    found = tuple(normalize_axis(axis, x, argument) for axis in as_tuple(axes))
    if len(set(found)) < len(found):
        raise ShapeError(f"names an axis twice: {list(as_tuple(axes))}", argument=argument)
    return found


def channel_axis(x: Tensor, data_format: str | None) -> int:
    """The axis of the channels; ``channels_last`` is Keras's default."""
    return 1 if data_format == "channels_first" else x.rank - 1


def channels(x: Tensor, data_format: str | None) -> int:
    """The number of channels, which must be known: weights depend on it.

    Raises:
        ShapeError: if it is not.
    """
    size = x.shape[channel_axis(x, data_format)]
    if not isinstance(size, int):
        raise ShapeError(f"needs a known number of channels, got {x}")
    return size


def spatial_sizes(x: Tensor, data_format: str | None) -> Shape:
    """The sizes between batch and channels."""
    return x.shape[2:] if data_format == "channels_first" else x.shape[1:-1]


def image_shape(x: Tensor, spatial: Sequence[Dim], filters: Dim, data_format: str | None) -> Shape:
    """Batch, spatial sizes and channels, put together in the order of the data format."""
    if data_format == "channels_first":
        return (x.shape[0], filters, *spatial)
    return (x.shape[0], *spatial, filters)


def slide(
    x: Tensor,
    window: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str | None,
    dilation: Sequence[int] | None = None,
    *,
    argument: str,
) -> Shape:
    """The number of positions of a sliding window along each spatial axis.

    A window of ``k`` taps with dilation ``d`` spans ``d * (k - 1) + 1``; without padding it fits
    ``(size - span) // stride + 1`` times, with ``same`` or ``causal`` padding ``(size - 1) // stride + 1`` times.

    Raises:
        ShapeError: if it does not fit once.
    """
    sizes = spatial_sizes(x, data_format)
    result: list[Dim] = []
    for size, taps, stride, gap in zip(sizes, window, strides, dilation or (1,) * len(window), strict=True):
        span = gap * (taps - 1) + 1 if padding == "valid" else 1
        positions = add(floor_div(add(size, -span), stride), 1)
        if isinstance(positions, int) and positions <= 0:
            dilated = f" dilated by {gap}" if gap > 1 else ""
            raise ShapeError(
                f"slides a window of {taps}{dilated} over an axis of size {size}, which leaves no output, got {x}",
                argument=argument,
            )
        result.append(positions)
    return tuple(result)


def unslide(
    size: Dim, taps: int, stride: int, padding: str, output_padding: int | None, dilation: int
) -> tuple[Dim, bool]:
    """The output size of a transposed convolution along one axis, and whether TensorFlow can compute it.

    The output must be a size from which a forward convolution gives back ``size``. Keras's formula for
    ``same`` padding with an explicit ``output_padding``, ``(size - 1) * stride + span % 2 + output_padding``,
    misses it for an even span without output padding.
    """
    span = dilation * (taps - 1) + 1
    if padding == "valid":
        extra = max(span, stride) - span if output_padding is None else output_padding
        return add(mul(add(size, -1), stride), span + extra), True
    if output_padding is None:
        return mul(size, stride), True
    rest = span % 2 + output_padding
    return add(mul(add(size, -1), stride), rest), 0 < rest <= stride
