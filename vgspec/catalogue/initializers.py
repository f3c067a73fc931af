"""Keras's weight initializers: how each draws a weight, and the exact moments of what it draws."""

from __future__ import annotations

from typing import ClassVar, Literal

from vgspec.catalogue.base import KerasObject

__all__ = ["ALL", "GLOROT_UNIFORM", "ONES", "ORTHOGONAL", "ZEROS", "Initializer"]


class Initializer(KerasObject):
    """How a weight gets its first values."""

    kind: ClassVar[str] = "initializer"
    keras_module: ClassVar[str] = "keras.initializers"


class Zeros(Initializer):
    """All zero."""

    aliases: ClassVar[tuple[str, ...]] = ("zeros", "zero")


class Ones(Initializer):
    """All one."""

    aliases: ClassVar[tuple[str, ...]] = ("ones", "one")


class Constant(Initializer):
    """All equal to ``value``."""

    aliases: ClassVar[tuple[str, ...]] = ("constant",)
    value: float = 0.0


class GlorotUniform(Initializer):
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010, eq. 16)."""

    aliases: ClassVar[tuple[str, ...]] = ("glorot_uniform",)
    seed: int | None = None


class Orthogonal(Initializer):
    """A random orthogonal matrix times ``gain`` (Saxe et al. 2014)."""

    aliases: ClassVar[tuple[str, ...]] = ("orthogonal",)
    gain: float = 1.0
    seed: int | None = None


class RandomUniform(Initializer):
    """Uniform on ``[minval, maxval)``."""

    aliases: ClassVar[tuple[str, ...]] = ("random_uniform", "uniform")
    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None


ALL: tuple[type[Initializer], ...] = (Zeros, Ones, Constant, GlorotUniform, Orthogonal, RandomUniform)

ZEROS = Zeros()
ONES = Ones()
GLOROT_UNIFORM = GlorotUniform()
ORTHOGONAL = Orthogonal()

_Mode = Literal["fan_in", "fan_out", "fan_avg"]
