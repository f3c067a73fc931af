"""Tree + environment → value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vgspec.diagnostics import nearest
from vgspec.expressions.errors import ErrorKind, ExpressionError, Failure
from vgspec.expressions.functions import FUNCTIONS
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
    operands,
)
from vgspec.expressions.values import (
    Problem,
    arithmetic,
    check_list,
    check_number,
    compare,
    is_int,
    is_number,
    kind,
    power,
)
from vgspec.limits import DEFAULT_LIMITS, Limits

__all__ = ["evaluate", "names"]


def names(expr: Expr) -> tuple[str, ...]:
    """The free names of an expression, each once, in order of appearance."""
    found: dict[str, None] = {}

    def visit(part: Expr) -> None:
        if isinstance(part, Name):
            found.setdefault(part.name)
        for below in operands(part):
            visit(below)

    visit(expr)
    return tuple(found)


def evaluate(expr: Expr, env: Mapping[str, object], limits: Limits = DEFAULT_LIMITS) -> object | ExpressionError:
    """The value of ``expr`` where names mean what ``env`` says, or why it has none.

    Values are ``None``, booleans, whole numbers, floats, strings and lists. A name that stands alone may
    hold anything (a mapping, say) and is passed through; no operator accepts such a thing. Equal
    expressions in equal environments have equal values; it always ends, in bounded time and space.
    """
    try:
        return _Evaluator(env, limits).value(expr)
    except Failure as failure:
        return failure.error


class _Evaluator:
    def __init__(self, env: Mapping[str, object], limits: Limits) -> None:
        self._env = env
        self._limits = limits

    def value(self, expr: Expr) -> object:
        match expr:
            case Literal():
                return expr.value
            case Name():
                return self._name(expr)
            case ListOf():
                items = [self.value(item) for item in expr.items]
                return self._guard(expr, lambda: check_list(items, self._limits))
            case Negate():
                return self._negate(expr)
            case Power():
                base, exponent = self.value(expr.base), self.value(expr.exponent)
                return self._guard(expr, lambda: power(base, exponent, self._limits))
            case Arithmetic():
                return self._arithmetic(expr)
            case Compare():
                return self._compare(expr)
            case Not():
                return not self._boolean(expr.operand, "`not`")
            case Logical():
                stop = expr.operator == "or"
                what = f"`{expr.operator}`"
                # Evaluated only as far as needed, so that `i > 0 and xs[i - 1] > 2` is safe.
                return any(self._boolean(part, what) is stop for part in expr.operands) is stop
            case Conditional():
                chosen = expr.yes if self._boolean(expr.condition, "`if`") else expr.no
                return self.value(chosen)
            case Index():
                return self._index(expr)
            case Call():
                function = FUNCTIONS[expr.function]
                args = [self.value(part) for part in expr.args]
                keywords = {word: self.value(part) for word, part in expr.keywords}
                ordered = function.ordered(args, keywords)
                return self._guard(expr, lambda: function.call(self._limits, ordered))

    def _guard(self, expr: Expr, compute: Callable[[], object]) -> object:
        """The result of ``compute``; a problem is placed at ``expr``."""
        try:
            return compute()
        except Problem as problem:
            raise Failure(ExpressionError(problem.error, problem.message, *expr.place, problem.hint)) from None

    def _name(self, expr: Name) -> object:
        if expr.name in self._env:
            return self._env[expr.name]
        if expr.name in FUNCTIONS:
            hint = f"`{expr.name}` is a function: `{FUNCTIONS[expr.name].usage}`"
        elif close := nearest(expr.name, self._env):
            hint = f"did you mean `{close}`?"
        elif self._env:
            shown = [f"`{word}`" for word in list(self._env)[:8]]
            hint = f"known here: {', '.join(shown)}{' and others' if len(self._env) > 8 else ''}"
        else:
            hint = "no names are defined here; parameters are declared under `params`"
        message = f"there is no name `{expr.name}` here"
        raise Failure(ExpressionError(ErrorKind.NAME, message, *expr.place, hint))

    def _negate(self, expr: Negate) -> object:
        value = self.value(expr.operand)

        def compute() -> object:
            if not is_number(value):
                raise Problem(ErrorKind.TYPE, f"`{expr.sign}` needs a number, not {kind(value)}")
            assert isinstance(value, (int, float)), "checked above"
            return check_number(-value if expr.sign == "-" else value, self._limits)

        return self._guard(expr, compute)

    def _arithmetic(self, expr: Arithmetic) -> object:
        total = self.value(expr.first)
        start = expr.place[0]
        for operator, part in expr.rest:
            right = self.value(part)
            try:
                total = arithmetic(operator, total, right, self._limits)
            except Problem as problem:
                error = ExpressionError(problem.error, problem.message, start, part.place[1], problem.hint)
                raise Failure(error) from None
        return total

    def _compare(self, expr: Compare) -> bool:
        left = self.value(expr.first)
        place = expr.first.place
        for operator, part in expr.rest:
            right = self.value(part)
            try:
                holds = compare(operator, left, right)
            except Problem as problem:
                error = ExpressionError(problem.error, problem.message, place[0], part.place[1], problem.hint)
                raise Failure(error) from None
            if not holds:
                return False
            left, place = right, part.place
        return True

    def _boolean(self, expr: Expr, what: str) -> bool:
        value = self.value(expr)
        if isinstance(value, bool):
            return value
        hint = "compare it, as in `x != 0` or `x != null`"
        message = f"{what} needs a boolean, not {kind(value)}"
        raise Failure(ExpressionError(ErrorKind.TYPE, message, *expr.place, hint))

    def _index(self, expr: Index) -> object:
        base, index = self.value(expr.base), self.value(expr.index)

        def compute() -> object:
            if not isinstance(base, (list, tuple)):
                raise Problem(ErrorKind.TYPE, f"only a list has an index, not {kind(base)}")
            if not is_int(index):
                raise Problem(ErrorKind.TYPE, f"an index must be a whole number, not {kind(index)}")
            assert isinstance(index, int), "checked above"
            if not -len(base) <= index < len(base):
                message = f"index {index} is out of range for a list of {len(base)}"
                raise Problem(ErrorKind.VALUE, message, "the first item has index 0")
            return base[index]

        return self._guard(expr, compute)
