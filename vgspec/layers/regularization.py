"""Layers that act during training only: dropout, noise, a penalty on activations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from vgspec.ir import Dim, Tensor, format_shape
from vgspec.ir.dims import may_equal, mul, numel
from vgspec.layers.base import INPUTS, Call, CallArgument, Layer, ShapeError, Trait
from vgspec.layers.fields import ClosedRate, DataFormat, NonNegativeFloat, PositiveInt, Rate, Seed
from vgspec.layers.sizes import check_rank, declared_dtype

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]

_TRAINING = CallArgument("training", tensor=False, required=False, default=False)
NoiseShape = tuple[PositiveInt | None, ...] | None


class _Stochastic(Layer):
    """Base of the layers whose output has the input's shape and which are the identity outside training."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (*INPUTS, _TRAINING)
    rank: ClassVar[int | None] = None
    operations: ClassVar[int] = 1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        x = call.x
        if self.rank is not None:
            check_rank(x, self.rank)
        return (Tensor(x.shape, declared_dtype(self, (x,))),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """What a training step costs: a product or sum for every element, the random numbers not counted."""
        return mul(self.operations, numel(outputs[0].shape[1:]))


def _check_noise_shape(noise_shape: NoiseShape, x: Tensor) -> None:
    """Refuse a noise shape that does not broadcast to the input.

    Null stands for the input's size at the same place counted from the first axis, while broadcasting counts
    from the last one: with a null the ranks must agree.
    """
    if noise_shape is None:
        return
    fits = len(noise_shape) == x.rank or (len(noise_shape) < x.rank and None not in noise_shape)
    pairs = zip(reversed(noise_shape), reversed(x.shape), strict=False)
    if not fits or not all(size in {None, 1} or may_equal(size, of) for size, of in pairs):
        shown = format_shape(noise_shape)
        raise ShapeError(f"cannot broadcast the noise shape {shown} to {x}", argument="noise_shape")


class Dropout(_Stochastic):
    """In training, sets elements to zero with probability ``rate`` and scales the others by ``1 / (1 - rate)``."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})

    rate: ClosedRate
    noise_shape: NoiseShape = None
    seed: Seed = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        outputs = super().infer_outputs(call)
        _check_noise_shape(self.noise_shape, call.x)
        return outputs

    def signal_rule(self, call: Call) -> Rule:
        """Inverted dropout; axes of size one in ``noise_shape`` drop together."""
        from vgspec.layers import signal

        shape = self.noise_shape
        shared = shape is not None and any(size == 1 for size in shape[1:-1])
        return (signal.Drop(self.rate, shared),)


class SpatialDropout1D(_Stochastic):
    """Dropout of whole channels of a sequence."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})
    rank: ClassVar[int | None] = 3

    trainable: Literal[True] = True
    rate: ClosedRate
    seed: Seed = None

    def signal_rule(self, call: Call) -> Rule:
        """Whole channels drop together."""
        from vgspec.layers import signal

        return (signal.Drop(self.rate, True),)


class SpatialDropout2D(_Stochastic):
    """Dropout of whole channels of an image."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})
    rank: ClassVar[int | None] = 4

    trainable: Literal[True] = True
    rate: ClosedRate
    data_format: DataFormat = None
    seed: Seed = None

    def signal_rule(self, call: Call) -> Rule:
        """Whole channels drop together."""
        from vgspec.layers import signal

        return (signal.Drop(self.rate, True),)


class SpatialDropout3D(_Stochastic):
    """Dropout of whole channels of a volume."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})
    rank: ClassVar[int | None] = 5

    trainable: Literal[True] = True
    rate: ClosedRate
    data_format: DataFormat = None
    seed: Seed = None

    def signal_rule(self, call: Call) -> Rule:
        """Whole channels drop together."""
        from vgspec.layers import signal

        return (signal.Drop(self.rate, True),)


class AlphaDropout(_Stochastic):
    """Dropout to SELU's negative saturation, which keeps mean and variance (Klambauer et al. 2017).

    Keras takes a rate of one and then divides by zero in the first training step.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT})
    operations: ClassVar[int] = 5

    rate: Rate
    noise_shape: NoiseShape = None
    seed: Seed = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        outputs = super().infer_outputs(call)
        _check_noise_shape(self.noise_shape, call.x)
        return outputs

    def signal_rule(self, call: Call) -> Rule:
        """Dropout that keeps mean and variance."""
        from vgspec.layers import signal

        return (signal.Noise(alpha_rate=self.rate),)


class GaussianDropout(_Stochastic):
    """In training, multiplies by normal noise of mean one and variance ``rate / (1 - rate)``.

    Keras takes a rate of one and then divides by zero in the first training step.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.DROPOUT, Trait.NOISE})

    rate: Rate
    seed: Seed = None

    def signal_rule(self, call: Call) -> Rule:
        """Noise that multiplies."""
        from vgspec.layers import signal

        return (signal.Noise(multiplied=math.sqrt(self.rate / (1.0 - self.rate))),)


class GaussianNoise(_Stochastic):
    """In training, adds normal noise of mean zero and standard deviation ``stddev``."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NOISE})

    stddev: ClosedRate
    seed: Seed = None

    def signal_rule(self, call: Call) -> Rule:
        """Noise that adds."""
        from vgspec.layers import signal

        return (signal.Noise(added=self.stddev),)


class ActivityRegularization(Layer):
    """Passes its input on and adds ``l1 * sum(abs(x)) + l2 * sum(x ** 2)`` to the loss."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.IDENTITY})

    l1: NonNegativeFloat = 0.0
    l2: NonNegativeFloat = 0.0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        return (Tensor(call.x.shape, declared_dtype(self, (call.x,), numeric=True)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for every element and penalty."""
        return mul(2 * (bool(self.l1) + bool(self.l2)), numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Nothing changes."""
        return ()


LAYERS: tuple[type[Layer], ...] = (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
