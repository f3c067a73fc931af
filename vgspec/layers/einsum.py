"""EinsumDense, and the reading of its equation."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from vgspec.catalogue.activations import LINEAR
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, mul, numel
from vgspec.layers.base import INPUTS, TRAINING, Call, CallArgument, Layer, ShapeError, Trait, Weight, activate
from vgspec.layers.core import with_lora
from vgspec.layers.fields import (
    ActivationArg,
    ConstraintArg,
    InitializerArg,
    PositiveFloat,
    PositiveInt,
    RegularizerArg,
)

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "EinsumDense", "Equation"]

_FORMS = (
    r"(?P<x>[a-zA-Z]+),(?P<w>[a-zA-Z]+)->(?P<y>[a-zA-Z]+)",
    r"(?P<left>\.\.\.)(?P<x>[a-zA-Z]+),(?P<w>[a-zA-Z]+)->\.\.\.(?P<y>[a-zA-Z]+)",
    r"(?P<x>[a-zA-Z]{2,})(?P<right>\.\.\.),(?P<w>[a-zA-Z]+)->(?P<y>[a-zA-Z]+)\.\.\.",
)


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation ``x,w->y`` in letters, one an axis; ``elided`` says where ``...`` stands, if anywhere."""

    x: str
    w: str
    y: str
    elided: str = ""  # "left" | "right" | ""

    @classmethod
    def read(cls, text: str) -> Equation:
        """Parse an equation.

        Raises:
            ValueError: if it has none of Keras's three forms, repeats a letter, or has a letter without source.
        """
        for form in _FORMS:
            if found := re.fullmatch(form, text.replace(" ", "")):
                parts = found.groupdict()
                break
        else:
            raise ValueError(f"equation {text!r} is not of the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...'")
        x, w, y = parts["x"], parts["w"], parts["y"]
        for term in (x, w, y):
            if len(set(term)) < len(term):
                raise ValueError(f"equation {text!r} repeats a letter in {term!r}")
        if unknown := sorted(set(y) - set(x) - set(w)):
            raise ValueError(f"equation {text!r} has the output axis {unknown[0]!r}, which neither operand has")
        if unknown := sorted(set(w) - set(x) - set(y)):
            raise ValueError(f"equation {text!r} has the kernel axis {unknown[0]!r}, which input and output lack")
        return cls(x, w, y, "left" if parts.get("left") else "right" if parts.get("right") else "")


@dataclass(frozen=True, slots=True)
class Fit:
    """An equation applied to an input.

    Attributes:
        equation: the equation.
        sizes: the size of every letter.
        declared: the sizes that Keras gives to weights: those of ``output_shape`` go before the input's.
        inner: the axes that ``...`` stands for.
        output: the output's shape.
    """

    equation: Equation
    sizes: Mapping[str, Dim]
    declared: Mapping[str, Dim]
    inner: Shape
    output: Shape


class EinsumDense(Layer):
    """Dense layer whose product is an einsum of the input with the kernel."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.KERNEL})
    supports_masking: ClassVar[bool] = False
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (*INPUTS, TRAINING)

    equation: str
    output_shape: PositiveInt | tuple[PositiveInt | None, ...]
    activation: ActivationArg = LINEAR
    bias_axes: str | None = None
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    lora_rank: PositiveInt | None = None
    lora_alpha: PositiveFloat | None = None
    gptq_unpacked_column_size: None = None
    quantization_config: None = None
    activity_regularizer: RegularizerArg = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parsed = Equation.read(self.equation)
        if self.bias_axes is not None:
            if not self.bias_axes:
                raise ValueError("bias_axes names no axis; leave it out for a layer without bias")
            if unknown := [axis for axis in self.bias_axes if axis not in parsed.y]:
                raise ValueError(f"bias_axes names {unknown[0]!r}, which is no axis of the output {parsed.y!r}")
        if self.lora_rank is not None and self.kernel_constraint is not None:
            raise ValueError("lora_rank cannot be used together with kernel_constraint")
        return self

    def fit(self, x: Tensor) -> Fit:
        """The sizes of all axes for an input.

        Raises:
            ShapeError: if equation, input and ``output_shape`` do not fit together.
        """
        parsed = Equation.read(self.equation)
        elided = x.rank - len(parsed.x)
        if elided < 0 or (elided > 0 and not parsed.elided):
            raise ShapeError(f"has equation {self.equation!r} for another rank than that of {x}", argument="equation")
        left = parsed.elided == "left"
        inner = (x.shape[:elided] if left else x.shape[len(parsed.x) :]) if elided else ()
        if left and inner[1:] != inner[:0:-1]:
            raise ShapeError(
                f"lets '...' stand for axes of different sizes, whose order Keras reverses in its shapes, got {x}",
                argument="equation",
            )
        given = (self.output_shape,) if isinstance(self.output_shape, int) else self.output_shape
        named = given if left and elided else (x.shape[0], *given)
        if len(named) != len(parsed.y):
            raise ShapeError(
                f"has output_shape {list(given)}, which does not name every axis of {parsed.y!r} but the batch",
                argument="output_shape",
            )
        inputs: dict[str, Dim] = dict(zip(parsed.x, x.shape[elided:] if left else x.shape, strict=False))
        sizes = dict(inputs)
        for letter, size in zip(parsed.y, named, strict=True):
            if size is None and letter not in inputs:
                raise ShapeError(f"needs the size of the output axis {letter!r}", argument="output_shape")
            if size is not None:
                sizes[letter] = size
                if letter in inputs and inputs[letter] != size:
                    raise ShapeError(
                        f"gives axis {letter!r} the size {size}, but it is that of the input {x}",
                        argument="output_shape",
                    )
        declared = inputs | dict(zip(parsed.y, named, strict=True))
        if unknown := [letter for letter in parsed.w if not isinstance(declared[letter], int)]:
            raise ShapeError(
                f"needs a known size of the kernel's axis {unknown[0]!r}, got {x} and output_shape {list(given)}",
                argument="output_shape",
            )
        kept = tuple(sizes[letter] for letter in parsed.y)
        return Fit(parsed, sizes, declared, inner, (*inner, *kept) if left else (*kept, *inner))

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The output axes of the equation; sizes that ``output_shape`` leaves open are the input's."""
        shape = self.fit(call.x).output
        self.weight_specs(call)
        return (activate(self.activation, Tensor(shape, self.floating(call.x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel``, and ``bias`` of size 1 on the axes between or after those of ``bias_axes``."""
        fit = self.fit(call.x)
        kernel = Weight("kernel", tuple(fit.declared[letter] for letter in fit.equation.w), self.kernel_initializer)
        if self.bias_axes is None:
            return with_lora((kernel,), self.lora_rank)
        tail = fit.equation.y[min(fit.equation.y.index(axis) for axis in self.bias_axes) :]
        shape: Shape = tuple(fit.declared[letter] if letter in self.bias_axes else 1 for letter in tail)
        if not all(isinstance(size, int) for size in shape):
            raise ShapeError("has a bias along an axis whose size is not given", argument="bias_axes")
        after = (1,) * len(fit.inner) if fit.equation.elided == "right" else ()
        return with_lora((kernel, Weight("bias", (*shape, *after), self.bias_initializer)), self.lora_rank)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, one per bias."""
        fit = self.fit(call.x)
        letters, inner = {*fit.equation.x, *fit.equation.w}, fit.inner
        if fit.equation.elided == "left" and inner:
            inner = inner[1:]  # without the batch
        else:
            letters -= {fit.equation.x[0]}
        loops = (*(fit.sizes[letter] for letter in sorted(letters)), *inner)
        bias = numel(outputs[0].shape[1:]) if self.bias_axes is not None else 0
        return add(mul(2, numel(loops)), bias)

    def signal_rule(self, call: Call) -> Rule:
        """A matrix where the equation contracts the last axes; bias; activation."""
        from vgspec.layers import signal

        equation = self.fit(call.x).equation
        kept = "".join(axis for axis in equation.x if axis in equation.y)
        gone = "".join(axis for axis in equation.x if axis not in equation.y)
        new = "".join(axis for axis in equation.y if axis not in equation.x)
        plain = equation.x == kept + gone and equation.y == kept + new and not set(equation.w) & set(kept)
        if not plain or not gone:
            return signal.Unknown("an equation that is no matrix on the last axes")
        sizes = call.x.shape
        fan_in = math.prod(int(size) for size in sizes[len(sizes) - len(gone) :] if isinstance(size, int))
        outputs = self.infer_outputs(call)[0].shape
        features = tuple(int(size) for size in outputs[len(outputs) - len(new) :] if isinstance(size, int))
        shape = tuple(int(size) for size in self.weight_specs(call)[0].shape if isinstance(size, int))
        matrix = signal.Linear(
            "kernel", self.kernel_initializer, shape, fan_in, math.prod(features), features, axes=len(gone)
        )
        bias = (signal.Bias(self.bias_initializer, features),) if self.bias_axes else ()
        return (matrix, *bias, signal.Elementwise(self.activation))


LAYERS: tuple[type[Layer], ...] = (EinsumDense,)
