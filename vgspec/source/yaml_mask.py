"""Unquoted expressions that YAML would cut short: finding, hiding and reporting them."""

from __future__ import annotations

import re

from vgspec import codes
from vgspec.diagnostics import Applicability, Diagnostic, Edit, Fix, Span
from vgspec.source.scalars import quote

__all__ = ["MASKED", "closing_parenthesis", "cut_diagnostic", "enclosing_expression", "mask"]

_EXPRESSION = re.compile(r"(?:(?<=[\s,\[{:])|^)\$\(")
_MASK = {ord(char): 0xE000 + i for i, char in enumerate(",[]{}:#")}
MASKED = re.compile("[\ue000-\ue006]")
"""Matches text that may hold masked characters."""


def closing_parenthesis(text: str, start: int) -> int | None:
    """The offset behind the ``)`` that closes the ``$(`` at ``start``, on the same line; None without one."""
    depth, quoted = 0, ""
    for at in range(start + 1, min(len(text), start + 2000)):
        char = text[at]
        if char in "\r\n":
            return None
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"":
            quoted = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
            if depth == 0:
                return at + 1
    return None


def enclosing_expression(text: str, at: int) -> tuple[int, int] | None:
    """Start and end of the last unquoted ``$(...)`` on the line of ``at`` that ``at`` lies in, or None."""
    line = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    found: tuple[int, int] | None = None
    for match in _EXPRESSION.finditer(text, line, min(len(text), at + 2)):
        end = closing_parenthesis(text, match.start())
        if end is not None and match.start() < at < end:
            found = match.start(), end
    return found


def mask(text: str, regions: dict[int, int]) -> str:
    """``text`` with the characters that mean something to YAML replaced, one for one, in ``regions``."""
    if not regions:
        return text
    parts: list[str] = []
    at = 0
    for start, end in sorted(regions.items()):
        parts += [text[at:start], text[start:end].translate(_MASK)]
        at = end
    return "".join([*parts, text[at:]])


def cut_diagnostic(written: str, span: Span, pointer: str, whole: bool) -> Diagnostic:
    """The finding for the unquoted expression ``written``; ``whole`` says that it is all of it."""
    quoted = quote(written)
    fix = None
    if whole:
        fix = Fix("quote the expression", (Edit(span, quoted),), Applicability.SAFE)
    return codes.UNQUOTED_EXPRESSION.diagnostic(
        "YAML cuts this unquoted expression short at a comma, bracket or colon",
        span=span,
        label="needs quotes",
        pointer=pointer,
        help=f"write {quoted}" if whole else "put the whole expression into quotes",
        fix=fix,
    )
