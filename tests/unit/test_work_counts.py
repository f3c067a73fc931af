"""Work grows with the size of a model, not with its square: calls are counted for n layers and for 2 n."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from vgspec import load_spec
from vgspec.analysis.signal import cells, functions, profile, recurrent_gradients, response
from vgspec.analysis.signal.concatenation import concatenate
from vgspec.analysis.signal.state import Segment, State, independent_moments
from vgspec.analysis.signal.step import Grad, GradSegment, Lean
from vgspec.layers.signal import Concatenate
from vgspec.lint.engine import lint


def _spec(item: str, count: int) -> str:
    return 'vgspec: "1"\nname: long\ninputs:\n  x: {shape: [8]}\nlayers:\n' + f"  - {item}\n" * count


def _evaluations(item: str, count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often a scalar function is evaluated while a stack is profiled."""
    calls = 0
    fresh: Callable[..., functions.Fn] = functions.Fn

    def counted(key: object, value: Callable[..., object], slope: Callable[..., object], *rest: object) -> functions.Fn:
        def evaluated(x: object) -> object:
            nonlocal calls
            calls += 1
            return value(x)

        return fresh(key, evaluated, slope, *rest)

    for cache in (functions.scalar_function, functions._extended, response._response):
        cache.cache_clear()
    monkeypatch.setattr(functions, "Fn", counted)
    profile(load_spec(_spec(item, count)).require_graph())
    monkeypatch.undo()
    functions.scalar_function.cache_clear()
    return calls


@pytest.mark.parametrize("item", ["ReLU", "Activation: {activation: tanh}", "LeakyReLU"])
def test_a_stack_of_activations_evaluates_each_function_once(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (_evaluations(item, count, monkeypatch) for count in (40, 80))
    assert few >= 20
    assert many <= 2 * few + 4


def test_a_lint_leaves_nothing_to_the_collector() -> None:
    """What refers to itself keeps everything that it saw alive, until the collector looks through all of it."""
    spec = load_spec(
        _spec("Dense: {units: 8, activation: relu}", 20) + "compile: {optimizer: adam, loss: mse, metrics: [mae]}\n"
    )
    lint(spec, fixes=None)  # makes what is kept for good
    gc.collect()
    gc.disable()
    try:
        lint(spec, fixes=None)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_steps_of_a_recurrence_are_followed_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model has two backward passes, and a bidirectional layer of equal halves pulls back twice in each."""
    calls = 0
    follow: Callable[..., object] = cells.back_over

    def counted(*given: object) -> object:
        nonlocal calls
        calls += 1
        return follow(*given)

    monkeypatch.setattr(recurrent_gradients, "back_over", counted)
    steps = 24
    text = _spec("Bidirectional: {layer: {LSTM: {units: 4}}}", 1).replace("[8]", f"[{steps}, 8]")
    profile(load_spec(text).require_graph())
    assert calls == steps


def test_parts_of_a_concatenation_have_names_of_one_length() -> None:
    """Names made of the names before them would cost more for each of many concatenations in a row."""
    part = State((4,), 0, (Segment(4, independent_moments(1.0)),))
    step = concatenate((part, part), Concatenate(-1))
    grad = Grad((GradSegment(8, 1.0),), leans=(Lean("output", 1.0, 0.0),))
    for _ in range(3):
        first, second = step.pull((grad,)).inputs
        assert first is not None
        assert second is not None
        assert first.leans[0].origin != second.leans[0].origin
        assert not isinstance(first.leans[0].origin, tuple)
        grad = first.with_segments((GradSegment(8, 1.0),))
