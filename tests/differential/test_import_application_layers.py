"""The layers that ``keras.applications`` keeps for itself, held against Keras."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras")

from vgspec import compile_spec, from_keras, load_spec  # noqa: E402
from vgspec.backends.objects import to_keras  # noqa: E402
from vgspec.ir import BATCH, Tensor  # noqa: E402
from vgspec.layers import Call, find_layer  # noqa: E402

pytestmark = pytest.mark.tensorflow

X = Tensor((BATCH, 4, 3))
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "LayerScale": ({"init_values": 0.1, "projection_dim": 3}, 1),
    "StochasticDepth": ({"drop_path_rate": 0.25}, 1),
    "CustomScaleLayer": ({"scale": 0.2}, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_shapes_weights_and_arguments(name: str) -> None:
    arguments, count = CASES[name]
    cls = find_layer(name)
    assert cls is not None
    layer = cls(**arguments)
    call = Call({layer.call_arguments[0].name: (X,) * count if count > 1 else X})  # type: ignore[attr-defined]
    made = to_keras(layer)
    tensors = [keras.Input((4, 3)) for _ in range(count)]
    output = made(tensors if count > 1 else tensors[0])
    (inferred,) = layer.infer_outputs(call)  # type: ignore[attr-defined]
    assert tuple(output.shape[1:]) == inferred.shape[1:]
    weights = layer.weight_specs(call)  # type: ignore[attr-defined]
    assert [tuple(w.shape) for w in made.weights if "seed" not in w.path] == [w.shape for w in weights]
    for weight, spec in zip(made.weights, weights, strict=False):
        np.testing.assert_allclose(weight.numpy(), to_keras(spec.initializer)(spec.shape), rtol=1e-6)
    assert set(arguments) <= set(made.get_config())


def test_a_network_of_them_comes_back() -> None:
    text = (
        'vgspec: "1"\ninputs: {x: {shape: [4, 3]}}\nlayers:\n'
        "  - residual:\n"
        "      body: [{Dense: {units: 3}}, {LayerScale: {init_values: 0.1, projection_dim: 3}},"
        " {StochasticDepth: {drop_path_rate: 0.25}}]\n"
        "      merge: {CustomScaleLayer: {scale: 0.5}}\n"
    )
    model = compile_spec(text, seed=1)
    back = from_keras(model)
    assert back.require_graph().hash(names=False) == load_spec(text).require_graph().hash(names=False)
    x = np.ones((2, 4, 3), "f")
    rebuilt = compile_spec(back.to_yaml())
    rebuilt.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(x), rebuilt(x))


def test_shapes_that_do_not_fit_are_refused() -> None:
    head = 'vgspec: "1"\ninputs: {x: {shape: [4, 3]}}\nlayers:\n'
    wrong = head + "  - LayerScale: {init_values: 0.1, projection_dim: 5}\n"
    assert [d.code for d in load_spec(wrong).diagnostics] == ["VG050"]
    one = head + "  - CustomScaleLayer: {scale: 0.5}\n"
    assert [d.code for d in load_spec(one).diagnostics] == ["VG050"]
