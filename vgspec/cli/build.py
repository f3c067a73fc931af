"""``vgspec build``: make a Keras model from a spec and save it."""

from __future__ import annotations

import argparse
import re

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers, add_params
from vgspec.cli.settings import add_settings, chooser_of

__all__ = ["add_parser", "parse_size", "run"]

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "build",
        help="build the Keras model and save it",
        description="Build the Keras model and save it. The spec is linted first; errors stop the build.",
        examples=(
            ("vgspec build model.yaml --out model.keras", ""),
            ("vgspec build model.yaml --out model.py", "readable Keras source, without TensorFlow"),
        ),
    )
    parser.add_argument("spec", metavar="SPEC", help="a spec, or - for standard input")
    parser.add_argument(
        "--out",
        required=True,
        metavar="TARGET",
        help="NAME.keras: Keras's own file; NAME.py: source that builds the model; NAME: a SavedModel folder",
    )
    add_params(parser)
    add_settings(parser)
    parser.add_argument("--strict", action="store_true", help="stop on warnings too")
    parser.add_argument("--force", action="store_true", help="replace an existing target")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the initial weights (0): the same seed, the same bytes",
    )
    parser.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="refuse a model whose variables take more, such as 16GiB; default: the memory that is free",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Lint, build, save."""
    from vgspec.cli.checking import check_one, show_diagnostics
    from vgspec.cli.discover import Target
    from vgspec.cli.params import parse_params
    from vgspec.diagnostics import Severity
    from vgspec.report.model import at_least
    from vgspec.spec import SpecError

    target = Target.named(args.spec)
    limit_memory = None if args.max_memory is None else parse_size(args.max_memory)
    chooser = chooser_of(args, out)
    settings = chooser.of(target.path)
    findings, spec = check_one(target, parse_params(args.params), chooser.selection(settings, target.path), settings)
    show_diagnostics(findings, out, spec.sources, files=(target.name,))
    limit = Severity.WARNING if args.strict else Severity.ERROR
    if any(at_least(d.severity, limit) for d in findings):
        out.say("not built" if not args.strict else "not built (--strict)")
        return Exit.FAILED
    try:
        graph = spec.require_graph()
    except SpecError as error:
        show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
        return Exit.FAILED
    from vgspec.analysis.memory import too_large
    from vgspec.backends.errors import BuildError
    from vgspec.backends.saving import format_of, save
    from vgspec.files import OutputError

    try:
        slow = format_of(args.out) != "python"
        if slow and (found := too_large(graph, limit_memory)) is not None:
            show_diagnostics((found,), out, spec.sources)
            return Exit.FAILED
        with out.progress("starting TensorFlow and building the model" if slow else "writing source"):
            kind = save(graph, args.out, force=args.force, seed=args.seed)
    except (BuildError, OutputError) as error:
        show_diagnostics(error.diagnostics, out, spec.sources)
        return Exit.FAILED
    what = {"keras": "Keras model", "python": "Keras source", "saved_model": "TensorFlow SavedModel"}[kind]
    out.say(f"wrote {args.out} ({what})")
    return Exit.OK


def parse_size(text: str) -> int:
    """Bytes from ``16GiB``, ``512M`` or a plain number; units are powers of 1024.

    Raises:
        UsageError: if it is none of these.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?) ?([kmgt]?)(?:i?b)?", text.strip().lower(), re.ASCII)
    if match is None:
        raise UsageError(f"--max-memory {text}: expected a size such as 16GiB")
    return int(float(match[1]) * _UNITS[match[2]])
