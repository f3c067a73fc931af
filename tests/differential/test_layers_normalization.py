"""Normalization layers against Keras."""

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
from vgspec.layers import normalization as n
from vgspec.layers.base import Layer
from vgspec.layers.core import Dense, Embedding, Identity
from vgspec.layers.einsum import EinsumDense

pytestmark = pytest.mark.tensorflow

H = Sym.named("h")
REQUIRED: dict[str, dict[str, Any]] = {"Rescaling": {"scale": 2.0}, "SpectralNormalization": {"layer": Dense(units=2)}}


def by_name(item: Any) -> str:
    return item.__name__ if isinstance(item, type) else type(item).__name__ if isinstance(item, Layer) else str(item)


@pytest.mark.parametrize("cls", n.LAYERS, ids=by_name)
def test_signature(cls: type[Layer]) -> None:
    check_signature(cls)
    old = {"rms_scaling": "deprecated, and not what its name says; RMSNormalization is"}
    check_config(cls(**REQUIRED.get(cls.__name__, {})), missing=old if cls is n.LayerNormalization else None)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (n.BatchNormalization(), t(H, 4)),
        (n.BatchNormalization(axis=1, center=False, momentum=0.9), t(3, 5, 5)),
        (n.BatchNormalization(scale=False, synchronized=True, dtype="mixed_float16"), t(4)),
        (n.BatchNormalization(renorm=True, renorm_clipping={"rmax": 3.0, "dmax": 5.0}), t(4, 3)),
        (n.BatchNormalization(moving_variance_initializer={"Constant": {"value": 4.0}}), t(4, dtype="int32")),
        (n.BatchNormalization(trainable=False), t(4, 3)),
        (n.LayerNormalization(), t(H, 4)),
        (n.LayerNormalization(axis=(1, 2), scale=False), t(3, 4, 2)),
        (n.LayerNormalization(axis=(-1, 1), center=False), t(3, 4, 2)),
        (n.LayerNormalization(dtype="float16"), t(4)),
        (n.LayerNormalization(center=False, scale=False), t(H)),
        (n.GroupNormalization(groups=2), t(H, 4)),
        (n.GroupNormalization(groups=-1, axis=1), t(6, 5, 5)),
        (n.GroupNormalization(groups=3, axis=-2, scale=False), t(5, 6, 4)),
        (n.RMSNormalization(), t(H, 4)),
        (n.RMSNormalization(axis=(1, 2), dtype="mixed_bfloat16"), t(3, 4)),
        (n.UnitNormalization(), t(H, 4)),
        (n.UnitNormalization(axis=(1, -1)), t(H, 4)),
        (n.SpectralNormalization(layer=Dense(units=3)), t(4, 5)),
        (n.SpectralNormalization(layer=c.Conv2D(filters=3, kernel_size=2), power_iterations=2), t(4, 5, 2)),
        (n.SpectralNormalization(layer=Dense(units=3, use_bias=False, trainable=False)), t(5)),
        (n.SpectralNormalization(layer=Dense(units=3, dtype="float64")), t(5)),
        (n.SpectralNormalization(layer=EinsumDense(equation="ab,bc->ac", output_shape=3)), t(5)),
        (n.Normalization(), t(H, 4)),
        (n.Normalization(axis=None), t(H, 4)),
        (n.Normalization(axis=(1, -1)), t(3, 4, dtype="int32")),
        (n.Normalization(mean=1.0, variance=4.0, invert=True), t(H, 4)),
        (n.Normalization(mean=(1.0, 2.0), variance=(1.0, 1.0), dtype="float16"), t(2)),
        (n.Normalization(axis=(1, 2), mean=(1.0, 2.0), variance=(1.0, 1.0)), t(3, 2, 4)),
        (n.Rescaling(scale=1 / 255), t(32, 32, 3, dtype="uint8")),
        (n.Rescaling(scale=(1.0, 2.0, 3.0), offset=-1.0, dtype="float16"), t(H, 32, 3)),
    ],
    ids=by_name,
)
def test_examples(layer: Layer, inputs: Tensor) -> None:
    check_layer(layer, inputs)


@pytest.mark.parametrize(
    ("layer", "inputs", "match", "argument"),
    [
        (n.BatchNormalization(axis=3), t(4, 3), "no axis 3", "axis"),
        (n.BatchNormalization(), t(H), "known size", None),
        (n.BatchNormalization(axis=0), t(4), "known size", None),
        (n.LayerNormalization(axis=(1, 5)), t(4, 3), "no axis 5", "axis"),
        (n.LayerNormalization(axis=1), t(H, 3), "known size", None),
        (n.GroupNormalization(), t(4), "32 groups", "groups"),
        (n.GroupNormalization(groups=2), t(3), "2 groups", "groups"),
        (n.GroupNormalization(groups=1, axis=-4), t(3, 3), "axis", "axis"),
        (n.RMSNormalization(), t(H), "known size", None),
        (n.RMSNormalization(axis=1), t(4, 3), "trailing axes", "axis"),
        (n.UnitNormalization(), t(3, dtype="int32"), "floating input", None),
        (n.UnitNormalization(axis=(1, 2)), t(3), "no axis 2", "axis"),
        (n.SpectralNormalization(layer=Identity()), t(3), "neither", "layer"),
        (n.SpectralNormalization(layer=c.SeparableConv1D(filters=2, kernel_size=1)), t(3, 2), "neither", "layer"),
        (n.Normalization(axis=3), t(3), "no axis 3", "axis"),
        (n.Normalization(), t(H), "known size", None),
        (n.Normalization(mean=(1.0, 2.0), variance=(1.0, 1.0)), t(3), "mean of shape", "mean"),
        (n.Rescaling(scale=(1.0, 2.0)), t(3), "does not broadcast", "scale"),
        (n.Rescaling(scale=1.0), t(3, dtype="string"), "numeric", None),
    ],
    ids=by_name,
)
def test_rejections(layer: Layer, inputs: Tensor, match: str, argument: str | None) -> None:
    check_rejected(layer, inputs, match=match, argument=argument)


INTEGERS = "Keras casts what it computes back to integers"
SCALE = "Keras aligns the weight with the last axes, and then scales along the wrong one"


def test_stricter() -> None:
    layer = n.SpectralNormalization(layer=Embedding(input_dim=4, output_dim=2))
    check_rejected(layer, t(3, dtype="int32"), match="floating input", stricter=INTEGERS)
    lora = n.SpectralNormalization(layer=Dense(units=2, lora_rank=1))
    check_rejected(lora, t(3), match="lora_rank", argument="layer", stricter="fails in the first training step")
    for other in (n.GroupNormalization(groups=1), n.RMSNormalization()):
        check_rejected(other, t(3, dtype="int32"), match="floating input", stricter=INTEGERS)
    check_rejected(n.RMSNormalization(axis=1), t(3, 3), match="trailing", argument="axis", stricter=SCALE)


def test_arguments() -> None:
    check_arguments_rejected(n.GroupNormalization, groups=0)
    check_arguments_rejected(n.GroupNormalization, groups=-2)
    check_arguments_rejected(n.LayerNormalization, axis="last")
    check_arguments_rejected(n.UnitNormalization, axis="last")
    check_arguments_rejected(n.Normalization, mean=1.0, match="together")
    check_arguments_rejected(n.Normalization, mean=(1.0, 2.0), variance=1.0, match="shapes")
    check_arguments_rejected(n.Normalization, axis=None, mean=(1.0,), variance=(1.0,), match="more axes")
    check_arguments_rejected(n.BatchNormalization, renorm=True, renorm_clipping={"max": 1.0}, match="got max")
    check_arguments_rejected(n.BatchNormalization, renorm=True, renorm_clipping={"rmax": 1.0, "rmin": 2.0})
    check_arguments_rejected(n.BatchNormalization, renorm=True, renorm_clipping={"dmax": -1.0})
    check_arguments_rejected(n.SpectralNormalization, layer=Dense(units=2), power_iterations=0)
    check_arguments_rejected(n.Rescaling)
    check_arguments_rejected(n.Rescaling, scale=((1.0,), (1.0, 2.0)), stricter="fails when it is called")


@pytest.mark.parametrize("cls", [cls for cls in n.LAYERS if cls is not n.SpectralNormalization], ids=by_name)
def test_masks(cls: type[Layer]) -> None:
    special: dict[str, dict[str, Any]] = {"GroupNormalization": {"groups": 1}}
    check_masking(cls(**(REQUIRED | special).get(cls.__name__, {})), t(4, 3))


AXIS = st.integers(-4, 3)
AXES = AXIS | st.lists(AXIS, min_size=1, max_size=3).map(tuple)
NUMBERS = st.floats(0.5, 2) | st.lists(st.floats(0.5, 2), min_size=1, max_size=3).map(tuple)
STRATEGIES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "BatchNormalization": {
        "axis": AXIS,
        "renorm_clipping": st.none() | st.fixed_dictionaries({}, optional={"rmax": st.floats(1, 3)}),
    },
    "LayerNormalization": {"axis": AXES},
    "GroupNormalization": {"axis": AXIS, "groups": st.integers(1, 4) | st.just(-1)},
    "RMSNormalization": {"axis": AXES},
    "UnitNormalization": {"axis": AXES},
    "Normalization": {"axis": st.none() | AXES, "mean": st.nothing(), "variance": st.nothing()},
    "Rescaling": {"scale": NUMBERS, "offset": NUMBERS},
    "SpectralNormalization": {
        "layer": st.sampled_from(
            [
                Dense(units=2),
                Dense(units=3, dtype="float16"),
                c.Conv1D(filters=2, kernel_size=2),
                c.DepthwiseConv2D(kernel_size=1),
                Identity(),
                n.UnitNormalization(),
            ]
        )
    },
}
STRICTER = {
    "names an axis twice": "Keras makes a weight with one axis too many, which may happen to fit",
    "no non-batch axis": "normalizing across the samples of a batch is not what the layer is for",
    "floating input": INTEGERS,
    "trailing axes": SCALE,
    "does not broadcast": "the array happens to fit one batch size only",
}


@pytest.mark.parametrize("cls", n.LAYERS, ids=by_name)
def test_agrees(cls: type[Layer]) -> None:
    @cases(80)
    @given(
        args=arguments(cls, **STRATEGIES[cls.__name__]),
        x=tensors(st.integers(1, 4), ("float32", "float32", "float16", "float64", "int32")),
    )
    def agrees(args: dict[str, Any], x: Tensor) -> None:
        event(outcome(cls(**args), x, stricter=STRICTER))

    agrees()
