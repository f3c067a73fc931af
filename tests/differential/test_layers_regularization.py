"""Dropout, noise and activity regularization against Keras."""

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
from vgspec.layers.base import Layer
from vgspec.layers.regularization import (
    LAYERS,
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")]

H = Sym.named("h")
EXAMPLES: tuple[tuple[Layer, Tensor], ...] = (
    (ActivityRegularization(l1=0.1, l2=0.2), t(3)),
    (AlphaDropout(rate=0.5), t(H, 3)),
    (AlphaDropout(rate=0.5, noise_shape=(None, 1, 3)), t(4, 3)),
    (Dropout(rate=0.5), t()),
    (Dropout(rate=0), t(3)),
    (Dropout(rate=1.0), t(3)),
    (Dropout(rate=0.5, noise_shape=(None, 1, None), seed=3), t(H, 3)),
    (Dropout(rate=0.5, noise_shape=(4, 3)), t(4, 3)),
    (GaussianDropout(rate=0.5), t(None, 3)),
    (GaussianNoise(stddev=1.0), t(4, 3)),
    (SpatialDropout1D(rate=0.5), t(H, 3)),
    (SpatialDropout2D(rate=0.5), t(H, None, 3)),
    (SpatialDropout2D(rate=0.5, data_format="channels_first"), t(3, 4, 5)),
    (SpatialDropout3D(rate=0.5), t(4, 4, 4, 3)),
)


def test_signatures_and_configs() -> None:
    assert {type(layer) for layer, _ in EXAMPLES} == set(LAYERS)
    for cls in LAYERS:
        check_signature(cls)
    for layer, x in EXAMPLES:
        check_config(layer)
        if x.rank > 2:
            check_masking(layer, Tensor(tuple(size if isinstance(size, int) else 4 for size in x.shape)))


@pytest.mark.parametrize(("layer", "x"), EXAMPLES)
def test_accepted(layer: Layer, x: Tensor) -> None:
    training: dict[str, Any] = {} if isinstance(layer, ActivityRegularization) else {"training": True}
    check_layer(layer, x, **training)
    check_layer(layer.replace(dtype="mixed_float16"), x)


def test_integers_are_declared_floating() -> None:
    check_layer(Dropout(rate=0.5), t(3, dtype="int32"), data=False)
    check_layer(GaussianNoise(stddev=0.5, dtype="float16"), t(3, dtype="int32"), data=False)


def test_rejected() -> None:
    check_rejected(SpatialDropout1D(rate=0.5), t(3), match="rank 3")
    check_rejected(SpatialDropout2D(rate=0.5), t(4, 3), match="rank 4")
    check_rejected(SpatialDropout3D(rate=0.5), t(4, 4, 3), match="rank 5")
    for cls in (Dropout, AlphaDropout):
        for noise_shape in ((None, 2, 3), (4, None, 1, 1), (2, None)):
            check_rejected(
                cls(rate=0.5, noise_shape=noise_shape),
                t(4, 3),
                match="cannot broadcast the noise shape",
                argument="noise_shape",
                training=True,
            )


def test_arguments_rejected() -> None:
    for cls in (Dropout, AlphaDropout, GaussianDropout, SpatialDropout1D):
        check_arguments_rejected(cls, rate=-0.1)
        check_arguments_rejected(cls, rate=1.5)
    for cls in (SpatialDropout1D, SpatialDropout2D, SpatialDropout3D):
        check_arguments_rejected(cls, rate=0.5, trainable=False)
    check_arguments_rejected(GaussianNoise, stddev=1.5)
    check_arguments_rejected(Dropout, rate=0.5, noise_shape=(0, 1))
    check_arguments_rejected(ActivityRegularization, l1=-1.0)
    for cls in (AlphaDropout, GaussianDropout):
        check_arguments_rejected(cls, rate=1.0, stricter="Keras divides by zero in training")


@given(data=st.data(), cls=st.sampled_from(LAYERS))
@cases(80)
def test_agreement(data: st.DataObject, cls: type[Layer]) -> None:
    shapes = {"noise_shape": st.none() | st.lists(st.sampled_from([None, 1, 2, 3]), max_size=4).map(tuple)}
    takes = {name: value for name, value in shapes.items() if name in cls.model_fields}
    seeds = {"seed": st.none() | st.integers(0, 9)} if "seed" in cls.model_fields else {}
    trainable = {"trainable": st.nothing()}
    layer = cls(**data.draw(arguments(cls, **takes, **seeds, **trainable)))
    x = data.draw(tensors(st.integers(1, 5), size=3))
    x = Tensor((2, *(size if isinstance(size, int) else 3 for size in x.shape[1:])))
    training: dict[str, Any] = {} if cls is ActivityRegularization else {"training": True}
    stricter = {"noise shape": "Keras does not look at it if the rate is zero, and counts nulls from the first axis"}
    event(outcome(layer, x, stricter=stricter, **training))
