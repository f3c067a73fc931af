"""What is defined once and used in many places: blocks, and shared layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vgspec import codes
from vgspec.expressions import is_expression
from vgspec.frontend.builder import Outcome, Suppressions
from vgspec.frontend.compose import Composer
from vgspec.frontend.library import Definition
from vgspec.frontend.parameters import bind_parameters
from vgspec.frontend.scope import Scope, outcome_of, span_of, suppressions, text_of
from vgspec.frontend.values import FAILED, Environment, Failed, evaluate_node
from vgspec.ir import Argument, Frame, Origin, Ref
from vgspec.layers.base import Layer
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Reuse", "no_shared"]


@dataclass(slots=True)
class Reuse(Composer):
    """Expands the use of a block and the call of a shared layer."""

    _blocks: tuple[str, ...] = ()
    _shared: dict[str, str] = field(default_factory=dict)
    """The shared layers that were called, each with the place of the network in which it was; empty outside any."""
    _network_at: str = ""
    _depth: int = 0
    _declarations: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """The declarations of blocks' parameters that hold no expression, by file and pointer."""

    def made(
        self,
        action: str,
        value: SNode | None,
        here: str,
        scope: Scope,
        argument: Argument,
        origin: Origin,
        lint: Suppressions,
    ) -> Layer | None:
        """The layer of an item."""
        raise NotImplementedError

    def use(
        self,
        block: str | None,
        node: SNode | None,
        here: str,
        mapping: MappingNode | None,
        pointer: str,
        scope: Scope,
        argument: Argument,
        name: str,
        lint: Suppressions,
        key_prefix: str | None = None,
    ) -> Outcome:
        """A block's list in place of the item that uses it; ``key_prefix`` where its layers are shared."""
        definition = scope.library.find("blocks", block or "")
        if definition is None:
            help = scope.library.suggestion("blocks", block or "")
            self.report(codes.UNKNOWN_BLOCK, f"no block is called {block!r}", node, here, scope.env, help=help)
            return None
        body = definition.node
        if not isinstance(body, MappingNode):
            return None
        identity = f"{definition.library.document.file}#{definition.pointer}"
        if identity in self._blocks:
            message = f"block {block!r} uses itself"
            self.report(codes.RECURSIVE_BLOCK, message, node, here, scope.env)
            return None
        given_node = mapping.get("with") if mapping is not None else None
        given: dict[str, tuple[Any, SNode | None, str]] = {}
        if isinstance(given_node, MappingNode):
            for key, value in given_node.items():
                where = pointer_join(pointer, "with", key)
                given[key] = (evaluate_node(value, where, scope.env), value, where)
        outer = scope.env
        inner = Environment(definition.library.document.file, {}, outer.findings, outer.limits, outer.chain)
        names = bind_parameters(
            body.get("params"),
            pointer_join(definition.pointer, "params"),
            inner,
            given,
            owner=f"block {block}",
            caller=outer,
            at=node,
            at_pointer=here,
            bad=definition.library.tainted,
            read=self._declarations,
        )
        shown = tuple((key, value) for key, value in names.items() if isinstance(value, str | int | float | bool))
        frame = Frame(f"block {block}", here, outer.file, span_of(node), shown)
        inner = Environment(inner.file, names, outer.findings, outer.limits, (*outer.chain, frame))
        inner_scope = Scope(
            definition.library,
            inner,
            f"{scope.node_prefix}{name}.",
            f"{scope.key_prefix}{name}." if key_prefix is None else key_prefix,
            lint=scope.lint + lint + suppressions(body.get("lint"), pointer_join(definition.pointer, "lint")),
        )
        current = self._block_inputs(definition, body, argument, inner_scope, node, here, outer)
        if current is FAILED:
            return None
        assert current is None or isinstance(current, tuple)
        self._blocks = (*self._blocks, identity)
        try:
            return self._block_body(definition, body, inner_scope, current)
        finally:
            self._blocks = self._blocks[:-1]

    def _block_inputs(
        self,
        definition: Definition,
        body: MappingNode,
        argument: Argument,
        scope: Scope,
        node: SNode | None,
        here: str,
        outer: Environment,
    ) -> Outcome | Failed:
        """Define the block's inputs in its scope; the outcome is its default first input."""
        declared = body.get("inputs")
        if not isinstance(declared, SequenceNode):
            if isinstance(argument, Mapping):
                message = f"block {definition.name} takes one input called 'input'"
                self.report(codes.BAD_CALL, message, node, here, outer)
                return FAILED
            current = outcome_of(argument)
            scope.ids["input"] = current
            return current
        names = [text for item in declared.items if (text := text_of(item)) is not None]
        values = argument if isinstance(argument, Mapping) else None
        if values is None:
            several = argument if isinstance(argument, tuple) else (argument,)
            values = dict(zip(names, several, strict=False)) if len(several) == len(names) else {}
        if set(values) != set(names):
            listed = ", ".join(f"{name}: …" for name in names)
            message = f"block {definition.name} takes the inputs {', '.join(names)}"
            self.report(codes.BAD_CALL, message, node, here, outer, help=f"write in: {{{listed}}}")
            return FAILED
        for name in names:
            scope.ids[name] = outcome_of(values[name])
        return scope.ids[names[0]] if len(names) == 1 else None

    def _block_body(self, definition: Definition, body: MappingNode, scope: Scope, current: Outcome) -> Outcome:
        missing = ""
        if current is None and isinstance(body.get("inputs"), SequenceNode):
            missing = "the block has several inputs; say with 'in' which one this layer is applied to"
        outcome = self.items(body.get("layers"), pointer_join(definition.pointer, "layers"), scope, current, missing)
        outputs = body.get("outputs")
        if outputs is None:
            return outcome
        where = pointer_join(definition.pointer, "outputs")
        refs: list[Ref | None] = []
        if isinstance(outputs, ScalarNode):
            refs.append(self.reference(outputs, where, scope))
        elif isinstance(outputs, SequenceNode):
            refs += [self.reference(item, pointer_join(where, i), scope) for i, item in enumerate(outputs.items)]
        else:
            refs += [self.reference(item, pointer_join(where, key), scope) for key, item in outputs.items()]
        found = tuple(ref for ref in refs if ref is not None)
        return found if len(found) == len(refs) else None

    def call(
        self,
        shared: str | None,
        node: SNode | None,
        here: str,
        mapping: MappingNode | None,
        pointer: str,
        scope: Scope,
        argument: Argument,
        name: str,
        origin: Origin,
        lint: Suppressions,
    ) -> Outcome:
        """The call of what stands under ``shared``: always the same weights."""
        definition = scope.library.find("shared", shared or "")
        if definition is None:
            help = scope.library.suggestion("shared", shared or "")
            message = no_shared(shared or "")
            self.report(codes.UNKNOWN_SHARED, message, node, here, scope.env, help=help)
            return None
        if self._shared.setdefault(definition.name, self._network_at) != self._network_at:
            message = (
                f"the shared layer {shared!r} is called inside a network that TimeDistributed holds and outside it"
            )
            help = "call it in one of the two only: the network inside has weights of its own"
            self.report(codes.BAD_CALL, message, node, here, scope.env, help=help)
            return None
        library = definition.library
        env = Environment(library.document.file, library.names, scope.env.findings, scope.env.limits, scope.env.chain)
        body, where = definition.node, definition.pointer
        if where in library.bad or where in library.above_bad:
            return None
        if isinstance(body, MappingNode) and "use" in body:
            inner = Scope(library, env, scope.node_prefix, scope.key_prefix, lint=scope.lint + lint)
            use = body.get("use")
            at = pointer_join(where, "use")
            prefix = f"{definition.name}."
            return self.use(text_of(use), use, at, body, where, inner, argument, name, (), prefix)
        if isinstance(body, MappingNode) and len(body) == 1:
            action, value = next(iter(body.items()))
            inner = Scope(library, env, lint=scope.lint + lint)
            layer = self.made(action, value, pointer_join(where, action), inner, argument, origin, ())
        elif isinstance(body, ScalarNode) and isinstance(body.value, str):
            action = "$layer" if is_expression(body.value) else body.value
            layer = self.layer(action, body if action == "$layer" else None, where, env, origin)
        else:
            return None
        if layer is None:
            return None
        args = self.call_arguments(layer, argument, mapping, pointer, scope.env, origin)
        if args is None:
            return None
        return self.builder.add(definition.name, layer, args, scope.node_prefix + name, origin, scope.lint + lint)


def no_shared(name: str) -> str:
    """What to say of a name that nothing shared has."""
    return f"nothing under 'shared' is called {name!r}"
