"""``vgspec rule NAME``: what a finding means and what to do about it."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "rule",
        help="explain one kind of finding",
        description="Explain one kind of finding.",
        examples=(
            ("vgspec rule gradient-vanishes", ""),
            ("vgspec rule VG103", ""),
        ),
    )
    parser.add_argument("rule", metavar="RULE", help="its code (VG020) or its name (unknown-layer)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Print the page of the rule."""
    from vgspec.cli.catalog import all_rules, find_rule
    from vgspec.diagnostics import nearest
    from vgspec.report.cells import printable
    from vgspec.report.style import paint

    rules = all_rules()
    rule = find_rule(args.rule, rules)
    if rule is None:
        close = nearest(args.rule, [name for rule in rules for name in (rule.name, rule.code)])
        hint = f"; did you mean '{close}'?" if close else "; 'vgspec rules' lists them"
        raise UsageError(f"no rule is called '{args.rule}'{hint}")
    look = out.look
    head = [(f"{rule.code} {rule.name}", "strong"), (f" ({rule.severity.value})", rule.severity.value)]
    out.write(paint(head, look.color) + "\n\n")
    for line in printable(rule.page or rule.summary, look.encoding).strip().splitlines():
        heading = line.startswith("## ")
        out.write(paint([(line.removeprefix("## "), "strong" if heading else "")], look.color) + "\n")
    return Exit.OK
