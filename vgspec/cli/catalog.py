"""All kinds of finding that vgspec knows: those of the language and the rules of the linter."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING

from vgspec.report.model import Rule
from vgspec.settings.selection import known_rules

if TYPE_CHECKING:
    from vgspec.lint.rule import Rule as LintRule

__all__ = ["all_rules", "find_rule", "page", "thresholds"]


def all_rules(*, pages: bool = True) -> tuple[Rule, ...]:
    """Every rule, sorted by code; without their pages, which take a while to make, if those are not needed."""
    rules = tuple(known_rules())
    if not pages:
        return rules
    from vgspec.lint.rules import RULES

    by_code = {rule.code: rule for rule in RULES}
    return tuple(replace(row, page=page(by_code[row.code])) if row.code in by_code else row for row in rules)


def find_rule(word: str, rules: tuple[Rule, ...]) -> Rule | None:
    """The rule with this code or name, in any case."""
    return next((rule for rule in rules if word.upper() == rule.code or word.lower() == rule.name), None)


def thresholds(rule: type[LintRule]) -> str:
    """The thresholds of a rule as a Markdown list: name, default, unit, reason."""
    return "\n".join(f"- `{key}` = {row.default:g} ({row.unit}): {row.reason}." for key, row in rule.settings.items())


def page(rule: type[LintRule]) -> str:
    """The page of a rule in Markdown: its docstring, its settings, its examples."""
    parts = [inspect.cleandoc(rule.__doc__ or rule.name)]
    if rule.settings:
        parts.append(f"## Settings\n\n{thresholds(rule)}")
    for title, examples in (("Examples it finds", rule.bad), ("Examples it leaves alone", rule.good)):
        if examples:
            shown = "\n\n".join(
                f"{example.title}:\n\n```yaml\n{inspect.cleandoc(example.spec).strip()}\n```" for example in examples
            )
            parts.append(f"## {title}\n\n{shown}")
    return "\n\n".join(parts) + "\n"
