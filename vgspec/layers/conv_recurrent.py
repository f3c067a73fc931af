"""Convolutional recurrent layers: an LSTM whose products are convolutions (Shi et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import model_validator

from vgspec.catalogue.activations import SIGMOID, TANH
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ORTHOGONAL, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import ceil_div, mul, numel
from vgspec.layers.base import Call, Layer, ShapeError, Trait, Weight, activate
from vgspec.layers.cells import States
from vgspec.layers.fields import (
    ActivationArg,
    ClosedRate,
    ConstraintArg,
    DataFormat,
    InitializerArg,
    Padding,
    PositiveInt,
    RegularizerArg,
    Seed,
    Size1,
    Size2,
    Size3,
)
from vgspec.layers.recurrent import Recurrent
from vgspec.layers.sizes import known_size, product

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]

_GATES = 4


class _ConvLSTM(Recurrent):
    """Base of the three. The recurrent convolution has padding ``same`` and stride one."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RECURRENT, Trait.GATED, Trait.CONVOLUTION})
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype", "unroll", "zero_output_for_mask")

    if TYPE_CHECKING:  # every subclass has these as fields, in Keras's order
        filters: int = 1
        kernel_size: tuple[int, ...] = ()
        strides: tuple[int, ...] = ()
        padding: str = "valid"
        data_format: str | None = None
        dilation_rate: tuple[int, ...] = ()
        activation: ActivationArg = TANH
        recurrent_activation: ActivationArg = SIGMOID
        use_bias: bool = True
        kernel_initializer: InitializerArg = GLOROT_UNIFORM
        recurrent_initializer: InitializerArg = ORTHOGONAL
        bias_initializer: InitializerArg = ZEROS
        unit_forget_bias: bool = True

    @model_validator(mode="after")
    def _strides_or_dilation(self) -> Self:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError("strides above one cannot be combined with a dilation_rate above one")
        return self

    @property
    def sequence_rank(self) -> int:
        """Batch, time, the spatial axes and channels."""
        return len(self.kernel_size) + 3

    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def step(self, x: Tensor) -> tuple[Shape, States]:
        """The image of the convolution, which is also the shape of both states."""
        first = 2 if self.data_format == "channels_first" else 1
        known_size(x, self._channel_axis())
        sizes = []
        for offset, (kernel, stride, dilation) in enumerate(
            zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ):
            size = known_size(x, first + offset)
            extent = (kernel - 1) * dilation + 1
            length = size if self.padding == "same" else size - extent + 1
            if length <= 0:
                raise ShapeError(
                    f"has a kernel that spans {extent} positions of an axis of {size}, got {x}", argument="kernel_size"
                )
            sizes.append(ceil_div(length, stride))
        channels_first = self.data_format == "channels_first"
        shape = (x.shape[0], self.filters, *sizes) if channels_first else (x.shape[0], *sizes, self.filters)
        state = Tensor(shape, self.compute_dtype)
        activate(self.recurrent_activation, activate(self.activation, state))
        return shape, (state, state)

    def step_weights(self, x: Tensor) -> tuple[Weight, ...]:
        """Kernels ``(*kernel_size, channels, 4 * filters)`` and ``(*kernel_size, filters, 4 * filters)``, bias."""
        width = _GATES * self.filters
        channels = known_size(x, self._channel_axis())
        name = "conv_lstm_cell/"
        weights = (
            Weight(f"{name}kernel", (*self.kernel_size, channels, width), self.kernel_initializer),
            Weight(f"{name}recurrent_kernel", (*self.kernel_size, self.filters, width), self.recurrent_initializer),
        )
        bias = None if self.unit_forget_bias else self.bias_initializer
        return (*weights, Weight(f"{name}bias", (width,), bias)) if self.use_bias else weights

    def step_flops(self, x: Tensor, output: Tensor) -> Dim:
        """Two for each multiply-add, one for each bias, other sum and product; activations not counted."""
        channels = known_size(x, self._channel_axis())
        window = product(self.kernel_size)
        per_gate = 2 * window * (channels + self.filters) + 1 + int(self.use_bias)
        return mul(numel(output.shape[1:]), _GATES * per_gate + 4)

    def signal_rule(self, call: Call) -> Rule:
        """The cell over time, each gate a convolution."""
        from vgspec.layers import signal

        if self.data_format == "channels_first" or max(self.strides) > 1:
            return signal.Unknown("strides or channels first in a convolutional recurrence")
        given: Any = self
        rule = signal.Recurrence(
            "lstm",
            self.filters,
            self.activation,
            self.recurrent_activation,
            self.kernel_initializer,
            self.recurrent_initializer,
            self.bias_initializer if self.use_bias else None,
            unit_forget_bias=self.unit_forget_bias,
            return_sequences=given.return_sequences,
            return_state=given.return_state,
            dropout=given.dropout,
            recurrent_dropout=given.recurrent_dropout,
            taps=self.kernel_size,
        )
        return (rule,)


class ConvLSTM1D(_ConvLSTM):
    """Convolutional LSTM over sequences of sequences."""

    filters: PositiveInt
    kernel_size: Size1
    strides: Size1 = (1,)
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Size1 = (1,)
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
    zero_output_for_mask: bool = False


class ConvLSTM2D(_ConvLSTM):
    """Convolutional LSTM over sequences of images."""

    filters: PositiveInt
    kernel_size: Size2
    strides: Size2 = (1, 1)
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Size2 = (1, 1)
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
    zero_output_for_mask: bool = False


class ConvLSTM3D(_ConvLSTM):
    """Convolutional LSTM over sequences of volumes."""

    filters: PositiveInt
    kernel_size: Size3
    strides: Size3 = (1, 1, 1)
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Size3 = (1, 1, 1)
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
    zero_output_for_mask: bool = False


LAYERS: tuple[type[Layer], ...] = (
    ConvLSTM1D,
    ConvLSTM2D,
    ConvLSTM3D,
)
