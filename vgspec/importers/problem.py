"""What goes wrong while a Keras config is read, as an exception that stays inside the importers."""

from __future__ import annotations

from vgspec.codes import Code
from vgspec.diagnostics import Diagnostic

__all__ = ["ImportProblem"]


class ImportProblem(Exception):
    """One finding about a config; the reader turns it into a `Diagnostic`.

    Attributes:
        code: its kind.
        message: one sentence.
        pointer: JSON pointer of the place in the config.
        layer: the layer's name, if it is about one.
        help: the next step to take.
    """

    def __init__(self, code: Code, message: str, pointer: str, *, layer: str = "", help: str = "") -> None:
        """Keep the parts."""
        self.code, self.message, self.pointer, self.layer, self.help = code, message, pointer, layer, help
        super().__init__(message)

    def diagnostic(self, file: str) -> Diagnostic:
        """The finding; its message names the layer."""
        message = f"layer {self.layer!r}: {self.message}" if self.layer else self.message
        return self.code.diagnostic(message, pointer=self.pointer, file=file, node=self.layer, help=self.help)
