"""Linting one loaded spec by settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vgspec.diagnostics import nearest
from vgspec.lint.engine import LintResult, lint
from vgspec.lint.engine import Selection as RuleSelection
from vgspec.lint.rules import RULES
from vgspec.settings.model import Settings
from vgspec.settings.selection import Selection, known_rules, select, word_problem

if TYPE_CHECKING:
    from vgspec.spec import Spec

__all__ = ["lint_selected", "lint_with"]


def lint_with(spec: Spec, settings: Settings) -> LintResult:
    """Lint a spec by settings that were made in Python, which are checked first.

    Raises:
        ValueError: if they name a rule or a threshold that there is not.
    """
    rules = known_rules()
    ignored = [word for _, words in settings.per_path_ignores for word in words]
    for words, ignoring in (
        ((*settings.select, *settings.extend_select), False),
        ((*settings.ignore, *ignored), True),
    ):
        for word in words:
            wrong = word_problem(word, rules, ignoring=ignoring)
            if wrong is not None:
                raise ValueError(f"{wrong[0]}; {wrong[1]}")
    known = [f"{rule.name}.{key}" for rule in RULES for key in rule.settings]
    for name, value in settings.thresholds.items():
        if name not in known:
            near = nearest(name, known)
            raise ValueError(f"no threshold is called {name!r}{f'; did you mean {near!r}?' if near else ''}")
        if not 0 < value < float("inf"):
            raise ValueError(f"the threshold {name!r} must be a finite number greater than 0, got {value!r}")
    return lint_selected(spec, settings, select(settings, spec.path, rules))


def lint_selected(spec: Spec, settings: Settings, selection: Selection) -> LintResult:
    """Lint a spec by checked settings; what is not selected does not run, and is not in the result."""
    chosen = RuleSelection(tuple(sorted(selection.selected or ())), tuple(sorted(selection.ignored)))
    result = lint(spec, selection=chosen, settings=settings.thresholds, assumptions=settings.assumptions)
    return replace(result, diagnostics=tuple(d for d in result.diagnostics if d in selection))
