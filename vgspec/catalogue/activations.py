"""Keras's activations: one row each, with name, aliases, traits and the function itself.

An `Activation` is what a layer's ``activation`` argument holds: the id of a row, or an activation layer
with its arguments (``{LeakyReLU: {negative_slope: 0.1}}``), as Keras allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vgspec.catalogue.base import KerasObject, UnknownObjectError

if TYPE_CHECKING:
    from vgspec.layers.base import Layer

__all__ = ["ALL", "LINEAR", "SIGMOID", "TANH", "Activation", "activation_names", "resolve_activation"]


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

    def spec_value(self) -> Any:
        """``relu``, or ``{LeakyReLU: {negative_slope: 0.1}}``."""
        return self.name if self.layer is None else {self.layer.type_name: self.layer.canonical()}


NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("celu", ()),
    ("elu", ()),
    ("exponential", ()),
    ("gelu", ()),
    ("glu", ()),
    ("hard_shrink", ()),
    ("hard_sigmoid", ()),
    ("hard_silu", ("hard_swish",)),
    ("hard_tanh", ()),
    ("leaky_relu", ()),
    ("linear", ()),
    ("log_sigmoid", ()),
    ("log_softmax", ()),
    ("mish", ()),
    ("relu", ()),
    ("relu6", ()),
    ("selu", ()),
    ("sigmoid", ()),
    ("silu", ("swish",)),
    ("soft_shrink", ()),
    ("softmax", ()),
    ("softplus", ()),
    ("softsign", ()),
    ("sparse_plus", ()),
    ("sparse_sigmoid", ()),
    ("sparsemax", ()),
    ("squareplus", ()),
    ("tanh", ()),
    ("tanh_shrink", ()),
    ("threshold", ()),
)

LINEAR = Activation()
SIGMOID = Activation(name="sigmoid")
TANH = Activation(name="tanh")
RELU = Activation(name="relu")
ALL: tuple[type[Activation], ...] = (Activation,)


def activation_names() -> tuple[str, ...]:
    """Every id that an ``activation`` argument may name."""
    return tuple(name for row, aliases in NAMES for name in (row, *aliases))


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
        for name, aliases in NAMES:
            if value == name or value in aliases:
                return Activation(name=name)
        raise UnknownObjectError("activation", value)
    from vgspec.layers.base import Layer, Trait

    layer: Layer | Any = value
    if isinstance(value, Mapping):
        from vgspec.catalogue.base import resolve

        layer = resolve("layer", value)
    if isinstance(layer, Layer) and Trait.ACTIVATION in layer.traits:
        return Activation(name=type(layer).__name__, layer=layer)
    raise UnknownObjectError("activation", value, "expected the id of an activation or an activation layer")
