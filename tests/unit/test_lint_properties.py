"""Properties of linting over documents that Hypothesis draws: it never fails, and every fix is a good one."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings

from vgspec.diagnostics import Severity
from vgspec.frontend.load import load
from vgspec.lint.edits import apply_edits
from vgspec.lint.engine import lint
from vgspec.lint.fixes import ROUNDS, fix_spec
from vgspec.source.dump import dump_yaml
from vgspec.testing import mutated, specs

SCALE = float(os.environ.get("VGSPEC_EXAMPLES", "1"))


def examples(count: int) -> settings:
    return settings(
        max_examples=max(1, int(count * SCALE)),
        deadline=None,
        derandomize=SCALE == 1,
        suppress_health_check=list(HealthCheck),
    )


@examples(100)
@given(specs())
def test_linting_never_fails_and_points_into_the_text(document: dict[str, Any]) -> None:
    text = dump_yaml(document)
    result = lint(load(text), fixes=Severity.INFO)
    graph = result.spec.require_graph()
    for item in result.diagnostics:
        assert item.message
        assert item.span is not None
        assert 0 <= item.span.start <= item.span.end <= len(text)
        assert not item.node or item.node in graph.by_id or item.node in graph.input_by_name
        if item.fix is not None:
            assert load(apply_edits(text, item.fix.edits)).ok


@examples(40)
@given(specs())
def test_fixing_converges_and_leaves_a_valid_document(document: dict[str, Any]) -> None:
    fixed = fix_spec(load(dump_yaml(document)), unsafe=True)
    assert fixed.rounds < ROUNDS
    assert load(fixed.text).ok
    assert fix_spec(load(fixed.text), unsafe=True).text == fixed.text


@examples(40)
@given(specs())
def test_a_dict_and_its_text_have_the_same_findings(document: dict[str, Any]) -> None:
    found = [lint(load(form), fixes=None).diagnostics for form in (document, dump_yaml(document))]
    first, second = ({(d.code, d.pointer, d.node, d.message) for d in items} for items in found)
    assert first == second


@examples(40)
@given(mutated())
def test_linting_broken_documents_never_fails(document: Any) -> None:
    data = document[0] if isinstance(document, tuple) else document
    if isinstance(data, dict):
        lint(load(data))
