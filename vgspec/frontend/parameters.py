"""Parameters of documents and blocks: declared types, bounds, and the values they are given."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from vgspec import codes
from vgspec.diagnostics import nearest
from vgspec.frontend.findings import chain_notes
from vgspec.frontend.values import FAILED, Environment, Failed, constant, evaluate_node, freeze
from vgspec.source import MappingNode, SNode, pointer_join

__all__ = ["bind_parameters"]

_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "activation": "an activation",
    "initializer": "an initializer",
    "regularizer": "a regularizer",
    "constraint": "a constraint",
    "layer": "a layer",
}
_OBJECTS = frozenset({"activation", "initializer", "regularizer", "constraint", "layer"})


def bind_parameters(
    declared: SNode | None,
    pointer: str,
    env: Environment,
    given: Mapping[str, tuple[Any, SNode | None, str]],
    *,
    owner: str,
    caller: Environment,
    at: SNode | None = None,
    at_pointer: str = "",
    bad: Container[str] = frozenset(),
    read: dict[tuple[str, str], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The values of parameters: given ones checked, the others at their defaults.

    Args:
        declared: the ``params`` mapping.
        pointer: its pointer.
        env: the environment of the declaration; defaults may use parameters declared above them.
        given: value, node and pointer of each given parameter.
        owner: whose parameters they are, for messages: ``block conv_bn``.
        caller: the environment of the place that gives the values.
        at: the node to point at for a missing parameter.
        at_pointer: its pointer.
        bad: pointers at or below which the form is wrong; declarations there say nothing.
        read: by file and pointer, declarations without expressions that were read before; new ones are put in.
    """
    names: dict[str, Any] = {}
    read = {} if read is None else read
    entries = dict(declared.items()) if isinstance(declared, MappingNode) else {}
    for name, (_, node, where) in given.items():
        if name not in entries:
            near = nearest(name, entries)
            listed = f"it has {', '.join(entries)}" if entries else "it has none"
            caller.findings.add(
                codes.BAD_PARAMETER.diagnostic(
                    f"{owner} has no parameter {name!r}",
                    span=None if node is None else node.span,
                    pointer=where,
                    file=caller.file,
                    help=f"did you mean {near!r}?" if near else listed,
                    notes=chain_notes(caller.chain),
                )
            )
    for name, node in entries.items():
        here = pointer_join(pointer, name)
        if here in bad:
            names[name] = FAILED
            continue
        spec = read.get((env.file, here))
        if spec is None:
            spec = _declaration(node, here, env, names)
            if constant(node):
                read[env.file, here] = spec
        if name in given:
            value, value_node, where = given[name]
            names[name] = _checked(name, value, spec, owner, caller, value_node, where)
        elif "default" in spec:
            default = node.get("default") if isinstance(node, MappingNode) else node
            names[name] = _checked(name, spec["default"], spec, owner, env, default, here)
        else:
            caller.findings.add(
                codes.BAD_PARAMETER.diagnostic(
                    f"{owner} needs a value for parameter {name!r}",
                    span=None if at is None else at.span,
                    pointer=at_pointer,
                    file=caller.file,
                    notes=chain_notes(caller.chain),
                )
            )
            names[name] = FAILED
    return names


def _declaration(node: SNode, pointer: str, env: Environment, names: Mapping[str, Any]) -> dict[str, Any]:
    """The declaration in full form; a bare value stands for its type and default."""
    local = Environment(env.file, {**env.names, **names}, env.findings, env.limits, env.chain)
    value = evaluate_node(node, pointer, local)
    if isinstance(node, MappingNode):
        return dict(value)
    kind = (
        "bool"
        if isinstance(value, bool)
        else "int"
        if isinstance(value, int)
        else "float"
        if isinstance(value, float)
        else "list"
        if isinstance(value, tuple)
        else "str"
    )
    return {"type": kind, "default": value}


def _fits(value: Any, kind: str) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind == "list":
        return isinstance(value, tuple)
    return value is None or isinstance(value, str) or (isinstance(value, Mapping) and len(value) == 1)


def _problem(value: Any, spec: Mapping[str, Any]) -> str:
    kind = spec.get("type", "str")
    if not isinstance(kind, str) or kind not in _NOUNS:
        return f"is declared with the type {kind!r}, which there is not"
    for bound in ("min", "max", "multiple_of"):
        if not _fits(spec.get(bound, 1), "float") or (bound == "multiple_of" and spec.get(bound, 1) == 0):
            return f"is declared with {bound}: {spec[bound]!r}, which is no such number"
    shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    if not _fits(value, kind):
        return f"takes {_NOUNS[kind]}, got {shown}"
    if kind in _OBJECTS and isinstance(value, str | Mapping):
        from vgspec.catalogue.activations import activation_names
        from vgspec.catalogue.base import known_names

        known = activation_names() if kind == "activation" else known_names(kind)
        name = value if isinstance(value, str) else next(iter(value))
        if name not in known and not (kind == "activation" and isinstance(value, Mapping)):
            near = nearest(str(name), known)
            return f"takes {_NOUNS[kind]}, got {name!r}" + (f"; did you mean {near!r}?" if near else "")
    choices = spec.get("choices")
    if isinstance(choices, tuple) and value not in choices:
        return f"takes one of {', '.join(map(repr, choices))}, got {shown}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if "min" in spec and value < spec["min"]:
            return f"must be at least {spec['min']}, got {shown}"
        if "max" in spec and value > spec["max"]:
            return f"must be at most {spec['max']}, got {shown}"
        if "multiple_of" in spec and value % spec["multiple_of"]:
            return f"must be a multiple of {spec['multiple_of']}, got {shown}"
    return ""


def _checked(
    name: str, value: Any, spec: Mapping[str, Any], owner: str, env: Environment, node: SNode | None, pointer: str
) -> Any:
    if isinstance(value, Failed) or any(isinstance(item, Failed) for item in spec.values()):
        return FAILED
    value = freeze(value)
    problem = _problem(value, spec)
    if not problem:
        return value
    env.findings.add(
        codes.BAD_PARAMETER.diagnostic(
            f"parameter {name!r} of {owner} {problem}",
            span=None if node is None else node.span,
            pointer=pointer,
            file=env.file,
            notes=chain_notes(env.chain),
        )
    )
    return FAILED
