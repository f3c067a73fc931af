"""Which settings apply to a file: the nearest settings file above it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vgspec.report.model import Rule
from vgspec.settings.model import Settings
from vgspec.settings.read import load_settings, read_settings
from vgspec.settings.selection import known_rules

__all__ = ["NAMES", "Finder", "find_settings"]

NAMES = ("vgspec.toml", "pyproject.toml")
"""Names of settings files; in one folder the first comes before the second."""


def find_settings(path: str | os.PathLike[str]) -> Settings:
    """The settings that ``vgspec lint`` would use for a spec: those of the nearest settings file above it.

    Args:
        path: the spec, or a folder.

    Raises:
        SettingsError: if the file cannot be read, or something in it is wrong.
    """
    return Finder(known_rules()).of(path)


class Finder:
    """Finds settings and remembers them by folder."""

    def __init__(self, rules: Sequence[Rule], config: str | None = None, *, isolated: bool = False) -> None:
        """Read the named file, if there is one.

        Args:
            rules: every kind of finding.
            config: a settings file that is used for all specs.
            isolated: use no settings file at all.

        Raises:
            SettingsError: if ``config`` cannot be read, or something in it is wrong.
        """
        self.rules = rules
        self._fixed: Settings | None = None
        if isolated:
            self._fixed = Settings()
        elif config is not None:
            self._fixed = load_settings(config, rules=rules)
        self._by_folder: dict[Path, Settings] = {}
        self.watched: set[Path] = set() if config is None else {Path(config)}

    def of(self, path: str | os.PathLike[str] | None) -> Settings:
        """The settings of a spec, or of the specs in a folder; of the current folder for None.

        Raises:
            SettingsError: if the file cannot be read, or something in it is wrong.
        """
        if self._fixed is not None:
            return self._fixed
        place = Path(os.path.abspath(path)) if path is not None else Path.cwd()
        return self._in(place if place.is_dir() else place.parent)

    def _in(self, folder: Path) -> Settings:
        passed: list[Path] = []
        found: Settings | None = None
        for here in (folder, *folder.parents):
            if here in self._by_folder:
                found = self._by_folder[here]
                break
            passed.append(here)
            found = self._at(here)
            if found is not None or (here / ".git").exists():  # settings beyond a repository are somebody else's
                break
        settings = found or Settings()
        self._by_folder.update(dict.fromkeys(passed, settings))
        return settings

    def _at(self, folder: Path) -> Settings | None:
        for name in NAMES:
            path = folder / name
            self.watched.add(path)
            if os.path.lexists(path):
                settings = read_settings(path, _shown(path), self.rules)
                if settings is not None:
                    return settings
        return None


def _shown(path: Path) -> str:
    """A path as people write it: relative to the current folder where it lies in or not far above it."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith(os.path.join("..", "..", "..")) else str(path)
