"""The predicted profile as a table with a chart on a log scale, and as JSON; measured values beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vgspec.analysis.signal import NodeSignal, Profile
from vgspec.ir import format_shape
from vgspec.report.cells import printable
from vgspec.report.style import PLAIN, Look, paint
from vgspec.report.table import table_lines

__all__ = ["MeasuredNode", "power", "profile_data", "render_profile", "render_profile_json"]

_CHART = range(14, 31)
"""Columns of the chart, between a narrow terminal and a wide one."""
_WORST = 5


@dataclass(frozen=True, slots=True)
class MeasuredNode:
    """Decimal logarithms measured for one node, averaged over seeds; None where there is none."""

    activation: float | None = None
    gradient: float | None = None
    kernel_gradient: float | None = None


def power(log10: float | None) -> str:
    """A size from its decimal logarithm, however small: ``3.1e-39``; ``-`` for none."""
    if log10 is None:
        return "-"
    if log10 == -math.inf:
        return "0"
    if math.isinf(log10):
        return "inf"
    if -3 <= log10 < 4:
        return f"{10**log10:.3g}"
    exponent = math.floor(log10)
    mantissa = 10 ** (log10 - exponent)
    if round(mantissa, 1) >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    return f"{mantissa:.1f}e{exponent:+03d}"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _range(nodes: Sequence[NodeSignal]) -> tuple[int, int]:
    logs = [v for n in nodes for v in (n.log10_activation, n.log10_gradient) if v is not None and math.isfinite(v)]
    if not logs:
        return -1, 1
    return math.floor(min(logs)), max(math.ceil(max(logs)), math.floor(min(logs)) + 1)


def _chart(node: NodeSignal, low: int, high: int, encoding: str, width: int) -> str:
    """One line of the chart: ``o`` the activation, ``#`` the gradient, ``|`` at size one."""
    cells = [" "] * (width + 1)

    def place(log10: float | None, mark: str) -> None:
        if log10 is not None and math.isfinite(log10):
            cells[round((log10 - low) / (high - low) * width)] = mark

    if low <= 0 <= high:
        place(0.0, printable("│", encoding))
    place(node.log10_activation, "o")
    place(node.log10_gradient, "#")
    return "".join(cells)


def render_profile(
    profile: Profile,
    look: Look = PLAIN,
    *,
    name: str = "",
    measured: Mapping[str, MeasuredNode] | None = None,
) -> str:
    """The profile as text.

    Args:
        profile: what was predicted.
        look: how text is shown.
        name: the model's name.
        measured: measured values by node id, shown beside the predicted ones.
    """
    low, high = _range(profile.nodes)
    width = min(max(look.width - 80, _CHART.start), _CHART[-1])
    header = ["node", "layer", "activation", "gradient", "kernel gradient", f"1e{low:+03d} … 1e{high:+03d}"]
    if measured is not None:
        header[2:] = ["activation", "measured", "gradient", "measured", "kernel gradient", "measured"]
    rows = []
    for node in profile.nodes:
        sizes = [power(v) for v in (node.log10_activation, node.log10_gradient, node.log10_kernel_gradient)]
        if measured is not None:
            seen = measured.get(node.id, MeasuredNode())
            pairs = zip(sizes, (seen.activation, seen.gradient, seen.kernel_gradient), strict=True)
            sizes = [text for size, value in pairs for text in (size, power(value))]
        chart = (
            _chart(node, low, high, look.encoding, width)
            if node.known
            else _clipped(f"not analysed: {node.reason}", width + 1)
        )
        rows.append([node.id, node.type_name, *sizes, *([chart] if measured is None else [])])
    right = set(range(2, len(header)))
    lines = [paint([(printable(name, look.encoding), "strong")], look.color)] if name else []
    lines += table_lines(header, rows, right, look)
    legend = "root mean squares at initialisation"
    if measured is None:
        legend += "; o activation, # gradient, on a scale of powers of ten"
    lines += [printable(line, look.encoding) for line in ("", legend, *_causes(profile), *_remarks(profile))]
    return (
        "\n".join(printable(line, look.encoding) if i >= len(rows) + 2 else line for i, line in enumerate(lines)) + "\n"
    )


def _clipped(text: str, width: int) -> str:
    return (text if len(text) <= width else text[: width - 3] + "...").ljust(width)


def _causes(profile: Profile) -> list[str]:
    lines: list[str] = []
    for gain, title in ((False, "where the gradient is lost"), (True, "where the gradient grows")):
        edges = [edge for edge in profile.worst_edges(_WORST, gain=gain) if abs(edge.gradient) >= math.log10(1.25)]
        if edges:
            lines += ["", f"{title}:"]
            lines += [f"  {edge.node} → {edge.source}: × {power(edge.gradient)}" for edge in edges]
    return lines


def _remarks(profile: Profile) -> list[str]:
    lines: list[str] = []
    if profile.assumed:
        sizes = ", ".join(f"{name} = {size}" for name, size in profile.assumed.items())
        lines += ["", f"assumed, since the spec leaves it open: {sizes}"]
    if profile.unknown:
        count = len(profile.unknown)
        lines += ["", f"{count} of {len(profile.nodes)} nodes could not be analysed"]
    if profile.loss_reason:
        lines += ["", f"no kernel gradients: {profile.loss_reason}"]
    return lines


def profile_data(profile: Profile, measured: Mapping[str, MeasuredNode] | None = None) -> dict[str, Any]:
    """The profile as JSON-ready data; sizes are null where unknown, and their logarithms are given too."""
    nodes = []
    for node in profile.nodes:
        row: dict[str, Any] = {
            "id": node.id,
            "layer": node.type_name,
            "shape": format_shape(node.shape),
            "activation_rms": _number(node.activation_rms),
            "gradient_rms": _number(node.gradient_rms),
            "kernel_gradient_norm": _number(node.kernel_gradient_norm),
            "log10": {
                "activation_rms": _number(node.log10_activation),
                "gradient_rms": _number(node.log10_gradient),
                "kernel_gradient_norm": _number(node.log10_kernel_gradient),
            },
            "known": node.known,
            "reason": node.reason,
            "assumed": node.assumed,
            "spread": _number(node.spread),
            "dead": _number(node.dead),
            "trainable": node.trainable,
        }
        if measured is not None:
            seen = measured.get(node.id, MeasuredNode())
            row["measured"] = {
                "log10_activation_rms": _number(seen.activation),
                "log10_gradient_rms": _number(seen.gradient),
                "log10_kernel_gradient_norm": _number(seen.kernel_gradient),
            }
        nodes.append(row)
    edges = [
        {
            "from": e.node,
            "to": e.source,
            "log10_gradient": _number(e.gradient),
            "log10_activation": _number(e.activation),
        }
        for e in profile.edges
    ]
    return {"nodes": nodes, "edges": edges, "assumed": dict(profile.assumed), "loss": profile.loss_reason or None}


def _number(value: float | None) -> float | None:
    return value if _finite(value) else None


def render_profile_json(profile: Profile, measured: Mapping[str, MeasuredNode] | None = None) -> str:
    """`profile_data` as text."""
    return json.dumps(profile_data(profile, measured), indent=2, ensure_ascii=False) + "\n"
