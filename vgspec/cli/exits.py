"""The exit statuses of every command."""

from __future__ import annotations

import enum

__all__ = ["Exit", "Reported", "UsageError"]


class Exit(enum.IntEnum):
    """What the status tells: all is well, findings or a failure, a bad call, a bug in vgspec."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class UsageError(Exception):
    """A call that cannot be carried out as it stands: the message says why, and what to write instead."""


class Reported(Exception):
    """The call ends here, with a status; why it does has been shown already."""

    def __init__(self, status: Exit) -> None:
        """Keep the status."""
        self.status = status
        super().__init__(status)
