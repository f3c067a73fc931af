"""The pictures of `vgspec.dev.calibrate`: predicted against measured, and the error of every named network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vgspec.dev.calibration_compare import Comparison, percentile
from vgspec.dev.calibration_data import NAMED
from vgspec.dev.calibration_page import TARGETS

__all__ = ["NETWORKS", "SCATTER", "draw"]

SCATTER = "calibration-scatter.png"
NETWORKS = "calibration-networks.png"
_NAMES = {"activation": "activation_rms", "gradient": "gradient_rms", "kernel": "kernel_gradient_norm"}
_COLOURS = {"activation": "#1b7837", "gradient": "#2166ac", "kernel": "#b2182b"}


def draw(comparisons: Sequence[Comparison], folder: Path) -> None:
    """Write both pictures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.9), constrained_layout=True)
    for ax, kind in zip(axes, _NAMES, strict=True):
        _scatter(ax, kind, comparisons)
    figure.savefig(folder / SCATTER, dpi=80, metadata={"Software": None})
    pyplot.close(figure)
    named = [item for item in comparisons if item.group in NAMED]
    figure, ax = pyplot.subplots(figsize=(9, 1.2 + 0.19 * len(named)), constrained_layout=True)
    _networks(ax, named)
    figure.savefig(folder / NETWORKS, dpi=80, metadata={"Software": None})
    pyplot.close(figure)


def _scatter(ax: Any, kind: str, comparisons: Sequence[Comparison]) -> None:
    pairs = [pair for item in comparisons for pair in item.pairs.get(kind, ())]
    shown = [(mine, theirs) for mine, theirs in pairs if -12.0 < theirs < 8.0 and -12.0 < mine < 8.0]
    low = min(min(pair) for pair in shown)
    high = max(max(pair) for pair in shown)
    ax.plot([low, high], [low, high], color="black", linewidth=0.6)
    ax.scatter(
        [theirs for _, theirs in shown],
        [mine for mine, _ in shown],
        s=3,
        color=_COLOURS[kind],
        alpha=0.35,
        linewidths=0,
    )
    ax.set_title(f"{_NAMES[kind]}, n = {len(pairs):,}", fontsize=10)
    ax.set_xlabel("measured, decades")
    ax.set_ylabel("predicted, decades")


def _networks(ax: Any, named: Sequence[Comparison]) -> None:
    for row, item in enumerate(reversed(named)):
        for kind, offset in (("activation", 0.22), ("gradient", 0.0), ("kernel", -0.22)):
            errors = getattr(item, kind).values()
            if errors:
                middle, far = (max(percentile(errors, share), 1e-3) for share in (0.5, 0.95))
                ax.plot([middle, far], [row + offset] * 2, color=_COLOURS[kind], linewidth=1.2)
                ax.plot([middle], [row + offset], "o", color=_COLOURS[kind], markersize=2.5)
    for kind, colour in _COLOURS.items():
        ax.plot([], [], color=colour, label=f"{_NAMES[kind]}: median (dot) to 95th percentile")
    for value, style in ((TARGETS["gradient"][0], ":"), (TARGETS["gradient"][1], "--")):
        ax.axvline(value, color="grey", linestyle=style, linewidth=0.8)
    ax.set_xscale("log")
    ax.set_yticks(range(len(named)), [item.name for item in reversed(named)], fontsize=7)
    ax.set_ylim(-0.7, len(named) - 0.3)
    ax.set_xlabel("absolute error in decades; grey: the targets of activation and gradient, 0.05 and 0.15")
    ax.legend(fontsize=7, loc="lower right")
