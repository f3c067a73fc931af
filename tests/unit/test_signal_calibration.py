"""The prediction beside the measurements that are kept, and the page made of them. Nothing is measured here."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vgspec.dev.calibrate import FIGURES, figures
from vgspec.dev.calibration_compare import Comparison, EdgeError, KernelSize, compare, percentile
from vgspec.dev.calibration_data import GROUPS, NAMED, Record, Sizes, gather, read_group, standard_error, write_group
from vgspec.dev.calibration_deep import deep_specs
from vgspec.dev.calibration_networks import drawn
from vgspec.dev.calibration_page import Counts, cause, explodes, misses, page, perhaps, vanishes
from vgspec.testing import specs


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
    assert "| 0.667 | 0.667 | 0 | 0.667 | 0.667 |" in counts.row("vanishes")


def test_a_verdict_within_the_deviation_of_a_limit_is_undecided() -> None:
    near, far = (
        Comparison(name, kernels=[KernelSize("d/kernel", "Dense", -9.0, -3.9, 4096, deviation), *kernels((0.0, 0.0))])
        for name, deviation in (("near", 0.5), ("far", 0.05))
    )
    assert not vanishes([(kernel, kernel.measured) for kernel in near.kernels][:1])
    counts = Counts([near, far], vanishes)
    assert counts.undecided == 1
    assert counts.decided == [0, 1, 0]
    assert counts.wrong == ["(near)", "far"]
    never = Comparison("never", kernels=[KernelSize("d/kernel", "Dense", -9.0, -math.inf, 4096, math.inf)])
    assert Counts([never], vanishes).undecided == 1


def test_errors_within_those_of_the_measurement_are_no_misses() -> None:
    item = Comparison("net", gradient={"a": 0.2, "b": -0.2}, doubt={"gradient": {"a": 0.08, "b": 0.09}})
    assert misses(item)
    assert item.beyond_doubt("gradient") == pytest.approx([0.04, 0.02])
    assert perhaps(item)
    assert not perhaps(replace(item, doubt={"gradient": {"a": 0.05, "b": 0.05}}))
    assert not perhaps(replace(item, zeros=["a"]))
    assert perhaps(replace(item, zeros=["a"], unsure=["a"]))


def test_the_standard_error_of_a_median_is_that_of_a_sample() -> None:
    rng = np.random.default_rng(0)
    for seeds in (2, 3, 4, 24):
        drawn = rng.standard_normal((4000, seeds))
        deviation = float(np.sqrt((drawn.std(axis=1) ** 2).mean()))
        expected = float(np.median(drawn, axis=1).std())
        assert standard_error(Sizes(0.0, 0.0, deviation), seeds) == pytest.approx(expected, rel=0.05)
    assert standard_error(Sizes(0.0, 0.0, 0.0), 1) == math.inf


def test_a_miss_names_the_edge_type_that_causes_it() -> None:
    edges = [EdgeError("backward", "Dense", f"d{i}", 0.01, 0.01) for i in range(20)]
    edges += [EdgeError("backward", "Multiply", "gate", -0.4, 0.4), EdgeError("forward", "Dense", "d0", 0.9, 0.9)]
    edges.append(EdgeError("backward", "Add", "sum", 0.8, -0.8))  # it takes error away
    gradient = {f"d{i}": 0.4 for i in range(20)}
    item = Comparison("net", gradient=gradient, activation={"d0": 0.0}, edges=edges)
    assert cause(item, "backward") == "Multiply (-0.40 at `gate`)"
    assert misses(item) == ["gradient: Multiply (-0.40 at `gate`)"]
    record = Record("net", "specs", {"document": {}}, 3, False, 16, "")
    text = page([record], [item])
    assert "| net | 3 | 20 | 0.000 / 0.000 / 0.000 | 0.400 / 0.400 / 0.400 | – | 0 | gradient: Multiply" in text
    assert "| the zoo (specs/) | 1 | 0 | 0 | 1 | 0 | 1 |" in text


def test_a_zero_that_only_one_side_says_is_a_miss() -> None:
    one = Sizes(0.0, 0.0, 0.0)
    kernels = {("dense", "kernel"): (Sizes(-math.inf, -math.inf, 0.0), 12)}
    record = Record("one", "drawn", {"document": DENSE}, 4, True, 16, "", {"x": one}, {"x": one}, kernels)
    found = compare(record)
    assert found.zeros == ["dense/kernel"]
    assert misses(found)[0] == "zero by one of the two only: 1, first `dense/kernel`"


def test_the_same_seed_draws_the_same_specs() -> None:
    first, again, other = drawn(3, 1, specs()), drawn(3, 1, specs()), drawn(3, 2, deep_specs())
    assert json.dumps(first) == json.dumps(again)
    assert first != other
    assert len(first) == 3


def test_percentiles_are_of_absolute_values() -> None:
    assert percentile([-3.0, 1.0, 2.0], 1.0) == 3.0
    assert math.isnan(percentile([], 0.5))


def test_sizes_over_initialisations() -> None:
    assert gather([0.0, 1.0, 2.0]) == Sizes(1.0, round(0.5 * math.log10((1 + 100 + 10000) / 3), 4), 0.8165)
    assert gather([-math.inf, -math.inf, 1.0]) == Sizes(-math.inf, round(1 - 0.5 * math.log10(3), 4), 0.0)
    assert gather([-math.inf]) == Sizes(-math.inf, -math.inf, 0.0)
    assert gather([-400.0, -400.0]).root == -400.0  # squares would underflow


DENSE = {"vgspec": "1", "inputs": {"x": [4]}, "layers": [{"Dense": {"units": 3}}]}


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    sizes = {"x": Sizes(0.0, 0.1, 0.2), "dense": Sizes(-math.inf, -math.inf, 0.0)}
    kernels = {("dense", "kernel"): (Sizes(1.0, 1.0, 0.5), 12)}
    record = Record("one", "drawn", {"document": DENSE}, 4, True, 16, "", sizes, sizes, kernels)
    write_group("drawn", [record, record], tmp_path)
    assert read_group("drawn", tmp_path) == [record, record]
    write_group("applications", [record], tmp_path)
    write_group("applications", [replace(record, name="two (bytes)")], tmp_path)
    assert [item.name for item in read_group("applications", tmp_path)] == ["one", "two (bytes)"]
    assert read_group("deep", tmp_path) == []


def test_a_record_of_another_network_is_refused() -> None:
    stranger = Record("one", "drawn", {"document": DENSE}, 4, True, 16, "", {"gone": Sizes(0.0, 0.0, 0.0)})
    with pytest.raises(ValueError, match="gone was measured and is not in the network"):
        compare(stranger)
    stale = Record("seed", "specs", {"path": "specs/seed.yaml", "params": {}}, 4, True, 16, "other")
    with pytest.raises(ValueError, match=r"specs/seed.yaml has changed .*calibrate measure specs seed"):
        compare(stale)


LARGE = 300
"""Nodes beyond which a network is left to the command, to keep this test quick."""


@pytest.mark.parametrize("group", [group for group in GROUPS if read_group(group)])
def test_no_network_is_predicted_worse_than_before(group: str) -> None:
    """After a change that is an improvement on the whole: python -m vgspec.dev.calibrate table --write."""
    found = read_group(group)
    recorded = json.loads(FIGURES.read_text(encoding="utf-8"))[group]
    assert {record.name for record in found} == set(recorded)
    chosen = found if group in NAMED else found[::5]
    worse = []
    for record in chosen:
        if len(record.activation) > LARGE:
            continue
        for kind, now in figures(compare(record)).items():
            before = recorded[record.name][kind]
            if any(new > old + 0.01 + 0.02 * old for new, old in zip(now, before, strict=True)):
                worse.append(f"{record.name} {kind}: {before} -> {now}")
    assert not worse, "\n".join(worse)
