"""The projection that a residual shortcut needs where shapes differ (He et al. 2016, eq. 2)."""

from __future__ import annotations

from vgspec.catalogue.base import resolve
from vgspec.ir import Dim, Tensor, format_shape
from vgspec.ir.dims import ceil_div
from vgspec.layers.base import Layer

__all__ = ["projection"]

_MAX_STRIDE = 64


def projection(source: Tensor, target: Tensor) -> tuple[Layer | None, str]:
    """A linear layer from the shape of ``source`` to that of ``target``, or None with the reason.

    A Dense layer where only the last axis differs, else a 1-wide convolution with the strides that the
    spatial sizes ask for.
    """
    if source.rank != target.rank:
        return None, f"{format_shape(source.shape)} and {format_shape(target.shape)} differ in rank"
    features = target.shape[-1]
    if not isinstance(features, int):
        return None, f"the last axis of {format_shape(target.shape)} is not known"
    if source.shape[:-1] == target.shape[:-1]:
        if source.rank == 4:
            return _convolution(2, features, (1, 1)), ""
        from vgspec.layers.core import Dense

        return Dense(units=features), ""
    rank = source.rank - 2
    if rank not in (1, 2, 3) or source.shape[0] != target.shape[0]:
        return None, f"{format_shape(source.shape)} cannot become {format_shape(target.shape)}"
    strides: list[int] = []
    for size, wanted in zip(source.shape[1:-1], target.shape[1:-1], strict=True):
        stride = _stride(size, wanted)
        if stride is None:
            return None, f"no stride takes {format_shape(source.shape)} to {format_shape(target.shape)}"
        strides.append(stride)
    return _convolution(rank, features, tuple(strides)), ""


def _stride(size: Dim, wanted: Dim) -> int | None:
    for stride in range(1, _MAX_STRIDE + 1):
        made = ceil_div(size, stride)
        if made is not None and made == wanted:
            return stride
    return None


def _convolution(rank: int, filters: int, strides: tuple[int, ...]) -> Layer:
    made: Layer = resolve(
        "layer",
        {f"Conv{rank}D": {"filters": filters, "kernel_size": 1, "strides": strides if rank > 1 else strides[0]}},
    )
    return made
