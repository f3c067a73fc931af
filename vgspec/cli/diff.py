"""``vgspec diff``: what two specs or models differ in."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers, add_params
from vgspec.cli.settings import add_settings, chooser_of

if TYPE_CHECKING:
    from vgspec.analysis.compare import Comparison
    from vgspec.settings import Settings
    from vgspec.settings.selection import Selection
    from vgspec.spec import Spec

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "diff",
        help="show what two specs or models differ in",
        description="Show what two specs or Keras models differ in: layers, connections, shapes, parameters, FLOPs, "
        "findings. Exit status 0 if they are equal, 1 if not. How they are written does not matter.",
        examples=(
            ("vgspec diff old.yaml new.yaml", ""),
            ("vgspec diff model.keras model.yaml --ignore-names", ""),
        ),
    )
    parser.add_argument("first", metavar="A", help="a spec, a .keras file or a Keras config")
    parser.add_argument("second", metavar="B", help="another one")
    add_params(parser)
    add_settings(parser)
    parser.add_argument("--ignore-names", action="store_true", help="models that differ in names only are equal")
    parser.add_argument("--no-findings", action="store_true", help="do not lint the two")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Load both, compare, report."""
    import json

    from vgspec.analysis.compare import compare
    from vgspec.cli.checking import load_target, show_diagnostics
    from vgspec.cli.discover import Target
    from vgspec.cli.params import parse_params
    from vgspec.report.cells import printable
    from vgspec.spec import SpecError

    params = parse_params(args.params)
    chooser = chooser_of(args, out)
    graphs = []
    findings: list[dict[str, int]] = []
    for name in (args.first, args.second):
        target = Target.named(name)
        settings = chooser.of(target.path)
        spec = load_target(target, params, settings.limits)
        try:
            graphs.append(spec.require_graph())
        except SpecError as error:
            show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
            return Exit.USAGE
        findings.append({} if args.no_findings else _counts(spec, settings, chooser.selection(settings, target.path)))
    result = compare(*graphs)
    equal = result.equal_but_names if args.ignore_names else result.equal
    if args.output_format == "json":
        out.write_data(json.dumps(_data(args, result, equal, findings), indent=2, ensure_ascii=False) + "\n")
    else:
        lines = _lines(args, result, equal, findings)
        out.write("".join(printable(line, out.look.encoding) + "\n" for line in lines))
    return Exit.OK if equal else Exit.FAILED


def _counts(spec: Spec, settings: Settings, selection: Selection) -> dict[str, int]:
    """How often each rule finds something."""
    from vgspec.lint.engine import lint

    found: dict[str, int] = {}
    result = lint(spec, settings=settings.thresholds, assumptions=settings.assumptions, fixes=None)
    for diagnostic in result.diagnostics:
        if diagnostic not in selection:
            continue
        key = f"{diagnostic.code} {diagnostic.name}"
        found[key] = found.get(key, 0) + 1
    return found


def _data(args: argparse.Namespace, result: Comparison, equal: bool, findings: list[dict[str, int]]) -> dict[str, Any]:
    return {
        "version": 1,
        "first": args.first,
        "second": args.second,
        "equal": equal,
        "equal_but_names": result.equal_but_names,
        "calls": [
            {
                "change": item.kind,
                "before": item.before or None,
                "after": item.after or None,
                "type": item.type,
                "details": list(item.details),
            }
            for item in result.calls
            if not (args.ignore_names and item.kind == "renamed")
        ],
        "model": list(result.other),
        "totals": {key: {"before": before, "after": after} for key, (before, after) in result.totals.items()},
        "findings": {
            key: {"before": findings[0].get(key, 0), "after": findings[1].get(key, 0)}
            for key in sorted({*findings[0], *findings[1]})
            if findings[0].get(key, 0) != findings[1].get(key, 0)
        },
    }


_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "="}


def _lines(args: argparse.Namespace, result: Comparison, equal: bool, findings: list[dict[str, int]]) -> list[str]:
    if equal:
        aside = "" if result.equal else ", names aside"
        return [f"{args.first} and {args.second} are the same model{aside}"]
    lines = [f"--- {args.first}", f"+++ {args.second}"]
    if result.equal_but_names:
        lines.append("the same model, but for names (--ignore-names)")
    for item in result.calls:
        if item.kind == "renamed" and args.ignore_names:
            continue
        name = item.after or item.before
        renamed = f" (was {item.before})" if item.before and item.after and item.before != item.after else ""
        lines.append(f"{_SIGNS[item.kind]} {name}: {item.type}{renamed}")
        lines += [f"    {detail}" for detail in item.details]
    lines += [f"~ {text}" for text in result.other]
    changed = {key: pair for key, pair in result.totals.items() if pair[0] != pair[1]}
    if changed:
        lines.append("")
        width = max(map(len, changed))
        for key, (before, after) in changed.items():
            lines.append(f"{key:<{width}}  {_number(before)} → {_number(after)}{_share(before, after)}")
    for key in sorted({*findings[0], *findings[1]}):
        before, after = findings[0].get(key, 0), findings[1].get(key, 0)
        if before != after:
            lines.append(f"findings of {key}: {before} → {after}")
    return lines


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown" if value is None else str(value)


def _share(before: Any, after: Any) -> str:
    if not (isinstance(before, int) and isinstance(after, int)) or before == 0:
        return ""
    return f" ({(after - before) / before:+.1%})"
