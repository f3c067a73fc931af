"""From document nodes to plain values, with expressions evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from vgspec.expressions import Expr, ExpressionError, evaluate, expression_diagnostic, is_expression, parse, unescape
from vgspec.frontend.findings import Findings, chain_notes
from vgspec.ir import Frame
from vgspec.limits import Limits
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["FAILED", "Environment", "Failed", "constant", "evaluate_node", "freeze"]


class Failed:
    """The value of something that has been reported already; nothing more is said about it."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED = Failed()


@dataclass(frozen=True, slots=True)
class Environment:
    """What names mean at a place, in which file it is, and through which blocks it was reached."""

    file: str
    names: Mapping[str, Any]
    findings: Findings
    limits: Limits
    chain: tuple[Frame, ...] = ()


@lru_cache(maxsize=4096)
def _parsed(text: str, limits: Limits) -> Expr | ExpressionError:
    return parse(text, limits)


def freeze(value: Any) -> Any:
    """Lists as tuples, all the way down: the form in which descriptors take values."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return value


def constant(node: SNode) -> bool:
    """Whether a node holds no expression, so that its value is the same in every instance of a block."""
    if isinstance(node, MappingNode):
        return all(constant(value) for _, value in node.entries)
    if isinstance(node, SequenceNode):
        return all(constant(item) for item in node.items)
    return not (isinstance(node.value, str) and is_expression(node.value))


def evaluate_node(node: SNode, pointer: str, env: Environment) -> Any:
    """The value of a node: lists are tuples, mappings dicts; `FAILED` inside stands for reported errors."""
    if isinstance(node, MappingNode):
        return {key: evaluate_node(value, pointer_join(pointer, key), env) for key, value in node.items()}
    if isinstance(node, SequenceNode):
        return tuple(evaluate_node(item, pointer_join(pointer, i), env) for i, item in enumerate(node.items))
    value = node.value
    if not isinstance(value, str):
        return value
    if not is_expression(value):
        return unescape(value)
    return _expression(node, value, pointer, env)


def _expression(node: ScalarNode, text: str, pointer: str, env: Environment) -> Any:
    parsed = _parsed(text, env.limits)
    result = parsed if isinstance(parsed, ExpressionError) else evaluate(parsed, env.names, env.limits)
    if isinstance(result, ExpressionError):
        found = expression_diagnostic(result, node, pointer, env.file)
        env.findings.add(found.with_notes(*chain_notes(env.chain)))
        return FAILED
    return FAILED if isinstance(result, Failed) else freeze(result)
