"""One row a layer: to which tensors it applies, and valid arguments for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from vgspec.ir import Tensor

__all__ = ["TEMPLATES", "UNDRAWN", "Template", "items"]

Arguments = st.SearchStrategy[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Template:
    """How to draw one layer.

    Attributes:
        layer: its name.
        ranks: ranks of the input, batch included, to which it applies.
        arguments: given the input, a strategy of argument mappings.
        integers: whether it takes integers (and nothing else does).
        known_axes: axes whose size must be known.
        call: how the call names its input: ``inputs`` alone, ``self`` for query = value, or ``pair`` for a list
            that holds the input twice.
    """

    layer: str
    ranks: tuple[int, ...]
    arguments: Callable[[Tensor], Arguments]
    integers: bool = False
    known_axes: tuple[int, ...] = (-1,)
    call: str = "inputs"

    def applies(self, tensor: Tensor) -> bool:
        """Whether a layer of this template can be applied to a tensor."""
        if tensor.rank not in self.ranks or tensor.dtype.startswith("int") != self.integers:
            return False
        return all(isinstance(tensor.shape[axis], int) for axis in self.known_axes)


ACTIVATIONS = (
    "relu",
    "tanh",
    "sigmoid",
    "selu",
    "gelu",
    "elu",
    "softplus",
    "silu",
    "linear",
    "softsign",
    "hard_sigmoid",
)
KERNELS = ("glorot_uniform", "he_normal", "lecun_normal", "orthogonal", {"RandomNormal": {"stddev": 0.1}}, "he_uniform")
BIASES = ("zeros", "ones", {"RandomUniform": {"minval": -0.1, "maxval": 0.1}})
REGULARIZERS = (None, {"L2": {"l2": 0.01}}, {"L1": {"l1": 0.01}}, {"L1L2": {"l1": 0.01, "l2": 0.01}})

units = st.integers(1, 6)
activation = st.sampled_from(ACTIVATIONS)
kernel = st.sampled_from(KERNELS)
bias = st.sampled_from(BIASES)
regularizer = st.sampled_from(REGULARIZERS)
flag = st.booleans()
rate = st.sampled_from([0.0, 0.1, 0.5])
padding = st.sampled_from(["same", "valid"])


def _some(required: dict[str, Any] | None = None, **optional: st.SearchStrategy[Any]) -> Callable[[Tensor], Arguments]:
    """Required arguments always, each optional one sometimes."""
    strategy = st.fixed_dictionaries(required or {}, optional=optional)
    return lambda _: strategy


def _kernel_layer(required: dict[str, Any], **optional: st.SearchStrategy[Any]) -> Callable[[Tensor], Arguments]:
    common = {
        "activation": activation,
        "use_bias": flag,
        "kernel_initializer": kernel,
        "bias_initializer": bias,
        "kernel_regularizer": regularizer,
    }
    return _some(required, **common, **optional)


def _conv(rank: int, *, transposed: bool = False) -> Callable[[Tensor], Arguments]:
    def build(tensor: Tensor) -> Arguments:
        size = st.integers(1, 3)
        smallest = min((d for d in tensor.shape[1:-1] if isinstance(d, int)), default=1)
        same = st.just("same") if smallest < 3 and not transposed else padding
        return st.fixed_dictionaries(
            {"filters": units, "kernel_size": size, "padding": same},
            optional={
                "strides": st.integers(1, 2),
                "activation": activation,
                "use_bias": flag,
                "kernel_initializer": kernel,
                "bias_initializer": bias,
            },
        )

    return build


def _depthwise(tensor: Tensor) -> Arguments:
    return st.fixed_dictionaries(
        {"kernel_size": st.integers(1, 3), "padding": st.just("same")},
        optional={"depth_multiplier": st.integers(1, 2), "activation": activation, "use_bias": flag},
    )


def _pool(tensor: Tensor) -> Arguments:
    return st.fixed_dictionaries(
        {"pool_size": st.integers(1, 2), "padding": st.just("same")}, optional={"strides": st.integers(1, 2)}
    )


def _recurrent(**extra: st.SearchStrategy[Any]) -> Callable[[Tensor], Arguments]:
    return _some(
        {"units": units},
        activation=st.sampled_from(["tanh", "relu", "linear"]),
        use_bias=flag,
        kernel_initializer=kernel,
        return_sequences=flag,
        go_backwards=flag,
        dropout=rate,
        **extra,
    )


def _permute(tensor: Tensor) -> Arguments:
    axes = list(range(1, tensor.rank))
    return st.permutations(axes).map(lambda dims: {"dims": list(dims)})


def _reshape(tensor: Tensor) -> Arguments:
    total = 1
    for size in tensor.shape[1:]:
        total *= size if isinstance(size, int) else 1
    shapes: list[list[int]] = [[-1], [total]]
    shapes += [[d, total // d] for d in range(1, total + 1) if total % d == 0][:4]
    return st.sampled_from(shapes).map(lambda shape: {"target_shape": shape})


def _attention(tensor: Tensor) -> Arguments:
    return st.fixed_dictionaries(
        {"num_heads": st.integers(1, 2), "key_dim": st.integers(1, 4)},
        optional={"value_dim": st.integers(1, 4), "dropout": rate, "use_bias": flag, "output_shape": units},
    )


def _group_norm(tensor: Tensor) -> Arguments:
    channels = tensor.shape[-1]
    assert isinstance(channels, int)
    divisors = [d for d in range(1, channels + 1) if channels % d == 0]
    return st.fixed_dictionaries({"groups": st.sampled_from([*divisors, -1])}, optional={"center": flag, "scale": flag})


def _axes(rank: int) -> tuple[int, ...]:
    """The spatial axes and the last one."""
    return (*range(1, rank + 1), -1)


_ALL = (2, 3, 4, 5)
_SPATIAL = (3, 4, 5)

_AUGMENTATIONS: dict[str, dict[str, Any]] = {
    "AutoContrast": {},
    "RandomBrightness": {"factor": st.just(0.1)},
    "RandomContrast": {"factor": st.just(0.1)},
    "RandomCrop": {"height": st.just(2), "width": st.just(2)},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomInvert": {},
    "RandomRotation": {"factor": st.just(0.1)},
    "RandomShear": {"x_factor": st.just(0.1)},
    "RandomTranslation": {"height_factor": st.just(0.1), "width_factor": st.just(0.1)},
    "RandomZoom": {"height_factor": st.just(0.1)},
    "Solarization": {},
}

TEMPLATES: tuple[Template, ...] = (
    Template("Dense", (2, 3, 4), _kernel_layer({"units": units})),
    Template(
        "EinsumDense",
        (3,),
        lambda _: st.builds(
            lambda n, axes: {"equation": "abc,cd->abd", "output_shape": [None, n], **axes},
            units,
            st.sampled_from([{}, {"bias_axes": "d"}]),
        ),
    ),
    Template("Embedding", (1, 2), _some({"input_dim": st.just(60), "output_dim": units}, mask_zero=flag), True, ()),
    Template("Identity", _ALL, _some(), known_axes=()),
    Template("Masking", (3,), _some({}, mask_value=st.sampled_from([0.0, -1.0])), known_axes=()),
    *(Template(f"Conv{n}D", (n + 2,), _conv(n)) for n in (1, 2, 3)),
    *(Template(f"Conv{n}DTranspose", (n + 2,), _conv(n, transposed=True)) for n in (1, 2, 3)),
    *(Template(f"DepthwiseConv{n}D", (n + 2,), _depthwise) for n in (1, 2)),
    *(
        Template(
            f"SeparableConv{n}D",
            (n + 2,),
            lambda t: st.fixed_dictionaries(
                {"filters": units, "kernel_size": st.integers(1, 3), "padding": st.just("same")}
            ),
        )
        for n in (1, 2)
    ),
    *(Template(f"{kind}Pooling{n}D", (n + 2,), _pool) for kind in ("Max", "Average") for n in (1, 2, 3)),
    *(
        Template(f"Global{kind}Pooling{n}D", (n + 2,), _some({}, keepdims=flag), known_axes=())
        for kind in ("Max", "Average")
        for n in (1, 2, 3)
    ),
    Template("BatchNormalization", _ALL, _some({}, center=flag, scale=flag, epsilon=st.sampled_from([1e-3, 1e-5]))),
    Template("LayerNormalization", _ALL, _some({}, center=flag, scale=flag, epsilon=st.sampled_from([1e-3, 1e-6]))),
    Template("GroupNormalization", _SPATIAL, _group_norm),
    Template("RMSNormalization", _ALL, _some({}, epsilon=st.sampled_from([1e-6, 1e-3]))),
    Template("UnitNormalization", _ALL, _some()),
    Template(
        "SpectralNormalization",
        (2,),
        lambda _: units.map(lambda n: {"layer": {"Dense": {"units": n}}}),
        known_axes=(-1,),
    ),
    Template("Activation", _ALL, _some({"activation": activation}), known_axes=()),
    Template(
        "ReLU",
        _ALL,
        _some({}, max_value=st.sampled_from([None, 6.0]), negative_slope=st.sampled_from([0.0, 0.1])),
        known_axes=(),
    ),
    Template("LeakyReLU", _ALL, _some({}, negative_slope=st.sampled_from([0.1, 0.3])), known_axes=()),
    Template("PReLU", (2,), _some({}, alpha_initializer=st.sampled_from(["zeros", {"Constant": {"value": 0.25}}]))),
    Template("ELU", _ALL, _some({}, alpha=st.sampled_from([1.0, 0.5])), known_axes=()),
    Template("Softmax", _ALL, _some(), known_axes=()),
    *(
        Template(name, _ALL, _some({"rate": rate}), known_axes=())
        for name in ("Dropout", "GaussianDropout", "AlphaDropout")
    ),
    *(Template(f"SpatialDropout{n}D", (n + 2,), _some({"rate": rate}), known_axes=()) for n in (1, 2, 3)),
    Template("GaussianNoise", _ALL, _some({"stddev": st.sampled_from([0.1, 1.0])}), known_axes=()),
    Template("ActivityRegularization", _ALL, _some({}, l2=st.just(0.01)), known_axes=()),
    Template("Flatten", _ALL, _some(), known_axes=()),
    Template("Reshape", _SPATIAL, _reshape, known_axes=(1, 2, -1)),
    Template("Permute", _SPATIAL, _permute, known_axes=()),
    Template("RepeatVector", (2,), _some({"n": st.integers(1, 4)})),
    Template("ZeroPadding1D", (3,), _some({}, padding=st.sampled_from([1, [0, 2]]))),
    *(Template(f"ZeroPadding{n}D", (n + 2,), _some({}, padding=st.integers(0, 2))) for n in (2, 3)),
    Template("Cropping1D", (3,), _some({"cropping": st.just([0, 1])}), known_axes=(1, -1)),
    *(Template(f"UpSampling{n}D", (n + 2,), _some({}, size=st.integers(1, 2))) for n in (1, 2, 3)),
    Template("Rescaling", _ALL, _some({"scale": st.sampled_from([0.5, 2.0])}, offset=st.just(-1.0)), known_axes=()),
    Template("SimpleRNN", (3,), _recurrent()),
    Template("GRU", (3,), _recurrent(reset_after=flag)),
    Template("LSTM", (3,), _recurrent(unit_forget_bias=flag)),
    Template(
        "Bidirectional",
        (3,),
        lambda _: st.builds(
            lambda n, cell, sequences, mode: {
                "layer": {cell: {"units": n, "return_sequences": sequences}},
                "merge_mode": mode,
            },
            units,
            st.sampled_from(["SimpleRNN", "GRU", "LSTM"]),
            flag,
            st.sampled_from(["concat", "sum", "mul", "ave"]),
        ),
    ),
    Template("TimeDistributed", (3, 4), lambda _: units.map(lambda n: {"layer": {"Dense": {"units": n}}})),
    Template("MultiHeadAttention", (3,), _attention, call="self"),
    Template(
        "GroupQueryAttention",
        (3,),
        _some({"head_dim": st.integers(1, 4), "num_query_heads": st.just(2), "num_key_value_heads": st.integers(1, 2)}),
        call="self",
    ),
    *(Template(name, (3,), _some({}, dropout=rate), call="pair") for name in ("Attention", "AdditiveAttention")),
    Template("Dot", (2,), _some({"axes": st.just(1)}, normalize=flag), call="pair"),
    *(
        Template(f"Adaptive{kind}Pooling{n}D", (n + 2,), _some({"output_size": st.just(2)}), known_axes=_axes(n))
        for kind in ("Average", "Max")
        for n in (1, 2, 3)
    ),
    *(
        Template(f"Cropping{n}D", (n + 2,), _some({"cropping": st.just([[0, 1]] * n)}), known_axes=_axes(n))
        for n in (2, 3)
    ),
    Template("Normalization", _ALL, _some({"mean": st.just(0.5), "variance": st.just(2.0)}, invert=flag)),
    *(
        Template(
            f"ConvLSTM{n}D",
            (n + 3,),
            _some(
                {"filters": units, "kernel_size": st.integers(1, 2), "padding": st.just("same")}, return_sequences=flag
            ),
        )
        for n in (1, 2)
    ),
    Template(
        "RNN",
        (3,),
        lambda _: st.builds(
            lambda cells, sequences: {"cell": {"StackedRNNCells": {"cells": cells}}, "return_sequences": sequences},
            st.lists(
                st.builds(
                    lambda cell, n: {cell: {"units": n}},
                    st.sampled_from(["SimpleRNNCell", "GRUCell", "LSTMCell"]),
                    units,
                ),
                min_size=1,
                max_size=2,
            ),
            flag,
        ),
    ),
    Template("Pipeline", (4,), lambda _: st.just({"layers": [{"Rescaling": {"scale": 2.0}}, "RandomInvert"]})),
    Template("CategoryEncoding", (2,), _some({"num_tokens": st.just(60)}, output_mode=st.just("multi_hot")), True, ()),
    Template("Discretization", (2, 3), _some({"bin_boundaries": st.just([-1.0, 0.0, 1.0])}), known_axes=()),
    *(
        Template(name, (4,), _some({"height": st.just(3), "width": st.just(3)}), known_axes=(1, 2, -1))
        for name in ("Resizing", "CenterCrop")
    ),
    *(Template(name, (4,), _some(given), known_axes=(1, 2, -1)) for name, given in _AUGMENTATIONS.items()),
)


def items(tensor: Tensor) -> st.SearchStrategy[tuple[Template, dict[str, Any]]]:
    """A template that applies to ``tensor`` with arguments for it; nothing where none does."""
    fitting = [template for template in TEMPLATES if template.applies(tensor)]
    if not fitting:
        return st.nothing()
    return st.sampled_from(fitting).flatmap(
        lambda template: template.arguments(tensor).map(lambda arguments: (template, arguments))
    )


_COLOUR = "works on images of three channels in a given value range"
_INSIDE = "is no layer of its own: it is drawn inside RNN"
_STRINGS = "works on strings or needs a vocabulary of integers"

UNDRAWN: dict[str, str] = {
    **dict.fromkeys(("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"), _INSIDE),
    **dict.fromkeys(("HashedCrossing", "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"), _STRINGS),
    **dict.fromkeys(
        (
            *("AugMix", "ContrastLimitedAdaptiveHistogramEqualization", "RandAugment", "RandomColorDegeneration"),
            *("RandomColorJitter", "RandomElasticTransform", "RandomGaussianBlur", "RandomGrayscale", "RandomHue"),
            *("RandomPerspective", "RandomPosterization", "RandomSaturation", "RandomSharpness"),
        ),
        _COLOUR,
    ),
    **dict.fromkeys(("CutMix", "MixUp", "MaxNumBoundingBoxes"), "takes images together with labels or boxes"),
    **dict.fromkeys(("MelSpectrogram", "STFTSpectrogram"), "needs SciPy for its window"),
    **dict.fromkeys(("CustomScaleLayer", "LayerScale", "StochasticDepth"), "belongs to keras.applications"),
    "Equalization": "gives its input back as it is, of which Keras 3.15 makes a cycle",
    "Opaque": "stands for a layer that is not known, and cannot be built",
    "ConvLSTM3D": "needs an input of rank 6",
    "ReversibleEmbedding": "is called twice, the second time in reverse",
}
"""Layers that `specs` does not draw, and why; `Add` and the other merging layers are drawn by `documents`."""
