"""The descriptor of an operation: a function of ``keras.ops`` as a node of the graph.

In a spec an operation is written like a layer, with the function's name after ``ops.``::

    - {id: sum, in: [a, b], ops.add: {}}                        # keras.ops.add(a, b)
    - {id: half, in: sum, ops.multiply: {x2: 0.5}}              # keras.ops.multiply(sum, 0.5)
    - {id: rest, in: half, ops.subtract: {x1: 1.0}}             # keras.ops.subtract(1.0, half)
    - {id: flat, in: rest, ops.reshape: {newshape: [-1, 24]}}

All parameters have the function's own names. Those that take tensors, the *operands*, are
`Layer.call_arguments`; ``in`` gives them, by name or in order. A numeric operand that is no tensor is a
literal: it is a field of the descriptor, and ``in`` fills the operands that are left
(`Operation.open_arguments`). So in the graph `Node.args` holds tensors only, and everything else is the
operator's: two nodes with the same operator and the same tensors are the same computation.

A literal may be a number or a list of numbers (of lists …). A Python number is a weak type in promotion; a list
is an array of ``float32`` or ``int32``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, field_validator

from vgspec.ir import BATCH, Dim, Shape, Tensor
from vgspec.ir.dims import mul, numel
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError
from vgspec.layers.dtypes import is_floating, result_type

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "Array",
    "Axes",
    "Number",
    "Operand",
    "Operation",
    "constant_type",
    "operand",
    "per_sample",
    "promoted",
    "to_floating",
]

T = TypeVar("T")

Number = bool | int | float
Axes = int | tuple[int, ...] | None


def _array_shape(value: Any) -> tuple[int, ...]:
    """The shape of nested tuples.

    Raises:
        ValueError: if they are ragged or empty.
    """
    if not isinstance(value, tuple):
        return ()
    shapes = {_array_shape(item) for item in value}
    if len(shapes) != 1:
        raise ValueError("a literal array must not be empty, and its rows must have one length")
    return (len(value), *shapes.pop())


def _regular(value: Any) -> Any:
    _array_shape(value)
    return value


Row1 = tuple[Number, ...]
Row2 = tuple[Row1, ...]
Row3 = tuple[Row2, ...]
Array = Annotated[Row1 | Row2 | Row3, AfterValidator(_regular)]
"""A literal array of up to three axes."""
Operand = Number | Array | None
"""A literal in place of a tensor; None where ``in`` gives the tensor."""


def operand(name: str, *, required: bool = True, many: bool = False) -> CallArgument:
    """A parameter that takes a tensor."""
    return CallArgument(name, required=required, many=many)


def _scalars(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _scalars(item)] if isinstance(value, tuple) else [value]


def constant_type(value: Any) -> Tensor:
    """The type of a literal. Python numbers have the weak dtypes ``int`` and ``float``."""
    kinds = {type(item) for item in _scalars(value)}
    kind = "float" if float in kinds else "int" if int in kinds else "bool"
    if isinstance(value, tuple):
        return Tensor(_array_shape(value), {"float": "float32", "int": "int32"}.get(kind, kind))
    return Tensor((), kind)


def promoted(xs: Sequence[Tensor], *more: str) -> str:
    """The dtype of a computation on these tensors.

    Raises:
        ShapeError: if they have no common one.
    """
    try:
        return result_type(*(x.dtype for x in xs), *more)
    except ValueError as error:
        found = " and ".join(str(x) for x in xs)
        raise ShapeError(f"cannot combine the dtypes of its inputs: {error}; got {found}") from None


def to_floating(x: Tensor) -> str:
    """The dtype of a function with real values: a floating input's own, else float32.

    Raises:
        ShapeError: for strings.
    """
    return x.dtype if is_floating(x.dtype) else promoted((x,), "float")


def per_sample(shape: Shape) -> Dim:
    """The number of elements that belong to one sample, wherever its batch axis is."""
    kept = list(shape)
    if BATCH in kept:
        kept.remove(BATCH)
    elif kept:
        del kept[0]
    return numel(kept)


class Operation(Layer):
    """Base of all operations. ``keras_name`` is the function's name in ``keras.ops``."""

    keras_module: ClassVar[str] = "keras.ops"
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype")
    supports_masking: ClassVar[bool] = False
    inputs_in_order: ClassVar[bool] = True
    takes_dtype: ClassVar[bool] = False
    """Whether the function has a parameter ``dtype``."""
    keras_classes: ClassVar[tuple[str, ...]] = ()
    """Names of Keras's Operation classes behind the function, as the config of a functional model has them."""
    keras_parameters: ClassVar[tuple[str, ...]] = ()
    """The parameters of that class's ``call``, in order, where they are not just the operands. Earlier versions
    of Keras had more of them there and fewer in the class's config: the last ones here."""
    positional: ClassVar[tuple[str, ...]] = ()
    """Parameters that the function takes by position only; a last one with several tensors is spread."""
    plain_lists: ClassVar[tuple[str, ...]] = ()
    """Operands whose literal the function takes as a list, not as a tensor: indices."""
    flops: ClassVar[int] = 1
    """Floating-point operations per element of the largest of inputs and outputs; 0 if it only moves elements."""

    trainable: Literal[True] = True
    dtype: Any = None

    @field_validator("dtype")
    @classmethod
    def _no_dtype(cls, value: Any) -> Any:
        if value is not None and not cls.takes_dtype:
            raise ValueError(f"ops.{cls.keras_name} takes no dtype")
        return value

    @property
    def type_name(self) -> str:
        """``ops.`` and the function's name."""
        return f"ops.{self.keras_name}"

    @property
    def open_arguments(self) -> tuple[CallArgument, ...]:
        """The operands that are no literals."""
        return tuple(row for row in self.call_arguments if getattr(self, row.name, None) is None)

    def keras_value(self, name: str) -> Any:
        """A parameter as the function takes it; `GetItem` writes slices as text and gives them as slices."""
        return getattr(self, name)

    @property
    def constants(self) -> Mapping[str, Tensor]:
        """The types of the literal arrays, by parameter; a backend makes tensors of them."""
        names = [row.name for row in self.call_arguments if row.name not in self.plain_lists]
        literals = {name: getattr(self, name, None) for name in names}
        return {name: constant_type(value) for name, value in literals.items() if isinstance(value, tuple)}

    def bind(self, given: Sequence[T]) -> tuple[tuple[str, T | tuple[T, ...]], ...]:
        """Call arguments for tensors given in order, without names.

        Raises:
            ShapeError: if there are too many or too few.
        """
        rows = self.open_arguments
        if rows and rows[0].many:
            return ((rows[0].name, tuple(given)),)
        required = sum(row.required for row in rows)
        if not required <= len(given) <= len(rows):
            names = ", ".join(row.name for row in rows)
            raise ShapeError(f"takes {names or 'no tensors'} from its inputs, got {len(given)} of them")
        return tuple((row.name, value) for row, value in zip(rows, given, strict=False))

    def find(self, call: Call, name: str) -> Tensor | None:
        """An operand's type, tensor or literal; None if it is not given.

        Raises:
            ShapeError: if it is given twice, or as several tensors.
        """
        literal, value = getattr(self, name, None), call.args.get(name)
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if value is None:
            return None if literal is None else constant_type(literal)
        if literal is not None:
            raise ShapeError(f"gets {name!r} as a literal and as an input", argument=name)
        if not isinstance(value, Tensor):
            raise ShapeError(f"takes one tensor as {name!r}")
        return value

    def operand(self, call: Call, name: str) -> Tensor:
        """An operand's type, tensor or literal.

        Raises:
            ShapeError: if it is not given.
        """
        found = self.find(call, name)
        if found is None:
            raise ShapeError(f"needs {name!r}, as an input or as a literal")
        return found

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """`flops` for each element of the output."""
        return mul(self.flops, per_sample(outputs[0].shape)) if self.flops else 0

    def signal_rule(self, call: Call) -> Rule:
        """The row of `vgspec.layers.operations.signals` for this function."""
        from vgspec.layers.operations.signals import operation_rule

        return operation_rule(self, call)
