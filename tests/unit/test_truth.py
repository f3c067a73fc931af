"""The measures of the linter on small made-up slices: no data, no training."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from vgspec.dev import truth, truth_applications, truth_networks, truth_programs
from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.rule import model_text


def config(*layers: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (8,)) -> dict[str, Any]:
    """A sequential Keras config."""
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, *shape], "name": "x", "dtype": "float32"}}
    rest = [
        {"class_name": name, "config": {"name": f"layer_{i}", **arguments}}
        for i, (name, arguments) in enumerate(layers)
    ]
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [first, *rest]}}


def row(name: str, keras_json: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {
        "id": name,
        "source": "made up",
        "so_id": "1",
        "label": "faulty",
        "faults": [],
        "keras_json": keras_json,
        "compile": None,
        "measured": {"labels": ["ok"]},
    } | given


CONSTANT = row(
    "constant",
    config(("Dense", {"units": 4, "activation": "relu"}), ("Dense", {"units": 1, "activation": "softmax"})),
    faults=["softmax_on_1_unit", "epochs", "learning_rate"],
    compile={"loss": "mse", "optimizer": "adam", "metrics": ["accuracy"]},
    measured={"labels": ["VG_mav1e-7"]},
)
HEALTHY = row(
    "healthy",
    config(("Dense", {"units": 4, "activation": "relu"}), ("Dense", {"units": 1, "activation": "sigmoid"})),
    label="clean(author-fixed)",
    compile={"loss": {"$expr": "keras.losses.binary_crossentropy"}, "optimizer": {"_class": "Adam", "lr": 0.001}},
)
FAST = row(
    "fast",
    config(("Dense", {"units": 4, "activation": "relu"}), ("Dense", {"units": 1, "activation": "sigmoid"})),
    faults=["learning_rate"],
    compile={"loss": "binary_crossentropy", "optimizer": {"_class": "Adam", "lr": 0.5, "decay": 1e-6}},
)


def test_compile_settings_become_a_section() -> None:
    given = {
        "loss": {"$expr": "losses.mse"},
        "optimizer": {"_class": "SGD", "lr": 3.0, "decay": 0.1},
        "metrics": ["mae"],
    }
    assert truth_programs.compile_section(given) == {
        "loss": "mse",
        "optimizer": {"SGD": {"learning_rate": 3.0}},
        "metrics": ["mae"],
    }
    assert truth_programs.compile_section({"loss": {"$expr": "my_loss"}, "optimizer": "adam"}) == {"optimizer": "adam"}
    assert truth_programs.compile_section(None) == {}


def test_a_fault_counts_where_it_can_be_shown_and_a_rule_names_it() -> None:
    program = truth_programs.examine(CONSTANT)
    assert program.readable
    assert program.named("softmax_on_1_unit", Severity.ERROR) == ("loss-activation-mismatch",)
    assert program.showable("softmax_on_1_unit")
    assert not program.showable("epochs")
    assert not program.showable("learning_rate")  # no rate is given
    fast = truth_programs.examine(FAST)
    assert fast.showable("learning_rate")
    assert fast.named("learning_rate", Severity.WARNING) == ("learning-rate-out-of-range",)


def test_what_cannot_be_read_is_counted_as_such() -> None:
    program = truth_programs.examine(row("broken", {"class_name": "Sequential", "config": {"layers": [{}]}}))
    assert not program.readable
    assert program.findings


def test_the_page_counts_programs(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(item) for item in (CONSTANT, HEALTHY, FAST)), encoding="utf-8")
    programs = [truth_programs.examine(item) for item in truth_programs.read_rows(path)]
    text = truth_programs.page(programs)
    assert "3 programs that others published: 2 faulty, 1 repaired" in text
    assert "| **all** | **2** | **2 (100 %)** | **2 (100 %)** | |" in text
    assert "1 programs repaired by their authors: 0 with warnings, 0 warnings." in text
    assert "1/1 = 1.00 | 1/1 = 1.00" in text  # the constant output, found and measured


def test_every_rule_that_names_a_fault_exists() -> None:
    from vgspec.lint.engine import find_rule

    refused = {"increasing-dense-width", "non-increasing-filters"}
    for fault in truth_programs.FAULTS.values():
        assert fault.rules or fault.reason
        assert all(find_rule(name) or name in refused for name in fault.rules)


def test_parts_of_the_page_that_are_not_measured_stay() -> None:
    first = truth.merged("", {"programs": "one\n", "networks": "three\n"})
    second = truth.merged(first, {"applications": "two\n"})
    assert [line for line in second.splitlines() if line in ("one", "two", "three")] == ["one", "two", "three"]
    assert truth.merged(second, {}) == second


def test_hints_are_summed_by_rule_and_warnings_stand_alone() -> None:
    spec = load("vgspec: '1'\ninputs: {x: {shape: [8]}}\nlayers: [{Dense: {units: 1, activation: softmax}}]\n")
    from vgspec.lint.engine import lint

    item = truth_applications.Linted("m", lint(spec, fixes=None).diagnostics)
    text = truth_applications.table((("group", [item]),))
    assert "| group | 1 | 1 | 0 | 0 |" in text
    assert "- m: `gradient-vanishes`" in text


@pytest.mark.parametrize("seed", range(20))
def test_drawn_networks_are_valid_specs(seed: int) -> None:
    document = truth_networks.draw(random.Random(seed))
    assert load(document).diagnostics == ()


def test_networks_are_drawn_half_flagged_and_always_the_same() -> None:
    chosen = truth_networks.networks(6, seed=3)
    assert chosen == truth_networks.networks(6, seed=3)
    assert sum(bool(item.flagged) for item in chosen) == 3


def test_the_table_of_networks() -> None:
    def drawn(number: int, *flagged: str) -> truth_networks.Drawn:
        return truth_networks.Drawn(number, "", flagged)

    results = [
        truth_networks.Trained(drawn(1, "gradient-vanishes"), 0.1, 0.9, changed=True, rounds=2),
        truth_networks.Trained(
            drawn(2, "gradient-vanishes"), 0.1, 0.2, changed=True, rounds=1, health=("vanishes", "explodes")
        ),
        truth_networks.Trained(drawn(3), 0.97),
    ]
    text = truth_networks.page([(21, results), (20, results[1:])])
    assert "drawn with seed 21" in text
    assert "| 20 | 2 | 1 of 1 | 0 of 1 | 0 of 1 |" in text
    assert "| flagged | 2 | 2 | 0 (0 %) |" in text
    assert "| not flagged | 1 | 0 | 1 (100 %) |" in text
    assert "| flagged, after `--fix --unsafe-fixes` | 2 | 1 | 1 (50 %) |" in text
    assert "- number 2: 0.10 → 0.20" in text
    assert "| as drawn | 1 | 0 | 1 | 0 | 0 |" in text
    assert "| after `--fix --unsafe-fixes` | 1 | 0 | 0 | 1 | 0 |" in text
    assert "- number 2: explodes; 0.10 → 0.20" in text


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("layers", "state"),
    [
        ("- {repeat: 3, body: [{Dense: {units: 32, activation: relu, kernel_initializer: he_normal}}]}", "healthy"),
        ("- {repeat: 12, body: [{Dense: {units: 32, activation: sigmoid}}]}", "vanishes"),
        ("- {repeat: 36, body: [{Dense: {units: 32, use_bias: false}}, BatchNormalization, ReLU]}", "explodes"),
        ("- {repeat: 4, body: [{Dense: {units: 64, activation: exponential}}]}", "overflows"),
    ],
)
def test_gradients_are_measured_at_the_start(layers: str, state: str) -> None:
    assert truth_networks.health(model_text(f"{layers}\n- Dense: {{units: 10}}")) == state


def test_the_page_says_what_fixing_leaves_of_every_faulty_spec() -> None:
    from vgspec.dev import truth_faulty

    text = truth.TARGET.read_text(encoding="utf-8")
    part = text.partition("## What fixing leaves of the faulty specs\n")[2].partition("\n## ")[0]
    names = [line.split(" | ")[0].removeprefix("| ") for line in part.splitlines() if line.startswith("| ")][1:]
    assert names == [path.stem for path in sorted(truth_faulty.FAULTY.glob("*.yaml"))]
    assert "could still be made: 0." in part
    for name in ("zero-or-constant-kernel", "unused-block"):
        row = truth_faulty.examine(truth_faulty.FAULTY / f"{name}.yaml")
        assert truth_faulty.page([row]).splitlines()[4] in part


def test_what_fixing_leaves_is_counted() -> None:
    from vgspec.dev.truth_faulty import Mended, page

    rows = [
        Mended("a", 2, ("use it",), (), ()),
        Mended("b", 0, (), ("b", "c"), ("c",)),
    ]
    text = page(rows)
    assert text.startswith(
        "2 specs in `specs/faulty`, one for each rule. `--fix --unsafe-fixes` changes 1 of them, in at"
    )
    assert "most 2 rounds (10 are allowed). By prediction 1 have" in text
    assert "1 keep one. Findings left that have a fix which could still be made: 1." in text
    assert "| b | 0 | none | `b`, `c` |" in text
