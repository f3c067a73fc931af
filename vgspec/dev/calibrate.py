"""Compare predicted with measured signal sizes, and write ``docs/reference/calibration.md``.

::

    python -m vgspec.dev.calibrate specs/*.yaml --params size=64 --seeds 3 --output PAGE
    python -m vgspec.dev.calibrate --applications MobileNetV2 VGG16 --random 60

Each model is built several times with different seeds and measured by autodiff; the median of the logarithms over
seeds is compared with the prediction, tensor by tensor and edge by edge. Without ``--output`` the page goes to
standard output; with it, it is written anew after every model.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import re
import shlex
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from vgspec.analysis.signal import Assumptions, Profile, input_plan, profile
from vgspec.analysis.signal.forward import statistics_of
from vgspec.dev import calibration_page
from vgspec.ir import Graph

__all__ = ["Comparison", "EdgeError", "KernelSize", "applications", "compare", "drawn", "main", "percentile"]


class EdgeError(NamedTuple):
    """The difference that arises across one edge: ``direction`` is ``backward`` or ``forward``.

    ``growth`` is by how much the error is larger behind the edge than before it; an edge may also take error away.
    """

    direction: str
    type_name: str
    node: str
    value: float
    growth: float


class KernelSize(NamedTuple):
    """Decimal logarithms of a kernel's gradient norm, ``-inf`` for zero, and its number of entries."""

    weight: str
    type_name: str
    predicted: float
    measured: float
    entries: int


@dataclass
class Comparison:
    """Differences of decimal logarithms, predicted minus measured, for one model.

    Attributes:
        name: of the model.
        group: which set of models it belongs to.
        activation: by node.
        gradient: by node.
        kernel: by node and weight.
        edges: what arises across each edge.
        kernels: predicted and measured sizes of the kernels' gradients, in order.
        unknown: nodes that are not predicted.
        double: whether it was measured in float64.
    """

    name: str
    group: str = "specs"
    activation: dict[str, float] = field(default_factory=dict)
    gradient: dict[str, float] = field(default_factory=dict)
    kernel: dict[str, float] = field(default_factory=dict)
    edges: list[EdgeError] = field(default_factory=list)
    kernels: list[KernelSize] = field(default_factory=list)
    unknown: int = 0
    double: bool = False


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which a share of the absolute values lies; nan for none."""
    ordered = sorted(abs(value) for value in values)
    if not ordered:
        return math.nan
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def compare(
    name: str,
    graph: Graph,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    double: bool = False,
    assumptions: Assumptions | None = None,
    group: str = "specs",
) -> Comparison:
    """Measure a graph with several seeds and compare the medians with the prediction."""
    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import Measured, measure, precision

    plan = input_plan(graph, assumptions)
    sizes = {key: item.sizes for key, item in plan.items()}
    vocabulary = {key: item.vocabulary for key, item in plan.items() if item.vocabulary is not None}
    given = {item.name: statistics_of(item) for item in graph.inputs if "float" in item.tensor.dtype}
    runs: list[Measured] = []
    entries: dict[tuple[str, str], int] = {}
    with precision("float64" if double else "float32"):
        for seed in seeds:
            model = build_model(graph, seed=seed)
            runs.append(measure(model, seed=seed + 1000, vocabulary=vocabulary, sizes=sizes, statistics=given))
            entries = {(layer.name, w.path): math.prod(w.shape) for layer in model.layers for w in layer.weights}
    found = _compared(name, graph, profile(graph, assumptions), runs, entries)
    found.group, found.double = group, double
    return found


def _median(tables: list[Mapping[Any, float]]) -> dict[Any, float]:
    return {key: statistics.median(t[key] for t in tables if key in t) for key in tables[0]}


def _compared(
    name: str, graph: Graph, predicted: Profile, runs: list[Any], entries: Mapping[tuple[str, str], int]
) -> Comparison:
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
            theirs = _of(kernels, node.layer, weight)
            if theirs is None or math.isnan(theirs) or math.isnan(mine):
                continue
            label = f"{node.id}/{weight}"
            size = _of(entries, node.layer, weight) or 1
            result.kernels.append(KernelSize(label, node.type_name, mine, theirs, int(size)))
            if math.isfinite(theirs) and math.isfinite(mine):
                result.kernel[label] = mine - theirs
    for edge in predicted.edges:
        kind, near, far = types[edge.node], edge.node, edge.source
        if len(graph.consumers[far]) == 1 and far in result.gradient and near in result.gradient:
            result.edges.append(_edge("backward", kind, near, result.gradient[near], result.gradient[far]))
        if far in result.activation and near in result.activation:
            result.edges.append(_edge("forward", kind, near, result.activation[far], result.activation[near]))
    return result


def _edge(direction: str, kind: str, node: str, before: float, after: float) -> EdgeError:
    return EdgeError(direction, kind, node, after - before, abs(after) - abs(before))


def _of(table: Mapping[tuple[str, str], float], layer: str, weight: str) -> float | None:
    """What a table by layer and path of the weight says of a weight."""
    return next((value for (name, path), value in table.items() if name == layer and _same(path, weight)), None)


def _same(path: str, weight: str) -> bool:
    tail = weight.split("/")
    parts = path.split("/")
    return parts[-1] == tail[-1] and (len(tail) == 1 or tail[0] in path)


class Job(NamedTuple):
    """A model to compare."""

    name: str
    graph: Graph
    group: str
    double: bool


def applications(names: Iterable[str], size: int, *, images: bool = False) -> Iterator[Job]:
    """Networks of ``keras.applications``, imported from their configs; ``size`` or the least above it that works.

    With ``images`` the inputs have mean and deviation of bytes in place of 0 and 1.
    """
    from vgspec.backends.gate import build_application
    from vgspec.backends.model_config import model_config
    from vgspec.backends.runtime import load_keras
    from vgspec.importers.specs import spec_of_config

    for name in names:
        keras = load_keras()
        try:
            model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3))
        except ValueError:
            model = build_application(name)
        graph = spec_of_config(model_config(model), file=f"<{name}>").require_graph()
        side = model.inputs[0].shape[1]
        del model
        keras.backend.clear_session()
        gc.collect()
        if images:
            bytes_ = ("statistics", {"mean": 127.5, "std": 73.9})
            inputs = tuple(replace(item, options=(*item.options, bytes_)) for item in graph.inputs)
            graph = replace(graph, inputs=inputs)
        yield Job(f"{name} ({side}{', bytes' if images else ''})", graph, "applications", False)


def drawn(number: int, seed: int) -> list[Any]:
    """So many different documents of `vgspec.testing.specs`, the same for the same seed and version of Hypothesis."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as fixed

    from vgspec.testing import specs

    found: dict[str, Any] = {}

    @fixed(seed)
    @settings(
        max_examples=number,
        database=None,
        phases=(Phase.generate,),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(specs())
    def draw(document: Any) -> None:
        found.setdefault(json.dumps(document, sort_keys=True), document)

    draw()
    return list(found.values())[:number]


def _jobs(given: argparse.Namespace) -> Iterator[Job]:
    from vgspec.api import load_spec

    for path in given.specs:
        spec = load_spec(path, params=_fitting(path, given.params))
        yield Job(path.stem, spec.require_graph(), "specs", given.double)
    yield from applications(given.applications, given.size)
    yield from applications(given.images, given.size, images=True)
    if given.random:
        for index, document in enumerate(drawn(given.random, given.random_seed)):
            graph = load_spec(document).require_graph()
            yield Job(f"drawn {index}", graph, "random", not _single_only(graph))


def _single_only(graph: Graph) -> bool:
    """Whether a layer has no float64 kernel on the CPU."""
    return any(re.search("Pooling3D", type(layer).__name__) for layer in graph.layers.values())


def _fitting(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that a spec has parameters for; ``SPEC.NAME`` is for one spec only and comes first."""
    from ruamel.yaml import YAML

    declared = (YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}).get("params") or {}
    own = {key: values.get(f"{path.stem}.{key}", values.get(key)) for key in declared}
    return {key: value for key, value in own.items() if value is not None}


def _plain(text: str) -> str:
    """One line without the codes that colour a terminal."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())


def _assignment(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return key, json.loads(value)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m vgspec.dev.calibrate", description="Measure the prediction.")
    found.add_argument("specs", nargs="*", type=Path, help="spec files")
    found.add_argument("--params", nargs="*", type=_assignment, default=[], metavar="NAME=VALUE")
    found.add_argument("--applications", nargs="*", default=[], metavar="NAME", help="builders of keras.applications")
    found.add_argument("--images", nargs="*", default=[], metavar="NAME", help="the same, fed like images of bytes")
    found.add_argument("--size", type=int, default=64, help="height and width of their input; default: 64")
    found.add_argument("--random", type=int, default=0, metavar="N", help="draw so many specs, measured in float64")
    found.add_argument("--random-seed", type=int, default=1, metavar="SEED")
    found.add_argument("--seeds", type=int, default=3, help="initialisations of each model; default: 3")
    found.add_argument("--time", type=int, default=128, help="steps where a spec leaves them open; default: 128")
    found.add_argument("--double", action="store_true", help="measure specs in float64, where float32 would flush")
    found.add_argument("--output", type=Path)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit status 1 if a model could not be measured."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parser().parse_args(arguments)
    given.params = dict(given.params)
    assumptions = Assumptions(time=given.time)
    comparisons: list[Comparison] = []
    failures: dict[str, str] = {}
    shown = list(arguments)
    if "--output" in shown:  # where the page went says nothing of how it was made
        at = shown.index("--output")
        del shown[at : at + 2]
    command = "python -m vgspec.dev.calibrate " + shlex.join(shown)

    def page() -> str:
        return calibration_page.page(comparisons, failures, command, given.seeds, given.random_seed)

    for job in _jobs(given):
        try:
            comparisons.append(
                compare(
                    job.name,
                    job.graph,
                    seeds=range(given.seeds),
                    double=job.double,
                    assumptions=assumptions,
                    group=job.group,
                )
            )
            print(f"{job.name}: done", file=sys.stderr, flush=True)
        except Exception as error:  # the page says what happened
            failures[job.name] = f"{type(error).__name__}: {_plain(str(error))[:160]}"
            print(f"{job.name}: {failures[job.name]}", file=sys.stderr, flush=True)
        if given.output is not None and comparisons and (job.group != "random" or len(comparisons) % 20 == 0):
            given.output.write_text(page(), encoding="utf-8")
    if given.output is not None:
        given.output.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
