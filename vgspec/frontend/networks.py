"""Networks in the place of a layer: a list of items or a block inside a wrapper such as ``TimeDistributed``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vgspec import codes
from vgspec.catalogue.base import KerasObject, find
from vgspec.frontend.arguments import contains_failed, make_with
from vgspec.frontend.builder import Builder, Suppressions, inner_graph
from vgspec.frontend.reuse import Reuse
from vgspec.frontend.scope import Scope, outcome_of, text_of
from vgspec.frontend.values import evaluate_node
from vgspec.ir import Argument, Input, Origin, Ref, Tensor
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.inner import InnerModel
from vgspec.source import MappingNode, SequenceNode, SNode, pointer_join

__all__ = ["Networks"]


@dataclass(slots=True)
class Networks(Reuse):
    """Makes the layers of items, those among them that hold a network."""

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
        inside = type(self)(
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
            outcome = inside.use(name, use, where, mapping, pointer, inner, start[0], name, ())
        if outcome is None:
            return None
        if len(outcome) != 1:
            message = f"the network inside needs one output, this one has {len(outcome)}"
            self.report(codes.BAD_CALL, message, node, pointer, scope.env)
            return None
        prefix = "" if isinstance(node, SequenceNode) else f"{name}."
        return InnerModel(graph=inner_graph(name.rpartition(".")[2], builder, outcome[0], prefix))


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
