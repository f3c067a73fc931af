"""Work grows with the size of a model, not with its square: calls are counted for n layers and for 2 n."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vgspec import load_spec
from vgspec.analysis.signal import functions, profile, response


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
