"""``vgspec lint``: check specs and say what is wrong with them."""

from __future__ import annotations

import argparse
import os

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Parser, Subparsers, add_params

__all__ = ["add_parser", "run"]

_FORMATS = ("text", "json", "sarif", "github", "junit")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser: Parser = subparsers.add_parser(
        "lint",
        help="check specs: errors in the document, shapes, signal propagation",
        description="Check specs. Exit status 1 if there are errors or warnings.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="specs, folders in which specs are found by their content, - for standard input; default: this folder",
    )
    add_params(parser)
    parser.add_argument(
        "--output-format", choices=_FORMATS, default="text", help="text for people (default), or one for tools"
    )
    parser.add_argument(
        "--select", action="append", default=[], metavar="RULES", help="show only these, by code or name, with commas"
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="RULES", help="do not show these, by code or name, with commas"
    )
    parser.add_argument("--fix", action="store_true", help="make the fixes that keep the model's function")
    parser.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix or --diff: also those that change the function"
    )
    parser.add_argument("--diff", action="store_true", help="show what fixing would change, and write nothing")
    parser.add_argument("--statistics", action="store_true", help="count findings by rule instead of showing them")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on findings of severity info too")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Lint all targets and report."""
    from vgspec import __version__
    from vgspec.cli.catalog import all_rules
    from vgspec.cli.checking import check
    from vgspec.cli.discover import find_targets
    from vgspec.cli.params import parse_params
    from vgspec.cli.selection import make_selection
    from vgspec.report.formats import render
    from vgspec.report.statistics import render_statistics

    if args.statistics and args.output_format not in ("text", "json"):
        raise UsageError(f"--statistics: there is no form of it for --output-format {args.output_format}")
    if args.unsafe_fixes and not (args.fix or args.diff):
        raise UsageError("--unsafe-fixes: add --fix to make the fixes, or --diff to see them")
    rules = all_rules(pages=args.output_format == "sarif")
    selection = make_selection(args.select, args.ignore, rules)
    params = parse_params(args.params)
    targets = list(find_targets(args.paths or ["."]))
    if not targets:
        out.problem("warning", f"no spec found in {', '.join(args.paths or ['.'])}")
    if args.diff:
        from vgspec.cli.fixing import diff_targets

        difference = diff_targets(targets, params, selection, args.unsafe_fixes, out)
        out.write_data(difference)
        return Exit.FAILED if difference and not args.exit_zero else Exit.OK
    if args.fix:
        from vgspec.cli.fixing import fix_targets

        mended = fix_targets(targets, params, selection, args.unsafe_fixes, out)
        if mended:
            out.say(f"Fixed {mended} finding{'s' if mended > 1 else ''}")
    report, crashed = check(targets, params, selection, rules, args.strict, out)
    if args.statistics:
        text = render_statistics(report, args.output_format, out.look)
    else:
        text = render(report, args.output_format, look=out.look, base=os.getcwd(), tool_version=__version__)
    if args.output_format != "text":
        out.write_data(text)
    elif report.counts.total or (report.files and out.verbosity >= 0):
        out.write(text)
    if crashed:
        return Exit.BUG
    return Exit.FAILED if report.failed and not args.exit_zero else Exit.OK
