"""Bidirectional and TimeDistributed against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.differential.layer_harness import (
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
)
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym, mul
from vgspec.layers.base import Layer
from vgspec.layers.wrappers import Bidirectional, TimeDistributed

pytestmark = pytest.mark.tensorflow

T = Sym.named("t")
MERGES: tuple[Any, ...] = ("concat", "sum", "mul", "ave", None)


def lstm(**options: Any) -> dict[str, Any]:
    return {"LSTM": {"units": 3, **options}}


def gru(**options: Any) -> dict[str, Any]:
    return {"GRU": {"units": 3, **options}}


def test_signatures_and_configs() -> None:
    check_signature(Bidirectional, missing={"weights": "arrays: initial values are no part of a spec"})
    check_signature(TimeDistributed)
    check_config(Bidirectional(layer=lstm()))
    check_config(TimeDistributed(layer={"Dense": {"units": 2}}))
    check_masking(Bidirectional(layer=lstm(return_sequences=True)), Tensor((2, 4, 3)))


@pytest.mark.parametrize("merge_mode", MERGES)
@pytest.mark.parametrize(
    "layer",
    [
        lstm(),
        gru(return_sequences=True),
        lstm(return_sequences=True, return_state=True),
        {"SimpleRNN": {"units": 3, "return_state": True}},
        {"RNN": {"cell": {"GRUCell": {"units": 3}}}},
    ],
)
def test_bidirectional(merge_mode: Any, layer: dict[str, Any]) -> None:
    check_layer(Bidirectional(layer=layer, merge_mode=merge_mode), t(T, 5))


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (Bidirectional(layer=lstm(), backward_layer=lstm(go_backwards=True, use_bias=False)), t(T, 5)),
        (Bidirectional(layer=lstm(go_backwards=True), backward_layer=lstm()), t(T, 5)),
        (Bidirectional(layer=lstm(), backward_layer={"SimpleRNN": {"units": 3, "go_backwards": True}}), t(T, 5)),
        (Bidirectional(layer=lstm(trainable=False)), t(4, 5)),
        (Bidirectional(layer=gru(dtype="float64"), dtype="float64"), t(4, 5)),
        (Bidirectional(layer=gru(), dtype="mixed_float16"), t(4, 5)),
        (Bidirectional(layer={"ConvLSTM1D": {"filters": 2, "kernel_size": 2}}), t(T, 5, 3)),
        (TimeDistributed(layer={"Dense": {"units": 2}}), t(T, 5)),
        (TimeDistributed(layer={"Dense": {"units": 2}}), t(None, 4, 5)),
        (TimeDistributed(layer={"Dense": {"units": 2, "trainable": False}}), t(3, 5)),
        (TimeDistributed(layer={"Dense": {"units": 2, "dtype": "float64"}}, dtype="float64"), t(3, 5)),
        (TimeDistributed(layer={"Flatten": {}}), t(T, 4, 5)),
        (TimeDistributed(layer=lstm()), t(3, T, 5)),
        (TimeDistributed(layer=lstm(return_sequences=True)), t(3, 4, 5)),
        (TimeDistributed(layer={"TimeDistributed": {"layer": {"Dense": {"units": 2}}}}), t(3, 4, 5)),
        (TimeDistributed(layer={"Bidirectional": {"layer": gru()}}), t(3, 4, 5)),
        (TimeDistributed(layer={"Dropout": {"rate": 0.5}}), t(T, 5)),
        (TimeDistributed(layer={"PReLU": {}}), t(T, 5)),
    ],
)
def test_accepted(layer: Layer, x: Tensor) -> None:
    check_layer(layer, x)


def test_states_and_masks() -> None:
    h, mask = t(3), t(T, dtype="bool")
    check_layer(Bidirectional(layer=lstm()), {"sequences": t(T, 5), "initial_state": (h, h, h, h)})
    check_layer(Bidirectional(layer=gru()), {"sequences": t(T, 5), "initial_state": (h, h), "mask": mask})
    check_layer(Bidirectional(layer=lstm(stateful=True)), Tensor((2, 4, 3)))
    check_layer(TimeDistributed(layer=lstm()), {"inputs": t(3, 4, 5), "mask": t(3, 4, dtype="bool")})
    x = t(T, 5)
    check_rejected(Bidirectional(layer=lstm()), {"sequences": x, "initial_state": (h, h)}, match="needs 2 tensors")
    check_rejected(
        Bidirectional(layer=gru()),
        {"sequences": x, "initial_state": (h, h, h)},
        match="even number",
        stricter="Keras drops the last one",
    )
    check_rejected(
        TimeDistributed(layer=lstm()), {"inputs": t(3, 4, 5), "mask": t(2, 4, dtype="bool")}, match="mask whose"
    )


def test_rejected() -> None:
    both = Bidirectional(layer=lstm(stateful=True, return_state=True))
    check_rejected(both, Tensor((2, 4, 3)), match="both stateful", argument="layer")
    check_rejected(Bidirectional(layer=lstm()), t(5), match="rank 3")
    check_rejected(TimeDistributed(layer={"Dense": {"units": 2}}), t(5), match="rank 3 or more")
    check_rejected(
        TimeDistributed(layer=lstm(return_state=True)), t(3, 4, 5), match="one output, got 3", argument="layer"
    )
    wider = Bidirectional(layer=lstm(), backward_layer={"LSTM": {"units": 4, "go_backwards": True}})
    check_rejected(
        wider,
        t(T, 5),
        match="like outputs",
        argument="backward_layer",
        stricter="Keras declares twice the forward layer's units",
    )


def test_arguments_rejected() -> None:
    reason = "Keras takes layer objects: the harness cannot build them from data"
    check_arguments_rejected(Bidirectional, layer={"Dense": {"units": 2}}, match="recurrent layer", stricter=reason)
    check_arguments_rejected(Bidirectional, layer=lstm(go_backwards=True), match="opposite", stricter=reason)
    check_arguments_rejected(Bidirectional, layer=lstm(), backward_layer=lstm(), match="opposite", stricter=reason)
    other = lstm(go_backwards=True, return_sequences=True)
    check_arguments_rejected(Bidirectional, layer=lstm(), backward_layer=other, match="one value", stricter=reason)
    check_arguments_rejected(Bidirectional, layer=lstm(), merge_mode="max", stricter=reason)
    check_arguments_rejected(TimeDistributed, layer={"Add": {}}, match="one input", stricter=reason)
    check_arguments_rejected(
        TimeDistributed,
        layer={"MultiHeadAttention": {"num_heads": 1, "key_dim": 1}},
        match="one input",
        stricter=reason,
    )


def test_weights_are_prefixed() -> None:
    layer = TimeDistributed(layer={"Bidirectional": {"layer": gru()}})
    names = [weight.name for weight in layer.weight_specs(call_of(layer, t(3, 4, 5)))]
    assert names[0] == "bidirectional/forward_gru/gru_cell/kernel"
    assert names[-1] == "bidirectional/backward_gru/gru_cell/bias"


def test_flops_are_those_of_the_parts() -> None:
    one, x = Bidirectional(layer=gru()), t(T, 5)
    inner = one.forward.flop_count(call_of(one.forward, x), ())
    call = call_of(one, x)
    assert one.flop_count(call, one.infer_outputs(call)) == mul(2, inner)


@given(
    merge_mode=st.sampled_from(MERGES),
    cell=st.sampled_from(["LSTM", "GRU", "SimpleRNN"]),
    sequences=st.booleans(),
    state=st.booleans(),
    steps=st.sampled_from([None, 3, T]),
    features=st.sampled_from([2, 3, None]),
    batch=st.sampled_from([BATCH, 2]),
    stateful=st.booleans(),
)
@cases(30)
def test_agreement(
    merge_mode: Any, cell: str, sequences: bool, state: bool, steps: Any, features: Any, batch: Any, stateful: bool
) -> None:
    inner = {"units": 2, "return_sequences": sequences, "return_state": state, "stateful": stateful}
    layer = Bidirectional(layer={cell: inner}, merge_mode=merge_mode)
    event(outcome(layer, Tensor((batch, steps, features))))
