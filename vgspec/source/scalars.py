"""What an unquoted scalar means: the core schema of YAML 1.2 (YAML 1.2.2, section 10.3.2).

``no``, ``on`` and dates are text; ``1e-3`` is a number; ``012`` is twelve.
"""

from __future__ import annotations

import math
import re

from vgspec.source.nodes import ScalarValue

__all__ = ["NumberTooLong", "needs_quotes", "quote", "resolve_plain"]

_WORDS: dict[str, ScalarValue] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_FIRST = frozenset("0123456789+-.~nNtTfF")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = {"0o": 8, "0x": 16}


class NumberTooLong(ValueError):
    """The scalar is a number that is written with too many characters, or overflows."""


def resolve_plain(text: str, max_length: int) -> ScalarValue:
    """The value of the unquoted scalar ``text``.

    Raises:
        NumberTooLong: if it is a number of more than ``max_length`` characters, or a float out of range.
    """
    if text and text[0] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        if len(text) > max_length:
            raise NumberTooLong(f"a number of {len(text)} characters; at most {max_length} are allowed")
        base = _BASES.get(text[:2])
        return int(text) if base is None else int(text[2:], base)
    if _FLOAT.fullmatch(text):
        if len(text) > max_length:
            raise NumberTooLong(f"a number of {len(text)} characters; at most {max_length} are allowed")
        value = float(text)
        if math.isinf(value):
            raise NumberTooLong("a number out of range; write `.inf` for infinity")
        return value
    return text


_PLAIN = re.compile(r"[A-Za-z0-9_./$*^+-][A-Za-z0-9_./$*^+()<>=% -]*")


def needs_quotes(text: str) -> bool:
    """Whether ``text`` must be quoted to be read as this very text, even inside ``{...}`` or ``[...]``."""
    if not _PLAIN.fullmatch(text) or text != text.strip() or text[0] in "*-" or text.startswith("..."):
        return True
    if ("(" in text or ")" in text) and not _is_call(text):
        return True
    try:
        return not isinstance(resolve_plain(text, 400), str)
    except NumberTooLong:
        return True


def _is_call(text: str) -> bool:
    """Whether brackets stand as in an expression: ``$(…)``, each closed before the end."""
    depth, lowest = 0, 1
    for i, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if 1 < i < len(text) - 1:
            lowest = min(lowest, depth)
    return text.startswith("$(") and text.endswith(")") and depth == 0 and lowest >= 1


def quote(text: str) -> str:
    """A one-line quoted YAML scalar that means ``text``; in double quotes unless single ones are plainer.

    What YAML 1.1 takes for a line break (U+2028, U+2029) is escaped too.
    """
    if re.fullmatch(r"[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*", text):
        if not re.search(r"[\"\\]", text):
            return f'"{text}"'
        return "'" + text.replace("'", "''") + "'"
    import json

    # ASCII-only JSON strings are YAML too, but for surrogate pairs, which YAML writes as \UXXXXXXXX.
    escaped = "".join(f"\\U{ord(c):08x}" if ord(c) > 0xFFFF else json.dumps(c)[1:-1] for c in text)
    return f'"{escaped}"'
