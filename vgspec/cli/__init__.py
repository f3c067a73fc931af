"""The command line. ``main`` is the entry point; each command is a module beside this one."""

from __future__ import annotations

from vgspec.cli.app import main

__all__ = ["main"]
