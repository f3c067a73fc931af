"""``vgspec show``: the model as a table of calls, shapes, weights and operations."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers, add_params
from vgspec.cli.settings import add_settings, settings_for

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "show",
        help="show the model as a table: layers, shapes, parameters, FLOPs",
        description="Show the model as a table, without building it: layers, shapes, parameters, FLOPs for one sample.",
        examples=(("vgspec show model.yaml --set width=128", ""),),
    )
    parser.add_argument("spec", metavar="SPEC", help="a spec, or - for standard input")
    add_params(parser)
    add_settings(parser)
    parser.add_argument("--inputs", action="store_true", help="with a column that names what each call reads")
    parser.add_argument("--dtypes", action="store_true", help="with a column of output dtypes")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Load the spec and print the table, or what is wrong with it."""
    from vgspec.cli.checking import load_target, show_diagnostics
    from vgspec.cli.discover import Target
    from vgspec.cli.params import parse_params
    from vgspec.spec import SpecError

    target = Target.named(args.spec)
    spec = load_target(target, parse_params(args.params), settings_for(args, target.path, out).limits)
    try:
        graph = spec.require_graph()
    except SpecError as error:
        show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
        return Exit.FAILED
    show_diagnostics(spec.diagnostics, out, spec.sources, files=(target.name,))
    from vgspec.report.table import render_show, render_show_json

    if args.output_format == "json":
        out.write_data(render_show_json(graph))
    else:
        out.write(render_show(graph, out.look, connections=args.inputs, dtypes=args.dtypes))
    return Exit.OK
