"""Keras's metrics that count true and false positives and negatives, and what is made of the counts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import model_validator

from vgspec.catalogue.metric import Metric
from vgspec.catalogue.numbers import NonNegativeInt, PositiveFloat, PositiveInt, UnitFloat

__all__ = [
    "AUC", "BinaryIoU", "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives", "IoU", "MeanIoU", "OneHotIoU",
    "OneHotMeanIoU", "Precision", "PrecisionAtRecall", "Recall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "TrueNegatives", "TruePositives",
]  # fmt: skip

Thresholds = UnitFloat | Annotated[tuple[UnitFloat, ...], MinLen(1)] | None
Classes = Annotated[tuple[NonNegativeInt, ...], MinLen(1)]


class TruePositives(Metric):
    """Number of true positives at each threshold."""

    aliases: ClassVar[tuple[str, ...]] = ("true_positives",)
    thresholds: Thresholds = None


class TrueNegatives(Metric):
    """Number of true negatives at each threshold."""

    aliases: ClassVar[tuple[str, ...]] = ("true_negatives",)
    thresholds: Thresholds = None


class FalsePositives(Metric):
    """Number of false positives at each threshold."""

    aliases: ClassVar[tuple[str, ...]] = ("false_positives",)
    thresholds: Thresholds = None


class FalseNegatives(Metric):
    """Number of false negatives at each threshold."""

    aliases: ClassVar[tuple[str, ...]] = ("false_negatives",)
    thresholds: Thresholds = None


class Precision(Metric):
    """Share of true positives among the positives that were predicted."""

    aliases: ClassVar[tuple[str, ...]] = ("precision",)
    thresholds: Thresholds = None
    top_k: PositiveInt | None = None
    class_id: NonNegativeInt | None = None


class Recall(Metric):
    """Share of the positives that were found."""

    aliases: ClassVar[tuple[str, ...]] = ("recall",)
    thresholds: Thresholds = None
    top_k: PositiveInt | None = None
    class_id: NonNegativeInt | None = None


class PrecisionAtRecall(Metric):
    """Best precision where recall is at least the one given."""

    aliases: ClassVar[tuple[str, ...]] = ("precision_at_recall",)
    recall: UnitFloat
    num_thresholds: PositiveInt = 200
    class_id: NonNegativeInt | None = None


class RecallAtPrecision(Metric):
    """Best recall where precision is at least the one given."""

    aliases: ClassVar[tuple[str, ...]] = ("recall_at_precision",)
    precision: UnitFloat
    num_thresholds: PositiveInt = 200
    class_id: NonNegativeInt | None = None


class SensitivityAtSpecificity(Metric):
    """Best sensitivity where specificity is at least the one given."""

    aliases: ClassVar[tuple[str, ...]] = ("sensitivity_at_specificity",)
    specificity: UnitFloat
    num_thresholds: PositiveInt = 200
    class_id: NonNegativeInt | None = None


class SpecificityAtSensitivity(Metric):
    """Best specificity where sensitivity is at least the one given."""

    aliases: ClassVar[tuple[str, ...]] = ("specificity_at_sensitivity",)
    sensitivity: UnitFloat
    num_thresholds: PositiveInt = 200
    class_id: NonNegativeInt | None = None


class AUC(Metric):
    """Area under the receiver operating characteristic, or under precision over recall."""

    aliases: ClassVar[tuple[str, ...]] = ("auc",)
    common_fields: ClassVar[tuple[str, ...]] = (
        "name",
        "dtype",
        "thresholds",
        "multi_label",
        "num_labels",
        "label_weights",
        "from_logits",
    )
    num_thresholds: Annotated[int, Ge(2)] = 200
    curve: Literal["ROC", "PR", "PRGAIN", "roc", "pr", "prgain"] = "ROC"
    summation_method: Literal["interpolation", "majoring", "minoring", "Interpolation", "Majoring", "Minoring"] = (
        "interpolation"
    )
    thresholds: Annotated[tuple[UnitFloat, ...], MinLen(1)] | None = None
    multi_label: bool = False
    num_labels: PositiveInt | None = None
    label_weights: tuple[float, ...] | None = None
    from_logits: bool = False

    @model_validator(mode="after")
    def _labels_only_if_many(self) -> Self:
        if self.num_labels is not None and not self.multi_label:
            raise ValueError("num_labels is of use only with multi_label: true")
        return self


class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall."""

    aliases: ClassVar[tuple[str, ...]] = ("f_beta_score",)
    average: Literal["micro", "macro", "weighted"] | None = None
    beta: PositiveFloat = 1.0
    threshold: Annotated[float, Gt(0), Le(1)] | None = None
    name: str | None = "fbeta_score"


class F1Score(Metric):
    """Harmonic mean of precision and recall."""

    aliases: ClassVar[tuple[str, ...]] = ("f1_score",)
    average: Literal["micro", "macro", "weighted"] | None = None
    threshold: Annotated[float, Gt(0), Le(1)] | None = None
    name: str | None = "f1_score"


_IOU = ("name", "dtype", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")


class IoU(Metric):
    """Intersection over union of some classes."""

    aliases: ClassVar[tuple[str, ...]] = ("io_u",)
    common_fields: ClassVar[tuple[str, ...]] = _IOU
    num_classes: PositiveInt
    target_class_ids: Classes
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1

    @model_validator(mode="after")
    def _targets_are_classes(self) -> Self:
        _check_targets(self.target_class_ids, self.num_classes)
        return self


class OneHotIoU(Metric):
    """Intersection over union of some classes, one-hot labels."""

    aliases: ClassVar[tuple[str, ...]] = ("one_hot_io_u",)
    common_fields: ClassVar[tuple[str, ...]] = _IOU
    num_classes: PositiveInt
    target_class_ids: Classes
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1

    @model_validator(mode="after")
    def _targets_are_classes(self) -> Self:
        _check_targets(self.target_class_ids, self.num_classes)
        return self


class BinaryIoU(Metric):
    """Intersection over union of the background, the foreground or both."""

    aliases: ClassVar[tuple[str, ...]] = ("binary_io_u",)
    target_class_ids: Classes = (0, 1)
    threshold: UnitFloat = 0.5

    @model_validator(mode="after")
    def _targets_are_classes(self) -> Self:
        _check_targets(self.target_class_ids, 2)
        return self


class MeanIoU(Metric):
    """Mean over classes of intersection over union."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_io_u",)
    common_fields: ClassVar[tuple[str, ...]] = _IOU
    num_classes: PositiveInt
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


class OneHotMeanIoU(Metric):
    """Mean over classes of intersection over union, one-hot labels."""

    aliases: ClassVar[tuple[str, ...]] = ("one_hot_mean_io_u",)
    common_fields: ClassVar[tuple[str, ...]] = _IOU
    num_classes: PositiveInt
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1


def _check_targets(targets: tuple[int, ...], classes: int) -> None:
    if max(targets) >= classes:
        raise ValueError(f"target class {max(targets)} is out of range: there are {classes} classes, from 0")
