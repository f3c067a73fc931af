"""A bug in vgspec, in words: what went wrong and where, without a traceback unless one is asked for."""

from __future__ import annotations

import os

from vgspec.cli.output import Output

__all__ = ["crash", "describe", "wants_traceback"]


def wants_traceback() -> bool:
    """Whether tracebacks are asked for."""
    return bool(os.environ.get("VGSPEC_TRACEBACK"))


def describe(error: BaseException) -> str:
    """The error with the place in vgspec where it was raised, in one ASCII line."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = "" if frame is None else f" at {os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}"
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}{place}".encode("ascii", "backslashreplace").decode()


def crash(error: Exception, out: Output) -> None:
    """Say that vgspec itself is at fault and how to report it; a traceback only where one is asked for."""
    from vgspec import __version__

    if wants_traceback():
        import traceback

        out.stderr.write("".join(traceback.format_exception(error)))
    out.problem("error", f"this is a bug in vgspec {__version__}, not in your spec")
    out.stderr.write(f"  {describe(error)}\n")
    if not wants_traceback():
        out.stderr.write(
            "  Please report it with the spec and the output of the same command with VGSPEC_TRACEBACK=1 set.\n"
        )
