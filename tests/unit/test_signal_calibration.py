"""The calibration's page: verdicts, counts, causes, and specs drawn the same each time. Nothing is measured here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from vgspec.dev.calibrate import Comparison, EdgeError, KernelSize, _fitting, drawn, percentile
from vgspec.dev.calibration_page import Counts, cause, explodes, misses, page, vanishes


def kernels(*sizes: tuple[float, float], kind: str = "Dense") -> list[KernelSize]:
    return [KernelSize(f"d{i}/kernel", kind, mine, theirs, 4096) for i, (mine, theirs) in enumerate(sizes)]


def judged(*sizes: float, kind: str = "Dense") -> list[tuple[KernelSize, float]]:
    return [(kernel, kernel.predicted) for kernel in kernels(*((size, size) for size in sizes), kind=kind)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((-0.5, -0.4), False),
        ((-5.2, -0.4), True),  # mean below 1e-7 and norm below 1e-5
        ((-4.1, -0.4), True),  # below 1e-4 and a thousandth of the last
        ((-4.1, -3.9), False),  # below 1e-4, but so is the last
        ((-math.inf, -0.4), True),
        ((-math.inf,), True),
        ((), False),
    ],
)
def test_a_model_vanishes_by_the_limits_of_the_rule(sizes: tuple[float, ...], expected: bool) -> None:
    assert vanishes(judged(*sizes)) is expected
    assert not vanishes(judged(*sizes, kind="Embedding"))


@pytest.mark.parametrize(
    ("sizes", "expected"), [((1.9, -1.0), False), ((2.1, -1.0), True), ((2.1, 0.5), False), ((4.1, 4.0), True)]
)
def test_a_model_explodes_by_the_limits_of_the_rule(sizes: tuple[float, ...], expected: bool) -> None:
    assert explodes(judged(*sizes)) is expected


def test_precision_and_recall_count_models() -> None:
    hit = Comparison("hit", kernels=kernels((-9.0, -8.0), (0.0, 0.0)))
    false = Comparison("false", kernels=kernels((-9.0, -1.0), (0.0, 0.0)))
    missed = Comparison("missed", kernels=kernels((-1.0, -9.0), (0.0, 0.0)))
    none = Comparison("no kernels")
    counts = Counts([hit, hit, false, missed, none], vanishes)
    assert (counts.total, counts.both, counts.predicted, counts.measured) == (4, 2, 3, 3)
    assert counts.wrong == ["false", "missed"]
    assert "| 0.667 | 0.667 |" in counts.row("vanishes")


def test_a_miss_names_the_edge_type_that_causes_it() -> None:
    edges = [EdgeError("backward", "Dense", f"d{i}", 0.01, 0.01) for i in range(20)]
    edges += [EdgeError("backward", "Multiply", "gate", -0.4, 0.4), EdgeError("forward", "Dense", "d0", 0.9, 0.9)]
    edges.append(EdgeError("backward", "Add", "sum", 0.8, -0.8))  # it takes error away
    gradient = {f"d{i}": 0.4 for i in range(20)}
    item = Comparison("net", gradient=gradient, activation={"d0": 0.0}, edges=edges)
    assert cause(item, "backward") == "Multiply (-0.40 at `gate`)"
    assert misses(item) == ["gradient: Multiply (-0.40 at `gate`)"]
    text = page([item], {"broken": "ValueError: no"}, "command", 3, 1)
    assert "| net | 20 | 0.000 / 0.000 / 0.000 | 0.400 / 0.400 / 0.400 | – | 0 | gradient: Multiply" in text
    assert "0 of 1 networks meet all of them" in text
    assert "- broken: ValueError: no" in text
    assert "command\n```" in text


def test_the_same_seed_draws_the_same_specs() -> None:
    first, again, other = drawn(3, 1), drawn(3, 1), drawn(3, 2)
    assert json.dumps(first) == json.dumps(again)
    assert first != other
    assert len(first) == 3


def test_parameters_go_to_the_specs_that_have_them(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("params: {size: {type: int, default: 8}}\n", encoding="utf-8")
    values = {"size": 64, "width": 3}
    assert _fitting(path, values) == {"size": 64}
    assert _fitting(path, {**values, "net.size": 75}) == {"size": 75}


def test_percentiles_are_of_absolute_values() -> None:
    assert percentile([-3.0, 1.0, 2.0], 1.0) == 3.0
    assert math.isnan(percentile([], 0.5))
