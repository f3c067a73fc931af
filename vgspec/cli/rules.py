"""``vgspec rules``: list every kind of finding."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

if TYPE_CHECKING:
    from vgspec.lint.rule import Rule as LintRule
    from vgspec.report.model import Rule

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "rules", help="list every kind of finding", description="List every kind of finding by code."
    )
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Print one line a rule."""
    from vgspec.cli.catalog import all_rules
    from vgspec.report.cells import printable
    from vgspec.report.style import paint

    rules = all_rules(pages=False)
    if args.output_format == "json":
        from vgspec.lint.rules import RULES

        linting = {rule.code: rule for rule in RULES}
        rows = [_row(rule, linting.get(rule.code)) for rule in rules]
        out.write_data(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return Exit.OK
    look = out.look
    width = max(len(rule.name) for rule in rules)
    for rule in rules:
        row = [
            (f"{rule.code}  ", "strong"),
            (f"{rule.name:<{width}}  ", rule.severity.value),
            (printable(rule.summary, look.encoding), ""),
        ]
        out.write(paint(row, look.color) + "\n")
    return Exit.OK


def _row(rule: Rule, linting: type[LintRule] | None) -> dict[str, Any]:
    """What is said of a kind of finding; those of the language itself have no group, no measurement and no examples."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "group": rule.group or None,
        "summary": rule.summary,
        "measured": linting is not None and linting.measured,
        "examples": None if linting is None else {"bad": len(linting.bad), "good": len(linting.good)},
    }
