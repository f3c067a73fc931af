"""Keras's optimizers with their arguments, and what rules ask of them: step size, clipping, adaptivity."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Ge, Le
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from vgspec.catalogue.base import KerasObject, Kind, UnknownObjectError, default_of, resolve
from vgspec.catalogue.numbers import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, UnitFloat
from vgspec.catalogue.optimizer_map import OptimizerMap
from vgspec.catalogue.patterns import Pattern
from vgspec.catalogue.schedules import Schedule

__all__ = [
    "ALL",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "GradientOptimizer",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "ScheduleFreeAdamW",
]


@dataclass(frozen=True, slots=True)
class _LearningRate:
    """Annotation of a learning rate: a number not below zero, or a schedule."""

    def convert(self, value: Any) -> float | Schedule:
        """The number as a float, or the schedule.

        Raises:
            ValueError: for a number that is negative or not finite, and for an unknown schedule.
        """
        if isinstance(value, int | float) and not isinstance(value, bool):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"a learning rate must be a finite number not below zero, got {value}")
            return float(value)
        if value is None:
            raise UnknownObjectError("schedule", value, "expected a number or a learning rate schedule, got null")
        schedule: Schedule = resolve("schedule", value)
        return schedule

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `convert` alone."""
        return core_schema.no_info_plain_validator_function(self.convert)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A number or a reference to the schedules."""
        schedule = {"x-kind": "schedule", "x-many": False, "x-optional": False}
        return {"anyOf": [{"type": "number", "minimum": 0}, schedule]}


LearningRate = Annotated[float | Schedule, _LearningRate()]
Momentum = Annotated[float, Ge(0), Le(1)]
_COMMON = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
)


class Optimizer(KerasObject):
    """How a gradient becomes a step."""

    kind: ClassVar[str] = "optimizer"
    keras_module: ClassVar[str] = "keras.optimizers"

    def parts(self) -> Iterator[GradientOptimizer]:
        """The optimizers that do the work: itself, or those that it wraps."""
        raise NotImplementedError(type(self).__name__)

    @property
    def clips(self) -> bool:
        """Whether every gradient is clipped."""
        return all(part.clipping is not None for part in self.parts())


class GradientOptimizer(Optimizer):
    """Base of the optimizers that take steps themselves. Fields: the arguments that all of them share."""

    adaptive: ClassVar[bool] = True
    """Whether steps do not depend on the scale of the gradient, because each is divided by its recent size."""
    common_fields: ClassVar[tuple[str, ...]] = _COMMON

    learning_rate: LearningRate = 0.001
    weight_decay: NonNegativeFloat | None = None
    clipnorm: PositiveFloat | None = None
    clipvalue: PositiveFloat | None = None
    global_clipnorm: PositiveFloat | None = None
    use_ema: bool = False
    ema_momentum: UnitFloat = 0.99
    ema_overwrite_frequency: PositiveInt | None = None
    loss_scale_factor: PositiveFloat | None = None
    gradient_accumulation_steps: Annotated[int, Ge(2)] | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one_way_of_clipping(self) -> Self:
        given = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"only one of clipnorm, clipvalue and global_clipnorm can be set, got {', '.join(given)}")
        return self

    def parts(self) -> Iterator[GradientOptimizer]:
        """Itself."""
        yield self

    @property
    def clipping(self) -> tuple[str, float] | None:
        """The name and the value of the clipping argument that is set, or None."""
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            value = getattr(self, name)
            if value is not None:
                return name, value
        return None

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, or the highest that its schedule reaches."""
        rate = self.learning_rate
        return rate.peak if isinstance(rate, Schedule) else rate

    @classmethod
    def default_learning_rate(cls) -> float:
        """Keras's default for this optimizer."""
        return float(default_of(cls, "learning_rate"))


class SGD(GradientOptimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's variant."""

    aliases: ClassVar[tuple[str, ...]] = ("sgd",)
    adaptive: ClassVar[bool] = False
    learning_rate: LearningRate = 0.01
    momentum: Momentum = 0.0
    nesterov: bool = False


class RMSprop(GradientOptimizer):
    """Steps divided by a running root mean square (Tieleman and Hinton 2012)."""

    aliases: ClassVar[tuple[str, ...]] = ("rmsprop",)
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False


class Adam(GradientOptimizer):
    """Adaptive moments (Kingma and Ba 2014)."""

    aliases: ClassVar[tuple[str, ...]] = ("adam",)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False


class AdamW(GradientOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017)."""

    aliases: ClassVar[tuple[str, ...]] = ("adamw",)
    common_fields: ClassVar[tuple[str, ...]] = _COMMON[1:]
    weight_decay: NonNegativeFloat = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False


class Adamax(GradientOptimizer):
    """Adam with the infinity norm (Kingma and Ba 2014, section 7)."""

    aliases: ClassVar[tuple[str, ...]] = ("adamax",)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


class Nadam(GradientOptimizer):
    """Adam with Nesterov momentum (Dozat 2015)."""

    aliases: ClassVar[tuple[str, ...]] = ("nadam",)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


class Adagrad(GradientOptimizer):
    """Steps divided by the root of all squared gradients so far (Duchi et al. 2011)."""

    aliases: ClassVar[tuple[str, ...]] = ("adagrad",)
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7


class Adadelta(GradientOptimizer):
    """Steps scaled by the ratio of two running averages (Zeiler 2012)."""

    aliases: ClassVar[tuple[str, ...]] = ("adadelta",)
    rho: float = 0.95
    epsilon: float = 1e-7


class Adafactor(GradientOptimizer):
    """Adam with factored second moments (Shazeer and Stern 2018)."""

    aliases: ClassVar[tuple[str, ...]] = ("adafactor",)
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True


class Ftrl(GradientOptimizer):
    """Follow the regularised leader (McMahan et al. 2013)."""

    aliases: ClassVar[tuple[str, ...]] = ("ftrl",)
    learning_rate_power: Annotated[float, Le(0)] = -0.5
    initial_accumulator_value: NonNegativeFloat = 0.1
    l1_regularization_strength: NonNegativeFloat = 0.0
    l2_regularization_strength: NonNegativeFloat = 0.0
    l2_shrinkage_regularization_strength: NonNegativeFloat = 0.0
    beta: float = 0.0


class Lion(GradientOptimizer):
    """The sign of an interpolated momentum (Chen et al. 2023)."""

    aliases: ClassVar[tuple[str, ...]] = ("lion",)
    beta_1: Annotated[PositiveFloat, Le(1)] = 0.9
    beta_2: float = 0.99


class Lamb(GradientOptimizer):
    """Adam with a trust ratio a layer, for large batches (You et al. 2019)."""

    aliases: ClassVar[tuple[str, ...]] = ("lamb",)
    min_keras: ClassVar[str] = "3.5.0"
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


class Muon(GradientOptimizer):
    """Orthogonalised momentum for matrices, AdamW for the rest (Jordan 2024)."""

    aliases: ClassVar[tuple[str, ...]] = ("muon",)
    min_keras: ClassVar[str] = "3.10.0"
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: NonNegativeFloat = 0.004
    epsilon: float = 1e-7
    weight_decay: NonNegativeFloat | None = 0.004
    exclude_layers: tuple[Pattern, ...] | None = None
    exclude_embeddings: bool = True
    muon_a: float = 3.4445
    muon_b: float = -4.775
    muon_c: float = 2.0315
    adam_lr_ratio: float = 1
    momentum: float = 0.95
    ns_steps: NonNegativeInt = 5
    nesterov: bool = True
    rms_rate: float | None = 0.2


class ScheduleFreeAdamW(GradientOptimizer):
    """AdamW on an average of iterates, without a schedule (Defazio et al. 2024)."""

    aliases: ClassVar[tuple[str, ...]] = ("schedulefreeadamw",)
    min_keras: ClassVar[str] = "3.14.0"
    learning_rate: LearningRate = 0.0025
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    warmup_steps: NonNegativeInt = 0


class LossScaleOptimizer(Optimizer):
    """Scales the loss up before the gradient and the gradient down after, against underflow of float16."""

    aliases: ClassVar[tuple[str, ...]] = ("lossscaleoptimizer",)
    inner_optimizer: Annotated[Optimizer, Kind("optimizer")]
    initial_scale: PositiveFloat = 2.0**15
    dynamic_growth_steps: PositiveInt = 2000
    name: str | None = None

    def parts(self) -> Iterator[GradientOptimizer]:
        """Those of the wrapped optimizer."""
        yield from self.inner_optimizer.parts()


class MultiOptimizer(Optimizer):
    """Several optimizers, each for some of the variables."""

    aliases: ClassVar[tuple[str, ...]] = ("multioptimizer",)
    min_keras: ClassVar[str] = "3.15.0"
    optimizer_map: Annotated[OptimizerMap, Kind("optimizer_map")]
    loss_scale_factor: PositiveFloat | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _not_nested(self) -> Self:
        for optimizer in self._inner():
            if not isinstance(optimizer, GradientOptimizer):
                raise ValueError(f"a MultiOptimizer cannot hold a {optimizer.type_name}")
        return self

    def _inner(self) -> tuple[Optimizer, ...]:
        by_pattern = self.optimizer_map.optimizer_map or {}
        return (self.optimizer_map.default_optimizer, *by_pattern.values())

    def parts(self) -> Iterator[GradientOptimizer]:
        """The default optimizer, then those by pattern."""
        for optimizer in self._inner():
            yield from optimizer.parts()


ALL: tuple[type[Optimizer], ...] = (
    SGD,
    RMSprop,
    Adam,
    AdamW,
    Adamax,
    Nadam,
    Adagrad,
    Adadelta,
    Adafactor,
    Ftrl,
    Lion,
    Lamb,
    Muon,
    ScheduleFreeAdamW,
    LossScaleOptimizer,
    MultiOptimizer,
)
