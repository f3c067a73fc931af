"""Dimensions and shapes: integers, symbolic sizes with exact arithmetic, and sizes that nobody knows.

A dimension is an ``int``, a `Sym` (an affine combination of named sizes, floor divisions and products of
them) or ``None`` for a size that is not known at all. Arithmetic keeps what is provable: two
`Sym` that are equal are equal for every size the user may choose, ``2 * H // 2`` is ``H``, and
``(H + 1) // 2 * 2`` is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "BATCH",
    "Dim",
    "Shape",
    "Sym",
    "add",
    "broadcast",
    "broadcast_dim",
    "ceil_div",
    "evaluate",
    "floor_div",
    "format_dim",
    "format_shape",
    "may_equal",
    "mul",
    "numel",
    "sub",
    "symbols",
]


@dataclass(frozen=True, slots=True)
class Atom:
    """An indivisible symbolic quantity: a named size, a floor division, or a product of symbolic sizes."""

    kind: str  # "name" | "floordiv" | "product"
    name: str = ""
    args: tuple[Sym, ...] = ()
    divisor: int = 1

    def __str__(self) -> str:
        if self.kind == "name":
            return self.name
        if self.kind == "floordiv":
            inner = str(self.args[0])
            return f"{inner}//{self.divisor}" if self.args[0].is_atom else f"({inner})//{self.divisor}"
        return "*".join(str(a) if a.is_atom and a.terms[0][0].kind == "name" else f"({a})" for a in self.args)


@dataclass(frozen=True, slots=True)
class Sym:
    """A symbolic size: ``const + sum(coefficient * atom)``, with atoms in a canonical order."""

    terms: tuple[tuple[Atom, int], ...]
    const: int = 0

    @classmethod
    def named(cls, name: str) -> Sym:
        """The size called ``name``."""
        return cls(((Atom("name", name), 1),))

    @property
    def is_atom(self) -> bool:
        """Whether it is one atom with coefficient one and nothing added."""
        return self.const == 0 and len(self.terms) == 1 and self.terms[0][1] == 1

    def __str__(self) -> str:
        parts: list[str] = []
        for atom, coefficient in self.terms:
            text = str(atom)
            if coefficient != 1:
                text = f"{coefficient}*({text})" if atom.kind == "floordiv" else f"{coefficient}*{text}"
            parts.append(text)
        if self.const:
            parts.append(str(self.const))
        return "+".join(parts).replace("+-", "-")


Dim = int | Sym | None
Shape = tuple[Dim, ...]

BATCH = Sym.named("batch")
"""The leading size of every tensor whose batch size the spec leaves open."""


def _collect(terms: Iterable[tuple[Atom, int]], const: int) -> Dim:
    total: dict[Atom, int] = {}
    for atom, coefficient in terms:
        total[atom] = total.get(atom, 0) + coefficient
    kept = tuple(sorted(((a, c) for a, c in total.items() if c), key=lambda item: str(item[0])))
    return Sym(kept, const) if kept else const


def add(a: Dim, b: Dim) -> Dim:
    """``a + b``; unknown if either is."""
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    left = ((), a) if isinstance(a, int) else (a.terms, a.const)
    right = ((), b) if isinstance(b, int) else (b.terms, b.const)
    return _collect((*left[0], *right[0]), left[1] + right[1])


def mul(a: Dim, b: Dim) -> Dim:
    """``a * b``; zero if either is zero, else unknown if either is."""
    if a == 0 or b == 0:
        return 0
    if a is None or b is None:
        return None
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(a, int):
        a, b = b, a
    assert isinstance(a, Sym)
    if isinstance(b, int):
        return _collect(((atom, c * b) for atom, c in a.terms), a.const * b)
    factors = [*_factors(a), *_factors(b)]
    return _collect([(Atom("product", args=tuple(sorted(factors, key=str))), 1)], 0)


def _factors(s: Sym) -> tuple[Sym, ...]:
    if s.is_atom and s.terms[0][0].kind == "product":
        return s.terms[0][0].args
    return (s,)


def sub(a: Dim, b: Dim) -> Dim:
    """``a - b``; unknown if either is."""
    return add(a, mul(b, -1))


def floor_div(a: Dim, divisor: int) -> Dim:
    """``a // divisor`` for a positive ``divisor``."""
    if divisor <= 0:
        raise ValueError(f"divisor must be positive, got {divisor}")
    if a is None or divisor == 1:
        return a
    if isinstance(a, int):
        return a // divisor
    whole = [(atom, c // divisor) for atom, c in a.terms if c % divisor == 0]
    rest = tuple((atom, c) for atom, c in a.terms if c % divisor)
    if not rest:
        return _collect(whole, a.const // divisor)
    inner = Sym(rest, a.const % divisor)
    atom = Atom("floordiv", args=(inner,), divisor=divisor)
    if inner.is_atom and inner.terms[0][0].kind == "floordiv":  # (x // m) // n == x // (m * n)
        nested = inner.terms[0][0]
        atom = Atom("floordiv", args=nested.args, divisor=nested.divisor * divisor)
    return _collect([*whole, (atom, 1)], a.const // divisor)


def ceil_div(a: Dim, divisor: int) -> Dim:
    """The smallest integer not below ``a / divisor``."""
    return floor_div(add(a, divisor - 1), divisor)


def numel(shape: Iterable[Dim]) -> Dim:
    """The number of elements of a shape."""
    total: Dim = 1
    for dim in shape:
        total = mul(total, dim)
    return total


def may_equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes can be equal: false only if they are provably different."""
    if a is None or b is None:
        return True
    difference = sub(a, b)
    return difference == 0 if isinstance(difference, int) else True


def broadcast_dim(a: Dim, b: Dim) -> Dim:
    """The size that results from broadcasting two sizes.

    Raises:
        ValueError: if they are provably incompatible.
    """
    if a == b:
        return a
    if a == 1:
        return b
    if b == 1:
        return a
    if isinstance(a, int) and isinstance(b, int):
        raise ValueError(f"{a} and {b} cannot be broadcast together")
    if isinstance(a, int):
        return a  # the other one is 1 or equal to it, or the call fails at run time
    if isinstance(b, int):
        return b
    if not may_equal(a, b):
        raise ValueError(f"{format_dim(a)} and {format_dim(b)} cannot be broadcast together")
    return None


def broadcast(a: Shape, b: Shape) -> Shape:
    """NumPy broadcasting of two shapes, aligned at the last axis.

    Raises:
        ValueError: if they are provably incompatible.
    """
    rank = max(len(a), len(b))
    left = (1,) * (rank - len(a)) + tuple(a)
    right = (1,) * (rank - len(b)) + tuple(b)
    return tuple(broadcast_dim(x, y) for x, y in zip(left, right, strict=True))


def symbols(dim: Dim) -> frozenset[str]:
    """The names that occur in a size."""
    if not isinstance(dim, Sym):
        return frozenset()
    names: set[str] = set()
    for atom, _ in dim.terms:
        if atom.kind == "name":
            names.add(atom.name)
        for arg in atom.args:
            names |= symbols(arg)
    return frozenset(names)


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int | None:
    """The value of a size where ``sizes`` gives the named ones; None if one is missing."""
    if dim is None or isinstance(dim, int):
        return dim
    total = dim.const
    for atom, coefficient in dim.terms:
        if atom.kind == "name":
            value = sizes.get(atom.name)
        elif atom.kind == "floordiv":
            inner = evaluate(atom.args[0], sizes)
            value = None if inner is None else inner // atom.divisor
        else:
            value = 1
            for arg in atom.args:
                factor = evaluate(arg, sizes)
                value = None if factor is None or value is None else value * factor
        if value is None:
            return None
        total += coefficient * value
    return total


def format_dim(dim: Dim) -> str:
    """A size as text: a number, ``H``, ``(H+1)//2``, or ``?`` for one that is unknown."""
    return "?" if dim is None else str(dim)


def format_shape(shape: Sequence[Dim]) -> str:
    """A shape as text: ``(batch, 32, 32, 3)``."""
    inner = ", ".join(format_dim(d) for d in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
