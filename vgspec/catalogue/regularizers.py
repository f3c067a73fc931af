"""Keras's weight and activity regularizers."""

from __future__ import annotations

from typing import ClassVar, Literal

from vgspec.catalogue.base import KerasObject

__all__ = ["ALL", "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer"]


class Regularizer(KerasObject):
    """A penalty that is added to the loss."""

    kind: ClassVar[str] = "regularizer"
    keras_module: ClassVar[str] = "keras.regularizers"


class L1(Regularizer):
    """``l1 * sum(|w|)``."""

    aliases: ClassVar[tuple[str, ...]] = ("l1",)
    l1: float = 0.01


class L2(Regularizer):
    """``l2 * sum(w ** 2)``."""

    aliases: ClassVar[tuple[str, ...]] = ("l2",)
    l2: float = 0.01


class L1L2(Regularizer):
    """``l1 * sum(|w|) + l2 * sum(w ** 2)``."""

    aliases: ClassVar[tuple[str, ...]] = ("l1l2", "l1_l2")
    l1: float = 0.0
    l2: float = 0.0


class OrthogonalRegularizer(Regularizer):
    """Penalises rows (or columns) of a matrix that are not orthogonal to each other."""

    aliases: ClassVar[tuple[str, ...]] = ("orthogonal_regularizer",)
    factor: float = 0.01
    mode: Literal["rows", "columns"] = "rows"


ALL: tuple[type[Regularizer], ...] = (L1, L2, L1L2, OrthogonalRegularizer)
