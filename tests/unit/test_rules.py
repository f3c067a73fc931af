"""One harness for all rules: their examples are their tests, their docstrings their pages."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

from vgspec.dev.rule_pages import near_misses
from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.engine import Selection, lint
from vgspec.lint.places import document_place, origin_of
from vgspec.lint.rule import Example, Rule
from vgspec.lint.rules import RULES

ROOT = Path(__file__).parents[2]
SECTIONS = ("What it does", "Why is this bad?", "Use instead", "Fix safety", "References")
GROUPS = {
    "1": "vanishing",
    "2": "exploding",
    "3": "initialization",
    "4": "dead-units",
    "5": "loss-and-output",
    "6": "optimisation",
    "7": "structure",
    "8": "regularization",
}
NAMES = {rule.name for rule in RULES}

BAD = [pytest.param(rule, example, id=f"{rule.name}-{i}") for rule in RULES for i, example in enumerate(rule.bad)]
GOOD = [pytest.param(rule, example, id=f"{rule.name}-{i}") for rule in RULES for i, example in enumerate(rule.good)]


def run(example: Example, rule: type[Rule] | None = None):
    """The example's spec, what one rule finds in it, and what all find together."""
    spec = load(example.spec, params=dict(example.params))
    assert spec.diagnostics == (), [d.message for d in spec.diagnostics]
    alone = () if rule is None else lint(spec, selection=Selection(select=(rule.name,)), fixes=None).diagnostics
    return spec, alone, lint(spec, fixes=None).diagnostics


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_a_bad_example_has_exactly_its_findings(rule: type[Rule], example: Example) -> None:
    spec, mine, found = run(example, rule)
    assert {name for d in found for name in d.names} == {rule.name, *example.also}
    graph = spec.require_graph()
    wanted = sorted(
        (document_place(spec, name) if name.startswith("/") else origin_of(graph, name) for name in example.finds),
        key=lambda origin: origin.span.start,
    )
    assert mine
    assert len(mine) == len(wanted), [d.message for d in found]
    for diagnostic, origin in zip(mine, wanted, strict=True):
        assert diagnostic.name == rule.name
        assert diagnostic.pointer == origin.pointer or diagnostic.pointer.startswith(origin.pointer + "/")
        assert diagnostic.span is not None
        assert sum(label.primary for label in diagnostic.labels) == 1
        item = spec.document.nearest_span(origin.pointer)
        assert item is not None
        text = spec.document.text or ""
        inside = item.start <= diagnostic.span.start and diagnostic.span.end <= item.end
        assert inside or text[diagnostic.span.start : diagnostic.span.end] == origin.pointer.rpartition("/")[2]
        assert diagnostic.message
        assert not diagnostic.message.endswith(".")
        assert "\n" not in diagnostic.message
        assert diagnostic.help or diagnostic.notes
        if diagnostic.evidence is not None:
            assert diagnostic.evidence.quantity
            assert set(diagnostic.evidence.path) <= set(graph.by_id) | set(graph.input_by_name)


@pytest.mark.parametrize(("rule", "example"), GOOD)
def test_a_good_example_is_clean(rule: type[Rule], example: Example) -> None:
    _, mine, found = run(example, rule)
    assert [d.message for d in mine] == []
    loud = [d for d in found if d.severity != Severity.INFO]
    assert [f"{d.names}: {d.message}" for d in loud if not set(d.names) <= set(example.also)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_complete(rule: type[Rule]) -> None:
    text = inspect.cleandoc(rule.__doc__ or "")
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS
    assert re.split(r"\n\s*\n", text)[0].endswith(".")
    for _, body in zip(SECTIONS, re.split(r"^## .*$", text, flags=re.MULTILINE)[1:], strict=True):
        assert body.strip()
    assert re.fullmatch(r"VG[1-8]\d\d", rule.code)
    assert GROUPS[rule.code[2]] == rule.group
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert len(rule.bad) >= 2
    assert len(rule.good) >= 2
    assert near_misses(rule), "an example that comes close and is left alone"
    for example in (*rule.bad, *rule.good):
        assert set(example.also) <= NAMES - {rule.name}
    module = inspect.getmodule(rule)
    assert module is not None
    assert module.__name__ == "vgspec.lint.rules." + rule.name.replace("-", "_")


def test_codes_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert all(a < b for a, b in pairwise(codes))
    assert len(NAMES) == len(RULES)


def test_every_rule_file_is_listed() -> None:
    files = {path.stem for path in (ROOT / "vgspec" / "lint" / "rules").glob("*.py")} - {"__init__"}
    assert {rule.name.replace("-", "_") for rule in RULES} == files


ZOO = sorted((ROOT / "specs").glob("*.yaml")) + sorted((ROOT / "specs" / "techniques").glob("*.yaml"))


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_the_zoo_lints_without_warnings(path: Path) -> None:
    result = lint(load(path), fixes=None)
    assert [f"{d.name}: {d.message}" for d in result.diagnostics if d.severity != Severity.INFO] == []


FAULTY = sorted((ROOT / "specs" / "faulty").glob("*.yaml"))


def test_every_rule_has_a_faulty_spec() -> None:
    assert {path.stem for path in FAULTY} == NAMES


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_a_faulty_spec_shows_the_rule_it_is_named_after(path: Path) -> None:
    assert path.stem in NAMES
    spec = load(path)
    assert spec.diagnostics == ()
    found = lint(spec, fixes=None).diagnostics
    assert [path.stem in d.names for d in found] == [True], "one finding, of this cause"
    assert len(lint(spec, selection=Selection(select=(path.stem,)), fixes=None).diagnostics) == 1
    assert "\n# " in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.settings], ids=lambda rule: rule.name)
def test_every_threshold_states_its_unit_and_its_reason(rule: type[Rule]) -> None:
    for key, row in rule.settings.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
        assert row.default > 0
        assert row.unit
        assert not row.unit.endswith(".")
        assert len(row.reason.split()) >= 3, key
        assert not row.reason.endswith(".")
