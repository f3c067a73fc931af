"""``vgspec profile``: the predicted size of every activation and gradient."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers, add_params
from vgspec.cli.settings import add_assumptions, add_settings, settings_for

if TYPE_CHECKING:
    from vgspec.analysis.signal import Profile
    from vgspec.ir import Graph

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "profile",
        help="predict the size of every activation and gradient, without running the model",
        description="Predict the size of every activation and gradient at initialisation, without running the model.",
        examples=(
            ("vgspec profile model.yaml", "a table in the terminal"),
            ("vgspec profile model.yaml --plot flow.svg", "a picture"),
        ),
    )
    parser.add_argument("spec", metavar="SPEC", help="a spec, or - for standard input")
    add_params(parser)
    add_assumptions(parser)
    add_settings(parser)
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.add_argument("--plot", metavar="FILE", help="draw a picture: .svg, .png or .pdf (needs vgspec[plot])")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Load the spec, predict, and print or draw."""
    from vgspec.cli.checking import load_target, show_diagnostics
    from vgspec.cli.discover import Target
    from vgspec.cli.params import parse_params
    from vgspec.spec import SpecError

    target = Target.named(args.spec)
    settings = settings_for(args, target.path, out)
    assumptions = settings.assumptions
    spec = load_target(target, parse_params(args.params), settings.limits)
    try:
        graph = spec.require_graph()
    except SpecError as error:
        show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
        return Exit.FAILED
    show_diagnostics(spec.diagnostics, out, spec.sources, files=(target.name,))
    from vgspec.analysis.signal import profile
    from vgspec.report.profile import render_profile, render_profile_json

    result = profile(graph, assumptions)
    if args.plot and not _draw(graph, result, args.plot, out):
        return Exit.FAILED
    if args.output_format == "json":
        out.write_data(render_profile_json(result))
    elif not args.plot:
        out.write(render_profile(result, out.look, name=graph.name))
    return Exit.OK


def _draw(graph: Graph, result: Profile, path: str, out: Output) -> bool:
    from pathlib import Path

    from vgspec.cli.checking import show_diagnostics
    from vgspec.files import OutputError, atomic_file
    from vgspec.report.plot import PlotError, check_format, save_plot

    try:
        check_format(Path(path))
        with atomic_file(path, force=True) as made:
            save_plot(graph, result, made, thresholds={"vanishing": 1e-7})
    except PlotError as error:
        raise UsageError(f"--plot: {error}") from None
    except OutputError as error:
        show_diagnostics(error.diagnostics, out)
        return False
    return True
