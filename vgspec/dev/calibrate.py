"""Compare predicted with measured signal sizes: ``python -m vgspec.dev.calibrate specs/*.yaml --seeds 3``.

Each spec is built several times with different seeds and measured by autodiff; the median of the logarithms over
seeds is compared with the prediction, tensor by tensor and edge by edge. The table goes to standard output or
to ``--output`` as Markdown.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vgspec.analysis.signal import Profile, input_plan, profile
from vgspec.ir import Graph

__all__ = ["Comparison", "compare", "main", "percentile"]


@dataclass
class Comparison:
    """Differences of decimal logarithms, predicted minus measured, for one model.

    Attributes:
        name: of the model.
        activation: by node.
        gradient: by node.
        kernel: by node and weight.
        backward: by layer type, the difference that arises on the way back across one edge.
        forward: the same on the way forward.
        unknown: nodes that are not predicted.
    """

    name: str
    activation: dict[str, float] = field(default_factory=dict)
    gradient: dict[str, float] = field(default_factory=dict)
    kernel: dict[str, float] = field(default_factory=dict)
    backward: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    forward: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unknown: int = 0


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which a share of the absolute values lies; nan for none."""
    ordered = sorted(abs(value) for value in values)
    if not ordered:
        return math.nan
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def compare(name: str, graph: Graph, *, seeds: Sequence[int] = (0, 1, 2), double: bool = False) -> Comparison:
    """Measure a graph with several seeds and compare the medians with the prediction."""
    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import Measured, measure, precision

    plan = input_plan(graph)
    sizes = {key: item.sizes for key, item in plan.items()}
    vocabulary = {key: item.vocabulary for key, item in plan.items() if item.vocabulary is not None}
    runs: list[Measured] = []
    with precision("float64" if double else "float32"):
        for seed in seeds:
            model = build_model(graph, seed=seed)
            runs.append(measure(model, seed=seed + 1000, vocabulary=vocabulary, sizes=sizes))
    return _compared(name, graph, profile(graph), runs)


def _median(tables: list[Mapping[Any, float]]) -> dict[Any, float]:
    return {key: statistics.median(t[key] for t in tables if key in t) for key in tables[0]}


def _compared(name: str, graph: Graph, predicted: Profile, runs: list[Any]) -> Comparison:
    activation = _median([run.activation for run in runs])
    gradient = _median([run.gradient for run in runs])
    kernels = _median([run.kernels for run in runs])
    result = Comparison(name, unknown=len(predicted.unknown))
    calls: dict[str, int] = defaultdict(int)
    types = {}
    for node in predicted.nodes:
        key = (node.layer, calls[node.layer])
        calls[node.layer] += 1
        types[node.id] = node.type_name
        for mine, theirs, target in (
            (node.log10_activation, activation.get(key), result.activation),
            (node.log10_gradient, gradient.get(key), result.gradient),
        ):
            if mine is not None and theirs is not None and math.isfinite(mine) and math.isfinite(theirs):
                target[node.id] = mine - theirs
        if key[1]:
            continue
        for weight, mine in node.kernels.items():
            theirs = next(
                (value for (layer, path), value in kernels.items() if layer == node.layer and _same(path, weight)), None
            )
            if theirs is not None and math.isfinite(theirs) and math.isfinite(mine):
                result.kernel[f"{node.id}/{weight}"] = mine - theirs
    for edge in predicted.edges:
        if len(graph.consumers[edge.source]) == 1 and edge.source in result.gradient and edge.node in result.gradient:
            result.backward[types[edge.node]].append(result.gradient[edge.source] - result.gradient[edge.node])
        if edge.source in result.activation and edge.node in result.activation:
            result.forward[types[edge.node]].append(result.activation[edge.node] - result.activation[edge.source])
    return result


def _same(path: str, weight: str) -> bool:
    tail = weight.split("/")
    parts = path.split("/")
    return parts[-1] == tail[-1] and (len(tail) == 1 or tail[0] in path)


def table(comparisons: Sequence[Comparison]) -> str:
    """The calibration tables as Markdown."""
    lines = [
        "| model | n | activation median / p95 / max | gradient median / p95 / max "
        "| kernel gradient median / p95 / max | unknown |",
        "|---|---|---|---|---|---|",
    ]
    for item in comparisons:
        cells = [_three(values.values()) for values in (item.activation, item.gradient, item.kernel)]
        lines.append(f"| {item.name} | {len(item.gradient)} | {' | '.join(cells)} | {item.unknown} |")
    for title, name in (("Gradient, edge by edge", "backward"), ("Activation, edge by edge", "forward")):
        gathered: dict[str, list[float]] = defaultdict(list)
        for item in comparisons:
            for kind, values in getattr(item, name).items():
                gathered[kind] += values
        lines += ["", f"{title}:", "", "| layer | n | mean | median | p95 | max |", "|---|---|---|---|---|---|"]
        for kind, values in sorted(gathered.items(), key=lambda pair: -percentile(pair[1], 0.95)):
            mean = sum(values) / len(values)
            shares = " | ".join(f"{percentile(values, share):.3f}" for share in (0.5, 0.95, 1.0))
            lines.append(f"| {kind} | {len(values)} | {mean:+.3f} | {shares} |")
    return "\n".join(lines) + "\n"


def _three(values: Iterable[float]) -> str:
    found = list(values)
    return " / ".join(f"{percentile(found, share):.3f}" for share in (0.5, 0.95, 1.0)) if found else "–"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.calibrate", description=__doc__)
    parser.add_argument("specs", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--double", action="store_true", help="measure in float64, where float32 would flush to zero")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args(arguments)
    from vgspec.api import load_spec

    comparisons = []
    for path in given.specs:
        comparisons.append(
            compare(path.stem, load_spec(path).require_graph(), seeds=range(given.seeds), double=given.double)
        )
        print(f"{path.stem}: done", file=sys.stderr, flush=True)
    text = table(comparisons)
    if given.output is not None:
        given.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
