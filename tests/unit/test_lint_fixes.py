"""Fixes: text edits that leave the rest as it is, proven before they are offered, and made in rounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vgspec.diagnostics import Applicability, Severity
from vgspec.frontend.load import load
from vgspec.lint.edits import apply_edits, plan
from vgspec.lint.engine import Selection, lint
from vgspec.lint.fixes import ROUNDS, fix_spec
from vgspec.lint.rule import Change, Example, Rule, model_text
from vgspec.lint.rules import RULES

ROOT = Path(__file__).parents[2]
BAD = [pytest.param(rule, example, id=f"{rule.name}-{i}") for rule in RULES for i, example in enumerate(rule.bad)]
HEAD = 'vgspec: "1"\ninputs: {x: {shape: [64]}}\n'


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_every_fix_of_an_example_mends_its_finding(rule: type[Rule], example: Example) -> None:
    spec = load(example.spec, params=dict(example.params))
    before = lint(spec, fixes=Severity.INFO).diagnostics
    text = spec.document.text or ""
    for diagnostic in before:
        if diagnostic.fix is None or diagnostic.code != rule.code:
            continue
        changed = apply_edits(text, diagnostic.fix.edits)
        after = lint(load(changed), fixes=None).diagnostics
        assert (diagnostic.code, diagnostic.node or diagnostic.pointer) not in {
            (d.code, d.node or d.pointer) for d in after
        }
        assert {d.code for d in after if d.severity is not Severity.INFO} <= {d.code for d in before}
        assert diagnostic.fix.title


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_fixing_converges(rule: type[Rule], example: Example) -> None:
    spec = load(example.spec, params=dict(example.params))
    fixed = fix_spec(spec, unsafe=True)
    assert fixed.rounds < ROUNDS
    again = fix_spec(load(fixed.text), unsafe=True)
    assert again.text == fixed.text
    assert again.rounds == 0
    safe = fix_spec(spec)
    assert all(d.fix is not None and d.fix.applicability is Applicability.SAFE for d in safe.applied)


FIXABLE = {
    "saturating-stack",
    "gradient-vanishes",
    "oversized-initializer",
    "undersized-initializer",
    "initializer-activation-mismatch",
    "zero-or-constant-kernel",
    "loss-activation-mismatch",
    "recurrent-without-clipping",
    "forget-gate-bias-off",
    "activation-overflows",
    "selu-without-lecun-normal",
    "vanishing-loss-gradient",
    "no-skip-in-deep-stack",
    "no-normalization-in-deep-stack",
    "unnormalised-residual-growth",
    "saturated-at-init",
    "hidden-bottleneck",
    "hidden-layer-without-activation",
    "squashed-residual",
    "learning-rate-out-of-range",
    "dying-relu",
    "gradient-explodes",
    "forward-signal-vanishes",
    "narrow-deep-stack",
    "first-step-too-long",
    "unscaled-input",
}


@pytest.mark.parametrize("name", sorted(FIXABLE))
def test_a_faulty_spec_is_healthy_after_its_fixes(name: str) -> None:
    fixed = fix_spec(load(ROOT / "specs" / "faulty" / f"{name}.yaml"), unsafe=True)
    assert fixed.applied
    assert [d.name for d in fixed.result.diagnostics if d.severity is not Severity.INFO] == []


def edited(text: str, *changes: Change) -> str | None:
    spec = load(text)
    assert spec.diagnostics == ()
    planned = plan(spec.document, spec.require_graph(), changes)
    return None if planned is None else apply_edits(text, planned.edits)


def he(node: str = "dense") -> Change:
    return Change("set", node, "kernel_initializer", "he_normal")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- Dense: {units: 8}  # eight", "- Dense: {units: 8, kernel_initializer: he_normal}  # eight"),
        ("- Dense: { units: 8 }", "- Dense: { units: 8, kernel_initializer: he_normal }"),
        (
            "- Dense: {units: 8, kernel_initializer: zeros, name: a}".replace(", name: a", ""),
            "- Dense: {units: 8, kernel_initializer: he_normal}",
        ),
        (
            "- Dense:\n      units: 8  # eight\n\n  # next\n  - ReLU",
            "- Dense:\n      units: 8  # eight\n      kernel_initializer: he_normal\n\n  # next\n  - ReLU",
        ),
        (
            "- Dense:\n      units: 8\n      kernel_initializer:\n        Constant:\n          value: 1.0\n  - ReLU",
            "- Dense:\n      units: 8\n      kernel_initializer:\n        he_normal\n  - ReLU",
        ),
        (
            "- {id: dense, Dense: {kernel_initializer: {Constant: {value: 1.0}}, units: 8}}",
            "- {id: dense, Dense: {kernel_initializer: he_normal, units: 8}}",
        ),
    ],
)
def test_an_argument_is_set_in_the_style_of_the_text(before: str, after: str) -> None:
    assert edited(f"{HEAD}layers:\n  {before}\n", he()) == f"{HEAD}layers:\n  {after}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "- {repeat: 2, body: [{Dense: {units: 8}}, ReLU]}",
            "- {repeat: 2, body: [{residual: {shortcut: auto, body: [LayerNormalization, {Dense: {units: 8}}, ReLU]}}]}",
        ),
        (
            "- repeat: 2\n    body:\n      # wide\n      - Dense:\n          units: 8  # eight\n\n      - ReLU\n  - ReLU",
            "- repeat: 2\n    body:\n      # wide\n      - residual:\n          shortcut: auto\n          body:\n"
            "            - LayerNormalization\n            - Dense:\n                units: 8  # eight\n\n"
            "            - ReLU\n  - ReLU",
        ),
    ],
)
def test_a_list_becomes_a_residual_connection(before: str, after: str) -> None:
    changed = edited(f"{HEAD}layers:\n  {before}\n", Change("make-residual", pointer="/layers/0/body"))
    assert changed == f"{HEAD}layers:\n  {after}\n"
    assert load(changed).diagnostics == ()


def test_line_ends_are_kept() -> None:
    text = f"{HEAD}layers:\n  - Dense:\n      units: 8\n  - ReLU\n".replace("\n", "\r\n")
    changed = edited(text, he())
    assert changed is not None
    assert changed.count("\r\n") == changed.count("\n") == text.count("\n") + 1


def test_json_stays_json() -> None:
    data = {"vgspec": "1", "inputs": {"x": [64]}, "layers": [{"Dense": {"units": 8}}]}
    changed = edited(json.dumps(data, indent=2), he())
    assert changed is not None
    data["layers"] = [{"Dense": {"units": 8, "kernel_initializer": "he_normal"}}]
    assert json.loads(changed) == data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("- Dense: {units: 8}  # eight\n  - ReLU", "- Dense: {units: 8}  # eight\n  - LayerNormalization\n  - ReLU"),
        ("- Dense:\n      units: 8\n\n  - ReLU", "- Dense:\n      units: 8\n  - LayerNormalization\n\n  - ReLU"),
        (
            "- {repeat: 2, body: [{Dense: {units: 8}}, ReLU]}",
            "- {repeat: 2, body: [{Dense: {units: 8}}, LayerNormalization, ReLU]}",
        ),
    ],
)
def test_an_item_is_put_behind_another(before: str, after: str) -> None:
    nodes = ("repeat.0.dense", "repeat.1.dense") if "repeat" in before else ("dense",)
    changes = [Change("insert-after", node, value="LayerNormalization") for node in nodes]
    assert edited(f"{HEAD}layers:\n  {before}\n", *changes) == f"{HEAD}layers:\n  {after}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}params: {{how: {{type: initializer, default: zeros}}}}\n"
        "layers: [{Dense: {units: 8, kernel_initializer: $how}}]\n",
        f"{HEAD}layers:\n  - {{id: dense, Dense: &a {{units: 8}}}}\n  - {{id: other, Dense: *a}}\n",
        f"{HEAD}shared: {{layer: {{Dense: {{units: 8}}}}}}\nlayers: [{{id: dense, call: layer}}]\n",
    ],
    ids=["expression", "alias", "shared"],
)
def test_places_that_mean_more_than_one_thing_are_left_alone(text: str) -> None:
    assert edited(text, he()) is None


def test_a_shared_block_is_changed_by_people_only() -> None:
    text = (
        f"{HEAD}blocks: {{wide: {{layers: [{{Dense: {{units: 64}}}}]}}}}\n"
        "layers: [{id: a, use: wide}, {id: b, use: wide}]\n"
    )
    spec = load(text)
    one = plan(spec.document, spec.require_graph(), [he("a.dense")])
    both = plan(spec.document, spec.require_graph(), [he("a.dense"), he("b.dense")])
    assert one is not None
    assert both is not None
    assert one.shared
    assert not both.shared
    assert one.edits == both.edits


def test_only_what_differs_in_the_optimizer_is_touched() -> None:
    text = (
        f"{HEAD}layers: [{{Dense: {{units: 1}}}}]\n"
        "compile:\n  optimizer:\n    Adam:\n      learning_rate: 1.0e-3  # as ever\n      beta_1: 0.9\n  loss: mse\n"
    )
    value = {"Adam": {"clipnorm": 1.0}}
    changed = edited(text, Change("set", pointer="/compile/optimizer", value=value))
    assert changed == text.replace("      beta_1: 0.9\n", "      beta_1: 0.9\n      clipnorm: 1.0\n")
    short = text.replace("    Adam:\n      learning_rate: 1.0e-3  # as ever\n      beta_1: 0.9\n", "").replace(
        "optimizer:", "optimizer: adam"
    )
    assert "optimizer: {Adam: {clipnorm: 1.0}}\n" in str(
        edited(short, Change("set", pointer="/compile/optimizer", value=value))
    )


def test_safe_fixes_come_first() -> None:
    text = (
        f"{HEAD}layers:\n  - repeat: 12\n    body:\n      - Dense: {{units: 64, activation: elu, "
        "kernel_initializer: {RandomNormal: {stddev: 0.03}}}\n  - Dense: {units: 10}\n"
    )
    fixed = fix_spec(load(text), unsafe=True)
    assert "LayerNormalization" not in fixed.text
    assert fixed.result.ok
    assert {d.fix.applicability for d in fixed.applied if d.fix is not None} == {Applicability.SAFE}


@pytest.mark.parametrize("path", sorted((ROOT / "specs" / "faulty").glob("*.yaml")), ids=lambda path: path.stem)
def test_fixing_a_faulty_spec_converges_and_brings_nothing_new(path: Path) -> None:
    spec = load(path)
    before = {name for d in lint(spec, fixes=None).diagnostics for name in d.names}
    fixed = fix_spec(spec, unsafe=True)
    assert fixed.rounds < ROUNDS
    assert load(fixed.text).diagnostics == ()
    loud = [d for d in fixed.result.diagnostics if d.severity is not Severity.INFO]
    assert {name for d in loud for name in d.names} <= before
    mendable = [d.name for d in loud if d.fix is not None and d.fix.applicability is not Applicability.DISPLAY]
    assert mendable == [], "what can be mended is"
    assert fix_spec(load(fixed.text), unsafe=True).text == fixed.text


def test_a_deep_fading_stack_gets_residual_connections_and_a_short_one_normalization() -> None:
    """Normalization behind each of many layers with a gentle slope makes a gradient that grows with the depth."""

    def fixed(layers: int, weights: str) -> str:
        body = f"[{{Dense: {{units: 16, activation: silu, kernel_initializer: {weights}}}}}]"
        text = f"{HEAD}layers:\n  - repeat: {layers}\n    body: {body}\n  - Dense: {{units: 10}}\n"
        return fix_spec(load(text), unsafe=True, selection=Selection(select=("VG102",))).text

    assert "residual" in fixed(12, "glorot_uniform")
    short = fixed(3, "{RandomNormal: {stddev: 0.01}}")
    assert "residual" not in short
    assert "LayerNormalization" in short


def test_a_step_that_becomes_too_long_once_a_gradient_arrives_is_mended_in_the_next_round() -> None:
    spec = load(
        model_text(
            """
            - repeat: 30
              body: [{Dense: {units: 96, activation: relu, kernel_initializer: lecun_normal}}]
            - Dense: {units: 10}
            """,
            compile="""
            optimizer: {SGD: {learning_rate: 0.05, momentum: 0.9}}
            loss: {SparseCategoricalCrossentropy: {from_logits: true}}
            """,
        )
    )
    before = lint(spec, fixes=None).diagnostics
    assert "first-step-too-long" not in {name for item in before for name in item.names}
    fixed = fix_spec(spec, unsafe=True)
    assert [item.fix.title for item in fixed.applied if item.fix] == ["use he_normal", "clip the gradient's norm to 1"]
    assert fixed.rounds == 2
    assert fixed.result.diagnostics == ()
