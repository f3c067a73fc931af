"""What `--fix --unsafe-fixes` leaves of a faulty spec is healthy when Keras measures it, not only by prediction."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.fixes import fix_spec

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
FAULTY = Path(__file__).parents[2] / "specs" / "faulty"
LOW, HIGH = -5.0, 4.0
"""Decimal logarithms between which the norm of every kernel's gradient lies in a model that can be trained."""
SICK = ("gradient-vanishes", "gradient-explodes", "unnormalised-residual-growth")
MENDED = (
    *SICK,
    "undersized-initializer",
    "no-normalization-in-deep-stack",
    "saturating-stack",
    "forward-signal-vanishes",
    "initializer-activation-mismatch",
    "narrow-deep-stack",
    "oversized-initializer",
    "unscaled-input",
    "zero-or-constant-kernel",
)


def kernel_gradients(text: str) -> list[float]:
    """Decimal logarithms of the norms of all kernels' gradients, as Keras measures them."""
    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import measure

    graph = load(text).require_graph()
    statistics = {
        item.name: (float(given.get("mean", 0.0)), float(given.get("std", 1.0)))
        for item in graph.inputs
        if (given := dict(item.options).get("statistics"))
    }
    return list(measure(build_model(graph, seed=1), seed=2, statistics=statistics).kernels.values())


@pytest.mark.parametrize("name", MENDED)
def test_a_fixed_spec_measures_healthy(name: str) -> None:
    text = (FAULTY / f"{name}.yaml").read_text(encoding="utf-8")
    fixed = fix_spec(load(text), unsafe=True)
    assert [d.name for d in fixed.result.diagnostics if d.severity is not Severity.INFO] == []
    after = kernel_gradients(fixed.text)
    if "kernel_initializer: zeros" in fixed.text:  # what stands before a kernel of zeros gets its gradient a step later
        after = [size for size in after if size > -math.inf]
    assert after
    assert all(math.isfinite(size) and LOW < size < HIGH for size in after), after
    if name in SICK:
        before = kernel_gradients(text)
        assert not all(math.isfinite(size) and LOW < size < HIGH for size in before), before
