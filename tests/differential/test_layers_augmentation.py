from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    check_arguments_rejected,
    check_config,
    check_layer,
    check_masking,
    check_rejected,
    check_signature,
    t,
    tensors,
)
from vgspec.ir import Tensor
from vgspec.layers import augmentation as a
from vgspec.layers.base import Layer, Trait
from vgspec.layers.dtypes import is_floating

pytestmark = pytest.mark.tensorflow

EXAMPLES: tuple[Layer, ...] = (
    a.AugMix(),
    a.AugMix(value_range=(0, 1), num_chains=2, chain_depth=1, factor=(0.1, 0.5), all_ops=False, seed=1),
    a.CutMix(factor=0.5),
    a.MixUp(alpha=0.4, seed=3),
    a.RandAugment(num_ops=1, factor=0.2),
    a.RandomBrightness(factor=0.2),
    a.RandomBrightness(factor=(-0.2, 0.3), value_range=(0, 1)),
    a.RandomColorDegeneration(factor=0.5),
    a.RandomColorJitter(brightness_factor=0.1, contrast_factor=0.1, saturation_factor=0.1, hue_factor=0.1),
    a.RandomContrast(factor=(0.1, 0.2)),
    a.RandomCrop(height=4, width=5),
    a.RandomElasticTransform(factor=0.5, fill_mode="constant", fill_value=1),
    a.RandomErasing(fill_value=0.5),
    a.RandomFlip(),
    a.RandomFlip(mode="horizontal", seed=1),
    a.RandomGaussianBlur(kernel_size=(3, 5), sigma=(0.1, 0.9)),
    a.RandomGrayscale(factor=0.1),
    a.RandomHue(factor=0.2),
    a.RandomInvert(factor=0.2),
    a.RandomPerspective(scale=0.2, interpolation="nearest"),
    a.RandomPosterization(factor=4),
    a.RandomRotation(factor=0.1, fill_mode="constant"),
    a.RandomSaturation(factor=0.4),
    a.RandomSharpness(factor=0.4),
    a.RandomShear(x_factor=0.2, y_factor=(0.1, 0.2)),
    a.RandomTranslation(height_factor=(-0.2, 0.3), width_factor=0.1),
    a.RandomZoom(height_factor=0.1, width_factor=(-0.2, -0.1)),
    a.RandomZoom(height_factor=(-0.3, -0.2), dtype="float16"),
    a.Solarization(addition_factor=0.3, threshold_factor=(0.1, 0.3)),
)


def test_every_layer_has_an_example() -> None:
    assert {type(layer) for layer in EXAMPLES} == set(a.LAYERS)


@pytest.mark.parametrize("cls", a.LAYERS, ids=lambda cls: cls.__name__)
def test_signature(cls: type[Layer]) -> None:
    check_signature(cls)
    assert {Trait.AUGMENTATION, Trait.PREPROCESSING} <= cls.traits


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
def test_layer(layer: Layer) -> None:
    check_config(layer)
    check_layer(layer, t(8, 9, 3))
    check_layer(layer, Tensor((8, 9, 3)))
    check_layer(layer, t(None, None, 3), data=False)
    check_layer(layer, t(8, 9, 3, dtype="uint8"), data=False)
    check_masking(layer, t(8, 9, 3))


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
@given(x=tensors(st.integers(3, 4), dtypes=("float32", "int32", "uint8")))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_shapes(layer: Layer, x: Tensor) -> None:
    coloured = Tensor((*x.shape[:-1], 3), x.dtype)
    outputs = check_layer(layer, coloured, data=False)
    assert is_floating(outputs[0].dtype) or isinstance(layer, a.RandomGrayscale)


@pytest.mark.parametrize("layer", [a.RandomHue(factor=1), a.RandomSaturation(factor=1), a.RandomGrayscale(factor=1)])
def test_colours_need_three_channels(layer: Layer) -> None:
    check_rejected(layer, t(8, 9, 4), match="channels")


def test_rejected_inputs() -> None:
    check_rejected(a.RandomColorDegeneration(factor=0.5), t(8, 9, 1), match="3 channels")
    check_rejected(a.RandomColorJitter(hue_factor=0.5), t(8, 9, 1), match="3 channels")
    check_rejected(a.RandomFlip(), t(2, 8, 9, 3), match="rank 3")
    check_layer(a.RandomColorJitter(brightness_factor=0.5), t(8, 9, 1))


def test_rejected_arguments() -> None:
    check_arguments_rejected(a.RandomContrast, factor=1.5)
    check_arguments_rejected(a.RandomZoom, height_factor=-1.0)
    check_arguments_rejected(a.RandomRotation, factor=2.0)
    check_arguments_rejected(a.RandomRotation, factor=0.5, fill_mode="mirror")
    check_arguments_rejected(a.RandomPosterization, factor=9)
    check_arguments_rejected(a.RandomGaussianBlur, kernel_size=4, match="odd")
    check_arguments_rejected(a.RandomTranslation, height_factor=(0.1, 0.2, 0.3), width_factor=0.1)
    check_arguments_rejected(a.RandomPerspective, scale=1.5)
