"""Recurrent layers and their cells against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    arguments,
    call_of,
    cases,
    check_arguments_rejected,
    check_config,
    check_layer,
    check_masking,
    check_rejected,
    check_signature,
    outcome,
    t,
    tensors,
)
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym, mul
from vgspec.layers.base import Layer
from vgspec.layers.cells import LAYERS as CELLS
from vgspec.layers.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from vgspec.layers.conv_recurrent import LAYERS as CONVOLUTIONAL
from vgspec.layers.conv_recurrent import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from vgspec.layers.recurrent import GRU, LSTM, RNN, SimpleRNN

pytestmark = pytest.mark.tensorflow

H, T = Sym.named("h"), Sym.named("t")
CELL = {"LSTMCell": {"units": 3}}
STACK = {"StackedRNNCells": {"cells": [CELL, {"GRUCell": {"units": 2}}, {"LSTMCell": {"units": 4}}]}}
GATED: tuple[type[Layer], ...] = (GRU, LSTM)
NAMED: tuple[type[Layer], ...] = (SimpleRNN, *GATED)


def test_signatures_and_configs() -> None:
    for cls in (*NAMED, RNN, *CELLS, *CONVOLUTIONAL):
        check_signature(cls)
    for cls in NAMED:
        check_config(cls(units=2))
    check_config(RNN(cell=CELL))
    for cell in (GRUCell(units=2), LSTMCell(units=2), SimpleRNNCell(units=2), StackedRNNCells(cells=[CELL])):
        check_config(cell)
    check_config(ConvLSTM1D(filters=2, kernel_size=2))


@pytest.mark.parametrize("cls", NAMED)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"return_state": True},
        {"return_sequences": True, "return_state": True},
        {"use_bias": False, "go_backwards": True},
        {"activation": "relu", "recurrent_dropout": 0.2},
        {"dropout": 0.2, "dtype": "float64"},
        {"return_state": True, "dtype": "mixed_float16"},
        {"trainable": False, "kernel_initializer": "zeros", "recurrent_initializer": "ones"},
        {"bias_initializer": "ones", "activity_regularizer": "l2"},
    ],
)
def test_named(cls: type[Layer], options: dict[str, Any]) -> None:
    layer = cls(units=3, **options)
    check_layer(layer, t(T, 5))
    check_layer(layer, Tensor((2, 4, 5)), training=True)


def test_masking_and_odd_inputs() -> None:
    for cls in NAMED:
        check_masking(cls(units=2, return_sequences=True), Tensor((2, 4, 3)))
        check_layer(cls(units=2), t(None, 3))
        check_layer(cls(units=2), t(4, 3, dtype="int32"))
        check_layer(cls(units=2), {"sequences": t(4, 3), "mask": t(4, dtype="bool")})
        check_rejected(cls(units=2), {"sequences": t(4, 3), "mask": t(5, dtype="bool")}, match="mask like")
    check_layer(GRU(units=3, reset_after=False), t(T, 5))
    check_layer(LSTM(units=3, unit_forget_bias=False, bias_initializer="ones"), t(T, 5))
    check_layer(LSTM(units=3, activation={"LeakyReLU": {}}), t(T, 5))


def test_unroll_and_state() -> None:
    for cls in NAMED:
        check_layer(cls(units=2, unroll=True), t(4, 3))
        check_layer(cls(units=2, stateful=True), Tensor((2, 4, 3)))
        check_rejected(
            cls(units=2, unroll=True),
            t(T, 3),
            match="cannot unroll",
            argument="unroll",
            stricter="Keras fails as soon as the model is traced with the open shape, as for a SavedModel",
        )
        check_rejected(cls(units=2, stateful=True), t(4, 3), match="known batch size", argument="stateful")


def test_initial_state() -> None:
    h = t(3)
    for cls in (SimpleRNN, GRU):
        check_layer(cls(units=3), {"sequences": t(T, 5), "initial_state": (h,)})
        check_layer(cls(units=3), {"sequences": t(T, 5), "initial_state": h})
        check_rejected(cls(units=3), {"sequences": t(T, 5), "initial_state": (t(4),)}, match="among initial_state")
    check_layer(LSTM(units=3, return_state=True), {"sequences": t(T, 5), "initial_state": (h, h)})
    check_rejected(LSTM(units=3), {"sequences": t(T, 5), "initial_state": h}, match="needs 2 tensors")
    check_rejected(LSTM(units=3), {"sequences": t(T, 5), "initial_state": (h, t(2))}, match="among initial_state")


@pytest.mark.parametrize("cell", [CELL, {"GRUCell": {"units": 3}}, {"SimpleRNNCell": {"units": 3}}, STACK])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True, "return_state": True},
        {"go_backwards": True, "zero_output_for_mask": True, "dtype": "float16"},
    ],
)
def test_rnn(cell: Any, options: dict[str, Any]) -> None:
    check_layer(RNN(cell=cell, **options), t(T, 5))


def test_stacked_weights_have_names_of_their_own() -> None:
    names = [weight.name for weight in RNN(cell=STACK).weight_specs(call_of(RNN, t(T, 5)))]
    assert len(set(names)) == 9
    assert names[6] == "stacked_rnn_cells/lstm_cell_1/kernel"


def test_cells_alone() -> None:
    h = t(3)
    check_layer(LSTMCell(units=3), {"inputs": t(5), "states": (h, h)})
    check_layer(GRUCell(units=3), {"inputs": t(5), "states": (h,)})
    check_layer(SimpleRNNCell(units=3), {"sequence": t(5), "states": (h,)})
    check_rejected(LSTMCell(units=3), {"inputs": t(5), "states": (h,)}, match="needs 2 tensors as states")


def test_rejected() -> None:
    for cls in NAMED:
        check_rejected(cls(units=2), t(3), match="rank 3")
        check_rejected(cls(units=2), t(2, 4, 3), match="rank 3")
        check_rejected(cls(units=2), t(4, None), match="known size of the last axis")
        check_rejected(cls(units=4, activation="glu"), t(4, 3), match="halves", argument="activation")
    check_rejected(RNN(cell=CELL), t(3), match="rank 3")
    for cls, shape in ((ConvLSTM1D, (4, 5)), (ConvLSTM2D, (4, 5, 5)), (ConvLSTM3D, (4, 5, 5, 5))):
        check_rejected(cls(filters=2, kernel_size=2), t(*shape), match="needs a sequence of rank")
    check_rejected(ConvLSTM1D(filters=2, kernel_size=2), t(4, H, 3), match="known size of the axis 1")
    check_rejected(ConvLSTM1D(filters=2, kernel_size=2), t(4, 5, None), match="known size of the last axis")
    check_rejected(ConvLSTM1D(filters=2, kernel_size=6), t(4, 5, 3), match="spans 6", argument="kernel_size")


def test_arguments_rejected() -> None:
    for cls in (*NAMED, GRUCell, LSTMCell, SimpleRNNCell):
        check_arguments_rejected(cls, units=0)
        check_arguments_rejected(cls, units=2, dropout=1.5, stricter="Keras clips the rate")
    check_arguments_rejected(LSTM, units=2, use_cudnn="yes")
    check_arguments_rejected(RNN, cell={"Dense": {"units": 2}}, match="takes a recurrent cell", stricter="not tried")
    check_arguments_rejected(StackedRNNCells, cells=[{"Dense": {"units": 2}}], stricter="not tried")
    check_arguments_rejected(StackedRNNCells, cells=[], stricter="Keras fails in the call")
    check_arguments_rejected(ConvLSTM1D, filters=2, kernel_size=2, strides=2, dilation_rate=2)


def test_flops_of_a_known_case() -> None:
    layer, x = LSTM(units=3), t(T, 5)
    (count,) = {layer.flop_count(call_of(layer, x), ())}
    products = 2 * (5 + 3) * 12
    assert count == mul(products + 12 + 8 * 3, T)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (ConvLSTM1D(filters=2, kernel_size=3), t(T, 7, 3)),
        (ConvLSTM1D(filters=2, kernel_size=3, strides=2, return_state=True), t(4, 7, 3)),
        (ConvLSTM1D(filters=2, kernel_size=2, dilation_rate=2, use_bias=False), t(4, 7, 3)),
        (ConvLSTM1D(filters=2, kernel_size=3, padding="same", strides=2, return_sequences=True), t(4, 7, 3)),
        (ConvLSTM2D(filters=2, kernel_size=(1, 2), return_sequences=True, return_state=True), t(None, 5, 4, 3)),
        (ConvLSTM2D(filters=2, kernel_size=2, unit_forget_bias=False, dtype="mixed_float16"), t(3, 5, 4, 3)),
        (ConvLSTM2D(filters=2, kernel_size=2, unroll=True, go_backwards=True), t(3, 5, 4, 3)),
        (ConvLSTM3D(filters=2, kernel_size=2, padding="same"), t(2, 3, 3, 3, 2)),
    ],
)
def test_convolutional(layer: Layer, x: Tensor) -> None:
    check_layer(layer, x)


def test_convolutional_channels_first() -> None:
    """The CPU has no such convolution: shapes only."""
    layer = ConvLSTM2D(filters=2, kernel_size=2, data_format="channels_first", return_state=True)
    check_layer(layer, t(T, 3, 5, 4), data=False)


def test_convolutional_initial_state() -> None:
    state = t(6, 2)
    check_layer(ConvLSTM1D(filters=2, kernel_size=2), {"sequences": t(T, 7, 3), "initial_state": (state, state)})
    check_rejected(
        ConvLSTM1D(filters=2, kernel_size=2),
        {"sequences": t(T, 7, 3), "initial_state": (state, t(5, 2))},
        match="among initial_state",
    )


@given(data=st.data(), cls=st.sampled_from(NAMED))
@cases(80)
def test_agreement(data: st.DataObject, cls: type[Layer]) -> None:
    own = {
        "units": st.integers(1, 3),
        "seed": st.nothing(),
        "use_cudnn": st.sampled_from(["auto", False]),
        "trainable": st.nothing(),
        "activation": st.sampled_from(["tanh", "linear", "relu"]),
        "recurrent_activation": st.sampled_from(["sigmoid", "hard_sigmoid"]),
    }
    takes = {name: value for name, value in own.items() if name in cls.model_fields}
    layer = cls(**data.draw(arguments(cls, **takes)))
    x = data.draw(tensors(st.integers(2, 4), size=3))
    if x.shape[-1] != BATCH:
        x = Tensor((data.draw(st.sampled_from([BATCH, 2])), *x.shape[1:]), x.dtype)
    stricter = {"cannot unroll": "Keras fails as soon as the model is traced with the open shape"}
    event(outcome(layer, x, stricter=stricter, training=data.draw(st.booleans())))


@given(data=st.data(), cls=st.sampled_from(CONVOLUTIONAL))
@cases(40)
def test_convolutional_agreement(data: st.DataObject, cls: type[Layer]) -> None:
    rank = int(cls.__name__[-2])
    strided = data.draw(st.booleans())
    own = {
        "filters": st.integers(1, 2),
        "strides": st.integers(1, 2) if strided else st.nothing(),
        "dilation_rate": st.nothing() if strided else st.integers(1, 2),
        "data_format": st.nothing(),
        "seed": st.nothing(),
        "trainable": st.nothing(),
        "activation": st.sampled_from(["tanh", "relu"]),
        "recurrent_activation": st.just("sigmoid"),
        "dtype": st.sampled_from([None, "float64"]),
    }
    layer = cls(**data.draw(arguments(cls, **own)))
    x = Tensor((BATCH, 2, *data.draw(st.lists(st.integers(2, 5), min_size=rank, max_size=rank)), 2))
    event(outcome(layer, x))
