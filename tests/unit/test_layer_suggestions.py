"""What is said of a layer that there is not: what was meant, or how to register one's own; never a mere likeness."""

from __future__ import annotations

import pytest

import vgspec
from vgspec.catalogue.base import known_names
from vgspec.importers.keras_config import read_config
from vgspec.layers.suggestions import REGISTER, layer_help

LAYERS = known_names("layer")


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("Dens", "did you mean 'Dense'?"),
        ("Dropot", "did you mean 'Dropout'?"),
        ("Conv2d", "did you mean 'Conv2D'?"),
        ("batch_normalization", "did you mean 'BatchNormalization'?"),
        ("SpatialDropout", "did you mean 'SpatialDropout2D'?"),
        ("Concat", "did you mean 'Concatenate'?"),
        ("Mask", "did you mean 'Masking'?"),
        ("Linear", "Keras has it as Dense"),
        ("BatchNorm2d", "Keras has it as BatchNormalization"),
        ("MaxPool3d", "Keras has it as MaxPooling3D"),
        ("ConvTranspose1d", "Keras has it as Conv1DTranspose"),
        ("AvgPool", "Keras has it as AveragePooling2D"),
        ("InstanceNormalization", "Keras has it as GroupNormalization with groups: -1"),
        ("CuDNNLSTM", "Keras has it as LSTM"),
        ("GELU", "Keras has it as Activation: {activation: gelu}"),
        ("HardSwish", "Keras has it as Activation: {activation: hard_swish}"),
        ("Sequential", "a model inside a model is a block: declare it under 'blocks', and write use"),
        ("Input", "inputs are declared under 'inputs'"),
        ("stochastic_depth", "did you mean 'StochasticDepth'?"),
    ],
)
def test_what_was_meant(name: str, help: str) -> None:
    assert layer_help(name, LAYERS) == help


@pytest.mark.parametrize(
    "name",
    ["ClusteringLayer", "CapsuleLayer", "TransformerBlock", "MyLayer", "CRF", "AttentionLayer", "PatchEmbedding",
     "Highway", "Merge", "Opaqe", "OpaqueLayer"],
)  # fmt: skip
def test_what_is_only_alike_is_not_suggested(name: str) -> None:
    assert layer_help(name, LAYERS) == REGISTER


def test_every_suggestion_is_a_layer() -> None:
    from vgspec.layers import suggestions

    for text in suggestions._ELSEWHERE.values():
        assert text.split()[0].format(n=2) in LAYERS


def test_a_spec_says_it() -> None:
    spec = vgspec.load_spec({"vgspec": "1", "inputs": {"x": {"shape": [8]}}, "layers": [{"ClusteringLayer": {}}]})
    assert [(d.code, d.help) for d in spec.diagnostics] == [("VG023", REGISTER)]


@pytest.mark.parametrize(
    ("entry", "help"),
    [
        ({"class_name": "ClusteringLayer"}, REGISTER),
        ({"class_name": "Dens"}, REGISTER),  # a class of this name exists somewhere
        ({"class_name": "Linear"}, f"Keras has it as Dense; {REGISTER}"),
        ({"class_name": "Linear", "module": "mine.layers"}, REGISTER),
        ({"class_name": "Dense", "module": "mine.layers"}, REGISTER),
    ],
)
def test_a_config_says_it(entry: dict[str, str], help: str) -> None:
    layer = {"name": "l", "config": {"name": "l"}, "inbound_nodes": [[["x", 0, 0, {}]]], **entry}
    x = {
        "class_name": "InputLayer",
        "name": "x",
        "config": {"name": "x", "batch_shape": [None, 8]},
        "inbound_nodes": [],
    }
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["l", 0, 0]]}
    found = read_config({"class_name": "Functional", "config": {"name": "m", "layers": [x, layer], **ends}})
    (only,) = found.diagnostics
    assert only.code == "VG081"
    assert only.help.startswith("the config does not tell the shape") if "module" in entry else only.help == help
