"""What an editor can do with the published schema: complete names, show meanings, underline what does not fit.

A small model of how yaml-language-server reads a schema: at a place it follows ``$ref`` and all branches of ``anyOf``
and ``oneOf``, and offers their properties and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vgspec.catalogue.activations import activation_names
from vgspec.layers import all_layers

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schema" / "vgspec.schema.json").read_text(encoding="utf-8"))


def branches(schema: Any) -> Iterator[dict[str, Any]]:
    """The schemas that may hold at a place."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        target = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        yield from branches(target)
    yield schema
    for key in ("anyOf", "oneOf", "allOf"):
        for option in schema.get(key, ()):
            yield from branches(option)


def at(*path: str | int) -> list[dict[str, Any]]:
    """The schemas at a place of a document."""
    here = list(branches(SCHEMA))
    for token in path:
        below: list[Any] = []
        for schema in here:
            if isinstance(token, int):
                below.append(schema.get("items"))
            elif token in schema.get("properties", {}):
                below.append(schema["properties"][token])
            elif isinstance(schema.get("additionalProperties"), dict):
                below.append(schema["additionalProperties"])
        here = [found for item in below for found in branches(item)]
    return here


def names(*path: str | int) -> set[str]:
    """The keys that are offered at a place."""
    return {name for schema in at(*path) for name in schema.get("properties", {})}


def values(*path: str | int) -> set[str]:
    """The texts that are offered at a place."""
    found: set[str] = set()
    for schema in at(*path):
        found.update(value for value in schema.get("enum", ()) if isinstance(value, str))
        if isinstance(schema.get("const"), str):
            found.add(schema["const"])
    return found


def test_sections_are_offered_at_the_top() -> None:
    assert names() >= {
        "vgspec",
        "name",
        "params",
        "inputs",
        "layers",
        "outputs",
        "blocks",
        "include",
        "compile",
        "lint",
    }
    assert values("vgspec") == {"1"}


def test_every_layer_and_every_keyword_is_offered_in_a_list() -> None:
    offered = names("layers", 0)
    assert offered >= {layer.__name__ for layer in all_layers()}
    assert offered >= {"id", "in", "use", "repeat", "residual", "parallel", "call"}


@pytest.mark.parametrize("layer", ["Dense", "Conv2D", "LSTM", "BatchNormalization"])
def test_arguments_are_offered_with_meaning_and_default(layer: str) -> None:
    cls = next(item for item in all_layers() if item.__name__ == layer)
    offered = names("layers", 0, layer)
    assert offered >= set(cls.model_fields)
    for argument in cls.model_fields:
        schemas = at("layers", 0, layer, argument)
        assert any(schema.get("description") for schema in schemas), argument
        if not cls.model_fields[argument].is_required():
            assert any("default" in schema for schema in schemas), argument


def test_activations_losses_and_optimizers_are_offered() -> None:
    assert values("layers", 0, "Dense", "activation") >= set(activation_names())
    assert values("layers", 0, "Dense", "kernel_initializer") >= {"he_normal", "glorot_uniform"}
    assert values("compile", "optimizer") >= {"adam", "sgd"}
    assert values("compile", "loss") >= {"mse", "sparse_categorical_crossentropy"}


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({"Dense": {"units": -3}}, ["layers", 0, "Dense", "units"]),
        ({"Dense": {"units": 3, "activaton": "relu"}}, ["layers", 0, "Dense"]),
        ({"Dense": {}}, ["layers", 0, "Dense"]),
        ({"Dens": {"units": 3}}, ["layers", 0]),
    ],
)
def test_what_does_not_fit_is_underlined(item: Any, place: list[str | int]) -> None:
    """The deepest error of a validator lies where the mistake is."""
    document = {"vgspec": "1", "inputs": {"x": {"shape": [4]}}, "layers": [item]}
    errors = list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(document))
    assert errors
    paths = [list(error.absolute_path) for error in leaves(errors)]
    assert place in paths


def leaves(errors: Any) -> Iterator[Any]:
    for error in errors:
        yield error
        yield from leaves(error.context or ())
