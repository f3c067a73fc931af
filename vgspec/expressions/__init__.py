"""Expressions: whole scalars ``$name`` or ``$(expression)``, parsed and evaluated without `eval`.

Typed (no arithmetic on booleans or text), total, and bounded in size and time.
"""

from vgspec.expressions.errors import ErrorKind, ExpressionError, expression_diagnostic, span_within
from vgspec.expressions.evaluate import evaluate, names
from vgspec.expressions.functions import FUNCTIONS, make_divisible
from vgspec.expressions.parser import is_expression, is_name, parse, unescape
from vgspec.expressions.tree import Expr
from vgspec.expressions.unparse import unparse

__all__ = [
    "FUNCTIONS",
    "ErrorKind",
    "Expr",
    "ExpressionError",
    "evaluate",
    "expression_diagnostic",
    "is_expression",
    "is_name",
    "make_divisible",
    "names",
    "parse",
    "span_within",
    "unescape",
    "unparse",
]
