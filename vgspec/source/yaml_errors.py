"""YAML syntax errors in plain words.

The two parsers word the same mistake differently, so the text around the place decides as far as it can,
and the parser's words only where it cannot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A message with its place; ``other`` is a second place, such as where a bracket was opened."""

    message: str
    start: int
    end: int
    help: str = ""
    other: int | None = None
    other_message: str = ""


_WORD = re.compile(r"[^\s,\[\]{}]{1,40}|.")
_KEY_WITHOUT_SPACE = re.compile(r"[ \t]*(?:- )*([A-Za-z_][\w.-]*):([^\s:/][^\s]*)")
_DASH_WITHOUT_SPACE = re.compile(r"[ \t]*-([^\s-].*)")
_UNQUOTED = {
    "@": "a value cannot begin with `@`",
    "`": "a value cannot begin with a backtick",
    "%": "a value cannot begin with `%`",
}


def _line_bounds(text: str, at: int) -> tuple[int, int]:
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    match = re.compile(r"[^\r\n]*").match(text, start)
    return start, match.end() if match else len(text)


def _previous_line(text: str, at: int) -> tuple[int, int] | None:
    """Bounds of the nearest line above the one of ``at`` that is not empty or a comment."""
    start = _line_bounds(text, at)[0]
    while start > 0:
        above = start - 1
        if above > 0 and text[above - 1 : above + 1] == "\r\n":
            above -= 1
        start, end = _line_bounds(text, above)
        line = text[start:end].strip()
        if line and not line.startswith("#"):
            return start, end
    return None


def explain(text: str, problem: str, context: str, at: int, context_at: int | None) -> Explanation:
    """What is wrong at offset ``at`` of ``text``.

    Args:
        text: the text that was parsed.
        problem: the parser's words for what it found at ``at``.
        context: the parser's words for what it was doing.
        at: offset of the problem.
        context_at: offset at which it began what it was doing, if it says so.
    """
    at = max(0, min(at, len(text)))
    start, end = _line_bounds(text, at)
    line = text[start:end]
    char = text[at : at + 1]
    word = _WORD.match(text, at)
    stop = word.end() if word else at
    found = (
        _characters(text, start, line, at, problem)
        or _quotes(text, problem, context, at, context_at)
        or _flow(text, problem, context, at, stop, context_at)
        or _block(text, start, line, problem, context, at, context_at)
    )
    if found is not None:
        return found
    if "document start" in problem and char and char in "]}":
        return Explanation(f"this `{char}` closes nothing", at, at + 1)
    if "document start" in problem:
        return Explanation("this text follows the end of the document", at, stop, "remove or indent it")
    where = f" {context}" if context else ""
    return Explanation(f"not valid YAML{where}: {_first_line(problem)}", at, stop)


def _first_line(problem: str) -> str:
    return (problem.strip().splitlines() or ["unreadable"])[0].rstrip(".")


def _characters(text: str, start: int, line: str, at: int, problem: str) -> Explanation | None:
    """Mistakes that the character at the place gives away."""
    char = text[at : at + 1]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    if "\t" in indent and ("cannot start any token" in problem or "tab" in problem.lower()):
        tab = start + indent.index("\t")
        return Explanation(
            "this line is indented with a tab", tab, start + len(indent), "YAML is indented with spaces only"
        )
    if "cannot start any token" not in problem:
        return None
    if char == "\t":
        return Explanation("a tab cannot stand here", at, at + 1, "use spaces")
    if char in _UNQUOTED:
        return Explanation(_UNQUOTED[char], at, at + 1, "put the value into quotes")
    shown = char or "the end of the text"
    return Explanation(f"a value cannot begin with `{shown}`", at, at + len(char), "put the value into quotes")


def _quotes(text: str, problem: str, context: str, at: int, context_at: int | None) -> Explanation | None:
    if "quoted scalar" not in context and "quoted scalar" not in problem:
        return None
    if "end of stream" in problem and context_at is not None:
        quote = text[context_at : context_at + 1]
        message = f"this `{quote}` is never closed"
        return Explanation(message, context_at, context_at + 1, "add the closing quote")
    if "document" in problem and context_at is not None:
        return Explanation("a `---` or `...` stands inside quotes at the start of a line", at, at + 3)
    if "unknown escape" in problem:
        slash = text.rfind("\\", 0, at + 1)
        slash = at if slash < 0 else slash
        shown = text[slash : slash + 2]
        help = "write `\\\\` for a backslash, or use single quotes, where it has no meaning"
        return Explanation(f"`{shown}` is not an escape", slash, slash + 2, help)
    if any(word in problem for word in ("hexdecimal", "hexadecimal", "escape", "character code")):
        slash = max(0, text.rfind("\\", 0, at + 1))
        return Explanation("this escape does not make a character", slash, slash + 2)
    return None


def _flow(text: str, problem: str, context: str, at: int, stop: int, context_at: int | None) -> Explanation | None:
    if "flow" not in context or context_at is None:
        return None
    if "node" in context:
        # Where a value is expected, the parser does not say inside of what.
        context_at = max(text.rfind("{", 0, at), text.rfind("[", 0, at), 0)
        bracket = text[context_at : context_at + 1]
    else:
        bracket = "{" if "mapping" in context else "["
    # The context is the outermost or the innermost bracket, by parser; it may have properties before it.
    opened = text.find(bracket, context_at)
    opened = context_at if opened < 0 or opened > at else opened
    close = "}" if bracket == "{" else "]"
    if text[max(0, at - 1) : at + 1] == "${":
        help = "write `$name` or `$(expression)`"
        return Explanation("`${...}` is not used here", at - 1, at + 1, help)
    if not text[at:].strip():
        return Explanation(f"this `{bracket}` is never closed", opened, opened + 1, f"add `{close}`")
    char = text[at : at + 1]
    if "node" in context:
        message = f"this `{char}` closes nothing" if char in "]}" else f"a value is expected before `{char}`"
        return Explanation(message, at, stop)
    label = f"`{bracket}` opened here"
    message = f"expected `,` or `{close}` before `{text[at:stop]}`"
    help = ""
    line_start = _line_bounds(text, at)[0]
    if char in "]}" and char != close:
        message = f"`{char}` does not close the `{bracket}`"
    elif opened < line_start and not re.search(r"[,\[{]", text[line_start:at]):
        help = f"is a `{close}` or a comma missing above?"
    elif char == ":":
        help = "is a comma missing before this key?"
    return Explanation(message, at, stop, help, opened, label)


def _block(
    text: str, start: int, line: str, problem: str, context: str, at: int, context_at: int | None
) -> Explanation | None:
    if "mapping values are not allowed" in problem:
        return _second_colon(text, start, line, at)
    if "could not find expected ':'" in problem or "simple key" in context:
        key_at = at if context_at is None else context_at
        return _no_colon(text, key_at)
    if "block scalar" in context:
        return Explanation("only an indentation number, `+`, `-` or a comment may follow `|` or `>`", at, at + 1)
    if "alias" in context or "anchor" in context:
        return Explanation("the name of an anchor or alias has letters, digits, `-` and `_` only", at, at + 1)
    if "sequence entries are not allowed" in problem:
        return Explanation("a list cannot begin on the line of its key", at, at + 1, "put it on the next line")
    if "block" not in context or ("found" not in problem and "expected" not in problem):
        return None
    body = start + len(line) - len(line.lstrip(" \t"))
    place = text[at : at + 1]
    if place and place in "]}":
        return Explanation(f"this `{place}` closes nothing", at, at + 1)
    if at > body:
        before = text[:at].rstrip()[-1:]
        if before and before in "\"'":
            message = "there is text after the closing quote"
            return Explanation(message, at, start + len(line), "put the whole value into one pair of quotes")
        if before and before in "]}":
            return Explanation(f"there is text after the closing `{before}`", at, start + len(line))
        return Explanation("this does not belong here", at, start + len(line))
    column = None if context_at is None else context_at - _line_bounds(text, context_at)[0]
    if column is not None and at - start == column:
        if re.match(r"-[ \t\r\n]", text[context_at : (context_at or 0) + 2]):
            message = "this line stands at the level of a list, but does not begin with `- `"
            return Explanation(message, at, start + len(line), "begin it with `- `, or indent it differently")
        message = "this line stands at the level of a mapping, but is not `key: value`"
        return Explanation(message, at, start + len(line), "indent it, or give it a key")
    return Explanation(
        "this line's indentation matches no line above it",
        start,
        max(body, start + 1),
        "lines of one mapping or list begin in the same column",
    )


def _second_colon(text: str, start: int, line: str, at: int) -> Explanation:
    """``a: b: c``, or a line indented under one that has a value already."""
    above = _previous_line(text, start)
    head = text[start:at]
    if ": " not in head and above is not None:
        before = text[above[0] : above[1]]
        missing = _KEY_WITHOUT_SPACE.fullmatch(before.rstrip())
        if missing:
            return _missing_space(above[0], missing)
        indent, own = (len(part) - len(part.lstrip(" ")) for part in (before, line))
        if own > indent and re.search(r":[ \t]+\S", before):
            return Explanation(
                "this line is indented deeper than the one above, which has a value already",
                start,
                at + 1,
                "indent it like the line above, or remove that value",
                above[0] + indent,
                "this has a value on its own line",
            )
        if own > indent and ":" not in before and before.lstrip().startswith("- "):
            return Explanation(
                "this line is indented under a list item that is a plain value",
                start,
                at + 1,
                "write the item as `key: value`, or begin this line with `- `",
                above[0] + indent,
                "this item is complete",
            )
        if ":" not in before and not before.lstrip().startswith("- "):
            return Explanation("this line has no `:`", above[0] + indent, above[1], "write `key: value`", at, "")
    return Explanation(
        "a second `: ` on one line", at, at + 1, "quote the value if the colon belongs to it, or use `{...}`"
    )


def _missing_space(line_start: int, match: re.Match[str]) -> Explanation:
    return Explanation(
        "there must be a space after the colon",
        line_start + match.start(1),
        line_start + match.end(2),
        f"write `{match.group(1)}: {match.group(2)}`",
    )


def _no_colon(text: str, at: int) -> Explanation:
    start, end = _line_bounds(text, at)
    line = text[start:end].rstrip()
    dash = _DASH_WITHOUT_SPACE.fullmatch(line)
    body = start + len(line) - len(line.lstrip())
    if dash:
        return Explanation(
            "there must be a space after the dash", body, start + len(line), f"write `- {dash.group(1)}`"
        )
    missing = _KEY_WITHOUT_SPACE.fullmatch(line)
    if missing:
        return _missing_space(start, missing)
    return Explanation("this line has no `:`", body, max(body, start + len(line)), "write `key: value`")
