"""Every operation that vgspec knows, one row each: its function in ``keras.ops``, its family, what sets it apart.

A row is data until a document names it; then `vgspec.layers.operations.find_operation` makes the class. An
operation of no row is unknown, which is reported: nothing is guessed from a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vgspec.layers.base import Trait

__all__ = ["ROWS", "Row"]

_ACTIVATION = {"traits": frozenset({Trait.ACTIVATION})}
_ADDITIVE = {"traits": frozenset({Trait.MERGING, Trait.ADDITIVE})}
_MERGING = {"traits": frozenset({Trait.MERGING})}
_FLOAT = {"result": "float"}
_BOOL = {"result": "bool"}
_NUMBER = {"result": "number"}


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    Attributes:
        name: the function's name after ``keras.ops.``.
        family: the descriptor that it is a case of (its parameters, its shape rule), as ``module.Class``.
        classes: Keras's Operation classes behind it; several where versions or aliases differ.
        summary: what it computes, in a line.
        settings: class variables that differ from the family's.
        min_keras: the first Keras version that has it, where that is later than the lowest supported one.
    """

    name: str
    family: str
    classes: tuple[str, ...]
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    min_keras: str = ""


def _row(
    name: str, family: str, cls: str, summary: str, settings: Mapping[str, Any] | None = None, since: str = ""
) -> Row:
    return Row(name, family, tuple(cls.split()), summary, settings or {}, since)


_ARITHMETIC = (
    _row("add", "elementwise.Binary", "Add", "Sum.", _ADDITIVE),
    _row("subtract", "elementwise.Binary", "Subtract", "Difference.", _ADDITIVE),
    _row("multiply", "elementwise.Binary", "Multiply", "Product.", _MERGING),
    _row("divide", "elementwise.Binary", "Divide", "Quotient.", _FLOAT),
    _row("true_divide", "elementwise.Binary", "TrueDivide", "Quotient.", _FLOAT),
    _row("divide_no_nan", "elementwise.Binary", "DivideNoNan", "Quotient, zero where the divisor is zero.", _FLOAT),
    _row("floor_divide", "elementwise.Binary", "FloorDivide", "Quotient rounded down."),
    _row("mod", "elementwise.Binary", "Mod", "Rest of a division, with the sign of the divisor.", _NUMBER),
    _row("fmod", "elementwise.Binary", "Fmod", "Rest of a division, with the sign of the dividend.", _NUMBER, "3.14.0"),
    _row("power", "elementwise.Binary", "Power", "``x1`` to the power of ``x2``."),
    _row("maximum", "elementwise.Binary", "Maximum", "The larger element.", _MERGING),
    _row("minimum", "elementwise.Binary", "Minimum", "The smaller element.", _MERGING),
    _row("fmax", "elementwise.Binary", "Fmax", "The larger element that is a number.", {}, "3.15.0"),
    _row("fmin", "elementwise.Binary", "Fmin", "The smaller element that is a number.", {}, "3.15.0"),
    _row("arctan2", "elementwise.OfTensors", "Arctan2", "Angle of the point ``(x2, x1)``.", _FLOAT),
    _row("logaddexp", "elementwise.Binary", "Logaddexp", "Logarithm of a sum of exponentials.", _FLOAT),
    _row("negative", "elementwise.Unary", "Negative", "``-x``."),
    _row("abs", "elementwise.Unary", "Abs Absolute", "Absolute value."),
    _row("absolute", "elementwise.Unary", "Absolute", "Absolute value."),
    _row("sign", "elementwise.Unary", "Sign", "-1, 0 or 1."),
    _row("square", "elementwise.Unary", "Square", "``x * x``.", _NUMBER),
    _row("reciprocal", "elementwise.Unary", "Reciprocal", "``1 / x``; Keras infers float32.", {"result": "float32"}),
    _row("round", "elementwise.Round", "Round", "Rounded to some decimals."),
    _row("trunc", "elementwise.Unary", "Trunc", "Rounded towards zero.", {}, "3.6.0"),
    _row("clip", "elementwise.Clip", "Clip", "Limited to an interval."),
    _row("nan_to_num", "elementwise.NanToNum", "NanToNum", "Replaces what is no finite number."),
    _row("copy", "elementwise.Unary", "Copy", "The same values.", {"takes": "any", "flops": 0}),
    _row("where", "elementwise.Ternary", "Where", "``x1`` where the condition holds, else ``x2``."),
)
_FUNCTIONS = (
    *(
        _row(name, "elementwise.Unary", name.capitalize(), summary, _FLOAT)
        for name, summary in (
            ("sqrt", "Square root."),
            ("exp", "Exponential."),
            ("expm1", "``exp(x) - 1``."),
            ("log", "Natural logarithm."),
            ("log1p", "``log(1 + x)``."),
            ("log2", "Logarithm to base 2."),
            ("log10", "Logarithm to base 10."),
            ("sin", "Sine."),
            ("cos", "Cosine."),
            ("tan", "Tangent."),
            ("sinh", "Hyperbolic sine."),
            ("cosh", "Hyperbolic cosine."),
            ("arcsin", "Inverse sine."),
            ("arccos", "Inverse cosine."),
            ("arctan", "Inverse tangent."),
            ("arcsinh", "Inverse hyperbolic sine."),
            ("arccosh", "Inverse hyperbolic cosine."),
            ("arctanh", "Inverse hyperbolic tangent."),
            ("ceil", "Rounded up."),
            ("floor", "Rounded down."),
        )
    ),
    _row("exp2", "elementwise.Unary", "Exp2", "Two to the power of ``x``.", _FLOAT, "3.7.0"),
    _row("cbrt", "elementwise.Unary", "Cbrt", "Cube root.", {"result": "double"}, "3.11.0"),
    _row("rsqrt", "elementwise.Unary", "Rsqrt", "``1 / sqrt(x)``.", {"takes": "floats"}),
    _row("erf", "elementwise.Unary", "Erf", "Error function.", {"takes": "floats"}),
    _row("erfinv", "elementwise.Unary", "Erfinv", "Inverse error function.", {"takes": "floats"}),
)
_LOGIC = (
    _row("equal", "elementwise.Binary", "Equal", "``x1 == x2``.", {"result": "bool", "takes": "any"}),
    _row("not_equal", "elementwise.Binary", "NotEqual", "``x1 != x2``.", {"result": "bool", "takes": "any"}),
    _row("greater", "elementwise.Binary", "Greater", "``x1 > x2``.", _BOOL),
    _row("greater_equal", "elementwise.Binary", "GreaterEqual", "``x1 >= x2``.", _BOOL),
    _row("less", "elementwise.Binary", "Less", "``x1 < x2``.", _BOOL),
    _row("less_equal", "elementwise.Binary", "LessEqual", "``x1 <= x2``.", _BOOL),
    _row("logical_and", "elementwise.Binary", "LogicalAnd", "Both.", _BOOL),
    _row("logical_or", "elementwise.Binary", "LogicalOr", "One or both.", _BOOL),
    _row("logical_xor", "elementwise.Binary", "LogicalXor", "One and not both.", _BOOL),
    _row("logical_not", "elementwise.Unary", "LogicalNot", "Not.", _BOOL),
    _row("isclose", "elementwise.Closeness", "Isclose", "Equal within a tolerance."),
    _row("isfinite", "elementwise.Unary", "Isfinite", "A finite number.", _BOOL),
    _row("isinf", "elementwise.Unary", "Isinf", "Infinite.", _BOOL),
    _row("isnan", "elementwise.Unary", "Isnan", "Not a number.", _BOOL),
)
_ACTIVATIONS = (
    *(
        _row(name, "elementwise.Activating", cls, summary, {}, since)
        for name, cls, summary, since in (
            ("relu", "Relu", "``max(x, 0)``.", ""),
            ("relu6", "Relu6", "``relu`` with at most 6.", ""),
            ("sigmoid", "Sigmoid", "``1 / (1 + exp(-x))``.", ""),
            ("log_sigmoid", "LogSigmoid", "Logarithm of the sigmoid.", ""),
            ("hard_sigmoid", "HardSigmoid", "Piecewise linear sigmoid.", ""),
            ("sparse_sigmoid", "SparseSigmoid", "Linear from -1 to 1, else constant.", "3.10.0"),
            ("softplus", "Softplus", "``log(1 + exp(x))``.", ""),
            ("sparse_plus", "SparsePlus", "Smooth ramp that reaches zero.", "3.8.0"),
            ("softsign", "Softsign", "``x / (1 + |x|)``.", ""),
            ("silu", "Silu", "``x * sigmoid(x)``.", ""),
            ("swish", "Silu", "``x * sigmoid(x)``.", ""),
            ("hard_silu", "HardSilu", "``x * hard_sigmoid(x)``.", ""),
            ("hard_swish", "HardSilu", "``x * hard_sigmoid(x)``.", ""),
            ("selu", "Selu", "Scaled exponential linear unit.", ""),
            ("tanh_shrink", "TanhShrink", "``x - tanh(x)``.", "3.7.0"),
            ("hard_tanh", "HardTanh", "Limited to [-1, 1].", "3.7.0"),
        )
    ),
    _row("tanh", "elementwise.Unary", "Tanh", "Hyperbolic tangent.", {**_FLOAT, **_ACTIVATION}),
    _row("elu", "elementwise.WithAlpha", "Elu", "Exponential linear unit."),
    _row("celu", "elementwise.WithAlpha", "Celu", "Continuously differentiable exponential linear unit.", {}, "3.7.0"),
    _row("leaky_relu", "elementwise.WithSlope", "LeakyRelu", "``relu`` with a small slope below zero."),
    _row("gelu", "elementwise.WithApproximate", "Gelu", "Gaussian error linear unit."),
    _row("squareplus", "elementwise.WithB", "Squareplus", "``(x + sqrt(x * x + b)) / 2``.", {}, "3.7.0"),
    _row("hard_shrink", "elementwise.WithThreshold", "HardShrink", "Zero near zero.", {}, "3.7.0"),
    _row("soft_shrink", "elementwise.WithThreshold", "SoftShrink", "Zero near zero, shifted elsewhere.", {}, "3.7.0"),
    _row("threshold", "elementwise.Threshold", "Threshold", "Another value up to a threshold.", {}, "3.8.0"),
    _row("softmax", "elementwise.OnAxes", "Softmax", "Exponentials divided by their sum.", {"flops": 5}),
    _row("log_softmax", "elementwise.OnAxes", "LogSoftmax", "Logarithm of the softmax.", {"flops": 5}),
    _row("sparsemax", "elementwise.OnAxis", "Sparsemax", "Projection on the probability simplex.", {}, "3.8.0"),
    _row("glu", "network.Glu", "Glu", "One half times the sigmoid of the other.", {}, "3.7.0"),
)
_REDUCTIONS = (
    _row("sum", "reduction.Reduction", "Sum", "Sum.", {"result": "sum"}),
    _row("mean", "reduction.Reduction", "Mean", "Mean.", _FLOAT),
    _row("prod", "reduction.Product", "Prod", "Product."),
    _row("max", "reduction.WithInitial", "Max", "Largest element."),
    _row("min", "reduction.WithInitial", "Min", "Smallest element."),
    _row("amax", "reduction.Reduction", "Amax", "Largest element."),
    _row("amin", "reduction.Reduction", "Amin", "Smallest element."),
    _row("var", "reduction.Reduction", "Var", "Variance.", {"result": "float", "flops": 4}),
    _row("std", "reduction.Reduction", "Std", "Standard deviation.", {"result": "float", "flops": 4}),
    _row("median", "reduction.Reduction", "Median", "Median.", _FLOAT),
    _row(
        "logsumexp",
        "reduction.Reduction",
        "Logsumexp",
        "Logarithm of the sum of exponentials.",
        {"result": "float32", "flops": 3},
    ),
    _row("all", "reduction.Reduction", "All", "Whether all are true.", _BOOL),
    _row("any", "reduction.Reduction", "Any", "Whether one is true.", _BOOL),
    _row("count_nonzero", "reduction.Count", "CountNonzero", "How many are not zero."),
    _row("argmax", "reduction.Arg", "Argmax", "Where the largest is."),
    _row("argmin", "reduction.Arg", "Argmin", "Where the smallest is."),
    _row("average", "reduction.Average", "Average", "Mean, weighted if wanted."),
    _row("moments", "reduction.Moments", "Moments", "Mean and variance."),
    _row("norm", "reduction.Norm", "Norm", "Vector or matrix norm."),
    _row("cumsum", "elementwise.Cumulative", "Cumsum", "Sums of all elements so far."),
    _row("cumprod", "elementwise.Cumulative", "Cumprod", "Products of all elements so far."),
)
_MOVING = (
    _row("reshape", "rearranging.Reshape", "Reshape", "Another shape."),
    _row("ravel", "rearranging.Ravel", "Ravel", "One axis."),
    _row("transpose", "rearranging.Transpose", "Transpose", "Another order of axes."),
    _row("swapaxes", "rearranging.Swapaxes", "Swapaxes", "Two axes exchanged."),
    _row("moveaxis", "rearranging.Moveaxis", "Moveaxis", "Axes in other places."),
    _row("expand_dims", "rearranging.ExpandDims", "ExpandDims", "New axes of size 1."),
    _row("squeeze", "rearranging.Squeeze", "Squeeze", "Without axes of size 1."),
    _row("broadcast_to", "rearranging.BroadcastTo", "BroadcastTo", "Repeated to a shape."),
    _row("flip", "rearranging.Flip", "Flip", "Reversed."),
    _row("roll", "rearranging.Roll", "Roll", "Shifted end around."),
    _row("tile", "rearranging.Tile", "Tile", "The whole input repeated."),
    _row("repeat", "rearranging.Repeat", "Repeat", "Each element repeated."),
    _row("pad", "rearranging.Pad", "Pad", "More elements before and after."),
    _row("concatenate", "rearranging.Concatenate", "Concatenate", "Side by side along an axis."),
    _row("hstack", "rearranging.StackAlong", "Hstack", "Side by side along axis 1.", {"along": 1}),
    _row("vstack", "rearranging.StackAlong", "Vstack", "Side by side along axis 0.", {"along": 0}),
    _row("stack", "rearranging.Stack", "Stack", "Along a new axis."),
    _row("split", "rearranging.Split", "Split", "Parts along an axis."),
    _row("unstack", "rearranging.Unstack", "Unstack", "The slices of an axis."),
    _row("depth_to_space", "rearranging.DepthToSpace", "DepthToSpace", "Channels as blocks of pixels.", {}, "3.14.0"),
    _row("space_to_depth", "rearranging.SpaceToDepth", "SpaceToDepth", "Blocks of pixels as channels.", {}, "3.14.0"),
    _row("get_item", "indexing.GetItem", "GetItem", "``x[key]``."),
    _row("slice", "indexing.Slice", "Slice", "A block from starting indices."),
    _row("slice_update", "indexing.SliceUpdate", "SliceUpdate", "A block replaced."),
    _row("take", "indexing.Take", "Take", "Elements at indices."),
    _row("take_along_axis", "indexing.TakeAlongAxis", "TakeAlongAxis", "Elements at indices for every place."),
    _row("top_k", "indexing.TopK", "TopK", "The largest elements and where they are."),
    _row("one_hot", "indexing.OneHot", "OneHot", "One-hot vectors."),
    _row("sort", "elementwise.Sort", "Sort", "Sorted."),
    _row("argsort", "elementwise.Argsort", "Argsort", "The order when sorted."),
    _row("tril", "elementwise.Triangle", "Tril", "The lower triangle."),
    _row("triu", "elementwise.Triangle", "Triu", "The upper triangle."),
    _row("ones_like", "elementwise.Like", "OnesLike", "Ones in a shape."),
    _row("zeros_like", "elementwise.Like", "ZerosLike", "Zeros in a shape."),
    _row("full_like", "elementwise.FullLike", "FullLike", "A value in a shape."),
    _row("cast", "elementwise.Cast", "Cast", "Another dtype."),
    _row("saturate_cast", "elementwise.Cast", "SaturateCast", "Another dtype, with values limited to it.", {}, "3.6.0"),
    _row("convert_to_tensor", "elementwise.Convert", "ConvertToTensor", "The same values."),
    _row("stop_gradient", "elementwise.StopGradient", "StopGradient", "The same values, without a gradient."),
)
_PRODUCTS = (
    _row("matmul", "products.Matmul", "Matmul", "Matrix product."),
    _row("dot", "products.Dot", "Dot", "Sum of products over one axis of each."),
    _row("inner", "products.Inner", "Inner", "Sum of products over the last axes.", {}, "3.7.0"),
    _row("outer", "products.Outer", "Outer", "All products of two flattened tensors."),
    _row("tensordot", "products.Tensordot", "Tensordot", "Sum of products over several axes."),
    _row("einsum", "products.Einsum", "Einsum", "Sums of products by an equation."),
    _row("cross", "products.Cross", "Cross", "Cross product."),
)
_NETWORK = (
    _row("average_pool", "network.Pool", "AveragePool", "Mean under a window."),
    _row("max_pool", "network.Pool", "MaxPool", "Largest element under a window."),
    _row("conv", "network.Convolution", "Conv", "Convolution with another tensor."),
    _row("depthwise_conv", "network.DepthwiseConvolution", "DepthwiseConv", "Convolution channel by channel."),
    _row("normalize", "elementwise.Normalize", "Normalize", "Divided by the norm."),
    _row("layer_normalization", "network.LayerNormalization", "LayerNorm", "Layer normalization.", {}, "3.11.0"),
    _row("rms_normalization", "network.RmsNormalization", "RMSNorm", "Root-mean-square normalization.", {}, "3.9.0"),
    _row("batch_normalization", "network.BatchNormalization", "BatchNorm", "Normalization with given moments."),
    _row("dot_product_attention", "network.DotProductAttention", "DotProductAttention", "Attention.", {}, "3.6.0"),
    _row("image.resize", "network.Resize", "Resize", "Images of another size."),
)

ROWS: Mapping[str, Row] = {
    row.name: row
    for row in (
        *_ARITHMETIC,
        *_FUNCTIONS,
        *_LOGIC,
        *_ACTIVATIONS,
        *_REDUCTIONS,
        *_MOVING,
        *_PRODUCTS,
        *_NETWORK,
    )
}
