"""JSON (RFC 8259) text → the same node tree as YAML gives, with spans; strict and not recursive."""

from __future__ import annotations

import re
from collections.abc import Callable
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import cast

from vgspec import codes
from vgspec.source.builder import Builder
from vgspec.source.nodes import ScalarValue
from vgspec.source.scalars import NumberTooLong, resolve_plain

__all__ = ["NotJson", "build_json"]

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[-+]?[A-Za-z_][A-Za-z0-9_]*")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_scan = cast("Callable[[str, int, bool], tuple[str, int]]", scanstring)


class NotJson(Exception):
    """The text is not JSON: what is wrong, where, and whether it can still be meant as YAML."""

    def __init__(self, message: str, at: int, maybe_yaml: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.maybe_yaml = maybe_yaml


def build_json(text: str, builder: Builder) -> None:
    """Feed the JSON document ``text`` to ``builder``.

    Raises:
        NotJson: at the first place where the text is not JSON.
        Stop: if a limit is exceeded.
    """
    space = _SPACE.match
    closers: list[str] = []  # the bracket that closes each open collection
    at = _skip(space, text, 0)
    while True:
        # Here a value is expected.
        char = text[at : at + 1]
        if char in ("{", "["):
            builder.open(char == "{", at)
            closers.append("}" if char == "{" else "]")
            at = _skip(space, text, at + 1)
            if text[at : at + 1] == closers[-1]:
                at += 1
                closers.pop()
                builder.close(at)
            else:
                if char == "{":
                    at = _key(text, at, builder)
                continue
        else:
            at = _scalar(text, at, builder)
        # Here a value has ended: close what ends too, and find the next value.
        while True:
            at = _skip(space, text, at)
            if not closers:
                if at < len(text):
                    raise NotJson("there is more text after the end of the document", at)
                return
            char = text[at : at + 1]
            if char == closers[-1]:
                at += 1
                closers.pop()
                builder.close(at)
                continue
            if char != ",":
                raise NotJson(f"expected `,` or `{closers[-1]}`", at)
            at = _skip(space, text, at + 1)
            if closers[-1] == "}":
                at = _key(text, at, builder)
            elif text[at : at + 1] == "]":
                raise NotJson("a comma before the closing bracket is not allowed in JSON", at)
            break


def _skip(space: Callable[[str, int], re.Match[str] | None], text: str, at: int) -> int:
    match = space(text, at)
    return match.end() if match else at


def _string(text: str, at: int, builder: Builder) -> int:
    try:
        value, end = _scan(text, at + 1, True)
    except JSONDecodeError as error:
        if error.msg.startswith("Unterminated"):
            raise NotJson("this string is not closed", at) from None
        if error.msg.startswith("Invalid control"):
            raise NotJson("a line break or control character inside a string", error.pos) from None
        raise NotJson("this escape is not allowed in a JSON string", error.pos) from None
    raw = text[at:end]
    if len(value) + 2 != len(raw) and _SURROGATE.search(value):
        builder.report(
            codes.SYNTAX_ERROR.diagnostic(
                "half of a surrogate pair does not make a character",
                span=builder.span(at, end),
                pointer=builder.pointer(),
                help="write both halves, as in `\\ud83d\\ude00`",
            )
        )
        value = _SURROGATE.sub("\ufffd", value)
    builder.leaf(value, at, end, raw, False)
    return end


def _key(text: str, at: int, builder: Builder) -> int:
    char = text[at : at + 1]
    if char == "}":
        raise NotJson("a comma before the closing brace is not allowed in JSON", at)
    if char != '"':
        raise NotJson("a key in double quotes is expected here", at)
    end = _skip(_SPACE.match, text, _string(text, at, builder))
    if text[end : end + 1] != ":":
        raise NotJson("expected `:` after the key", end)
    return _skip(_SPACE.match, text, end + 1)


def _scalar(text: str, at: int, builder: Builder) -> int:
    if text[at : at + 1] == '"':
        return _string(text, at, builder)
    value: ScalarValue
    match = _NUMBER.match(text, at)
    if match is not None:
        try:
            value = resolve_plain(match.group(), builder.limits.max_number_length)
        except NumberTooLong as error:
            builder.report(
                codes.LIMIT_EXCEEDED.diagnostic(
                    str(error), span=builder.span(at, match.end()), pointer=builder.pointer()
                )
            )
            value = match.group()
    else:
        match = _WORD.match(text, at)
        word = "" if match is None else match.group()
        if word in _NOT_FINITE:
            raise NotJson(f"JSON has no `{word}`", at, maybe_yaml=False)
        if match is None or word not in _CONSTANTS:
            raise NotJson("a value is expected here", at)
        value = _CONSTANTS[word]
    builder.leaf(value, at, match.end(), match.group(), True)
    return match.end()
