"""What a metric is, and how an id that ``compile`` gets differs from a class of Keras.

A metric that ``compile`` gets as an id is called by that id in the logs: ``mse``, not ``mean_squared_error``.
So an id here stands for the class with its ``name`` set, and `Metric.spec_value` gives the id back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from vgspec.catalogue.base import KerasObject

__all__ = ["ACCURACY_IDS", "Accuracy", "AccuracyByShape", "Metric"]

ACCURACY_IDS = ("accuracy", "acc", "Accuracy")
"""Ids from which Keras picks the binary, sparse or categorical accuracy by the shapes of the first batch."""


class Metric(KerasObject):
    """What training and evaluation report."""

    kind: ClassVar[str] = "metric"
    keras_module: ClassVar[str] = "keras.metrics"
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype")

    name: str | None = None
    dtype: str | None = None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The ids that stand for this class."""
        return (cls.__name__, *cls.aliases)

    @classmethod
    def from_name(cls, name: str) -> KerasObject:
        """The class, reported under the id that it was asked for by."""
        return cls(name=name)

    def passed(self) -> Iterator[tuple[str, Any]]:
        """With lists for tuples: Keras takes a tuple of thresholds for a single one."""
        return ((name, list(value) if isinstance(value, tuple) else value) for name, value in self.changed())

    def spec_value(self) -> object:
        """An id if it says everything, else ``{Name: {arguments}}``."""
        arguments = self.canonical()
        if self.name in self.names() and arguments.keys() <= {"name"}:
            return self.name
        return {self.type_name: arguments}


class AccuracyByShape(KerasObject):
    """Keras's ``accuracy``: binary, sparse or categorical, picked by the shapes of output and labels.

    It is no class of Keras but an id that ``compile`` takes; ``name`` is the id.
    """

    kind: ClassVar[str] = "metric"
    keras_name: ClassVar[str] = ACCURACY_IDS[0]
    aliases: ClassVar[tuple[str, ...]] = ACCURACY_IDS[:2]

    name: Literal["accuracy", "acc", "Accuracy"] = "accuracy"

    @classmethod
    def from_name(cls, name: str) -> KerasObject:
        """The id itself."""
        return cls.model_validate({"name": name})

    def spec_value(self) -> str:
        """The id."""
        return self.name


class Accuracy(Metric):
    """How often output and label are equal. The id ``Accuracy`` means `AccuracyByShape`, as in Keras."""

    name: str | None = "accuracy"

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """None: Keras takes all its ids for the accuracy by shape."""
        return ()

    @classmethod
    def from_name(cls, name: str) -> KerasObject:
        """The accuracy by shape."""
        return AccuracyByShape.from_name(name)
