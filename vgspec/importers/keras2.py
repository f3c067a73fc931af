"""What Keras 2 (tf.keras) wrote differently: class names, argument names, calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic
from vgspec.ir import Graph

__all__ = ["ABSENT", "OLD_CLASSES", "OLD_KEYS", "REFUSED_CLASSES", "changed_functions", "renamed"]

OLD_CLASSES: Mapping[str, str] = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GroupedQueryAttention": "GroupQueryAttention",
}
"""Names under which older versions, or the classes themselves, write a class that is known under another."""

REFUSED_CLASSES: Mapping[str, str] = {
    "TFOpLambda": "it holds a TensorFlow function by name; save the model with Keras 3",
    "SlicingOpLambda": "it holds a TensorFlow function by name; save the model with Keras 3",
    "TensorFlowOpLayer": "it holds a TensorFlow graph node; save the model with Keras 3",
}

_RENAMED: Mapping[str, Mapping[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
}

OLD_KEYS: Mapping[str, Mapping[str, tuple[Any, ...] | None]] = {
    "*": {
        "autocast": None,
        "dynamic": (False,),
        "implementation": None,
        "time_major": (False,),
        "quantization_config": (None,),
    },
    "BatchNormalization": {
        "fused": None,
        "virtual_batch_size": (None,),
        "renorm": (False,),
        "renorm_clipping": (None,),
        "renorm_momentum": None,
        "adjustment": (None,),
    },
    "LayerNormalization": {"rms_scaling": (False,)},
    "Embedding": {"input_length": None},
    "MultiHeadAttention": {"query_shape": None, "key_shape": None, "value_shape": None, "output_rank": None},
    "DepthwiseConv1D": {
        "filters": None,
        "groups": None,
        "kernel_initializer": None,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
    "DepthwiseConv2D": {
        "filters": None,
        "groups": None,
        "kernel_initializer": None,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
    "SeparableConv1D": {
        "groups": (1,),
        "kernel_initializer": None,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
    "SeparableConv2D": {
        "groups": (1,),
        "kernel_initializer": None,
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
    "Conv1DTranspose": {"groups": (1,)},
    "Conv2DTranspose": {"groups": (1,)},
    "Conv3DTranspose": {"groups": (1,)},
}
"""Arguments that Keras 3 has no more, by class (``*``: any), with the values that mean what Keras 3 does; None
where the argument changes nothing in what is computed."""

ABSENT: Mapping[str, Mapping[str, Any]] = {
    "GRU": {"reset_after": False},
    "GRUCell": {"reset_after": False},
}
"""What a class did before it had an argument, where that is not the argument's default now."""

_SINGLE_AXIS = frozenset({"BatchNormalization"})


def changed_functions(graph: Graph, file: str) -> list[Diagnostic]:
    """A note for what Keras 3 computes in another way under the same name."""
    found = [node for node in graph.nodes if "hard_sigmoid" in json.dumps(graph.operator(node).canonical())]
    if not found:
        return []
    layers = list(dict.fromkeys(node.layer for node in found))
    named = ", ".join(repr(name) for name in layers[:3]) + (" …" if len(layers) > 3 else "")
    message = (
        f"hard_sigmoid has a slope of 1/6 in Keras 3, and had one of 0.2 in Keras 2, which wrote this model: {named} "
        "will give other outputs with the same weights"
    )
    first = found[0]
    return [codes.IMPORT_CHANGED.diagnostic(message, pointer=first.origin.pointer, file=file, node=first.id)]


def renamed(name: str, key: str, value: Any) -> tuple[str, Any]:
    """An argument of a class under its present name, with the value in its present form."""
    if name in _SINGLE_AXIS and key == "axis" and isinstance(value, list | tuple) and len(value) == 1:
        return key, value[0]
    return _RENAMED.get(name, {}).get(key, key), value
