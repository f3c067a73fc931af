"""The benchmark measures what it says; how long anything takes is no test."""

from __future__ import annotations

import sys

import pytest

from vgspec import lint_spec, load_spec
from vgspec.dev import bench


@pytest.mark.parametrize("nodes", [100, 1000])
def test_the_document_has_its_size_and_nothing_wrong(nodes: int) -> None:
    graph = load_spec(bench.document(nodes)).require_graph()
    assert abs(len(graph.nodes) - nodes) <= 1


def test_phases_are_measured() -> None:
    phases = bench.measure_phases(20, rounds=1)
    assert list(phases) == ["parse", "check the form", "check, expand, infer shapes", "analyse and lint"]
    assert all(seconds > 0 for seconds in phases.values())
    assert lint_spec(bench.document(20)).ok


def test_a_process_is_measured() -> None:
    wall, cpu = bench._process([sys.executable, "-c", "sum(range(10**6))"], {})
    assert wall > 0
    assert cpu > 0
    with pytest.raises(RuntimeError, match="ended with 3"):
        bench._process([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_the_page_has_medians_and_ratios() -> None:
    timings = [
        bench.Timing("quick", (0.3, 0.1, 0.2), (0.1, 0.1, 0.1)),
        bench.Timing(bench.TENSORFLOW, (2.0, 1.0, 9.0), (1.0, 1.0, 2.0)),
    ]
    text = bench.page(timings, [(100, {"parse": 0.01}), (1000, {"parse": 0.2})], rounds=3)
    assert "| `quick` | 0.200 s | 0.10–0.30 | 0.100 s | 0.100 | 0.100 |" in text
    assert "| 100 | 10.0 ms |" in text
    assert "| 1,000 | 200 µs |" in text
    without = bench.page(timings[:1], [(100, {"parse": 0.01})], rounds=3)
    assert "| `quick` | 0.200 s | 0.10–0.30 | 0.100 s |  |  |" in without
