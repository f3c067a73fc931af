"""Recurrent layers: a cell applied along axis 1, the time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import field_validator

from vgspec.catalogue.activations import SIGMOID, TANH
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ORTHOGONAL, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import mul
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait, Weight, nested_weights
from vgspec.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell, States, flat, match_states
from vgspec.layers.fields import (
    ActivationArg,
    ClosedRate,
    ConstraintArg,
    InitializerArg,
    LayerArg,
    PositiveInt,
    RegularizerArg,
    Seed,
)
from vgspec.layers.sizes import check_mask, check_orthogonal

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["GRU", "LAYERS", "LSTM", "RNN", "Recurrent", "SimpleRNN"]

UseCudnn = Literal["auto"] | bool
COMMON = ("trainable", "dtype", "zero_output_for_mask")


class Recurrent(Layer):
    """Base of the recurrent layers. A subclass says what one step gives, owns and costs.

    The outputs are the last output, or with ``return_sequences`` all of them, and with ``return_state`` the
    last states.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RECURRENT})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("sequences"),
        CallArgument("initial_state", required=False, many=True),
        CallArgument("mask", required=False),
        CallArgument("training", tensor=False, required=False, default=False),
    )

    if TYPE_CHECKING:  # every subclass has these as fields, in Keras's order
        return_sequences: bool = False
        return_state: bool = False
        go_backwards: bool = False
        stateful: bool = False
        unroll: bool = False

    def step(self, x: Tensor) -> tuple[Shape, States]:
        """The shape of the output and the types of the states, for the input of one step.

        Raises:
            ShapeError: if the step cannot take the input.
        """
        raise NotImplementedError(type(self).__name__)

    def step_weights(self, x: Tensor) -> tuple[Weight, ...]:
        """The weights, from the input of one step."""
        raise NotImplementedError(type(self).__name__)

    def step_flops(self, x: Tensor, output: Tensor) -> Dim:
        """The operations of one step."""
        raise NotImplementedError(type(self).__name__)

    @property
    def sequence_rank(self) -> int:
        """The rank of the input: batch, time, features."""
        return 3

    def step_input(self, x: Tensor) -> Tensor:
        """The input without its time axis.

        Raises:
            ShapeError: if the input has the wrong rank.
        """
        if x.rank != self.sequence_rank:
            raise ShapeError(f"needs a sequence of rank {self.sequence_rank}, got {x}")
        return Tensor((x.shape[0], *x.shape[2:]), x.dtype)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, units)`` or ``(batch, time, units)``, then the states."""
        x = call.x
        check_orthogonal(self)
        step = self.step_input(x)
        dtype = self.floating(x)
        batch, time = x.shape[:2]
        if self.unroll and not isinstance(time, int):
            raise ShapeError(f"cannot unroll over an unknown number of steps, got {x}", argument="unroll")
        if self.stateful and not isinstance(batch, int):
            raise ShapeError(f"needs a known batch size to keep its state, got {x}", argument="stateful")
        shape, states = self.step(step)
        if (given := call.args.get("initial_state")) is not None:
            match_states(given, states, "initial_state")
        check_mask(call.args.get("mask"), (batch, time), "mask")
        output = Tensor((batch, time, *shape[1:]) if self.return_sequences else shape, dtype)
        return (output, *(Tensor(state.shape, dtype) for state in flat(states))) if self.return_state else (output,)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The weights of the cell; the states of a ``stateful`` layer are no weights."""
        return self.step_weights(self.step_input(call.x))

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """The step's, for every step."""
        step = self.step_input(call.x)
        shape, _ = self.step(step)
        return mul(call.x.shape[1], self.step_flops(step, Tensor(shape, self.compute_dtype)))


class CellRecurrent(Recurrent):
    """Base of the recurrent layers that apply a cell."""

    @property
    def step_cell(self) -> Cell:
        """The cell."""
        raise NotImplementedError(type(self).__name__)

    def step(self, x: Tensor) -> tuple[Shape, States]:
        """``(batch, units)`` and the cell's states."""
        cell = self.step_cell
        cell.check_step(x)
        return (x.shape[0], cell.output_size), cell.state_types(x.shape[0], self.compute_dtype)

    def step_weights(self, x: Tensor) -> tuple[Weight, ...]:
        """The cell's weights under its name."""
        return nested_weights(self.step_cell, Call({"inputs": x}))

    def step_flops(self, x: Tensor, output: Tensor) -> Dim:
        """The cell's operations."""
        return self.step_cell.flop_count(Call({"inputs": x}), (output,))

    def signal_rule(self, call: Call) -> Rule:
        """The cell over time."""
        return self.step_cell.recurrence(return_sequences=self.return_sequences, return_state=self.return_state)


class RNN(CellRecurrent):
    """Applies a cell along the time axis."""

    cell: LayerArg
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False

    @field_validator("cell")
    @classmethod
    def _is_cell(cls, value: Layer) -> Layer:
        if not isinstance(value, Cell):
            raise ValueError(f"takes a recurrent cell such as LSTMCell, got {value.type_name}")
        return value

    @property
    def step_cell(self) -> Cell:
        """The argument ``cell``."""
        assert isinstance(self.cell, Cell)  # the validator saw to it
        return self.cell


C = TypeVar("C", bound=Cell)


def _cell_of(layer: Layer, cell: type[C]) -> C:
    return cell(**{name: getattr(layer, name) for name in cell.model_fields})


class SimpleRNN(CellRecurrent):
    """Fully connected recurrence: the output goes back to the input.

    Keras takes ``activity_regularizer`` and makes no use of it.
    """

    common_fields: ClassVar[tuple[str, ...]] = COMMON

    units: PositiveInt
    activation: ActivationArg = TANH
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    recurrent_initializer: InitializerArg = ORTHOGONAL
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    recurrent_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    seed: Seed = None
    zero_output_for_mask: bool = False

    @cached_property
    def step_cell(self) -> SimpleRNNCell:
        """The cell with the layer's arguments."""
        return _cell_of(self, SimpleRNNCell)


class GRU(CellRecurrent):
    """Gated recurrent unit (Cho et al. 2014)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RECURRENT, Trait.GATED})
    common_fields: ClassVar[tuple[str, ...]] = COMMON

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
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    seed: Seed = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    reset_after: bool = True
    use_cudnn: UseCudnn = "auto"
    zero_output_for_mask: bool = False

    @cached_property
    def step_cell(self) -> GRUCell:
        """The cell with the layer's arguments."""
        return _cell_of(self, GRUCell)


class LSTM(CellRecurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997); its states are the output and the carry."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RECURRENT, Trait.GATED})
    common_fields: ClassVar[tuple[str, ...]] = COMMON

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
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    recurrent_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    dropout: ClosedRate = 0.0
    recurrent_dropout: ClosedRate = 0.0
    seed: Seed = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    use_cudnn: UseCudnn = "auto"
    zero_output_for_mask: bool = False

    @cached_property
    def step_cell(self) -> LSTMCell:
        """The cell with the layer's arguments."""
        return _cell_of(self, LSTMCell)


LAYERS: tuple[type[Layer], ...] = (
    GRU,
    LSTM,
    RNN,
    SimpleRNN,
)
