"""Measurements of networks, kept in ``tests/data/calibration`` as compressed JSON lines.

A record holds the document of its network (or the path and the parameters of a spec of this repository), and for
every tensor and kernel three numbers over the initialisations that were measured: the median of the decimal
logarithms, the root mean square's logarithm, and the standard deviation of the logarithms. Reading needs no Keras.
"""

from __future__ import annotations

import json
import lzma
import math
import os
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from vgspec.analysis.signal import Assumptions
from vgspec.api import load_spec
from vgspec.ir import Graph

__all__ = [
    "FOLDER",
    "GROUPS",
    "NAMED",
    "ROOT",
    "Record",
    "Sizes",
    "gather",
    "read_group",
    "standard_error",
    "write_group",
]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "calibration"
NAMED = ("specs", "techniques", "applications")
"""Groups of networks with names: one file each. Drawn ones share a file."""
GROUPS = (*NAMED, "drawn", "narrow", "deep")


class Sizes(NamedTuple):
    """Decimal logarithms of a size over several initialisations; ``-inf`` for zero.

    ``typical`` is their median, ``root`` the logarithm of the root of the mean square, ``deviation`` their
    standard deviation, over those that are finite.
    """

    typical: float
    root: float
    deviation: float


_MEDIAN = {1: 1.0, 2: 1.0, 3: 1.160, 4: 1.092, 5: 1.197, 6: 1.135, 7: 1.214, 8: 1.160}
"""Standard error of the median of so many normal numbers, beside that of their mean (David and Nagaraja 2003)."""


def standard_error(sizes: Sizes, seeds: int) -> float:
    """That of the median over so many initialisations, from their own deviation; infinite for a single one."""
    if seeds < 2:
        return math.inf
    return sizes.deviation / math.sqrt(seeds - 1) * _MEDIAN.get(seeds, math.sqrt(math.pi / 2.0))


def gather(values: Sequence[float]) -> Sizes:
    """The three numbers of a size measured several times."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Sizes(values[0], values[0], 0.0)
    top = max(finite)
    square = sum(10.0 ** (2.0 * (value - top)) for value in finite) / len(values)
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    middle = 0.5 * (low + high) if math.isfinite(low) and math.isfinite(high) else low
    spread = statistics.pstdev(finite)
    return Sizes(*(round(value, 4) for value in (middle, top + 0.5 * math.log10(square), spread)))


@dataclass(frozen=True)
class Record:
    """What was measured on one network.

    Attributes:
        name: the network's, unique in its group.
        group: one of `GROUPS`.
        source: ``{"document": ...}``, or ``{"path": ..., "params": ...}`` for a spec of this repository.
        seeds: how many initialisations.
        double: whether in float64.
        time: steps of a sequence where the spec leaves them open.
        hash: of the graph that was measured, for a spec that may change.
        activation: by node id.
        gradient: by node id.
        kernels: by node id and weight name, with the number of entries.
    """

    name: str
    group: str
    source: Mapping[str, Any]
    seeds: int
    double: bool
    time: int
    hash: str
    activation: Mapping[str, Sizes] = field(default_factory=dict)
    gradient: Mapping[str, Sizes] = field(default_factory=dict)
    kernels: Mapping[tuple[str, str], tuple[Sizes, int]] = field(default_factory=dict)

    @property
    def assumptions(self) -> Assumptions:
        """What the prediction has to assume to be of the network that was measured."""
        return Assumptions(time=self.time)

    @cached_property
    def graph(self) -> Graph:
        """The network.

        Raises:
            SpecError: if its document is not valid.
            ValueError: if the spec is no longer the one that was measured.
        """
        graph = graph_of(self.source)
        if "path" in self.source and graph.hash() != self.hash:
            raise ValueError(
                f"{self.source['path']} has changed since it was measured: "
                f"python -m vgspec.dev.calibrate measure {self.group} {self.name}"
            )
        return graph

    def to_data(self) -> dict[str, Any]:
        """The record as plain data."""
        return {
            "name": self.name,
            "group": self.group,
            "source": self.source,
            "seeds": self.seeds,
            "double": self.double,
            "time": self.time,
            "hash": self.hash,
            "activation": self.activation,
            "gradient": self.gradient,
            "kernels": [[*key, *sizes, entries] for key, (sizes, entries) in self.kernels.items()],
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Record:
        """The record of what `to_data` gave."""
        given = dict(data)
        for name in ("activation", "gradient"):
            given[name] = {key: Sizes(*values) for key, values in data[name].items()}
        given["kernels"] = {(row[0], row[1]): (Sizes(*row[2:5]), row[5]) for row in data["kernels"]}
        return cls(**given)


def graph_of(source: Mapping[str, Any]) -> Graph:
    """The graph of a record's source."""
    if "path" in source:
        return load_spec(ROOT / source["path"], params=source.get("params")).require_graph()
    return load_spec(source["document"]).require_graph()


def read_group(group: str, folder: Path = FOLDER) -> list[Record]:
    """The records of a group; none if it was never measured."""
    paths = sorted((folder / group).glob("*.json.xz")) if group in NAMED else [folder / f"{group}.json.xz"]
    found = []
    for path in paths:
        if path.exists():
            with lzma.open(path, "rt", encoding="utf-8") as stream:
                found += [Record.of_data(json.loads(line)) for line in stream]
    return found


def write_group(group: str, records: Iterable[Record], folder: Path = FOLDER) -> None:
    """Write records of a group, in place of those of the same file; an interruption leaves the old ones."""
    if group in NAMED:
        for record in records:
            _write(folder / group / f"{re.sub('[^A-Za-z0-9_]+', '-', record.name).strip('-')}.json.xz", [record])
    else:
        _write(folder / f"{group}.json.xz", records)


def _write(path: Path, records: Iterable[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record.to_data(), separators=(",", ":"), ensure_ascii=False) + "\n" for record in records]
    aside = path.with_suffix(".new")
    aside.write_bytes(lzma.compress("".join(lines).encode(), preset=6))
    os.replace(aside, path)
