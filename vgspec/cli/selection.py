"""``--select`` and ``--ignore``: which kinds of finding are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vgspec.cli.exits import UsageError
from vgspec.diagnostics import Diagnostic, Severity, nearest
from vgspec.report.model import Rule, is_language_code

__all__ = ["EVERYTHING", "Selection", "make_selection", "split"]


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


def split(values: Iterable[str]) -> list[str]:
    """The items of options that take several, separated by commas."""
    return [part for value in values for item in value.split(",") if (part := item.strip())]


EVERYTHING = Selection()


def make_selection(select: Iterable[str], ignore: Iterable[str], rules: Sequence[Rule]) -> Selection:
    """A selection by code (``VG101``), beginning of a code (``VG1``), name (``gradient-vanishes``) or group.

    Raises:
        UsageError: if a word fits no rule, or asks to ignore what makes a spec invalid.
    """
    chosen = split(select)
    dropped = split(ignore)
    selected = frozenset().union(*(_codes(word, rules) for word in chosen)) if chosen else None
    ignored: frozenset[str] = frozenset()
    for word in dropped:
        codes = _codes(word, rules)
        fixed = [rule for rule in rules if rule.code in codes and _is_fixed(rule)]
        if len(fixed) == len(codes):
            raise UsageError(
                f"--ignore {word}: {fixed[0].code} ({fixed[0].name}) makes a spec invalid; it must be mended"
            )
        ignored |= codes
    return Selection(selected, ignored)


def _is_fixed(rule: Rule) -> bool:
    return rule.severity is Severity.ERROR and is_language_code(rule.code)


def _codes(word: str, rules: Sequence[Rule]) -> frozenset[str]:
    found = frozenset(
        rule.code
        for rule in rules
        if word.lower() in (rule.name, rule.group)
        or (word.upper().startswith("VG") and rule.code.startswith(word.upper()))
    )
    if not found:
        close = nearest(word, [name for rule in rules for name in (rule.name, rule.code)])
        hint = f"; did you mean '{close}'?" if close else "; 'vgspec rules' lists them"
        raise UsageError(f"no rule is called '{word}'{hint}")
    return found
