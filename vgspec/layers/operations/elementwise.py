"""Families of operations that work element by element: of one tensor, or of several that are broadcast."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from vgspec.ir import Shape, Tensor
from vgspec.ir.dims import broadcast, numel
from vgspec.layers.base import Call, CallArgument, ShapeError, Trait
from vgspec.layers.dtypes import DType, is_floating, is_integer
from vgspec.layers.geometry import axis_indices
from vgspec.layers.operations.base import Axes, Number, Operand, Operation, operand, promoted, to_floating

__all__ = [
    "Activating",
    "Argsort",
    "Binary",
    "Cast",
    "Clip",
    "Closeness",
    "Convert",
    "Cumulative",
    "FullLike",
    "Like",
    "NanToNum",
    "Normalize",
    "OfTensors",
    "OnAxes",
    "OnAxis",
    "Round",
    "Sort",
    "StopGradient",
    "Ternary",
    "Threshold",
    "Triangle",
    "Unary",
    "WithAlpha",
    "WithApproximate",
    "WithB",
    "WithSlope",
    "WithThreshold",
    "broadcast_operands",
]

Result = Literal["same", "float", "bool", "number", "float32", "double", "promoted"]
"""How the output's dtype follows from the inputs':

``same``      the first one's
``float``     the floating type of the inputs; float32 for integers
``bool``      bool
``number``    the promoted type, int32 for bool
``float32``   float32 whatever goes in, as Keras infers
``double``    like ``float``, but float64 for int64
``promoted``  the promoted type
"""


def result_dtype(rule: Result, xs: tuple[Tensor, ...]) -> str:
    """The output's dtype by the operation's rule.

    Raises:
        ShapeError: if the inputs have no common dtype.
    """
    if rule == "bool":
        return "bool"
    if rule == "float32":
        return "float32"
    if rule == "same":
        return xs[0].dtype
    common = promoted(xs)
    if rule == "promoted":
        return common
    if rule == "number":
        return "int32" if common == "bool" else common
    if rule == "double" and common == "int64":
        return "float64"
    return to_floating(Tensor((), common)) if len(xs) == 1 else promoted(xs, "float")


def broadcast_operands(xs: tuple[Tensor, ...]) -> Shape:
    """The shape of a computation on tensors that are broadcast.

    Raises:
        ShapeError: if they cannot be.
    """
    shape: Shape = ()
    for x in xs:
        try:
            shape = broadcast(shape, x.shape)
        except ValueError as error:
            found = " and ".join(str(x) for x in xs)
            raise ShapeError(f"cannot broadcast its inputs {found}", notes=(str(error),)) from None
    return shape


class Elementwise(Operation):
    """Base of the pointwise operations.

    ``result`` says what comes out; ``takes`` what may go in: Keras infers a type for more than its backends
    can compute.
    """

    result: ClassVar[Result] = "same"
    takes: ClassVar[Literal["any", "numbers", "floats"]] = "numbers"

    def check_dtype(self, x: Tensor) -> None:
        """Refuse a dtype that the function is not defined for.

        Raises:
            ShapeError: naming the input.
        """
        if self.takes != "any" and x.dtype == "string":
            raise ShapeError(f"needs numbers, got {x}")
        if self.takes == "floats" and not is_floating(x.dtype):
            raise ShapeError(f"needs a floating-point input, got {x}")


class Unary(Elementwise):
    """A function of every element of ``x``."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``."""
        x = call.x
        self.check_dtype(x)
        return (Tensor(x.shape, result_dtype(self.result, (x,))),)


class OfTensors(Elementwise):
    """A function of the elements of ``x1`` and ``x2``, broadcast; neither may be a literal."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x1"), operand("x2"))
    result: ClassVar[Result] = "promoted"

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The broadcast shape."""
        xs = (self.operand(call, "x1"), self.operand(call, "x2"))
        for x in xs:
            self.check_dtype(x)
        return (Tensor(broadcast_operands(xs), result_dtype(self.result, xs)),)


class Binary(OfTensors):
    """A function of the elements of ``x1`` and ``x2``, broadcast."""

    x1: Operand = None
    x2: Operand = None


class Closeness(Binary):
    """Whether the elements of two tensors are equal within a tolerance."""

    result: ClassVar[Result] = "bool"
    keras_parameters: ClassVar[tuple[str, ...]] = ("x1", "x2", "rtol", "atol", "equal_nan")

    rtol: float = 1e-05
    atol: float = 1e-08
    equal_nan: bool = False


class Ternary(Elementwise):
    """``x1`` where ``condition`` holds, else ``x2``; all three broadcast."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("condition"), operand("x1"), operand("x2"))

    condition: Operand = None
    x1: Operand = None
    x2: Operand = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The broadcast shape, in the promoted dtype of ``x1`` and ``x2``."""
        condition, x1, x2 = (self.operand(call, name) for name in ("condition", "x1", "x2"))
        if condition.dtype == "string":
            raise ShapeError(f"needs truth values, got {condition}")
        return (Tensor(broadcast_operands((condition, x1, x2)), promoted((x1, x2))),)


class StopGradient(Elementwise):
    """Passes its input on and lets no gradient through."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("variable"),)
    takes: ClassVar[Literal["any", "numbers", "floats"]] = "any"
    flops: ClassVar[int] = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of the input."""
        return (call.x,)


class Cast(Unary):
    """Converts to another dtype."""

    common_fields: ClassVar[tuple[str, ...]] = ("trainable",)
    takes_dtype: ClassVar[bool] = True
    flops: ClassVar[int] = 0

    dtype: DType

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x`` in the new dtype."""
        x = call.x
        if (x.dtype == "string") != (self.dtype == "string"):
            raise ShapeError(f"cannot cast {x} to {self.dtype}", argument="dtype")
        return (Tensor(x.shape, self.dtype),)


class Like(Unary):
    """A constant, or the input itself, with the input's shape; in its dtype unless another is given."""

    common_fields: ClassVar[tuple[str, ...]] = ("trainable",)
    takes_dtype: ClassVar[bool] = True
    keras_parameters: ClassVar[tuple[str, ...]] = ("x", "dtype")
    flops: ClassVar[int] = 0

    dtype: DType | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``."""
        x = self.operand(call, "x")
        self.check_dtype(x)
        return (Tensor(x.shape, self.dtype or x.dtype),)


class Convert(Like):
    """Makes a tensor of its input."""

    takes: ClassVar[Literal["any", "numbers", "floats"]] = "any"
    keras_parameters: ClassVar[tuple[str, ...]] = ("x", "dtype", "sparse")

    sparse: bool | None = None
    ragged: bool | None = None


class FullLike(Like):
    """The input's shape filled with a value."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"), operand("fill_value"))
    keras_parameters: ClassVar[tuple[str, ...]] = ("x", "fill_value", "dtype")

    fill_value: Number | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``."""
        value = self.operand(call, "fill_value")
        broadcast_operands((self.operand(call, "x"), value))
        return super().infer_outputs(call)


class Round(Unary):
    """Rounds to a number of decimals."""

    decimals: int = 0


class Clip(Unary):
    """Limits the values to an interval."""

    result: ClassVar[Result] = "number"

    x_min: Number
    x_max: Number


class NanToNum(Unary):
    """Replaces what is no finite number."""

    nan: Number = 0.0
    posinf: Number | None = None
    neginf: Number | None = None


class Triangle(Unary):
    """Keeps a triangle of the last two axes."""

    flops: ClassVar[int] = 0

    k: int = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        if call.x.rank < 2:
            raise ShapeError(f"needs an input of rank 2 or more, got {call.x}")
        return super().infer_outputs(call)


class Activating(Unary):
    """Base of the activation functions."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ACTIVATION})
    takes: ClassVar[Literal["any", "numbers", "floats"]] = "floats"


class WithAlpha(Activating):
    """An activation with ``alpha``."""

    alpha: float = 1.0


class WithSlope(Activating):
    """An activation with a slope for negative values."""

    negative_slope: float = 0.2


class WithApproximate(Activating):
    """An activation with a faster approximation."""

    approximate: bool = True


class WithThreshold(Activating):
    """An activation that shrinks values near zero."""

    threshold: float = 0.5


class WithB(Activating):
    """An activation with a smoothness ``b``."""

    b: Number = 4


class Threshold(Activating):
    """Replaces values not above ``threshold``."""

    threshold: Number
    default_value: Number


class OnAxis(Activating):
    """An activation along one axis."""

    axis: int = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        axis_indices(self.axis, call.x)
        return super().infer_outputs(call)


class OnAxes(Activating):
    """An activation along one or several axes, or all of them."""

    axis: Axes = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of ``x``."""
        if self.axis is not None:
            axis_indices(self.axis, call.x)
        return super().infer_outputs(call)


class Normalize(Unary):
    """Divides by the norm along an axis. Keras infers float32 whatever goes in."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})
    result: ClassVar[Result] = "float32"
    flops: ClassVar[int] = 3

    axis: Axes = -1
    order: int | float = 2
    epsilon: float | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``."""
        if self.axis is not None:
            axis_indices(self.axis, call.x)
        return super().infer_outputs(call)


class Sort(Unary):
    """Sorts along an axis, or the flattened input."""

    axis: int | None = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``, flattened where ``axis`` is null."""
        self.check_dtype(call.x)
        return (Tensor(flattened_or(call.x, self.axis), result_dtype(self.result, (call.x,))),)


class Argsort(Sort):
    """The order in which the elements would be sorted."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Indices in int32."""
        self.check_dtype(call.x)
        return (Tensor(flattened_or(call.x, self.axis), "int32"),)


class Cumulative(Unary):
    """Sums or products of all elements so far along an axis, or of the flattened input."""

    common_fields: ClassVar[tuple[str, ...]] = ("trainable",)
    takes_dtype: ClassVar[bool] = True

    axis: int | None = None
    dtype: DType | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x``, flattened where ``axis`` is null; bool becomes int32."""
        dtype = self.dtype or call.x.dtype
        if not is_floating(dtype) and not is_integer(dtype) and dtype != "bool":
            raise ShapeError(f"needs numbers, got {call.x}")
        return (Tensor(flattened_or(call.x, self.axis), "int32" if dtype == "bool" else dtype),)


def flattened_or(x: Tensor, axis: Any) -> Shape:
    """The shape of ``x``; of the flattened ``x`` where there is no axis.

    Raises:
        ShapeError: if ``x`` has no such axis.
    """
    if axis is None:
        return (numel(x.shape),)
    axis_indices(axis, x)
    return x.shape
