"""Kept signatures are those that Python would find."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from vgspec import compile_spec
from vgspec.backends.signatures import kept_signatures


def _asked(function: Any) -> tuple[Any, Any]:
    return inspect.signature(function), inspect.getfullargspec(function)


def test_a_kept_signature_is_the_one_that_would_be_found() -> None:
    for name in ("Dense", "Conv2D", "BatchNormalization", "LSTM", "MultiHeadAttention", "Dropout"):
        kind = getattr(keras.layers, name)
        before = [_asked(function) for function in (kind.__init__, kind.call)]
        with kept_signatures([kind]):
            assert "__signature__" in kind.call.__dict__
            assert [_asked(function) for function in (kind.__init__, kind.call)] == before
        assert "__signature__" not in kind.call.__dict__


def test_classes_of_others_are_left_alone() -> None:
    class Mine(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    with kept_signatures([Mine]):
        assert "__signature__" not in Mine.__init__.__dict__
        assert "__signature__" not in Mine.call.__dict__


def test_building_leaves_nothing_behind() -> None:
    compile_spec('vgspec: "1"\ninputs: {x: [4]}\nlayers: [{Dense: {units: 3, use_bias: false}}]')
    assert "__signature__" not in keras.layers.Dense.__init__.__dict__
    layer = keras.layers.Dense(5, activation="relu", name="mine")
    assert keras.layers.Dense.from_config(layer.get_config()).get_config() == layer.get_config()
