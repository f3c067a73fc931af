"""What was meant by a class of layers that there is not: what Keras calls it, or a name so near that it is a slip.

Names that look alike are no reason by themselves: a ``ClusteringLayer`` is somebody's own, and no ``CustomScaleLayer``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from vgspec.catalogue.activations import activation_names
from vgspec.layers.index import INDEX

__all__ = ["REGISTER", "layer_help"]

REGISTER = "a layer of your own is known once its class is registered: docs/how-to/custom-layers.md"
"""The next step where no layer of Keras is meant."""

_SLIP = 0.8
"""How alike (0 to 1) a typed name and the name of a layer are where one is a slip of the other."""

_SAME = 0.9
"""The same for the name of a class that exists somewhere: a config names it."""

_SHORTEST = 3
"""Letters that the beginning of a name must have to stand for the whole."""

_ELSEWHERE: Mapping[str, str] = {
    "adaptiveavgpool": "AdaptiveAveragePooling{n}D",
    "adaptivemaxpool": "AdaptiveMaxPooling{n}D",
    "atrousconvolution": "Conv{n}D with dilation_rate",
    "avgpool": "AveragePooling{n}D",
    "batchnorm": "BatchNormalization",
    "bigru": "Bidirectional with a GRU",
    "bilstm": "Bidirectional with an LSTM",
    "cat": "Concatenate",
    "conv": "Conv{n}D",
    "convolution": "Conv{n}D",
    "convtranspose": "Conv{n}DTranspose",
    "cudnngru": "GRU",
    "cudnnlstm": "LSTM",
    "deconvolution": "Conv{n}DTranspose",
    "droppath": "StochasticDepth",
    "fc": "Dense",
    "fullyconnected": "Dense",
    "globalavgpool": "GlobalAveragePooling{n}D",
    "globalmaxpool": "GlobalMaxPooling{n}D",
    "globalpool": "GlobalAveragePooling{n}D",
    "groupnorm": "GroupNormalization",
    "instancenorm": "GroupNormalization with groups: -1",
    "instancenormalization": "GroupNormalization with groups: -1",
    "interpolate": "Resizing",
    "layernorm": "LayerNormalization",
    "linear": "Dense",
    "maxpool": "MaxPooling{n}D",
    "mul": "Multiply",
    "pad": "ZeroPadding{n}D",
    "prod": "Multiply",
    "resize": "Resizing",
    "rmsnorm": "RMSNormalization",
    "rnncell": "SimpleRNNCell",
    "selfattention": "MultiHeadAttention with one input",
    "sub": "Subtract",
    "sum": "Add",
    "timedistributeddense": "TimeDistributed with a Dense",
    "upsample": "UpSampling{n}D",
    "zeropad": "ZeroPadding{n}D",
}
"""What Keras calls layers that other libraries, and older versions of Keras, have under other names. ``{n}`` is the
number of axes, 2 where the name does not tell it."""

_LANGUAGE: Mapping[str, str] = {
    "functional": "a model inside a model is a block: declare it under 'blocks', and write use",
    "input": "inputs are declared under 'inputs'",
    "model": "a model inside a model is a block: declare it under 'blocks', and write use",
    "sequential": "a model inside a model is a block: declare it under 'blocks', and write use",
}
"""Classes of Keras for which the language has a form of its own."""

_AXES = re.compile(r"(?P<stem>.*?[a-z])(?P<n>[123])d$")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _elsewhere(plain: str) -> str:
    """What Keras calls a layer of another library; empty where nothing is known."""
    match = _AXES.match(plain)
    stem, axes = (match["stem"], match["n"]) if match else (plain, "2")
    if found := _ELSEWHERE.get(stem):
        return found.format(n=axes)
    by_name = {_plain(name): name for name in activation_names()}
    return f"Activation: {{activation: {by_name[plain]}}}" if plain in by_name else ""


def layer_help(name: str, candidates: Iterable[str], *, exists: bool = False) -> str:
    """The next step for a name of a layer that is not known: what was probably meant, or how to register one's own.

    Args:
        name: the name that was given.
        candidates: the names that could stand there.
        exists: whether there is a class of this name somewhere, so that it is hardly a slip.
    """
    plain = _plain(name)
    by_plain = {_plain(option): option for option in candidates if option[:1].isupper()}
    same = by_plain.get(plain) or by_plain.get(f"{plain}2d")
    if same or plain in _LANGUAGE:
        return f"did you mean {same!r}?" if same else _LANGUAGE[plain]
    likely = [option for option, found in by_plain.items() if INDEX.get(found) not in ("applications", "opaque")]
    near = difflib.get_close_matches(plain, likely, n=1, cutoff=_SAME if exists else _SLIP)
    if not near and not exists and len(plain) >= _SHORTEST:
        near = sorted(
            (option for option in likely if option.startswith(plain)), key=lambda option: (len(option), option)
        )
    meant = f"did you mean {by_plain[near[0]]!r}?" if near else ""
    if known := _elsewhere(plain):
        meant = f"Keras has it as {known}"
    if exists and meant:
        return f"{meant}{'' if near and not known else ';'} {REGISTER}"
    return meant or REGISTER
