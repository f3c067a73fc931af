"""``vgspec import``: a spec of a Keras model that exists."""

from __future__ import annotations

import argparse
from pathlib import Path

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "import",
        help="write a spec of a Keras model: .keras, .h5, a config as JSON, a SavedModel with its config",
        description="Write a spec of a Keras model. Only its config is read; TensorFlow is not needed, and no code "
        "of the file is run.",
        examples=(("vgspec import model.keras --out model.yaml", ""),),
    )
    parser.add_argument("model", metavar="MODEL", help="NAME.keras, NAME.h5, NAME.json, or a SavedModel folder")
    parser.add_argument("--out", metavar="FILE", help="NAME.yaml or NAME.json; standard output by default")
    parser.add_argument("--flat", action="store_true", help="one item a layer, without blocks and repeats")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Read the config, write the spec."""
    from vgspec.cli.checking import show_diagnostics
    from vgspec.diagnostics import has_errors
    from vgspec.files import OutputError, atomic_write
    from vgspec.importers.files import read_model_file
    from vgspec.importers.problem import ImportProblem
    from vgspec.importers.specs import spec_of_config

    suffix = Path(args.out).suffix.lower() if args.out else ".yaml"
    if suffix not in (".yaml", ".yml", ".json"):
        raise UsageError(f"--out {args.out}: write to a file that ends with .yaml or .json")
    try:
        data = read_model_file(Path(args.model))
    except ImportProblem as problem:
        show_diagnostics([problem.diagnostic(args.model)], out, files=(args.model,))
        return Exit.FAILED
    spec = spec_of_config(data, file=args.model, flat=args.flat)
    show_diagnostics(spec.diagnostics, out, spec.sources, files=(args.model,))
    if has_errors(spec.diagnostics):
        return Exit.FAILED
    text = spec.to_json() if suffix == ".json" else spec.to_yaml()
    if not args.out:
        out.write_data(text)
        return Exit.OK
    try:
        atomic_write(args.out, text, force=args.force)
    except OutputError as error:
        show_diagnostics(error.diagnostics, out)
        return Exit.FAILED
    layers = len(spec.graph.layers) if spec.graph is not None else 0
    out.say(f"wrote {args.out} ({layers} layers, {len(text.splitlines())} lines)")
    return Exit.OK
