"""The layer descriptor: everything vgspec knows of a layer type, in one class.

A descriptor is a frozen pydantic model. Its *fields* are the layer's constructor arguments, with Keras's
names, order and defaults; its *class variables* are the traits that rules read; its *methods* are the
closed list of facets:

``infer_outputs``  shapes and dtypes of the outputs
``weight_specs``   names, shapes and initializers of the weights, in Keras's order
``flop_count``     floating-point operations for one sample (a multiply-add counts as two)
``signal_rule``    the forward and backward moment map, for the gradient-flow analysis

A further concern becomes a table beside the analysis that needs it, with a totality test, not a further
method here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from vgspec.catalogue.activations import Activation
from vgspec.catalogue.base import KerasObject
from vgspec.ir import Argument, Dim, Graph, Ref, Shape, Tensor, with_refs
from vgspec.layers.dtypes import DTypePolicy, compute_dtype, is_floating, result_type, variable_dtype

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "INPUTS",
    "TRAINING",
    "Call",
    "CallArgument",
    "Layer",
    "ShapeError",
    "Trait",
    "Weight",
    "activate",
    "nested_weights",
]


class Trait(enum.StrEnum):
    """What a layer does to a signal, for rules that must not name layers."""

    KERNEL = "kernel"  # owns a trainable linear map (Dense, Conv*, …)
    CONVOLUTION = "convolution"
    EMBEDDING = "embedding"
    ACTIVATION = "activation"  # its whole work is a nonlinearity
    NORMALIZING = "normalizing"  # sets the scale of its output
    BATCH_STATISTICS = "batch-statistics"  # … from statistics of the batch
    MERGING = "merging"  # combines several tensors
    ADDITIVE = "additive"  # … by a sum: what makes a residual connection
    RECURRENT = "recurrent"
    GATED = "gated"
    ATTENTION = "attention"
    POOLING = "pooling"
    DROPOUT = "dropout"
    NOISE = "noise"
    RESHAPING = "reshaping"  # moves elements, computes nothing
    PREPROCESSING = "preprocessing"
    AUGMENTATION = "augmentation"
    WRAPPER = "wrapper"
    IDENTITY = "identity"  # at training time passes its input on unchanged
    SCALING = "scaling"  # a trainable factor and nothing else: a branch learns how much of it counts
    CELL = "cell"  # one step of a recurrence: only inside RNN


class ShapeError(Exception):
    """The layer cannot be applied to these inputs.

    Attributes:
        message: one sentence that names what was received.
        argument: the layer argument to blame, if one is.
        notes: further facts, one a line.
    """

    def __init__(self, message: str, *, argument: str | None = None, notes: tuple[str, ...] = ()) -> None:
        """Keep the parts for the diagnostic."""
        self.message, self.argument, self.notes = message, argument, notes
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class CallArgument:
    """One argument of a layer's ``call``: its name and what it takes.

    Attributes:
        name: as Keras names it.
        tensor: whether it takes a tensor (or a list of them); otherwise a literal.
        required: whether a call must give it.
        default: the literal's default.
        many: a tensor argument that takes a list.
    """

    name: str
    tensor: bool = True
    required: bool = True
    default: Any = None
    many: bool = False


INPUTS = (CallArgument("inputs"),)
TRAINING = CallArgument("training", tensor=False, required=False)


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call, with the *types* of the tensors in place of the tensors."""

    args: Mapping[str, Argument]

    @classmethod
    def of(cls, args: Iterable[tuple[str, Argument]], type_of: Callable[[Ref], Tensor]) -> Call:
        """The call with these arguments, given what gives a value's type."""
        return cls({name: with_refs(value, type_of) for name, value in args})

    @property
    def x(self) -> Tensor:
        """The first argument, which must be one tensor.

        Raises:
            ShapeError: if it is a list of tensors or missing.
        """
        value = next(iter(self.args.values()), None)
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, Tensor):
            return value
        if isinstance(value, tuple):
            raise ShapeError(f"takes one input, got {len(value)}")
        raise ShapeError("needs an input")

    @property
    def xs(self) -> tuple[Tensor, ...]:
        """The tensors of the first argument, one or several.

        Raises:
            ShapeError: if there is none.
        """
        value = next(iter(self.args.values()), None)
        if isinstance(value, Tensor):
            return (value,)
        if isinstance(value, tuple) and value and all(isinstance(item, Tensor) for item in value):
            return value
        raise ShapeError("needs one or more input tensors")

    def tensor(self, name: str) -> Tensor | None:
        """A tensor argument by name, or None if the call does not give it."""
        value = self.args.get(name)
        return value if isinstance(value, Tensor) else None

    def literal(self, name: str, default: Any = None) -> Any:
        """A literal argument by name."""
        return self.args.get(name, default)


class Weight(NamedTuple):
    """One variable of a layer.

    Attributes:
        name: Keras's variable name (``kernel``), prefixed with ``path/`` inside wrappers.
        shape: fully known, or with unknown sizes if the input's are.
        initializer: an initializer object; None where Keras computes the value otherwise.
        trainable: whether gradient descent changes it (the layer's own ``trainable`` aside).
        dtype: None for the layer's variable dtype.
    """

    name: str
    shape: Shape
    initializer: Any = None
    trainable: bool = True
    dtype: str | None = None


class Layer(KerasObject):
    """Base of all layer descriptors. Fields of its own are the arguments every Keras layer takes."""

    kind: ClassVar[str] = "layer"
    keras_module: ClassVar[str] = "keras.layers"
    traits: ClassVar[frozenset[Trait]] = frozenset()
    call_arguments: ClassVar[tuple[CallArgument, ...]] = INPUTS
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype")
    """Fields that Keras takes through ``**kwargs``."""
    min_keras: ClassVar[str] = ""
    """The first Keras version that has this layer, where that is later than the lowest supported one."""
    supports_masking: ClassVar[bool] = True
    """Whether a mask on the input goes on to the output (Keras's ``supports_masking`` and ``compute_mask``)."""

    inputs_in_order: ClassVar[bool] = False
    """Whether a list of inputs gives the call arguments in order, instead of the first one as a list."""

    trainable: bool = True
    dtype: DTypePolicy | None = None

    @property
    def open_arguments(self) -> tuple[CallArgument, ...]:
        """The arguments that a call may give; an operand that an operation has as a literal is not among them."""
        return self.call_arguments

    @property
    def title(self) -> str:
        """What tables call it: its type."""
        return self.type_name

    @property
    def makes_mask(self) -> bool:
        """Whether the output carries a mask that the layer itself computes from its input."""
        return False

    @property
    def networks(self) -> tuple[Graph, ...]:
        """The networks that stand in the place of an argument: what a wrapper may hold."""
        return ()

    def applied(self, call: Call) -> tuple[Layer, Call]:
        """The layer that does the work, and its call: the wrapped one for a wrapper that only repeats it.

        Only layers with the trait `Trait.WRAPPER` differ from themselves here.
        """
        return self, call

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Types of the outputs, flattened in Keras's order.

        Raises:
            ShapeError: if the layer cannot be applied to these inputs.
        """
        raise NotImplementedError(type(self).__name__)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The layer's weights in the order of Keras's ``layer.weights``; seed states not counted."""
        return ()

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Floating-point operations for one sample; None where unknown."""
        return None

    def signal_rule(self, call: Call) -> Rule:
        """What the layer does to the size of a signal, in the words of `vgspec.layers.signal`.

        Sizes in ``call`` are known. An empty tuple is the identity; a layer without a rule of its own is
        unknown, never the identity.
        """
        from vgspec.layers.signal import Unknown

        return Unknown(f"{self.type_name} has no rule for the size of its signal")

    @property
    def compute_dtype(self) -> str:
        """The dtype in which the layer computes: its policy's, ``float32`` by default."""
        return compute_dtype(self.dtype)

    def autocast(self, x: Tensor) -> Tensor:
        """The input as the layer's ``call`` sees it: a floating one in the compute dtype, others unchanged."""
        return Tensor(x.shape, self.compute_dtype) if is_floating(x.dtype) else x

    def floating(self, x: Tensor) -> str:
        """The output dtype of a layer that combines its input with floating weights or constants.

        Raises:
            ShapeError: if the layer's policy is not a floating one, or the input is not numeric.
        """
        if not is_floating(self.compute_dtype):
            raise ShapeError(f"computes in floating point, got the dtype policy {self.dtype}", argument="dtype")
        if is_floating(x.dtype):
            return self.compute_dtype
        try:
            return result_type(x.dtype, self.compute_dtype)
        except ValueError:
            raise ShapeError(f"needs a numeric input, got {x}") from None


def activate(activation: Activation, x: Tensor) -> Tensor:
    """The output of a layer that applies an activation to ``x`` as its last step.

    Keras infers the shapes and builds the weights of such a layer as if there were no activation. So one that
    changes the shape, or has weights of its own, fails only when the model runs; both are refused.

    Raises:
        ShapeError: if the activation cannot be applied, changes the shape, or has weights.
    """
    if activation.name == "glu":
        raise ShapeError(
            "has the activation glu, which halves an axis, and Keras takes no account of that here",
            argument="activation",
        )
    if activation.layer is not None:
        call = Call({activation.layer.call_arguments[0].name: x})
        activation.layer.infer_outputs(call)
        if activation.layer.weight_specs(call):
            raise ShapeError(
                f"has the activation {activation.layer.type_name}, which has weights of its own; "
                "write it as a layer after this one",
                argument="activation",
            )
    return x


def nested_weights(layer: Layer, call: Call) -> tuple[Weight, ...]:
    """The weights of a layer inside a wrapper: names prefixed with the nested layer's default name."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", layer.type_name).lower()
    return tuple(
        weight._replace(
            name=f"{prefix}/{weight.name}",
            trainable=weight.trainable and layer.trainable,
            dtype=weight.dtype or variable_dtype(layer.dtype),
        )
        for weight in layer.weight_specs(call)
    )
