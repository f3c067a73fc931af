"""What versions of Keras before the newest do otherwise, as far as a test notices it.

A test that fails there in one of these ways is skipped with the reason; one that fails in another way fails. A row
holds up to the version before ``until``. What a version does not have at all, a class or an argument, needs no row:
`vgspec.backends` says so when a model is built, and the test is skipped with those words.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DIFFERENCES", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference.

    Attributes:
        until: the first version of Keras that does as the newest.
        tests: a regular expression that the test's name has.
        error: a regular expression that the failure's text has.
        why: what the version does otherwise.
    """

    until: str
    tests: str
    error: str
    why: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "3.15.0",
        r"",
        r"Keras accepts what vgspec refuses",
        "refuses less: vgspec refuses what later versions refuse",
    ),
    Difference(
        "3.15.0",
        r"test_arguments|test_rejections|rejected",
        r"DID NOT RAISE",
        "refuses less: vgspec refuses what later versions refuse",
    ),
    Difference(
        "3.15.0",
        r"test_layers_attention.*(test_attention\[inputs[34]|test_attention_rejected)",
        r"expects a vector of size|Keras gives float32\(None, 2, 1\)|predicted .*Keras gives|Keras refuses too",
        "Attention and AdditiveAttention take inputs of rank 3 only",
    ),
    Difference(
        "3.15.0",
        r"test_signal_keras.*\[attention\]",
        r"percentile",
        "initializers count other fans for the kernels of MultiHeadAttention and EinsumDense: its weights are smaller",
    ),
    Difference(
        "3.15.0",
        r"test_layers_attention.*(test_scores|test_signatures_and_configs)",
        r"GroupQueryAttention",
        "GroupQueryAttention has other arguments, and gives no scores",
    ),
    Difference(
        "3.15.0",
        r"test_layers_convolution.*(Depthwise|Separable)",
        r"strides > 1. not supported in conjunction with .dilation_rate",
        "DepthwiseConv2D and the Separable layers take no strides together with dilation",
    ),
    Difference(
        "3.15.0",
        r"test_layers_core",
        r"dtype of lora_",
        "weights of LoRA have the dtype that the layer computes in",
    ),
    Difference(
        "3.15.0",
        r"test_fans_as_keras_counts_them",
        r"unexpected keyword argument 'input_axes'",
        "initializers count other fans for the kernels of MultiHeadAttention and EinsumDense: its weights are smaller",
    ),
    Difference(
        "3.15.0",
        r"test_operations.*test_keras_has_each_class_and_its_call",
        r"KeyError: '[A-Z]\w+'",
        "has fewer operations",
    ),
    Difference(
        "3.15.0",
        r"test_operations.*test_products",
        r"ops\.matmul",
        "matmul of two symbolic vectors of one element has rank 2",
    ),
    Difference(
        "3.15.0",
        r"test_operations.*test_reshape_of_open_shapes",
        r"'int' object has no attribute 'count'",
        "reshape takes a list of sizes, not one number",
    ),
)
