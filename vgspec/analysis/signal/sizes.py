"""Sizes that a spec leaves open, given a number, so that the analysis has one to work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vgspec.ir import Graph, Shape
from vgspec.ir.dims import evaluate, symbols

__all__ = ["Assumptions", "SizeTable"]


@dataclass(frozen=True)
class Assumptions:
    """Numbers for what a spec leaves open.

    Attributes:
        time: steps of a sequence.
        positions: positions along each axis of an image or a volume.
        sizes: numbers for symbolic sizes by name; they come first.
        vocabulary: number of different integers where no table says it.
    """

    time: int = 128
    positions: int = 32
    sizes: Mapping[str, int] = field(default_factory=dict)
    vocabulary: int = 1000


class SizeTable:
    """Turns shapes of a graph into numbers, and remembers which were assumed."""

    def __init__(self, graph: Graph, assumptions: Assumptions) -> None:
        self.assumptions = assumptions
        self.named: dict[str, int] = dict(assumptions.sizes)
        self.assumed: dict[str, int] = {}
        for item in graph.inputs:
            for name in sorted({name for dim in item.tensor.shape[1:] for name in symbols(dim)}):
                if name not in self.named:
                    self.named[name] = self.assumed[name] = self._default(item.tensor.shape)

    def _default(self, shape: Shape) -> int:
        return self.assumptions.positions if len(shape) > 3 else self.assumptions.time

    def exact(self, shape: Shape) -> tuple[int, ...] | None:
        """The sizes without the batch axis, or None if one is unknown."""
        sizes = []
        for dim in shape[1:]:
            if isinstance(dim, int):
                sizes.append(dim)
                continue
            value = evaluate(dim, self.named)
            if value is None:
                return None
            sizes.append(value)
        return tuple(sizes)

    def of_input(self, name: str, shape: Shape) -> tuple[int, ...]:
        """The sizes of an input, unknown ones assumed."""
        sizes = []
        for axis, dim in enumerate(shape[1:], start=1):
            value = dim if isinstance(dim, int) else evaluate(dim, self.named)
            if value is None:
                value = self._default(shape)
                self.assumed[f"{name} axis {axis}"] = value
            sizes.append(value)
        return tuple(sizes)
