"""Files that ship with vgspec: the published schema and the zoo of specs.

In an installed package they lie under ``vgspec/_data``; in a checkout they are the repository's own
``schema/`` and ``specs/``, so that there is one copy to edit.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["resource_path"]

_PACKAGE = Path(__file__).resolve().parent


def resource_path(name: str) -> Path:
    """The path of a shipped file or folder such as ``schema/vgspec.schema.json``.

    Raises:
        FileNotFoundError: if the installation is damaged.
    """
    for base in (_PACKAGE / "_data", _PACKAGE.parent):
        if (base / name).exists():
            return base / name
    raise FileNotFoundError(f"{name} is missing from this installation of vgspec")
