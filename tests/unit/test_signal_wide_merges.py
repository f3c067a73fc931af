"""Merges of many inputs: work in proportion to their number, and the numbers of the definition."""

from __future__ import annotations

import math
import operator
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.analysis.signal import profile
from vgspec.analysis.signal.merge_gradients import others
from vgspec.frontend.load import load


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8))
def test_all_the_others(values: list[int]) -> None:
    rest = [values[:i] + values[i + 1 :] for i in range(len(values))]
    assert others(values, operator.add, 0) == [sum(part) for part in rest]
    assert others(values, operator.mul, 1) == [math.prod(part) for part in rest]


def merged(count: int, kind: str) -> str:
    rows = "".join(f"  - {{id: l{i}, in: x, Dense: {{units: 4, activation: tanh}}}}\n" for i in range(count))
    listed = ", ".join(f"l{i}" for i in range(count))
    return f'vgspec: "1"\ninputs: {{x: {{shape: [8]}}}}\nlayers:\n{rows}  - {{in: [{listed}], {kind}: {{}}}}\n'


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Average", "Maximum"])
def test_work_grows_with_the_number_of_inputs(kind: str) -> None:
    """Lines that are run in the modules of merges are counted, not timed."""
    counts = []
    for count in (20, 80):
        graph = load(merged(count, kind)).require_graph()
        seen: Counter[str] = Counter()

        def tracer(frame: object, event: str, _: object, seen: Counter[str] = seen) -> object:
            name = frame.f_code.co_filename  # type: ignore[attr-defined]
            if "merg" in name:
                seen[event] += 1
            return tracer

        old = sys.gettrace()
        sys.settrace(tracer)  # type: ignore[arg-type]
        try:
            profile(graph)
        finally:
            sys.settrace(old)
        counts.append(seen["line"])
    assert counts[1] < 5 * counts[0], counts
