"""Reshaping layers against Keras."""

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
from vgspec.ir.dims import Sym, add, floor_div, mul, sub
from vgspec.layers.base import Call, Layer
from vgspec.layers.reshaping import (
    LAYERS,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")]

H, W = Sym.named("h"), Sym.named("w")
EXAMPLES: tuple[tuple[Layer, Tensor], ...] = (
    (Flatten(), t()),
    (Flatten(), t(4, 3)),
    (Flatten(), t(H, None, 3)),
    (Flatten(data_format="channels_first"), t(4, 3, 2)),
    (Flatten(), t(4, 3, dtype="int32")),
    (Flatten(), t(4, 3, dtype="string")),
    (Flatten(dtype="float16"), t(4, 3)),
    (Reshape(target_shape=(2, 6)), t(4, 3)),
    (Reshape(target_shape=(-1, 6)), t(4, 3)),
    (Reshape(target_shape=(-1,)), t(H, W, 3)),
    (Reshape(target_shape=(-1, 2, 3)), t(H, W, 6)),
    (Reshape(target_shape=(-1, 4)), t(None, 8)),
    (Reshape(target_shape=()), t(1)),
    (Reshape(target_shape=(3, 1)), t(3, dtype="bool")),
    (Permute(dims=(2, 1)), t(H, 3)),
    (Permute(dims=(3, 1, 2)), t(4, None, 3, dtype="int64")),
    (RepeatVector(n=3), t(4)),
    (RepeatVector(n=3), t(None)),
    (Cropping1D(), t(H, 3)),
    (Cropping1D(cropping=2), t(7, 3)),
    (Cropping1D(cropping=(0, 2)), t(7, 3)),
    (Cropping2D(), t(4, 5, 3)),
    (Cropping2D(cropping=1), t(H, 5, 3)),
    (Cropping2D(cropping=((1, 2), (0, 1)), data_format="channels_first"), t(3, 5, 5)),
    (Cropping2D(cropping=(1, (0, 1))), t(5, None, 3)),
    (Cropping3D(), t(4, 5, 6, 3)),
    (Cropping3D(cropping=(1, (0, 1), 2), data_format="channels_first"), t(3, 5, 5, H)),
    (ZeroPadding1D(), t(H, 3)),
    (ZeroPadding1D(padding=(0, 3)), t(None, 3)),
    (ZeroPadding1D(padding=2, data_format="channels_first"), t(3, 4)),
    (ZeroPadding2D(), t(H, W, 3)),
    (ZeroPadding2D(padding=((0, 1), (2, 3)), data_format="channels_first"), t(3, 4, 4)),
    (ZeroPadding3D(padding=(1, 0, (1, 2))), t(4, 4, None, 3)),
    (ZeroPadding3D(), t(4, 4, 4, 3)),
    (UpSampling1D(size=3), t(H, 3)),
    (UpSampling2D(), t(H, None, 3)),
    (UpSampling2D(size=(2, 3), interpolation="bilinear"), t(H, 4, 3)),
    (UpSampling2D(size=2, data_format="channels_first"), t(3, 4, 4)),
    (UpSampling3D(size=(1, 2, 3)), t(2, 2, H, 3)),
    (UpSampling3D(data_format="channels_first"), t(3, 2, 2, 2)),
)


def test_signatures_and_configs() -> None:
    assert {type(layer) for layer, _ in EXAMPLES} == set(LAYERS)
    pairs = {"padding": "stored as two numbers for each axis"}
    for cls in LAYERS:
        check_signature(cls, defaults=pairs if cls is ZeroPadding2D else {})
    assert ZeroPadding2D() == ZeroPadding2D(padding=(1, 1)) == ZeroPadding2D(padding=1)
    for layer, x in EXAMPLES:
        check_config(layer)
        if x.rank > 2 and x.dtype == "float32":
            check_masking(layer, Tensor(tuple(size if isinstance(size, int) else 6 for size in x.shape)))
    check_layer(Reshape(target_shape=(2, 3)), t(H, 6), sizes={"h": 1})


@pytest.mark.parametrize(("layer", "x"), EXAMPLES)
def test_accepted(layer: Layer, x: Tensor) -> None:
    check_layer(layer, x)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area"])
def test_interpolations(interpolation: str) -> None:
    check_layer(UpSampling2D(interpolation=interpolation), t(4, 4, 3))


def test_integers_are_declared_floating() -> None:
    for layer, x in EXAMPLES:
        if not isinstance(layer, Flatten | Reshape | Permute):
            check_layer(layer, Tensor(x.shape, "int32"), data=False)


def output(layer: Layer, x: Tensor) -> tuple[Any, ...]:
    return layer.infer_outputs(Call({"inputs": x}))[0].shape


def test_symbolic_sizes_are_exact() -> None:
    assert output(Flatten(), t(H, W, 3)) == (BATCH, mul(3, mul(H, W)))
    assert output(Reshape(target_shape=(-1, 3)), t(H, W, 3)) == (BATCH, mul(H, W), 3)
    assert output(Reshape(target_shape=(-1, 4)), t(H)) == (BATCH, floor_div(H, 4), 4)
    assert output(Cropping1D(cropping=2), t(H, 3)) == (BATCH, sub(H, 4), 3)
    assert output(ZeroPadding2D(), t(H, W, 3)) == (BATCH, add(H, 2), add(W, 2), 3)
    assert output(UpSampling1D(), t(H, 3)) == (BATCH, mul(2, H), 3)


def test_rejected() -> None:
    check_rejected(Reshape(target_shape=(5,)), t(4, 3), match=r"reshape \(4, 3\) into \(5,\)", argument="target_shape")
    check_rejected(Reshape(target_shape=(-1, 5)), t(4, 3), match="cannot reshape", argument="target_shape")
    check_rejected(Reshape(target_shape=(-1, 0)), t(4, 3), match="cannot reshape", argument="target_shape")
    check_rejected(Reshape(target_shape=(-1, 2)), t(add(mul(2, H), 1)), match="cannot reshape", argument="target_shape")
    check_rejected(Permute(dims=(2, 1)), t(3), match="rank 3")
    check_rejected(RepeatVector(n=2), t(4, 3), match="rank 2")
    check_rejected(Cropping1D(cropping=2), t(4, 3), match="leaves nothing", argument="cropping")
    check_rejected(Cropping2D(cropping=((0, 0), (3, 1))), t(9, 4, 3), match="axis 2", argument="cropping")
    check_rejected(Cropping3D(data_format="channels_first"), t(3, 3, 2, 3), match="axis 3 of", argument="cropping")
    for rank, classes in (
        (3, (Cropping1D, ZeroPadding1D, UpSampling1D)),
        (4, (Cropping2D, ZeroPadding2D, UpSampling2D)),
        (5, (Cropping3D, ZeroPadding3D, UpSampling3D)),
    ):
        for cls in classes:
            check_rejected(cls(), t(3), match=f"rank {rank}")


def test_arguments_rejected() -> None:
    check_arguments_rejected(Reshape, target_shape=(-1, -1))
    check_arguments_rejected(Reshape, target_shape=(-2,))
    check_arguments_rejected(Permute, dims=(1, 3))
    check_arguments_rejected(Permute, dims=(0, 1))
    check_arguments_rejected(RepeatVector, n=0)
    check_arguments_rejected(RepeatVector, n=1.5)
    check_arguments_rejected(Cropping1D, cropping=(1, -1))
    check_arguments_rejected(Cropping2D, cropping=-1)
    check_arguments_rejected(Cropping2D, cropping=(1, 2, 3))
    check_arguments_rejected(Cropping3D, cropping=(1, 2))
    check_arguments_rejected(ZeroPadding1D, padding=-1)
    check_arguments_rejected(UpSampling1D, size=0)
    check_arguments_rejected(UpSampling2D, size=(0, 1))
    check_arguments_rejected(UpSampling2D, interpolation="cubic", stricter="Keras fails in the call")
    check_arguments_rejected(Flatten, data_format="last")


SIDES = st.integers(0, 2)
PAIR = st.tuples(SIDES, SIDES)


def sides(rank: int) -> st.SearchStrategy[Any]:
    return SIDES | st.tuples(*[SIDES | PAIR] * rank)


@given(data=st.data(), cls=st.sampled_from(LAYERS))
@cases(150)
def test_agreement(data: st.DataObject, cls: type[Layer]) -> None:
    own: dict[str, st.SearchStrategy[Any]] = {"trainable": st.nothing()}
    last = cls.__name__[-2:-1]
    if cls is Reshape:
        own["target_shape"] = (
            st.lists(st.sampled_from([-1, 1, 2, 3, 6]), max_size=3).map(tuple).filter(lambda shape: shape.count(-1) < 2)
        )
    if cls is Permute:
        own["dims"] = st.integers(0, 3).flatmap(lambda n: st.permutations(range(1, n + 1))).map(tuple)
    for name in {"cropping", "padding"} & cls.model_fields.keys():
        own[name] = SIDES | PAIR if last == "1" else sides(int(last))
    layer = cls(**data.draw(arguments(cls, **own)))
    x = data.draw(tensors(st.integers(1, 5), size=4))
    if cls is Reshape:  # a symbolic size may be one that fits
        x = Tensor((BATCH, *(size if isinstance(size, int) else 6 for size in x.shape[1:])))
    event(outcome(layer, x, sizes={"h": 6, "w": 6}))
