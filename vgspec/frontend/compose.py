"""The language's compositions: repeat, residual and parallel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from vgspec import codes
from vgspec.expressions import is_expression
from vgspec.frontend.arguments import contains_failed
from vgspec.frontend.builder import Outcome, Suppressions
from vgspec.frontend.projection import projection
from vgspec.frontend.resolve import Resolver
from vgspec.frontend.scope import Scope, snake_case, span_of, text_of
from vgspec.frontend.values import Failed, evaluate_node
from vgspec.ir import Frame, Origin, Ref
from vgspec.layers.naming import numbered
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Composer"]


@dataclass(slots=True)
class Composer(Resolver):
    """Expands what holds lists of items; how a list is expanded the subclass says."""

    def items(self, node: SNode | None, pointer: str, scope: Scope, current: Outcome, first: str = "") -> Outcome:
        """Expand a list of items as a chain."""
        raise NotImplementedError

    def repeat(
        self,
        value: SNode | None,
        here: str,
        mapping: MappingNode | None,
        pointer: str,
        scope: Scope,
        current: Outcome,
        name: str,
        lint: Suppressions,
    ) -> Outcome:
        """The body once for every turn, each turn reading the one before."""
        turns = self._turns(value, here, scope)
        if turns is None or mapping is None:
            return None
        var = text_of(value.get("var")) if isinstance(value, MappingNode) else None
        for i, item in enumerate(turns):
            bindings = ((var, item),) if var else ()
            what = name if name.startswith("repeat") else f"repeat {name}"
            frame = Frame(what if var else f"{what} {i}", here, scope.env.file, None, bindings)
            self.builder.step(Origin(here, scope.env.file, span_of(value), scope.env.chain), 0, "")
            names = {**scope.env.names, var: item} if var else scope.env.names
            env = replace(scope.env, names=names, chain=(*scope.env.chain, frame))
            inner = scope.nested(f"{name}.{i}", env=env, lint=lint)
            inner.ids["input"] = current
            current = self.items(mapping.get("body"), pointer_join(pointer, "body"), inner, current)
            if current is None:  # what failed once fails in every turn
                return None
        return current

    def _turns(self, value: SNode | None, here: str, scope: Scope) -> tuple[Any, ...] | None:
        limit = scope.env.limits.max_repeat
        node = value
        if isinstance(value, MappingNode):
            key = "over" if "over" in value else "count"
            node, here = value.get(key), pointer_join(here, key)
        if node is None:
            return None
        found = evaluate_node(node, here, scope.env)
        if contains_failed(found):
            return None
        if isinstance(found, tuple):
            turns = found
        elif isinstance(found, int) and not isinstance(found, bool) and found >= 0:
            if found > limit:
                self.report(
                    codes.LIMIT_EXCEEDED, f"repeats {found} times; at most {limit} are allowed", node, here, scope.env
                )
                return None
            turns = tuple(range(found))
        else:
            message = f"repeat takes a count of 0 or more, got {found!r}"
            self.report(codes.OUT_OF_RANGE, message, node, here, scope.env)
            return None
        if len(turns) > limit:
            message = f"repeats {len(turns)} times; at most {limit} are allowed"
            self.report(codes.LIMIT_EXCEEDED, message, node, here, scope.env)
            return None
        return turns

    def residual(
        self,
        value: SNode | None,
        here: str,
        scope: Scope,
        current: Outcome,
        name: str,
        origin: Origin,
        lint: Suppressions,
    ) -> Outcome:
        """A body and a shortcut around it, merged."""
        if not isinstance(value, MappingNode) or current is None:
            return None
        inner = scope.nested(name, lint=lint)
        inner.ids["input"] = current
        body = self.items(value.get("body"), pointer_join(here, "body"), inner, current)
        shortcut_node = value.get("shortcut")
        where = pointer_join(here, "shortcut")
        if isinstance(shortcut_node, SequenceNode):
            side = inner.nested("shortcut")
            shortcut = self.items(shortcut_node, where, side, current)
        else:
            kind = evaluate_node(shortcut_node, where, scope.env) if shortcut_node is not None else "identity"
            if kind not in ("identity", "project", "auto"):
                if not isinstance(kind, Failed):
                    message = f"expected 'identity', 'project' or 'auto', got {kind!r}"
                    self.report(codes.UNKNOWN_CHOICE, message, shortcut_node, where, scope.env)
                return None
            shortcut = self._shortcut(kind, current, body, inner, origin)
        if body is None or shortcut is None:
            return None
        return self._merge(value.get("merge"), pointer_join(here, "merge"), "Add", (*shortcut, *body), inner, origin)

    def _shortcut(self, kind: str, current: Outcome, body: Outcome, scope: Scope, origin: Origin) -> Outcome:
        if kind == "identity" or current is None or body is None:
            return current
        source, target = self.builder.tensors[current[0]], self.builder.tensors[body[0]]
        if kind == "auto" and source.shape == target.shape:
            return current
        layer, problem = projection(source, target)
        if layer is None:
            self.builder.report(codes.SHAPE_ERROR, f"no projection can join this shortcut: {problem}", origin)
            return None
        args = ((layer.call_arguments[0].name, current[0]),)
        return self.builder.add(
            f"{scope.key_prefix}shortcut", layer, args, f"{scope.node_prefix}shortcut", origin, scope.lint
        )

    def parallel(
        self,
        value: SNode | None,
        here: str,
        scope: Scope,
        current: Outcome,
        name: str,
        origin: Origin,
        lint: Suppressions,
    ) -> Outcome:
        """Several branches of one input, merged."""
        if not isinstance(value, MappingNode):
            return None
        branches = value.get("branches")
        where = pointer_join(here, "branches")
        named: list[tuple[str, SNode]] = []
        if isinstance(branches, MappingNode):
            named = list(branches.items())
        elif isinstance(branches, SequenceNode):
            named = [(str(i), item) for i, item in enumerate(branches.items)]
        outer = scope.nested(name, lint=lint)
        outer.ids["input"] = current
        results: list[Ref] = []
        failed = False
        for branch, items in named:
            inner = outer.nested(branch)
            outcome = self.items(items, pointer_join(where, branch), inner, current)
            failed = failed or outcome is None
            results += outcome or ()
        if failed:
            return None
        return self._merge(value.get("merge"), pointer_join(here, "merge"), None, tuple(results), outer, origin)

    def _merge(
        self,
        node: SNode | None,
        pointer: str,
        default: str | None,
        refs: tuple[Ref, ...],
        scope: Scope,
        origin: Origin,
    ) -> Outcome:
        if pointer in scope.library.bad or pointer in scope.library.above_bad:
            return None
        action, value = default, None
        if isinstance(node, MappingNode) and len(node) == 1:
            action, value = next(iter(node.items()))
        elif isinstance(node, ScalarNode) and isinstance(node.value, str):
            action, value = ("$layer", node) if is_expression(node.value) else (node.value, None)
        if action is None:
            return None
        where = pointer if action == "$layer" or value is None else pointer_join(pointer, action)
        span = origin.span if node is None else (span_of(node) or origin.span)
        place = replace(origin, pointer=pointer if node is not None else origin.pointer, span=span)
        layer = self.layer(action, value, where, scope.env, place)
        if layer is None:
            return None
        args = self.call_arguments(layer, refs, None, pointer, scope.env, place)
        if args is None:
            return None
        name = numbered(snake_case(layer.type_name), scope.ids)  # what the list says comes first
        return self.builder.add(
            f"{scope.key_prefix}{name}", layer, args, f"{scope.node_prefix}{name}", place, scope.lint
        )
