"""Resolving what an item names: values by id, layers by name, and the arguments of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vgspec import codes
from vgspec.codes import Code
from vgspec.diagnostics import nearest
from vgspec.frontend.arguments import contains_failed, make_object, object_from_value
from vgspec.frontend.builder import Builder, Outcome
from vgspec.frontend.scope import Scope, bundle, span_of, text_of
from vgspec.frontend.values import FAILED, Environment, Failed, constant, evaluate_node
from vgspec.ir import Argument, Origin, Ref
from vgspec.layers.base import Layer
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Resolver"]


@dataclass(slots=True)
class Resolver:
    """Looks things up and reports what is not there."""

    builder: Builder
    _constants: dict[tuple[str, str], Layer | None] = field(default_factory=dict)

    def report(self, code: Code, message: str, node: SNode | None, pointer: str, env: Environment, **more: Any) -> None:
        """Report something about a node."""
        self.builder.report(code, message, Origin(pointer, env.file, span_of(node), env.chain), **more)

    # --- references --------------------------------------------------------------------------------

    def source(self, node: SNode, pointer: str, scope: Scope) -> Argument:
        """What an item's ``in`` names: a value, a tuple of values, or call arguments by name."""
        if isinstance(node, SequenceNode):
            return tuple(self.single(item, pointer_join(pointer, i), scope) for i, item in enumerate(node.items))
        if isinstance(node, MappingNode):
            return {
                key: self.single(item, pointer_join(pointer, key), scope)
                if isinstance(item, SequenceNode) or text_of(item) is not None
                else item.to_python()
                for key, item in node.items()
            }
        found = self._reference(node, pointer, scope)
        return found if isinstance(found, Failed) else bundle(found)

    def single(self, node: SNode, pointer: str, scope: Scope) -> Argument:
        """A reference that must be one value, or a list of such."""
        if isinstance(node, SequenceNode):
            return tuple(self.single(item, pointer_join(pointer, i), scope) for i, item in enumerate(node.items))
        found = self._reference(node, pointer, scope)
        if found is None or isinstance(found, Failed):
            return FAILED
        if len(found) == 1:
            return found[0]
        text = text_of(node)
        message = f"{text!r} has {len(found)} outputs; say which"
        help = f"write {text}:0 for the first, {text}:1 for the second"
        self.report(codes.AMBIGUOUS_OUTPUT, message, node, pointer, scope.env, help=help)
        return FAILED

    def _reference(self, node: SNode, pointer: str, scope: Scope) -> Outcome | Failed:
        text = text_of(node)
        if text is None:
            return FAILED
        name, _, index = text.partition(":")
        found = scope.find(name)
        if isinstance(found, Failed):
            near = nearest(name, scope.visible())
            help = f"did you mean {near!r}?" if near else "an id is visible in its own list and in lists inside it"
            self.report(
                codes.UNKNOWN_REFERENCE, f"nothing here has the id {name!r}", node, pointer, scope.env, help=help
            )
            return FAILED
        if found is None or not index:
            return FAILED if found is None else found
        if int(index) >= len(found):
            count = f"{len(found)} output{'s' if len(found) != 1 else ''}"
            message = f"{name!r} has {count}, numbered from 0; there is no {text!r}"
            self.report(codes.UNKNOWN_REFERENCE, message, node, pointer, scope.env)
            return FAILED
        return (found[int(index)],)

    def reference(self, node: SNode, pointer: str, scope: Scope) -> Ref | None:
        """One value by id, reported if there is none."""
        found = self.single(node, pointer, scope)
        return found if isinstance(found, Ref) else None

    # --- layers ------------------------------------------------------------------------------------

    def layer(self, action: str, value: SNode | None, pointer: str, env: Environment, origin: Origin) -> Layer | None:
        """The layer that an action and its arguments describe; ``$layer`` is one that an expression gives."""
        if action == "$layer":
            found = object_from_value(
                "layer", evaluate_node(value, pointer, env) if value else None, value, pointer, env
            )
            return found if isinstance(found, Layer) else None
        cache_key = (env.file, pointer)
        if cache_key in self._constants:
            return self._constants[cache_key]
        from vgspec.layers import find_layer

        cls = find_layer(action)
        if cls is None:
            return None
        at = ScalarNode(action, span=origin.span)
        made = make_object(cls, value, pointer, env, at)
        layer = made if isinstance(made, Layer) else None
        if action == "Opaque" and layer is not None:
            from vgspec.frontend.opaque import inexpressible, known_layer

            if known := known_layer(layer):
                tied = getattr(layer, "tied", ())
                found = object_from_value("layer", dict([known]), value, pointer_join(pointer, "arguments"), env)
                layer = found if isinstance(found, Layer) else None
                if tied and layer is not None:
                    shown = ", ".join(tied)
                    message = (
                        f"the {known[0]} had weights in common with another layer ({shown}); here each has its own"
                    )
                    self.builder.report(codes.IMPORT_CHANGED, message, origin)
            elif reason := inexpressible(layer):
                layer = layer.model_copy(update={"reason": getattr(layer, "reason", "") or reason})
        if value is None or constant(value):
            self._constants[cache_key] = layer
        return layer

    def call_arguments(
        self,
        layer: Layer,
        argument: Argument,
        mapping: MappingNode | None,
        pointer: str,
        env: Environment,
        origin: Origin,
    ) -> tuple[tuple[str, Argument], ...] | None:
        """The arguments of a call by name, tensors first; None after reporting."""
        rows = layer.open_arguments
        if not rows:
            self.builder.report(codes.BAD_CALL, f"{layer.type_name} cannot be called on its own", origin)
            return None
        args: dict[str, Argument] = {}
        if isinstance(argument, Mapping):
            ordered = sorted(argument, key=lambda name: _position(name, rows))
            args |= {name: argument[name] for name in ordered}
            for name, value in args.items():
                if name == rows[0].name and rows[0].many and isinstance(value, Ref):
                    args[name] = (value,)
        elif rows[0].many:
            args[rows[0].name] = argument if isinstance(argument, tuple) else (argument,)
        elif isinstance(argument, tuple) and len(argument) == 1:
            args[rows[0].name] = argument[0]
        elif isinstance(argument, tuple) and layer.inputs_in_order and len(argument) <= len(rows):
            args |= {row.name: value for row, value in zip(rows, argument, strict=False)}
        elif isinstance(argument, tuple):
            wanted = [row.name for row in rows if row.tensor]
            if len(wanted) == 1:
                message = f"{layer.type_name} takes one input, got {len(argument)}"
                help = "merge them first, with Concatenate or Add"
            else:
                message = f"{layer.type_name} takes several inputs by name, got a list"
                example = ", ".join(f"{name}: …" for name in wanted[: len(argument)])
                help = f"write in: {{{example}}}"
            self.builder.report(codes.BAD_CALL, message, origin, help=help)
            return None
        else:
            args[rows[0].name] = argument
        literals = mapping.get("call_args") if mapping is not None else None
        if isinstance(literals, MappingNode):
            values = evaluate_node(literals, pointer_join(pointer, "call_args"), env)
            if contains_failed(values):
                return None
            tensors = {row.name for row in rows if row.tensor and row.required}
            for name, value in values.items():
                if name in tensors or name in args:
                    message = f"{name!r} is given under 'in', not under 'call_args'"
                    self.builder.report(codes.BAD_CALL, message, origin)
                    return None
                args[name] = value
        return tuple(args.items())


def _position(name: str, rows: tuple[Any, ...]) -> int:
    for i, row in enumerate(rows):
        if row.name == name:
            return i
    return len(rows)
