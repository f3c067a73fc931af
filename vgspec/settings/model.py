"""`Settings`: what a settings file, or the command line, says of how specs are linted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vgspec.diagnostics import Diagnostic, Severity
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.settings.patterns import matches
from vgspec.source import SourceMap

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions

__all__ = ["Settings", "SettingsError"]


class SettingsError(ValueError):
    """A settings file is wrong. ``diagnostics`` says where and why; ``sources`` holds its text."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], sources: SourceMap) -> None:
        """Keep the findings; the message lists them with their places."""
        self.diagnostics = diagnostics
        self.sources = sources
        lines = []
        for item in diagnostics:
            place = item.file if item.span is None else sources.describe(item.span)
            lines.append(f"{place}: {item.message}{f' ({item.help})' if item.help else ''} [{item.code}]")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Settings:
    """How specs are linted. The defaults are those of a run without any settings.

    Rules are given by code, beginning of a code, name or group.

    Attributes:
        select: the rules that run; all where it is empty.
        extend_select: rules that run beside those.
        ignore: rules that do not run, before ``select``.
        per_path_ignores: patterns of paths with the rules that do not run there.
        exclude: patterns of files and folders that a search leaves out.
        thresholds: values of thresholds by ``rule.threshold`` that differ from the defaults.
        time: steps that a sequence of open length is taken to have.
        positions: positions that an open axis of an image is taken to have.
        sizes: numbers for symbolic sizes by name.
        limits: bounds on what a document may cost.
        fail_on: the least severity of a finding that fails a run; None for none.
        output_format: the format of ``vgspec lint``.
        root: the folder that patterns begin at; the current one by default.
        file: the settings file, as it is shown; empty without one.
        origins: where a setting that is no default comes from, by its name in the file.
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_path_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    time: int = 128
    positions: int = 32
    sizes: Mapping[str, int] = field(default_factory=dict)
    limits: Limits = DEFAULT_LIMITS
    fail_on: Severity | None = Severity.WARNING
    output_format: str = "text"
    root: Path | None = None
    file: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder that patterns begin at."""
        return self.root if self.root is not None else Path.cwd()

    @property
    def assumptions(self) -> Assumptions:
        """The numbers for sizes that a spec leaves open."""
        from vgspec.analysis.signal.sizes import Assumptions

        return Assumptions(time=self.time, positions=self.positions, sizes=dict(self.sizes))

    def ignored_at(self, path: str | os.PathLike[str] | None) -> tuple[str, ...]:
        """The rules that do not run for the spec at ``path``; for one without a path, those that run nowhere."""
        found = list(self.ignore)
        if path is not None:
            for pattern, rules in self.per_path_ignores:
                if matches(pattern, path, self.folder):
                    found += rules
        return tuple(found)

    def excludes(self, path: str | os.PathLike[str]) -> bool:
        """Whether a search leaves out this file or folder."""
        return any(matches(pattern, path, self.folder) for pattern in self.exclude)
