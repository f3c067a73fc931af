"""Writing to the terminal: results on standard output, everything about the run on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from vgspec.report.cells import ascii_fallback, printable
from vgspec.report.style import Look, Segment, paint

__all__ = ["Output", "wants_color"]

_PLAIN_WIDTH = 120  # columns assumed where the output is no terminal


def wants_color(choice: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write colour: ``always``, ``never``, or ``auto``, which asks the environment and the stream.

    NO_COLOR and FORCE_COLOR (any value but the empty one) decide for ``auto``, the first before the second.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return _is_terminal(stream) and environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


@dataclass(slots=True)
class Output:
    """Where a command writes to.

    Attributes:
        stdout: for results.
        stderr: for messages about the run.
        color: ``auto``, ``always`` or ``never``.
        verbosity: -1 with ``-q``, 0, or 1 and more with ``-v``.
    """

    stdout: TextIO
    stderr: TextIO
    color: str = "auto"
    verbosity: int = 0

    @classmethod
    def standard(cls) -> Output:
        """The streams of this process; nothing where it was started without them."""
        return cls(sys.stdout or _nowhere(), sys.stderr or _nowhere())

    @property
    def look(self) -> Look:
        """How text on standard output is to be shown."""
        return self._look(self.stdout)

    @property
    def interactive(self) -> bool:
        """Whether somebody watches standard error: it is a terminal that can move its cursor."""
        return _is_terminal(self.stderr) and os.environ.get("TERM") != "dumb"

    @property
    def clears(self) -> bool:
        """Whether standard output is a terminal that can be cleared."""
        return _is_terminal(self.stdout) and os.environ.get("TERM") != "dumb"

    @property
    def error_look(self) -> Look:
        """How text on standard error is to be shown."""
        return self._look(self.stderr)

    def _look(self, stream: TextIO) -> Look:
        width = _terminal_width() if _is_terminal(stream) else _columns()
        return Look(max(width, 40), self._colored(stream), stream.encoding or "ascii")

    def _colored(self, stream: TextIO) -> bool:
        colored = wants_color(self.color, stream, os.environ)
        if colored and os.name == "nt":
            os.system("")  # makes the Windows console obey escape sequences
        return colored

    def write(self, text: str) -> None:
        """Write a part of the result. Characters that the stream cannot carry are written in ASCII."""
        self.stdout.write(_carried(text, self.stdout))

    def write_data(self, text: str) -> None:
        """Write a result for programs, in UTF-8 whatever the locale says."""
        buffer = getattr(self.stdout, "buffer", None)
        if buffer is None:
            self.stdout.write(text)
            return
        self.stdout.flush()
        buffer.write(text.encode("utf-8", "backslashreplace"))
        buffer.flush()

    def say(self, message: str, *, level: int = 0) -> None:
        """A message about the run; ``level`` 1 shows it only with ``-v``, and ``-q`` hides level 0."""
        if self.verbosity >= level:
            self.stderr.write(printable(message, self.stderr.encoding or "ascii") + "\n")

    def problem(self, severity: str, message: str) -> None:
        """An error or warning about the call itself; shown with ``-q`` too."""
        row: list[Segment] = [(severity, severity), (": ", "strong"), (message, "")]
        encoding = self.stderr.encoding or "ascii"
        shown: list[Segment] = [(printable(text, encoding), role) for text, role in row]
        self.stderr.write(paint(shown, self._colored(self.stderr)) + "\n")

    @contextmanager
    def progress(self, message: str) -> Iterator[None]:
        """Say on a terminal what is going on while it goes on; leave nothing behind."""
        shown = self.verbosity >= 0 and _is_terminal(self.stderr)
        if shown:
            text = printable(f"{message} …", self.stderr.encoding or "ascii")
            self.stderr.write(f"\r{text}")
            self.stderr.flush()
        try:
            yield
        finally:
            if shown:
                self.stderr.write("\r" + " " * (len(message) + 4) + "\r")
                self.stderr.flush()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # open as long as the process, as streams are


def _terminal_width() -> int:
    import shutil  # loads every compressor that Python knows

    return shutil.get_terminal_size().columns


def _columns() -> int:
    """The width for output that is no terminal: ``COLUMNS`` if it is set, so that logs can be made to fit."""
    value = os.environ.get("COLUMNS", "")
    return int(value) if value.isdecimal() and 0 < int(value) < 10_000 else _PLAIN_WIDTH


def _carried(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return ascii_fallback(text, encoding)
    return text
