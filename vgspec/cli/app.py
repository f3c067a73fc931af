"""From a command line to an exit status, whatever happens on the way."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from vgspec.cli.bugs import crash
from vgspec.cli.exits import Exit, Reported, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Parser, add_common, parse
from vgspec.cli.start import end_quickly, start_quickly

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS = {
    "lint": "lint",
    "build": "build",
    "show": "show",
    "profile": "profile",
    "probe": "probe",
    "init": "init",
    "import": "import_model",
    "fmt": "fmt",
    "diff": "diff",
    "migrate": "migrate",
    "schema": "schema",
    "rule": "rule",
    "rules": "rules",
}
"""The commands in the order in which help lists them, each with its module."""

_EPILOG = "exit status: 0 all is well, 1 findings or a failure, 2 a bad call, 3 a bug in vgspec"


class _Version(argparse.Action):
    """``--version``, without formatting that argparse would wrap."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from vgspec import __version__

        if sys.stdout is not None:  # started without it
            sys.stdout.write(f"vgspec {__version__}\n")
        parser.exit()


def make_parser(only: str | None = None) -> Parser:
    """The parser of the whole command line, or of one command: its module is the only one that is loaded then."""
    parser = Parser(
        prog="vgspec",
        description="Check, show and build Keras models from declarative specs.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    add_common(parser, top=True)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, module in COMMANDS.items():
        if only is None or name == only:
            importlib.import_module(f"vgspec.cli.{module}").add_parser(subparsers)
    parser.commands = dict(subparsers.choices)
    for command in parser.commands.values():
        add_common(command)
    return parser


def main(argv: Sequence[str] | None = None, output: Output | None = None) -> int:
    """Run vgspec with these arguments and return the exit status; nothing is raised.

    Args:
        argv: the arguments without the program's name; those of the process by default.
        output: where to write; the streams of the process by default.
    """
    if argv is not None:
        return _main(argv, output or Output.standard())
    start_quickly()
    status = _main(sys.argv[1:], output or Output.standard())
    end_quickly()
    return status


def _main(argv: Sequence[str], out: Output) -> int:
    try:
        status = _run(argv, out)
        out.stdout.flush()
        return status
    except UsageError as error:
        out.problem("error", str(error))
        return Exit.USAGE
    except Reported as ended:
        return ended.status
    except KeyboardInterrupt:
        out.stderr.write("\ninterrupted\n")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _discard(out)
        return Exit.BROKEN_PIPE
    except OSError as error:
        if error.filename is not None:  # of a file, which commands report themselves
            crash(error, out)
            return Exit.BUG
        _discard(out)
        out.problem("error", f"cannot write to standard output: {error.strerror or error}")
        return Exit.FAILED
    except Exception as error:
        crash(error, out)
        return Exit.BUG


def _run(argv: Sequence[str], out: Output) -> int:
    parser = make_parser(argv[0] if argv and (argv[0] in COMMANDS or argv[0] == "--version") else None)
    try:
        args = parse(parser, argv)
    except SystemExit as stop:  # --help and --version
        return int(stop.code or 0)
    out.color = args.color
    out.verbosity = int(args.verbose) - int(args.quiet)
    if args.command is None:
        out.stderr.write(parser.format_help())
        return Exit.USAGE
    return int(args.run(args, out))


def _discard(out: Output) -> None:
    """Nobody reads on: point the stream at nothing, so that its last flush at exit does not complain."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        return
