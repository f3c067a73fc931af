"""What can be wrong with an expression, and how that becomes a diagnostic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Span
from vgspec.source.nodes import ScalarNode

__all__ = ["ErrorKind", "ExpressionError", "expression_diagnostic", "span_within"]


class ErrorKind(StrEnum):
    """The four kinds of error; each has its own diagnostic code."""

    SYNTAX = "syntax"
    NAME = "name"
    TYPE = "type"
    VALUE = "value"


_CODES = {
    ErrorKind.SYNTAX: codes.EXPRESSION_SYNTAX,
    ErrorKind.NAME: codes.UNKNOWN_NAME,
    ErrorKind.TYPE: codes.EXPRESSION_TYPE,
    ErrorKind.VALUE: codes.EXPRESSION_VALUE,
}


@dataclass(frozen=True, slots=True)
class ExpressionError:
    """Why an expression has no value.

    Attributes:
        kind: syntax, name, type or value.
        message: one sentence in plain words, without a final full stop.
        start: where in the expression's text it begins, in code points.
        end: where it ends; never before ``start``.
        hint: the next step to take, or empty.
    """

    kind: ErrorKind
    message: str
    start: int
    end: int
    hint: str = ""


class Failure(Exception):
    """Carries an `ExpressionError` to the entry points of the package, which it never leaves."""

    def __init__(self, error: ExpressionError) -> None:
        super().__init__(error.message)
        self.error = error


def span_within(scalar: ScalarNode, start: int, end: int) -> Span | None:
    """The span of characters ``[start, end)`` of the *value* of ``scalar``.

    Exact for plain one-line scalars and for quoted ones without escapes. Where the value is not found
    character by character in the text (escapes, folded lines), it is the span of the whole scalar.
    """
    span = scalar.span
    if span is None or not isinstance(scalar.value, str):
        return span
    shift = 0 if scalar.plain else 1
    if scalar.raw[shift : shift + len(scalar.value)] != scalar.value:
        return span
    first = min(span.start + shift + start, span.end)
    return Span(span.file, first, max(first, min(span.start + shift + end, span.end)))


def expression_diagnostic(error: ExpressionError, scalar: ScalarNode, pointer: str, file: str = "") -> Diagnostic:
    """The diagnostic for ``error`` in the expression that ``scalar`` at ``pointer`` holds."""
    return _CODES[error.kind].diagnostic(
        error.message,
        span=span_within(scalar, error.start, error.end),
        pointer=pointer,
        help=error.hint,
        file=file,
    )
