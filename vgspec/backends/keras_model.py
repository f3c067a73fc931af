"""From a graph to a Keras functional model.

Layers carry the names of the graph's layers, which are the node ids. The model returns a tensor, a list or a dict, as
the graph says, and takes losses and metrics in that form. Inputs may be passed as a list in the graph's order or as a
dict by name.
"""

from __future__ import annotations

from typing import Any

from vgspec.backends.construct import LayerUse
from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.backends.objects import UnsupportedError, Use, evaluate, find_public, unsupported
from vgspec.backends.program import CallStep, InputStep, LayerStep, Program, plan
from vgspec.backends.runtime import load_keras
from vgspec.backends.signatures import kept_signatures
from vgspec.codes import BUILD_FAILED, SHAPE_DISAGREES, UNSUPPORTED_BY_KERAS
from vgspec.collection import uncollected
from vgspec.diagnostics import Diagnostic
from vgspec.ir import Graph, Node, Tensor, format_shape

__all__ = ["build_model"]


@uncollected()
def build_model(graph: Graph, *, seed: int | None = None) -> Any:
    """Build a graph as a ``keras.Model``, compiled if the graph has compile settings.

    Args:
        graph: a verified graph.
        seed: seeds Keras's, NumPy's and Python's global generators first, so that the weights follow from it.

    Raises:
        BuildError: if Keras is missing, lacks something the graph uses, or refuses a layer.
    """
    keras = load_keras()
    program = plan(graph)
    if lacking := _lacking(program):
        raise BuildError(lacking)
    if clashes := _clashes(graph):
        raise BuildError(clashes)
    if seed is not None:
        keras.utils.set_random_seed(seed)
    run = _Run(keras, graph)
    with kept_signatures(_classes(program)):
        for step in program.steps:
            if isinstance(step, InputStep):
                run.input(step)
            elif isinstance(step, LayerStep):
                run.layer(step)
            else:
                run.call(step)
    try:
        model = keras.Model(
            evaluate(program.inputs, run.value), evaluate(program.outputs, run.value), name=program.name
        )
    except Exception as error:
        raise BuildError([_refused("Keras cannot make a model of these layers", error)]) from error
    if graph.compile is not None:
        _compile(model, graph)
    return model


class _Run:
    """The values of the steps that were run: tensors by node, layers by key."""

    def __init__(self, keras: Any, graph: Graph) -> None:
        self.keras = keras
        self.graph = graph
        self.tensors: dict[str, list[Any]] = {}
        self.layers: dict[str, Any] = {}

    def value(self, use: Use) -> Any:
        if isinstance(use, LayerUse):
            return self.layers[use.key]
        return self.tensors[use.ref.node][use.ref.index]

    def input(self, step: InputStep) -> None:
        try:
            tensor = evaluate(step.make)
        except Exception as error:
            message = f"Keras cannot make the input {step.input.name!r}"
            raise BuildError([_refused(message, error, node=step.input)]) from error
        self.tensors[step.input.name] = [tensor]

    def layer(self, step: LayerStep) -> None:
        try:
            self.layers[step.key] = evaluate(step.make)
        except BuildError:  # of a network inside
            raise
        except UnsupportedError as error:
            raise BuildError([_lacks(step.node, str(error))]) from error
        except Exception as error:
            message = f"Keras cannot make the {step.make.function.name} {step.key!r}"
            raise BuildError([_refused(message, error, node=step.node)]) from error

    def call(self, step: CallStep) -> None:
        node = step.node
        args = [evaluate(item, self.value) for item in step.args]
        kwargs = {name: evaluate(item, self.value) for name, item in step.kwargs}
        try:
            function = (
                find_public(step.function) if not isinstance(step.function, LayerUse) else self.value(step.function)
            )
            tensors = self.keras.tree.flatten(function(*args, **kwargs))
        except UnsupportedError as error:
            raise BuildError([_lacks(node, str(error))]) from error
        except Exception as error:
            raise BuildError([_refused(f"Keras cannot apply {node.id!r} to its inputs", error, node=node)]) from error
        if step.is_operation:
            tensors[0]._keras_history.operation.name = node.id
        if self.graph.operator(node).type_name not in _MISJUDGED and (found := _disagreement(node, tensors)):
            raise BuildError([found])
        self.tensors[node.id] = tensors


def _classes(program: Program) -> set[type]:
    """The classes of the layers that a program makes."""
    made = (find_public(step.make.function) for step in program.steps if isinstance(step, LayerStep))
    return {item for item in made if isinstance(item, type)}


def _lacking(program: Program) -> list[Diagnostic]:
    """Every layer and operation that the installed Keras does not have, before any is built."""
    found: list[Diagnostic] = []
    for step in program.steps:
        if isinstance(step, LayerStep):
            if reason := unsupported(step.make):
                found.append(_lacks(step.node, reason))
        elif isinstance(step, CallStep) and not isinstance(step.function, LayerUse):
            try:
                find_public(step.function)
            except UnsupportedError as error:
                found.append(_lacks(step.node, str(error)))
    return found


def _clashes(graph: Graph) -> list[Diagnostic]:
    """Inputs and shared layers of one name: the language keeps them apart, Keras does not."""
    return [
        about(
            BUILD_FAILED,
            f"the input and the shared layer are both called {node.layer!r}, and Keras needs different names",
            node=node.id,
            origin=node.origin,
            help="rename one of them",
        )
        for node in {node.layer: node for node in reversed(graph.nodes)}.values()
        if node.layer in graph.input_by_name
    ]


_UPGRADE = "install a newer Keras: pip install --upgrade keras"


def _lacks(node: Node, reason: str) -> Diagnostic:
    return about(
        UNSUPPORTED_BY_KERAS,
        f"{reason}, which {node.id!r} needs",
        node=node.id,
        origin=node.origin,
        help=_UPGRADE,
    )


def _refused(message: str, error: BaseException, node: Any = None) -> Diagnostic:
    return about(
        BUILD_FAILED,
        message,
        node="" if node is None else getattr(node, "id", getattr(node, "name", "")),
        origin=None if node is None else node.origin,
        notes=[f"Keras says: {first_lines(error)}"],
    )


_MISJUDGED = frozenset({"MultiHeadAttention", "GroupQueryAttention"})
"""Layers whose symbolic outputs have other shapes in Keras than their outputs turn out to have: attention
scores get the query's length twice, where the second is the value's."""


def _disagreement(node: Node, tensors: list[Any]) -> Diagnostic | None:
    """Compare what Keras computed with what was inferred: sizes that both know must be equal."""
    if len(tensors) != len(node.outputs):
        return _differs(node, f"{len(tensors)} outputs", f"{len(node.outputs)} were inferred")
    for tensor, expected in zip(tensors, node.outputs, strict=True):
        if not _fits(tuple(tensor.shape), expected):
            return _differs(node, f"the shape {tuple(tensor.shape)}", f"{format_shape(expected.shape)} was inferred")
    return None


def _fits(shape: tuple[int | None, ...], expected: Tensor) -> bool:
    if len(shape) != expected.rank:
        return False
    pairs = zip(shape, expected.shape, strict=True)
    return all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _differs(node: Node, got: str, inferred: str) -> Diagnostic:
    return about(
        SHAPE_DISAGREES,
        f"Keras gives {node.id!r} {got}, but {inferred}",
        node=node.id,
        origin=node.origin,
        notes=["a global Keras setting such as image_data_format can cause this; otherwise it is a bug of vgspec"],
    )


def _compile(model: Any, graph: Graph) -> None:
    from vgspec.backends.compiling import compile_arguments

    try:
        model.compile(**compile_arguments(graph))
    except UnsupportedError as error:
        message = f"{error}, which the compile section needs"
        raise BuildError([about(UNSUPPORTED_BY_KERAS, message, help=_UPGRADE)]) from error
    except Exception as error:
        raise BuildError([_refused("Keras cannot compile the model", error)]) from error
