"""The command line. ``main`` is the entry point; each command is a module beside this one."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as `typing` has it, which takes a while to load: Ctrl-C is heeded from `main` on
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vgspec.cli.output import Output

__all__ = ["main"]


def main(argv: Sequence[str] | None = None, output: Output | None = None) -> int:
    """Run vgspec with these arguments and return the exit status; nothing is raised.

    Args:
        argv: the arguments without the program's name; those of the process by default.
        output: where to write; the streams of the process by default.
    """
    try:
        from vgspec.cli.app import main as run

        return run(argv, output)
    except KeyboardInterrupt:  # before there is anything that could be tidied up, or at the very end
        if sys.stderr is not None:
            sys.stderr.write("\ninterrupted\n")
        return 130
