"""Moments of initial weights, from the initializer's own table."""

from __future__ import annotations

from typing import Any, NamedTuple

from vgspec.analysis.signal.state import UnknownSignal
from vgspec.catalogue.moments import Structure

__all__ = ["WeightLaw", "weight_law"]


class WeightLaw(NamedTuple):
    """Mean and variance of an entry, and how the entries hang together.

    ``excess`` is the relative variance of a squared entry, ``Var[w^2] / E[w^2]^2``.
    """

    mean: float
    variance: float
    structure: Structure
    excess: float

    @property
    def square(self) -> float:
        """Mean square of an entry."""
        return self.variance + self.mean * self.mean

    @property
    def random(self) -> bool:
        """Whether the entries are independent draws with some variance."""
        return self.structure is Structure.INDEPENDENT and self.variance > 0


def weight_law(initializer: Any, shape: tuple[int, ...]) -> WeightLaw:
    """The law of a weight's entries.

    Raises:
        UnknownSignal: if the initializer says nothing of its moments.
    """
    if initializer is None:
        return WeightLaw(0.0, 0.0, Structure.EQUAL, 0.0)
    moments = initializer.moments(shape)
    if moments.mean is None or moments.variance is None:
        raise UnknownSignal(f"the moments of {initializer.type_name} are not known for shape {shape}")
    mean, variance = float(moments.mean), float(moments.variance)
    if abs(mean) < 1e-12 * (variance**0.5):
        mean = 0.0
    excess = 2.0
    bound = moments.bound
    if variance > 0 and bound is not None and mean == 0.0:
        width = bound * bound / variance
        excess = 0.8 if width < 3.01 else 1.27 if width < 5.5 else 2.0
    return WeightLaw(mean, variance, moments.structure, excess)
