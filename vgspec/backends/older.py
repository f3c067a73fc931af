"""What an installed Keras older than the newest supported one does otherwise than vgspec predicts."""

from __future__ import annotations

from vgspec.ir import Graph

__all__ = ["older_starts"]

_FANS_BY_EQUATION = (3, 15)
"""From this version on initializers count the fans of an einsum's kernel by its equation."""

_EINSUMS = frozenset({"EinsumDense", "GroupQueryAttention", "MultiHeadAttention"})
"""Layers with such kernels."""

_SHOWN = 3


def older_starts(graph: Graph, version: str) -> str:
    """Which layers start with smaller weights in a version of Keras than predicted; empty if none do.

    Before 3.15 the fans of a kernel of rank 3 and more were counted by its axes, as for a convolution.

    Args:
        graph: the model.
        version: of Keras, as ``keras.__version__``.
    """
    if _numbers(version) >= _FANS_BY_EQUATION:
        return ""
    names = [
        key
        for key, layer in graph.layers.items()
        if layer.type_name in _EINSUMS or getattr(getattr(layer, "layer", None), "type_name", "") in _EINSUMS
    ]
    if not names:
        return ""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    subject = f"layer {shown} starts" if len(names) == 1 else f"layers {shown}{more} start"
    return (
        f"Keras {version} counts the fans of attention and einsum kernels otherwise than Keras 3.15 and later, which "
        f"is what is predicted: {subject} with smaller weights here than predicted"
    )


def _numbers(version: str) -> tuple[int, int]:
    """The first two numbers of a version; newer than all where it has none."""
    first, _, rest = version.partition(".")
    second = rest.partition(".")[0]
    return (int(first), int(second)) if first.isdigit() and second.isdigit() else (1 << 30, 0)
