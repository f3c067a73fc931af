"""Operations that multiply and add: matrix products and their relatives."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import broadcast_dim, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, ShapeError, Trait
from vgspec.layers.geometry import axis_indices
from vgspec.layers.operations.base import Operand, Operation, operand, per_sample, promoted
from vgspec.layers.operations.elementwise import broadcast_operands

__all__ = ["Cross", "Dot", "Einsum", "Inner", "Matmul", "Outer", "Tensordot"]


class _Product(Operation):
    """Base of the products of two tensors."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x1"), operand("x2"))
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})

    x1: Operand = None
    x2: Operand = None

    def operands(self, call: Call) -> tuple[Tensor, Tensor]:
        """Both operands.

        Raises:
            ShapeError: if one is missing or no number.
        """
        x1, x2 = self.operand(call, "x1"), self.operand(call, "x2")
        promoted((x1, x2))
        return x1, x2

    def contracted(self, call: Call) -> Dim:
        """The number of products that are added up for each element of the output."""
        x1 = self.operand(call, "x1")
        return x1.shape[-1] if x1.rank else 1

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each product."""
        return mul(2, mul(per_sample(outputs[0].shape), self.contracted(call)))


def check_contraction(a: Dim, b: Dim, x1: Tensor, x2: Tensor) -> None:
    """Refuse axes that are summed over together and differ in size.

    Raises:
        ShapeError: naming the tensors.
    """
    if not may_equal(a, b):
        raise ShapeError(f"cannot multiply {x1} by {x2}: sizes {a} and {b} differ")


class Matmul(_Product):
    """Matrix product of the last two axes; the axes before them are broadcast."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Rows of ``x1`` by columns of ``x2``; a vector has only one of the two."""
        x1, x2 = self.operands(call)
        if not x1.rank or not x2.rank:
            raise ShapeError(f"needs matrices or vectors, got {x1} and {x2}")
        check_contraction(x1.shape[-1], x2.shape[-2] if x2.rank > 1 else x2.shape[0], x1, x2)
        batch = broadcast_operands((Tensor(x1.shape[:-2]), Tensor(x2.shape[:-2])))
        rows = x1.shape[-2:-1] if x1.rank > 1 else ()
        columns = x2.shape[-1:] if x2.rank > 1 else ()
        dtype = "int32" if x1.dtype == x2.dtype == "int8" else promoted((x1, x2))
        return (Tensor((*batch, *rows, *columns), dtype),)


class Dot(_Product):
    """Sum of products over the last axis of ``x1`` and the last but one of ``x2``."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The remaining axes of ``x1``, then those of ``x2``."""
        x1, x2 = self.operands(call)
        dtype = promoted((x1, x2))
        if not x1.rank or not x2.rank:
            return (Tensor(broadcast_operands((x1, x2)), dtype),)
        axis = -2 if x2.rank > 1 else -1
        check_contraction(x1.shape[-1], x2.shape[axis], x1, x2)
        rest = (*x2.shape[:-2], x2.shape[-1]) if x2.rank > 1 else ()
        return (Tensor((*x1.shape[:-1], *rest), dtype),)


class Inner(_Product):
    """Sum of products over the last axis of both."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The remaining axes of ``x1``, then those of ``x2``."""
        x1, x2 = self.operands(call)
        dtype = promoted((x1, x2))
        if not x1.rank or not x2.rank:
            return (Tensor(broadcast_operands((x1, x2)), dtype),)
        check_contraction(x1.shape[-1], x2.shape[-1], x1, x2)
        return (Tensor((*x1.shape[:-1], *x2.shape[:-1]), dtype),)


class Outer(_Product):
    """All products of the elements of two flattened tensors."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The numbers of elements of both."""
        x1, x2 = self.operands(call)
        return (Tensor((numel(x1.shape), numel(x2.shape)), promoted((x1, x2))),)

    def contracted(self, call: Call) -> Dim:
        """Nothing is added up."""
        return 1


class Tensordot(_Product):
    """Sum of products over several axes: the last of ``x1`` and the first of ``x2``, or the named ones."""

    axes: int | tuple[tuple[int, ...], tuple[int, ...]] = 2

    def _axes(self, x1: Tensor, x2: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
        if not isinstance(self.axes, int):
            return axis_indices(self.axes[0], x1, "axes"), axis_indices(self.axes[1], x2, "axes")
        count = max(self.axes, 0)
        if count > min(x1.rank, x2.rank):
            raise ShapeError(f"sums over {count} axes, got {x1} and {x2}", argument="axes")
        return tuple(range(x1.rank - count, x1.rank)), tuple(range(count))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The remaining axes of ``x1``, then those of ``x2``."""
        x1, x2 = self.operands(call)
        first, second = self._axes(x1, x2)
        if len(first) != len(second):
            raise ShapeError(f"names {len(first)} axes of one input and {len(second)} of the other", argument="axes")
        for a, b in zip(first, second, strict=True):
            check_contraction(x1.shape[a], x2.shape[b], x1, x2)
        rest1 = tuple(size for axis, size in enumerate(x1.shape) if axis not in first)
        rest2 = tuple(size for axis, size in enumerate(x2.shape) if axis not in second)
        return (Tensor((*rest1, *rest2), promoted((x1, x2))),)

    def contracted(self, call: Call) -> Dim:
        """The product of the sizes of the named axes."""
        x1, x2 = self.operands(call)
        return numel(x1.shape[axis] for axis in self._axes(x1, x2)[0])


class Cross(_Product):
    """Cross product of vectors of three components along an axis."""

    axisa: int = -1
    axisb: int = -1
    axisc: int = -1
    axis: int | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The broadcast shape, with three components along ``axisc``."""
        x1, x2 = self.operands(call)
        a, b, c = (self.axisa, self.axisb, self.axisc) if self.axis is None else (self.axis,) * 3
        (first,), (second,) = axis_indices(a, x1, "axisa"), axis_indices(b, x2, "axisb")
        if x1.shape[first] != 3 or x2.shape[second] != 3:
            raise ShapeError(f"needs vectors of three components, got {x1} and {x2}")
        rest = broadcast_operands(
            (
                Tensor((*x1.shape[:first], *x1.shape[first + 1 :])),
                Tensor((*x2.shape[:second], *x2.shape[second + 1 :])),
            )
        )
        (place,) = axis_indices(c, Tensor((*rest, 3)), "axisc")
        return (Tensor((*rest[:place], 3, *rest[place:]), promoted((x1, x2))),)

    def contracted(self, call: Call) -> Dim:
        """Two products for each component."""
        return 2


class Einsum(Operation):
    """Sums of products over the indices that the output does not name."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("operands", many=True),)
    positional: ClassVar[tuple[str, ...]] = ("subscripts", "operands")
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})

    subscripts: str

    @field_validator("subscripts")
    @classmethod
    def _well_formed(cls, value: str) -> str:
        value = value.replace(" ", "")
        inputs, arrow, output = value.partition("->")
        terms = [*inputs.split(","), *([output] if arrow else [])]
        if any(not term.replace("...", "", 1).isalpha() and term.replace("...", "", 1) for term in terms):
            raise ValueError(f"{value!r} is no equation such as 'bij,bjk->bik'")
        letters = output.replace("...", "")
        if len(set(letters)) < len(letters) or not set(letters) <= set(inputs):
            raise ValueError(f"the output of {value!r} may name each index of the inputs once")
        return value

    @property
    def terms(self) -> tuple[str, ...]:
        """The indices of each operand."""
        return tuple(self.subscripts.partition("->")[0].split(","))

    @property
    def output(self) -> str:
        """The indices of the output; in alphabetical order those that occur once, where the equation has none."""
        inputs, arrow, output = self.subscripts.partition("->")
        if arrow:
            return output
        letters = inputs.replace("...", "").replace(",", "")
        once = "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
        return "..." + once if "..." in inputs else once

    def _sizes(self, call: Call) -> tuple[dict[str, Dim], Shape]:
        """The size of each index, and the broadcast shape behind the dots."""
        xs = call.xs
        if len(xs) != len(self.terms):
            raise ShapeError(f"needs {len(self.terms)} inputs for {self.subscripts!r}, got {len(xs)}")
        sizes: dict[str, Dim] = {}
        dots: list[Tensor] = []
        for term, x in zip(self.terms, xs, strict=True):
            before, ellipsis, after = term.partition("...")
            named = len(before) + len(after)
            if x.rank < named or (x.rank > named and not ellipsis):
                raise ShapeError(f"needs {named} axes for {term!r}, got {x}", argument="subscripts")
            dots.append(Tensor(x.shape[len(before) : x.rank - len(after)]))
            letters = [*zip(before, x.shape, strict=False), *zip(after, x.shape[x.rank - len(after) :], strict=True)]
            for letter, size in letters:
                try:
                    sizes[letter] = broadcast_dim(sizes[letter], size) if letter in sizes else size
                except ValueError:
                    found = f"{sizes[letter]} and {size}"
                    message = f"has two sizes of the index {letter!r}, {found}"
                    raise ShapeError(message, argument="subscripts") from None
        return sizes, broadcast_operands(tuple(dots))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The sizes of the output's indices."""
        sizes, dots = self._sizes(call)
        if "..." not in self.output and dots:
            raise ShapeError("drops the axes that '...' stands for", argument="subscripts")
        before, _, after = self.output.partition("...")
        shape = (*(sizes[i] for i in before), *(dots if "..." in self.output else ()), *(sizes[i] for i in after))
        dtypes = {x.dtype for x in call.xs}
        return (Tensor(shape, "int32" if dtypes == {"int8"} else promoted(call.xs)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """As for one sum over all indices at once: one per operand and product. An upper bound for three or more."""
        sizes, dots = self._sizes(call)
        return mul(len(self.terms), per_sample((*dots, *sizes.values())))
