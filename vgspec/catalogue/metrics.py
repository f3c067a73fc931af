"""Keras's metrics with their arguments.

A metric that ``compile`` gets as an id is called by that id in the logs: ``mse``, not ``mean_squared_error``.
So an id here stands for the class with its ``name`` set, and `Metric.spec_value` gives the id back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import model_validator

from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.numbers import NonNegativeInt, PositiveFloat, PositiveInt, UnitFloat

__all__ = ["ACCURACY_IDS", "ALL", "KERAS", "Accuracy", "AccuracyByShape", "Metric"]

ACCURACY_IDS = ("accuracy", "acc", "Accuracy")
"""Ids from which Keras picks the binary, sparse or categorical accuracy by the shapes of the first batch."""

Thresholds = UnitFloat | Annotated[tuple[UnitFloat, ...], MinLen(1)] | None
Smoothing = Annotated[float, Ge(0), Le(1)]
Classes = Annotated[tuple[NonNegativeInt, ...], MinLen(1)]


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


class BinaryAccuracy(Metric):
    """How often an output beyond ``threshold`` matches a binary label."""

    aliases: ClassVar[tuple[str, ...]] = ("binary_accuracy",)
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "threshold")
    name: str | None = "binary_accuracy"
    threshold: UnitFloat = 0.5


class CategoricalAccuracy(Metric):
    """How often the largest output is the class of a one-hot label."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_accuracy",)
    name: str | None = "categorical_accuracy"


class SparseCategoricalAccuracy(Metric):
    """How often the largest output is the class that the label numbers."""

    aliases: ClassVar[tuple[str, ...]] = ("sparse_categorical_accuracy",)
    name: str | None = "sparse_categorical_accuracy"


class TopKCategoricalAccuracy(Metric):
    """How often the class of a one-hot label is among the ``k`` largest outputs."""

    aliases: ClassVar[tuple[str, ...]] = ("top_k_categorical_accuracy",)
    k: PositiveInt = 5
    name: str | None = "top_k_categorical_accuracy"


class SparseTopKCategoricalAccuracy(Metric):
    """How often the class that the label numbers is among the ``k`` largest outputs."""

    aliases: ClassVar[tuple[str, ...]] = ("sparse_top_k_categorical_accuracy",)
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "from_sorted_ids")
    k: PositiveInt = 5
    name: str | None = "sparse_top_k_categorical_accuracy"
    from_sorted_ids: bool = False


class BinaryCrossentropy(Metric):
    """Mean binary cross-entropy."""

    aliases: ClassVar[tuple[str, ...]] = ("binary_crossentropy", "bce", "BCE")
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "from_logits", "label_smoothing")
    name: str | None = "binary_crossentropy"
    from_logits: bool = False
    label_smoothing: Smoothing = 0


class CategoricalCrossentropy(Metric):
    """Mean categorical cross-entropy."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_crossentropy",)
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "from_logits", "label_smoothing", "axis")
    name: str | None = "categorical_crossentropy"
    from_logits: bool = False
    label_smoothing: Smoothing = 0
    axis: int = -1


class SparseCategoricalCrossentropy(Metric):
    """Mean categorical cross-entropy of class numbers."""

    aliases: ClassVar[tuple[str, ...]] = ("sparse_categorical_crossentropy",)
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "from_logits", "ignore_class", "axis")
    name: str | None = "sparse_categorical_crossentropy"
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1


class KLDivergence(Metric):
    """Mean Kullback-Leibler divergence."""

    aliases: ClassVar[tuple[str, ...]] = ("kl_divergence",)
    name: str | None = "kl_divergence"


class Poisson(Metric):
    """Mean Poisson loss."""

    aliases: ClassVar[tuple[str, ...]] = ("poisson",)
    name: str | None = "poisson"


class MeanSquaredError(Metric):
    """Mean squared error."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mse", "MSE")
    name: str | None = "mean_squared_error"


class RootMeanSquaredError(Metric):
    """Root of the mean squared error."""

    aliases: ClassVar[tuple[str, ...]] = ("root_mean_squared_error",)
    name: str | None = "root_mean_squared_error"


class MeanAbsoluteError(Metric):
    """Mean absolute error."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_error", "mae", "MAE")
    name: str | None = "mean_absolute_error"


class MeanAbsolutePercentageError(Metric):
    """Mean absolute error in percent of the label."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_percentage_error", "mape", "MAPE")
    name: str | None = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(Metric):
    """Mean squared error of ``log(1 + x)``."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_logarithmic_error", "msle", "MSLE")
    name: str | None = "mean_squared_logarithmic_error"


class CosineSimilarity(Metric):
    """Mean cosine of the angle between label and output."""

    aliases: ClassVar[tuple[str, ...]] = ("cosine_similarity",)
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "axis")
    name: str | None = "cosine_similarity"
    axis: int = -1


class LogCoshError(Metric):
    """Mean log-cosh of the error."""

    aliases: ClassVar[tuple[str, ...]] = ("log_cosh_error",)
    name: str | None = "logcosh"


class R2Score(Metric):
    """Coefficient of determination."""

    aliases: ClassVar[tuple[str, ...]] = ("r2_score",)
    class_aggregation: Literal["uniform_average", "variance_weighted_average"] | None = "uniform_average"
    num_regressors: NonNegativeInt = 0
    name: str | None = "r2_score"


class PearsonCorrelation(Metric):
    """Pearson's correlation of label and output."""

    aliases: ClassVar[tuple[str, ...]] = ("pearson_correlation",)
    min_keras: ClassVar[str] = "3.7.0"
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "axis")
    name: str | None = "pearson_correlation"
    axis: int = -1


class ConcordanceCorrelation(Metric):
    """Lin's concordance correlation of label and output."""

    aliases: ClassVar[tuple[str, ...]] = ("concordance_correlation",)
    min_keras: ClassVar[str] = "3.7.0"
    common_fields: ClassVar[tuple[str, ...]] = ("name", "dtype", "axis")
    name: str | None = "concordance_correlation"
    axis: int = -1


class Hinge(Metric):
    """Mean hinge loss."""

    aliases: ClassVar[tuple[str, ...]] = ("hinge",)
    name: str | None = "hinge"


class SquaredHinge(Metric):
    """Mean squared hinge loss."""

    aliases: ClassVar[tuple[str, ...]] = ("squared_hinge",)
    name: str | None = "squared_hinge"


class CategoricalHinge(Metric):
    """Mean categorical hinge loss."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_hinge",)
    name: str | None = "categorical_hinge"


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


class Mean(Metric):
    """Mean of its input."""

    aliases: ClassVar[tuple[str, ...]] = ("mean",)
    name: str | None = "mean"


class Sum(Metric):
    """Sum of its input."""

    aliases: ClassVar[tuple[str, ...]] = ("sum",)
    name: str | None = "sum"


def _check_targets(targets: tuple[int, ...], classes: int) -> None:
    if max(targets) >= classes:
        raise ValueError(f"target class {max(targets)} is out of range: there are {classes} classes, from 0")


KERAS: tuple[type[Metric], ...] = (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    KLDivergence,
    Poisson,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    CosineSimilarity,
    LogCoshError,
    R2Score,
    PearsonCorrelation,
    ConcordanceCorrelation,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    TruePositives,
    TrueNegatives,
    FalsePositives,
    FalseNegatives,
    Precision,
    Recall,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    AUC,
    FBetaScore,
    F1Score,
    IoU,
    OneHotIoU,
    BinaryIoU,
    MeanIoU,
    OneHotMeanIoU,
    Mean,
    Sum,
)
"""The classes that Keras has."""

ALL: tuple[type[KerasObject], ...] = (*KERAS, AccuracyByShape)
