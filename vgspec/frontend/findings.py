"""Where the frontend's findings go: one a cause, with the instances of a block counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vgspec.diagnostics import Diagnostic, has_errors
from vgspec.ir import Frame

__all__ = ["Findings", "chain_notes"]


@dataclass(slots=True)
class Findings:
    """Collects diagnostics; the same finding at the same place in several instances of a block is one."""

    _items: dict[tuple[str, str, str], Diagnostic] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a finding."""
        key = (diagnostic.code, diagnostic.file, diagnostic.pointer)
        if diagnostic.pointer == "":
            key = (diagnostic.code, diagnostic.file, "\0" + diagnostic.message)
        if key in self._items:
            if self._items[key].message != diagnostic.message and not diagnostic.notes:
                key = (*key[:2], f"{key[2]}\0{diagnostic.message}")
            else:
                self._counts[key] = self._counts.get(key, 1) + 1
        self._items.setdefault(key, diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Record several findings."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def result(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of their first appearance."""
        return tuple(
            replace(item, notes=(*item.notes, f"the same in {count - 1} more expansions of this block"))
            if (count := self._counts.get(key, 1)) > 1
            else item
            for key, item in self._items.items()
        )

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return has_errors(self._items.values())


def chain_notes(chain: tuple[Frame, ...]) -> tuple[str, ...]:
    """The expansion chain as one note, outermost first; none outside blocks and repeats."""
    if not chain:
        return ()
    steps = []
    for frame in chain:
        values = ", ".join(f"{name}={value}" for name, value in frame.bindings)
        steps.append(f"{frame.what} ({values})" if values else frame.what)
    return (f"expanded from {' → '.join(steps)}",)
