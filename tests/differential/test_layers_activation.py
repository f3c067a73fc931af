"""Activation layers against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    arguments,
    cases,
    check_arguments_rejected,
    check_config,
    check_layer,
    check_masking,
    check_rejected,
    check_signature,
    outcome,
    t,
    tensors,
)
from vgspec.catalogue.activations import activation_names
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym
from vgspec.layers.activation import ELU, LAYERS, Activation, LeakyReLU, PReLU, ReLU, Softmax
from vgspec.layers.base import Layer

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")]

H = Sym.named("h")
SHAPED = "Keras creates no weights for it and fails, or leaves them out, in the model"
EXAMPLES: tuple[Layer, ...] = (
    Activation(activation="tanh"),
    ELU(alpha=0.5),
    LeakyReLU(),
    PReLU(),
    ReLU(max_value=6.0, negative_slope=0.1, threshold=0.2),
    Softmax(),
)


def test_signatures_and_configs() -> None:
    assert {type(layer) for layer in EXAMPLES} == set(LAYERS)
    for layer in EXAMPLES:
        check_signature(type(layer))
        check_config(layer)
        check_masking(layer, Tensor((2, 3)))


@pytest.mark.parametrize("name", sorted(set(activation_names()) - {"glu"}))
def test_every_activation_id(name: str) -> None:
    check_layer(Activation(activation=name), t(3, 4))
    check_layer(Activation(activation=name, dtype="float16"), t(5))


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Activation(activation={"LeakyReLU": {"negative_slope": 0.1}}), t(3)),
        (Activation(activation={"ReLU": {"max_value": 6.0}}), t(H, 3)),
        (ReLU(), t()),
        (ReLU(), Tensor((None, None))),
        (PReLU(), t(4, 3)),
        (PReLU(shared_axes=1), t(None, 3)),
        (PReLU(shared_axes=(1, 2)), t(H, None, 3)),
        (PReLU(alpha_initializer="ones", trainable=False, dtype="mixed_float16"), t(3)),
        (PReLU(), t()),
        (Softmax(axis=(1, 2)), t(4, 3)),
        (Softmax(axis=-2), t(4, 3)),
        (Softmax(), t()),
    ],
)
def test_accepted(layer: Layer, inputs: Any) -> None:
    check_layer(layer, inputs)


def test_integer_input_is_declared_floating() -> None:
    for layer in (ReLU(), LeakyReLU(), Activation(activation="tanh"), Activation(activation="linear")):
        check_layer(layer, t(3, dtype="int32"), data=False)
    for layer in (ELU(), PReLU(), Softmax(), Activation(activation="gelu")):
        check_rejected(layer, t(3, dtype="int32"), match="floating-point")


def test_softmax_mask() -> None:
    mask = t(1, 3, dtype="bool")
    check_layer(Softmax(), {"inputs": t(4, 3), "mask": mask})
    check_rejected(Softmax(), {"inputs": t(4, 3), "mask": t(4, 2, dtype="bool")}, match="mask that broadcasts")
    check_rejected(Softmax(), {"inputs": t(3), "mask": t(4, 3, dtype="bool")}, match="mask that broadcasts")


def test_rejected() -> None:
    for axis in (3, -4, (1, 3)):
        check_rejected(Softmax(axis=axis), t(4, 3), match="has no axis", argument="axis")
    check_rejected(Softmax(axis=(1, -2)), t(4, 3), match="twice", argument="axis")
    check_rejected(PReLU(), t(None, 3), match="known size of the axis 1")
    check_rejected(PReLU(shared_axes=3), t(4, 3), match="no non-batch axis 3", argument="shared_axes")
    check_rejected(
        Activation(activation={"PReLU": {}}), t(3), match="weights of its own", argument="activation", stricter=SHAPED
    )
    check_rejected(
        Activation(activation="glu"), t(4), match="halves", argument="activation", stricter="it declares a wrong shape"
    )


def test_arguments_rejected() -> None:
    check_arguments_rejected(ReLU, max_value=-1.0)
    check_arguments_rejected(ReLU, negative_slope=-0.1)
    check_arguments_rejected(ReLU, threshold=-0.1)
    check_arguments_rejected(LeakyReLU, negative_slope=-0.1)
    check_arguments_rejected(Activation, activation="tanhh")
    check_arguments_rejected(PReLU, shared_axes=0, stricter="Keras then shares the last axis")
    check_arguments_rejected(Softmax, axis=(), stricter="Keras fails in the call")


@given(data=st.data(), cls=st.sampled_from([ELU, LeakyReLU, ReLU, PReLU, Softmax]))
@cases(60)
def test_agreement(data: st.DataObject, cls: type[Layer]) -> None:
    axes = {"axis": st.integers(-3, 3)} if cls is Softmax else {}
    shared = {"shared_axes": st.none() | st.integers(1, 3)} if cls is PReLU else {}
    layer = cls(**data.draw(arguments(cls, **axes, **shared)))
    x = data.draw(tensors(st.integers(1, 4), ("float32", "float16", "int32")))
    stricter = {"floating-point": "some arguments of ReLU make TensorFlow fail on integers, some do not"}
    event(outcome(layer, x, data=x.dtype != "int32", stricter=stricter))


def test_batch_size_is_kept() -> None:
    (y,) = check_layer(ReLU(), Tensor((BATCH, H)))
    assert y.shape == (BATCH, H)
