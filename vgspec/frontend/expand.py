"""Expansion: items, blocks, repeats, residuals and shared layers become calls in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from vgspec import codes
from vgspec.catalogue.base import KerasObject, find
from vgspec.expressions import is_expression
from vgspec.frontend.arguments import contains_failed, make_with
from vgspec.frontend.builder import Builder, Outcome, Suppressions, inner_graph
from vgspec.frontend.compose import Composer
from vgspec.frontend.library import Definition, Library
from vgspec.frontend.parameters import bind_parameters
from vgspec.frontend.scope import Scope, bundle, outcome_of, snake_case, span_of, suppressions, text_of
from vgspec.frontend.values import FAILED, Environment, Failed, evaluate_node
from vgspec.ir import Argument, Frame, Input, Origin, Ref, Tensor
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.inner import InnerModel
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Expander"]

_RESERVED = frozenset({"id", "in", "with", "body", "call_args", "lint"})


@dataclass(slots=True)
class Expander(Composer):
    """Expands lists of items into the builder."""

    _blocks: tuple[str, ...] = ()
    _depth: int = 0
    _shared: dict[str, str] = field(default_factory=dict)
    """The shared layers that were called, each with the place of the network in which it was; empty outside any."""
    _network_at: str = ""

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
                message = f"no block is called {name!r}" if action == "use" else _no_shared(name)
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
            return self._use(text_of(value), value, here, mapping, pointer, scope, argument, name, lint)
        if action == "call":
            return self._call(text_of(value), value, here, mapping, pointer, scope, argument, name, origin, lint)
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
        layer = self._made(action, value, here, scope, argument, origin, lint)
        if layer is None:
            return None
        args = self.call_arguments(layer, argument, mapping, pointer, scope.env, origin)
        if args is None:
            return None
        node_id, key = scope.node_prefix + name, scope.key_prefix + name
        return self.builder.add(key, layer, args, node_id, origin, scope.lint + lint)

    def _made(
        self,
        action: str,
        value: SNode | None,
        here: str,
        scope: Scope,
        argument: Argument,
        origin: Origin,
        lint: Suppressions,
    ) -> Layer | None:
        """The layer of an item; a wrapper around a list of items or a block holds the network that they expand to."""
        if not _holds_network(value):
            return self.layer(action, value, here, scope.env, origin)
        values = argument.values() if isinstance(argument, Mapping) else (argument,)
        source = outcome_of(next(iter(values)))
        if source is None or len(source) != 1:
            self.report(codes.BAD_CALL, f"{action} takes one input", value, here, scope.env)
            return None
        return self._wrapped(action, value, here, scope, self.builder.tensors[source[0]], origin, lint)

    def _wrapped(
        self,
        action: str,
        value: SNode | None,
        here: str,
        scope: Scope,
        tensor: Tensor,
        origin: Origin,
        lint: Suppressions,
    ) -> Layer | None:
        """A wrapper around a network, or around another such wrapper, that is applied to a tensor."""
        assert isinstance(value, MappingNode)
        node, where = value.get("layer"), pointer_join(here, "layer")
        assert node is not None
        if action != "TimeDistributed":
            self.report(codes.BAD_ARGUMENT, f"{action} takes a layer, not a network", node, where, scope.env)
            return None
        given = {
            key: evaluate_node(item, pointer_join(here, key), scope.env)
            for key, item in value.items()
            if key != "layer"
        }
        if contains_failed(given):
            return None
        step = self._step(tensor, given, origin)
        if step is None:
            return None
        inner: Layer | None
        if isinstance(node, MappingNode) and "use" not in node:
            name, arguments = next(iter(node.items()))
            inner = self._wrapped(name, arguments, pointer_join(where, name), scope, step, origin, lint)
        else:
            inner = self._network(node, where, scope, step, lint)
        made = None if inner is None else make_with(_wrapper(), {**given, "layer": inner}, value, here, scope.env)
        return made if isinstance(made, Layer) else None

    def _step(self, tensor: Tensor, given: Mapping[str, Any], origin: Origin) -> Tensor | None:
        """What one step of a tensor is to the layer inside; None after reporting that it has none."""
        try:
            wrapper: Any = _wrapper()(**{**given, "layer": "Identity"})
            step: Tensor = wrapper.step(Call({"inputs": tensor})).x
            return step
        except ValidationError:
            return tensor  # what is wrong with the arguments is reported when the layer is made
        except ShapeError as error:
            self.builder.report(codes.SHAPE_ERROR, f"TimeDistributed {error.message}", origin, notes=error.notes)
            return None

    def _network(self, node: SNode, pointer: str, scope: Scope, step: Tensor, lint: Suppressions) -> InnerModel | None:
        """The network that a list of items or a block expands to, applied to one step."""
        builder = Builder(self.builder.findings, self.builder.limits)
        builder.add_input(Input("input", step, Origin(pointer, scope.env.file)))
        inside = Expander(
            builder, _blocks=self._blocks, _depth=self._depth + 1, _shared=self._shared, _network_at=pointer
        )
        start = (Ref("input"),)
        inner = Scope(scope.library, scope.env, ids={"input": start}, lint=scope.lint + lint)
        if isinstance(node, SequenceNode):
            name = "model"
            outcome = inside.items(node, pointer, inner, start)
        else:
            use = node.get("use") if isinstance(node, MappingNode) else None
            name = text_of(use) or "model"
            mapping = node if isinstance(node, MappingNode) else None
            where = pointer_join(pointer, "use")
            outcome = inside._use(name, use, where, mapping, pointer, inner, start[0], name, ())
        if outcome is None:
            return None
        if len(outcome) != 1:
            message = f"the network inside needs one output, this one has {len(outcome)}"
            self.report(codes.BAD_CALL, message, node, pointer, scope.env)
            return None
        prefix = "" if isinstance(node, SequenceNode) else f"{name}."
        return InnerModel(graph=inner_graph(name.rpartition(".")[2], builder, outcome[0], prefix))

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

    def _use(
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
        )
        shown = tuple((key, value) for key, value in names.items() if isinstance(value, str | int | float | bool))
        frame = Frame(f"block {block}", here, outer.file, span_of(node), shown)
        inner = replace(inner, names=names, chain=(*outer.chain, frame))
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

    def _call(
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
        definition = scope.library.find("shared", shared or "")
        if definition is None:
            help = scope.library.suggestion("shared", shared or "")
            message = _no_shared(shared or "")
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
            return self._use(text_of(use), use, at, body, where, inner, argument, name, (), prefix)
        if isinstance(body, MappingNode) and len(body) == 1:
            action, value = next(iter(body.items()))
            inner = Scope(library, env, lint=scope.lint + lint)
            layer = self._made(action, value, pointer_join(where, action), inner, argument, origin, ())
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


def _no_shared(name: str) -> str:
    return f"nothing under 'shared' is called {name!r}"


def _wrapper() -> type[KerasObject]:
    """The one layer that takes a network: loaded when a document has it."""
    cls = find("layer", "TimeDistributed")
    assert cls is not None
    return cls


def _holds_network(value: SNode | None) -> bool:
    """Whether the arguments of a layer give it a network: a list of items, or a block."""
    node = value.get("layer") if isinstance(value, MappingNode) else None
    if isinstance(node, SequenceNode):
        return True
    if not isinstance(node, MappingNode):
        return False
    return "use" in node or (len(node) == 1 and _holds_network(next(iter(node.items()))[1]))
