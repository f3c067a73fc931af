"""How much memory a model's variables take, and refusing one that this machine cannot hold.

Only what is allocated whatever the batch: weights, and for a compiled model a gradient and the optimizer's
state for each trainable one. Activations come on top, so an estimate is a lower bound.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vgspec.analysis.cost import NodeCost, node_costs
from vgspec.codes import TOO_LARGE
from vgspec.diagnostics import Diagnostic, Evidence
from vgspec.ir import Dim, Graph
from vgspec.layers.base import Layer
from vgspec.layers.dtypes import variable_dtype

__all__ = ["Memory", "available_memory", "memory_of", "too_large"]

_BYTES = {"bool": 1, "int8": 1, "uint8": 1, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2}
_WIDE = {"float64": 8, "int64": 8, "uint64": 8, "complex64": 8, "complex128": 16}
_USUAL = 16 * 1024**3  # assumed where the system does not tell

_STATE = {"SGD": 0, "Adafactor": 0, "Lion": 1, "Adagrad": 1, "Muon": 1}
"""Variables that an optimizer keeps for each trainable weight, at least, where that is not two."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a model's variables.

    Attributes:
        parameters: number of weights; sizes that are not known count as one.
        weights: bytes of the weights.
        training: bytes of gradients and optimizer state; 0 for a model that is not compiled.
        largest: the node with the most weights, and their bytes.
    """

    parameters: int
    weights: int
    training: int
    largest: tuple[str, int]

    @property
    def total(self) -> int:
        """All bytes."""
        return self.weights + self.training


def _known(shape: tuple[Dim, ...]) -> int:
    count = 1
    for size in shape:
        count *= size if isinstance(size, int) else 1
    return count


def memory_of(graph: Graph) -> Memory:
    """The memory of a graph's variables."""
    parameters = weights = trainable = 0
    largest = ("", 0)
    for cost in node_costs(graph):
        count, bytes_, moving = _variables(graph, cost)
        parameters, weights, trainable = parameters + count, weights + bytes_, trainable + moving
        largest = max(largest, (cost.node.id, bytes_), key=lambda item: item[1])
    state = 0
    if graph.compile is not None:
        state = 1 + _STATE.get(graph.compile.optimizer.type_name, 2)
    return Memory(parameters, weights, state * trainable, largest)


def _variables(graph: Graph, cost: NodeCost) -> tuple[int, int, int]:
    """Number and bytes of a call's weights, and the bytes of those that are trained."""
    operator = graph.operator(cost.node)
    assert isinstance(operator, Layer), "node_costs has looked"
    count = size = trained = 0
    for weight in cost.weights:
        dtype = weight.dtype or variable_dtype(operator.dtype)
        elements = _known(weight.shape)
        width = _BYTES.get(dtype) or _WIDE.get(dtype, 4)
        count, size = count + elements, size + elements * width
        trained += elements * width if weight.trainable and operator.trainable else 0
    return count, size, trained


def available_memory() -> int:
    """Bytes that this process may take: what the machine has free, or the control group allows."""
    found = [_USUAL]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")] or found
    except (OSError, ValueError, IndexError):
        if hasattr(os, "sysconf") and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
            found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError, ValueError):  # no such group, or "max"
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found)


def too_large(graph: Graph, limit: int | None = None) -> Diagnostic | None:
    """The finding that a model's variables take more than ``limit`` bytes, by default the `available_memory`."""
    memory = memory_of(graph)
    allowed = available_memory() if limit is None else limit
    if memory.total <= allowed:
        return None
    node_id, bytes_ = memory.largest
    origin = graph.by_id[node_id].origin
    what = f"{_size(memory.weights)} for {memory.parameters:,} parameters"
    if memory.training:
        what += f", {_size(memory.training)} for gradients and optimizer state"
    return TOO_LARGE.diagnostic(
        f"the model would need at least {_size(memory.total)} of memory, more than the {_size(allowed)} it may take",
        span=origin.span,
        pointer=origin.pointer,
        file=origin.file,
        node=node_id,
        notes=(what, f"{node_id} alone has {_size(bytes_)} of weights"),
        help="make it smaller, or raise the limit with --max-memory",
        evidence=Evidence("memory", float(memory.total), float(allowed), (node_id,)),
    )


def _size(count: int) -> str:
    """Bytes as people read them."""
    value, units = float(count), ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    for unit in units:
        if value < 1024 or unit == units[-1]:
            return f"{value:,.0f} {unit}" if unit in ("bytes", units[-1]) else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("the last unit always fits")
