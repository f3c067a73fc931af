"""All kinds of finding that vgspec knows: those of the language and the rules of the linter."""

from __future__ import annotations

from vgspec.report.model import Rule

__all__ = ["all_rules", "find_rule"]


def all_rules() -> tuple[Rule, ...]:
    """Every rule, sorted by code."""
    from vgspec.codes import CODES

    rules = [Rule(row.code, row.name, row.severity, row.summary) for row in CODES]
    return tuple(sorted(rules, key=lambda rule: rule.code))


def find_rule(word: str, rules: tuple[Rule, ...]) -> Rule | None:
    """The rule with this code or name, in any case."""
    return next((rule for rule in rules if word.upper() == rule.code or word.lower() == rule.name), None)
