"""A strategy of deep stacks at realistic widths, so that many of them vanish or explode: for the detector's counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

__all__ = ["deep_specs"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_ACTIVATIONS = st.sampled_from(
    ["relu", "relu", "tanh", "sigmoid", "selu", "gelu", "elu", "silu", "softplus", "hard_sigmoid", "softsign", "linear"]
)
_INITIALIZERS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "orthogonal"]),
    st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0]).map(lambda x: {"RandomNormal": {"stddev": x}}),
    st.sampled_from([0.05, 0.1, 0.5]).map(lambda x: {"RandomUniform": {"minval": -x, "maxval": x}}),
    st.sampled_from([0.25, 0.5, 2.0, 4.0, 6.0, 9.0, 16.0, 25.0]).map(lambda x: {"VarianceScaling": {"scale": x}}),
)
_BIASES = st.sampled_from(["zeros", "zeros", "ones", {"RandomNormal": {"stddev": 0.5}}])
_HEADS = st.sampled_from(
    [
        {"units": 10, "activation": "softmax"},
        {"units": 1, "activation": "sigmoid"},
        {"units": 10},
        {"units": 1},
        {"units": 32, "activation": "tanh"},
    ]
)


@st.composite
def deep_specs(draw: Draw) -> dict[str, Any]:
    """Stacks of 3 to 40 layers: dense, convolutional or recurrent, with or without normalization and skips."""
    kind = draw(st.sampled_from(["dense", "dense", "convolution", "sequence", "recurrent"]))
    width = draw(st.sampled_from([16, 32, 64, 128] if kind == "dense" else [8, 16, 32]))
    depth = draw(st.integers(3, 40 if kind == "dense" else 6 if kind == "recurrent" else 20))
    one = draw(st.booleans())  # one choice for the whole stack, as people do, or one for each layer
    common = {"activation": draw(_ACTIVATIONS), "kernel_initializer": draw(_INITIALIZERS)}
    norm = draw(st.sampled_from([None, None, "BatchNormalization", "LayerNormalization", "RMSNormalization"]))
    skip = draw(st.booleans()) and kind != "recurrent"
    dropout = draw(st.sampled_from([0.0, 0.0, 0.2, 0.5]))
    layers: list[Any] = []
    if kind == "dense":
        shape = [draw(st.sampled_from([8, 32, 100]))]
    elif kind == "convolution":
        shape = [*[draw(st.sampled_from([8, 16]))] * 2, draw(st.sampled_from([1, 3]))]
    else:
        shape = [draw(st.sampled_from([10, 30])), draw(st.sampled_from([4, 16]))]
    made = {
        "dense": {"Dense": {"units": width}},
        "convolution": {"Conv2D": {"filters": width, "kernel_size": 3, "padding": "same"}},
        "sequence": {"Conv1D": {"filters": width, "kernel_size": 3, "padding": "same"}},
        "recurrent": {draw(st.sampled_from(["LSTM", "GRU", "SimpleRNN"])): {"units": width, "return_sequences": True}},
    }[kind]
    layers.append(_with(made, common))
    for index in range(depth):
        own = common if one else {"activation": draw(_ACTIVATIONS), "kernel_initializer": draw(_INITIALIZERS)}
        if kind == "recurrent":
            own = {"kernel_initializer": own["kernel_initializer"]} if index % 2 else own
            last = index == depth - 1
            layers.append(_with(made, {**own, "return_sequences": not last}))
            continue
        body = [_with(made, {**own, "bias_initializer": draw(_BIASES)} if not one else own)]
        if norm is not None:
            body.insert(draw(st.integers(0, 1)), {norm: {}})
        if dropout:
            body.append({"Dropout": {"rate": dropout}})
        layers += [{"residual": {"body": body}}] if skip else body
        if kind == "convolution" and index % 6 == 5:
            layers.append(
                {draw(st.sampled_from(["MaxPooling2D", "AveragePooling2D"])): {"pool_size": 2, "padding": "same"}}
            )
    if kind == "convolution":
        layers.append({draw(st.sampled_from(["GlobalAveragePooling2D", "Flatten"])): {}})
    if kind == "sequence":
        layers.append({draw(st.sampled_from(["GlobalAveragePooling1D", "GlobalMaxPooling1D"])): {}})
    layers.append({"Dense": draw(_HEADS)})
    return {"vgspec": "1", "name": "deep", "inputs": {"x": shape}, "layers": layers}


def _with(layer: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    name, arguments = next(iter(layer.items()))
    return {name: {**arguments, **more}}
