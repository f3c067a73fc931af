"""The JSON config of a live Keras model."""

from __future__ import annotations

import json
from typing import Any

from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.backends.runtime import load_keras
from vgspec.codes import BAD_CONFIG

__all__ = ["model_config"]


def model_config(model: Any) -> Any:
    """The config as Keras saves it, compile settings included.

    Raises:
        TypeError: if it is no Keras model.
        BuildError: if Keras cannot write the config, as with a layer that has no ``get_config``.
    """
    keras = load_keras()
    if not isinstance(model, keras.Model):
        raise TypeError(f"expected a keras.Model, got {type(model).__name__}")
    try:
        return json.loads(model.to_json())
    except Exception as error:
        message = f"Keras cannot write the config of the model {model.name!r}"
        raise BuildError([about(BAD_CONFIG, message, notes=[f"Keras says: {first_lines(error)}"])]) from error
