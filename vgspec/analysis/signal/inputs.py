"""What the analysis takes a model's inputs for, so that a measurement can feed the same."""

from __future__ import annotations

from dataclasses import dataclass

from vgspec.analysis.signal.forward import vocabulary_of
from vgspec.analysis.signal.sizes import Assumptions, SizeTable
from vgspec.ir import Graph

__all__ = ["InputPlan", "input_plan"]


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One input: sizes without batch, and the number of different integers for integer data."""

    sizes: tuple[int, ...]
    vocabulary: int | None


def input_plan(graph: Graph, assumptions: Assumptions | None = None) -> dict[str, InputPlan]:
    """Sizes and vocabulary by input name, unknown sizes assumed."""
    table = SizeTable(graph, assumptions or Assumptions())
    plan = {}
    for item in graph.inputs:
        integer = item.tensor.dtype.startswith(("int", "uint"))
        vocabulary = vocabulary_of(graph, item, table) if integer else None
        plan[item.name] = InputPlan(table.of_input(item.name, item.tensor.shape), vocabulary)
    return plan
