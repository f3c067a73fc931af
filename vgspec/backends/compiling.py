"""Compile settings as the arguments of ``model.compile``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vgspec.backends.objects import to_keras_value
from vgspec.ir import Graph, Returns

__all__ = ["compile_arguments", "compile_settings"]

_BY_OUTPUT = ("loss", "loss_weights", "metrics", "weighted_metrics")


def compile_arguments(graph: Graph) -> dict[str, Any]:
    """The arguments that differ from Keras's defaults, as Keras objects; the optimizer always.

    Every call makes new objects, because an optimizer and a metric hold the variables of one model.

    Raises:
        UnsupportedError: if the installed Keras lacks a class or an argument.
    """
    return {name: to_keras_value(value) for name, value in compile_settings(graph)}


def compile_settings(graph: Graph) -> Iterator[tuple[str, Any]]:
    """The arguments, those by output in the form of what the model returns; nothing for a graph without settings.

    Keras takes a dict of losses for a list of outputs only if none is left out and only by the names of layers, which
    two outputs may share: a list has an item for each.
    """
    if graph.compile is None:
        return
    for name, value in graph.compile.arguments():
        if name in _BY_OUTPUT and graph.returns is Returns.LIST and isinstance(value, Mapping):
            yield name, [value.get(output.name) for output in graph.outputs]
        elif name in ("loss", "loss_weights") and graph.returns is Returns.DICT and not isinstance(value, Mapping):
            yield name, {output.name: value for output in graph.outputs}
        else:
            yield name, value
