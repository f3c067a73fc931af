"""What a backend raises when a correct graph cannot become a model here: diagnostics, never a traceback."""

from __future__ import annotations

from collections.abc import Iterable

from vgspec.codes import Code
from vgspec.diagnostics import Diagnostic
from vgspec.ir import Origin

__all__ = ["BuildError", "about", "first_lines"]


class BuildError(Exception):
    """The graph cannot be built, or the model not be saved, with what is installed.

    Attributes:
        diagnostics: why, one or several.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep the diagnostics."""
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(d.message for d in self.diagnostics))


def about(
    code: Code,
    message: str,
    *,
    node: str = "",
    origin: Origin | None = None,
    notes: Iterable[str] = (),
    help: str = "",
) -> Diagnostic:
    """A diagnostic about a node, at the place in the document that the node comes from."""
    place = origin or Origin()
    chain = " → ".join(
        f"{frame.what} ({', '.join(f'{k}={v}' for k, v in frame.bindings)})" if frame.bindings else frame.what
        for frame in place.chain
    )
    return code.diagnostic(
        message,
        span=place.span,
        pointer=place.pointer,
        file=place.file,
        node=node,
        notes=(*notes, f"expanded from {chain}") if chain else notes,
        help=help,
    )


def first_lines(error: BaseException, lines: int = 4, width: int = 300) -> str:
    """The beginning of an exception's text, in one line: Keras's messages can run to pages."""
    kept = [line.strip() for line in str(error).splitlines() if line.strip()][:lines]
    text = " ".join(kept) or type(error).__name__
    return text if len(text) <= width else text[: width - 1] + "…"
