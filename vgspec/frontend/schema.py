"""The published JSON Schema (draft 2020-12), made from the descriptors.

Every argument takes "its type, or an expression". The schema is strict: what it accepts has the right
form, and what it refuses `vgspec.frontend.structure` refuses in the same words. Keys that begin with
``x-`` are notes for that module; other validators ignore them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from vgspec.catalogue.activations import activation_names
from vgspec.catalogue.base import FAMILIES, KerasObject, canonical_value, default_of, find, known_names
from vgspec.frontend import grammar
from vgspec.layers import Layer, Trait, all_layers
from vgspec.layers.operations import PREFIX, Operation, find_operation, operation_names

__all__ = ["ACTIONS", "build_schema"]

ACTIONS = ("use", "call", "repeat", "residual", "parallel")
"""The language's own actions; any other action is a layer."""

EXPRESSION = {"$ref": "#/$defs/expression"}
_DROPPED = frozenset({"title", "x-kind", "x-many", "x-optional"})


def ref(name: str) -> dict[str, str]:
    """A reference to a definition."""
    return {"$ref": f"#/$defs/{name}"}


def build_schema() -> dict[str, Any]:
    """The whole schema as a JSON-ready dictionary."""
    layers = all_layers()
    defs: dict[str, Any] = dict(grammar.definitions())
    defs["expression"] = {
        "type": "string",
        "pattern": r"^\$(?!\$)",
        "description": "$name or $(expression), evaluated when the spec is expanded.",
        "x-expression": True,
    }
    for layer in layers:
        defs[f"layer.{layer.__name__}"] = arguments_schema(layer)
    for name in operation_names():
        operation = find_operation(name)
        assert operation is not None, "every name has its row"
        defs[name] = arguments_schema(operation)
    defs["layer"] = choice("layer", layers)
    defs["merge"] = merge_choice(defs["layer"])
    for kind in FAMILIES:
        if kind in ("layer", "activation"):
            continue
        classes = {find(kind, name) for name in known_names(kind)}
        ordered = sorted((cls for cls in classes if cls is not None), key=lambda cls: cls.__name__)
        for cls in ordered:
            defs[f"{kind}.{cls.__name__}"] = arguments_schema(cls)
        defs[kind] = choice(kind, ordered)
    defs["activation"] = activation_choice(layers)
    defs["item"] = item_schema(layers)
    defs["item_string"] = item_string(layers)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://vgspec.dev/schema/vgspec.schema.json",
        "title": "vgspec model specification, language version 1",
        **grammar.root(),
        "$defs": dict(sorted(factored(defs).items())),
    }


def factored(defs: Mapping[str, Any]) -> dict[str, Any]:
    """The same definitions, with an argument that many classes have in the same form written once.

    The form becomes the definition ``argument.NAME``, or ``argument.NAME.2`` … where a name has several such
    forms, the most frequent first. It halves the published file, which every lint reads.
    """
    forms: dict[str, Counter[str]] = {}
    for definition in defs.values():
        for name, form in definition["properties"].items() if "x-arguments" in definition else ():
            forms.setdefault(name, Counter())[json.dumps(form)] += 1
    made: dict[str, Any] = {}
    names: dict[tuple[str, str], str] = {}
    for name, counts in forms.items():
        often = [form for form, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count > 2]
        for i, form in enumerate(often, 1):
            names[name, form] = f"argument.{name}" if i == 1 else f"argument.{name}.{i}"
            made[names[name, form]] = json.loads(form)

    def shortened(definition: Mapping[str, Any]) -> dict[str, Any]:
        if "x-arguments" not in definition:
            return dict(definition)
        pairs = ((name, form, names.get((name, json.dumps(form)))) for name, form in definition["properties"].items())
        return {**definition, "properties": {name: ref(known) if known else form for name, form, known in pairs}}

    return {**{name: shortened(definition) for name, definition in defs.items()}, **made}


def choice(kind: str, classes: Iterable[type[KerasObject]]) -> dict[str, Any]:
    """An object of a kind: its name, if it needs no arguments, or ``{Name: arguments}``."""
    names: list[str] = []
    properties: dict[str, Any] = {}
    for cls in classes:
        name = cls.keras_name or cls.__name__
        spellings = [*cls.aliases, name]
        for spelling in spellings:
            properties[spelling] = ref(f"{kind}.{cls.__name__}")
        if not _required(cls):
            names += spellings
    options: list[dict[str, Any]] = [EXPRESSION]
    if names:
        options.append({"type": "string", "enum": names, "x-expect": f"the name of a {kind}"})
    options.append(
        {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "x-kind": kind,
            "x-expect": "a mapping {Name: arguments}",
        }
    )
    return {"anyOf": options, "x-kind": kind}


def merge_choice(layer: Mapping[str, Any]) -> dict[str, Any]:
    """What joins branches: a layer, or an operation that takes several tensors."""
    expression, names, mapping = layer["anyOf"]
    operations = {name: found for name in operation_names() if (found := find_operation(name)) and _joins(found)}
    plain = [name for name, operation in operations.items() if not _required(operation)]
    properties = {**mapping["properties"], **{name: ref(name) for name in operations}}
    return {
        "anyOf": [
            expression,
            {**names, "enum": [*names["enum"], *plain], "x-expect": "the name of a layer or an operation"},
            {**mapping, "properties": properties},
        ],
        "x-kind": layer["x-kind"],
    }


def _joins(operation: type[Layer]) -> bool:
    """Whether an operation takes a list of tensors, or several one by one."""
    rows = operation.call_arguments
    return rows[0].many or sum(row.tensor for row in rows) > 1


def activation_choice(layers: Iterable[type[Layer]]) -> dict[str, Any]:
    """The id of an activation, or an activation layer with its arguments."""
    fitting = [cls for cls in layers if Trait.ACTIVATION in cls.traits]
    properties = {cls.__name__: ref(f"layer.{cls.__name__}") for cls in fitting}
    return {
        "anyOf": [
            EXPRESSION,
            {"type": "string", "enum": list(activation_names()), "x-expect": "the id of an activation"},
            {"type": "null"},
            {
                "type": "object",
                "properties": properties,
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "x-kind": "activation layer",
                "x-expect": "an activation layer {Name: arguments}",
            },
        ],
        "x-kind": "activation",
    }


def _required(cls: type[KerasObject]) -> list[str]:
    return [name for name, field in cls.model_fields.items() if field.is_required()]


def arguments_schema(cls: type[KerasObject]) -> dict[str, Any]:
    """The arguments of one class: each its type or an expression; null where none is needed."""
    raw = cls.model_json_schema(schema_generator=_Quiet)
    inner = raw.get("$defs", {})
    properties: dict[str, Any] = {}
    type_name = cls.keras_name or cls.__name__
    if issubclass(cls, Operation):
        type_name = f"{PREFIX}{type_name}"
    common = getattr(cls, "common_fields", ())
    names = sorted(cls.model_fields, key=lambda name: name in common)  # the layer's own arguments first
    for name in names:
        field = cls.model_fields[name]
        schema = authoring(raw["properties"][name], inner)
        if field.description:
            schema = {**schema, "description": field.description}
        elif text := grammar.argument_description(_kind(cls), type_name, name):
            schema = {**schema, "description": text}
        if not field.is_required():
            schema = {**schema, "default": canonical_value(default_of(cls, name))}
        properties[name] = schema
    required = _required(cls)
    return {
        "type": "object" if required else ["object", "null"],
        "description": (cls.__doc__ or "").split("\n\n")[0].replace("\n    ", " ").replace("``", "`"),
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
        "x-name": type_name,
        "x-arguments": True,
    }


def _kind(cls: type[KerasObject]) -> str:
    return "operation" if issubclass(cls, Operation) else cls.kind


class _Quiet(GenerateJsonSchema):
    """Defaults are objects that JSON has no form for; they are added by `arguments_schema`."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])


def authoring(schema: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """A value's schema with "or an expression" added wherever text alone would not admit one."""
    if "$ref" in schema:
        return authoring(inner[schema["$ref"].removeprefix("#/$defs/")], inner)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return authoring(schema["allOf"][0], inner)
    if "x-kind" in schema:
        target = ref(schema["x-kind"])
        if schema.get("x-many"):
            return {"anyOf": [{"type": "array", "items": target}, EXPRESSION]}
        return {"anyOf": [target, {"type": "null"}]} if schema.get("x-optional") else dict(target)
    if "anyOf" in schema:
        options: list[dict[str, Any]] = []
        for option in schema["anyOf"]:
            made = authoring(option, inner)
            options += made["anyOf"] if set(made) == {"anyOf"} else [made]
        kept = [o for i, o in enumerate(options) if o not in options[:i] and o != EXPRESSION]
        free_text = any(o.get("type") == "string" and "enum" not in o for o in kept)
        return {"anyOf": kept if free_text else [*kept, EXPRESSION]}
    body = {key: _bound(key, value) for key, value in schema.items() if key not in _DROPPED and key != "default"}
    if "const" in body:
        body.pop("enum", None)  # some versions of pydantic say it twice
    if "const" in body and isinstance(body["const"], str):
        body = {"type": "string", "enum": [body["const"]]}
    if body.get("type") == "string" and not {"enum", "pattern"} & set(body):
        return body
    if isinstance(body.get("items"), Mapping):
        body["items"] = authoring(body["items"], inner)
    if "prefixItems" in body:
        body["prefixItems"] = [authoring(item, inner) for item in body["prefixItems"]]
    if isinstance(body.get("additionalProperties"), Mapping):
        body["additionalProperties"] = authoring(body["additionalProperties"], inner)
    if "properties" in body:
        body["properties"] = {key: authoring(value, inner) for key, value in body["properties"].items()}
    return {"anyOf": [body, EXPRESSION]} if body else {}


_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def _bound(key: str, value: Any) -> Any:
    """A whole bound as a whole number, which some versions of pydantic write as ``0.0``."""
    return int(value) if key in _BOUNDS and isinstance(value, float) and value.is_integer() else value


def item_string(layers: Iterable[type[Layer]]) -> dict[str, Any]:
    """A list item that is only a layer's name."""
    return {
        "type": "string",
        "enum": [cls.__name__ for cls in layers if not _required(cls)],
        "x-expect": "the name of a layer",
    }


def item_schema(layers: Iterable[type[Layer]]) -> dict[str, Any]:
    """A list item: a layer's name, or a mapping with exactly one action beside the reserved keys."""
    named = {cls.__name__: ref(f"layer.{cls.__name__}") for cls in layers}
    actions = [*ACTIONS, *named]
    mapping = grammar.item_mapping()
    operations = {name: ref(name) for name in operation_names()}
    properties = {**mapping["properties"], **named, **operations}
    actions += list(operations)
    return {
        "anyOf": [
            EXPRESSION,
            ref("item_string"),
            {
                **mapping,
                "properties": properties,
                "oneOf": [{"required": [action]} for action in actions],
                "x-actions": actions,
            },
        ],
        "x-kind": "layer",
    }
