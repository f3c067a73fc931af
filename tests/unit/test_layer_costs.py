"""Floating-point operations of layers against numbers counted by hand or published; a multiply-add counts as two."""

from __future__ import annotations

from typing import Any

import pytest

from vgspec.ir import BATCH, Dim, Tensor
from vgspec.ir.dims import Sym, evaluate
from vgspec.layers import convolution as c
from vgspec.layers import normalization as n
from vgspec.layers import pooling as p
from vgspec.layers.base import Call, Layer
from vgspec.layers.core import Dense, Embedding, Identity, Masking, ReversibleEmbedding
from vgspec.layers.einsum import EinsumDense

H = Sym.named("h")


def flops(layer: Layer, *shape: Dim, **literals: Any) -> Dim:
    call = Call({layer.call_arguments[0].name: Tensor((BATCH, *shape)), **literals})
    return layer.flop_count(call, layer.infer_outputs(call))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Dense(units=10), (128,), 2 * 128 * 10 + 10),
        (Dense(units=10, use_bias=False), (5, 128), 5 * 2 * 128 * 10),
        (EinsumDense(equation="abc,cd->abd", output_shape=(None, 64), bias_axes="d"), (32, 16), 32 * 64 * (2 * 16 + 1)),
        (EinsumDense(equation="...x,xy->...y", output_shape=3), (7, 5), 7 * 2 * 5 * 3),
        (EinsumDense(equation="abc,cde->abde", output_shape=(None, 2, 3)), (7, 5), 7 * 2 * 5 * 2 * 3),
        (EinsumDense(equation="abcd,cde->abe", output_shape=(None, 6)), (7, 2, 4), 7 * 2 * 2 * 4 * 6),
        (Embedding(input_dim=9, output_dim=4), (7,), 0),
        (Identity(), (7,), 0),
        (Masking(), (7, 3), 21),
        # The stem of ResNet-50: 112 x 112 x 64 outputs of 7 x 7 x 3 taps, 118.0 million multiply-adds.
        (
            c.Conv2D(filters=64, kernel_size=7, strides=2, padding="same", use_bias=False),
            (224, 224, 3),
            2 * 118_013_952,
        ),
        # The first 3 x 3 convolution of its first stage: 115.6 million.
        (c.Conv2D(filters=64, kernel_size=3, padding="same", use_bias=False), (56, 56, 64), 2 * 115_605_504),
        # The first depthwise separable block of MobileNet: 3.6 and 25.7 million.
        (c.DepthwiseConv2D(kernel_size=3, padding="same", use_bias=False), (112, 112, 32), 2 * 3_612_672),
        (c.Conv2D(filters=64, kernel_size=1, use_bias=False), (112, 112, 32), 2 * 25_690_112),
        (
            c.SeparableConv2D(filters=64, kernel_size=3, padding="same", use_bias=False),
            (112, 112, 32),
            2 * (3_612_672 + 25_690_112),
        ),
        (c.SeparableConv1D(filters=4, kernel_size=3), (9, 2), 7 * (2 * 2 * 3 + 2 * 2 * 4 + 4)),
        (c.Conv1D(filters=4, kernel_size=3), (9, 2), 7 * 4 * (2 * 3 * 2 + 1)),
        (c.Conv2D(filters=4, kernel_size=3, groups=2, use_bias=False), (8, 8, 4), 6 * 6 * 4 * 2 * 9 * 2),
        (c.Conv3D(filters=2, kernel_size=2, data_format="channels_first"), (3, 4, 4, 4), 27 * 2 * (2 * 8 * 3 + 1)),
        (c.Conv2DTranspose(filters=5, kernel_size=2, strides=2), (4, 4, 3), 16 * 3 * 2 * 4 * 5 + 8 * 8 * 5),
        (p.MaxPooling2D(), (8, 8, 3), 4 * 4 * 3 * 4),
        (p.AveragePooling1D(pool_size=3, strides=1), (8, 3), 6 * 3 * 3),
        (p.GlobalAveragePooling2D(), (7, 7, 8), 7 * 7 * 8),
        (p.AdaptiveAveragePooling1D(output_size=3), (8, 2), 3 * 2 * 3),
        (n.BatchNormalization(), (4, 3), 24),
        (n.LayerNormalization(), (4, 3), 12 * 7),
        (n.LayerNormalization(center=False, scale=False), (4, 3), 12 * 5),
        (n.GroupNormalization(groups=3), (4, 3), 12 * 7),
        (n.RMSNormalization(), (4, 3), 48),
        (n.UnitNormalization(), (4, 3), 36),
        (n.SpectralNormalization(layer=Dense(units=10)), (128,), 2 * 128 * 10 + 10),
        (n.Normalization(), (4, 3), 24),
        (n.Rescaling(scale=2.0), (4, 3), 24),
    ],
    ids=lambda item: item.type_name if isinstance(item, Layer) else None,
)
def test_counted_by_hand(layer: Layer, shape: tuple[Dim, ...], expected: int) -> None:
    assert flops(layer, *shape) == expected


def test_symbolic_sizes_stay_symbolic() -> None:
    count = flops(c.Conv2D(filters=4, kernel_size=3, strides=2, padding="same"), H, 9, 2)
    assert str(count) == "740*((h+1)//2)"
    known = flops(c.Conv2D(filters=4, kernel_size=3, strides=2, padding="same"), 11, 9, 2)
    assert evaluate(count, {"h": 11}) == known == 6 * 5 * 4 * 37


def test_reverse_projection_counts() -> None:
    layer = ReversibleEmbedding(input_dim=9, output_dim=4)
    assert flops(layer, 7) == 0
    assert flops(layer, 7, 4, reverse=True) == 7 * 9 * 2 * 4


def test_vgg16_needs_15_5_billion_multiply_adds() -> None:
    """Simonyan and Zisserman's configuration D: 15.5 billion multiply-adds in a 224 x 224 image, 138 million weights."""
    x, total, weights = Tensor((BATCH, 224, 224, 3)), 0, 0

    def apply(layer: Layer, x: Tensor) -> Tensor:
        nonlocal total, weights
        call = Call({"inputs": x})
        (output,) = layer.infer_outputs(call)
        count = layer.flop_count(call, (output,))
        assert isinstance(count, int)
        total += count if not isinstance(layer, p.MaxPooling2D) else 0
        for weight in layer.weight_specs(call):
            size = 1
            for dim in weight.shape:
                assert isinstance(dim, int)
                size *= dim
            weights += size
        return output

    for filters, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            x = apply(c.Conv2D(filters=filters, kernel_size=3, padding="same"), x)
        x = apply(p.MaxPooling2D(), x)
    x = Tensor((BATCH, 7 * 7 * 512))
    for units in (4096, 4096, 1000):
        x = apply(Dense(units=units), x)
    assert weights == 138_357_544
    assert round(total / 2e9, 1) == 15.5
