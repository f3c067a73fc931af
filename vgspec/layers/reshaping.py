"""Layers that move elements and compute nothing, but for the interpolation of UpSampling2D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, core_schema

from vgspec.ir import Dim, Shape, Sym, Tensor, format_shape
from vgspec.ir.dims import add, floor_div, may_equal, mul, numel, sub
from vgspec.layers.base import Call, Layer, ShapeError, Trait
from vgspec.layers.fields import DataFormat, PerAxis, PositiveInt, Size2, Size3
from vgspec.layers.sizes import check_rank, declared_dtype, product

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "PairPerAxis",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


@dataclass(frozen=True, slots=True)
class PairPerAxis:
    """Annotation of two numbers, before and after, for each of ``rank`` axes.

    One number stands for all; in a list, one number for an axis stands for both its sides.
    """

    rank: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Spread numbers over axes and sides, then check each."""

        def pair(value: Any) -> Any:
            if isinstance(value, int) and not isinstance(value, bool):
                return (value, value)
            return tuple(value) if isinstance(value, list) else value

        def spread(value: Any) -> Any:
            if isinstance(value, int) and not isinstance(value, bool):
                return ((value, value),) * self.rank
            return tuple(pair(item) for item in value) if isinstance(value, list | tuple) else value

        number = core_schema.int_schema(ge=0, strict=True)
        sides = core_schema.tuple_schema([number, number], strict=True)
        axes = core_schema.tuple_schema([sides] * self.rank, strict=True)
        return core_schema.no_info_before_validator_function(spread, axes)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """One number, or for each axis one or two."""
        number = {"type": "integer", "minimum": 0}
        sides = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        axis = {"anyOf": [number, sides]}
        return {"anyOf": [number, {"type": "array", "items": axis, "minItems": self.rank, "maxItems": self.rank}]}


Pair = tuple[int, int]
Sides = Annotated[Pair, PerAxis(2, 0)]
Sides2 = Annotated[tuple[Pair, Pair], PairPerAxis(2)]
Sides3 = Annotated[tuple[Pair, Pair, Pair], PairPerAxis(3)]


class _Move(Layer):
    """Base of the layers that move elements."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    supports_masking: ClassVar[bool] = False

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """None."""
        return 0


class Flatten(_Move):
    """All axes but the batch's in one."""

    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, product of the other sizes)``; the dtype stays."""
        x = call.x
        if x.rank < 1:
            raise ShapeError(f"needs an input with a batch axis, got {x}")
        return (Tensor((x.shape[0], numel(x.shape[1:])), self.autocast(x).dtype),)

    def signal_rule(self, call: Call) -> Rule:
        """One axis."""
        from vgspec.layers import signal

        return (signal.Reshape(),)


class Reshape(_Move):
    """The elements of each sample in a new shape; ``-1`` once for a size that follows from the others."""

    target_shape: tuple[Annotated[int, Ge(-1)], ...]

    @field_validator("target_shape")
    @classmethod
    def _one_free(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if value.count(-1) > 1:
            raise ValueError("may hold -1 once at most")
        return value

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, *target_shape)``; the dtype stays."""
        x = call.x
        if x.rank < 1:
            raise ShapeError(f"needs an input with a batch axis, got {x}")
        total = numel(x.shape[1:])
        fixed = product(size for size in self.target_shape if size != -1)
        if -1 in self.target_shape:
            free: Dim = _quotient(total, fixed)
            fits = free != 0 or total == 0
        else:
            free, fits = None, may_equal(total, fixed)
        if not fits:
            raise ShapeError(
                f"cannot reshape {format_shape(x.shape[1:])} into {format_shape(self.target_shape)}",
                argument="target_shape",
            )
        shape: Shape = tuple(free if size == -1 else size for size in self.target_shape)
        return (Tensor((x.shape[0], *shape), self.autocast(x).dtype),)

    def signal_rule(self, call: Call) -> Rule:
        """Another shape."""
        from vgspec.layers import signal

        return (signal.Reshape(),)


def _quotient(total: Dim, divisor: int) -> Dim:
    """``total / divisor``, which must be whole: zero if it provably is not, unknown for a division by zero."""
    if divisor == 0:
        return 0 if isinstance(total, int) else None
    if isinstance(total, int):
        return total // divisor if total % divisor == 0 else 0
    if isinstance(total, Sym) and all(c % divisor == 0 for _, c in total.terms) and total.const % divisor:
        return 0
    return floor_div(total, divisor)


class Permute(_Move):
    """The axes in another order: output axis ``i`` is input axis ``dims[i - 1]``, counted from one."""

    dims: tuple[PositiveInt, ...]

    @field_validator("dims")
    @classmethod
    def _permutation(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if sorted(value) != list(range(1, len(value) + 1)):
            raise ValueError(f"must hold each of the numbers from 1 to {len(value)} once")
        return value

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The sizes in the new order; the dtype stays."""
        x = call.x
        check_rank(x, len(self.dims) + 1)
        return (Tensor((x.shape[0], *(x.shape[axis] for axis in self.dims)), self.autocast(x).dtype),)

    def signal_rule(self, call: Call) -> Rule:
        """Axes in another order."""
        from vgspec.layers import signal

        return (signal.Permute(self.dims),)


class RepeatVector(_Move):
    """The input ``n`` times, as a sequence."""

    n: PositiveInt

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, n, features)``."""
        x = call.x
        check_rank(x, 2)
        return (Tensor((x.shape[0], self.n, x.shape[1]), declared_dtype(self, (x,))),)

    def signal_rule(self, call: Call) -> Rule:
        """Copies along a new axis."""
        from vgspec.layers import signal

        return (signal.Tile(self.n),)


def _spatial(x: Tensor, rank: int, data_format: str | None) -> slice:
    """The spatial axes of an input with ``rank`` of them."""
    check_rank(x, rank + 2)
    return slice(2, 2 + rank) if data_format == "channels_first" else slice(1, 1 + rank)


def _with_spatial(x: Tensor, axes: slice, sizes: Sequence[Dim], dtype: str) -> tuple[Tensor, ...]:
    return (Tensor((*x.shape[: axes.start], *sizes, *x.shape[axes.stop :]), dtype),)


def _crop(layer: Layer, x: Tensor, axes: slice, cropping: Sequence[Pair]) -> tuple[Tensor, ...]:
    """Subtract the two sides from each size; something must be left.

    Raises:
        ShapeError: if an axis is provably used up.
    """
    sizes = [sub(size, sum(sides)) for size, sides in zip(x.shape[axes], cropping, strict=True)]
    for offset, (size, sides) in enumerate(zip(sizes, cropping, strict=True)):
        if isinstance(size, int) and size <= 0:
            raise ShapeError(
                f"crops {sides[0]} + {sides[1]} off axis {axes.start + offset} of {x}, which leaves nothing",
                argument="cropping",
            )
    return _with_spatial(x, axes, sizes, declared_dtype(layer, (x,)))


def _pad(layer: Layer, x: Tensor, axes: slice, padding: Sequence[Pair]) -> tuple[Tensor, ...]:
    """Add the two sides to each size."""
    sizes = [add(size, sum(sides)) for size, sides in zip(x.shape[axes], padding, strict=True)]
    return _with_spatial(x, axes, sizes, declared_dtype(layer, (x,)))


def _scale(layer: Layer, x: Tensor, axes: slice, factors: Sequence[int]) -> tuple[Tensor, ...]:
    """Multiply each size by its factor."""
    sizes = [mul(size, factor) for size, factor in zip(x.shape[axes], factors, strict=True)]
    return _with_spatial(x, axes, sizes, declared_dtype(layer, (x,)))


class Cropping1D(_Move):
    """Cuts steps off both ends of a sequence."""

    cropping: Sides = (1, 1)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, steps - cropping, features)``."""
        return _crop(self, call.x, _spatial(call.x, 1, None), (self.cropping,))

    def signal_rule(self, call: Call) -> Rule:
        """Positions cut off."""
        from vgspec.layers import signal

        return (signal.Crop(),)


class Cropping2D(_Move):
    """Cuts rows and columns off an image: ``((top, bottom), (left, right))``."""

    cropping: Sides2 = ((0, 0), (0, 0))
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Height and width less what is cut off."""
        return _crop(self, call.x, _spatial(call.x, 2, self.data_format), self.cropping)

    def signal_rule(self, call: Call) -> Rule:
        """Positions cut off."""
        from vgspec.layers import signal

        return (signal.Crop(),)


class Cropping3D(_Move):
    """Cuts planes off a volume, two numbers for each of the three axes."""

    cropping: Sides3 = ((1, 1), (1, 1), (1, 1))
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The three sizes less what is cut off."""
        return _crop(self, call.x, _spatial(call.x, 3, self.data_format), self.cropping)

    def signal_rule(self, call: Call) -> Rule:
        """Positions cut off."""
        from vgspec.layers import signal

        return (signal.Crop(),)


class ZeroPadding1D(_Move):
    """Zeros at both ends of a sequence."""

    padding: Sides = (1, 1)
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, steps + padding, features)``."""
        return _pad(self, call.x, _spatial(call.x, 1, self.data_format), (self.padding,))

    def signal_rule(self, call: Call) -> Rule:
        """Zeros around."""
        from vgspec.layers import signal

        return (signal.Pad((self.padding,), 1 if self.data_format == "channels_first" else -1),)


class ZeroPadding2D(_Move):
    """Zeros around an image: ``((top, bottom), (left, right))``."""

    padding: Sides2 = ((1, 1), (1, 1))
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Height and width with the zeros."""
        return _pad(self, call.x, _spatial(call.x, 2, self.data_format), self.padding)

    def signal_rule(self, call: Call) -> Rule:
        """Zeros around."""
        from vgspec.layers import signal

        return (signal.Pad(self.padding, 1 if self.data_format == "channels_first" else -1),)


class ZeroPadding3D(_Move):
    """Zeros around a volume, two numbers for each of the three axes."""

    padding: Sides3 = ((1, 1), (1, 1), (1, 1))
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The three sizes with the zeros."""
        return _pad(self, call.x, _spatial(call.x, 3, self.data_format), self.padding)

    def signal_rule(self, call: Call) -> Rule:
        """Zeros around."""
        from vgspec.layers import signal

        return (signal.Pad(self.padding, 1 if self.data_format == "channels_first" else -1),)


class UpSampling1D(_Move):
    """Every step of a sequence ``size`` times."""

    size: PositiveInt = 2

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, size * steps, features)``."""
        return _scale(self, call.x, _spatial(call.x, 1, None), (self.size,))

    def signal_rule(self, call: Call) -> Rule:
        """Copies of each step."""
        from vgspec.layers import signal

        return (signal.Upsample((self.size,)),)


class UpSampling2D(_Move):
    """An image enlarged by whole factors, by repetition or interpolation."""

    size: Size2 = (2, 2)
    data_format: DataFormat = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"] = "nearest"

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Height and width times the factors."""
        return _scale(self, call.x, _spatial(call.x, 2, self.data_format), self.size)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for every element of the output and of the interpolation's window; unknown for ``area``."""
        if self.interpolation == "area":
            return None
        window = {"nearest": 0, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}[self.interpolation]
        return mul(2 * window**2, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Copies of each position, or values between them."""
        from vgspec.layers import signal

        return (signal.Upsample(self.size, self.interpolation, 1 if self.data_format == "channels_first" else -1),)


class UpSampling3D(_Move):
    """A volume enlarged by whole factors, by repetition."""

    size: Size3 = (2, 2, 2)
    data_format: DataFormat = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The three sizes times the factors."""
        return _scale(self, call.x, _spatial(call.x, 3, self.data_format), self.size)

    def signal_rule(self, call: Call) -> Rule:
        """Copies of each position."""
        from vgspec.layers import signal

        return (signal.Upsample(self.size, axis=1 if self.data_format == "channels_first" else -1),)


LAYERS: tuple[type[Layer], ...] = (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)
