"""Predicted signal sizes beside what Keras's autodiff measures, on one small model for each kind of layer."""

from __future__ import annotations

from typing import Any

import pytest

from vgspec.api import load_spec

pytestmark = pytest.mark.tensorflow


def model(layers: list[Any], shape: list[int], dtype: str = "float32") -> dict[str, Any]:
    return {"vgspec": "1", "inputs": {"x": {"shape": shape, "dtype": dtype}}, "layers": layers}


def dense(units: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    return {"Dense": {"units": units, "activation": activation, **more}}


def conv(filters: int, **more: Any) -> dict[str, Any]:
    return {"Conv2D": {"filters": filters, "kernel_size": 3, **more}}


WIDER = [
    {"Conv2D": {"filters": 96, "kernel_size": 1}},
    {"BatchNormalization": {}},
    {"Activation": {"activation": "silu"}},
]
GATED = {
    "residual": {
        "body": [
            *WIDER,
            *[{"DepthwiseConv2D": {"kernel_size": 3, "padding": "same"}}, {"BatchNormalization": {}}],
            *[
                {"Activation": {"activation": "silu"}},
                {"Conv2D": {"filters": 24, "kernel_size": 1}},
                {"BatchNormalization": {}},
            ],
            {"Dropout": {"rate": 0.3, "noise_shape": [None, 1, 1, 1]}},
        ]
    }
}
END = [{"GlobalAveragePooling2D": {}}, dense(10, "softmax")]
POOLED = {"GlobalMaxPooling2D": {}}
RESIDUAL = {"residual": {"body": [{"BatchNormalization": {}}, {"ReLU": {}}, conv(32, padding="same")]}}
BLOCK = [
    {"residual": {"body": [{"LayerNormalization": {}}, dense(128, "gelu"), dense(64)]}},
    {"LayerNormalization": {}},
]
CASES: dict[str, tuple[dict[str, Any], float]] = {
    "tanh": (model([*[dense(128, "tanh")] * 6, dense(32)], [128]), 0.06),
    "sigmoid": (model([*[dense(128, "sigmoid")] * 6, dense(32)], [128]), 0.06),
    "selu": (model([*[dense(128, "selu", kernel_initializer="lecun_normal")] * 6, dense(32)], [128]), 0.06),
    "batch": (model([*[dense(128), {"BatchNormalization": {}}, {"ReLU": {}}] * 5, dense(32)], [128]), 0.1),
    "layer": (model([dense(64), *BLOCK, *BLOCK, dense(32)], [64]), 0.06),
    "residual": (model([conv(32, padding="same"), *[RESIDUAL] * 3, *END], [16, 16, 3]), 0.08),
    "pooling": (
        model([conv(32, activation="relu"), {"MaxPooling2D": {}}, conv(64, activation="relu"), *END], [20, 20, 3]),
        0.08,
    ),
    "padding": (model([{"ZeroPadding2D": {"padding": 2}}, conv(32, strides=2), {"ReLU": {}}, *END], [16, 16, 8]), 0.06),
    "depthwise": (
        model(
            [conv(64), {"DepthwiseConv2D": {"kernel_size": 3, "padding": "same"}}, {"BatchNormalization": {}}, *END],
            [12, 12, 8],
        ),
        0.08,
    ),
    "transposed": (
        model([{"Conv2DTranspose": {"filters": 32, "kernel_size": 3, "strides": 2}}, *END], [8, 8, 16]),
        0.06,
    ),
    "lstm": (model([{"LSTM": {"units": 64}}, dense(16)], [20, 32]), 0.08),
    "gru": (model([{"GRU": {"units": 64}}, dense(16)], [20, 32]), 0.08),
    "attention": (
        model(
            [
                {"Embedding": {"input_dim": 200, "output_dim": 64}},
                {"id": "n", "LayerNormalization": {}},
                {"id": "a", "in": {"query": "n", "value": "n"}, "MultiHeadAttention": {"num_heads": 4, "key_dim": 16}},
                {"GlobalAveragePooling1D": {}},
                dense(16),
            ],
            [16],
            "int32",
        ),
        0.1,
    ),
    "border": (  # small maps: most positions are at the border
        model([*[conv(64, padding="same"), {"BatchNormalization": {}}, {"ReLU": {}}] * 5, *END], [4, 4, 16]),
        0.03,
    ),
    "smooth": (
        model([*[conv(64, padding="same", activation="relu")] * 4, {"MaxPooling2D": {}}, *END], [8, 8, 8]),
        0.08,
    ),
    "inverted": (  # narrow, wide, each channel by itself, narrow
        model(
            [
                conv(16, padding="same"),
                *[
                    *[{"Conv2D": {"filters": 96, "kernel_size": 1}}, {"BatchNormalization": {}}, {"ReLU": {}}],
                    *[{"DepthwiseConv2D": {"kernel_size": 3, "padding": "same"}}, {"BatchNormalization": {}}],
                    *[{"ReLU": {}}, {"Conv2D": {"filters": 16, "kernel_size": 1}}, {"BatchNormalization": {}}],
                ]
                * 3,
                *[{"Conv2D": {"filters": 96, "kernel_size": 1}}, {"BatchNormalization": {}}, {"ReLU": {}}],
                *END,
            ],
            [12, 12, 3],
        ),
        0.08,
    ),
    "drop path": (model([conv(24, padding="same"), *[GATED] * 4, *WIDER, *END], [4, 4, 8]), 0.14),
    "stacked memories": (  # what one memory hands on makes near times alike, and the next one adds them up
        model([*[{"LSTM": {"units": 48, "return_sequences": True}}] * 2, {"LSTM": {"units": 48}}, dense(16)], [20, 24]),
        0.08,
    ),
    "stacked gates": (
        model([*[{"GRU": {"units": 48, "return_sequences": True}}] * 4, {"GRU": {"units": 48}}, dense(16)], [20, 24]),
        0.1,
    ),
    "stacked cells": (
        model(
            [{"RNN": {"cell": {"StackedRNNCells": {"cells": [{"GRUCell": {"units": 32}}] * 2}}}}, dense(16)], [8, 24]
        ),
        0.08,
    ),
    "rectified stream": (  # rectifiers in branches let the stream's mean grow: a gradient along it grows with it
        model([dense(96, "relu"), *[{"residual": {"body": [dense(96, "relu")]}}] * 10, dense(16)], [64]),
        0.1,
    ),
    "largest of the kept": (
        model(
            [*[conv(48, padding="same", activation="relu"), {"Dropout": {"rate": 0.5}}] * 2, POOLED, dense(16)],
            [8, 8, 8],
        ),
        0.08,
    ),
    "norm of dropped": (
        model([*[dense(96, "relu"), {"Dropout": {"rate": 0.5}}, {"BatchNormalization": {}}] * 6, dense(32)], [96]),
        0.16,
    ),
    "zeros around": (
        model([{"ZeroPadding2D": {"padding": 1}}, {"LayerNormalization": {}}, dense(64, "relu")], [4, 4, 32]),
        0.06,
    ),
    "adaptive": (
        model([conv(32, padding="same"), {"AdaptiveAveragePooling2D": {"output_size": 2}}, dense(32)], [3, 3, 16]),
        0.06,
    ),
    "linear behind a norm": (  # the kernel's gradient is what the branch beside it says
        model(
            [
                {
                    "parallel": {
                        "branches": {"a": [dense(32), {"LayerNormalization": {}}], "b": [dense(32, "tanh")]},
                        "merge": "Add",
                    }
                }
            ],
            [9, 32],
        ),
        0.06,
    ),
    "dropout": (model([dense(128, "relu"), {"Dropout": {"rate": 0.5}}, dense(128, "relu"), dense(32)], [128]), 0.06),
}


@pytest.mark.parametrize("name", CASES)
def test_predicted_sizes_are_those_that_keras_measures(name: str) -> None:
    from vgspec.dev.calibration_compare import compare, percentile
    from vgspec.dev.calibration_data import Record
    from vgspec.dev.calibration_measure import measure_graph

    spec, bound = CASES[name]
    graph = load_spec(spec).require_graph()
    found = compare(measure_graph(graph, Record(name, "specs", {"document": spec}, 3, False, 128, "")))
    assert found.unknown == 0
    assert len(found.gradient) >= len(graph.nodes) - 1  # a layer right behind the input may get no gradient
    assert percentile(found.activation.values(), 1.0) < bound
    assert percentile(found.gradient.values(), 1.0) < bound
    assert percentile(found.kernel.values(), 1.0) < 0.3
