"""The rules, one file each. `RULES` is the whole list, in the order of their codes."""

from __future__ import annotations

from vgspec.lint.rule import Rule

__all__ = ["RULES"]

RULES: tuple[type[Rule], ...] = ()
