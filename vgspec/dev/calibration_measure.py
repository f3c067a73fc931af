"""Measure networks with Keras, several initialisations each, for `vgspec.dev.calibration_data`."""

from __future__ import annotations

import gc
import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vgspec.analysis.signal import Assumptions, input_plan
from vgspec.analysis.signal.forward import statistics_of
from vgspec.dev.calibration_data import Record, Sizes, gather, graph_of
from vgspec.dev.calibration_networks import STEPS, Job
from vgspec.ir import Graph

__all__ = ["measure_graph", "measure_job"]

LEAST = 2
BUDGET = 10.0
"""Seconds of computing after which no further initialisation is begun, once there are `LEAST`."""
MANY = 8
"""Initialisations from which the computation is compiled, and weights are drawn anew in place of a new model."""


def measure_job(job: Job, *, budget: float = BUDGET) -> Record:
    """Measure one network; no further initialisation is begun after ``budget`` seconds of computing."""
    source = job.source()
    empty = Record(job.name, job.group, source, job.seeds, job.double, STEPS, "")
    try:
        record = measure_graph(graph_of(source), empty, budget=budget)
    except Exception:  # some layers compute in float32 whatever they are given
        if not job.double:
            raise
        record = measure_graph(graph_of(source), replace(empty, double=False), budget=budget)
    from vgspec.backends.runtime import load_keras

    load_keras().backend.clear_session()
    if len(record.activation) > 50:  # a collection takes longer than a small network
        gc.collect()
    return record


def measure_graph(
    graph: Graph, record: Record, *, seeds: Sequence[int] | None = None, budget: float = BUDGET
) -> Record:
    """The record with what is measured on a graph; seeds of the weights from 0 on, those of the data 1000 more."""
    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import Feeds, Measured, Measurement, precision

    plan = input_plan(graph, Assumptions(time=record.time))
    feeds = Feeds(
        {key: item.vocabulary for key, item in plan.items() if item.vocabulary is not None},
        {key: item.sizes for key, item in plan.items()},
        {item.name: statistics_of(item) for item in graph.inputs if "float" in item.tensor.dtype},
    )
    runs: list[Measured] = []
    with precision("float64" if record.double else "float32"):
        measurement = None
        start = time.process_time()
        wanted = range(record.seeds) if seeds is None else seeds
        many = len(wanted) >= MANY
        for seed in wanted:
            if len(runs) >= LEAST and time.process_time() - start > budget:
                break
            if measurement is None:
                model = build_model(graph, seed=seed)
                measurement = Measurement(model, feeds, traced=many)
                entries = {(layer.name, w.path): math.prod(w.shape) for layer in model.layers for w in layer.weights}
            elif many:
                _draw_weights(measurement.model, seed)
            else:
                measurement.model.set_weights(build_model(graph, seed=seed).get_weights())
            runs.append(measurement.run(seed + 1000))
    return _record(graph, record, runs, entries)


def _draw_weights(model: Any, seed: int) -> None:
    """Draw the weights of all layers anew, from their own initializers: quicker than to build the model again."""
    from vgspec.backends.runtime import load_keras

    load_keras().utils.set_random_seed(seed)
    for layer in model.layers:
        owner = getattr(layer, "cell", layer)
        found = [_initializer(owner, weight.name) for weight in owner.weights]
        if None in found or owner._layers:  # a layer around others, or one with names of its own
            if layer.weights:
                twin = type(layer).from_config(layer.get_config())
                twin.build_from_config(layer.get_build_config())
                layer.set_weights(twin.get_weights())
            continue
        for weight, initializer in zip(owner.weights, found, strict=True):
            config = initializer.get_config()
            if "seed" in config:  # it draws
                fresh = type(initializer).from_config({**config, "seed": random.getrandbits(30)})
                weight.assign(fresh(weight.shape, dtype=weight.dtype))


def _initializer(layer: Any, weight: str) -> Any:
    """What draws a weight of a layer; None where its name does not tell."""
    for name in (weight, weight.removesuffix("_kernel")):
        if (found := getattr(layer, f"{name}_initializer", None)) is not None:
            return found
    return None


def _record(graph: Graph, record: Record, runs: Sequence[Any], entries: Mapping[tuple[str, str], int]) -> Record:
    activation: dict[str, Sizes] = {}
    gradient: dict[str, Sizes] = {}
    kernels: dict[tuple[str, str], tuple[Sizes, int]] = {}
    calls: dict[str, int] = defaultdict(int)
    places = [(item.name, (item.name, 0)) for item in graph.inputs]
    for node in graph.nodes:
        places.append((node.id, (node.layer, calls[node.layer])))
        calls[node.layer] += 1
    for name, key in places:
        for table, kind in ((activation, "activation"), (gradient, "gradient")):
            if sizes := [getattr(run, kind)[key] for run in runs if key in getattr(run, kind)]:
                table[name] = gather(sizes)
    first = {node.layer: node.id for node in reversed(graph.nodes)}
    for layer, weight in runs[0].kernels:
        size = next((count for (owner, path), count in entries.items() if owner == layer and path.endswith(weight)), 1)
        values = [run.kernels[(layer, weight)] for run in runs]
        kernels[(first.get(layer, layer), weight)] = (gather(values), int(size))
    return Record(
        record.name,
        record.group,
        record.source,
        len(runs),
        record.double,
        record.time,
        graph.hash(),
        activation,
        gradient,
        kernels,
    )
