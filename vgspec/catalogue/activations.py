"""Keras's activations as layer arguments: the id of a row of the table, or an activation layer.

An `Activation` is what a layer's ``activation`` argument holds: the id of a row, or an activation layer
with its arguments (``{LeakyReLU: {negative_slope: 0.1}}``), as Keras allows. `Activation.scalar` gives the
function itself with the layer's arguments bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from vgspec.catalogue.activation_table import BY_NAME, ROWS, ActivationRow, Curve
from vgspec.catalogue.base import KerasObject, UnknownObjectError, refused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vgspec.layers.base import Layer

__all__ = [
    "ALL",
    "LINEAR",
    "RELU",
    "SIGMOID",
    "TANH",
    "Activation",
    "ActivationRow",
    "Curve",
    "ScalarActivation",
    "activation_names",
    "activation_of",
    "resolve_activation",
]


@dataclass(frozen=True, slots=True)
class ScalarActivation:
    """An elementwise function with its arguments bound. Hashable, so that moments can be cached by it.

    Attributes:
        name: the row's name.
        arguments: arguments that differ from the row's defaults, sorted by name.
    """

    name: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def row(self) -> ActivationRow:
        """The row of the table."""
        return BY_NAME[self.name]

    @property
    def curve(self) -> Curve:
        """Range, slopes at infinity, kinks and flat pieces, for these arguments."""
        return _curve(self.name, self.arguments)

    def f(self, x: Any) -> NDArray[np.float64]:
        """The function, elementwise in float64."""
        from vgspec.catalogue.activation_functions import call

        return call(self.name, 0, x, dict(self.arguments))

    def df(self, x: Any) -> NDArray[np.float64]:
        """The derivative, elementwise in float64; at a kink one of the one-sided ones."""
        from vgspec.catalogue.activation_functions import call

        return call(self.name, 1, x, dict(self.arguments))


@lru_cache(maxsize=512)
def _curve(name: str, arguments: tuple[tuple[str, Any], ...]) -> Curve:
    curve = BY_NAME[name].curve
    if curve is None:
        raise TypeError(f"{name} is not elementwise")
    return curve(**dict(arguments))


def _bind(name: str, arguments: Mapping[str, Any]) -> ScalarActivation | None:
    row = BY_NAME[name]
    if not row.elementwise or any(argument not in arguments for argument in row.required):
        return None
    changed = {key: value for key, value in arguments.items() if key in row.required or value != row.arguments[key]}
    return ScalarActivation(row.name, tuple(sorted(changed.items())))


class Activation(KerasObject):
    """The activation a layer applies to its output: a named function or an activation layer."""

    kind: ClassVar[str] = "activation"
    keras_module: ClassVar[str] = "keras.activations"

    name: str = "linear"
    layer: Any = None

    @property
    def is_linear(self) -> bool:
        """Whether it changes nothing."""
        return self.layer is None and self.name == "linear"

    @property
    def row(self) -> ActivationRow | None:
        """The row of the table that it stands for; None for a layer that the table does not know."""
        if self.layer is None:
            return BY_NAME.get(self.name)
        bound = _of_layer(self.layer)
        return None if bound is None else BY_NAME[bound[0]]

    def scalar(self) -> ScalarActivation | None:
        """The function with its arguments; None where it is not elementwise or not known before training."""
        return self.bound

    @cached_property
    def bound(self) -> ScalarActivation | None:
        """What `scalar` gives."""
        bound = (self.name, {}) if self.layer is None else _of_layer(self.layer)
        return None if bound is None or bound[0] not in BY_NAME else _bind(*bound)

    def spec_value(self) -> Any:
        """``relu``, or ``{LeakyReLU: {negative_slope: 0.1}}``."""
        return self.name if self.layer is None else {self.layer.type_name: self.layer.canonical()}


def _of_layer(layer: Layer) -> tuple[str, Mapping[str, Any]] | None:
    """The row and the arguments that an activation layer stands for.

    A ``PReLU`` learns its slope: it counts as the ``leaky_relu`` that it starts as, if every entry of its slope
    starts equal.
    """
    given: Any = layer
    match layer.type_name:
        case "Activation":
            inner: Activation = given.activation
            return (inner.name, {}) if inner.layer is None else _of_layer(inner.layer)
        case "ReLU":
            names = ("negative_slope", "max_value", "threshold")
            return "relu", {name: getattr(given, name) for name in names}
        case "LeakyReLU":
            return "leaky_relu", {"negative_slope": given.negative_slope}
        case "ELU":
            return "elu", {"alpha": given.alpha}
        case "PReLU":
            slope = given.alpha_initializer.moments(())
            return ("leaky_relu", {"negative_slope": slope.mean}) if slope.variance == 0 else None
        case "Softmax":
            return "softmax", {"axis": given.axis}
        case _:
            return None


def activation_of(layer: Layer) -> Activation | None:
    """The activation whose whole work a layer does; None for any other layer."""
    from vgspec.layers.base import Trait

    if Trait.ACTIVATION not in layer.traits:
        return None
    if layer.type_name == "Activation":
        inner: Activation = layer.activation  # type: ignore[attr-defined]  # the Activation layer has this field
        return inner
    return Activation(name=layer.type_name, layer=layer)


LINEAR = Activation()
SIGMOID = Activation(name="sigmoid")
TANH = Activation(name="tanh")
RELU = Activation(name="relu")
ALL: tuple[type[Activation], ...] = (Activation,)


def activation_names() -> tuple[str, ...]:
    """Every id that an ``activation`` argument may name."""
    unusable = refused("activation")
    return tuple(name for row in ROWS for name in (row.name, *row.aliases) if name not in unusable)


@lru_cache(maxsize=256)
def _named(name: str) -> Activation:
    """The function of this name: one object wherever it is written, which knows its bound form."""
    return LINEAR if name == LINEAR.name else Activation(name=name)


def resolve_activation(value: Any) -> Activation:
    """The activation that a spec value stands for; None is linear.

    Raises:
        UnknownObjectError: for an unknown id or a layer that is no activation.
    """
    if value is None:
        return LINEAR
    if isinstance(value, Activation):
        return value
    if isinstance(value, str):
        unusable = refused("activation")
        if value in unusable:
            raise UnknownObjectError("activation", value, f"{value} cannot stand in a spec: {unusable[value]}")
        if value in BY_NAME:
            return _named(BY_NAME[value].name)
        raise UnknownObjectError("activation", value)
    from vgspec.layers.base import Layer, Trait

    layer: Layer | Any = value
    if isinstance(value, Mapping):
        from vgspec.catalogue.base import resolve

        layer = resolve("layer", value)
    if isinstance(layer, Layer) and Trait.ACTIVATION in layer.traits:
        return Activation(name=type(layer).__name__, layer=layer)
    raise UnknownObjectError("activation", value, "expected the id of an activation or an activation layer")
