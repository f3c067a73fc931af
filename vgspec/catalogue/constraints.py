"""Keras's weight constraints, applied after every gradient step."""

from __future__ import annotations

from typing import ClassVar

from vgspec.catalogue.base import KerasObject

__all__ = ["ALL", "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]

Axis = int | tuple[int, ...]


class Constraint(KerasObject):
    """A projection of a weight."""

    kind: ClassVar[str] = "constraint"
    keras_module: ClassVar[str] = "keras.constraints"


class MaxNorm(Constraint):
    """Norm along ``axis`` at most ``max_value``."""

    aliases: ClassVar[tuple[str, ...]] = ("max_norm",)
    max_value: float = 2
    axis: Axis = 0


class NonNeg(Constraint):
    """No negative weights."""

    aliases: ClassVar[tuple[str, ...]] = ("non_neg",)


class UnitNorm(Constraint):
    """Norm along ``axis`` equal to one."""

    aliases: ClassVar[tuple[str, ...]] = ("unit_norm",)
    axis: Axis = 0


class MinMaxNorm(Constraint):
    """Norm along ``axis`` between two values."""

    aliases: ClassVar[tuple[str, ...]] = ("min_max_norm",)
    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0


ALL: tuple[type[Constraint], ...] = (MaxNorm, NonNeg, UnitNorm, MinMaxNorm)
