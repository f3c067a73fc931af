"""Core layers: the ones that every network has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from vgspec.catalogue.activations import LINEAR
from vgspec.catalogue.base import resolve
from vgspec.catalogue.initializers import GLOROT_UNIFORM, ZEROS, Initializer
from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import add, mul, numel
from vgspec.layers.base import INPUTS, TRAINING, Call, CallArgument, Layer, ShapeError, Trait, Weight, activate
from vgspec.layers.dtypes import DType, is_floating
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

__all__ = ["LAYERS", "Dense", "Embedding", "Identity", "Masking", "ReversibleEmbedding"]


def default_initializer(name: str) -> Initializer:
    """An initializer of Keras's with its default arguments."""
    found: Initializer = resolve("initializer", name)
    return found


def with_lora(weights: tuple[Weight, ...], rank: int | None) -> tuple[Weight, ...]:
    """Freeze the first weight and add a low-rank pair for it, always float32 (Hu et al. 2021, LoRA).

    The pair has shapes ``(*shape[:-1], rank)`` and ``(rank, shape[-1])``.
    """
    if rank is None:
        return weights
    base, *others = weights
    down = Weight(f"lora_{base.name}_a", (*base.shape[:-1], rank), default_initializer("he_uniform"), dtype="float32")
    up = Weight(f"lora_{base.name}_b", (rank, base.shape[-1]), ZEROS, dtype="float32")
    return (Weight(base.name, base.shape, base.initializer, trainable=False), *others, down, up)


class Dense(Layer):
    """Fully connected layer: ``activation(inputs @ kernel + bias)`` on the last axis."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.KERNEL})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (*INPUTS, TRAINING)

    units: PositiveInt
    activation: ActivationArg = LINEAR
    use_bias: bool = True
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    lora_rank: PositiveInt | None = None
    lora_alpha: PositiveFloat | None = None
    quantization_config: None = None

    @model_validator(mode="after")
    def _no_constraint_on_a_frozen_kernel(self) -> Self:
        if self.lora_rank is not None and self.kernel_constraint is not None:
            raise ValueError("lora_rank cannot be used together with kernel_constraint")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape with the last axis replaced by ``units``."""
        x = call.x
        if x.rank < 2:
            raise ShapeError(f"needs an input of rank 2 or more, got {x}")
        if not isinstance(x.shape[-1], int):
            raise ShapeError(f"needs a known size of the input's last axis, got {x}")
        return (activate(self.activation, Tensor((*x.shape[:-1], self.units), self.floating(x))),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``kernel`` (features, units) and ``bias`` (units)."""
        kernel = Weight("kernel", (call.x.shape[-1], self.units), self.kernel_initializer)
        bias = (Weight("bias", (self.units,), self.bias_initializer),) if self.use_bias else ()
        return with_lora((kernel, *bias), self.lora_rank)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add, one per bias."""
        return mul(numel(outputs[0].shape[1:]), add(mul(2, call.x.shape[-1]), int(self.use_bias)))

    def signal_rule(self, call: Call) -> Rule:
        """A matrix on the last axis, bias, activation."""
        from vgspec.layers import signal

        size = call.x.shape[-1]
        if not isinstance(size, int):
            return signal.Unknown("the number of features is not known")
        shape = (size, self.units)
        matrix = signal.Linear("kernel", self.kernel_initializer, shape, size, self.units, (self.units,))
        bias = (signal.Bias(self.bias_initializer, (self.units,)),) if self.use_bias else ()
        return (matrix, *bias, signal.Elementwise(self.activation))


class Embedding(Layer):
    """Table look-up: an integer id becomes a row of a trainable table."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.EMBEDDING})
    supports_masking: ClassVar[bool] = False

    input_dim: PositiveInt
    output_dim: PositiveInt
    embeddings_initializer: InitializerArg = default_initializer("uniform")
    embeddings_regularizer: RegularizerArg = None
    embeddings_constraint: ConstraintArg = None
    mask_zero: bool = False
    lora_rank: PositiveInt | None = None
    lora_alpha: PositiveFloat | None = None
    quantization_config: None = None
    activity_regularizer: RegularizerArg = None

    @model_validator(mode="after")
    def _no_constraint_on_a_frozen_table(self) -> Self:
        if self.lora_rank is not None and self.embeddings_constraint is not None:
            raise ValueError("lora_rank cannot be used together with embeddings_constraint")
        return self

    @property
    def makes_mask(self) -> bool:
        """With ``mask_zero`` the id 0 is padding."""
        return self.mask_zero

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape with ``output_dim`` appended."""
        return (Tensor((*call.x.shape, self.output_dim), self.floating(call.x)),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``embeddings`` (input_dim, output_dim)."""
        table = Weight("embeddings", (self.input_dim, self.output_dim), self.embeddings_initializer)
        return with_lora((table,), self.lora_rank)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """None: rows are copied."""
        return 0

    def signal_rule(self, call: Call) -> Rule:
        """Rows of the table."""
        from vgspec.layers import signal

        return (signal.Lookup("embeddings", self.embeddings_initializer, (self.input_dim, self.output_dim)),)


class ReversibleEmbedding(Layer):
    """Embedding whose table, transposed, also projects features back to logits over the ids."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.EMBEDDING})
    supports_masking: ClassVar[bool] = False
    min_keras: ClassVar[str] = "3.12.0"
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        *INPUTS,
        CallArgument("reverse", tensor=False, required=False, default=False),
    )

    input_dim: PositiveInt
    output_dim: PositiveInt
    tie_weights: bool = True
    embeddings_initializer: InitializerArg = default_initializer("uniform")
    embeddings_regularizer: RegularizerArg = None
    embeddings_constraint: ConstraintArg = None
    mask_zero: bool = False
    reverse_dtype: DType | None = None
    logit_soft_cap: PositiveFloat | None = None
    activity_regularizer: RegularizerArg = None

    @property
    def makes_mask(self) -> bool:
        """With ``mask_zero`` the id 0 is padding."""
        return self.mask_zero

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``output_dim`` appended; in reverse the last axis, ``output_dim``, replaced by ``input_dim``.

        The dtype is the one that Keras announces; it computes logits in ``reverse_dtype`` if that is given.
        """
        x = call.x
        dtype = self.floating(x)
        if not call.literal("reverse", False):
            return (Tensor((*x.shape, self.output_dim), dtype),)
        if self.reverse_dtype is not None and not is_floating(self.reverse_dtype):
            raise ShapeError(f"computes logits in floating point, got {self.reverse_dtype}", argument="reverse_dtype")
        if x.rank < 2:
            raise ShapeError(f"needs an input of rank 2 or more in reverse, got {x}")
        if x.shape[-1] != self.output_dim:
            raise ShapeError(f"needs a last axis of size output_dim={self.output_dim} in reverse, got {x}")
        return (Tensor((*x.shape[:-1], self.input_dim), dtype),)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``embeddings`` (input_dim, output_dim), and ``reverse_embeddings``, its transpose, if they are not tied."""
        table = Weight("embeddings", (self.input_dim, self.output_dim), self.embeddings_initializer)
        if self.tie_weights:
            return (table,)
        return (table, Weight("reverse_embeddings", (self.output_dim, self.input_dim), self.embeddings_initializer))

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two per multiply-add of the reverse projection; rows are copied otherwise."""
        return mul(numel(outputs[0].shape[1:]), 2 * self.output_dim) if call.literal("reverse", False) else 0

    def signal_rule(self, call: Call) -> Rule:
        """Rows of the table, or in reverse a matrix without bias."""
        from vgspec.layers import signal

        if not call.literal("reverse", False):
            return (signal.Lookup("embeddings", self.embeddings_initializer, (self.input_dim, self.output_dim)),)
        if self.logit_soft_cap is not None:
            return signal.Unknown("a soft cap on the logits")
        # the table is drawn as (input_dim, output_dim) and used transposed
        shape = (self.input_dim, self.output_dim)
        matrix = signal.Linear(
            "embeddings", self.embeddings_initializer, shape, self.output_dim, self.input_dim, (self.input_dim,)
        )
        return (matrix,)


class Identity(Layer):
    """Passes its input on; several inputs give several outputs."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.IDENTITY})

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The inputs, floating ones in the layer's compute dtype."""
        return tuple(self.autocast(x) for x in call.xs)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """None."""
        return 0

    def signal_rule(self, call: Call) -> Rule:
        """Nothing changes."""
        return ()


class Masking(Layer):
    """Zeroes the time steps whose features all equal ``mask_value``, and masks them for the layers after it."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.IDENTITY})

    mask_value: float = 0.0

    @property
    def makes_mask(self) -> bool:
        """That is its purpose."""
        return True

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape; the dtype is the one that Keras announces, also for an integer input."""
        if call.x.rank < 2:
            raise ShapeError(f"needs an input of rank 2 or more, got {call.x}")
        return (Tensor(call.x.shape, self.floating(call.x)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One comparison an element."""
        return numel(outputs[0].shape[1:])

    def signal_rule(self, call: Call) -> Rule:
        """Nothing changes for continuous inputs: no step equals the mask value in every feature."""
        return ()


LAYERS: tuple[type[Layer], ...] = (Dense, Embedding, ReversibleEmbedding, Identity, Masking)
