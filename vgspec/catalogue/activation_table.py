"""The table of activations: one row each, with aliases, arguments, traits and the shape of the curve.

The functions themselves are in `vgspec.catalogue.activation_functions`, so that a lint run that needs only
traits does not import NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from vgspec.catalogue.meaning import Meaning

__all__ = ["BY_NAME", "ROWS", "ActivationRow", "Curve"]


@dataclass(frozen=True, slots=True)
class Curve:
    """The form of an elementwise function.

    Attributes:
        low: infimum of its values.
        high: supremum of its values.
        left: slope towards minus infinity.
        right: slope towards plus infinity; infinite for ``exponential``.
        kinks: points at which the function or one of its first two derivatives is not continuous; a
            quadrature is split there. Includes ``jumps``.
        jumps: points at which the function itself is not continuous.
        flat: intervals on which the derivative is exactly zero, where no gradient passes.
    """

    low: float = -inf
    high: float = inf
    left: float = 1.0
    right: float = 1.0
    kinks: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()
    flat: tuple[tuple[float, float], ...] = ()

    @property
    def saturating(self) -> bool:
        """Whether the slope vanishes on both sides, as that of sigmoid and tanh does."""
        return self.left == 0 and self.right == 0

    @property
    def bounded(self) -> bool:
        """Whether all values lie in a finite range."""
        return self.low > -inf and self.high < inf

    @property
    def can_die(self) -> bool:
        """Whether there is a half-line on which no gradient at all passes, so that a unit can get stuck."""
        return any(low == -inf or high == inf for low, high in self.flat)


@dataclass(frozen=True, slots=True)
class ActivationRow:
    """One activation of Keras.

    Attributes:
        name: Keras's function name.
        aliases: other ids that Keras takes.
        arguments: the function's arguments after ``x`` with their defaults, in Keras's order.
        required: arguments that have no default.
        curve: the curve for given arguments; None for a function that mixes entries of its input.
        meaning: what its output may be taken for.
        initializer: id of the initializer family that keeps the signal's size before this activation, if
            the literature names one.
        min_keras: the first Keras version that has it, where later than the lowest supported one.
    """

    name: str
    aliases: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    curve: Callable[..., Curve] | None = None
    meaning: Meaning = Meaning.REAL
    initializer: str | None = None
    min_keras: str = ""

    @property
    def elementwise(self) -> bool:
        """Whether each output entry depends on one input entry only."""
        return self.curve is not None


def _fixed(
    low: float = -inf,
    high: float = inf,
    left: float = 1.0,
    right: float = 1.0,
    kinks: tuple[float, ...] = (),
    flat: tuple[tuple[float, float], ...] = (),
) -> Callable[..., Curve]:
    curve = Curve(low, high, left, right, kinks, (), flat)
    return lambda **_: curve


def _relu(negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Curve:
    top = inf if max_value is None else max_value
    # Keras clips from below at zero only where it clips from above.
    start = threshold if max_value is None else max(threshold, 0.0)
    kinks = {threshold, start} | ({top} if max_value is not None and top > start else set())
    jumps = (threshold,) if threshold != 0 and start == threshold and min(top, threshold) != 0 else ()
    flat: list[tuple[float, float]] = []
    if negative_slope == 0:
        flat.append((-inf, start))
    elif start > threshold:
        flat.append((threshold, start))
    if max_value is not None:
        flat.append((max(top, start), inf))
    low = -inf if negative_slope > 0 else min(0.0, start)
    return Curve(low, top, negative_slope, 1.0 if max_value is None else 0.0, tuple(sorted(kinks)), jumps, tuple(flat))


def _leaky(negative_slope: float = 0.2) -> Curve:
    low = -inf if negative_slope > 0 else 0.0
    return Curve(low, inf, negative_slope, 1.0, (0.0,), (), ((-inf, 0.0),) if negative_slope == 0 else ())


def _gelu(approximate: bool = False) -> Curve:
    return Curve(-0.17004075057125403 if approximate else -0.16997120747990363, inf, 0.0, 1.0)


def _soft_shrink(threshold: float = 0.5) -> Curve:
    return Curve(kinks=(-threshold, threshold), flat=((-threshold, threshold),))


def _hard_shrink(threshold: float = 0.5) -> Curve:
    edges = (-threshold, threshold)
    return Curve(kinks=edges, jumps=edges, flat=(edges,))


def _threshold(threshold: float, default_value: float) -> Curve:
    jumps = (threshold,) if threshold != default_value else ()
    return Curve(min(threshold, default_value), inf, 0.0, 1.0, (threshold,), jumps, ((-inf, threshold),))


_SELU_LOW = -1.7580993408473766
_HE, _GLOROT, _LECUN = "he_normal", "glorot_uniform", "lecun_normal"
_POSITIVE, _SIGNED, _PROBABILITY = Meaning.NON_NEGATIVE, Meaning.SIGNED, Meaning.PROBABILITY
_AXIS: Mapping[str, Any] = {"axis": -1}
_RELU: Mapping[str, Any] = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}

ROWS: tuple[ActivationRow, ...] = (
    ActivationRow("linear", curve=_fixed()),
    ActivationRow("relu", arguments=_RELU, curve=_relu, meaning=_POSITIVE, initializer=_HE),
    ActivationRow(
        "relu6",
        curve=_fixed(0, 6, 0, 0, (0.0, 6.0), ((-inf, 0.0), (6.0, inf))),
        meaning=_POSITIVE,
        initializer=_HE,
    ),
    ActivationRow("leaky_relu", arguments={"negative_slope": 0.2}, curve=_leaky, initializer=_HE),
    ActivationRow(
        "elu",
        arguments={"alpha": 1.0},
        curve=lambda alpha=1.0: Curve(min(-alpha, 0.0), inf, 0.0, 1.0, (0.0,)),
        initializer=_HE,
    ),
    ActivationRow(
        "celu",
        arguments={"alpha": 1.0},
        curve=lambda alpha=1.0: Curve(-alpha, inf, 0.0, 1.0, (0.0,)),
        initializer=_HE,
        min_keras="3.7.0",
    ),
    ActivationRow("selu", curve=_fixed(_SELU_LOW, inf, 0.0, 1.0507009873554805, (0.0,)), initializer=_LECUN),
    ActivationRow("gelu", arguments={"approximate": False}, curve=_gelu, initializer=_HE),
    ActivationRow("silu", ("swish",), curve=_fixed(-0.2784645427610738, inf, 0.0, 1.0), initializer=_HE),
    ActivationRow(
        "hard_silu",
        ("hard_swish",),
        curve=_fixed(-0.375, inf, 0.0, 1.0, (-3.0, 3.0), ((-inf, -3.0),)),
        initializer=_HE,
    ),
    ActivationRow("mish", curve=_fixed(-0.30884341301725043, inf, 0.0, 1.0), initializer=_HE),
    ActivationRow("softplus", curve=_fixed(0, inf, 0.0, 1.0), meaning=_POSITIVE, initializer=_HE),
    ActivationRow(
        "squareplus",
        arguments={"b": 4},
        curve=lambda b=4: Curve(0.0, inf, 0.0, 1.0, () if b else (0.0,)),
        meaning=_POSITIVE,
        initializer=_HE,
        min_keras="3.7.0",
    ),
    ActivationRow(
        "sparse_plus",
        curve=_fixed(0, inf, 0.0, 1.0, (-1.0, 1.0), ((-inf, -1.0),)),
        meaning=_POSITIVE,
        initializer=_HE,
        min_keras="3.8.0",
    ),
    ActivationRow("exponential", curve=_fixed(0, inf, 0.0, inf), meaning=_POSITIVE),
    ActivationRow("sigmoid", curve=_fixed(0, 1, 0, 0), meaning=_PROBABILITY, initializer=_GLOROT),
    ActivationRow(
        "hard_sigmoid",
        curve=_fixed(0, 1, 0, 0, (-3.0, 3.0), ((-inf, -3.0), (3.0, inf))),
        meaning=_PROBABILITY,
        initializer=_GLOROT,
    ),
    ActivationRow(
        "sparse_sigmoid",
        curve=_fixed(0, 1, 0, 0, (-1.0, 1.0), ((-inf, -1.0), (1.0, inf))),
        meaning=_PROBABILITY,
        initializer=_GLOROT,
        min_keras="3.10.0",
    ),
    ActivationRow("log_sigmoid", curve=_fixed(-inf, 0, 1, 0), meaning=Meaning.LOG_PROBABILITY, min_keras="3.7.0"),
    ActivationRow("tanh", curve=_fixed(-1, 1, 0, 0), meaning=_SIGNED, initializer=_GLOROT),
    ActivationRow(
        "hard_tanh",
        curve=_fixed(-1, 1, 0, 0, (-1.0, 1.0), ((-inf, -1.0), (1.0, inf))),
        meaning=_SIGNED,
        initializer=_GLOROT,
        min_keras="3.7.0",
    ),
    ActivationRow("softsign", curve=_fixed(-1, 1, 0, 0, (0.0,)), meaning=_SIGNED, initializer=_GLOROT),
    ActivationRow("tanh_shrink", curve=_fixed(), min_keras="3.7.0"),
    ActivationRow("soft_shrink", arguments={"threshold": 0.5}, curve=_soft_shrink, min_keras="3.7.0"),
    ActivationRow("hard_shrink", arguments={"threshold": 0.5}, curve=_hard_shrink, min_keras="3.7.0"),
    ActivationRow("threshold", required=("threshold", "default_value"), curve=_threshold, min_keras="3.8.0"),
    ActivationRow("softmax", arguments=_AXIS, meaning=Meaning.DISTRIBUTION),
    ActivationRow("log_softmax", arguments=_AXIS, meaning=Meaning.LOG_DISTRIBUTION),
    ActivationRow("sparsemax", arguments=_AXIS, meaning=Meaning.DISTRIBUTION, min_keras="3.8.0"),
    ActivationRow("glu", arguments=_AXIS, min_keras="3.7.0"),
)
"""Every activation that Keras has. ``glu`` alone changes the shape: it halves the size of ``axis``."""

BY_NAME: Mapping[str, ActivationRow] = {name: row for row in ROWS for name in (row.name, *row.aliases)}
