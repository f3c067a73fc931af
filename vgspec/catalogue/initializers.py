"""Keras's weight initializers: how each draws a weight, and the exact moments of what it draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from vgspec.catalogue import moments as m
from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.moments import Distribution, Mode, WeightMoments
from vgspec.catalogue.numbers import PositiveFloat

__all__ = [
    "ALL",
    "GLOROT_UNIFORM",
    "ONES",
    "ORTHOGONAL",
    "STFT",
    "ZEROS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
]

Axes = tuple[int, ...] | None


class Initializer(KerasObject):
    """How a weight gets its first values."""

    kind: ClassVar[str] = "initializer"
    keras_module: ClassVar[str] = "keras.initializers"
    ranks: ClassVar[tuple[int, int | None]] = (0, None)
    """The lowest and the highest rank of a weight that Keras lets it fill."""

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Mean and variance of an entry of a weight of this shape.

        Args:
            shape: sizes; one that is not an ``int`` is unknown, and may make the result unknown.
        """
        return m.UNKNOWN

    def rejects(self, rank: int) -> str | None:
        """Why Keras would refuse to fill a weight of this rank, or None."""
        low, high = self.ranks
        if low <= rank and (high is None or rank <= high):
            return None
        need = f"rank {low}" if low == high else f"rank {low} or more"
        return f"{self.type_name} needs a weight of {need}, got rank {rank}"

    @property
    def seeded(self) -> int | None:
        """The fixed seed, or None if every weight is drawn anew."""
        seed: int | None = getattr(self, "seed", None)
        return seed


class Zeros(Initializer):
    """All zero."""

    aliases: ClassVar[tuple[str, ...]] = ("zeros", "zero")

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Zero, always."""
        return m.single(0.0)


class Ones(Initializer):
    """All one."""

    aliases: ClassVar[tuple[str, ...]] = ("ones", "one")

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """One, always."""
        return m.single(1.0)


class Constant(Initializer):
    """All equal to ``value``."""

    aliases: ClassVar[tuple[str, ...]] = ("constant",)
    value: float = 0.0

    def changed(self) -> Iterator[tuple[str, Any]]:
        """The value, even where it is the default: Keras cannot make a ``Constant`` from its name alone."""
        yield "value", self.value

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """``value``, always."""
        return m.single(self.value)


class Identity(Initializer):
    """``gain`` times the identity matrix; only for weights of rank 2."""

    aliases: ClassVar[tuple[str, ...]] = ("identity", "IdentityInitializer")
    ranks: ClassVar[tuple[int, int | None]] = (2, 2)
    gain: float = 1.0

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Moments over the entries of the matrix, which are not random."""
        return m.diagonal(shape, self.gain)


class STFT(Initializer):
    """Real or imaginary part of a windowed short-time Fourier transform; only for weights of rank 3."""

    aliases: ClassVar[tuple[str, ...]] = ("stft", "STFTInitializer")
    ranks: ClassVar[tuple[int, int | None]] = (3, 3)
    min_keras: ClassVar[str] = "3.7.0"
    side: Literal["real", "imag"] = "real"
    window: str | tuple[float, ...] | None = "hann"
    scaling: Literal["density", "spectrum"] | None = "density"
    periodic: bool = False

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Unknown: a fixed transform, not a random weight."""
        return m.UNKNOWN


class RandomNormal(Initializer):
    """Normal, not cut."""

    aliases: ClassVar[tuple[str, ...]] = ("random_normal", "normal")
    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """The two arguments, whatever the shape."""
        return m.normal(self.mean, self.stddev)


class RandomUniform(Initializer):
    """Uniform on ``[minval, maxval)``."""

    aliases: ClassVar[tuple[str, ...]] = ("random_uniform", "uniform")
    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Variance ``(maxval - minval)**2 / 12``, whatever the shape."""
        return m.uniform(self.minval, self.maxval)


class TruncatedNormal(Initializer):
    """Normal, values beyond two deviations drawn again; the deviation is not corrected for that."""

    aliases: ClassVar[tuple[str, ...]] = ("truncated_normal",)
    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Variance ``0.7737 * stddev**2``, whatever the shape."""
        return m.truncated(self.mean, self.stddev)


class VarianceScaling(Initializer):
    """Variance ``scale / fan``; the fan by ``mode``."""

    aliases: ClassVar[tuple[str, ...]] = ("variance_scaling",)
    scale: PositiveFloat = 1.0
    mode: Mode = "fan_in"
    distribution: Distribution = "truncated_normal"
    seed: int | None = None
    input_axes: Axes = None
    output_axes: Axes = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Variance ``scale / fan`` for every distribution."""
        return m.scaled(shape, self.scale, self.mode, self.distribution, self.input_axes, self.output_axes)


class FanInitializer(Initializer):
    """Base of the six named settings of `VarianceScaling`."""

    scaling: ClassVar[tuple[float, Mode, Distribution]]
    """Scale, mode and distribution."""
    seed: int | None = None
    input_axes: Axes = None
    output_axes: Axes = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Variance ``scale / fan``."""
        return m.scaled(shape, *self.scaling, self.input_axes, self.output_axes)


class GlorotUniform(FanInitializer):
    """Uniform with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010, eq. 16)."""

    aliases: ClassVar[tuple[str, ...]] = ("glorot_uniform",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (1.0, "fan_avg", "uniform")


class GlorotNormal(FanInitializer):
    """Cut normal with variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""

    aliases: ClassVar[tuple[str, ...]] = ("glorot_normal",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (1.0, "fan_avg", "truncated_normal")


class HeUniform(FanInitializer):
    """Uniform with variance ``2 / fan_in`` (He et al. 2015)."""

    aliases: ClassVar[tuple[str, ...]] = ("he_uniform",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (2.0, "fan_in", "uniform")


class HeNormal(FanInitializer):
    """Cut normal with variance ``2 / fan_in`` (He et al. 2015)."""

    aliases: ClassVar[tuple[str, ...]] = ("he_normal",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (2.0, "fan_in", "truncated_normal")


class LecunUniform(FanInitializer):
    """Uniform with variance ``1 / fan_in`` (LeCun et al. 1998)."""

    aliases: ClassVar[tuple[str, ...]] = ("lecun_uniform",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (1.0, "fan_in", "uniform")


class LecunNormal(FanInitializer):
    """Cut normal with variance ``1 / fan_in`` (LeCun et al. 1998; Klambauer et al. 2017)."""

    aliases: ClassVar[tuple[str, ...]] = ("lecun_normal",)
    scaling: ClassVar[tuple[float, Mode, Distribution]] = (1.0, "fan_in", "truncated_normal")


class Orthogonal(Initializer):
    """A random orthogonal matrix times ``gain`` (Saxe et al. 2014); for weights of rank 2 and more."""

    aliases: ClassVar[tuple[str, ...]] = ("orthogonal", "OrthogonalInitializer")
    ranks: ClassVar[tuple[int, int | None]] = (2, None)
    gain: float = 1.0
    seed: int | None = None

    def moments(self, shape: Sequence[object]) -> WeightMoments:
        """Variance ``gain**2 / max(rows, columns)`` of the flattened matrix."""
        return m.orthogonal(shape, self.gain)


ALL: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    Identity,
    STFT,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
    Orthogonal,
)

ZEROS = Zeros()
ONES = Ones()
GLOROT_UNIFORM = GlorotUniform()
ORTHOGONAL = Orthogonal()
