"""Where the frontend's findings go: one a cause, with the instances of a block counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NoReturn

from vgspec import codes
from vgspec.diagnostics import Diagnostic, has_errors
from vgspec.ir import Frame
from vgspec.limits import DEFAULT_LIMITS

__all__ = ["Findings", "TooMuch", "chain_notes"]


class TooMuch(Exception):
    """A limit is exceeded, and to go on would take too long; the reason has been recorded."""


@dataclass(slots=True)
class Findings:
    """Collects diagnostics; the same finding at the same place in several instances of a block is one.

    Attributes:
        limit: how many to collect.
    """

    limit: int = DEFAULT_LIMITS.max_findings
    _last: Diagnostic | None = None
    _items: dict[tuple[str, str, str], Diagnostic] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a finding.

        Raises:
            TooMuch: if there are as many as there may be.
        """
        key = (diagnostic.code, diagnostic.file, diagnostic.pointer)
        if diagnostic.pointer == "":
            key = (diagnostic.code, diagnostic.file, "\0" + diagnostic.message)
        if key in self._items:
            if self._items[key].message != diagnostic.message and not diagnostic.notes:
                key = (*key[:2], f"{key[2]}\0{diagnostic.message}")
            else:
                self._counts[key] = self._counts.get(key, 1) + 1
        if key not in self._items and len(self._items) >= self.limit:
            message = f"there are more than {self.limit} findings; what follows was not looked at"
            self.stop(codes.LIMIT_EXCEEDED.diagnostic(message, file=diagnostic.file))
        self._items.setdefault(key, diagnostic)

    def stop(self, diagnostic: Diagnostic) -> NoReturn:
        """Record the last finding there can be.

        Raises:
            TooMuch: always.
        """
        self._last = diagnostic
        raise TooMuch

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Record several findings."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def last(self) -> tuple[Diagnostic, ...]:
        """What brought loading to a stop, if anything did."""
        return () if self._last is None else (self._last,)

    def result(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of their first appearance, without the `last`."""
        return tuple(
            replace(item, notes=(*item.notes, f"the same in {count - 1} more expansions of this block"))
            if (count := self._counts.get(key, 1)) > 1
            else item
            for key, item in self._items.items()
        )

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return self._last is not None or has_errors(self._items.values())


def chain_notes(chain: tuple[Frame, ...]) -> tuple[str, ...]:
    """The expansion chain as one note, outermost first; none outside blocks and repeats."""
    if not chain:
        return ()
    steps = []
    for frame in chain:
        values = ", ".join(f"{name}={value}" for name, value in frame.bindings)
        steps.append(f"{frame.what} ({values})" if values else frame.what)
    return (f"expanded from {' → '.join(steps)}",)
