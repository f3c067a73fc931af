"""Expression text → tree: operator precedence parsing, bounded in length and depth.

Precedence from loose to tight, as in Python: ``if else``, ``or``, ``and``, ``not``, comparisons, ``+ -``,
``* / // %``, unary ``+ -``, ``**``, indexing and calls.
"""

from __future__ import annotations

import re
from dataclasses import replace

from vgspec.diagnostics import nearest
from vgspec.expressions.errors import ErrorKind, ExpressionError, Failure
from vgspec.expressions.functions import FUNCTIONS
from vgspec.expressions.lexer import CONSTANTS, KEYWORDS, Token, tokenize
from vgspec.expressions.tree import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Expr,
    Index,
    ListOf,
    Literal,
    Logical,
    Name,
    Negate,
    Not,
    Power,
)
from vgspec.limits import DEFAULT_LIMITS, Limits

__all__ = ["is_expression", "is_name", "parse", "unescape"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IF, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _UNARY, _POWER = range(1, 10)
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SUMS = frozenset({"+", "-"})
_PRODUCTS = frozenset({"*", "/", "//", "%"})
_FOREIGN = {
    "in": "`in` is not part of the expression language",
    "is": "compare with `==`",
    "lambda": "functions cannot be defined in an expression",
    "for": "there are no loops in an expression; use `repeat`",
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "then": "write `a if condition else b`",
}


def is_expression(text: str) -> bool:
    """Whether a string scalar is an expression: it begins with one ``$``. ``$$`` is a literal ``$``."""
    return text.startswith("$") and not text.startswith("$$")


def unescape(text: str) -> str:
    """What a string scalar that is no expression stands for: a leading ``$$`` becomes ``$``."""
    return text[1:] if text.startswith("$$") else text


def is_name(text: str) -> bool:
    """Whether ``text`` can be the name of a parameter: an ASCII identifier that is no keyword."""
    return _NAME.fullmatch(text) is not None and text not in KEYWORDS


def parse(text: str, limits: Limits = DEFAULT_LIMITS) -> Expr | ExpressionError:
    """The expression that the whole scalar ``text`` (``$name`` or ``$(...)``) holds, or what is wrong.

    Positions, those of an error too, count from the start of ``text``.
    """
    try:
        return _parse(text, limits)
    except Failure as failure:
        return failure.error


def _syntax(message: str, start: int, end: int, hint: str = "") -> Failure:
    return Failure(ExpressionError(ErrorKind.SYNTAX, message, start, end, hint))


def _parse(text: str, limits: Limits) -> Expr:
    end = len(text)
    if not is_expression(text):
        raise _syntax("an expression begins with `$`", 0, end)
    if end > limits.max_expression_length:
        message = f"the expression has {end} characters; at most {limits.max_expression_length} are allowed"
        raise Failure(ExpressionError(ErrorKind.VALUE, message, 0, end))
    trimmed = len(text.rstrip(" \t\r\n"))
    if text.startswith("$("):
        if text[trimmed - 1] != ")" or trimmed == 2:
            hint = "the expression must be the whole value; quote it if it holds `, `, `: `, ` #` or a bracket"
            raise _syntax("the `(` of `$(` is not closed at the end of the value", 1, end, hint)
        tokens = tokenize(text, 2, trimmed - 1, 2 ** (limits.max_int_bits - 1) - 1)
        return _Parser(tokens, limits.max_expression_depth).whole()
    if text.startswith("${"):
        raise _syntax("`${...}` is not used here", 0, end, "write `$name` or `$(expression)`")
    match = _NAME.match(text, 1)
    if match is None:
        hint = "write `$name` or `$(expression)`; a text that begins with `$` is written `$$...`"
        raise _syntax("a name or `(` must follow the `$`", 0, end, hint)
    if match.end() < trimmed:
        hint = f"write `$({text[1:trimmed]})`; a text that begins with `$` is written `$$...`"
        raise _syntax("`$name` must be the whole value", match.end(), end, hint)
    word = match.group()
    if word in CONSTANTS:
        return Literal(CONSTANTS[word], (1, trimmed))
    if word in KEYWORDS:
        raise _syntax(f"`{word}` is a keyword, not a name", 1, trimmed)
    return Name(word, (1, trimmed))


class _Parser:
    """A cursor over tokens. Each nested call of `expression` counts as one level of depth."""

    def __init__(self, tokens: list[Token], max_depth: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._max_depth = max_depth

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _sees(self, word: str) -> bool:
        return self._next.text == word and self._next.kind in ("operator", "name")

    def _expect(self, word: str, why: str) -> Token:
        if not self._sees(word):
            token = self._next
            found = f"`{token.text}`" if token.kind != "end" else "the end"
            raise _syntax(f"expected `{word}` {why}, found {found}", token.start, token.end)
        return self._take()

    def whole(self) -> Expr:
        """The expression all tokens together make."""
        if self._next.kind == "end":
            raise _syntax("the expression is empty", self._next.start - 2, self._next.end + 1)
        expr = self.expression(0)
        token = self._next
        if token.kind != "end":
            hint = _FOREIGN.get(token.text, "")
            if token.text == "=":
                hint = "compare with `==`"
            elif token.kind in ("name", "number", "string") and not hint:
                hint = "an operator is missing before it"
            raise _syntax(f"`{token.text}` is not expected here", token.start, token.end, hint)
        return expr

    def expression(self, level: int) -> Expr:
        """The longest expression from here whose operators all bind tighter than ``level``."""
        self._depth += 1
        self._check_depth(self._depth)
        expr = self._prefix(level)
        while True:
            grown = self._infix(expr, level)
            if grown is None:
                self._depth -= 1
                return expr
            expr = grown

    def _check_depth(self, depth: int) -> None:
        if depth > self._max_depth:
            token = self._next
            message = f"the expression is nested more than {self._max_depth} deep"
            raise Failure(ExpressionError(ErrorKind.VALUE, message, token.start, token.end))

    def _infix(self, left: Expr, level: int) -> Expr | None:
        """``left`` grown by the operators that follow, or None if none binds tighter than ``level``."""
        token = self._next
        word = token.text if token.kind in ("operator", "name") else ""
        start = left.place[0]
        if word == "**" and level < _POWER:
            self._take()
            exponent = self.expression(_UNARY)
            return Power(left, exponent, (start, exponent.place[1]))
        if word in _PRODUCTS and level < _PRODUCT:
            rest = self._chain(_PRODUCTS, _PRODUCT)
            return Arithmetic(left, rest, (start, rest[-1][1].place[1]))
        if word in _SUMS and level < _SUM:
            rest = self._chain(_SUMS, _SUM)
            return Arithmetic(left, rest, (start, rest[-1][1].place[1]))
        if word in _COMPARISONS and level < _COMPARE:
            rest = self._chain(_COMPARISONS, _COMPARE)
            return Compare(left, rest, (start, rest[-1][1].place[1]))
        for name, own in (("and", _AND), ("or", _OR)):
            if word == name and level < own:
                parts = (left, *(part for _, part in self._chain(frozenset({name}), own)))
                return Logical(name, parts, (start, parts[-1].place[1]))
        if word == "if" and level < _IF:
            self._take()
            condition = self.expression(_IF)
            self._expect("else", "after the condition of `if`")
            no = self.expression(0)
            return Conditional(condition, left, no, (start, no.place[1]))
        return None

    def _chain(self, words: frozenset[str], level: int) -> tuple[tuple[str, Expr], ...]:
        rest: list[tuple[str, Expr]] = []
        while self._next.kind in ("operator", "name") and self._next.text in words:
            operator = self._take().text
            rest.append((operator, self.expression(level)))
        return tuple(rest)

    def _prefix(self, level: int) -> Expr:
        token = self._take()
        if token.kind in ("number", "string"):
            expr: Expr = Literal(token.value, (token.start, token.end))
        elif token.kind == "name" and token.text == "not":
            if level > _NOT:
                hint = "put `not ...` into parentheses"
                raise _syntax("`not` is not expected here", token.start, token.end, hint)
            operand = self.expression(_NOT)
            return Not(operand, (token.start, operand.place[1]))
        elif token.kind == "name":
            expr = self._named(token)
        elif token.text in _SUMS:
            operand = self.expression(_UNARY)
            return Negate(token.text, operand, (token.start, operand.place[1]))
        elif token.text == "(":
            inner = self.expression(0)
            close = self._expect(")", "to close the parenthesis")
            expr = replace(inner, place=(token.start, close.end))
        elif token.text == "[":
            items = self._arguments("]")[0]
            expr = ListOf(items, (token.start, self._tokens[self._at - 1].end))
        elif token.kind == "end":
            raise _syntax("a value is missing at the end", token.start, token.end)
        else:
            raise _syntax(f"a value is expected here, not `{token.text}`", token.start, token.end)
        return self._postfix(expr)

    def _postfix(self, expr: Expr) -> Expr:
        count = 0
        while self._sees("["):
            self._take()
            count += 1
            self._check_depth(self._depth + count)
            index = self.expression(0)
            close = self._expect("]", "to close the index")
            expr = Index(expr, index, (expr.place[0], close.end))
        return expr

    def _named(self, token: Token) -> Expr:
        word, start = token.text, token.start
        if word in CONSTANTS:
            return Literal(CONSTANTS[word], (start, token.end))
        if word in KEYWORDS or (word in _FOREIGN and not self._sees("(")):
            hint = _FOREIGN.get(word, "")
            raise _syntax(f"a value is expected here, not `{word}`", start, token.end, hint)
        if not self._sees("("):
            return Name(word, (start, token.end))
        function = FUNCTIONS.get(word)
        if function is None:
            close = nearest(word, FUNCTIONS)
            hint = f"did you mean `{close}`?" if close else f"the functions are {', '.join(FUNCTIONS)}"
            message = f"there is no function `{word}`"
            raise Failure(ExpressionError(ErrorKind.NAME, message, start, token.end, hint))
        self._take()
        args, keywords = self._arguments(")", keywords=True)
        end = self._tokens[self._at - 1].end
        wrong = function.check(len(args), tuple(name for name, _ in keywords))
        if wrong:
            hint = f"it is called as `{function.usage}`"
            raise Failure(ExpressionError(ErrorKind.TYPE, wrong, start, end, hint))
        return Call(word, args, keywords, (start, end))

    def _arguments(self, close: str, keywords: bool = False) -> tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]:
        """Expressions up to ``close``, which is taken too; a comma may follow the last."""
        args: list[Expr] = []
        named: list[tuple[str, Expr]] = []
        while not self._sees(close):
            token = self._next
            if keywords and token.kind == "name" and self._tokens[self._at + 1].text == "=":
                self._at += 2
                named.append((token.text, self.expression(0)))
            elif named:
                raise _syntax("a positional argument follows a named one", token.start, token.end)
            else:
                args.append(self.expression(0))
            if not self._sees(","):
                break
            self._take()
        self._expect(close, "or `,`")
        return tuple(args), tuple(named)
