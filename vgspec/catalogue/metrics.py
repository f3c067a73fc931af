"""Keras's metrics with their arguments; those that count hits and misses are in `confusion_metrics`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.confusion_metrics import (
    AUC,
    BinaryIoU,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from vgspec.catalogue.metric import ACCURACY_IDS, Accuracy, AccuracyByShape, Metric
from vgspec.catalogue.numbers import NonNegativeInt, PositiveInt, UnitFloat

__all__ = ["ACCURACY_IDS", "ALL", "AUC", "KERAS", "Accuracy", "AccuracyByShape", "Metric"]

Smoothing = Annotated[float, Ge(0), Le(1)]


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


class Mean(Metric):
    """Mean of its input."""

    aliases: ClassVar[tuple[str, ...]] = ("mean",)
    name: str | None = "mean"


class Sum(Metric):
    """Sum of its input."""

    aliases: ClassVar[tuple[str, ...]] = ("sum",)
    name: str | None = "sum"


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
