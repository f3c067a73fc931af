from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    check_arguments_rejected,
    check_config,
    check_layer,
    check_rejected,
    check_signature,
    symbolic,
    t,
)
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.core import Dense
from vgspec.layers.image import (
    LAYERS,
    AutoContrast,
    CenterCrop,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    ImageLayer,
    MaxNumBoundingBoxes,
    Pipeline,
    Resizing,
)

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.tensorflow

H, W = Sym.named("h"), Sym.named("w")
EXAMPLES: tuple[Layer, ...] = (
    Resizing(height=5, width=6),
    Resizing(height=5, width=6, interpolation="nearest", crop_to_aspect_ratio=True, data_format="channels_last"),
    Resizing(height=9, width=12, pad_to_aspect_ratio=True, fill_value=1, interpolation="lanczos3", dtype="float16"),
    CenterCrop(height=5, width=6),
    CenterCrop(height=20, width=3),
    AutoContrast(),
    AutoContrast(value_range=(0, 1), data_format="channels_first"),
    Equalization(bins=16),
    ContrastLimitedAdaptiveHistogramEqualization(clip_limit=2, tile_grid_size=(2, 2)),
    MaxNumBoundingBoxes(max_number=3),
)
PIPELINES: tuple[Pipeline, ...] = (
    Pipeline(layers=(Resizing(height=5, width=6), AutoContrast())),
    Pipeline(layers=(CenterCrop(height=4, width=4), Resizing(height=2, width=2), Dense(units=7))),
)


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_signature(cls: type[Layer]) -> None:
    check_signature(cls)


@pytest.mark.parametrize("layer", [*EXAMPLES, *PIPELINES], ids=repr)
def test_config_keys(layer: Layer) -> None:
    check_config(layer)


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_images(layer: Layer, dtype: str) -> None:
    runs = dtype == "float32"  # on integers Keras infers the compute dtype and computes in the input's
    check_layer(layer, t(8, 9, 3, dtype=dtype), data=runs)
    check_layer(layer, Tensor((8, 9, 3), dtype), data=runs)
    check_layer(layer, t(H, W, 3, dtype=dtype), data=False)


@pytest.mark.parametrize("layer", PIPELINES, ids=repr)
def test_pipeline(layer: Pipeline) -> None:
    check_layer(layer, t(8, 9, 3))


@pytest.mark.parametrize("layer", EXAMPLES, ids=repr)
def test_rank(layer: Layer) -> None:
    with pytest.raises(ShapeError, match="rank 3"):
        layer.infer_outputs(Call({"data": t(8)}))
    check_rejected(layer, t(2, 8, 9, 3), match="rank 3")


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.lists(st.integers(1, 12), min_size=3, max_size=3),
    st.sampled_from(["channels_last", "channels_first"]),
    st.sampled_from([Resizing, CenterCrop]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_output_size(height: int, width: int, shape: list[int], data_format: Any, cls: type[ImageLayer]) -> None:
    layer = cls(height=height, width=width, data_format=data_format)
    check_layer(layer, t(*shape), data=False)
    check_layer(layer, t(*shape[:1], None, *shape[2:]), data=False)


def test_mapping_of_inputs() -> None:
    boxes = {"boxes": t(7, 4), "labels": t(7, dtype="int32")}
    data = {"images": t(8, 9, 3), "labels": t(2), "bounding_boxes": boxes}
    for layer in (AutoContrast(), MaxNumBoundingBoxes(max_number=3)):
        outputs = layer.infer_outputs(Call({"data": data}))
        given = keras.tree.map_structure(symbolic, data)
        result = getattr(keras.layers, layer.type_name)(**layer.canonical(), bounding_box_format="xyxy")(given)
        found = [(x.dtype, tuple(x.shape)) for x in keras.tree.flatten(result)]
        assert [(x.dtype, tuple(d if isinstance(d, int) else None for d in x.shape)) for x in outputs] == found


def test_mappings_that_keras_cannot_infer() -> None:
    with pytest.raises(ShapeError, match="mapping"):
        Resizing(height=2, width=2).infer_outputs(Call({"data": {"images": t(8, 9, 3)}}))
    with pytest.raises(ShapeError, match="images"):
        AutoContrast().infer_outputs(Call({"data": {"labels": t(2)}}))


def test_arguments() -> None:
    check_arguments_rejected(Resizing, height=0, width=2, stricter="Keras fails when it is called")
    check_arguments_rejected(Resizing, height=2, width=2, interpolation="cubic", stricter="fails when it is called")
    check_arguments_rejected(Pipeline, layers=(), trainable=False)


def test_pipeline_names_the_layer_that_fails() -> None:
    layer = Pipeline(layers=(AutoContrast(), Resizing(height=2, width=2)))
    error = check_rejected(layer, t(1, 2, 8, 9, 3), argument="layers")
    assert "layer 0 of the pipeline, AutoContrast" in error.message
    with pytest.raises(ShapeError, match="at least one"):
        Pipeline(layers=()).infer_outputs(Call({"inputs": Tensor((BATCH, 2))}))
