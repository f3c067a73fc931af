"""The argument parser: argparse with nearer help for slips, and options that all commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

from vgspec.cli.exits import UsageError
from vgspec.diagnostics import nearest

__all__ = ["Parser", "Subparsers", "add_common", "add_params", "parse"]

_CHOICE = re.compile(
    r"argument (?P<argument>.+?): invalid choice: '?(?P<word>.*?)'? \(choose from (?P<choices>.*)\)$", re.S
)


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` where argparse would print and leave, and knows its options."""

    def __init__(self, **kwargs: Any) -> None:
        """Like argparse's, without abbreviated options: they would break when an option is added."""
        self.examples: tuple[tuple[str, str], ...] = kwargs.pop("examples", ())
        super().__init__(**{"allow_abbrev": False, **kwargs})
        self.commands: dict[str, Parser] = {}

    @property
    def options(self) -> list[str]:
        """All its options, those in groups too."""
        return list(self._option_string_actions)

    def format_help(self) -> str:
        """As argparse's, with examples at its end, each on a line that can be copied."""
        text = super().format_help()
        if not self.examples:
            return text
        width = max(len(call) for call, _ in self.examples)
        lines = [f"  {call:<{width}}  {meaning}".rstrip() for call, meaning in self.examples]
        return f"{text}\nexamples:\n" + "\n".join(lines) + "\n"

    @property
    def advice(self) -> str:
        """Where to read how it is called."""
        return f"'{self.prog} --help' shows how it is used"

    def error(self, message: str) -> NoReturn:
        """A bad call."""
        raise UsageError(f"{_with_suggestion(message)}\n{self.advice}")


Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"


def _with_suggestion(message: str) -> str:
    match = _CHOICE.match(message)
    if match is None:
        return message
    choices = re.findall(r"[\w.-]+", match["choices"])
    close = nearest(match["word"], choices)
    hint = f"; did you mean '{close}'?" if close else f"; it must be one of: {', '.join(choices)}"
    subject = "unknown command" if match["argument"] == "COMMAND" else f"{match['argument']}: unknown value"
    return f"{subject} '{match['word']}'{hint}"


def add_common(parser: Parser, *, top: bool = False) -> None:
    """The options that stand before or after the command."""

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS

    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default=default("auto"),
        help="when to write colour; auto: on a terminal, NO_COLOR and FORCE_COLOR are obeyed",
    )
    parser.add_argument("-q", "--quiet", action="store_true", default=default(False), help="say only what is wrong")
    parser.add_argument("-v", "--verbose", action="store_true", default=default(False), help="say more on the way")


def add_params(parser: Parser) -> None:
    """``--set``, for commands that read a spec."""
    parser.add_argument(
        "--set",
        dest="params",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a parameter of the spec; the value is read as YAML; may be repeated",
    )


def parse(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Raises:
        UsageError: naming the nearest command, option or value where one is near.
    """
    args, rest = parser.parse_known_args(argv)
    if not rest:
        return args
    command = parser.commands.get(getattr(args, "command", None) or "", parser)
    word = next((item for item in rest if item.startswith("-")), rest[0])
    if not word.startswith("-"):
        raise UsageError(f"unexpected argument '{word}'\n{command.advice}")
    name = word.partition("=")[0]
    close = nearest(name, [*command.options, *parser.options]) if name.startswith("--") else None
    hint = f"; did you mean '{close}'?" if close else ""
    raise UsageError(f"unknown option '{name}'{hint}\n{command.advice}")
