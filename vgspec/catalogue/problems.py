"""What is wrong with a plain value that should describe an object, each finding with its path in the value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from vgspec.catalogue.base import FAMILIES, KerasObject, UnknownObjectError, find, known_names, resolve
from vgspec.diagnostics import nearest

__all__ = ["Problem", "Token", "attempt"]

Token: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a value.

    Attributes:
        path: keys and indices from the whole value to the part that is wrong.
        message: one sentence in plain words, without a final full stop.
        given: the part that is wrong.
        near: the name that was probably meant, if there is one.
    """

    path: tuple[Token, ...]
    message: str
    given: Any = None
    near: str | None = None

    def __iter__(self) -> Iterator[Any]:
        """Path, message, given part and near name."""
        return iter((self.path, self.message, self.given, self.near))


def attempt(kind: str, value: Any, path: tuple[Token, ...] = ()) -> tuple[KerasObject | None, tuple[Problem, ...]]:
    """The object that a value describes, or what is wrong with the value.

    Args:
        kind: the kind of object, such as ``optimizer``.
        value: plain data in a spec's form.
        path: where the value stands; put before the paths of problems.
    """
    try:
        return resolve(kind, value), ()
    except UnknownObjectError as error:
        return None, (_unknown(error, path),)
    except ValidationError as error:
        return None, tuple(_validation(error, kind, value, path))


def _unknown(error: UnknownObjectError, path: tuple[Token, ...]) -> Problem:
    given = error.given
    near = None
    if isinstance(given, str) and not error.reason:
        upper = given[:1].isupper()  # answer an id with an id, and a class name with a class name
        near = nearest(given, sorted(known_names(error.kind), key=lambda name: name[:1].isupper() != upper))
    return Problem(path, str(error), given, near)


def _validation(error: ValidationError, kind: str, value: Any, path: tuple[Token, ...]) -> Iterator[Problem]:
    alternatives: dict[tuple[Token, ...], list[Problem]] = {}
    for item in error.errors(include_url=False):
        steps, given, owner = _locate(value, item["loc"])
        where = (*path, *steps)
        cause = item.get("ctx", {}).get("error")
        name = str(item["loc"][-1]) if item["loc"] else ""
        owner = owner or error.title
        if isinstance(cause, UnknownObjectError):
            yield _unknown(cause, where)
        elif item["type"] == "missing":
            yield Problem(where, f"{owner} needs the argument {name!r}", given)
        elif item["type"] == "extra_forbidden":
            yield Problem(where, f"{owner} has no argument {name!r}", item["input"], _argument(name, kind, owner))
        else:
            problem = Problem(where, _plain(str(item["msg"])), item["input"])
            alternatives.setdefault(where, []).append(problem)
    for where, problems in alternatives.items():
        # An error inside one alternative of a union says more than that the value is none of the others.
        if not any(len(other) > len(where) and other[: len(where)] == where for other in alternatives):
            yield problems[0] if len(problems) == 1 else _either(problems)


def _argument(name: str, kind: str, owner: str) -> str | None:
    """The argument that was probably meant; the owner may be of another kind than the whole value."""
    cls = next((cls for each in (kind, *FAMILIES) if (cls := find(each, owner)) is not None), None)
    return None if cls is None else nearest(name, cls.argument_names())


def _either(problems: Sequence[Problem]) -> Problem:
    """One problem for the alternatives of a union."""
    wanted = " or ".join(dict.fromkeys(problem.message.removeprefix("expected ") for problem in problems))
    return Problem(problems[0].path, f"expected {wanted}", problems[0].given, problems[0].near)


def _plain(message: str) -> str:
    """Pydantic's message in the words of the rest of vgspec."""
    for start, plain in (
        ("Value error, ", ""),
        ("Input should be greater", "expected a number greater"),
        ("Input should be less", "expected a number less"),
        ("Input should be ", "expected "),
    ):
        if message.startswith(start):
            message = plain + message.removeprefix(start)
            break
    return message.replace("valid integer", "whole number").replace("valid tuple", "list").replace("a valid ", "a ")


def _locate(value: Any, loc: Sequence[Token]) -> tuple[tuple[Token, ...], Any, str]:
    """Path, part and owner that an error location of pydantic names.

    Pydantic leaves out the ``{Name: …}`` levels, and puts in the names of the alternatives of a union.
    """
    steps: list[Token] = []
    owner = value if isinstance(value, str) else ""
    for token in loc:
        if isinstance(value, Mapping) and token not in value and len(value) == 1:
            name, inner = next(iter(value.items()))
            if isinstance(inner, Mapping):
                steps.append(name)
                value, owner = inner, name
        if isinstance(value, Mapping):
            if token not in value:
                continue
            value = value[token]
        elif isinstance(value, list | tuple) and isinstance(token, int) and token < len(value):
            value = value[token]
        else:
            continue
        steps.append(token)
    if not loc and isinstance(value, Mapping) and len(value) == 1:
        owner = str(next(iter(value)))
        steps.append(owner)
    return tuple(steps), value, owner
