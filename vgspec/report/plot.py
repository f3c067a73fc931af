"""The profile as a picture: activation and gradient by depth, branches told apart, thresholds drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vgspec.analysis.signal import Profile
from vgspec.ir import Graph

__all__ = ["FORMATS", "PlotError", "check_format", "save_plot"]

FORMATS = (".svg", ".png", ".pdf")


class PlotError(Exception):
    """The picture cannot be made: a suffix that is no format, or matplotlib is missing."""


def check_format(path: Path) -> None:
    """Refuse a name that says no format.

    Raises:
        PlotError: for an unknown suffix.
    """
    if path.suffix.lower() not in FORMATS:
        raise PlotError(f"a picture ends with {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, got {path.name!r}")


def _depths(graph: Graph) -> dict[str, int]:
    depth = {item.name: 0 for item in graph.inputs}
    for node in graph.nodes:
        depth[node.id] = 1 + max((depth[ref.node] for ref in node.refs()), default=0)
    return depth


def save_plot(graph: Graph, profile: Profile, path: Path, *, thresholds: Mapping[str, float] | None = None) -> None:
    """Draw the profile.

    Every call is a point at its depth (the length of the longest path to it); lines join a call with what it
    reads, so that branches and skip connections can be seen.

    Args:
        graph: the model.
        profile: its profile.
        path: where to write; the suffix says the format.
        thresholds: horizontal lines by their label, as sizes.

    Raises:
        PlotError: for an unknown suffix, or without matplotlib.
        OSError: if the file cannot be written.
    """
    check_format(path)
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotError("pictures need matplotlib: pip install 'vgspec[plot]'") from None
    depth = _depths(graph)
    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _panel(upper, graph, profile, depth, "log10_activation", "activation RMS", "tab:blue")
    _panel(lower, graph, profile, depth, "log10_gradient", "gradient RMS", "tab:red")
    for label, value in (thresholds or {}).items():
        lower.axhline(math.log10(value), color="0.4", linestyle="--", linewidth=0.9)
        lower.annotate(
            label, (0.995, math.log10(value)), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8
        )
    lower.set_xlabel("depth (calls on the longest path from an input)")
    upper.set_title(f"{graph.name}: predicted at initialisation")
    # No date and no random names in the file: the same model gives the same bytes.
    kind = path.suffix[1:].lower()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    with rc_context({"svg.hashsalt": "vgspec"}):
        figure.savefig(path, format=kind, metadata=metadata, dpi=120)


def _panel(
    axes: Any, graph: Graph, profile: Profile, depth: Mapping[str, int], field: str, title: str, color: str
) -> None:
    known = {
        node.id: value for node in profile.nodes if (value := getattr(node, field)) is not None and math.isfinite(value)
    }
    for node in graph.nodes:
        for name in dict.fromkeys(ref.node for ref in node.refs()):
            if node.id in known and name in known:
                skip = depth[node.id] - depth[name] > 1
                axes.plot(
                    [depth[name], depth[node.id]],
                    [known[name], known[node.id]],
                    color=color,
                    alpha=0.35 if skip else 0.7,
                    linestyle=":" if skip else "-",
                    linewidth=0.9,
                    zorder=1,
                )
    ids = list(known)
    axes.scatter([depth[i] for i in ids], [known[i] for i in ids], s=9, color=color, zorder=2)
    unknown = [node.id for node in profile.nodes if not node.known]
    for name in unknown:
        axes.axvspan(depth[name] - 0.5, depth[name] + 0.5, color="0.9", zorder=0)
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.set_ylabel(f"{title} (power of ten)")
    axes.grid(alpha=0.2)
