"""The benchmark measures what it says; how long anything takes is no test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from vgspec import lint_spec, load_spec
from vgspec.dev.bench import clock, page, phases, processes, shapes
from vgspec.dev.bench.__main__ import PARTS, main
from vgspec.dev.bench.building import WAYS, Building
from vgspec.dev.bench.documents import SHAPES, residual


@pytest.mark.parametrize("count", [100, 1000])
def test_the_document_has_its_size_and_nothing_wrong(count: int) -> None:
    graph = load_spec(residual(count)).require_graph()
    assert abs(len(graph.nodes) - count) <= 1
    assert lint_spec(residual(20)).ok


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_loads_and_has_about_its_size(name: str) -> None:
    for count in (30, 60):
        assert abs(len(load_spec(SHAPES[name](count)).require_graph().nodes) - count) <= 3


def test_phases_are_measured() -> None:
    found = phases.measure(residual(20), "small", rounds=1)
    assert tuple(found.seconds) == phases.PHASES
    assert all(seconds > 0 for phase, seconds in found.seconds.items() if phase != "expand")
    assert found.nodes == 21
    assert found.memory > 2**20
    assert found.linted >= found.seconds["lint"]


def test_inference_is_done_for_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    from vgspec.layers import find_layer

    graph = load_spec(residual(20)).require_graph()
    dense = find_layer("Dense")
    assert dense is not None
    calls: list[Any] = []
    infer = dense.infer_outputs
    monkeypatch.setattr(dense, "infer_outputs", lambda self, call: calls.append(call) or infer(self, call))
    phases.infer_again(graph)
    assert len(calls) == sum(graph.operator(node).type_name == "Dense" for node in graph.nodes)


def test_growth_is_measured() -> None:
    found = shapes.measure("dense layers without activations", (20, 40, 80))
    assert found.sizes == (20, 40, 80)
    assert found.findings > 0
    assert len(found.load) == len(found.lint) == 3


def test_the_exponent_is_the_slope_on_log_axes() -> None:
    assert clock.exponent([10, 100, 1000], [1.0, 10.0, 100.0]) == pytest.approx(1.0)
    assert clock.exponent([10, 100, 1000], [2.0, 200.0, 20000.0]) == pytest.approx(2.0)
    assert clock.exponent([10, 20], [3.0, 3.0]) == pytest.approx(0.0)


def test_a_process_is_measured() -> None:
    wall, cpu, memory = clock.run_process([sys.executable, "-c", "x = bytes(50_000_000); sum(range(10**6))"], {})
    assert wall > 0
    assert cpu > 0
    assert memory > 45_000_000
    with pytest.raises(RuntimeError, match="ended with 3"):
        clock.run_process([sys.executable, "-c", "raise SystemExit(3)"], {})


def test_what_is_compared_is_measured_in_turn() -> None:
    order: list[str] = []
    found = clock.in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert [(item.name, len(item.wall), len(item.cpu)) for item in found] == [("a", 2, 2), ("b", 2, 2)]


def test_many_specs_are_linted_in_one_call(tmp_path: Path) -> None:
    timing, count = processes.measure_many(tmp_path, 3)
    assert count == len(list(tmp_path.iterdir())) == 3
    assert timing.cpu[0] > 0


def test_a_part_in_a_process_of_its_own() -> None:
    assert phases.measure_apart("20", 1, "named").name == "named"
    with pytest.raises(RuntimeError, match="phases no-such-file"):
        phases.measure_apart("no-such-file", 1)


def _measured() -> page.Measured:
    timings = [
        clock.Timing("quick", (0.3, 0.1, 0.2), (0.1, 0.1, 0.1), (2**20, 3 * 2**20, 2**20)),
        clock.Timing(processes.TENSORFLOW, (2.0, 1.0, 9.0), (1.0, 1.0, 2.0), (2**30,) * 3),
    ]
    sizes = [
        phases.Phases(str(n), n, dict.fromkeys(phases.PHASES, 1e-5 * n), 2**20) for n in (100, 1000)
    ]  # grows linearly
    ways = tuple(clock.Timing(way, (1.0, 1.0), (1.0 + i, 2.0)) for i, way in enumerate(WAYS))
    return page.Measured(
        commands=timings,
        sizes=sizes,
        shapes=[shapes.Growth("square", (10, 20, 40), (1.0, 2.0, 4.0), (1.0, 4.0, 16.0), 7)],
        many=(clock.Timing("many", (8.0,), (14.0,), (2**20,)), 1000),
        building=[Building("Net", ways)],
        imports=[clock.Timing("Net", (0.5,), (0.25,), (2**26,))],
        missing={"networks": "no Keras"},
    )


def test_the_page_has_medians_ratios_and_exponents() -> None:
    text = page.render(_measured())
    assert "| `quick` | 0.200 s | 0.10–0.30 | 0.100 s | 3 MiB | 0.100 | 0.100 |" in text
    assert "| 1,000 | 10 µs |" in text
    assert "| **exponent** | **1.00** |" in text
    assert "| square | 40 | 4.00 s | 16.00 s | 7 | 1.00 | 2.00 |" in text
    assert "14.0 ms a spec" in text
    assert "| Net | 1.50 s | 2.00 s | 2.50 s | 0.75 | 0.67 |" in text
    assert "| Net | 0.50 s | 0.25 s | 64 MiB | 0.250 |" in text
    assert "- networks: no Keras" in text


def test_the_command_measures_the_parts_that_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "sizes", "--largest", "100"]) == 0
    assert "## Growth with the number of layers" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--only", "sizes", "--write"])
    assert list(PARTS) == ["processes", "networks", "sizes", "shapes", "many", "building", "imports"]


def test_a_part_that_fails_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: object) -> None:
        raise RuntimeError("no disk")

    monkeypatch.setitem(PARTS, "many", fail)
    assert main(["--only", "many", "sizes", "--largest", "100"]) == 1
    text = capsys.readouterr().out
    assert "## Growth with" in text
    assert "- many: no disk" in text
