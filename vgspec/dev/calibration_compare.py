"""Predicted sizes beside those of a record, tensor by tensor and edge by edge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from vgspec.analysis.signal import Profile, profile
from vgspec.dev.calibration_data import Record, Sizes, standard_error
from vgspec.ir import Ref

_NOISES = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout")
"""Layers that do nothing at a rate of zero."""

__all__ = ["Comparison", "EdgeError", "KernelSize", "compare", "percentile"]


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
    """Decimal logarithms of a kernel's gradient norm, ``-inf`` for zero, and its number of entries.

    ``deviation`` is that of the measured one over initialisations; infinite where some give zero and others do not.
    """

    weight: str
    type_name: str
    predicted: float
    measured: float
    entries: int
    deviation: float = 0.0


@dataclass
class Comparison:
    """Differences of decimal logarithms, predicted minus measured, for one model.

    Attributes:
        name: of the model.
        group: which set of models it belongs to.
        activation: by node.
        gradient: by node.
        kernel: by node and weight.
        doubt: by kind of size, by node (and weight), the standard error of what was measured.
        pairs: predicted and measured, by kind of size, for the pictures.
        edges: what arises across each edge.
        kernels: predicted and measured sizes of the kernels' gradients, in order.
        unknown: nodes that are not predicted.
        zeros: tensors and kernels of which just one of the two sizes is zero, so that they have no difference.
        unsure: those of `zeros` that some initialisations give a size and others do not.
    """

    name: str
    group: str = "specs"
    activation: dict[str, float] = field(default_factory=dict)
    gradient: dict[str, float] = field(default_factory=dict)
    kernel: dict[str, float] = field(default_factory=dict)
    doubt: dict[str, dict[str, float]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    edges: list[EdgeError] = field(default_factory=list)
    kernels: list[KernelSize] = field(default_factory=list)
    unknown: int = 0
    zeros: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def beyond_doubt(self, kind: str) -> list[float]:
        """Absolute errors of a kind of size less two standard errors of the measurement, at least zero."""
        errors, doubt = getattr(self, kind), self.doubt.get(kind, {})
        return [max(abs(value) - 2.0 * doubt.get(key, 0.0), 0.0) for key, value in errors.items()]


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which a share of the absolute values lies; nan for none."""
    ordered = sorted(abs(value) for value in values)
    if not ordered:
        return math.nan
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def compare(record: Record) -> Comparison:
    """Predict a record's network and compare with what was measured.

    Raises:
        ValueError: if the record is of another network than its source describes now.
    """
    predicted = profile(record.graph, record.assumptions)
    if strangers := (record.activation.keys() | record.gradient.keys()) - predicted.by_id.keys():
        raise ValueError(f"{record.name}: {min(strangers)} was measured and is not in the network")
    result = Comparison(record.name, record.group, unknown=len(predicted.unknown))
    given = _handed_on(record)
    for node in predicted.nodes:
        at = predicted.by_id[given.get(node.id, node.id)]
        for kind, mine in (("activation", node.log10_activation), ("gradient", at.log10_gradient)):
            theirs: Sizes | None = getattr(record, kind).get(node.id)
            if mine is not None and theirs is not None and math.isfinite(mine) and math.isfinite(theirs.typical):
                getattr(result, kind)[node.id] = mine - theirs.typical
                result.doubt.setdefault(kind, {})[node.id] = standard_error(theirs, record.seeds)
                result.pairs.setdefault(kind, []).append((mine, theirs.typical))
            elif mine is not None and theirs is not None and mine != theirs.typical:
                result.zeros.append(node.id)
                if _disagree(theirs):
                    result.unsure.append(node.id)
        for weight, mine in node.kernels.items():
            found = _of(record.kernels, node.id, weight)
            if found is None or math.isnan(found[0].typical) or math.isnan(mine):
                continue
            label = f"{node.id}/{weight}"
            size = found[0].typical
            deviation = math.inf if _disagree(found[0]) else found[0].deviation
            result.kernels.append(KernelSize(label, node.type_name, mine, size, found[1], deviation))
            if math.isfinite(size) and math.isfinite(mine):
                result.kernel[label] = mine - size
                result.doubt.setdefault("kernel", {})[label] = standard_error(found[0], record.seeds)
                result.pairs.setdefault("kernel", []).append((mine, size))
            elif mine != size:
                result.zeros.append(label)
                if _disagree(found[0]):
                    result.unsure.append(label)
    _add_edges(record, predicted, result)
    return result


def _disagree(sizes: Sizes) -> bool:
    """Whether some initialisations give zero and others do not."""
    return sizes.typical == -math.inf and sizes.root > -math.inf


def _handed_on(record: Record) -> dict[str, str]:
    """Nodes of which Keras gives back the very tensor that they got: what is measured is the gradient at that one."""
    found: dict[str, str] = {}
    for node in record.graph.nodes:
        layer = record.graph.operator(node)
        idle = layer.type_name in ("Identity", "ActivityRegularization") or (
            layer.type_name in _NOISES and not getattr(layer, "rate", 0.0) and not getattr(layer, "stddev", 0.0)
        )
        source = dict(node.args).get("inputs")
        if idle and isinstance(source, Ref) and not source.index:
            found[node.id] = found.get(source.node, source.node)
    return found


def _add_edges(record: Record, predicted: Profile, result: Comparison) -> None:
    graph = record.graph
    for edge in predicted.edges:
        kind, near, far = predicted.by_id[edge.node].type_name, edge.node, edge.source
        if len(graph.consumers[far]) == 1 and far in result.gradient and near in result.gradient:
            result.edges.append(_edge("backward", kind, near, result.gradient[near], result.gradient[far]))
        if far in result.activation and near in result.activation:
            result.edges.append(_edge("forward", kind, near, result.activation[far], result.activation[near]))


def _edge(direction: str, kind: str, node: str, before: float, after: float) -> EdgeError:
    return EdgeError(direction, kind, node, after - before, abs(after) - abs(before))


def _of(table: Mapping[tuple[str, str], tuple[Sizes, int]], node: str, weight: str) -> tuple[Sizes, int] | None:
    """What a table by node and path of the weight says of a weight."""
    return next((value for (name, path), value in table.items() if name == node and _same(path, weight)), None)


def _same(path: str, weight: str) -> bool:
    tail = weight.split("/")
    parts = path.split("/")
    return parts[-1] == tail[-1] and (len(tail) == 1 or tail[0] in path)
