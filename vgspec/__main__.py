"""``python -m vgspec``."""

from __future__ import annotations

import sys

from vgspec.cli import main

if __name__ == "__main__":
    sys.exit(main())
