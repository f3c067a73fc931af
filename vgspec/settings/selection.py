"""Which kinds of finding are shown: words for rules, and the codes that they mean."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import overload

from vgspec.diagnostics import Diagnostic, Severity, nearest
from vgspec.report.model import Rule, is_language_code
from vgspec.settings.model import Settings

__all__ = ["EVERYTHING", "Selection", "codes_of", "known_rules", "select", "word_problem"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The codes to show; None for all."""

    selected: frozenset[str] | None = None
    ignored: frozenset[str] = frozenset()

    def __contains__(self, diagnostic: object) -> bool:
        """Whether a finding is to be shown. What makes a spec invalid always is: nothing else can be said of it."""
        if not isinstance(diagnostic, Diagnostic):
            return False
        if diagnostic.severity is Severity.ERROR and is_language_code(diagnostic.code):
            return True
        wanted = self.selected is None or diagnostic.code in self.selected
        return wanted and diagnostic.code not in self.ignored


EVERYTHING = Selection()


class _KnownRules(Sequence[Rule]):
    """Made when somebody looks at them: a call without settings never does."""

    @overload
    def __getitem__(self, index: int) -> Rule: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Rule]: ...

    def __getitem__(self, index: int | slice) -> Rule | Sequence[Rule]:
        return _rules()[index]

    def __len__(self) -> int:
        return len(_rules())


def known_rules() -> Sequence[Rule]:
    """Every kind of finding, those of the language and the rules of the linter, sorted by code; without pages.

    They are loaded when they are first looked at.
    """
    return _KnownRules()


@cache
def _rules() -> tuple[Rule, ...]:
    from vgspec.codes import CODES
    from vgspec.lint.rules import RULES

    rows = [Rule(row.code, row.name, row.severity, row.summary) for row in CODES]
    rows += [Rule(rule.code, rule.name, rule.severity, _summary(rule.__doc__), "", rule.group) for rule in RULES]
    return tuple(sorted(rows, key=lambda rule: rule.code))


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring, as one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def codes_of(word: str, rules: Iterable[Rule]) -> frozenset[str]:
    """The codes that a word means: a code (``VG101``), its beginning (``VG1``), a name or a group; none if unknown."""
    return frozenset(
        rule.code
        for rule in rules
        if word.lower() in (rule.name, rule.group)
        or (word.upper().startswith("VG") and rule.code.startswith(word.upper()))
    )


def word_problem(word: str, rules: Sequence[Rule], *, ignoring: bool = False) -> tuple[str, str] | None:
    """What is wrong with a word for rules: a message and the next step; None if nothing is.

    Args:
        word: the word.
        rules: every kind of finding.
        ignoring: whether its findings are not to be shown, which errors of the document cannot be.
    """
    codes = codes_of(word, rules)
    if not codes:
        close = nearest(word, [name for rule in rules for name in (rule.name, rule.code)])
        help = f"did you mean '{close}'?" if close else "'vgspec rules' lists them"
        return f"no rule is called '{word}'", help
    if ignoring:
        fixed = [rule for rule in rules if rule.code in codes and _is_fixed(rule)]
        if len(fixed) == len(codes):
            return f"{fixed[0].code} ({fixed[0].name}) makes a spec invalid and cannot be ignored", "mend the spec"
    return None


def _is_fixed(rule: Rule) -> bool:
    return rule.severity is Severity.ERROR and is_language_code(rule.code)


def select(settings: Settings, path: str | os.PathLike[str] | None, rules: Sequence[Rule]) -> Selection:
    """What is shown of the spec at ``path`` by these settings, whose words for rules are known ones."""
    selected = None
    if settings.select:
        words = (*settings.select, *settings.extend_select)
        selected = frozenset().union(*(codes_of(word, rules) for word in words))
    ignored: frozenset[str] = frozenset().union(*(codes_of(word, rules) for word in settings.ignored_at(path)))
    return Selection(selected, ignored)
