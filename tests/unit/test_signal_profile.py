"""The predicted profile of small graphs: definitions, extremes, and what is said where nothing is known."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vgspec.analysis.signal import Assumptions, Profile, profile, with_inserted, with_layers, with_skip
from vgspec.analysis.signal.interpret import _HANDLERS
from vgspec.api import load_spec
from vgspec.layers import signal as rule


def predict(layers: list[Any], shape: list[Any], *, dtype: str = "float32", **more: Any) -> Profile:
    spec = {"vgspec": "1", "inputs": {"x": {"shape": shape, "dtype": dtype}}, "layers": layers, **more}
    return profile(load_spec(spec).require_graph())


def stack(depth: int, activation: str, initializer: str, width: int = 64) -> list[Any]:
    dense = {"units": width, "activation": activation, "kernel_initializer": initializer}
    return [{"id": f"d{i}", "Dense": dense} for i in range(depth)]


def test_every_primitive_has_an_interpreter() -> None:
    own = {
        getattr(rule, name)
        for name in rule.__all__
        if name not in ("Primitive", "Rule", "Unknown", "flat", "WITHOUT_RULE")
    }
    primitives = {item for item in own if isinstance(item, type)}
    assert primitives == set(_HANDLERS)


def test_thirty_sigmoid_layers_vanish_and_the_number_is_not_flushed() -> None:
    found = predict([*stack(30, "sigmoid", "glorot_uniform"), {"Dense": {"units": 10}}], [64])
    first = found.by_id["d0"].log10_gradient
    last = found.by_id["d29"].log10_gradient
    assert first is not None
    assert last is not None
    # each layer keeps sqrt(E[sigmoid'^2]) of about 0.236
    assert (last - first) / 29 == pytest.approx(-math.log10(0.236), abs=0.02)
    assert found.worst_edges(1)[0].node.startswith("d")


def test_six_hundred_sigmoid_layers_do_not_underflow() -> None:
    found = predict([*stack(600, "sigmoid", "glorot_uniform"), {"Dense": {"units": 10}}], [64])
    log = found.by_id["d0"].log10_gradient
    assert log is not None
    assert -400 < log < -350


def test_he_keeps_a_rectifier_stack_and_the_spread_grows_with_depth_over_width() -> None:
    found = predict([*stack(20, "relu", "he_normal", 256), {"Dense": {"units": 10}}], [256])
    gradients = [node.log10_gradient for node in found.nodes if node.log10_gradient is not None]
    assert max(gradients) - min(gradients) < 0.6
    narrow = predict([*stack(20, "relu", "he_normal", 16), {"Dense": {"units": 10}}], [16])
    wide_spread, narrow_spread = found.by_id["d0"].spread, narrow.by_id["d0"].spread
    assert wide_spread is not None
    assert narrow_spread is not None
    assert narrow_spread > 2 * wide_spread


def test_narrow_rectifier_stacks_may_be_born_dead() -> None:
    found = predict([*stack(34, "relu", "he_normal", 5), {"Dense": {"units": 1}}], [5])
    assert found.by_id["d33"].dead == pytest.approx(1 - (1 - 2**-5) ** 34, rel=0.05)
    assert predict(stack(3, "relu", "he_normal"), [64]).by_id["d2"].dead < 1e-15


def test_zero_kernels_give_zero_and_never_nan() -> None:
    found = predict([*stack(2, "relu", "zeros"), {"Dense": {"units": 1}}], [8])
    assert found.by_id["d1"].activation_rms == 0.0
    assert found.by_id["d0"].gradient_rms == 0.0
    for node in found.nodes:
        for value in (node.activation_rms, node.gradient_rms, node.kernel_gradient_norm):
            assert value is None or not math.isnan(value)


def test_no_edge_is_not_a_number_where_no_gradient_arrives() -> None:
    layers = [{"id": "a", "Dense": {"units": 4}}, {"id": "y", "Subtract": {}, "in": ["a", "a"]}]
    found = predict(layers, [8])
    dead = [edge for edge in found.edges if found.by_id[edge.node].gradient_rms == 0.0]
    assert dead
    assert all(edge.gradient == 0.0 for edge in dead)


def test_overflow_is_infinite_with_a_reason() -> None:
    found = predict(stack(6, "exponential", "he_normal"), [64])
    last = found.by_id["d5"]
    assert last.activation_rms == math.inf
    assert "overflows" in last.reason
    assert last.known


def test_what_stands_before_an_unknown_layer_is_not_analysed() -> None:
    found = predict(
        [
            {"id": "a", "Dense": {"units": 8}},
            {"id": "b", "Activation": {"activation": "sparsemax"}},
            {"Dense": {"units": 1}},
        ],
        [8],
    )
    assert not found.by_id["b"].known
    assert "sparsemax" in found.by_id["b"].reason
    assert found.by_id["a"].gradient_rms is None
    assert not found.by_id["a"].known
    assert found.by_id["a"].activation_rms is not None


def test_unknown_sizes_are_assumed_and_marked() -> None:
    layers = [{"id": "rnn", "LSTM": {"units": 16}}, {"Dense": {"units": 1}}]
    spec = {"vgspec": "1", "inputs": {"x": {"shape": [None, 4]}}, "layers": layers}
    graph = load_spec(spec).require_graph()
    found = profile(graph, Assumptions(time=20))
    assert found.by_id["rnn"].facts["steps"] == 20
    assert found.by_id["rnn"].assumed
    assert profile(graph).by_id["rnn"].facts["steps"] == 128


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [
        ({"SimpleRNN": {"units": 64, "activation": "sigmoid"}}, 1, 6),
        ({"GRU": {"units": 64}}, 8, 24),
        ({"LSTM": {"units": 64, "unit_forget_bias": False}}, 8, 24),
        ({"LSTM": {"units": 64}}, 18, 50),
    ],
)
def test_memory_horizon(layer: dict[str, Any], low: int, high: int) -> None:
    found = predict([{"id": "rnn", **layer}, {"Dense": {"units": 1}}], [100, 16])
    assert low <= found.by_id["rnn"].facts["horizon"] <= high


def test_a_frozen_layer_has_no_kernel_gradient_but_passes_the_signal_on() -> None:
    layers = [{"id": "a", "Dense": {"units": 8}}, {"id": "b", "Dense": {"units": 8, "trainable": False}}]
    found = predict([*layers, {"Dense": {"units": 1}}], [8])
    assert found.by_id["b"].kernel_gradient_norm is None
    assert found.by_id["a"].kernel_gradient_norm is not None


def test_stop_gradient_ends_the_flow() -> None:
    layers = [{"id": "a", "Dense": {"units": 8}}, {"ops.stop_gradient": {}}, {"Dense": {"units": 1}}]
    found = predict(layers, [8])
    assert found.by_id["a"].gradient_rms is None
    assert found.by_id["a"].known


def test_loss_weights_scale_the_kernel_gradient() -> None:
    def norm(weight: float) -> float:
        compiled = {"optimizer": "sgd", "loss": "mse", "loss_weights": weight}
        found = predict([{"id": "a", "Dense": {"units": 1}}], [8], compile=compiled)
        value = found.by_id["a"].kernel_gradient_norm
        assert value is not None
        return value

    assert norm(10.0) == pytest.approx(10 * norm(1.0))


def test_softmax_over_one_unit_has_no_gradient() -> None:
    compiled = {"optimizer": "sgd", "loss": "mse"}
    found = predict([{"id": "a", "Dense": {"units": 1, "activation": "softmax"}}], [8], compile=compiled)
    assert found.by_id["a"].kernel_gradient_norm == 0.0


def test_what_if_a_layer_is_replaced_inserted_or_skipped() -> None:
    from vgspec.layers import find_layer

    spec = {"vgspec": "1", "inputs": {"x": {"shape": [64]}}, "layers": stack(20, "sigmoid", "glorot_uniform")}
    graph = load_spec(spec).require_graph()
    before = profile(graph).by_id["d0"].log10_gradient
    assert before is not None
    dense, norm = find_layer("Dense"), find_layer("LayerNormalization")
    assert dense is not None
    assert norm is not None
    better = dense(units=64, activation="relu", kernel_initializer="he_normal")
    after = profile(with_layers(graph, {f"d{i}": better for i in range(20)})).by_id["d0"].log10_gradient
    assert after is not None
    assert after > before + 8
    normed = profile(with_inserted(graph, "d5", "norm", norm())).by_id["d0"].log10_gradient
    assert normed is not None
    assert normed > before
    skipped = profile(with_skip(graph, "d0", "d18", "skip")).by_id["d0"].log10_gradient
    assert skipped is not None
    assert skipped > before + 8
