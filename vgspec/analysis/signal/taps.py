"""Counting taps: over how many positions each entry of a convolution kernel meets data and not padding."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

__all__ = ["Taps", "count", "output_size", "shifts", "window_taps"]


class Taps(NamedTuple):
    """Sums over the taps of a kernel, products over the axes.

    Attributes:
        total: sum over taps of the positions at which the tap meets data.
        squares: sum over taps of the squares of that.
        size: number of taps.
        outputs: output positions.
        inputs: input positions, border not counted.
    """

    total: int
    squares: int
    size: int
    outputs: int
    inputs: int

    @property
    def mean(self) -> float:
        """Taps that meet data at a position, on average."""
        return max(self.total / self.outputs, 1.0)

    @property
    def distinct(self) -> int:
        """Sum over taps of the ordered pairs of two different positions."""
        return self.squares - self.total


def output_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Positions of a convolution or pooling along one axis."""
    if padding in ("same", "causal"):
        return -(-size // stride)
    return max((size - (kernel - 1) * dilation - 1) // stride + 1, 0)


def shifts(size: int, outputs: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, ...]:
    """For each tap along one axis, the position that it meets at the first output; negative in padding."""
    before = 0
    reach = (kernel - 1) * dilation
    if padding == "same":
        before = max((outputs - 1) * stride + reach + 1 - size, 0) // 2
    elif padding == "causal":
        before = reach
    return tuple(tap * dilation - before for tap in range(kernel))


@lru_cache(maxsize=8192)
def _axis(
    size: int, outputs: int, kernel: int, stride: int, dilation: int, padding: str, border: tuple[int, int]
) -> tuple[int, int]:
    low, high = border[0], size - border[1] - 1
    total = squares = 0
    for shift in shifts(size, outputs, kernel, stride, dilation, padding):
        first = max(0, -(-(low - shift) // stride))
        last = min(outputs - 1, (high - shift) // stride)
        number = max(last - first + 1, 0)
        total += number
        squares += number * number
    return total, squares


def count(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    border: tuple[tuple[int, int], ...] = (),
    outputs: tuple[int, ...] | None = None,
) -> tuple[Taps, tuple[int, ...]]:
    """Tap sums of a window moved over positions, and the output sizes."""
    total = squares = taps = 1
    inside = number = 1
    found = []
    for axis, size in enumerate(sizes):
        k, s, d = kernel[axis], strides[axis], dilation[axis] if dilation else 1
        out = outputs[axis] if outputs is not None else output_size(size, k, s, d, padding)
        edge = border[axis] if border else (0, 0)
        one, two = _axis(size, out, k, s, d, padding, edge)
        total *= one
        squares *= two
        taps *= k
        found.append(out)
        number *= out
        inside *= size - edge[0] - edge[1]
    return Taps(total, squares, taps, max(number, 1), max(inside, 1)), tuple(found)


@lru_cache(maxsize=2048)
def window_taps(size: int, outputs: int, kernel: int, stride: int, padding: str) -> tuple[tuple[int, ...], ...]:
    """For each output along one axis, the input positions in its window."""
    before = max((outputs - 1) * stride + kernel - size, 0) // 2 if padding == "same" else 0
    return tuple(
        tuple(i for i in range(o * stride - before, o * stride - before + kernel) if 0 <= i < size)
        for o in range(outputs)
    )
