"""``vgspec schema``: print the JSON Schema of specs, of settings, or of what ``lint`` writes as JSON."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["add_parser", "run"]

_FILES = {
    "spec": "vgspec.schema.json",
    "settings": "vgspec-settings.schema.json",
    "pyproject": "vgspec-pyproject.schema.json",
    "lint-output": "vgspec-lint-output.schema.json",
}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of specs",
        description="Print a JSON Schema: that of specs or of settings, for completion and checks in an editor, or "
        "that of the output of 'lint --output-format json'.",
        examples=(
            ("vgspec schema > vgspec.schema.json", "for an editor of specs"),
            ("vgspec schema settings > vgspec-settings.schema.json", "for an editor of vgspec.toml"),
        ),
    )
    parser.add_argument(
        "schema",
        nargs="?",
        choices=tuple(_FILES),
        default="spec",
        metavar="{" + ",".join(_FILES) + "}",
        help="of specs (default), of a vgspec.toml, of a pyproject.toml with [tool.vgspec], or of the JSON output of "
        "lint",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Print the schema that is shipped; they are made from the layers' descriptors, the settings and the report."""
    from vgspec.resources import resource_path

    out.write_data(resource_path(f"schema/{_FILES[args.schema]}").read_text(encoding="utf-8"))
    return Exit.OK
