"""Cells: one step of a recurrence, for the layer RNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import field_validator

from vgspec.catalogue.activations import SIGMOID, TANH
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ORTHOGONAL, ZEROS
from vgspec.ir import Argument, Dim, Tensor
from vgspec.ir.dims import add, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait, Weight, activate, nested_weights
from vgspec.layers.fields import (
    ActivationArg,
    ClosedRate,
    ConstraintArg,
    InitializerArg,
    LayersArg,
    PositiveInt,
    RegularizerArg,
    Seed,
)
from vgspec.layers.naming import snake_case
from vgspec.layers.sizes import check_orthogonal, check_rank, known_size, unique_names

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "Cell",
    "GRUCell",
    "LSTMCell",
    "SimpleRNNCell",
    "StackedRNNCells",
    "States",
    "flat",
    "match_states",
]

States: TypeAlias = tuple["Tensor | States", ...]
"""The types of a recurrence's states; a stack of cells has a tuple for each cell with several."""

_TRAINING = CallArgument("training", tensor=False, required=False, default=False)


def flat(states: States) -> tuple[Tensor, ...]:
    """All states in Keras's order."""
    found: list[Tensor] = []
    for item in states:
        found.extend((item,) if isinstance(item, Tensor) else flat(item))
    return tuple(found)


def match_states(given: Argument, expected: States, what: str) -> None:
    """Refuse states of the wrong number, structure or sizes.

    Args:
        given: the call argument; a single tensor stands for a list of one.
        expected: what the recurrence has.
        what: how to call them in a message.

    Raises:
        ShapeError: naming what is needed and what was given.
    """
    items = (given,) if isinstance(given, Tensor) else given
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise ShapeError(f"needs a list of tensors as {what}, got {given!r}")
    if len(items) != len(expected):
        needed = ", ".join(str(item) for item in flat(expected))
        raise ShapeError(f"needs {len(expected)} tensors as {what} ({needed}), got {len(items)}")
    for item, wanted in zip(items, expected, strict=True):
        if not isinstance(wanted, Tensor):
            match_states(item, wanted, what)
        elif not isinstance(item, Tensor):
            raise ShapeError(f"needs {wanted} among {what}, got {item!r}")
        elif item.rank != wanted.rank or not all(
            may_equal(a, b) for a, b in zip(item.shape, wanted.shape, strict=True)
        ):
            raise ShapeError(f"needs {wanted} among {what}, got {item}")


class Cell(Layer):
    """Base of the cells."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CELL})
    supports_masking: ClassVar[bool] = False
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("inputs"),
        CallArgument("states", many=True),
        _TRAINING,
    )

    @property
    def output_size(self) -> int:
        """The number of features that come out."""
        raise NotImplementedError(type(self).__name__)

    def state_types(self, batch: Dim, dtype: str) -> States:
        """The types of the states for a batch size."""
        return (Tensor((batch, self.output_size), dtype),)

    def check_step(self, x: Tensor) -> None:
        """Refuse an input of one step that the cell cannot take.

        Raises:
            ShapeError: for a wrong rank, an unknown number of features, an activation that does not fit.
        """
        check_rank(x, 2)
        known_size(x, -1)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The output, which is the first state for all cells but a stack, and the new states."""
        x = call.x
        check_orthogonal(self)
        self.check_step(x)
        dtype = self.floating(x)
        states = self.state_types(x.shape[0], dtype)
        match_states(call.args.get("states"), states, "states")
        return (Tensor((x.shape[0], self.output_size), dtype), *flat(states))

    def recurrence(self, **returns: Any) -> Rule:
        """The cell applied over time, for the gradient-flow analysis."""
        from vgspec.layers import signal

        return signal.Unknown(f"{self.type_name} over time")


class _GatedCell(Cell):
    """Base of the cells that own a kernel, a recurrent kernel and a bias for a number of gates."""

    gates: ClassVar[int] = 1
    elementwise: ClassVar[int] = 0
    """Sums and products for each unit beside the matrix products, the activations not counted."""

    if TYPE_CHECKING:  # every subclass has these as fields, in Keras's order
        units: int = 1
        use_bias: bool = True

    @property
    def output_size(self) -> int:
        """``units``."""
        return self.units

    def bias_weight(self, initializer: object) -> Weight:
        """The bias of all gates."""
        return Weight("bias", (self.gates * self.units,), initializer)

    def gate_weights(self, x: Tensor, kernel: object, recurrent: object, bias: object) -> tuple[Weight, ...]:
        """``kernel`` (features, gates * units), ``recurrent_kernel`` (units, gates * units) and ``bias``."""
        width = self.gates * self.units
        weights = (
            Weight("kernel", (known_size(x, -1), width), kernel),
            Weight("recurrent_kernel", (self.units, width), recurrent),
        )
        return (*weights, self.bias_weight(bias)) if self.use_bias else weights

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each multiply-add, one for each bias, other sum and product; activations not counted."""
        width = self.gates * self.units
        products = mul(2 * width, add(call.x.shape[-1], self.units))
        biases = numel(self.bias_weight(None).shape) if self.use_bias else 0
        return add(products, add(biases, self.units * self.elementwise))

    def recurrence(self, **returns: Any) -> Rule:
        """The cell applied over time, for the gradient-flow analysis; ``returns`` are the layer's own arguments."""
        from vgspec.layers import signal

        given: Any = self
        kind: Literal["simple", "lstm", "gru"] = "simple"
        if self.gates > 1:
            kind = "lstm" if self.gates == 4 else "gru"
        rule = signal.Recurrence(
            kind,
            self.units,
            given.activation,
            getattr(self, "recurrent_activation", None),
            given.kernel_initializer,
            given.recurrent_initializer,
            given.bias_initializer if self.use_bias else None,
            unit_forget_bias=getattr(self, "unit_forget_bias", False),
            reset_after=getattr(self, "reset_after", False),
            dropout=given.dropout,
            recurrent_dropout=given.recurrent_dropout,
            **returns,
        )
        return (rule,)


class SimpleRNNCell(_GatedCell):
    """``output = activation(x @ kernel + state @ recurrent_kernel + bias)``, which is also the new state."""

    elementwise: ClassVar[int] = 1
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("sequence"),
        CallArgument("states", many=True),
        _TRAINING,
    )

    units: PositiveInt
    activation: ActivationArg = TANH
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    recurrent_initializer: InitializerArg = ORTHOGONAL
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    recurrent_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    seed: Seed = None

    def check_step(self, x: Tensor) -> None:
        """``(batch, features)``."""
        super().check_step(x)
        activate(self.activation, Tensor((x.shape[0], self.units), self.compute_dtype))

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (features, units), ``recurrent_kernel`` (units, units) and ``bias`` (units)."""
        return self.gate_weights(call.x, self.kernel_initializer, self.recurrent_initializer, self.bias_initializer)


class GRUCell(_GatedCell):
    """Gated recurrent unit (Cho et al. 2014): update gate, reset gate, candidate.

    With ``reset_after`` the reset gate acts on the product with the recurrent kernel, as in cuDNN.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CELL, Trait.GATED})
    gates: ClassVar[int] = 3
    elementwise: ClassVar[int] = 8

    units: PositiveInt
    activation: ActivationArg = TANH
    recurrent_activation: ActivationArg = SIGMOID
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    recurrent_initializer: InitializerArg = ORTHOGONAL
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    recurrent_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    reset_after: bool = True
    seed: Seed = None

    def check_step(self, x: Tensor) -> None:
        """``(batch, features)``."""
        super().check_step(x)
        state = Tensor((x.shape[0], self.units), self.compute_dtype)
        activate(self.recurrent_activation, activate(self.activation, state))

    def bias_weight(self, initializer: object) -> Weight:
        """``(3 * units,)``, or with ``reset_after`` two of these, for the input and for the state."""
        width = 3 * self.units
        return Weight("bias", (2, width) if self.reset_after else (width,), initializer)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (features, 3 * units), ``recurrent_kernel`` (units, 3 * units) and ``bias``."""
        return self.gate_weights(call.x, self.kernel_initializer, self.recurrent_initializer, self.bias_initializer)


class LSTMCell(_GatedCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997): input, forget and output gate, candidate.

    ``unit_forget_bias`` starts the forget gate's bias at one (Jozefowicz et al. 2015).
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.CELL, Trait.GATED})
    gates: ClassVar[int] = 4
    elementwise: ClassVar[int] = 8

    units: PositiveInt
    activation: ActivationArg = TANH
    recurrent_activation: ActivationArg = SIGMOID
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    recurrent_initializer: InitializerArg = ORTHOGONAL
    bias_initializer: InitializerArg = ZEROS
    unit_forget_bias: bool = True
    kernel_regularizer: RegularizerArg = None
    recurrent_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    seed: Seed = None

    def check_step(self, x: Tensor) -> None:
        """``(batch, features)``."""
        super().check_step(x)
        state = Tensor((x.shape[0], self.units), self.compute_dtype)
        activate(self.recurrent_activation, activate(self.activation, state))

    def state_types(self, batch: Dim, dtype: str) -> States:
        """The output and the carry."""
        return (Tensor((batch, self.units), dtype),) * 2

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (features, 4 * units), ``recurrent_kernel`` (units, 4 * units) and ``bias`` (4 * units).

        With ``unit_forget_bias`` no initializer alone gives the bias: the forget gate's quarter is one.
        """
        bias = None if self.unit_forget_bias else self.bias_initializer
        return self.gate_weights(call.x, self.kernel_initializer, self.recurrent_initializer, bias)


class StackedRNNCells(Cell):
    """Several cells as one: each reads the output of the one before."""

    cells: LayersArg

    @field_validator("cells")
    @classmethod
    def _only_cells(cls, value: tuple[Layer, ...]) -> tuple[Layer, ...]:
        if not value:
            raise ValueError("needs at least one cell")
        if wrong := [layer.type_name for layer in value if not isinstance(layer, Cell)]:
            raise ValueError(f"takes recurrent cells such as LSTMCell, got {wrong[0]}")
        return value

    @property
    def stack(self) -> tuple[Cell, ...]:
        """The cells, first one first."""
        return tuple(cell for cell in self.cells if isinstance(cell, Cell))

    @property
    def output_size(self) -> int:
        """That of the last cell."""
        return self.stack[-1].output_size

    def state_types(self, batch: Dim, dtype: str) -> States:
        """For each cell its state, or the tuple of its states if it has several."""
        states = [cell.state_types(batch, dtype) for cell in self.stack]
        return tuple(item[0] if len(item) == 1 else item for item in states)

    def check_step(self, x: Tensor) -> None:
        """Check each cell on the output of the one before."""
        for cell, step in self._steps(x):
            cell.check_step(step)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The weights of the cells, each under its cell's name."""
        prefixes = unique_names(cell.type_name for cell in self.stack)
        found: list[Weight] = []
        for (cell, step), prefix in zip(self._steps(call.x), prefixes, strict=True):
            for weight in nested_weights(cell, Call({"inputs": step})):
                number = prefix.removeprefix(cell.type_name)
                name, _, rest = weight.name.partition("/")
                found.append(
                    Weight(f"{name}{number}/{rest}", weight.shape, weight.initializer, weight.trainable, weight.dtype)
                )
        return tuple(found)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """The sum over the cells."""
        total: Dim = 0
        for cell, step in self._steps(call.x):
            total = add(total, cell.flop_count(Call({"inputs": step}), ()))
        return total

    def _steps(self, x: Tensor) -> list[tuple[Cell, Tensor]]:
        """Each cell with the type of what it reads."""
        inputs = [x, *(Tensor((x.shape[0], cell.output_size), x.dtype) for cell in self.stack[:-1])]
        return list(zip(self.stack, inputs, strict=True))

    def recurrence(self, **returns: Any) -> Rule:
        """Each cell over all times, the last one as the layer asks."""
        from vgspec.layers import signal

        if returns.get("return_state"):
            return signal.Unknown("the states of stacked cells")
        rules: list[Any] = []
        prefixes = unique_names(cell.type_name for cell in self.stack)
        for cell, prefix in zip(self.stack, prefixes, strict=True):
            last = cell is self.stack[-1]
            rule = cell.recurrence(return_sequences=returns.get("return_sequences", False) or not last)
            if isinstance(rule, signal.Unknown):
                return rule
            name = f"{snake_case(cell.type_name)}{prefix.removeprefix(cell.type_name)}/"
            rules.extend(item._replace(name=name + getattr(item, "name", "")) for item in rule)
        return tuple(rules)


LAYERS: tuple[type[Layer], ...] = (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
)
