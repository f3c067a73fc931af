"""Whether time grows as the model does, for every shape of graph.

::

    python -m vgspec.dev.bench.shapes NAME     # one shape, in this process
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vgspec.dev.bench.clock import child, cpu_seconds, exponent
from vgspec.dev.bench.documents import SHAPES

__all__ = ["SIZES", "Growth", "measure", "measure_apart"]

SIZES = (500, 2_000, 8_000)


@dataclass(frozen=True, slots=True)
class Growth:
    """Processor time to load and lint one shape of graph, by size.

    Attributes:
        name: the shape.
        sizes: layer calls.
        load: seconds from text to graph.
        lint: seconds from graph to findings, the proofs of fixes included.
        findings: how many there were at the largest size.
    """

    name: str
    sizes: tuple[int, ...]
    load: tuple[float, ...]
    lint: tuple[float, ...]
    findings: int

    @property
    def exponents(self) -> tuple[float, float]:
        """Of loading and of linting, from the last two sizes: small ones have fixed costs."""
        return exponent(self.sizes[-2:], self.load[-2:]), exponent(self.sizes[-2:], self.lint[-2:])


def measure(name: str, sizes: Sequence[int] = SIZES) -> Growth:
    """Load and lint a shape at growing sizes."""
    from vgspec.frontend.load import load
    from vgspec.lint.engine import lint

    make = SHAPES[name]
    lint(load(make(12)))  # imports what is needed
    counts: list[int] = []
    times: dict[str, list[float]] = {"load": [], "lint": []}
    found = 0
    for size in sizes:
        text = make(size)
        kept: list[Any] = []
        times["load"].append(cpu_seconds(lambda text=text, kept=kept: kept.append(load(text))))  # type: ignore[misc]
        spec = kept[0]
        counts.append(len(spec.require_graph().nodes))
        times["lint"].append(cpu_seconds(lambda spec=spec, kept=kept: kept.append(lint(spec))))  # type: ignore[misc]
        found = len(kept[1].diagnostics)
    return Growth(name, tuple(counts), tuple(times["load"]), tuple(times["lint"]), found)


def measure_apart(name: str) -> Growth:
    """The same in a process of its own."""
    row = child("shapes", name)
    return Growth(row["name"], tuple(row["sizes"]), tuple(row["load"]), tuple(row["lint"]), row["findings"])


def main(arguments: Sequence[str]) -> int:
    """Measure one shape and print the result as JSON."""
    found = measure(arguments[0])
    print(json.dumps({name: getattr(found, name) for name in ("name", "sizes", "load", "lint", "findings")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
