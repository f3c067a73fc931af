"""The gradient of a loss at the model's output, at initialisation and with random targets.

Targets: a class drawn uniformly, 0 or 1 by a fair coin, -1 or 1, or a standard normal number. Where the output is a
softmax or a sigmoid and the loss a cross-entropy, Keras computes the loss from the logits, and the gradient is given
there: ``(probability - target) / batch`` with the probability that the *loss* stands for.
"""

from __future__ import annotations

import math
from typing import Any

from vgspec.analysis.signal.functions import chain, scalar_function
from vgspec.analysis.signal.response import function_moments
from vgspec.analysis.signal.softmax import softmax_moments
from vgspec.analysis.signal.state import BATCH_SIZE, Moments, State, UnknownSignal
from vgspec.analysis.signal.step import Grad, GradSegment
from vgspec.analysis.signal.views import to_channel
from vgspec.catalogue.activations import ScalarActivation

__all__ = ["loss_gradient", "loss_name", "usual_loss"]

_ON_LOGITS = ("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "BinaryCrossentropy")
"""Losses that Keras computes from the logits of a softmax or sigmoid, whichever of the two it is."""


def usual_loss(activation: str) -> str:
    """The loss that goes with an output activation where none is compiled."""
    return {"softmax": "CategoricalCrossentropy", "sigmoid": "BinaryCrossentropy"}.get(activation, "MeanSquaredError")


def _grad(state: State, q: float, p: float, s: float, r: float, k: float, divisor: float, product: float = 0.0) -> Grad:
    """The gradient; ``product`` is its mean product with the tensor's own value."""
    size = math.sqrt(max(state.moments.q, 0.0))
    segment = GradSegment(state.channels, max(q, 0.0), p, s, r, k, a=product / size if size > 0.0 else 0.0)
    if segment.a:
        mean = state.moments.m / size
        segment = segment._replace(linear=segment.a * segment.a * max(1.0 - mean * mean, 0.0))
    return Grad((segment,), -2.0 * math.log(divisor), overlap=1.0 / max(state.channels, 1))


def loss_gradient(
    output: State, before: State | None, activation: str, name: str, from_logits: bool
) -> tuple[Grad, bool]:
    """The gradient at the output or before its activation.

    Args:
        output: the output tensor.
        before: the tensor before the output's activation, if there is one.
        activation: its name, ``linear`` for none.
        name: Keras's name of the loss.
        from_logits: whether the loss applies the activation itself.

    Returns:
        The gradient, and whether it is the one before the activation.

    Raises:
        UnknownSignal: for a loss without a formula.
    """
    if name == "Crossentropy":
        name = "BinaryCrossentropy" if output.channels == 1 else "CategoricalCrossentropy"
    output = to_channel(output, max(len(output.sizes) - 1, 0))
    positions, classes = output.positions, output.channels
    per_vector = float(BATCH_SIZE * positions)
    per_element = per_vector * classes
    fused = not from_logits and before is not None and activation in ("softmax", "sigmoid") and name in _ON_LOGITS
    if name == "KLDivergence" and activation == "softmax" and before is not None:
        fused = True
    if name in ("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "KLDivergence"):
        if fused or from_logits:
            logits = before if fused and before is not None else output
            logits = to_channel(logits, max(len(logits.sizes) - 1, 0))
            if classes < 2:
                return _grad(output, 0.0, 0.0, 0.0, 0.0, 0.0, per_vector), fused
            y = softmax_moments(logits.moments, classes)
            c2 = 1.0 / (classes * classes)
            q = y.q - 2.0 * c2 + 1.0 / classes
            # coherent parts are one draw of few probabilities: the typical square is below the mean one
            variance = min(max(logits.moments.q - logits.moments.k, 0.0), 4.0)
            typical = 1.0 / math.sqrt(1.0 + (2.0 + 4.0 * variance) / (classes - 1))
            p, s, r = ((value - c2) * typical for value in (y.p, y.s, y.r))
            product = max(logits.moments.q - logits.moments.k, 0.0) * max(1.0 / classes - y.q, 0.0)
            return _grad(logits, q, p, s, r, -q / (classes - 1), per_vector, product), fused
        return _normalised_crossentropy(output, classes, per_vector), False
    if name == "BinaryCrossentropy":
        if fused or from_logits:
            logits = before if fused and before is not None else output
            y, response = function_moments(logits.moments, chain(scalar_function(ScalarActivation("sigmoid"))))
            q, p, s, r, k = (
                value - y.m + c for value, c in zip((y.q, y.p, y.s, y.r, y.k), (0.5, *(0.25,) * 4), strict=True)
            )
            x = logits.moments
            slope = math.sqrt(float(response.slope_squares[0])) if response is not None else 0.0
            product = x.m * (y.m - 0.5) + max(x.q - x.m * x.m, 0.0) * slope
            return _grad(logits, q, p, s, r, k, per_element, product), fused
        return _clipped_binary(output, per_element), False
    return _regression(output, name, per_element), False


def _normalised_crossentropy(output: State, classes: int, divisor: float) -> Grad:
    """Cross-entropy of outputs that are no softmax: Keras divides them by their sum first."""
    y = output.moments
    size = max(abs(y.m), 0.1 * math.sqrt(y.q), 1e-7)
    total = classes * size
    inverse = y.q / size**4 if y.m > 0 else 1.0 / size**2
    q = (inverse - 2.0 / (size * total)) / classes + 1.0 / total**2
    if classes < 2:
        q = 0.0
    return _grad(output, q, 0.0, 0.0, 0.0, 0.0, divisor)


def _clipped_binary(output: State, divisor: float) -> Grad:
    """Binary cross-entropy of outputs that are no sigmoid: clipped to (0, 1), without gradient outside."""
    import numpy as np

    y = output.moments
    variance = max(y.q - y.m * y.m, 0.0)
    edge = 1.0 / divisor
    grid = np.linspace(edge, 1.0 - edge, 4001)
    if variance < 1e-12:
        if not edge < y.m < 1.0 - edge:
            return _grad(output, 0.0, 0.0, 0.0, 0.0, 0.0, divisor)
        grid = np.array([y.m])
        density = np.ones(1)
        step = 1.0
    else:
        density = np.exp(-0.5 * (grid - y.m) ** 2 / variance) / math.sqrt(2.0 * math.pi * variance)
        step = float(grid[1] - grid[0])
    square = 0.5 / grid**2 + 0.5 / (1.0 - grid) ** 2
    mean = (grid - 0.5) / (grid * (1.0 - grid))
    q = float((density * square).sum()) * step
    m = float((density * mean).sum()) * step
    shared = (y.p - y.m * y.m) / variance if variance > 1e-12 else 1.0
    second = float((density * mean * mean).sum()) * step
    p = m * m + shared * (second - m * m)
    return _grad(output, q, p, p, p, m * m, divisor)


def _regression(output: State, name: str, divisor: float) -> Grad:
    y = output.moments

    def grad(values: Moments, extra: float, factor: float, product: float = 0.0) -> Grad:
        q, p, s, r, k = (value * factor * factor for value in (values.q + extra, *values[2:6]))
        return _grad(output, q, p, s, r, k, divisor, product)

    if name == "MeanSquaredError":
        return grad(y, 1.0, 2.0, 2.0 * y.q)
    total = 1.0 + y.q
    if name == "MeanAbsoluteError":
        share = 2.0 / math.pi / total
        product = y.q * math.sqrt(share)
        return _grad(output, 1.0, share * y.p, share * y.s, share * y.r, share * y.k, divisor, product)
    if name in ("LogCosh", "Huber"):
        fn = ScalarActivation("tanh" if name == "LogCosh" else "hard_tanh")
        difference = Moments(y.m, total, *y[2:])
        return grad(function_moments(difference, chain(scalar_function(fn)))[0], 0.0, 1.0)
    if name in ("Hinge", "SquaredHinge"):
        if name == "SquaredHinge":
            return grad(y, 1.0, 2.0)
        share = 0.5 * math.erfc(-1.0 / math.sqrt(2.0 * max(y.q, 1e-12)))
        return _grad(output, share, 0.0, 0.0, 0.0, 0.0, divisor)
    if name == "CategoricalHinge":
        return _grad(output, 2.0 / output.channels, 0.0, 0.0, 0.0, 0.0, divisor / output.channels)
    if name == "CosineSimilarity":
        q = 1.0 / (output.channels**2 * max(y.q, 1e-12))
        return _grad(output, q, 0.0, 0.0, 0.0, 0.0, divisor / output.channels)
    if name == "MeanSquaredLogarithmicError":
        return grad(y, 0.2, 2.0)
    if name == "MeanAbsolutePercentageError":
        return _grad(output, 1e4 * 0.8 * divisor, 0.0, 0.0, 0.0, 0.0, divisor)
    if name == "Poisson":
        return grad(Moments(*(0.0,) * 9), 1.0 / max(y.q, 1e-7), 1.0)
    raise UnknownSignal(f"the gradient of {name} at the start is not known")


def loss_name(loss: Any) -> tuple[str, bool]:
    """Keras's name of a loss object, and its ``from_logits``."""
    return loss.type_name, bool(getattr(loss, "from_logits", False))
