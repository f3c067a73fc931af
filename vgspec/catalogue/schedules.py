"""Keras's learning rate schedules: the learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Self

from annotated_types import MinLen
from pydantic import model_validator

from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.numbers import NonNegativeFloat, NonNegativeInt, PositiveInt

__all__ = [
    "ALL",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
]


class Schedule(KerasObject):
    """The learning rate as a function of the optimizer's step."""

    kind: ClassVar[str] = "schedule"
    keras_module: ClassVar[str] = "keras.optimizers.schedules"

    def rate(self, step: int) -> float:
        """The learning rate at a step, counted from zero."""
        raise NotImplementedError(type(self).__name__)

    @property
    def peak(self) -> float:
        """The highest learning rate that it reaches."""
        raise NotImplementedError(type(self).__name__)


class CosineDecay(Schedule):
    """Half a cosine down to ``alpha`` of the start, after an optional linear warm-up (Loshchilov and Hutter 2016)."""

    initial_learning_rate: NonNegativeFloat
    decay_steps: PositiveInt
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: NonNegativeFloat | None = None
    warmup_steps: NonNegativeInt = 0

    def rate(self, step: int) -> float:
        """Warm-up to ``warmup_target`` if there is one, then the cosine."""
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, step = self.warmup_target, step - self.warmup_steps
        share = 0.5 * (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps))
        return top * ((1 - self.alpha) * share + self.alpha)

    @property
    def peak(self) -> float:
        """The warm-up's target, or the start."""
        return max(self.initial_learning_rate, self.warmup_target or 0.0, self.rate(self.decay_steps))


class CosineDecayRestarts(Schedule):
    """Cosines that start again, each ``t_mul`` longer and ``m_mul`` as high (Loshchilov and Hutter 2016)."""

    initial_learning_rate: NonNegativeFloat
    first_decay_steps: PositiveInt
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def rate(self, step: int) -> float:
        """The cosine of the period that the step falls into."""
        done = step / self.first_decay_steps
        if self.t_mul == 1.0:
            period = math.floor(done)
            done -= period
        else:
            period = math.floor(math.log(1.0 - done * (1.0 - self.t_mul)) / math.log(self.t_mul))
            before = (1.0 - self.t_mul**period) / (1.0 - self.t_mul)
            done = (done - before) / self.t_mul**period
        share = 0.5 * self.m_mul**period * (1 + math.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * share + self.alpha)

    @property
    def peak(self) -> float:
        """The start; without bound where every restart is higher."""
        return math.inf if self.m_mul > 1 else self.initial_learning_rate


class ExponentialDecay(Schedule):
    """``initial * decay_rate ** (step / decay_steps)``."""

    initial_learning_rate: NonNegativeFloat
    decay_steps: PositiveInt
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def rate(self, step: int) -> float:
        """Exponential in the step, or in whole periods."""
        done = step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate ** (math.floor(done) if self.staircase else done))

    @property
    def peak(self) -> float:
        """The start; without bound where the rate grows."""
        return math.inf if self.decay_rate > 1 else self.initial_learning_rate


class InverseTimeDecay(Schedule):
    """``initial / (1 + decay_rate * step / decay_steps)``."""

    initial_learning_rate: NonNegativeFloat
    decay_steps: PositiveInt
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def rate(self, step: int) -> float:
        """Hyperbolic in the step, or in whole periods."""
        done = step / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (math.floor(done) if self.staircase else done))

    @property
    def peak(self) -> float:
        """The start; without bound for a negative decay rate, whose denominator reaches zero."""
        return math.inf if self.decay_rate < 0 else self.initial_learning_rate


class PiecewiseConstantDecay(Schedule):
    """``values[i]`` up to and including step ``boundaries[i]``; the last value after all of them."""

    boundaries: Annotated[tuple[int | float, ...], MinLen(1)]
    values: tuple[NonNegativeFloat, ...]
    name: str = "PiecewiseConstant"

    @model_validator(mode="after")
    def _one_boundary_less(self) -> Self:
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                f"there must be one boundary less than values, got {len(self.boundaries)} boundaries "
                f"and {len(self.values)} values"
            )
        return self

    def rate(self, step: int) -> float:
        """The value of the piece that the step falls into."""
        return self.values[sum(step > boundary for boundary in self.boundaries)]

    @property
    def peak(self) -> float:
        """The highest value."""
        return max(self.values)


class PolynomialDecay(Schedule):
    """From the start to ``end_learning_rate`` as a power of the steps that are left."""

    initial_learning_rate: NonNegativeFloat
    decay_steps: PositiveInt
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def rate(self, step: int) -> float:
        """Polynomial in the step; with ``cycle`` over a period that grows so as to hold the step."""
        period = self.decay_steps
        if self.cycle:
            period *= max(1, math.ceil(step / self.decay_steps))
        else:
            step = min(step, period)
        left = (1 - step / period) ** self.power
        return float((self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate)

    @property
    def peak(self) -> float:
        """The start or the end."""
        return max(self.initial_learning_rate, self.end_learning_rate)


ALL: tuple[type[Schedule], ...] = (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
