"""Convolutions against Keras."""

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
from vgspec.ir import Tensor
from vgspec.ir.dims import Sym
from vgspec.layers import convolution as c
from vgspec.layers.base import Layer

pytestmark = pytest.mark.tensorflow

H = Sym.named("h")
SIZES = {"h": 11}


@pytest.mark.parametrize("cls", c.LAYERS, ids=lambda cls: cls.__name__)
def test_signature(cls: type[Layer]) -> None:
    swapped = "Keras alone has output_padding behind data_format here; the shared rules are worth more"
    check_signature(cls, order=swapped if cls is c.Conv3DTranspose else "")
    check_config(cls(**({"filters": 2} if "filters" in cls.model_fields else {}), kernel_size=2))


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (c.Conv1D(filters=4, kernel_size=3), t(9, 2)),
        (c.Conv1D(filters=4, kernel_size=3, padding="causal", strides=2), t(H, 2)),
        (c.Conv1D(filters=4, kernel_size=3, padding="causal", dilation_rate=4), t(H, 2)),
        (c.Conv1D(filters=4, kernel_size=3, data_format="channels_first", use_bias=False), t(2, 9)),
        (c.Conv2D(filters=64, kernel_size=7, strides=2, padding="same"), t(32, 32, 3)),
        (c.Conv2D(filters=6, kernel_size=(3, 2), strides=(2, 1), groups=2), t(H, 9, 4)),
        (c.Conv2D(filters=6, kernel_size=3, dilation_rate=(2, 1), padding="same"), t(H, None, 4)),
        (c.Conv2D(filters=6, kernel_size=3, dtype="mixed_float16", bias_initializer="ones"), t(8, 8, 2)),
        (c.Conv3D(filters=2, kernel_size=2, strides=(1, 2, 1), padding="same"), t(4, H, 5, 3)),
        (c.DepthwiseConv1D(kernel_size=3, depth_multiplier=2), t(H, 3)),
        (c.DepthwiseConv2D(kernel_size=3, strides=2, padding="same"), t(H, 9, 3)),
        (c.DepthwiseConv2D(kernel_size=3, strides=2, dilation_rate=2), t(H, 9, 3)),
        (c.DepthwiseConv2D(kernel_size=3, strides=(1, 2), dilation_rate=2), t(8, 9, 3)),
        (c.SeparableConv2D(filters=4, kernel_size=3, strides=(1, 2), dilation_rate=(1, 2)), t(8, 9, 3)),
        (c.SeparableConv1D(filters=4, kernel_size=3, use_bias=False), t(9, 3)),
        (c.SeparableConv2D(filters=4, kernel_size=3, depth_multiplier=2, strides=2), t(H, 9, 3)),
        (c.Conv1DTranspose(filters=4, kernel_size=3, strides=2), t(H, 3)),
        (c.Conv2DTranspose(filters=4, kernel_size=2, strides=2, padding="same"), t(H, 5, 3)),
        (c.Conv2DTranspose(filters=4, kernel_size=3, strides=3, output_padding=(1, 2), padding="same"), t(5, H, 3)),
        (c.Conv2DTranspose(filters=4, kernel_size=2, strides=3, output_padding=1), t(5, H, 3)),
        (c.Conv3DTranspose(filters=4, kernel_size=2, strides=2), t(2, 3, 4, 2)),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, Layer) else str(item),
)
def test_examples(layer: Layer, inputs: Tensor) -> None:
    check_layer(layer, inputs, sizes=SIZES)


@pytest.mark.parametrize(
    ("layer", "inputs", "match", "argument"),
    [
        (c.Conv2D(filters=4, kernel_size=3), t(8, 8), "rank 4", None),
        (c.Conv2D(filters=4, kernel_size=3), t(8, 8, None), "known number of channels", None),
        (c.Conv2D(filters=4, kernel_size=3), t(8, 8, H), "known number of channels", None),
        (c.Conv2D(filters=4, kernel_size=3), t(2, 8, 3), "window of 3 over an axis of size 2", "kernel_size"),
        (c.Conv2D(filters=4, kernel_size=3, dilation_rate=3), t(8, 6, 3), "dilated by 3", "kernel_size"),
        (c.Conv2D(filters=4, kernel_size=3, groups=2), t(8, 8, 3), "2 groups", "groups"),
        (c.Conv2D(filters=4, kernel_size=3), t(8, 8, 3, dtype="uint8"), "floating input", None),
        (c.DepthwiseConv2D(kernel_size=3), t(2, 8, 3), "leaves no output", "kernel_size"),
        (
            c.Conv2DTranspose(filters=4, kernel_size=2, strides=2, output_padding=0, padding="same"),
            t(8, 8, 3),
            "even size",
            "output_padding",
        ),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, Layer) else str(item),
)
def test_rejections(layer: Layer, inputs: Tensor, match: str, argument: str | None) -> None:
    check_rejected(layer, inputs, match=match, argument=argument)


UNEQUAL = "TensorFlow has them in float32 on CPUs with oneDNN only"


def test_stricter() -> None:
    layer = c.DepthwiseConv2D(kernel_size=3, strides=(1, 2), dtype="float16")
    check_rejected(layer, t(8, 8, 3), match="equal strides", argument="strides")
    layer = c.SeparableConv2D(filters=4, kernel_size=3, strides=(1, 2), dtype="float16")
    check_rejected(layer, t(8, 8, 3), match="equal strides", argument="strides")


def test_arguments() -> None:
    for cls in (c.Conv1D, c.Conv2D, c.Conv3D, c.Conv1DTranspose, c.Conv2DTranspose, c.Conv3DTranspose):
        check_arguments_rejected(cls, filters=0, kernel_size=3)
        check_arguments_rejected(cls, filters=2, kernel_size=0)
        check_arguments_rejected(cls, filters=2, kernel_size=3, strides=0)
        check_arguments_rejected(cls, filters=2, kernel_size=(3, 3, 3, 3))
        check_arguments_rejected(cls, filters=2, kernel_size=3, padding="full")
        check_arguments_rejected(cls, filters=2, kernel_size=3, strides=2, dilation_rate=2, match="exclude")
    check_arguments_rejected(c.Conv2D, filters=2, kernel_size=3, padding="causal")
    check_arguments_rejected(c.Conv2D, filters=3, kernel_size=3, groups=2, match="divide filters")
    check_arguments_rejected(c.Conv2D, filters=3, kernel_size=3, groups=0)
    check_arguments_rejected(c.Conv2DTranspose, filters=3, kernel_size=3, strides=2, output_padding=2, match="below")
    check_arguments_rejected(c.DepthwiseConv2D, kernel_size=3, depth_multiplier=0)


def test_masks() -> None:
    check_masking(c.Conv1D(filters=2, kernel_size=1), t(4, 3))
    check_masking(c.DepthwiseConv1D(kernel_size=1), t(4, 3))
    check_masking(c.Conv1DTranspose(filters=2, kernel_size=1), t(4, 3))


STRICTER = {
    "even size": "TensorFlow takes it for some sizes, where the padding happens to fit",
    "equal strides": UNEQUAL,
}
PLAIN = {
    name: st.nothing()
    for name in ("trainable", "kernel_regularizer", "bias_regularizer", "activity_regularizer", "bias_constraint")
}


@pytest.mark.parametrize("cls", c.LAYERS, ids=lambda cls: cls.__name__)
def test_agrees(cls: type[Layer]) -> None:
    rank = int(cls.__name__[cls.__name__.index("D") - 1 if not cls.__name__.startswith("D") else -2])
    few = {"data_format": st.sampled_from([None, None, "channels_last", "channels_first"])}

    @cases(60)
    @given(
        args=arguments(cls, **PLAIN, **few),
        x=tensors(st.sampled_from([rank + 2] * 5 + [rank + 1]), ("float32", "float32", "float64", "int32")),
    )
    def agrees(args: dict[str, Any], x: Tensor) -> None:
        try:
            layer = cls(**args)
        except ValueError:
            event("refused at construction")
            check_arguments_rejected(cls, **args)
            return
        event(outcome(layer, x, stricter=STRICTER))

    agrees()
