"""A bar that shows how far a long run is: on a terminal only, and only where it takes more than a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vgspec.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar", "bar"]

_PATIENCE = 1.0  # seconds after which people want to know


class Bar:
    """The bar. Nothing is shown, and rich is not imported, before a second has passed."""

    def __init__(self, out: Output, total: int, what: str) -> None:
        """Begin to count.

        Args:
            out: its error stream carries the bar.
            total: how many steps there are.
            what: what is done, one word.
        """
        self._out, self._total, self._what = out, total, what
        self._begun = time.monotonic()
        self._shown: tuple[Progress, TaskID] | None = None
        self._wanted = out.verbosity >= 0 and out.interactive and total > 1

    def step(self, done: int) -> None:
        """Say how many steps are done."""
        if not self._wanted:
            return
        if self._shown is None and time.monotonic() - self._begun >= _PATIENCE and done < self._total:
            self._shown = self._start()
        if self._shown is not None:
            progress, task = self._shown
            progress.update(task, completed=done)
            progress.refresh()

    def _start(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=self._out.stderr, force_terminal=True, no_color=not self._out.error_look.color)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        progress = Progress(*columns, console=console, transient=True, auto_refresh=False)
        progress.start()
        return progress, progress.add_task(self._what, total=self._total)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown[0].stop()
            self._shown = None


@contextmanager
def bar(out: Output, total: int, what: str) -> Iterator[Bar]:
    """A bar for the time of the block; nothing of it is left behind."""
    shown = Bar(out, total, what)
    try:
        yield shown
    finally:
        shown.close()
