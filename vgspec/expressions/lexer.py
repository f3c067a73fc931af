"""Expression text → tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vgspec.expressions.errors import ErrorKind, ExpressionError, Failure

__all__ = ["CONSTANTS", "KEYWORDS", "Token", "tokenize"]

CONSTANTS: dict[str, bool | None] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
KEYWORDS = frozenset({"and", "or", "not", "if", "else", *CONSTANTS})
"""Words that cannot be the name of a parameter."""

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<operator>\*\*|//|==|!=|<=|>=|[-+*/%<>()\[\],=])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}

_HINTS = {
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`",
    "^": "a power is written `**`",
    "?": "a choice is written `a if condition else b`",
    "{": "braces have no meaning in an expression",
    "}": "braces have no meaning in an expression",
    ".": "there are no attributes or methods in an expression",
    "$": "inside `$(...)` names stand without `$`",
    ";": "an expression is one expression",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token: ``number``, ``name``, ``string``, ``operator`` or ``end``.

    ``value`` is the number or the unescaped string where there is one, else ``text``.
    """

    kind: str
    text: str
    value: int | float | str
    start: int
    end: int


def _fail(message: str, start: int, end: int, hint: str = "") -> Failure:
    return Failure(ExpressionError(ErrorKind.SYNTAX, message, start, end, hint))


def tokenize(text: str, start: int, end: int, max_int: int) -> list[Token]:
    """The tokens of ``text[start:end]`` with positions in ``text``, closed by an ``end`` token.

    Raises:
        Failure: at the first character that starts no token, or a number that is out of bounds.
    """
    tokens: list[Token] = []
    at = start
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            char = text[at]
            if char in "'\"":
                raise _fail("this string is not closed", at, end, f"add {char} at its end")
            raise _fail(f"`{char}` has no meaning in an expression", at, at + 1, _HINTS.get(char, ""))
        kind, word = str(match.lastgroup), match.group()
        at = match.end()
        if kind == "space":
            continue
        value: int | float | str = word
        if kind == "number":
            if tokens and tokens[-1].kind in ("number", "name") and tokens[-1].end == match.start():
                raise _fail(f"`{tokens[-1].text}{word}` is not a number", tokens[-1].start, at)
            value = _number(word, match.start(), at, max_int)
        elif kind == "string":
            value = _string(word, match.start())
        elif kind == "name" and tokens and tokens[-1].kind == "number" and tokens[-1].end == match.start():
            hint = f"to multiply, write `{tokens[-1].text} * {word}`"
            raise _fail(f"`{tokens[-1].text}{word}` is not a number", tokens[-1].start, at, hint)
        tokens.append(Token(kind, word, value, match.start(), at))
    tokens.append(Token("end", "", "", end, end))
    return tokens


def _number(word: str, start: int, end: int, max_int: int) -> int | float:
    if word.isdigit():
        if len(word) > 1 and word[0] == "0" and word.strip("0"):
            raise _fail(f"`{word}`: a number does not begin with 0", start, end)
        # The length is checked first, since reading a very long number takes quadratic time.
        if len(word) > 40 or int(word) > max_int:
            message = f"the whole number is larger than {max_int}"
            raise Failure(ExpressionError(ErrorKind.VALUE, message, start, end))
        return int(word)
    value = float(word)
    if value == float("inf"):
        raise Failure(ExpressionError(ErrorKind.VALUE, f"`{word}` is too large for a number", start, end))
    return value


def _string(word: str, start: int) -> str:
    for match in _ESCAPE.finditer(word):
        if match.group(1) not in _ESCAPES:
            at = start + match.start()
            hint = "the escapes are \\\\ \\' \\\" \\n and \\t"
            raise _fail(f"`{match.group()}` is not an escape", at, at + 2, hint)
    return _ESCAPE.sub(lambda match: _ESCAPES[match.group(1)], word[1:-1])
