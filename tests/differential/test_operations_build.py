"""Operations end to end: from a document to a Keras model and to source that builds the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vgspec import compile_spec, load_spec
from vgspec.backends.keras_source import emit_source

pytestmark = pytest.mark.tensorflow

SPEC = """
vgspec: "1"
inputs: {x: [6, 8], m: [6, 8]}
layers:
 - {id: total, in: [x, m], ops.add: {}}
 - {id: half, in: total, ops.multiply: {x2: 0.5}}
 - {id: first, in: half, ops.get_item: {key: [":", 0, "...", null]}}
 - {id: slice, in: half, ops.get_item: {key: [":", "1:3"]}}
 - {id: mean, in: slice, ops.mean: {axis: [1], keepdims: true}}
 - {id: centred, in: [slice, mean], ops.subtract: {}}
outputs: [first, centred]
"""


def test_the_model_computes_what_the_operations_say() -> None:
    spec = load_spec(SPEC)
    assert spec.diagnostics == ()
    graph = spec.require_graph()
    namespace: dict[str, Any] = {}
    exec(compile(emit_source(graph), "model.py", "exec"), namespace)
    rng = np.random.default_rng(0)
    x, m = (rng.standard_normal((2, 6, 8)).astype("float32") for _ in range(2))
    half = (x + m) / 2
    expected = [half[:, 0, :, None], half[:, 1:3] - half[:, 1:3].mean(1, keepdims=True)]
    for model in (compile_spec(spec), namespace["build_model"]()):
        got = model([x, m])
        assert isinstance(got, list)
        for found, value in zip(got, expected, strict=True):
            np.testing.assert_allclose(np.asarray(found), value, rtol=1e-6, atol=1e-6)
