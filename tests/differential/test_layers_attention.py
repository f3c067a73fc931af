"""Attention layers against Keras."""

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
    check_rejected,
    check_signature,
    keras,
    outcome,
    t,
)
from vgspec.backends.objects import to_keras
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym
from vgspec.layers.attention import LAYERS, AdditiveAttention, Attention, GroupQueryAttention, MultiHeadAttention
from vgspec.layers.base import Layer

pytestmark = pytest.mark.tensorflow

H, T, S = Sym.named("h"), Sym.named("t"), Sym.named("s")
STRICTER = "Keras attends over the batch, the heads or the features"


def mha(**options: Any) -> MultiHeadAttention:
    return MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **options})


def gqa(**options: Any) -> GroupQueryAttention:
    return GroupQueryAttention(**{"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **options})


def qv(query: Tensor, value: Tensor, **more: Any) -> dict[str, Any]:
    return {"query": query, "value": value, **more}


def test_signatures_and_configs() -> None:
    for cls in LAYERS:
        check_signature(cls)
    for layer in (Attention(), AdditiveAttention(), mha(), gqa()):
        check_config(layer)


@pytest.mark.parametrize(
    "layer",
    [
        Attention(),
        Attention(use_scale=True, score_mode="concat", dropout=0.1),
        Attention(use_scale=True, dtype="mixed_float16"),
        AdditiveAttention(),
        AdditiveAttention(use_scale=False, trainable=False),
    ],
)
@pytest.mark.parametrize(
    "inputs",
    [
        [t(4, 3), t(5, 3)],
        [t(T, 3), t(S, 3), t(S, 3)],
        [t(T, 3), t(None, 6), t(None, 3)],
        [t(2, 4, 3), t(2, 5, 3)],
        [t(2, 4, 3), t(1, 5, 3)],
    ],
)
def test_attention(layer: Layer, inputs: list[Tensor]) -> None:
    check_layer(layer, inputs)
    check_layer(layer, inputs, return_attention_scores=True, use_causal_mask=True)


@pytest.mark.parametrize("cls", [Attention, AdditiveAttention])
def test_attention_rejected(cls: type[Layer]) -> None:
    layer = cls()
    check_rejected(layer, [t(3), t(3)], match="rank 3 or more", stricter="Keras attends over the batch")
    check_rejected(layer, [t(4, 3)], match="got 1 inputs")
    check_rejected(layer, [t(4, 3)] * 4, match="got 4 inputs")
    check_rejected(layer, t(4, 3), match="list of inputs")
    check_rejected(layer, [t(4, 3), t(5, 6)], match="as many features as the query")
    check_rejected(layer, [t(4, 3), t(5, 3), t(6, 3)], match="as many steps as the value")
    check_rejected(layer, [Tensor((2, 4, 3)), Tensor((3, 4, 3))], match="leading sizes")
    check_rejected(layer, [t(2, 4, 3), t(3, 4, 3)], match="leading sizes")
    check_rejected(layer, [t(4, 3), t(4, 4, 3)], match="one rank")
    if cls is AdditiveAttention:
        check_rejected(layer, [t(4, None), t(4, None)], match="known size of the last axis")


def test_attention_masks() -> None:
    x, y = t(4, 3), t(5, 3)
    q_mask, v_mask = t(4, dtype="bool"), t(5, dtype="bool")
    check_layer(Attention(), {"inputs": (x, y), "mask": (q_mask, v_mask)})
    for masks in ((q_mask, q_mask), (v_mask, v_mask), (q_mask, t(5, 1, dtype="bool"))):
        check_rejected(Attention(), {"inputs": (x, y), "mask": masks}, match="mask like")
    check_rejected(Attention(), {"inputs": (x, y), "mask": (q_mask,)}, match="mask list")


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (mha(), qv(t(4, 5), t(4, 5))),
        (mha(), qv(t(T, 5), t(S, 6))),
        (mha(), qv(t(4, 5), t(7, 6), key=t(7, 2))),
        (mha(value_dim=4, use_bias=False), qv(t(None, 5), t(None, 5))),
        (mha(output_shape=7), qv(t(4, 5), t(6, 5))),
        (mha(output_shape=(7, 2)), qv(t(4, 5), t(6, 5))),
        (mha(use_gate=True, value_dim=4), qv(t(4, 5), t(6, 2))),
        (mha(sliding_window=2), qv(t(4, 5), t(4, 5))),
        (mha(dropout=0.3, bias_initializer="ones"), qv(t(4, 5), t(4, 5))),
        (mha(dtype="mixed_float16", trainable=False), qv(t(4, 5), t(4, 5))),
        (mha(attention_axes=(1, 2)), qv(t(4, 6, 5), t(3, 2, 5))),
        (mha(attention_axes=2), qv(t(4, 6, 5), t(4, 7, 5))),
        (mha(attention_axes=-2), qv(t(H, 6, 5), t(H, 7, 5))),
        (mha(attention_axes=(2, 1), use_gate=True), qv(t(4, 6, 5), t(4, 6, 5))),
        (mha(), qv(t(4, 6, 5), t(3, 2, 5))),
        (mha(), qv(t(4, 5), t(6, 5), attention_mask=t(4, 6, dtype="bool"))),
        (mha(), qv(t(4, 5), t(6, 5), attention_mask=t(2, 4, 6, dtype="bool"))),
        (mha(), qv(t(4, 5), t(6, 5), attention_mask=Tensor((4, 6), "bool"))),
        (mha(), qv(t(4, 5), t(6, 5), value_mask=t(6, dtype="bool"), key_mask=t(6, dtype="bool"))),
        (gqa(), qv(t(4, 5), t(4, 5))),
        (gqa(), qv(t(T, 5), t(S, 5), key=t(S, 2))),
        (gqa(num_key_value_heads=4, use_bias=False), qv(t(4, 5), t(6, 5))),
        (gqa(use_gate=True, dropout=0.2, sliding_window=3), qv(t(4, 5), t(6, 5))),
        (gqa(dtype="float64"), qv(t(4, 5), t(6, 5), query_mask=t(4, dtype="bool"), value_mask=t(6, dtype="bool"))),
        (gqa(), qv(t(4, 5), t(6, 5), attention_mask=t(4, 6, dtype="bool"))),
    ],
)
def test_heads(layer: Layer, inputs: dict[str, Tensor]) -> None:
    check_layer(layer, inputs)
    if inputs["query"].rank == 3 and "attention_mask" not in inputs:
        check_layer(layer, inputs, use_causal_mask=True)


def test_scores() -> None:
    check_layer(mha(), qv(t(4, 5), t(4, 5)), return_attention_scores=True)
    check_layer(gqa(), qv(t(4, 5), t(7, 5)), return_attention_scores=True)
    check_layer(gqa(), qv(t(T, 5), t(S, 5)), return_attention_scores=True, use_causal_mask=True)


@pytest.mark.parametrize(
    ("layer", "query", "value"),
    [
        (mha(), (2, 4, 5), (2, 7, 5)),
        (mha(attention_axes=(1, 2)), (2, 4, 6, 5), (2, 3, 2, 5)),
        (mha(attention_axes=2), (2, 4, 6, 5), (2, 4, 7, 5)),
        (mha(attention_axes=(2, 1)), (2, 4, 6, 5), (2, 3, 2, 5)),
    ],
)
def test_scores_that_keras_declares_wrongly(layer: Layer, query: tuple[int, ...], value: tuple[int, ...]) -> None:
    """Keras declares (batch, heads, steps of the query, steps of the query); the result is what counts."""
    inputs = qv(Tensor(query), Tensor(value))
    predicted = layer.infer_outputs(call_of(layer, inputs, return_attention_scores=True))
    ran = to_keras(layer)(keras.ops.ones(query), keras.ops.ones(value), return_attention_scores=True)
    assert [x.shape for x in predicted] == [tuple(x.shape) for x in ran]
    declared = to_keras(layer)(keras.KerasTensor(query), keras.KerasTensor(value), return_attention_scores=True)
    assert tuple(declared[1].shape) != predicted[1].shape


def test_heads_rejected() -> None:
    check_rejected(mha(), qv(t(5), t(5)), match="rank 3 or more")
    check_rejected(mha(), qv(t(4, 5), t(4, 6, 5)), match="one rank")
    check_rejected(mha(), qv(t(4, 5), t(7, 6), key=t(8, 6)), match="needs a key")
    check_rejected(mha(), qv(t(4, 5), t(S, 6), key=t(8, 6)), match="needs a key")
    check_rejected(mha(), qv(t(4, None), t(4, 5)), match="known size of the last axis of the query")
    check_rejected(mha(), qv(t(4, 5), t(4, None)), match="known size of the last axis of the value")
    check_rejected(mha(), qv(Tensor((2, 4, 5)), Tensor((3, 4, 5))), match="batch size")
    check_rejected(mha(attention_axes=2), qv(t(4, 6, 5), t(3, 6, 5)), match="at axis 1")
    for axes, why in ((0, STRICTER), (-1, STRICTER), ((1, 1), STRICTER), (3, STRICTER), (5, ""), (-7, STRICTER)):
        check_rejected(
            mha(attention_axes=axes), qv(t(4, 5), t(4, 5)), match="attend over", argument="attention_axes", stricter=why
        )
    check_rejected(mha(attention_axes=(1, 2)), qv(t(4, 6, 5), t(4, 6, 5)), match="along axis 1", use_causal_mask=True)
    check_rejected(
        mha(attention_axes=2, sliding_window=2), qv(t(4, 6, 5), t(4, 6, 5)), match="axis 1", argument="sliding_window"
    )
    check_layer(mha(attention_axes=1), qv(t(4, 6, 5), t(3, 6, 5)), use_causal_mask=True)
    for name in ("value_mask", "key_mask"):
        check_rejected(mha(), qv(t(4, 5), t(6, 5), **{name: t(4, dtype="bool")}), match=f"{name} like")
    check_rejected(mha(), qv(t(4, 5), t(6, 5), attention_mask=t(6, 4, dtype="bool")), match="attention_mask like")
    check_rejected(mha(), qv(t(4, 5), t(6, 5), attention_mask=t(dtype="bool")), match="attention_mask like")

    check_rejected(gqa(), qv(t(4, 5), t(4, 6)), match="as many features")
    check_rejected(gqa(), qv(t(4, 5), t(6, 5), key=t(7, 5)), match="as many steps")
    check_rejected(gqa(), qv(t(2, 4, 5), t(2, 4, 5)), match="rank 3")
    check_rejected(gqa(), qv(t(4, 5), t(6, 5), query_mask=t(6, dtype="bool")), match="query_mask like")
    check_rejected(gqa(), qv(t(4, 5), t(6, 5), attention_mask=t(6, 4, dtype="bool")), match="attention_mask like")


def test_arguments_rejected() -> None:
    check_arguments_rejected(MultiHeadAttention, num_heads=0, key_dim=2)
    check_arguments_rejected(MultiHeadAttention, num_heads=2, key_dim=0)
    check_arguments_rejected(MultiHeadAttention, num_heads=2, key_dim=2, value_dim=0)
    check_arguments_rejected(MultiHeadAttention, num_heads=2, key_dim=2, sliding_window=0)
    check_arguments_rejected(MultiHeadAttention, num_heads=2, key_dim=2, dropout=0.1, flash_attention=True)
    check_arguments_rejected(MultiHeadAttention, num_heads=2, key_dim=2, dropout=1.5, stricter="it fails in the call")
    check_arguments_rejected(GroupQueryAttention, head_dim=2, num_query_heads=3, num_key_value_heads=2)
    check_arguments_rejected(GroupQueryAttention, head_dim=0, num_query_heads=2, num_key_value_heads=2)
    check_arguments_rejected(Attention, score_mode="cosine")


def test_flops_of_a_known_case() -> None:
    layer = mha(use_bias=False)
    call = call_of(layer, qv(t(4, 5), t(7, 6)))
    projections = 2 * 6 * (4 * 5 + 7 * 6 + 7 * 6 + 4 * 5)
    scores = 2 * 4 * 7
    assert layer.flop_count(call, layer.infer_outputs(call)) == projections + scores * (2 * (3 + 3) + 5)


SIZES = st.sampled_from([2, 3, T])


@given(
    data=st.data(),
    query=st.tuples(SIZES, st.integers(2, 3)),
    value=st.tuples(SIZES, st.integers(2, 3)),
    key=st.none() | st.tuples(SIZES, st.integers(2, 3)),
    cls=st.sampled_from(LAYERS),
)
@cases(80)
def test_agreement(data: st.DataObject, query: Any, value: Any, key: Any, cls: type[Layer]) -> None:
    own: dict[str, st.SearchStrategy[Any]] = {
        "num_heads": st.integers(1, 2),
        "key_dim": st.integers(1, 2),
        "value_dim": st.none() | st.integers(1, 3),
        "output_shape": st.none() | st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "attention_axes": st.none() | st.integers(-3, 2),
        "flash_attention": st.none(),
        "seed": st.none(),
        "head_dim": st.integers(1, 2),
        "num_query_heads": st.just(2),
        "num_key_value_heads": st.integers(1, 2),
        "trainable": st.nothing(),
    }
    layer = cls(**data.draw(arguments(cls, **{k: v for k, v in own.items() if k in cls.model_fields})))
    if key is not None and (key[0] is T) != (value[0] is T):  # a symbolic size may be one that fits
        key = (value[0], key[1])
    q, v = Tensor((BATCH, *query)), Tensor((BATCH, *value))
    k = None if key is None else Tensor((BATCH, *key))
    literals = {"use_causal_mask": data.draw(st.booleans())}
    inputs: Any
    if cls in {Attention, AdditiveAttention}:
        inputs = [q, v] if k is None else [q, v, k]
    else:
        inputs = qv(q, v) if k is None else qv(q, v, key=k)
    stricter = {"attend over axes": "Keras attends over the batch or the features"}
    event(outcome(layer, inputs, stricter=stricter, sizes={"t": 3}, **literals))
