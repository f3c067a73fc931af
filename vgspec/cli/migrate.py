"""``vgspec migrate``: rewrite specs of older versions of the language."""

from __future__ import annotations

import argparse

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["CURRENT", "add_parser", "run"]

CURRENT = "1"
"""The version of the language that this vgspec speaks."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "migrate",
        help="rewrite specs of older language versions",
        description=f"Rewrite specs to version {CURRENT} of the language; comments stay. Version 1 is the first, so "
        "today this only checks the version.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="specs or folders")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Check the version of every spec."""
    from vgspec import codes
    from vgspec.cli.checking import show_diagnostics
    from vgspec.cli.discover import find_targets
    from vgspec.source import MappingNode, ScalarNode, SourceMap, read_file

    failed = current = 0
    for target in find_targets(args.paths):
        if target.path is None:
            out.problem("error", "migrate rewrites files; it takes no standard input")
            return Exit.USAGE
        document, problems = read_file(target.path, name=target.name)
        root = document.root
        node = root.get("vgspec") if isinstance(root, MappingNode) else None
        if problems or node is None:
            missing = codes.MISSING_KEY.diagnostic("there is no version: a spec begins with `vgspec: \"1\"`",
                                                   file=target.name)  # fmt: skip
            show_diagnostics(problems or [missing], out, SourceMap.of([document]))
            failed += 1
            continue
        version = node.value if isinstance(node, ScalarNode) else None
        if version == CURRENT:
            current += 1
            continue
        message = f"version {version!r} of the language is not known; this vgspec speaks version {CURRENT!r}"
        found = codes.UNSUPPORTED_VERSION.diagnostic(
            message, span=node.span, pointer="/vgspec", help='write it in quotes: vgspec: "1", or update vgspec'
        )
        show_diagnostics([found], out, SourceMap.of([document]))
        failed += 1
    if current:
        out.say(f"{current} file{'s' if current != 1 else ''} of version {CURRENT} already, nothing to do")
    return Exit.FAILED if failed else Exit.OK
