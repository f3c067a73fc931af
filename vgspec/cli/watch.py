"""``vgspec lint --watch``: check again whenever something changes that the result depends on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vgspec.cli.exits import Exit, Reported

if TYPE_CHECKING:
    from vgspec.cli.checking import Linted
    from vgspec.cli.discover import Target
    from vgspec.cli.lint import Run

__all__ = ["watch"]

_PAUSE = 0.2  # seconds between looks
_SETTLED = 0.05  # seconds that files must stay as they are, since editors write in several steps
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"
_SHARE = 10  # looking may take a tenth of the time

Signature = tuple[int, int, int] | None
"""Time of change, size and number of a file; None where there is none."""


def watch(run: Run) -> int:
    """Check, wait for a change, check what it touches, until the user interrupts."""
    watcher = _Watcher(run)
    try:
        changed: set[str] | None = None
        while True:
            watcher.check(changed)
            changed = watcher.wait()
    except KeyboardInterrupt:
        run.out.stderr.write("\n")
        return Exit.OK


def _signature(path: str | Path) -> Signature:
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


@dataclass
class _Watcher:
    """What was found at the last look, and in which state of the files."""

    run: Run
    targets: list[Target] = field(default_factory=list)
    results: dict[str, Linted] = field(default_factory=dict)
    seen: dict[str, Signature] = field(default_factory=dict)
    settings: dict[str, Signature] = field(default_factory=dict)

    def check(self, changed: set[str] | None) -> None:
        """Check what depends on the changed files, all where None are given, and show everything."""
        out = self.run.out
        if changed is None or changed & set(self.settings):
            try:
                self.run = self.run.again()
                self.results = {}
            except Reported:
                self._remember()
                self._banner(changed, clear=False)
                return
        try:
            self._lint(changed or set())
        except Reported:  # settings of a folder
            self._remember()
            self._banner(changed, clear=False)
            return
        self._remember()
        self._banner(changed, clear=True)
        self.run.finish([self.results[target.name] for target in self.targets])
        out.stdout.flush()
        out.say(f"\nWatching {_counted(len(self.targets), 'spec')}; Ctrl-C ends it.")
        out.stderr.flush()

    def _lint(self, changed: set[str]) -> None:
        self.targets = self.run.targets()
        old = {
            name: result
            for name, result in self.results.items()
            if not changed.intersection(os.path.abspath(path) for path in result.read)
        }
        fresh = [target for target in self.targets if target.name not in old]
        known = {os.path.abspath(path) for result in self.results.values() for path in result.read}
        known.update(os.path.abspath(target.name) for target in fresh)
        before = {path: _signature(path) for path in known}
        linted = self.run.lint(self.run.jobs(fresh)) if fresh else []
        self.results = {target.name: old[target.name] for target in self.targets if target.name in old}
        self.results |= {target.name: result for target, result in zip(fresh, linted, strict=True)}
        self.seen = before  # a file that changes while it is checked is checked again

    def _remember(self) -> None:
        """Note the state of everything that the results depend on."""
        early = self.seen
        paths = {os.path.abspath(path) for result in self.results.values() for path in result.read}
        self.settings = {str(path.absolute()): _signature(path) for path in self.run.chooser.watched}
        self.seen = {path: early[path] if path in early else _signature(path) for path in paths}
        self.seen |= self.settings

    def _banner(self, changed: set[str] | None, *, clear: bool) -> None:
        out = self.run.out
        now = time.strftime("%H:%M:%S")
        what = "checked" if changed is None else f"changed: {_names(changed)}"
        if clear and out.clears:
            out.stdout.write(_CLEAR)
        out.say(f"[{now}] {what}")
        out.stderr.flush()

    def wait(self) -> set[str]:
        """Wait until something changes; the paths of what did, or of new and lost specs."""
        pause, last = _PAUSE, time.monotonic()
        while True:
            time.sleep(pause)
            found = {path for path, state in self.seen.items() if _signature(path) != state}
            began = time.monotonic()
            if not found and began - last >= pause * _SHARE:
                found = self._appeared()
                last = time.monotonic()
                pause = max(_PAUSE, last - began)
            if found:
                self._settle(found)
                return found

    def _settle(self, paths: Iterable[str]) -> None:
        """Wait until nobody writes to these files any more, two seconds at most."""
        names = list(paths)
        for _ in range(40):
            before = [_signature(path) for path in names]
            time.sleep(_SETTLED)
            if before == [_signature(path) for path in names]:
                return

    def _appeared(self) -> set[str]:
        """Specs that have come to, or gone from, the folders that are searched."""
        try:
            now = {target.name for target in self.run.quiet_targets()}
        except Reported:
            return set()
        return {os.path.abspath(name) for name in now ^ {target.name for target in self.targets}}


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _names(paths: set[str]) -> str:
    shown = sorted(os.path.relpath(path) for path in paths)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
