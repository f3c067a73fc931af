"""Expansion: items, blocks, repeats, residuals and shared layers become calls in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vgspec import codes
from vgspec.expressions import is_expression
from vgspec.frontend.arguments import contains_failed
from vgspec.frontend.builder import Outcome, Suppressions
from vgspec.frontend.library import Library
from vgspec.frontend.networks import Networks
from vgspec.frontend.reuse import no_shared
from vgspec.frontend.scope import Scope, bundle, outcome_of, snake_case, span_of, suppressions, text_of
from vgspec.frontend.values import FAILED, Failed, evaluate_node
from vgspec.ir import Argument, Origin
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Expander"]

_RESERVED = frozenset({"id", "in", "with", "body", "call_args", "lint"})


@dataclass(slots=True)
class Expander(Networks):
    """Expands lists of items into the builder."""

    # --- lists -------------------------------------------------------------------------------------

    def items(self, node: SNode | None, pointer: str, scope: Scope, current: Outcome, first: str = "") -> Outcome:
        """Expand a list as a chain; the outcome is that of its last item.

        Args:
            node: the list.
            pointer: its pointer.
            scope: the scope of the list.
            current: what the first item is applied to by default.
            first: why there is no default input, where ``current`` is None for want of one.
        """
        if not isinstance(node, SequenceNode):
            return None
        counts: dict[str, int] = {}
        self._depth += 1
        for i, item in enumerate(node.items):
            here = pointer_join(pointer, i)
            default = first if i == 0 else ""
            current = self._item(item, here, scope, current, counts, default)
        self._depth -= 1
        return current

    def _item(
        self, item: SNode, pointer: str, scope: Scope, current: Outcome, counts: dict[str, int], missing: str
    ) -> Outcome:
        action, action_node, value = self._action(item, pointer, scope)
        mapping = item if isinstance(item, MappingNode) else None
        name = self._name(mapping, action, value, scope, counts, pointer)
        if action is None or self._is_bad(scope.library, mapping, pointer):
            scope.ids.setdefault(name, None)
            return None
        env = scope.env
        origin = Origin(pointer, env.file, span_of(action_node) or span_of(item), env.chain)
        self.builder.step(origin, self._depth, scope.node_prefix + name)
        lint = self._suppressions(mapping, pointer)
        source = mapping.get("in") if mapping is not None else None
        if source is not None:
            argument = self.source(source, pointer_join(pointer, "in"), scope)
        elif missing:
            self.report(codes.NO_INPUT, missing, action_node or item, pointer, env)
            argument = FAILED
        else:
            argument = bundle(current)
        if name in scope.ids:
            self.report(codes.DUPLICATE_ID, f"the id {name!r} is used twice in this list", action_node, pointer, env)
            return None
        if contains_failed(argument):
            self._inspect(action, value, pointer, scope, origin)
            outcome = None
        else:
            outcome = self._apply(action, value, mapping, pointer, scope, argument, name, origin, lint)
        scope.ids[name] = outcome
        return outcome

    def _inspect(self, action: str, value: SNode | None, pointer: str, scope: Scope, origin: Origin) -> None:
        """Report what is wrong with an item whose input failed, so that one run shows all errors."""
        here = pointer_join(pointer, action)
        if action in ("use", "call"):
            section, code = ("blocks", codes.UNKNOWN_BLOCK) if action == "use" else ("shared", codes.UNKNOWN_SHARED)
            name = text_of(value) or ""
            if scope.library.find(section, name) is None:
                message = f"no block is called {name!r}" if action == "use" else no_shared(name)
                self.report(code, message, value, here, scope.env, help=scope.library.suggestion(section, name))
        elif action not in ("repeat", "residual", "parallel"):
            self.layer(action, value, here, scope.env, origin)

    def _apply(
        self,
        action: str,
        value: SNode | None,
        mapping: MappingNode | None,
        pointer: str,
        scope: Scope,
        argument: Argument,
        name: str,
        origin: Origin,
        lint: Suppressions,
    ) -> Outcome:
        here = pointer_join(pointer, action)
        if action == "use":
            return self.use(text_of(value), value, here, mapping, pointer, scope, argument, name, lint)
        if action == "call":
            return self.call(text_of(value), value, here, mapping, pointer, scope, argument, name, origin, lint)
        if action in ("repeat", "residual", "parallel"):
            current = outcome_of(argument)
            if current is None:
                message = f"{action} takes one value, not a mapping of call arguments"
                self.report(codes.BAD_CALL, message, value, here, scope.env)
                return None
            if action == "repeat":
                return self.repeat(value, here, mapping, pointer, scope, current, name, lint)
            if action == "residual":
                return self.residual(value, here, scope, current, name, origin, lint)
            return self.parallel(value, here, scope, current, name, origin, lint)
        layer = self.made(action, value, here, scope, argument, origin, lint)
        if layer is None:
            return None
        args = self.call_arguments(layer, argument, mapping, pointer, scope.env, origin)
        if args is None:
            return None
        node_id, key = scope.node_prefix + name, scope.key_prefix + name
        return self.builder.add(key, layer, args, node_id, origin, scope.lint + lint)

    # --- reading an item ---------------------------------------------------------------------------

    def _action(self, item: SNode, pointer: str, scope: Scope) -> tuple[str | None, SNode | None, SNode | None]:
        """The action of an item, the node of its name and the node of its value."""
        if isinstance(item, ScalarNode):
            text = item.value
            if not isinstance(text, str):
                return None, item, None
            if not is_expression(text):
                return text, item, None
            value = evaluate_node(item, pointer, scope.env)
            if isinstance(value, Failed):
                return None, item, None
            return "$layer", item, item
        if not isinstance(item, MappingNode):
            return None, item, None
        for key, value_node in item.items():
            if key not in _RESERVED:
                return key, item.key_node(key), value_node
        return None, item, None

    def _is_bad(self, library: Library, mapping: MappingNode | None, pointer: str) -> bool:
        """Whether the item itself (not a list inside it) has a schema-level finding."""
        bad, above = library.bad, library.above_bad
        if not bad:
            return False
        if pointer in bad:
            return True
        for key in mapping.keys() if mapping is not None else ():
            here = pointer_join(pointer, key)
            if here in bad:
                return True
            if key not in ("body", "residual", "parallel") and here in above:
                return True
        return False

    def _name(
        self,
        mapping: MappingNode | None,
        action: str | None,
        value: SNode | None,
        scope: Scope,
        counts: dict[str, int],
        pointer: str,
    ) -> str:
        given = text_of(mapping.get("id")) if mapping is not None else None
        if given:
            return given
        if action in ("use", "call"):
            base = (text_of(value) or action).rpartition(".")[2].partition(":")[0]
        elif action == "$layer":
            found = evaluate_node(value, pointer, replace(scope.env)) if value is not None else None
            word = next(iter(found), None) if isinstance(found, Mapping) else found
            base = snake_case(word) if isinstance(word, str) and word else "layer"
        else:
            base = snake_case(action or "item")
        while True:
            count = counts.get(base, 0)
            counts[base] = count + 1
            name = f"{base}_{count}" if count else base
            if name not in scope.ids:
                return name

    def _suppressions(self, mapping: MappingNode | None, pointer: str) -> Suppressions:
        node = mapping.get("lint") if mapping is not None else None
        return suppressions(node, pointer_join(pointer, "lint")) if node is not None else ()

    # --- blocks and shared layers ------------------------------------------------------------------
