"""Core layers against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    arguments,
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
from vgspec.ir.dims import Sym
from vgspec.layers.core import Dense, Embedding, Identity, Masking, ReversibleEmbedding
from vgspec.layers.einsum import EinsumDense

pytestmark = pytest.mark.tensorflow

H = Sym.named("h")
KWARGS = {"activity_regularizer": "Keras takes it through **kwargs and writes it into the config"}


def test_signatures() -> None:
    check_signature(Dense)
    check_signature(EinsumDense, extra=KWARGS)
    weights = {"weights": "an array: initial values are no part of a spec, nor of Keras's config"}
    check_signature(Embedding, missing=weights, extra=KWARGS)
    check_signature(ReversibleEmbedding, extra=KWARGS)
    check_signature(Identity)
    check_signature(Masking)


def test_configs() -> None:
    check_config(Dense(units=3, lora_rank=2))
    check_config(EinsumDense(equation="ab,bc->ac", output_shape=3))
    check_config(Embedding(input_dim=3, output_dim=2, lora_rank=1))
    lora = {"quantization_config": "None in this version: a model is quantized after its training"}
    check_config(ReversibleEmbedding(input_dim=3, output_dim=2), missing=lora)
    check_config(Identity())
    check_config(Masking())


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Dense(units=3), t(5)),
        (Dense(units=3, use_bias=False), t(4, 5)),
        (Dense(units=3), t(H, None, 5)),
        (Dense(units=3, trainable=False), Tensor((2, 5))),
        (Dense(units=3, bias_initializer={"Constant": {"value": 0.5}}), t(5)),
        (Dense(units=3, lora_rank=2), t(5)),
        (Dense(units=3, lora_rank=2, lora_alpha=4.0, use_bias=False, dtype="float16"), t(5)),
        (Dense(units=3, activation="tanh"), t(5)),
        (Dense(units=3), t(5, dtype="float16")),
        (Dense(units=3, dtype="mixed_bfloat16"), t(5)),
        (Dense(units=3), t(5, dtype="int64")),
        (EinsumDense(equation="ab,bc->ac", output_shape=64, bias_axes="c"), t(32)),
        (EinsumDense(equation="abc,cd->abd", output_shape=(None, 64), bias_axes="d"), t(32, 128)),
        (EinsumDense(equation="abc,cd->abd", output_shape=(None, 64), bias_axes="d"), t(H, 12)),
        (EinsumDense(equation="...x,xy->...y", output_shape=64, bias_axes="y"), t(32, 12)),
        (EinsumDense(equation="...x,xy->...y", output_shape=64, bias_axes="y"), t(H, H, 12)),
        (EinsumDense(equation="...x,xy->...y", output_shape=64, bias_axes="y"), t(H, 12)),
        (EinsumDense(equation="...bx,xy->...by", output_shape=6), t(12)),
        (EinsumDense(equation="ab...,bc->ac...", output_shape=4, bias_axes="c"), t(3, 5, 6)),
        (EinsumDense(equation="abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"), t(4, 5)),
        (EinsumDense(equation="abc,cde->abde", output_shape=(None, 2, 3), bias_axes="d", lora_rank=2), t(4, 5)),
        (EinsumDense(equation="abcd,cde->abe", output_shape=(None, 7), bias_axes="e"), t(4, 5, 6)),
        (EinsumDense(equation="ab,b->ab", output_shape=5, lora_rank=2), t(5)),
        (Embedding(input_dim=5, output_dim=3), t(4, dtype="int32")),
        (Embedding(input_dim=5, output_dim=3, lora_rank=2), t(4, dtype="int64")),
        (Embedding(input_dim=5, output_dim=3, dtype="mixed_float16"), t(H, 2, dtype="int64")),
        (Embedding(input_dim=5, output_dim=3), t(4)),
        (Embedding(input_dim=5, output_dim=3), Tensor((BATCH,), "uint8")),
        (ReversibleEmbedding(input_dim=5, output_dim=3), t(4, dtype="int32")),
        (ReversibleEmbedding(input_dim=5, output_dim=3, tie_weights=False, mask_zero=True), t(4, dtype="int32")),
        (Identity(), t(4, dtype="int32")),
        (Identity(), [t(4), t(2, 3, dtype="float64")]),
        (Identity(dtype="float16"), t(4)),
        (Masking(), t(4, 3)),
        (Masking(mask_value=-1.0, dtype="float16"), t(H, 3)),
    ],
    ids=str,
)
def test_examples(layer: Any, inputs: Any) -> None:
    check_layer(layer, inputs)


def test_reverse_projection() -> None:
    layer = ReversibleEmbedding(input_dim=5, output_dim=3, logit_soft_cap=2.0)
    assert check_layer(layer, t(4, 3), reverse=True)[0].shape == (BATCH, 4, 5)
    check_layer(ReversibleEmbedding(input_dim=5, output_dim=3, tie_weights=False), t(4, 3), reverse=True)
    check_rejected(layer, t(4, 2), match="output_dim=3", reverse=True)
    check_layer(
        layer.replace(reverse_dtype="float16", logit_soft_cap=None),
        t(4, 3),
        announces="Keras announces its compute dtype, and computes in reverse_dtype",
        reverse=True,
    )


def test_announced_dtype_of_masked_integers() -> None:
    check_layer(Masking(), t(4, 3, dtype="int32"), announces="Keras announces its compute dtype")


def test_masks() -> None:
    check_masking(Dense(units=3), t(4, 5))
    check_masking(Identity(), t(4, 5))
    check_masking(EinsumDense(equation="abc,cd->abd", output_shape=(None, 6)), t(4, 5))
    check_masking(Embedding(input_dim=5, output_dim=3), t(4, dtype="int32"))
    assert Embedding(input_dim=5, output_dim=3, mask_zero=True).makes_mask
    assert Masking().makes_mask


@pytest.mark.parametrize(
    ("layer", "inputs", "match", "argument"),
    [
        (Dense(units=3), t(), "rank 2 or more", None),
        (Dense(units=3), t(None), "known size", None),
        (Dense(units=3), t(H), "known size", None),
        (Dense(units=3), t(4, dtype="string"), "numeric", None),
        (EinsumDense(equation="ab,bc->ac", output_shape=64), t(4, 32), "another rank", "equation"),
        (EinsumDense(equation="abc,cd->abd", output_shape=(3, 64)), t(4, 32), "size 3", "output_shape"),
        (EinsumDense(equation="abc,cd->abd", output_shape=64), t(4, 32), "every axis", "output_shape"),
        (EinsumDense(equation="abc,cd->abd", output_shape=(None, None)), t(4, 32), "size of the", "output_shape"),
        (EinsumDense(equation="abc,bcd->abd", output_shape=(None, 3)), t(4, 32), "known size", "output_shape"),
        (EinsumDense(equation="abc,cd->abd", output_shape=(None, 3), bias_axes="b"), t(H, 2), "bias", "bias_axes"),
    ],
    ids=str,
)
def test_rejections(layer: Any, inputs: Any, match: str, argument: str | None) -> None:
    check_rejected(layer, inputs, match=match, argument=argument)


def test_stricter() -> None:
    check_rejected(
        Dense(units=4, activation="glu"),
        t(4),
        match="glu",
        argument="activation",
        stricter="Keras announces the shape without the halving",
    )
    check_rejected(
        EinsumDense(equation="...x,xy->...y", output_shape=64),
        t(H, 3, 12),
        match="reverses",
        argument="equation",
        stricter="Keras announces (None, 3, None, 64)",
    )


def test_arguments() -> None:
    check_arguments_rejected(Dense, units=0)
    check_arguments_rejected(Dense, units=2.5)
    check_arguments_rejected(Dense)
    check_arguments_rejected(Dense, units=3, dtype="float33")
    check_arguments_rejected(Dense, units=3, kernel_initializer="he_uniforn")
    check_arguments_rejected(Dense, units=3, lora_rank=2, kernel_constraint="non_neg", stricter="fails in build")
    check_arguments_rejected(Embedding, input_dim=0, output_dim=1)
    check_arguments_rejected(Embedding, input_dim=1, output_dim=0)
    for equation in ("ab,bc", "ab->a", "a1,1b->ab", "ab,bc->ad", "ab,cd->a", "aab,bc->ac", "ab,bc->ac..."):
        check_arguments_rejected(EinsumDense, equation=equation, output_shape=3, stricter="fails in build")
    for axes in ("", "b"):
        options = {"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": axes}
        check_arguments_rejected(EinsumDense, **options, stricter="fails in build")


DTYPES = ("float32", "float16", "float64", "bfloat16", "int32", "uint8", "bool")


@cases(60)
@given(args=arguments(Dense), x=tensors(st.integers(1, 4), DTYPES))
def test_dense_agrees(args: dict[str, Any], x: Tensor) -> None:
    if args.get("lora_rank"):
        args.pop("kernel_constraint", None)
    event(outcome(Dense(**args), x))


@cases(40)
@given(args=arguments(Embedding), x=tensors(st.integers(1, 4), ("int32", "int64", "uint8", "string")))
def test_embedding_agrees(args: dict[str, Any], x: Tensor) -> None:
    if args.get("lora_rank"):
        args.pop("embeddings_constraint", None)
    event(outcome(Embedding(**args), x, integers_below=1))


STRICTER = {
    "another rank": "Keras computes some equations by a plain product of matrices, which does not ask for ranks",
    "reverses": "Keras announces the elided axes in reverse order",
}


@st.composite
def einsums(draw: st.DrawFn) -> tuple[dict[str, Any], Tensor]:
    """Arguments of an EinsumDense and an input: consistent, but for one change in some cases."""
    sizes = {letter: draw(st.integers(1, 4)) for letter in "abcdef"}
    form = draw(st.sampled_from(["", "left", "right"]))
    inner = draw(st.lists(st.integers(2, 3), max_size=2)) if form else []
    x = ("" if form == "left" else "a") + "".join(draw(st.permutations("bcd"))[: draw(st.integers(1, 3))])
    kept = "".join(letter for letter in x.lstrip("a") if draw(st.booleans()))
    new = "ef"[: draw(st.integers(0, 2))]
    y = "".join(draw(st.permutations(kept + new)))
    y = ("" if form == "left" else "a") + y
    w = "".join(draw(st.permutations([*new, *(c for c in x.lstrip("a") if c not in kept or draw(st.booleans()))])))
    left, right = "..." * (form == "left"), "..." * (form == "right")
    shape = [*inner, *(sizes[c] for c in x)] if form == "left" else [*(sizes[c] for c in x[1:]), *inner]
    output = [sizes[c] if c in w or draw(st.booleans()) else None for c in y.removeprefix("a")]
    args = {
        "equation": f"{left}{x}{right},{w}->{left}{y}{right}",
        "bias_axes": draw(st.none() | st.sampled_from([y[-1:], y])) if y else None,
        "lora_rank": draw(st.none() | st.integers(1, 2)),
    }
    change = draw(st.sampled_from(["", "", "", "", "rank", "size", "output", "open", "letter"]))
    if change == "rank":
        shape.append(2)
    elif change == "size" and shape:
        shape[draw(st.integers(0, len(shape) - 1))] += 1
    elif change == "output" and output:
        output[draw(st.integers(0, len(output) - 1))] = draw(st.none() | st.integers(1, 4))
    elif change == "open" and shape:
        shape[draw(st.integers(0, len(shape) - 1))] = Sym.named("h")
    elif change == "letter":
        args["equation"] = args["equation"].replace(draw(st.sampled_from("abcdef")), draw(st.sampled_from("abcdef")))
    return args | {"output_shape": tuple(output)}, t(*shape)


@cases(150)
@given(case=einsums())
def test_einsum_dense_agrees(case: tuple[dict[str, Any], Tensor]) -> None:
    args, x = case
    try:
        layer = EinsumDense(**args)
    except ValueError:
        event("refused at construction")
        check_arguments_rejected(EinsumDense, **args, stricter="fails in build")
        return
    event(outcome(layer, x, stricter=STRICTER))
