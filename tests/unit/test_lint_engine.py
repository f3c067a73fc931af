"""The engine: places, instances, suppressions, selection, and cheap imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vgspec import codes, lint_spec
from vgspec.analysis.signal import Assumptions
from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.engine import Selection, find_rule, lint
from vgspec.lint.facts import Facts
from vgspec.lint.words import factor, listed, power

STACK = "{repeat: 6, body: [{Dense: {units: 64, activation: sigmoid}}]}"


def text(layers: str, *, before: str = "", after: str = "") -> str:
    return f'vgspec: "1"\n{before}inputs: {{x: {{shape: [64]}}}}\nlayers:\n{layers}{after}'


def names(source: str | Path, **options: object) -> list[str]:
    return [d.name for d in lint(load(source), **options).diagnostics]  # type: ignore[arg-type]


def test_a_finding_in_a_block_is_reported_once() -> None:
    source = text(
        "  - {id: a, in: x, use: unit}\n  - {id: b, in: x, use: unit}\n  - {in: [a, b], Concatenate: {}}\n"
        "  - Dense: {units: 4}\n",
        before="blocks:\n  unit: {layers: [{Dense: {units: 8}}, BatchNormalization]}\n",
    )
    found = lint(load(source)).diagnostics
    assert [d.name for d in found] == ["bias-before-batchnorm"]
    assert "the same in 1 more expansion of this block" in found[0].notes
    assert found[0].node == "a.dense"


@pytest.mark.parametrize("name", ["saturating-stack", "VG103"])
def test_a_suppression_on_an_item_holds(name: str) -> None:
    line = STACK[:-1] + f', lint: {{allow: [{name}], reason: "on purpose"}}}}'
    source = text(f"  - {line}\n  - Dense: {{units: 10}}\n")
    result = lint(load(source))
    assert "saturating-stack" not in [d.name for d in result.diagnostics]
    assert "saturating-stack" in [d.name for d in result.suppressed]
    assert codes.UNUSED_SUPPRESSION.name not in [d.name for d in result.diagnostics]


def test_a_suppression_of_the_document_holds_for_nodes_and_settings() -> None:
    source = text(
        f"  - {STACK}\n  - Dense: {{units: 10, activation: softmax}}\n",
        after="compile: {optimizer: adam, loss: mse}\n"
        "lint: {allow: [saturating-stack, vanishing-loss-gradient, gradient-vanishes, dead-branch], reason: shown}\n",
    )
    result = lint(load(source))
    assert [d.name for d in result.diagnostics] == [codes.UNUSED_SUPPRESSION.name]
    assert "dead-branch" in result.diagnostics[0].message
    assert {d.name for d in result.suppressed} == {"saturating-stack", "vanishing-loss-gradient", "gradient-vanishes"}


def test_an_unused_suppression_is_a_finding_with_its_place() -> None:
    source = text('  - {Dense: {units: 10}, lint: {allow: [saturating-stack], reason: "why"}}\n')
    spec = load(source)
    (found,) = lint(spec).diagnostics
    assert found.code == codes.UNUSED_SUPPRESSION.code
    assert found.pointer == "/layers/0/lint/allow/0"
    assert found.span is not None
    assert spec.document.slice(found.span) == "saturating-stack"


def test_a_suppression_of_an_unknown_rule_is_a_finding() -> None:
    source = text('  - {Dense: {units: 10}, lint: {allow: [saturating-stak], reason: "why"}}\n')
    (found,) = lint(load(source)).diagnostics
    assert found.code == codes.UNKNOWN_RULE.code
    assert "saturating-stack" in found.help


def test_suppressions_at_one_pointer_of_two_files_are_told_apart(tmp_path: Path) -> None:
    """The include's suppression is used; that of the document, at the same pointer there, is not."""
    (tmp_path / "lib.yaml").write_text(
        'vgspec: "1"\nblocks:\n  unit:\n    lint: {allow: [saturating-stack], reason: "shown"}\n'
        f"    layers: [{STACK}]\n",
        encoding="utf-8",
    )
    (tmp_path / "model.yaml").write_text(
        'vgspec: "1"\ninclude: [{from: ./lib.yaml, as: lib}]\ninputs: {x: {shape: [64]}}\n'
        'blocks:\n  unit:\n    lint: {allow: [saturating-stack], reason: "not needed"}\n    layers: [{Dense: {units: 8}}]\n'
        "layers:\n  - {use: lib.unit}\n  - {use: unit}\n  - Dense: {units: 10}\n",
        encoding="utf-8",
    )
    result = lint(load(tmp_path / "model.yaml"))
    assert [d.name for d in result.suppressed] == ["saturating-stack"]
    unused = [d for d in result.diagnostics if d.code == codes.UNUSED_SUPPRESSION.code]
    assert [(Path(d.file).name, d.pointer) for d in unused] == [("model.yaml", "/blocks/unit/lint/allow/0")]


def test_selection_by_name_code_prefix_and_group() -> None:
    line = STACK.replace("6", "5", 1)
    source = text(f"  - {line}\n  - Dense: {{units: 10, activation: softmax}}\n  - Softmax\n")
    assert set(names(source)) == {"saturating-stack", "double-softmax"}
    for chosen in ("saturating-stack", "VG103", "VG1", "vanishing"):
        assert names(source, selection=Selection(select=(chosen,))) == ["saturating-stack"]
        assert names(source, selection=Selection(ignore=(chosen,))) == ["double-softmax"]


def test_settings_change_thresholds() -> None:
    source = text(f"  - {STACK}\n  - Dense: {{units: 10}}\n")
    assert "saturating-stack" in names(source)
    assert "saturating-stack" not in names(source, settings={"saturating-stack.loss": 1e9})


def test_findings_come_in_the_order_of_the_document() -> None:
    source = text(
        "  - Dense: {units: 64, activation: relu, kernel_initializer: zeros}\n"
        "  - Dropout: {rate: 0.95}\n  - Dense: {units: 10, activation: softmax}\n  - Softmax\n"
    )
    found = lint(load(source)).diagnostics
    starts = [d.span.start for d in found if d.span is not None]
    assert len(starts) == len(found) == 3
    assert starts == sorted(starts)
    assert found[0].severity is Severity.ERROR


def test_a_spec_with_errors_gets_these_only() -> None:
    source = text(f"  - {STACK}\n  - Dens: {{units: 10}}\n")
    assert names(source) == ["unknown-layer"]


def test_what_cannot_be_analysed_is_not_judged() -> None:
    """Nothing measured is said of layers before one whose gradient is unknown."""
    source = text(f"  - {STACK}\n  - Dense: {{units: 10}}\n")
    spec = load(source)
    facts = Facts(spec)
    assert facts.stretches
    object.__setattr__(facts.profile, "edges", ())
    fresh = Facts(spec)
    fresh.__dict__["profile"] = facts.profile
    assert fresh.stretches == ()


def test_find_rule() -> None:
    rule = find_rule("VG103")
    assert rule is not None
    assert rule is find_rule("saturating-stack")
    assert find_rule("nothing") is None


@pytest.mark.parametrize(
    ("decades", "words"),
    [(0.0, "1"), (-1.0, "0.1"), (1.5, "32"), (2.5, "316"), (-19.5, "3.2e-20"), (6.0, "1.0e+06"), (-400.0, "1.0e-400")],
)
def test_numbers_in_words(decades: float, words: str) -> None:
    assert power(decades) == words


def test_lists_in_words() -> None:
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b", "c", "d", "e"]) == "`a`, `b`, `c` and 2 more"
    assert factor(0.0) == "0"


def test_rules_import_nothing_heavy() -> None:
    code = (
        "import sys, vgspec.lint.rules\n"
        "heavy = {'numpy', 'rich', 'tensorflow', 'keras', 'jsonschema', 'vgspec.analysis.signal.profile'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "layers", ["[{id: d, Dense: {units: 3}}]\noutputs: x", "[{repeat: 0, body: [{Dense: {units: 3}}]}]"]
)
def test_a_model_that_uses_no_layer_is_linted(layers: str) -> None:
    result = lint_spec(f'vgspec: "1"\ninputs: {{x: [4]}}\nlayers: {layers}\n')
    assert result.spec.graph is not None
    assert all(d.code.startswith("VG7") for d in result.diagnostics)


def test_the_worst_nodes_of_the_evidence_are_places_of_the_finding() -> None:
    """In a stack written out layer by layer, each of the worst layers is pointed at, the finding's own once."""
    layers = "".join(f"  - {{id: d{i}, Dense: {{units: 64, activation: sigmoid}}}}\n" for i in range(9))
    spec = load(text(f"{layers}  - Dense: {{units: 10}}\n"))
    (found,) = lint(spec, selection=Selection(select=("saturating-stack",))).diagnostics
    assert found.evidence is not None
    lines = [spec.document.line_column(label.span.start).line for label in found.labels]
    assert len(lines) == len(set(lines)) >= 4
    assert sum(label.message == "takes part" for label in found.labels) >= 3
    assert [label.primary for label in found.labels] == [True] + [False] * (len(lines) - 1)


def test_a_repeat_is_pointed_at_once() -> None:
    spec = load(text(f"  - {STACK}\n  - Dense: {{units: 10}}\n"))
    (found,) = lint(spec, selection=Selection(select=("saturating-stack",))).diagnostics
    assert len(found.labels) == 1


def test_line_numbers_of_a_long_fix_are_aligned() -> None:
    from vgspec.report.text import render_diagnostic

    layers = "".join(f"  - {{id: d{i}, Dense: {{units: 64, activation: sigmoid}}}}\n" for i in range(9))
    spec = load(text(f"{layers}  - Dense: {{units: 10}}\n"))
    (found,) = lint(spec, selection=Selection(select=("saturating-stack",))).diagnostics
    changed = [line for line in render_diagnostic(found, spec.sources).splitlines() if line[3:4] in ("-", "+")]
    numbers = [int(line[:2]) for line in changed if line[:2].strip().isdigit()]
    assert len(numbers) == 18
    assert numbers == [*range(4, 13), *range(4, 13)]


@pytest.mark.parametrize("steps", ["steps", "null"])
def test_a_recurrence_over_an_open_number_of_steps_is_judged_by_the_settings(steps: str) -> None:
    source = f'vgspec: "1"\ninputs: {{x: {{shape: [{steps}, 8]}}}}\nlayers:\n  - SimpleRNN: {{units: 32}}\n  - Dense: {{units: 1}}\n'

    def found(assumptions: Assumptions | None) -> list[Severity]:
        result = lint(load(source), assumptions=assumptions)
        return [d.severity for d in result.diagnostics if d.code == "VG106"]

    assert found(None) == [Severity.INFO]
    assert found(Assumptions(time=20)) == []
    assert found(Assumptions(sizes={"steps": 400})) == [Severity.WARNING if steps == "steps" else Severity.INFO]


def test_a_finding_in_several_layers_counts_every_expansion_of_their_blocks() -> None:
    source = text(
        "  - {Dense: {units: 8}}\n  - BatchNormalization\n  - {repeat: 5, body: [{use: unit}]}\n  - Dense: {units: 4}\n",
        before="blocks:\n  unit: {layers: [{Dense: {units: 8}}, BatchNormalization, ReLU]}\n",
    )
    (found,) = (d for d in lint(load(source)).diagnostics if d.name == "bias-before-batchnorm")
    assert len(found.nodes) == 6
    assert any(note.endswith("6 instances in all, with every expansion of their blocks") for note in found.notes)
