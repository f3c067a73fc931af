"""Checks and conversions of shapes that descriptors of several families share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vgspec.catalogue.initializers import Orthogonal
from vgspec.ir import Argument, Dim, Tensor
from vgspec.ir.dims import may_equal
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.dtypes import is_floating, is_integer

__all__ = [
    "as_tuple",
    "check_mask",
    "check_orthogonal",
    "check_rank",
    "declared_dtype",
    "input_list",
    "known_size",
    "normalize_axis",
    "product",
    "same_in_keras",
    "unique_names",
]


def check_rank(x: Tensor, rank: int) -> None:
    """Refuse an input that has not exactly ``rank`` axes, batch included.

    Raises:
        ShapeError: naming the rank and the input.
    """
    if x.rank != rank:
        raise ShapeError(f"needs an input of rank {rank}, got {x}")


def known_size(x: Tensor, axis: int, what: str = "") -> int:
    """The size of an axis that must be a number because the shape of a weight depends on it.

    Args:
        x: the tensor.
        axis: the axis, negative ones counted from the end.
        what: how to call the tensor in the message, such as ``query``; empty for the input.

    Raises:
        ShapeError: if the size is symbolic or unknown.
    """
    size = x.shape[axis]
    if not isinstance(size, int):
        place = "last axis" if axis % x.rank == x.rank - 1 else f"axis {axis % x.rank}"
        raise ShapeError(f"needs a known size of the {place} of {what or 'its input'}, got {x}")
    return size


def normalize_axis(axis: int, x: Tensor, argument: str, *, batch: bool = True) -> int:
    """A possibly negative axis as a number in ``[0, rank)``.

    Args:
        axis: as the user gave it.
        x: the tensor that it belongs to.
        argument: the layer argument to blame.
        batch: whether axis 0 may be meant.

    Raises:
        ShapeError: if the tensor has no such axis.
    """
    found = axis + x.rank if axis < 0 else axis
    if not (0 if batch else 1) <= found < x.rank:
        raise ShapeError(f"has no {'' if batch else 'non-batch '}axis {axis} in {x}", argument=argument)
    return found


def input_list(call: Call) -> tuple[Tensor, ...]:
    """The tensors of a first argument that must be a list.

    Raises:
        ShapeError: if it is a single tensor.
    """
    if isinstance(value := next(iter(call.args.values()), None), Tensor):
        raise ShapeError(f"needs a list of inputs, got the single tensor {value}")
    return call.xs


def declared_dtype(layer: Layer, xs: Iterable[Tensor], *, numeric: bool = False) -> str:
    """The dtype that Keras declares for a layer without a rule of its own: its compute dtype, whatever comes in.

    Args:
        layer: the layer.
        xs: its inputs.
        numeric: refuse truth values too, for a layer that does arithmetic.

    Raises:
        ShapeError: for an input that is not numeric.
    """
    for x in xs:
        dtype = layer.autocast(x).dtype
        if not (is_floating(dtype) or is_integer(dtype) or (dtype == "bool" and not numeric)):
            raise ShapeError(f"needs numeric inputs, got {x}")
    return layer.compute_dtype


def same_in_keras(a: Dim, b: Dim) -> bool:
    """Whether two sizes pass a comparison by Keras, to which every size that is no number is one ``None``."""
    if isinstance(a, int) != isinstance(b, int):
        return False
    return may_equal(a, b)


def check_mask(mask: Argument, expected: Sequence[Dim], name: str) -> None:
    """Refuse a mask that has not the rank or, provably, not the sizes that it needs.

    Args:
        mask: the call argument; anything but a tensor passes.
        expected: the sizes.
        name: the call argument's name.

    Raises:
        ShapeError: naming both.
    """
    if not isinstance(mask, Tensor):
        return
    wanted = Tensor(tuple(expected), "bool")
    if mask.rank != len(expected) or not all(may_equal(a, b) for a, b in zip(mask.shape, expected, strict=True)):
        raise ShapeError(f"needs a {name} like {wanted}, got {mask}")


def as_tuple(value: int | Sequence[int] | None) -> tuple[int, ...]:
    """One number, several or none, as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else tuple(value)


def product(sizes: Iterable[int]) -> int:
    """The product of known sizes."""
    total = 1
    for size in sizes:
        total *= size
    return total


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names made unique as Keras does: ``a``, ``a_1``, ``a_2``."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        count = seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}_{count}" if count else name)
    return tuple(found)


def check_orthogonal(layer: Layer) -> None:
    """Refuse orthogonal weights in bfloat16, for which TensorFlow has no QR decomposition.

    Raises:
        ShapeError: if the layer would draw such weights.
    """
    if layer.dtype != "bfloat16":
        return
    for name in type(layer).model_fields:
        if name.endswith("_initializer") and isinstance(getattr(layer, name), Orthogonal):
            raise ShapeError(f"cannot draw {name} in bfloat16; use mixed_bfloat16", argument="dtype")
