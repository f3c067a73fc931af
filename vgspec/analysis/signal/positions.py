"""How the mean square of a tensor varies over its positions.

Zero padding takes taps away at the border, so that what a convolution gives there is smaller; the next one counts the
small values where it has few taps as well, and the gradient comes back in the same way: both are largest inside. A
stride sends a gradient to every other position only. The profile is one vector for each axis of positions, of mean 1,
and the mean square at a position is the product of its entries; no vectors stand for a uniform tensor, and tensors
with an axis longer than `LONGEST` are taken as uniform, since a border is then a small part.

Images are mostly square and so are windows: where two axes have one and the same vector and the same window, the
second takes what was computed for the first, and its result is the same object again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from operator import is_
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.taps import shifts

__all__ = ["LONGEST", "Axis", "Profile", "Sums", "Window", "alike", "blend", "flatter", "padded", "window"]

Profile: TypeAlias = tuple[Vector, ...]

_T = TypeVar("_T")

LONGEST = 64
"""Positions along an axis up to which a profile is kept."""


class Sums(NamedTuple):
    """What `vgspec.analysis.signal.taps.Taps` counts along one axis or all, with every position weighted.

    ``total`` weighs squares. ``squares`` and ``own`` are sums over taps of the square of the summed roots and of the
    sum of the squared roots, where the roots have mean one; ``norm`` is the sum of all their squares.
    """

    total: float
    squares: float
    own: float
    norm: float


class Axis:
    """A window moved along one axis.

    Attributes:
        index: the input position that each tap (row) meets at each output (column); ``size`` where it meets padding.
        matrix: the number of taps that join an output (row) and an input (column).
        size: input positions.
        outputs: output positions.
    """

    def __init__(self, index: np.ndarray[tuple[int, int], np.dtype[np.intp]], size: int) -> None:
        self.index, self.size, self.outputs = index, size, index.shape[1]
        matrix = np.zeros((self.outputs, size + 1))
        for row in index:
            matrix[np.arange(self.outputs), row] += 1.0
        self.matrix = np.ascontiguousarray(matrix[:, :size])
        self._same = index.shape == (1, size) and bool((index[0] == np.arange(size)).all())
        self._met = (index < size).astype(np.float64)

    def forward(self, profile: Vector | None) -> tuple[Sums, Vector]:
        """Sums over the window's inputs, and the outputs' profile."""
        if profile is None or profile.size != self.size:
            return self._even_forward
        if self._same:
            return _unmoved(profile)
        roots = np.sqrt(profile)
        mean = float(_ones(self.size) @ roots) / self.size
        return _finished(self._taken(roots) @ _ones(self.outputs), mean, self.matrix @ profile, self.size)

    def backward(self, profile: Vector | None) -> tuple[Sums, Vector]:
        """The same from the outputs to the inputs."""
        if profile is None or profile.size != self.outputs:
            return self._even_backward
        if self._same:
            return _unmoved(profile)
        roots = np.sqrt(profile)
        mean = float(_ones(self.outputs) @ roots) / self.outputs
        return _finished(self._met @ roots, mean, profile @ self.matrix, self.outputs)

    def pairs(self, inputs: Vector | None, outputs: Vector | None) -> Sums:
        """Sums over taps of the products of an input and the output that it meets there."""
        x = _ones(self.size) if inputs is None or inputs.size != self.size else inputs
        g = _ones(self.outputs) if outputs is None or outputs.size != self.outputs else outputs
        u, v = np.sqrt(x), np.sqrt(g)
        if self._same:
            mean = float(_ones(self.size) @ u) * float(_ones(self.size) @ v) / (self.size * self.size)
            total, root = float(g @ x), float(u @ v)
            return Sums(total, (root / mean) ** 2, total / mean**2, 1.0)
        mean = float(_ones(self.size) @ u) * float(_ones(self.outputs) @ v) / (self.size * self.outputs)
        sums = self._taken(u) @ v
        total = float(g @ (self.matrix @ x))
        return Sums(total, float(sums @ sums) / mean**2, total / mean**2, 1.0)

    def _taken(self, values: Vector) -> Vector:
        """The input value that each tap (row) meets at each output (column), 0 in padding."""
        with_padding = np.empty(self.size + 1)
        with_padding[:-1] = values
        with_padding[-1] = 0.0
        return with_padding[self.index]

    @cached_property
    def _even_forward(self) -> tuple[Sums, Vector]:
        return self.forward(_ones(self.size))

    @cached_property
    def _even_backward(self) -> tuple[Sums, Vector]:
        return self.backward(_ones(self.outputs))


@lru_cache(maxsize=1024)
def _ones(size: int) -> Vector:
    """A uniform profile, and what sums a short vector fastest."""
    ones = np.ones(size)
    ones.setflags(write=False)
    return ones


def _level(vector: Vector) -> Vector:
    """A profile of mean one."""
    return _leveled(vector, float(_ones(vector.size) @ vector))


def _leveled(vector: Vector, total: float) -> Vector:
    return vector * (vector.size / total) if 0.0 < total < math.inf else _ones(vector.size)


def _unmoved(profile: Vector) -> tuple[Sums, Vector]:
    """What a window of one position gives: the sums over the profile itself, which are its size, and the profile."""
    size = float(profile.size)
    mean = float(_ones(profile.size) @ np.sqrt(profile)) / size
    even = size / (mean * mean)
    return Sums(size, size * size, even, even), profile


def _finished(sums: Vector, mean: float, vector: Vector, size: int) -> tuple[Sums, Vector]:
    total = float(_ones(vector.size) @ vector)
    square = mean * mean
    return Sums(total, float(sums @ sums) / square, total / square, size / square), _leveled(vector, total)


@lru_cache(maxsize=4096)
def _axis(
    size: int, outputs: int, kernel: int, stride: int, dilation: int, padding: str, border: tuple[int, int]
) -> Axis:
    inside = size - border[0] - border[1]
    starts = np.array(shifts(size, outputs, kernel, stride, dilation, padding), dtype=np.intp) - border[0]
    at = starts[:, None] + stride * np.arange(outputs, dtype=np.intp)
    return Axis(np.where((at >= 0) & (at < inside), at, inside), inside)


class Window(NamedTuple):
    """A window moved over all axes."""

    axes: tuple[Axis, ...]

    def forward(self, profile: Profile) -> tuple[Sums, Profile]:
        """Sums over the inputs with this profile, and the profile of the outputs."""
        return self._all(Axis.forward, profile)

    def backward(self, profile: Profile) -> tuple[Sums, Profile]:
        """Sums over the outputs with this profile, and the profile of the gradient at the inputs."""
        return self._all(Axis.backward, profile)

    def average(self, profile: Profile) -> Profile:
        """The profile of the mean (or of anything that varies like it) over each window."""
        if not profile:
            return ()

        def mean(axis: Axis, vector: Vector | None) -> Vector:
            return _level((axis.matrix @ (_ones(axis.size) if vector is None else vector)) / axis.matrix.sum(axis=1))

        return tuple(_once(mean, self._with(profile)))

    def pairs(self, inputs: Profile, outputs: Profile) -> Sums:
        """Sums for the kernel's gradient."""
        rows = [(axis, x, g) for (axis, x), (_, g) in zip(self._with(inputs), self._with(outputs), strict=True)]
        return _product(_once(Axis.pairs, rows))

    def _with(self, profile: Profile) -> list[tuple[Axis, Vector | None]]:
        if len(profile) != len(self.axes):
            return [(axis, None) for axis in self.axes]
        for axis, vector in zip(self.axes, profile, strict=True):
            if vector.size != axis.size and vector.size != axis.outputs:
                return [(axis, None) for axis in self.axes]
        return list(zip(self.axes, profile, strict=True))

    def _all(
        self, of_axis: Callable[[Axis, Vector | None], tuple[Sums, Vector]], profile: Profile
    ) -> tuple[Sums, Profile]:
        parts = _once(of_axis, self._with(profile))
        return _product([sums for sums, _ in parts]), tuple([vector for _, vector in parts])


def _once(compute: Callable[..., _T], rows: Sequence[tuple[Any, ...]]) -> list[_T]:
    """The result for each row; rows of the same objects as the first one share its result."""
    found: list[_T] = []
    for row in rows:
        found.append(found[0] if found and all(map(is_, row, rows[0])) else compute(*row))
    return found


def _product(parts: Sequence[Sums]) -> Sums:
    """Sums over all axes from those along each."""
    total = squares = own = norm = 1.0
    for part in parts:
        total, squares, own, norm = total * part.total, squares * part.squares, own * part.own, norm * part.norm
    return Sums(total, squares, own, norm)


def window(
    sizes: tuple[int, ...],
    outputs: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    border: tuple[tuple[int, int], ...],
) -> Window | None:
    """The window, or None where no profile is kept: an axis is long or empty."""
    if max(sizes, default=0) > LONGEST or min(outputs, default=0) < 1:
        return None
    dilations = dilation or (1,) * len(sizes)
    edges = border or ((0, 0),) * len(sizes)
    return Window(
        tuple(
            _axis(*geometry, padding, edge)
            for *geometry, edge in zip(sizes, outputs, kernel, strides, dilations, edges, strict=True)
        )
    )


def padded(profile: Profile, sizes: tuple[int, ...], border: tuple[tuple[int, int], ...]) -> Profile:
    """The profile of the whole tensor from that of its interior, with zeros around it."""
    if not border or max(sizes, default=0) > LONGEST:
        return ()
    result: list[Vector] = []
    for axis, (size, edge) in enumerate(zip(sizes, border, strict=True)):
        inside = size - edge[0] - edge[1]
        if inside < 1 or (profile and profile[axis].size != inside):
            return ()
        if axis and (size, edge) == (sizes[0], border[0]) and (not profile or profile[axis] is profile[0]):
            result.append(result[0])
            continue
        vector = profile[axis] if profile else _ones(inside)
        result.append(np.pad(vector, edge) * (size / inside))
    return tuple(result)


def alike(a: Profile, b: Profile) -> float:
    """The mean product of two profiles, less one: how far two tensors are large at the same positions."""
    if len(a) != len(b):
        return 0.0
    if not a:
        return 0.0
    if any(x.size != y.size for x, y in zip(a, b, strict=True)):
        return 0.0
    products: list[float] = _once(lambda x, y: float(x @ y) / x.size, list(zip(a, b, strict=True)))
    return math.prod(products) - 1.0


def flatter(profile: Profile, share: float) -> Profile:
    """What is left of a profile when only this share of the mean square follows it."""
    if not profile or share == 1.0:
        return profile
    return tuple(_once(lambda vector: 1.0 + share * (vector - 1.0), [(vector,) for vector in profile]))


def blend(profiles: list[Profile], weights: list[float]) -> Profile:
    """The profile of a sum of independent tensors; ``weights`` are their mean squares."""
    uneven = [(profile, weight) for profile, weight in zip(profiles, weights, strict=True) if profile]
    total = sum(weights)
    if not uneven or not total > 0.0:
        return ()
    sizes = [vector.size for vector in uneven[0][0]]
    if any([vector.size for vector in profile] != sizes for profile, _ in uneven):
        return ()
    even = sum(weight for profile, weight in zip(profiles, weights, strict=True) if not profile)

    def sum_of(*vectors: Vector) -> Vector:
        vector = np.full(vectors[0].size, even)
        for part, (_, weight) in zip(vectors, uneven, strict=True):
            vector = vector + weight * part
        return vector / total

    return tuple(_once(sum_of, [tuple(profile[axis] for profile, _ in uneven) for axis in range(len(sizes))]))
