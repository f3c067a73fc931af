"""Compile settings as the arguments of ``model.compile``."""

from __future__ import annotations

from typing import Any

from vgspec.backends.objects import to_keras_value
from vgspec.catalogue.compile_spec import CompileSpec

__all__ = ["compile_arguments"]


def compile_arguments(settings: CompileSpec) -> dict[str, Any]:
    """The arguments that differ from Keras's defaults, as Keras objects; the optimizer always.

    Every call makes new objects, because an optimizer and a metric hold the variables of one model.

    Raises:
        UnsupportedError: if the installed Keras lacks a class or an argument.
    """
    return {name: to_keras_value(value) for name, value in settings.arguments()}
