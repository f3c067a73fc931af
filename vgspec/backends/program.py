"""A graph as the sequence of Keras calls that builds it.

`plan` is the only place that decides how a graph becomes Keras calls; `vgspec.backends.keras_model` runs
the steps and `vgspec.backends.keras_source` writes them out.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vgspec.backends.construct import Construct, Expr, LayerUse, Name, TensorUse, describe
from vgspec.backends.errors import BuildError, about
from vgspec.catalogue.base import KerasObject
from vgspec.codes import OPAQUE_NOT_BUILT
from vgspec.diagnostics import Diagnostic
from vgspec.ir import Argument, Graph, Input, Node, Ref, Returns, Tensor
from vgspec.ir.structure import input_structure
from vgspec.layers.opaque import is_opaque
from vgspec.layers.operations.base import Operation

__all__ = ["CallStep", "InputStep", "LayerStep", "Program", "Results", "Step", "plan"]


class Results(enum.Enum):
    """What a call returns."""

    ONE = "one"  # a tensor
    FLAT = "flat"  # a tuple or list of tensors
    NESTED = "nested"  # any structure of tensors, or one whose form depends on arguments


@dataclass(frozen=True, slots=True)
class InputStep:
    """Declare an input of the model."""

    input: Input
    make: Construct


@dataclass(frozen=True, slots=True)
class LayerStep:
    """Make a layer object."""

    key: str
    make: Construct
    node: Node
    """The first node that calls it."""


@dataclass(frozen=True, slots=True)
class CallStep:
    """Call a layer, or an operation, on tensors."""

    node: Node
    function: LayerUse | Name
    args: tuple[Expr, ...]
    kwargs: tuple[tuple[str, Expr], ...]
    results: Results
    name: Expr = ""
    """The name that an operation gets."""

    @property
    def is_operation(self) -> bool:
        """Whether a function of ``keras.ops`` is called, which makes an object without a chosen name."""
        return isinstance(self.function, Name)


Step = InputStep | LayerStep | CallStep


@dataclass(frozen=True, slots=True)
class Program:
    """The steps in order, and what the model is made of.

    Attributes:
        name: the model's name.
        steps: inputs first, each layer right before its first call.
        inputs: one tensor, or a list of them: Keras then takes a list in this order as well as a dict by name; or the
            structure that the inputs' places make.
        outputs: one tensor, a list of them, or a dict by output name.
    """

    name: str
    steps: tuple[Step, ...]
    inputs: Expr
    outputs: Expr


def plan(graph: Graph) -> Program:
    """The calls that build a graph.

    Raises:
        BuildError: if it has a layer of which only the outside is known.
    """
    steps: list[Step] = [InputStep(item, _input(item)) for item in graph.inputs]
    made: set[str] = set()
    for node in graph.nodes:
        operator = graph.operator(node)
        if not isinstance(operator, KerasObject):
            raise TypeError(f"layer {node.layer!r} is a {type(operator).__name__}, not a layer descriptor")
        if is_opaque(operator):
            raise BuildError(_opaque(graph))
        if isinstance(operator, Operation):
            steps.append(_operation(node, operator))
            continue
        if node.layer not in made:
            made.add(node.layer)
            make = describe(operator, aliases=False)
            assert isinstance(make, Construct)
            steps.append(LayerStep(node.layer, make.adding(name=node.layer), node))
        steps.append(_call(node, operator))
    return Program(
        name=graph.name,
        steps=tuple(steps),
        inputs=_taken(graph),
        outputs=_returned(graph),
    )


def _taken(graph: Graph) -> Expr:
    structure = input_structure(graph.inputs)
    if structure is not None:
        return _tensors(structure)
    inputs: list[Expr] = [TensorUse(Ref(item.name)) for item in graph.inputs]
    return inputs[0] if len(inputs) == 1 else inputs


def _tensors(structure: Any) -> Expr:
    """A structure of names as one of tensors."""
    if isinstance(structure, str):
        return TensorUse(Ref(structure))
    if isinstance(structure, Mapping):
        return {key: _tensors(item) for key, item in structure.items()}
    return [_tensors(item) for item in structure]


def _returned(graph: Graph) -> Expr:
    outputs = {item.name: TensorUse(item.ref) for item in graph.outputs}
    if graph.returns is Returns.DICT:
        return outputs
    found = list(outputs.values())
    return found if graph.returns is Returns.LIST else found[0]


def _opaque(graph: Graph) -> list[Diagnostic]:
    """Every layer whose class is not known, so that nothing could be called."""
    found: dict[str, Diagnostic] = {}
    for node in graph.nodes:
        layer: Any = graph.operator(node)
        if is_opaque(layer) and node.layer not in found:
            found[node.layer] = about(
                OPAQUE_NOT_BUILT,
                f"the layer {node.layer!r} cannot be built: {layer.why}",
                node=node.id,
                origin=node.origin,
                help=""
                if layer.reason
                else f"register a descriptor of {layer.class_name}: docs/how-to/custom-layers.md",
            )
    return list(found.values())


_INPUT_OPTIONS = ("sparse", "ragged", "optional")


def _input(item: Input) -> Construct:
    batch, *shape = (size if isinstance(size, int) else None for size in item.tensor.shape)
    kwargs: list[tuple[str, Expr]] = [("shape", tuple(shape))]
    if batch is not None:
        kwargs.append(("batch_size", batch))
    if item.tensor.dtype != "float32":
        kwargs.append(("dtype", item.tensor.dtype))
    kwargs += [(name, value) for name, value in item.options if name in _INPUT_OPTIONS and value]
    kwargs.append(("name", item.name))
    return Construct(Name("keras", "Input"), tuple(kwargs))


def _argument(value: Argument) -> Expr:
    if isinstance(value, Ref):
        return TensorUse(value)
    if isinstance(value, tuple | list):
        return [_argument(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _argument(item) for key, item in value.items()}
    return value


def _arguments(node: Node, operator: Any) -> tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]:
    """The first argument by position, because its name is not part of Keras's interface; the rest by name."""
    if not node.args:
        return (), ()
    (_, value), *rest = node.args
    first = _argument(value)
    declared = getattr(operator, "call_arguments", ())
    takes_one = not (declared and declared[0].many)
    if takes_one and isinstance(first, list) and len(first) == 1 and isinstance(first[0], TensorUse):
        first = first[0]
    return (first,), tuple((name, _argument(item)) for name, item in rest)


_FLAT = frozenset(
    {
        "AdditiveAttention",
        "Attention",
        "Bidirectional",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM3D",
        "GRU",
        "GroupQueryAttention",
        "GroupedQueryAttention",
        "LSTM",
        "MultiHeadAttention",
        "SimpleRNN",
    }
)
"""Layers that return several tensors as one flat tuple or list."""

_LISTS = frozenset({"ops.array_split", "ops.meshgrid", "ops.split", "ops.unstack"})
"""Operations that return a list even of one tensor."""


def _results(type_name: str, outputs: tuple[Tensor, ...]) -> Results:
    if type_name in _LISTS:
        return Results.FLAT
    if len(outputs) == 1:
        return Results.ONE
    return Results.FLAT if type_name in _FLAT or type_name.startswith("ops.") else Results.NESTED


def _call(node: Node, operator: KerasObject) -> CallStep:
    args, kwargs = _arguments(node, operator)
    return CallStep(node, LayerUse(node.layer), args, kwargs, _results(operator.type_name, node.outputs))


def _operation(node: Node, operator: Operation) -> CallStep:
    """A call of ``keras.ops.f``: its tensors are call arguments; settings and literal operands are fields."""
    make = describe(operator, aliases=False)
    assert isinstance(make, Construct)
    first, rest = _arguments(node, operator)
    given: dict[str, Expr] = {name: value for (name, _), value in zip(node.args, first, strict=False)} | dict(rest)
    arrays = getattr(operator, "constants", {})
    converted = [name for name, _ in make.kwargs if operator.keras_value(name) != getattr(operator, name)]
    for name, value in make.kwargs:
        if name in arrays:
            given[name] = _constant(value, arrays[name].dtype)
        else:  # an operation may write a value as text that Keras takes as an object: a slice, say
            given[name] = operator.keras_value(name) if name in converted else value
    operands = [row.name for row in getattr(operator, "call_arguments", ())]
    if operator.type_name == "ops.einsum":  # einsum(subscripts, *operands)
        args = [given.pop("subscripts"), *given.pop("operands")]
    else:
        by_position = operands if operands == ["x1", "x2"] else operands[:1]
        args = [given.pop(name) for name in itertools.takewhile(given.__contains__, by_position)]
    module, _, function = f"keras.{operator.type_name}".rpartition(".")
    return CallStep(
        node,
        Name(module, function),
        tuple(args),
        tuple(given.items()),
        _results(operator.type_name, node.outputs),
        name=node.id,
    )


def _constant(value: Expr, dtype: str) -> Construct:
    """A literal array as a tensor."""

    def listed(item: Expr) -> Expr:
        return [listed(part) for part in item] if isinstance(item, tuple) else item

    return Construct(Name("keras.ops", "convert_to_tensor"), (("dtype", dtype),), (listed(value),))
