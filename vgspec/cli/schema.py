"""``vgspec schema``: print the JSON Schema of specs, or of what ``lint`` writes as JSON."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["add_parser", "run"]

_FILES = {"spec": "vgspec.schema.json", "lint-output": "vgspec-lint-output.schema.json"}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of specs",
        description="Print a JSON Schema (draft 2020-12): that of specs, for completion and checks in an editor, or "
        "that of the output of 'lint --output-format json'.",
        examples=(("vgspec schema > vgspec.schema.json", "for an editor"),),
    )
    parser.add_argument(
        "schema",
        nargs="?",
        choices=tuple(_FILES),
        default="spec",
        metavar="{spec,lint-output}",
        help="of specs (default), or of the JSON output of lint",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Print the schema that is shipped; it is made from the layer descriptors and the report."""
    from vgspec.resources import resource_path

    out.write_data(resource_path(f"schema/{_FILES[args.schema]}").read_text(encoding="utf-8"))
    return Exit.OK
