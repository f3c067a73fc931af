"""Normalization: by batch, layer, group or root mean square; to unit norm; of weights; of input data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from annotated_types import MinLen
from pydantic import model_validator

from vgspec.catalogue.base import resolve
from vgspec.catalogue.initializers import ONES, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, broadcast, mul, numel
from vgspec.layers.base import INPUTS, TRAINING, Call, CallArgument, Layer, ShapeError, Trait, Weight, nested_weights
from vgspec.layers.dtypes import is_floating
from vgspec.layers.fields import ConstraintArg, InitializerArg, LayerArg, PositiveInt, RegularizerArg
from vgspec.layers.geometry import axis_indices
from vgspec.layers.sizes import as_tuple, known_size, normalize_axis

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "Normalization",
    "RMSNormalization",
    "Rescaling",
    "SpectralNormalization",
    "UnitNormalization",
]

Axes = int | Annotated[tuple[int, ...], MinLen(1)]
Numbers = float | tuple[float, ...] | tuple[tuple[float, ...], ...] | tuple[tuple[tuple[float, ...], ...], ...]
"""A number, or an array of up to three axes as nested lists."""


def array_shape(value: Any) -> tuple[int, ...]:
    """The shape of a number or of nested lists of numbers.

    Raises:
        ValueError: if the lists are ragged.
    """
    if not isinstance(value, tuple):
        return ()
    shapes = {array_shape(item) for item in value}
    if len(shapes) > 1:
        raise ValueError("has rows of different lengths")
    return (len(value), *(shapes.pop() if shapes else ()))


class BatchNormalization(Layer):
    """Normalizes each channel over the batch, then scales and shifts it (Ioffe and Szegedy 2015)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING, Trait.BATCH_STATISTICS})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        *INPUTS,
        TRAINING,
        CallArgument("mask", required=False),
    )

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerArg = ZEROS
    gamma_initializer: InitializerArg = ONES
    moving_mean_initializer: InitializerArg = ZEROS
    moving_variance_initializer: InitializerArg = ONES
    beta_regularizer: RegularizerArg = None
    gamma_regularizer: RegularizerArg = None
    beta_constraint: ConstraintArg = None
    gamma_constraint: ConstraintArg = None
    renorm: bool = False
    renorm_clipping: Mapping[str, float] | None = None
    renorm_momentum: float = 0.99
    synchronized: bool = False

    @model_validator(mode="after")
    def _clipping(self) -> Self:
        limits = self.renorm_clipping or {}
        if unknown := sorted(limits.keys() - {"rmax", "rmin", "dmax"}):
            raise ValueError(f"renorm_clipping has rmax, rmin and dmax, got {unknown[0]}")
        if "rmax" in limits and "rmin" in limits and limits["rmax"] < limits["rmin"]:
            raise ValueError(f"renorm_clipping needs rmax >= rmin, got {limits['rmax']} and {limits['rmin']}")
        if limits.get("dmax", 0) < 0:
            raise ValueError(f"renorm_clipping needs dmax >= 0, got {limits['dmax']}")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        known_size(call.x, normalize_axis(self.axis, call.x, "axis"))
        return (Tensor(call.x.shape, self.floating(call.x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``gamma``, ``beta``, ``moving_mean``, ``moving_variance``, and three more with ``renorm``; one a channel."""
        shape = (call.x.shape[self.axis],)
        scale = (Weight("gamma", shape, self.gamma_initializer),) if self.scale else ()
        center = (Weight("beta", shape, self.beta_initializer),) if self.center else ()
        moving = (
            Weight("moving_mean", shape, self.moving_mean_initializer, trainable=False),
            Weight("moving_variance", shape, self.moving_variance_initializer, trainable=False),
        )
        renorm = (
            Weight("moving_stddev", shape, trainable=False),
            Weight("renorm_mean", shape, self.moving_mean_initializer, trainable=False),
            Weight("renorm_stddev", shape, trainable=False),
        )
        return (*scale, *center, *moving, *(renorm if self.renorm else ()))

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two an element, as at inference: all constants of a channel fold into one scale and one shift."""
        return mul(2, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Batch statistics per channel; the moving ones if the layer is frozen."""
        from vgspec.layers import signal

        return (
            signal.BatchNormalize(
                self.axis,
                self.epsilon,
                self.gamma_initializer if self.scale else None,
                self.beta_initializer if self.center else None,
                not self.trainable,
                self.moving_mean_initializer,
                self.moving_variance_initializer,
            ),
        )


def expect_floating(x: Tensor) -> Tensor:
    """The input of a layer that gives integers back as integers, rounded.

    Raises:
        ShapeError: if it is not floating.
    """
    if not is_floating(x.dtype):
        raise ShapeError(f"needs a floating input, got {x}")
    return x


def moment_flops(x: Tensor, *, center: bool, scale: bool) -> Dim:
    """Of a normalization by moments of the sample: mean, difference, square, its mean, product; scale; shift."""
    return mul(5 + int(center) + int(scale), numel(x.shape[1:]))


class LayerNormalization(Layer):
    """Normalizes each sample over some axes, then scales and shifts it (Ba et al. 2016)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})

    axis: Axes = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerArg = ZEROS
    gamma_initializer: InitializerArg = ONES
    beta_regularizer: RegularizerArg = None
    gamma_regularizer: RegularizerArg = None
    beta_constraint: ConstraintArg = None
    gamma_constraint: ConstraintArg = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        for axis in axis_indices(self.axis, call.x):
            if self.center or self.scale:
                known_size(call.x, axis)
        return (Tensor(call.x.shape, self.floating(call.x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``gamma`` and ``beta``, as large as the normalized axes, sorted as they are written."""
        shape: Shape = tuple(call.x.shape[axis] for axis in sorted(as_tuple(self.axis)))
        scale = (Weight("gamma", shape, self.gamma_initializer),) if self.scale else ()
        return (*scale, Weight("beta", shape, self.beta_initializer)) if self.center else scale

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Five an element for the moments, one each for scale and shift."""
        return moment_flops(outputs[0], center=self.center, scale=self.scale)

    def signal_rule(self, call: Call) -> Rule:
        """Statistics of each sample over the axes."""
        from vgspec.layers import signal

        scale, offset = self.gamma_initializer if self.scale else None, self.beta_initializer if self.center else None
        return (signal.Normalize(as_tuple(self.axis), self.epsilon, True, 1, scale, offset),)


class GroupNormalization(Layer):
    """Normalizes each sample over groups of channels (Wu and He 2018); ``groups: -1`` takes every channel alone."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})

    groups: int = 32
    axis: int = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: InitializerArg = ZEROS
    gamma_initializer: InitializerArg = ONES
    beta_regularizer: RegularizerArg = None
    gamma_regularizer: RegularizerArg = None
    beta_constraint: ConstraintArg = None
    gamma_constraint: ConstraintArg = None

    @model_validator(mode="after")
    def _some_groups(self) -> Self:
        if self.groups < 1 and self.groups != -1:
            raise ValueError(f"groups is a positive number, or -1 for one group a channel, got {self.groups}")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        x = expect_floating(call.x)
        count = known_size(x, normalize_axis(self.axis, x, "axis", batch=False))
        if self.groups != -1 and count % self.groups:
            raise ShapeError(f"has {self.groups} groups, which do not divide the {count} channels", argument="groups")
        return (Tensor(x.shape, self.floating(x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``gamma`` and ``beta``, one a channel."""
        shape = (call.x.shape[self.axis],)
        scale = (Weight("gamma", shape, self.gamma_initializer),) if self.scale else ()
        return (*scale, Weight("beta", shape, self.beta_initializer)) if self.center else scale

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Five an element for the moments, one each for scale and shift."""
        return moment_flops(outputs[0], center=self.center, scale=self.scale)

    def signal_rule(self, call: Call) -> Rule:
        """Statistics of each sample over all positions and the channels of a group."""
        from vgspec.layers import signal

        rank = call.x.rank
        channel = self.axis % rank
        groups = known_size(call.x, channel) if self.groups == -1 else self.groups
        axes = tuple(axis for axis in range(1, rank) if axis != channel)
        scale, offset = self.gamma_initializer if self.scale else None, self.beta_initializer if self.center else None
        return (signal.Normalize((*axes, channel), self.epsilon, True, groups, scale, offset),)


class RMSNormalization(Layer):
    """Divides by the root mean square over some axes, then scales (Zhang and Sennrich 2019)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})
    supports_masking: ClassVar[bool] = False
    min_keras: ClassVar[str] = "3.9.0"
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (CallArgument("x"),)

    axis: Axes = -1
    epsilon: float = 1e-6

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape.

        Keras aligns ``scale`` with the last axes of the input, whatever axes it belongs to.
        """
        x = expect_floating(call.x)
        axes = axis_indices(sorted(as_tuple(self.axis)), x)
        if axes != tuple(range(x.rank - len(axes), x.rank)):
            raise ShapeError(
                f"scales the trailing axes of its input only, got axis {self.axis} for {x}", argument="axis"
            )
        for axis in axes:
            known_size(x, axis)
        return (Tensor(x.shape, self.floating(x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``scale``, as large as the normalized axes, sorted as they are written."""
        return (Weight("scale", tuple(call.x.shape[axis] for axis in sorted(as_tuple(self.axis))), ONES),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Four an element: square, its mean, two products."""
        return mul(4, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Mean square of each sample over the axes."""
        from vgspec.layers import signal

        return (signal.Normalize(as_tuple(self.axis), self.epsilon, False),)


class UnitNormalization(Layer):
    """Divides by the Euclidean norm over some axes."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.NORMALIZING})

    axis: Axes = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        axis_indices(self.axis, expect_floating(call.x))
        return (Tensor(call.x.shape, self.floating(call.x)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Three an element: square, sum, product."""
        return mul(3, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """Length of each sample over the axes."""
        from vgspec.layers import signal

        return (signal.Normalize(as_tuple(self.axis), 0.0, False, norm=True),)


class SpectralNormalization(Layer):
    """Wraps a layer and divides its kernel by the kernel's largest singular value (Miyato et al. 2018)."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.WRAPPER})
    supports_masking: ClassVar[bool] = False
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        *INPUTS,
        CallArgument("training", tensor=False, required=False, default=False),
    )

    layer: LayerArg
    power_iterations: PositiveInt = 1

    def kernel(self, call: Call) -> Weight:
        """The weight that is normalized: the wrapped layer's own ``kernel`` or ``embeddings``.

        Raises:
            ShapeError: if it has neither, or a low-rank update stands in for it.
        """
        if self.layer.traits & {Trait.KERNEL, Trait.EMBEDDING}:
            names = {weight.name: weight for weight in self.layer.weight_specs(call)}
            if any(name.startswith("lora_") for name in names):
                raise ShapeError("wraps a layer with lora_rank, whose kernel is no single weight", argument="layer")
            if found := names.get("kernel", names.get("embeddings")):
                return found
        raise ShapeError(
            f"wraps {self.layer.type_name}, which has neither a kernel nor embeddings of its own", argument="layer"
        )

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The wrapped layer's output shapes, in the wrapper's compute dtype."""
        x = expect_floating(call.x)  # the output is cast to its dtype
        known_size(x, -1)
        inner = Call({self.layer.call_arguments[0].name: self.autocast(x)})
        self.kernel(inner)
        dtype = self.floating(x)
        return tuple(Tensor(output.shape, dtype) for output in self.layer.infer_outputs(inner))

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The wrapped layer's kernel, ``vector_u`` (1, the kernel's last axis), the wrapped layer's other weights."""
        inner = Call({self.layer.call_arguments[0].name: call.x})
        nested = nested_weights(self.layer, inner)
        end = f"/{self.kernel(inner).name}"
        kernel = next(weight for weight in nested if weight.name.endswith(end))
        others = (weight for weight in nested if weight is not kernel)
        start = resolve("initializer", {"TruncatedNormal": {"stddev": 0.02}})
        vector = Weight("vector_u", (1, kernel.shape[-1]), start, trainable=False, dtype=kernel.dtype)
        return (kernel, vector, *others)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """The wrapped layer's: the kernel is normalized in training only, once a batch."""
        return self.layer.flop_count(Call({self.layer.call_arguments[0].name: call.x}), outputs)

    def signal_rule(self, call: Call) -> Rule:
        """The wrapped layer with its kernel divided by an estimate of its largest singular value."""
        from vgspec.layers import signal

        inner = Call({self.layer.call_arguments[0].name: call.x})
        rule = self.layer.signal_rule(inner)
        if isinstance(rule, signal.Unknown):
            return rule
        if not rule or not isinstance(rule[0], signal.Linear | signal.Convolution):
            return signal.Unknown(f"spectral normalization of {self.layer.type_name}")
        return (rule[0]._replace(spectral=self.power_iterations), *rule[1:])


class Normalization(Layer):
    """Shifts and scales input data to given, or adapted, mean and variance along some axes."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING})

    axis: int | tuple[int, ...] | None = -1
    mean: Numbers | None = None
    variance: Numbers | None = None
    invert: bool = False

    @model_validator(mode="after")
    def _both_moments(self) -> Self:
        if (self.mean is None) != (self.variance is None):
            raise ValueError("mean and variance are given together or not at all")
        if array_shape(self.mean) != array_shape(self.variance):
            raise ValueError(f"mean and variance have shapes {array_shape(self.mean)} and {array_shape(self.variance)}")
        if len(array_shape(self.mean)) > len(as_tuple(self.axis)):
            raise ValueError(f"mean has more axes than the {len(as_tuple(self.axis))} of axis")
        return self

    def kept(self, x: Tensor) -> tuple[int, ...]:
        """The axes along which the moments differ, in order."""
        return tuple(sorted(axis_indices(as_tuple(self.axis), x)))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        x = call.x
        sizes = tuple(known_size(x, axis) for axis in self.kept(x))
        given = array_shape(self.mean)
        tail = sizes[len(sizes) - len(given) :]
        if any(mine not in {1, size} for mine, size in zip(given, tail, strict=True)):
            raise ShapeError(f"has a mean of shape {list(given)} for axes of sizes {list(sizes)}", argument="mean")
        return (Tensor(x.shape, self.floating(x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``mean``, ``variance`` and ``count``, unless the moments are given."""
        if self.mean is not None:
            return ()
        shape: Shape = tuple(call.x.shape[axis] for axis in self.kept(call.x))
        return (
            Weight("mean", shape, ZEROS, trainable=False),
            Weight("variance", shape, ONES, trainable=False),
            Weight("count", (), ZEROS, trainable=False, dtype="int64"),
        )

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two an element."""
        return mul(2, numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """A factor and an offset for each channel, from the given moments."""
        from vgspec.layers import signal

        if self.mean is None or self.variance is None:
            return ()
        mean, variance = signal.flat(self.mean), signal.flat(self.variance)
        if self.invert:
            return (signal.Scale(tuple(max(v, 1e-14) ** 0.5 for v in variance), mean),)
        factors = tuple(1.0 / max(v, 1e-14) ** 0.5 for v in variance)
        return (signal.Scale(factors, tuple(-m * f for m, f in zip(mean, factors, strict=True))),)


class Rescaling(Layer):
    """``inputs * scale + offset``, with numbers or arrays that broadcast to the input."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.PREPROCESSING})

    scale: Numbers
    offset: Numbers = 0.0

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            try:
                array_shape(value)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape."""
        x = call.x
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            shape = array_shape(value)
            try:
                fits = len(shape) <= x.rank and broadcast(x.shape, shape) == x.shape
            except ValueError:
                fits = False
            if not fits:
                raise ShapeError(f"has {name} of shape {list(shape)}, which does not broadcast to {x}", argument=name)
        return (Tensor(x.shape, self.floating(x)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two an element."""
        return add(numel(outputs[0].shape[1:]), numel(outputs[0].shape[1:]))

    def signal_rule(self, call: Call) -> Rule:
        """A factor and an offset."""
        from vgspec.layers import signal

        return (signal.Scale(signal.flat(self.scale), signal.flat(self.offset)),)


LAYERS: tuple[type[Layer], ...] = (
    BatchNormalization,
    LayerNormalization,
    GroupNormalization,
    RMSNormalization,
    UnitNormalization,
    SpectralNormalization,
    Normalization,
    Rescaling,
)
