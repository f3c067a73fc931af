"""``vgspec schema``: print the JSON Schema of specs, for editors and other tools."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of specs",
        description="Print the JSON Schema (draft 2020-12) of specs, for completion and checks in an editor.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Print the schema that is shipped; it is made from the layer descriptors."""
    from vgspec.resources import resource_path

    out.write_data(resource_path("schema/vgspec.schema.json").read_text(encoding="utf-8"))
    return Exit.OK
