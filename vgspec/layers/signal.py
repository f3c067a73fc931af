"""The words in which a layer says what it does to the size of a signal.

A descriptor's ``signal_rule`` returns a tuple of these primitives, applied one after the other, or
`Unknown` with a reason. They are plain data: `vgspec.analysis.signal` interprets them, forward and backward.
An empty tuple is the identity. Sizes come from the tensors of the call, so the primitives name only what
the shapes do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = [
    "WITHOUT_RULE",
    "Attend",
    "BatchNormalize",
    "Bias",
    "Bidirect",
    "Combine",
    "Concatenate",
    "Constant",
    "Convolution",
    "Crop",
    "DotProduct",
    "Drop",
    "Each",
    "Elementwise",
    "GlobalPool",
    "Linear",
    "Lookup",
    "MultiHead",
    "Noise",
    "Normalize",
    "Pad",
    "Permute",
    "Pool",
    "Primitive",
    "Recurrence",
    "Reshape",
    "Rule",
    "Scale",
    "Softmax",
    "Stop",
    "Tile",
    "Unknown",
    "Upsample",
    "flat",
]

Size: TypeAlias = tuple[int, ...]


def flat(value: Any) -> tuple[float, ...]:
    """The numbers of nested lists, or one number, in order."""
    if isinstance(value, tuple | list):
        return tuple(number for item in value for number in flat(item))
    return (float(value),)


@dataclass(frozen=True, slots=True)
class Unknown:
    """No rule: what stands upstream cannot be analysed."""

    reason: str


class Linear(NamedTuple):
    """A matrix on the last ``axes`` axes: ``fan_in`` values to ``fan_out``, the same for every other position.

    ``features`` are the output's sizes in place of those axes. ``spectral`` divides the kernel by its largest
    singular value as so many power iterations find it.
    """

    kernel: Any
    initializer: Any
    shape: Size
    fan_in: int
    fan_out: int
    features: Size
    axes: int = 1
    spectral: int = 0


class Convolution(NamedTuple):
    """A convolution on all axes but batch and ``axis``.

    ``shape`` is the kernel's, spatial sizes first. ``depthwise``: each channel by itself, ``shape[-1]``
    outputs for each. ``transposed``: the gradient of a convolution.
    """

    kernel: str
    initializer: Any
    shape: Size
    strides: Size
    padding: Literal["valid", "same", "causal"]
    filters: int
    dilation: Size = ()
    groups: int = 1
    transposed: bool = False
    depthwise: bool = False
    axis: int = -1
    output_padding: Size | None = None
    spectral: int = 0


class Bias(NamedTuple):
    """A trainable vector added along ``axis``."""

    initializer: Any
    shape: Size
    axis: int = -1


class Elementwise(NamedTuple):
    """An activation: a `vgspec.catalogue.activations.Activation`, applied to each element (or along an axis)."""

    activation: Any


class Softmax(NamedTuple):
    """Softmax (or its logarithm) along ``axes``."""

    axes: Size = (-1,)
    log: bool = False
    sparse: bool = False


class BatchNormalize(NamedTuple):
    """Zero mean and unit variance per channel of ``axis``, by batch statistics; then scale and offset.

    Where ``frozen``, the moving statistics (mean 0, variance 1 at first) are used instead.
    """

    axis: int = -1
    epsilon: float = 1e-3
    scale: Any = None
    offset: Any = None
    frozen: bool = False
    mean_initializer: Any = None
    variance_initializer: Any = None


class Normalize(NamedTuple):
    """Zero mean (if ``centered``) and unit mean square per sample over ``axes``; then scale and offset.

    ``groups``: the channel axis, the last of ``axes``, is split in so many groups. ``norm``: unit Euclidean length
    in place of unit mean square.
    """

    axes: Size = (-1,)
    epsilon: float = 1e-3
    centered: bool = True
    groups: int = 1
    scale: Any = None
    offset: Any = None
    norm: bool = False


class Scale(NamedTuple):
    """``factor * x + offset`` with a number each, or one for every channel."""

    factor: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)


class Constant(NamedTuple):
    """A weight (or data) of the layer's own, added to the input: ``initializer`` over ``shape``.

    ``broadcast``: the output has the weight's shape, whatever the input's values.
    """

    initializer: Any
    shape: Size
    add: bool = True


class Combine(NamedTuple):
    """Element by element over several inputs, with broadcasting; each is first multiplied by its factor, if given."""

    kind: Literal["add", "subtract", "multiply", "average", "maximum", "minimum"]
    factors: tuple[float, ...] = ()


class Concatenate(NamedTuple):
    """Joined along an axis, batch axis counted."""

    axis: int = -1


class DotProduct(NamedTuple):
    """Dot product of two inputs along one axis each."""

    axes: tuple[int, int]
    normalize: bool = False


class Pool(NamedTuple):
    """Maximum or average over a window."""

    kind: Literal["max", "average"]
    size: Size
    strides: Size
    padding: Literal["valid", "same"] = "valid"
    axis: int = -1


class GlobalPool(NamedTuple):
    """Maximum or average over all positions; ``adaptive`` gives the output sizes of an adaptive pooling."""

    kind: Literal["max", "average"]
    keepdims: bool = False
    axis: int = -1
    adaptive: Size = ()


class Pad(NamedTuple):
    """Zeros around the spatial axes: (before, after) for each."""

    amounts: tuple[tuple[int, int], ...]
    axis: int = -1


class Crop(NamedTuple):
    """Positions cut off; the output's shape says how many remain."""


class Upsample(NamedTuple):
    """Each position repeated, or interpolated, ``factors`` times along its axis."""

    factors: Size
    interpolation: str = "nearest"
    axis: int = -1


class Tile(NamedTuple):
    """The whole tensor repeated along a new first axis (``RepeatVector``)."""

    times: int


class Reshape(NamedTuple):
    """Elements in the same order under another shape: the output's."""


class Permute(NamedTuple):
    """Axes in another order: 1-based, batch axis left out, as Keras's ``Permute``."""

    dims: Size


class Drop(NamedTuple):
    """Dropout with rescaling. ``shared`` counts positions that are dropped together: none, or all."""

    rate: float
    shared: bool = False


class Noise(NamedTuple):
    """Zero-mean noise: ``added`` to or ``multiplied`` with (about one) the input, as a standard deviation.

    ``alpha_rate``: alpha dropout at that rate.
    """

    added: float = 0.0
    multiplied: float = 0.0
    alpha_rate: float = 0.0


class Lookup(NamedTuple):
    """Rows of a table by integer index."""

    kernel: str
    initializer: Any
    shape: Size


class Recurrence(NamedTuple):
    """A recurrent layer over axis 1.

    ``cell``: ``simple``, ``lstm`` or ``gru``. ``reset_after`` is GRU's. ``taps`` are the kernel
    sizes of the convolutional kinds. ``name`` goes before the names of the weights, for one cell of several.
    """

    cell: Literal["simple", "lstm", "gru"]
    units: int
    activation: Any
    recurrent_activation: Any
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any = None
    unit_forget_bias: bool = False
    reset_after: bool = True
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    taps: Size = ()
    name: str = ""


class Bidirect(NamedTuple):
    """Two recurrences, one on the reversed input, merged."""

    forward: tuple[Any, ...]
    backward: tuple[Any, ...]
    merge: Literal["concat", "sum", "mul", "ave"] | None = "concat"


class Each(NamedTuple):
    """Axis 1 taken as more samples for the inner primitives (``TimeDistributed``)."""

    rule: tuple[Any, ...]


class Attend(NamedTuple):
    """Attention without projections: inputs query, value and optionally key.

    ``scale`` is the number that multiplies the scores; ``additive`` scores ``sum(scale * tanh(q + k))``.
    """

    scale: float = 1.0
    additive: bool = False
    dropout: float = 0.0
    causal: bool = False


class MultiHead(NamedTuple):
    """Attention with projections: inputs query, value and optionally key.

    ``query_heads`` heads read ``key_heads`` heads of keys and values. Shapes of the kernels are
    (features, heads, size).
    """

    query_heads: int
    key_heads: int
    key_dim: int
    value_dim: int
    output: Size
    initializer: Any
    bias_initializer: Any = None
    dropout: float = 0.0
    causal: bool = False


class Stop(NamedTuple):
    """The gradient ends here."""


Primitive: TypeAlias = Any
Rule: TypeAlias = tuple[Primitive, ...] | Unknown
"""Primitives applied one after the other, or the reason why there are none."""


WITHOUT_RULE: Mapping[str, str] = {
    "augmentation": "random changes of images, whose size depends on the image",
    "preprocessing": "turns data into other data, out of the gradient's reach",
    "cell": "stands only inside RNN, which takes its recurrence",
}
"""Why layers have no signal rule, by their trait."""
