"""From argument nodes to descriptors: layers, initializers, optimizers, with every error at its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from vgspec import codes
from vgspec.catalogue.base import KerasObject, UnknownObjectError, find, known_names
from vgspec.diagnostics import nearest
from vgspec.frontend.findings import chain_notes
from vgspec.frontend.values import Environment, Failed, evaluate_node
from vgspec.source import MappingNode, SequenceNode, SNode, pointer_join

__all__ = ["contains_failed", "make_object", "make_with", "object_from_value", "report_validation"]


def contains_failed(value: Any) -> bool:
    """Whether something inside a value has been reported as an error."""
    if isinstance(value, Failed):
        return True
    if isinstance(value, tuple | list):
        return any(map(contains_failed, value))
    return isinstance(value, dict) and any(map(contains_failed, value.values()))


def make_object(
    cls: type[KerasObject], node: SNode | None, pointer: str, env: Environment, at: SNode | None = None
) -> KerasObject | None:
    """The descriptor for an argument mapping, or None after reporting what is wrong.

    Args:
        cls: the descriptor class.
        node: the argument mapping; None or null for no arguments.
        pointer: the node's pointer.
        env: names and place.
        at: the node to point at where a required argument is missing.
    """
    values: Any = {} if node is None else evaluate_node(node, pointer, env)
    if values is None:
        values = {}
    return None if contains_failed(values) else make_with(cls, values, node, pointer, env, at)


def make_with(
    cls: type[KerasObject],
    values: Mapping[str, Any],
    node: SNode | None,
    pointer: str,
    env: Environment,
    at: SNode | None = None,
) -> Any:
    """The descriptor with these arguments, or None after reporting what is wrong with them."""
    try:
        return cls(**values)
    except ValidationError as error:
        report_validation(error, cls.keras_name or cls.__name__, node, pointer, env, at)
        return None


def object_from_value(kind: str, value: Any, node: SNode | None, pointer: str, env: Environment) -> KerasObject | None:
    """The object for a value that an expression gave (a name or ``{Name: arguments}``)."""
    name: Any = value
    arguments: Mapping[str, Any] | None = None
    if isinstance(value, Mapping) and len(value) == 1:
        name, arguments = next(iter(value.items()))
    cls = find(kind, name) if isinstance(name, str) else None
    if cls is None:
        env.findings.add(_unknown(UnknownObjectError(kind, name), node, pointer, env))
        return None
    try:
        return cls(**(arguments or {}))
    except ValidationError as error:
        report_validation(error, cls.keras_name or cls.__name__, node, pointer, env, node)
        return None


def _unknown(error: UnknownObjectError, node: SNode | None, pointer: str, env: Environment) -> Any:
    near = nearest(error.given, known_names(error.kind)) if isinstance(error.given, str) else None
    code = codes.UNKNOWN_LAYER if error.kind == "layer" else codes.UNKNOWN_CHOICE
    return code.diagnostic(
        str(error),
        span=None if node is None else node.span,
        pointer=pointer,
        help=f"did you mean {near!r}?" if near else "",
        file=env.file,
        notes=chain_notes(env.chain),
    )


def report_validation(
    error: ValidationError,
    owner: str,
    node: SNode | None,
    pointer: str,
    env: Environment,
    at: SNode | None = None,
) -> None:
    """Report each of pydantic's findings at the node that it is about."""
    seen: set[str] = set()
    for item in error.errors(include_url=False):
        place, where, path = _locate(node, pointer, item["loc"])
        if where in seen:  # the alternatives of one union
            continue
        seen.add(where)
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, UnknownObjectError):
            env.findings.add(_unknown(cause, place, where, env))
            continue
        target = place if place is not None and place.span is not None else at
        given = f", got {_shown(item['input'])}" if item["type"] not in ("missing", "extra_forbidden") else ""
        name = path[-1] if path else ""
        last = str(item["loc"][-1]) if item["loc"] else ""
        message = {
            "missing": f"{owner} needs {last!r}",
            "extra_forbidden": f"{owner} has no argument {last!r}",
        }.get(item["type"], f"{owner}: {name + ': ' if name else ''}{_plain(item)}{given}")
        env.findings.add(
            codes.BAD_ARGUMENT.diagnostic(
                message,
                span=None if target is None else target.span,
                pointer=where,
                file=env.file,
                notes=chain_notes(env.chain),
            )
        )


def _plain(item: Mapping[str, Any]) -> str:
    """Pydantic's message in the words of the rest of vgspec."""
    message = str(item["msg"])
    for start, plain in (
        ("Value error, ", ""),
        ("Assertion failed, ", ""),
        ("Input should be ", "expected "),
    ):
        if message.startswith(start):
            message = plain + message.removeprefix(start)
            break
    return message.replace("valid integer", "whole number").replace("a valid ", "a ")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        value = list(value)
    text = repr(value) if not isinstance(value, bool) and value is not None else str(value).lower()
    text = "null" if value is None else text
    return text if len(text) <= 60 else text[:57] + "…"


def _locate(node: SNode | None, pointer: str, loc: tuple[int | str, ...]) -> tuple[SNode | None, str, tuple[str, ...]]:
    """The node that an error location names: union tags are skipped, ``{Name: …}`` levels descended."""
    path: list[str] = []
    for token in loc:
        while True:
            if isinstance(node, MappingNode):
                key = str(token)
                if key in node:
                    node, pointer = node.get(key), pointer_join(pointer, key)
                    path.append(key)
                    break
                if len(node) == 1 and key not in node:
                    only, inner = next(iter(node.items()))
                    if isinstance(inner, MappingNode) and only[:1].isupper():
                        node, pointer = inner, pointer_join(pointer, only)
                        continue
            elif isinstance(node, SequenceNode) and isinstance(token, int) and token < len(node):
                node, pointer = node.items[token], pointer_join(pointer, token)
            break
    return node, pointer, tuple(path)
