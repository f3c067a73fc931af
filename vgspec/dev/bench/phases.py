"""The phases from text to findings, one by one in a warm process of their own.

::

    python -m vgspec.dev.bench.phases SPEC|NUMBER ROUNDS     # a file, or a residual network of so many layers
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vgspec.dev.bench.clock import child, cpu_seconds
from vgspec.dev.bench.documents import residual

__all__ = ["PHASES", "SIZES", "Phases", "infer_again", "measure", "measure_apart"]

PHASES = ("parse", "validate", "expand", "infer", "profile", "lint")
"""``validate`` is the check of the form; ``expand`` all the rest of loading, inference included; ``infer`` the shapes
of all layers once more, alone; ``lint`` all rules with the profile that they read, and no proof of fixes."""

SIZES = (100, 1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Phases:
    """Least processor time of each phase, in seconds, for one document.

    Attributes:
        name: what was measured.
        nodes: layer calls after expansion.
        seconds: by phase.
        memory: peak resident memory of the process in bytes.
    """

    name: str
    nodes: int
    seconds: dict[str, float]
    memory: int

    @property
    def linted(self) -> float:
        """From text to findings."""
        return sum(self.seconds[phase] for phase in ("parse", "validate", "expand", "lint"))


def infer_again(graph: Any) -> None:
    """Infer the outputs of every layer call of a graph, as its expansion has done."""
    from vgspec.layers.base import Call

    for node in graph.nodes:
        graph.operator(node).infer_outputs(Call.of(node.args, graph.tensor))


def measure(text: str, name: str, rounds: int) -> Phases:
    """Measure a document in this process."""
    from vgspec.analysis.signal import profile
    from vgspec.frontend.load import load_document
    from vgspec.frontend.published import published_schema
    from vgspec.frontend.structure import check_structure
    from vgspec.limits import DEFAULT_LIMITS
    from vgspec.lint.engine import lint
    from vgspec.source import parse_text

    limits = replace(DEFAULT_LIMITS, max_expanded_nodes=10**6, max_bytes=10**9, max_nodes=10**8)
    small = load_document(*parse_text(residual(10), "small.yaml"))
    lint(small)  # imports what the phases need
    document, problems = parse_text(text, "bench.yaml", limits)
    root = document.root
    assert root is not None
    check_structure(root, published_schema())
    spec = load_document(document, list(problems), limits=limits)
    graph = spec.require_graph()
    calls: dict[str, Callable[[], Any]] = {
        "parse": lambda: parse_text(text, "bench.yaml", limits),
        "validate": lambda: check_structure(root, published_schema()),
        "expand": lambda: load_document(document, [], limits=limits),
        "infer": lambda: infer_again(graph),
        "profile": lambda: profile(graph),
        "lint": lambda: lint(spec, fixes=None),
    }
    seconds = {phase: cpu_seconds(call, rounds) for phase, call in calls.items()}
    seconds["expand"] = max(seconds["expand"] - seconds["validate"], 0.0)  # loading checks the form too
    unit = 1 if sys.platform == "darwin" else 1024
    return Phases(name, len(graph.nodes), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def measure_apart(what: str, rounds: int, name: str = "") -> Phases:
    """Measure a file, or a residual network of a number of layers, in a process of its own."""
    found = Phases(**child("phases", what, str(rounds)))
    return replace(found, name=name or found.name)


def main(arguments: Sequence[str]) -> int:
    """Measure one document and print the result as JSON."""
    what, rounds = arguments[0], int(arguments[1])
    text = residual(int(what)) if what.isdigit() else Path(what).read_text(encoding="utf-8")
    found = measure(text, what, rounds)
    print(json.dumps({name: getattr(found, name) for name in ("name", "nodes", "seconds", "memory")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
