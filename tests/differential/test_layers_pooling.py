"""Pooling layers against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, event, given
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
from vgspec.ir import Tensor
from vgspec.ir.dims import Sym
from vgspec.layers import pooling as p
from vgspec.layers.base import Layer, ShapeError

pytestmark = pytest.mark.tensorflow

H = Sym.named("h")
REQUIRED = {"Aver": {"pool_size": 2}, "Adap": {"output_size": 2}}


def by_name(item: Any) -> str:
    return item.__name__ if isinstance(item, type) else type(item).__name__ if isinstance(item, Layer) else str(item)


@pytest.mark.parametrize("cls", p.LAYERS, ids=by_name)
def test_signature(cls: type[Layer]) -> None:
    check_signature(cls)
    check_config(cls(**REQUIRED.get(cls.__name__[:4], {})))


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (p.MaxPooling1D(), t(9, 2)),
        (p.MaxPooling2D(pool_size=3, strides=2, padding="same"), t(112, 112, 4)),
        (p.MaxPooling2D(pool_size=(3, 2), strides=(1, 2)), t(H, 9, None)),
        (p.MaxPooling3D(data_format="channels_first"), t(3, 4, H, 6)),
        (p.AveragePooling1D(pool_size=2, strides=3, dtype="mixed_float16"), t(H, 2)),
        (p.AveragePooling2D(pool_size=2, padding="same", data_format="channels_first"), t(3, 5, 5)),
        (p.AveragePooling3D(pool_size=2), t(4, 4, 4, 1)),
        (p.GlobalMaxPooling1D(keepdims=True), t(None, 3)),
        (p.GlobalMaxPooling2D(data_format="channels_first"), t(3, 4, 5)),
        (p.GlobalAveragePooling1D(), t(H, 3)),
        (p.GlobalAveragePooling2D(), t(7, 7, 8)),
        (p.GlobalAveragePooling3D(keepdims=True), t(2, 3, 4, H)),
        (p.AdaptiveAveragePooling1D(output_size=3), t(8, 2)),
        (p.AdaptiveMaxPooling2D(output_size=(2, 5)), t(8, 7, 2)),
        (p.AdaptiveMaxPooling3D(output_size=2, data_format="channels_first"), t(3, 4, 5, 6)),
    ],
    ids=by_name,
)
def test_examples(layer: Layer, inputs: Tensor) -> None:
    check_layer(layer, inputs)


@pytest.mark.parametrize(
    ("layer", "inputs", "match", "argument"),
    [
        (p.MaxPooling2D(), t(8, 8), "rank 4", None),
        (p.MaxPooling2D(pool_size=3), t(8, 2, 1), "window of 3 over an axis of size 2", "pool_size"),
        (p.GlobalAveragePooling1D(), t(8, 8, 2), "rank 3", None),
        (p.AveragePooling2D(pool_size=2), t(8, 8, 2, dtype="int32"), "floating", None),
        (p.MaxPooling3D(dtype="float64"), t(4, 4, 4, 2), "no kernel", "dtype"),
    ],
    ids=by_name,
)
def test_rejections(layer: Layer, inputs: Tensor, match: str, argument: str | None) -> None:
    check_rejected(layer, inputs, match=match, argument=argument)


INTEGERS = "Keras announces floats for what are integers, so that layers after it cast wrongly"
RANK = "Keras's adaptive pooling goes by the input's rank, but announces the shape that the class name says"
UNKNOWN = "TensorFlow needs the sizes when it traces the model, which saving it does"


def test_stricter() -> None:
    check_rejected(p.GlobalMaxPooling1D(), t(4, 2, dtype="int32"), match="floating", stricter=INTEGERS)
    check_rejected(p.AdaptiveMaxPooling1D(output_size=2), t(H, 2), match="known spatial", stricter=UNKNOWN)


def test_arguments() -> None:
    for cls in (p.MaxPooling1D, p.MaxPooling2D, p.MaxPooling3D):
        check_arguments_rejected(cls, pool_size=0)
        check_arguments_rejected(cls, pool_size=(1, 1, 1, 1))
        check_arguments_rejected(cls, strides=0, stricter="fails when it is called")
        check_arguments_rejected(cls, padding="causal", stricter="fails when it is called")
        check_arguments_rejected(cls, data_format="first")
    check_arguments_rejected(p.AveragePooling2D)
    check_arguments_rejected(p.AdaptiveMaxPooling2D, output_size=(1, 2, 3))
    check_arguments_rejected(p.AdaptiveMaxPooling2D, output_size=0, stricter="fails when it is called")


def test_masks() -> None:
    check_masking(p.MaxPooling1D(), t(4, 3))
    check_masking(p.GlobalAveragePooling1D(), t(4, 3))
    check_masking(p.GlobalMaxPooling1D(), t(4, 3))


STRICTER = {"floating": INTEGERS, "known spatial": UNKNOWN, r"rank [45]": RANK}


@pytest.mark.parametrize(("size", "count"), [(1, 1), (1, 3), (2, 1), (4, 1)])
def test_refuses_what_ends_the_process(size: int, count: int) -> None:
    """A max pooling with an empty output divides by zero in TensorFlow 2.21, so Keras cannot be asked here."""
    with pytest.raises(ShapeError, match="divides by zero"):
        p.AdaptiveMaxPooling1D(output_size=count).infer_outputs(call_of(p.AdaptiveMaxPooling1D, t(size, 3)))
    check_layer(p.AdaptiveAveragePooling1D(output_size=count), t(size, 3))
    check_layer(p.AdaptiveMaxPooling2D(output_size=(count, 2)), t(size, 4, 3))


@pytest.mark.parametrize("cls", p.LAYERS, ids=by_name)
def test_agrees(cls: type[Layer]) -> None:
    rank = int(cls.__name__[-2])
    few = {"data_format": st.sampled_from([None, "channels_last", "channels_first"]), "trainable": st.nothing()}

    @cases(40)
    @given(
        args=arguments(cls, **few),
        x=tensors(st.sampled_from([rank + 2] * 5 + [rank + 1]), ("float32", "float32", "float64", "int32")),
    )
    def agrees(args: dict[str, Any], x: Tensor) -> None:
        layer = cls(**args)
        if isinstance(layer, p.AdaptiveMax):  # not where it would end the process
            assume(min(layer.output_size) > 1 and all(not isinstance(size, int) or size > 2 for size in x.shape))
        event(outcome(layer, x, stricter=STRICTER))

    agrees()
