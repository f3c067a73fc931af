"""Every layer, operation, activation, initializer and merge has a signal rule, or the reason why it has none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from vgspec.analysis.signal import profile
from vgspec.analysis.signal.recurrent_gradients import MOST_STEPS
from vgspec.analysis.signal.softmax import _log_square, probabilities
from vgspec.analysis.signal.state import UnknownSignal
from vgspec.analysis.signal.weights import weight_law
from vgspec.api import load_spec
from vgspec.catalogue import initializers
from vgspec.catalogue.activation_table import BY_NAME
from vgspec.layers import all_layers
from vgspec.layers.base import Layer
from vgspec.layers.operations import operation_names
from vgspec.layers.operations.base import Operation
from vgspec.layers.operations.signals import RULED
from vgspec.layers.operations.signals import WITHOUT_RULE as UNRULED
from vgspec.layers.signal import WITHOUT_RULE


def predict(layers: list[Any], shape: list[int]) -> Any:
    return profile(load_spec({"vgspec": "1", "inputs": {"x": shape}, "layers": layers}).require_graph())


def test_every_layer_has_a_rule_or_a_reason_not_to() -> None:
    silent = [
        cls.__name__
        for cls in all_layers()
        if cls.signal_rule is Layer.signal_rule
        and not issubclass(cls, Operation)
        and not cls.traits & WITHOUT_RULE.keys()
    ]
    assert silent == []


def test_every_operation_has_a_rule_or_one_reason_not_to() -> None:
    reasons = [name for names in UNRULED.values() for name in names]
    assert len(reasons) == len(set(reasons))
    ruled = set(RULED) | set(BY_NAME)
    assert ruled & set(reasons) == set()
    names = {name.removeprefix("ops.") for name in operation_names()}
    assert names - ruled - set(reasons) == set()
    assert set(reasons) <= names  # no reason for what is not there


ACTIVATIONS_WITHOUT = {
    "sparsemax": "the activation sparsemax is not analysed",
    "threshold": "the activation threshold is not analysed",
}


@pytest.mark.parametrize("name", sorted({row.name for row in BY_NAME.values()}))
def test_every_activation_has_a_size_or_a_reason_not_to(name: str) -> None:
    functions: dict[str, Any] = {
        "glu": {},
        "threshold": {"threshold": 0.5, "default_value": 0.0},
    }  # no layer takes them
    layer = {f"ops.{name}": functions[name]} if name in functions else {"Activation": {"activation": name}}
    found = predict([{"Dense": {"units": 32}}, {"id": "a", **layer}], [16]).by_id["a"]
    if name in ACTIVATIONS_WITHOUT:
        assert not found.known
        assert ACTIVATIONS_WITHOUT[name] in found.reason
    else:
        assert found.known
        assert math.isfinite(found.log10_activation)


@pytest.mark.parametrize("cls", initializers.ALL, ids=lambda cls: cls.__name__)
def test_every_initializer_has_a_law_or_says_that_it_has_none(cls: Any) -> None:
    if cls.__name__ == "STFT":  # a table of cosines, of the spectrogram that has no rule either
        with pytest.raises(UnknownSignal, match="the moments of STFT are not known"):
            weight_law(cls(side="real"), (1, 8, 8))
        return
    law = weight_law(cls(), (8, 8))
    assert law.variance >= 0.0
    assert math.isfinite(law.square)


@pytest.mark.parametrize(
    "merge", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", {"Dot": {"axes": 1}}]
)
def test_every_merge_has_a_size(merge: Any) -> None:
    kind = merge if isinstance(merge, dict) else {merge: {}}
    branches = [{"id": "a", "in": "x", "Dense": {"units": 8}}, {"id": "b", "in": "x", "Dense": {"units": 8}}]
    found = predict([*branches, {"id": "m", "in": ["a", "b"], **kind}], [4]).by_id["m"]
    assert found.known
    assert math.isfinite(found.log10_activation)
    assert found.log10_gradient == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("layer", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrences_of_any_length_are_analysed(layer: str) -> None:
    def kernels(steps: int, **more: Any) -> Any:
        found = predict([{"id": "r", layer: {"units": 16, **more}}, {"Dense": {"units": 4}}], [steps, 8])
        return found.by_id["r"]

    few, many = kernels(2 * MOST_STEPS), kernels(10**9)
    assert many.known
    assert many.log10_activation == pytest.approx(few.log10_activation, abs=1e-6)
    assert many.log10_kernel_gradient == pytest.approx(few.log10_kernel_gradient, abs=0.01)
    # with an output at each step, a loss that is a mean over them: the kernel's gradient falls with their root
    few, many = kernels(1000, return_sequences=True), kernels(10**6, return_sequences=True)
    assert many.log10_kernel_gradient == pytest.approx(few.log10_kernel_gradient - 1.5, abs=0.1)


def test_steps_that_are_all_alike_are_not_counted_one_by_one() -> None:
    """A short sequence followed step by step, and the same with the shortcut: the sums agree."""
    from unittest.mock import patch

    spec = [{"id": "r", "GRU": {"units": 16, "return_sequences": True}}]
    quick = predict(spec, [400, 8]).by_id["r"]
    with patch("vgspec.analysis.signal.recurrent_gradients.unchanged", lambda *steps: False):
        slow = predict(spec, [400, 8]).by_id["r"]
    for name, value in slow.kernels.items():
        assert quick.kernels[name] == pytest.approx(value, abs=1e-6)


def test_softmax_over_any_number_of_classes_is_analysed() -> None:
    for classes in (10**6, 10**9):
        found = predict([{"id": "d", "Dense": {"units": classes, "activation": "softmax"}}], [16]).by_id["d"]
        assert found.known
        assert found.log10_activation == pytest.approx(-math.log10(classes), abs=0.5)
    assert probabilities(1.0, 10**9)[0] == pytest.approx(math.e * 1e-18, rel=0.02)  # E[y^2] = e^v / n^2


def test_the_logarithm_of_many_probabilities_is_that_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    for variance in (1.0, 9.0):
        x = math.sqrt(variance) * rng.standard_normal((4, 50_000))
        log = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        assert _log_square(variance, 50_000) == pytest.approx(float((log * log).mean()), rel=0.03)
