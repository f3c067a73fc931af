"""Settings of the linter: read from ``vgspec.toml`` or ``pyproject.toml``, checked, and found for a spec."""

from vgspec.settings.find import Finder, find_settings
from vgspec.settings.model import Settings, SettingsError
from vgspec.settings.read import load_settings

__all__ = ["Finder", "Settings", "SettingsError", "find_settings", "load_settings"]
