"""``vgspec probe``: build the model, measure its signal by automatic differentiation, compare with the prediction."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers, add_params
from vgspec.cli.settings import add_assumptions, add_settings, settings_for

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions
    from vgspec.ir import Graph
    from vgspec.report.profile import MeasuredNode

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "probe",
        help="build the model and measure what profile predicts (needs vgspec[tensorflow])",
        description="Build the model, run it forward and backward, and show predicted beside measured sizes.",
        examples=(("vgspec probe model.yaml --seeds 5", "predicted beside measured"),),
    )
    parser.add_argument("spec", metavar="SPEC", help="a spec, or - for standard input")
    add_params(parser)
    add_assumptions(parser)
    add_settings(parser)
    parser.add_argument("--data", metavar="FILE", help="inputs to use: an .npz file with an array for every input")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many initialisations to average (3)")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="text (default) or json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Load, predict, build and measure, print."""
    from vgspec.cli.checking import load_target, show_diagnostics
    from vgspec.cli.discover import Target
    from vgspec.cli.params import parse_params
    from vgspec.spec import SpecError

    if args.seeds < 1:
        raise UsageError("--seeds: must be at least 1")
    target = Target.named(args.spec)
    settings = settings_for(args, target.path, out)
    assumptions = settings.assumptions
    spec = load_target(target, parse_params(args.params), settings.limits)
    try:
        graph = spec.require_graph()
    except SpecError as error:
        show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
        return Exit.FAILED
    data = _read_data(args.data, graph) if args.data else None
    from vgspec.analysis.signal import profile
    from vgspec.backends.errors import BuildError
    from vgspec.backends.older import older_starts
    from vgspec.backends.runtime import load_keras
    from vgspec.report.profile import render_profile, render_profile_json

    try:
        measured = measure_graph(graph, assumptions, seeds=range(args.seeds), data=data)
    except BuildError as error:
        show_diagnostics(error.diagnostics, out, spec.sources, files=(target.name,))
        return Exit.FAILED
    predicted = profile(graph, assumptions)
    if args.output_format == "json":
        out.write_data(render_profile_json(predicted, measured))
    else:
        out.write(render_profile(predicted, out.look, name=graph.name, measured=measured))
    if remark := older_starts(graph, load_keras().__version__):
        out.say(f"note: {remark}")
    return Exit.OK


def measure_graph(
    graph: Graph, assumptions: Assumptions, *, seeds: Sequence[int], data: Mapping[str, Any] | None = None
) -> dict[str, MeasuredNode]:
    """Decimal logarithms by node id, averaged over initialisations.

    Raises:
        BuildError: if Keras cannot build the model, or is not installed.
    """
    from vgspec.analysis.signal.forward import statistics_of, vocabulary_of
    from vgspec.analysis.signal.sizes import SizeTable
    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import measure
    from vgspec.report.profile import MeasuredNode

    table = SizeTable(graph, assumptions)
    sizes = {item.name: table.of_input(item.name, item.tensor.shape) for item in graph.inputs}
    given: dict[str, Any] = {
        "sizes": sizes,
        "vocabulary": {item.name: vocabulary_of(graph, item, table) for item in graph.inputs},
        "statistics": {item.name: statistics_of(item) for item in graph.inputs},
        "data": data,
    }
    runs = [measure(build_model(graph, seed=seed), seed=seed, **given) for seed in seeds]
    found: dict[str, MeasuredNode] = {}
    for item in graph.inputs:
        found[item.name] = MeasuredNode(
            _mean(run.activation.get((item.name, 0)) for run in runs),
            _mean(run.gradient.get((item.name, 0)) for run in runs),
        )
    calls: dict[str, int] = {}
    for node in graph.nodes:
        call = (node.layer, calls.get(node.layer, 0))
        calls[node.layer] = call[1] + 1
        found[node.id] = MeasuredNode(
            _mean(run.activation.get(call) for run in runs),
            _mean(run.gradient.get(call) for run in runs),
            _mean(_kernel(run.kernels, node.layer) for run in runs),
        )
    return found


def _kernel(kernels: Mapping[tuple[str, str], float], layer: str) -> float | None:
    """The layer's kernel: the one weight whose name ends so; None for layers with several or none."""
    names = [name for owner, name in kernels if owner == layer and name.rpartition("/")[2] in ("kernel", "embeddings")]
    return kernels[(layer, names[0])] if len(names) == 1 else None


def _mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return -math.inf if -math.inf in known else sum(known) / len(known)


def _read_data(path: str, graph: Graph) -> dict[str, Any]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"--data {path}: {error}") from None
    wanted = {item.name for item in graph.inputs}
    if set(data) != wanted:
        raise UsageError(f"--data {path}: has arrays {sorted(data)}, the model's inputs are {sorted(wanted)}")
    return data
