"""Keras's losses with their arguments, and what each expects of the output and of the labels."""

from __future__ import annotations

import enum
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.meaning import Meaning
from vgspec.catalogue.numbers import PositiveFloat

__all__ = ["ALL", "CROSSENTROPY_IDS", "Crossentropy", "Labels", "Loss"]

Reduction = Literal["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"] | None
Smoothing = Annotated[float, Ge(0), Le(1)]
Axis = int | tuple[int, ...] | None

CROSSENTROPY_IDS = ("crossentropy", "ce")
"""Ids from which Keras picks the binary, sparse or categorical cross-entropy by the shapes of the first batch."""


class Labels(enum.StrEnum):
    """The form of the labels that a loss compares the output with."""

    SAME = "numbers in the output's shape"
    BINARY = "0 or 1 in the output's shape"
    SIGNED = "-1 or 1 in the output's shape"
    ONE_HOT = "one-hot or soft class vectors"
    INTEGER = "one class number per vector"
    SEQUENCE = "sequences of class numbers"
    DISTRIBUTION = "probability vectors"


class Loss(KerasObject):
    """What training makes small."""

    kind: ClassVar[str] = "loss"
    keras_module: ClassVar[str] = "keras.losses"
    common_fields: ClassVar[tuple[str, ...]] = ("reduction", "name", "dtype")
    predicts: ClassVar[Meaning] = Meaning.REAL
    """What it takes the output for, where ``from_logits`` is not set."""
    labels: ClassVar[Labels] = Labels.SAME
    undoes_saturation: ClassVar[bool] = False
    """Whether its gradient grows as a sigmoid or softmax before it saturates on the wrong side, so that the
    gradient of the score stays of order one (down to probabilities of 1e-7, where Keras clips). That of a
    squared error vanishes there."""

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = None
    dtype: str | None = None

    @property
    def expects(self) -> Meaning:
        """What it takes the output for, with its arguments."""
        if not getattr(self, "from_logits", False):
            return self.predicts
        return Meaning.LOGIT if self.predicts is Meaning.PROBABILITY else Meaning.LOGITS

    @property
    def classification(self) -> bool:
        """Whether labels name classes."""
        return self.labels in (Labels.BINARY, Labels.ONE_HOT, Labels.INTEGER, Labels.SEQUENCE, Labels.SIGNED)

    @property
    def output_activations(self) -> tuple[str, ...]:
        """Ids of activations that deliver what it expects, the usual one first; empty where any may."""
        return _ACTIVATIONS.get(self.expects, ())


_ACTIVATIONS: dict[Meaning, tuple[str, ...]] = {
    Meaning.PROBABILITY: ("sigmoid", "softmax", "hard_sigmoid", "sparse_sigmoid", "sparsemax"),
    Meaning.DISTRIBUTION: ("softmax", "sparsemax"),
    Meaning.LOGIT: ("linear",),
    Meaning.LOGITS: ("linear",),
    Meaning.NON_NEGATIVE: ("softplus", "exponential", "relu", "squareplus", "sparse_plus", "relu6"),
}


class BinaryCrossentropy(Loss):
    """Cross-entropy of independent yes-or-no outputs."""

    aliases: ClassVar[tuple[str, ...]] = ("binary_crossentropy", "bce", "BCE")
    predicts: ClassVar[Meaning] = Meaning.PROBABILITY
    labels: ClassVar[Labels] = Labels.BINARY
    undoes_saturation: ClassVar[bool] = True
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1
    name: str | None = "binary_crossentropy"


class BinaryFocalCrossentropy(Loss):
    """Binary cross-entropy with less weight on what is right already (Lin et al. 2018)."""

    aliases: ClassVar[tuple[str, ...]] = ("binary_focal_crossentropy",)
    predicts: ClassVar[Meaning] = Meaning.PROBABILITY
    labels: ClassVar[Labels] = Labels.BINARY
    undoes_saturation: ClassVar[bool] = True
    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1
    name: str | None = "binary_focal_crossentropy"


class CategoricalCrossentropy(Loss):
    """Cross-entropy of one class out of several, labels as vectors."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_crossentropy",)
    predicts: ClassVar[Meaning] = Meaning.DISTRIBUTION
    labels: ClassVar[Labels] = Labels.ONE_HOT
    undoes_saturation: ClassVar[bool] = True
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1
    name: str | None = "categorical_crossentropy"


class CategoricalFocalCrossentropy(Loss):
    """Categorical cross-entropy with less weight on what is right already (Lin et al. 2018)."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_focal_crossentropy",)
    predicts: ClassVar[Meaning] = Meaning.DISTRIBUTION
    labels: ClassVar[Labels] = Labels.ONE_HOT
    undoes_saturation: ClassVar[bool] = True
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1
    name: str | None = "categorical_focal_crossentropy"


class SparseCategoricalCrossentropy(Loss):
    """Cross-entropy of one class out of several, labels as class numbers."""

    aliases: ClassVar[tuple[str, ...]] = ("sparse_categorical_crossentropy",)
    common_fields: ClassVar[tuple[str, ...]] = ("reduction", "axis", "name", "dtype")
    predicts: ClassVar[Meaning] = Meaning.DISTRIBUTION
    labels: ClassVar[Labels] = Labels.INTEGER
    undoes_saturation: ClassVar[bool] = True
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1
    name: str | None = "sparse_categorical_crossentropy"


class CategoricalGeneralizedCrossEntropy(Loss):
    """Between cross-entropy and mean absolute error, for noisy labels (Zhang and Sabuncu 2018)."""

    min_keras: ClassVar[str] = "3.10.0"
    predicts: ClassVar[Meaning] = Meaning.DISTRIBUTION
    labels: ClassVar[Labels] = Labels.INTEGER
    q: Annotated[float, Gt(0), Lt(1)] = 0.5
    name: str | None = "categorical_generalized_cross_entropy"

    @property
    def output_activations(self) -> tuple[str, ...]:
        """Only softmax: at a probability of exactly zero the gradient of ``p ** q`` is not a number."""
        return ("softmax",)


class KLDivergence(Loss):
    """Kullback-Leibler divergence of the output from the label distribution."""

    aliases: ClassVar[tuple[str, ...]] = ("kl_divergence", "kld", "KLD")
    predicts: ClassVar[Meaning] = Meaning.DISTRIBUTION
    labels: ClassVar[Labels] = Labels.DISTRIBUTION
    undoes_saturation: ClassVar[bool] = True
    name: str | None = "kl_divergence"


class Poisson(Loss):
    """Negative log-likelihood of counts whose rate is the output."""

    aliases: ClassVar[tuple[str, ...]] = ("poisson",)
    predicts: ClassVar[Meaning] = Meaning.NON_NEGATIVE
    name: str | None = "poisson"


class Hinge(Loss):
    """``max(1 - y * score, 0)``."""

    aliases: ClassVar[tuple[str, ...]] = ("hinge",)
    labels: ClassVar[Labels] = Labels.SIGNED
    name: str | None = "hinge"


class SquaredHinge(Loss):
    """``max(1 - y * score, 0) ** 2``."""

    aliases: ClassVar[tuple[str, ...]] = ("squared_hinge",)
    labels: ClassVar[Labels] = Labels.SIGNED
    name: str | None = "squared_hinge"


class CategoricalHinge(Loss):
    """Margin between the score of the right class and the best other one."""

    aliases: ClassVar[tuple[str, ...]] = ("categorical_hinge",)
    labels: ClassVar[Labels] = Labels.ONE_HOT
    name: str | None = "categorical_hinge"


class MeanSquaredError(Loss):
    """``(y - output) ** 2``."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_error", "mse", "MSE")
    name: str | None = "mean_squared_error"


class MeanAbsoluteError(Loss):
    """``|y - output|``."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_error", "mae", "MAE")
    name: str | None = "mean_absolute_error"


class MeanAbsolutePercentageError(Loss):
    """``100 * |(y - output) / y|``."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_percentage_error", "mape", "MAPE")
    name: str | None = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(Loss):
    """``(log(1 + y) - log(1 + output)) ** 2``."""

    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_logarithmic_error", "msle", "MSLE")
    predicts: ClassVar[Meaning] = Meaning.NON_NEGATIVE
    name: str | None = "mean_squared_logarithmic_error"


class Huber(Loss):
    """Squared error near zero, absolute beyond ``delta`` (Huber 1964)."""

    aliases: ClassVar[tuple[str, ...]] = ("huber",)
    delta: PositiveFloat = 1.0
    name: str | None = "huber_loss"


class LogCosh(Loss):
    """``log(cosh(output - y))``."""

    aliases: ClassVar[tuple[str, ...]] = ("log_cosh",)
    name: str | None = "log_cosh"


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between label and output."""

    aliases: ClassVar[tuple[str, ...]] = ("cosine_similarity",)
    axis: int = -1
    name: str | None = "cosine_similarity"


class CTC(Loss):
    """Connectionist temporal classification (Graves et al. 2006)."""

    aliases: ClassVar[tuple[str, ...]] = ("ctc",)
    predicts: ClassVar[Meaning] = Meaning.LOGITS
    labels: ClassVar[Labels] = Labels.SEQUENCE
    name: str | None = "ctc"


class Circle(Loss):
    """Pair similarities of embeddings, re-weighted (Sun et al. 2020)."""

    aliases: ClassVar[tuple[str, ...]] = ("circle",)
    min_keras: ClassVar[str] = "3.7.0"
    labels: ClassVar[Labels] = Labels.INTEGER
    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True
    name: str | None = "circle"


class Dice(Loss):
    """One minus twice the overlap over the sum, for segmentation."""

    aliases: ClassVar[tuple[str, ...]] = ("dice",)
    common_fields: ClassVar[tuple[str, ...]] = ("reduction", "name", "axis", "dtype")
    predicts: ClassVar[Meaning] = Meaning.PROBABILITY
    labels: ClassVar[Labels] = Labels.BINARY
    axis: Axis = None
    name: str | None = "dice"


class Tversky(Loss):
    """Dice with weights for false positives and false negatives (Salehi et al. 2017)."""

    aliases: ClassVar[tuple[str, ...]] = ("tversky",)
    common_fields: ClassVar[tuple[str, ...]] = ("reduction", "name", "axis", "dtype")
    predicts: ClassVar[Meaning] = Meaning.PROBABILITY
    labels: ClassVar[Labels] = Labels.BINARY
    alpha: float = 0.5
    beta: float = 0.5
    axis: Axis = None
    name: str | None = "tversky"


class Crossentropy(KerasObject):
    """Keras's ``crossentropy``: binary, sparse or categorical, picked by the shapes of output and labels.

    It is no class of Keras but an id that ``compile`` takes; it has no arguments.
    """

    kind: ClassVar[str] = "loss"
    keras_name: ClassVar[str] = CROSSENTROPY_IDS[0]
    aliases: ClassVar[tuple[str, ...]] = CROSSENTROPY_IDS

    def chosen(self, units: int) -> Loss:
        """The loss that Keras takes for an output with ``units`` entries on its last axis.

        For more than one, labels decide between the sparse and the categorical form, which expect the same
        of the output.
        """
        return BinaryCrossentropy() if units == 1 else SparseCategoricalCrossentropy()


KERAS: tuple[type[Loss], ...] = (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Huber,
    LogCosh,
    CosineSimilarity,
    CTC,
    Circle,
    Dice,
    Tversky,
)
"""The classes that Keras has."""

ALL: tuple[type[KerasObject], ...] = (*KERAS, Crossentropy)
