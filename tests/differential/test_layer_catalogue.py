"""Every public layer of the installed Keras has a descriptor, or is refused with a reason."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.differential.layer_harness import keras
from vgspec.layers import REFUSED, find_layer, layer_names

pytestmark = pytest.mark.tensorflow

PUBLIC = sorted(
    name
    for name, cls in vars(keras.layers).items()
    if inspect.isclass(cls) and issubclass(cls, keras.layers.Layer) and cls.__name__ == name
)


def test_every_public_layer_is_known_or_refused() -> None:
    known = {*layer_names(), *REFUSED}
    assert not [name for name in PUBLIC if name not in known]
    assert not {*layer_names()} & {*REFUSED}
    assert all(REFUSED.values())


def test_layers_that_this_keras_lacks_say_so() -> None:
    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    for name in layer_names():
        cls = find_layer(name)
        assert cls is not None
        if cls.keras_module != "keras.layers":
            continue  # a layer that keras.applications keeps to itself
        since = tuple(int(part) for part in cls.min_keras.split(".")[:2]) if cls.min_keras else (3, 0)
        if cls.keras_module != "keras.layers":  # what keras.applications keeps for itself
            assert hasattr(importlib.import_module(cls.keras_module), name)
            continue
        assert hasattr(keras.layers, name) == (since <= version), name
