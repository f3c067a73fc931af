"""The language's own part of the schema: everything that is not a layer, a loss or another Keras object.

Written as JSON Schema, because that is what is published; `vgspec.frontend.schema` adds the
definitions that come from the descriptors.
"""

from __future__ import annotations

from typing import Any

__all__ = ["argument_description", "definitions", "item_mapping", "root"]

NAME = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
REFERENCE = r"^[A-Za-z_][A-Za-z0-9_.-]*(:[0-9]+)?$"
PARAMETER = r"^[A-Za-z_][A-Za-z0-9_]*$"
PARAMETER_TYPES = (
    "int",
    "float",
    "bool",
    "str",
    "list",
    "activation",
    "initializer",
    "regularizer",
    "constraint",
    "layer",
)

_EXPRESSION = {"$ref": "#/$defs/expression"}
_NAMES = {"pattern": NAME, "x-expect": "a name has letters, digits, '_', '-' and '.', and begins with a letter or '_'"}
_PARAMETER_NAMES = {
    "pattern": PARAMETER,
    "x-expect": "a parameter's name has letters, digits and '_', and begins with a letter or '_'",
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _or_expression(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, _EXPRESSION]}


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}


def definitions() -> dict[str, Any]:
    """The definitions of the language: items, references, parameters, inputs, blocks and so on."""
    return {
        "items": {"type": "array", "items": _ref("item"), "x-expect": "a list of layers"},
        "reference": {
            "type": "string",
            "pattern": REFERENCE,
            "x-expect": "the id of an input or layer ('encoder', or 'encoder:1' for its second output)",
        },
        "source": {
            "anyOf": [
                _ref("reference"),
                {"type": "array", "items": _ref("source"), "minItems": 1},
                {
                    "type": "object",
                    "additionalProperties": {
                        "anyOf": [
                            _ref("reference"),
                            {"type": "array", "items": _ref("source")},
                            {"type": ["number", "boolean", "null"]},
                        ]
                    },
                    "minProperties": 1,
                    "x-expect": "a mapping of call arguments to ids",
                },
            ]
        },
        "dimension": {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "null"},
                {
                    "type": "string",
                    "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$",
                    "x-expect": "the name of a symbolic size",
                },
                _EXPRESSION,
            ]
        },
        "shape": _or_expression({"type": "array", "items": _ref("dimension")}),
        "input": {"anyOf": [{"type": "array", "items": _ref("dimension")}, _input()]},
        "parameter": {"anyOf": [{"type": ["integer", "number", "boolean", "string", "array"]}, _parameter()]},
        "parameters": {
            "type": "object",
            "additionalProperties": _ref("parameter"),
            "propertyNames": _PARAMETER_NAMES,
        },
        "block": _block(),
        "shared_layer": {
            "anyOf": [
                {"$ref": "#/$defs/layer"},
                {
                    "type": "object",
                    "properties": {"use": _block_name(), "with": {"type": "object"}},
                    "required": ["use"],
                    "additionalProperties": False,
                    "x-name": "a shared block",
                },
            ],
            "x-kind": "layer",
        },
        "model_or_layer": {
            "anyOf": [
                {"$ref": "#/$defs/layer"},
                {"type": "array", "items": _ref("item"), "minItems": 1, "x-expect": "a list of layers"},
                {
                    "type": "object",
                    "properties": {"use": _block_name(), "with": {"type": "object"}},
                    "required": ["use"],
                    "additionalProperties": False,
                    "x-name": "a block",
                },
            ],
            "x-kind": "layer",
        },
        "suppression": _suppression(),
        "suppressions": {"anyOf": [_ref("suppression"), {"type": "array", "items": _ref("suppression")}]},
        "compile": _compile(),
        "outputs": {
            "anyOf": [_ref("reference"), {"type": "array", "items": _ref("reference"), "minItems": 1}, _named()]
        },
        "model_outputs": {
            "anyOf": [
                _ref("reference"),
                {"type": "array", "items": {"anyOf": [_ref("reference"), _named(at_most=1)]}, "minItems": 1},
                _named(),
            ]
        },
    }


def _named(at_most: int | None = None) -> dict[str, Any]:
    """Outputs by name."""
    return {
        "type": "object",
        "additionalProperties": _ref("reference"),
        "propertyNames": _NAMES,
        "minProperties": 1,
        **({} if at_most is None else {"maxProperties": at_most}),
        "x-expect": "a mapping of output names to ids" if at_most is None else "the name of an output and its id",
    }


def root() -> dict[str, Any]:
    """The document itself."""
    return {
        "type": "object",
        "properties": {
            "vgspec": {"const": "1", "x-version": True, "description": "The language version."},
            "name": _described({"type": "string", "pattern": NAME, "x-expect": "a name"}, "The model's name."),
            "description": {"type": "string", "description": "What the model is for; free text."},
            "include": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "from": _described({"type": "string"}, "Path of a spec, relative to this one."),
                        "as": {"type": "string", "pattern": PARAMETER, "x-expect": "a name"},
                    },
                    "required": ["from", "as"],
                    "additionalProperties": False,
                    "x-name": "an include",
                },
                "description": "Specs whose blocks and shared layers are used here, as 'name.block'.",
            },
            "params": _described(_ref("parameters"), "Values that --set and params= may override."),
            "inputs": {
                "type": "object",
                "additionalProperties": _ref("input"),
                "propertyNames": _NAMES,
                "minProperties": 1,
                "description": "The model's inputs by name: shapes without the batch axis.",
            },
            "shared": {
                "type": "object",
                "additionalProperties": _ref("shared_layer"),
                "propertyNames": _NAMES,
                "description": "Layers with one set of weights, called from several places with 'call'.",
            },
            "blocks": {
                "type": "object",
                "additionalProperties": _ref("block"),
                "propertyNames": _NAMES,
                "description": "Sub-graphs with typed parameters, used with 'use'.",
            },
            "layers": _described(_ref("items"), "The model: each item is applied to the one above, or to 'in'."),
            "outputs": _described(
                _ref("model_outputs"),
                "What the model returns: an id, a list, or a mapping of names to ids; the last layer by default.",
            ),
            "compile": _described(_ref("compile"), "Optimizer, loss and metrics, as model.compile takes them."),
            "lint": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "fail_on": {"type": "string", "enum": ["error", "warning", "info", "never"]},
                            "allow": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                            "reason": {"type": "string", "pattern": r"\S", "x-expect": "a reason"},
                        },
                        "dependentRequired": {"allow": ["reason"], "reason": ["allow"]},
                        "additionalProperties": False,
                        "x-name": "lint",
                    },
                    {"type": "array", "items": _ref("suppression")},
                ],
                "description": "Findings that are allowed in the whole document, with the reason.",
            },
        },
        "required": ["vgspec"],
        "dependentRequired": {"layers": ["inputs"], "inputs": ["layers"], "outputs": ["layers"], "compile": ["layers"]},
        "additionalProperties": False,
        "x-name": "a model",
    }


def item_mapping() -> dict[str, Any]:
    """A list item as a mapping: the reserved keys and the language's own actions."""
    items = _ref("items")
    shortcut = {
        "anyOf": [
            {"type": "string", "enum": ["identity", "project", "auto"], "x-expect": "identity, project or auto"},
            items,
            _EXPRESSION,
        ]
    }
    return {
        "type": "object",
        "properties": {
            "id": _described(
                {"type": "string", "pattern": NAME, "x-expect": "an id (letters, digits, '_' and '-')"},
                "Name of this item, unique in its list; other items refer to it.",
            ),
            "in": _described(_ref("source"), "What it is applied to; the item above by default."),
            "with": {"type": "object", "description": "Values of the block's parameters."},
            "body": _described(items, "What is repeated."),
            "call_args": {"type": "object", "description": "Literal arguments of the call, such as training."},
            "lint": _described(_ref("suppressions"), "Findings that are allowed here, with the reason."),
            "use": _block_name(),
            "call": {
                "type": "string",
                "pattern": REFERENCE,
                "x-expect": "the name of a shared layer",
                "description": "Call a shared layer.",
            },
            "repeat": {
                "anyOf": [
                    {"type": "integer", "minimum": 0},
                    _EXPRESSION,
                    {
                        "type": "object",
                        "properties": {
                            "var": {"type": "string", "pattern": PARAMETER, "x-expect": "the name of a variable"},
                            "count": _or_expression({"type": "integer", "minimum": 0}),
                            "over": _or_expression({"type": "array"}),
                        },
                        "oneOf": [{"required": ["count"]}, {"required": ["over"]}],
                        "x-actions": ["count", "over"],
                        "additionalProperties": False,
                        "x-name": "repeat",
                    },
                ],
                "description": "Repeat 'body': a count, or {var, count} or {var, over}.",
            },
            "residual": {
                "type": "object",
                "properties": {
                    "body": _described(items, "The residual branch."),
                    "shortcut": _described(shortcut, "identity (default), project, auto, or a list of layers."),
                    "merge": _described(_ref("merge"), "How the branches are joined; Add by default."),
                },
                "required": ["body"],
                "additionalProperties": False,
                "x-name": "residual",
                "description": "A body and a shortcut around it.",
            },
            "parallel": {
                "type": "object",
                "properties": {
                    "branches": {
                        "anyOf": [
                            {
                                "type": "object",
                                "additionalProperties": items,
                                "propertyNames": _NAMES,
                                "minProperties": 1,
                                "x-expect": "a mapping of branch names to lists of layers",
                            },
                            {"type": "array", "items": items, "minItems": 1},
                        ]
                    },
                    "merge": _ref("merge"),
                },
                "required": ["branches", "merge"],
                "additionalProperties": False,
                "x-name": "parallel",
                "description": "Branches of one input, then a merge.",
            },
        },
        "additionalProperties": False,
        "dependentRequired": {"with": ["use"], "body": ["repeat"], "repeat": ["body"]},
        "x-name": "a list item",
    }


def _block_name() -> dict[str, Any]:
    return {
        "type": "string",
        "pattern": r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$",
        "x-expect": "the name of a block",
        "description": "Put a block here.",
    }


def _input() -> dict[str, Any]:
    number = _or_expression({"type": "number"})
    return {
        "type": "object",
        "properties": {
            "shape": _described(_ref("shape"), "Sizes without the batch axis: numbers, names, or null."),
            "dtype": {"type": "string", "default": "float32", "description": "As Keras names it."},
            "batch_size": {
                **_or_expression({"type": "integer", "minimum": 1}),
                "description": "A fixed batch size; open by default.",
            },
            "sparse": {"type": "boolean", "default": False},
            "optional": {"type": "boolean", "default": False},
            "description": {"type": "string"},
            "at": {
                "type": "array",
                "items": {
                    "anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}],
                    "x-expect": "a key or a position",
                },
                "minItems": 1,
                "description": "Where it lies in the structure in which the model takes its inputs: keys of dicts and "
                "positions in lists.",
            },
            "statistics": {
                "type": "object",
                "properties": {"mean": number, "std": number, "low": number, "high": number},
                "additionalProperties": False,
                "x-name": "statistics",
                "description": "What the data looks like, for the gradient-flow analysis: mean and standard "
                "deviation (0 and 1 by default), or for integers the range [low, high).",
            },
        },
        "required": ["shape"],
        "additionalProperties": False,
        "x-name": "an input",
        "x-expect": "a mapping",
    }


def _parameter() -> dict[str, Any]:
    number = {"type": "number"}
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": list(PARAMETER_TYPES)},
            "default": {},
            "min": number,
            "max": number,
            "multiple_of": {"type": "number", "exclusiveMinimum": 0},
            "choices": {"type": "array", "minItems": 1},
            "description": {"type": "string"},
        },
        "required": ["type"],
        "additionalProperties": False,
        "x-name": "a parameter",
        "x-expect": "a mapping with its type",
    }


def _block() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "params": _ref("parameters"),
            "inputs": {
                "type": "array",
                "items": {"type": "string", "pattern": NAME, "x-expect": "a name"},
                "minItems": 1,
                "description": "Names of the block's inputs; one called 'input' by default.",
            },
            "layers": _ref("items"),
            "outputs": _ref("outputs"),
            "lint": _ref("suppressions"),
        },
        "required": ["layers"],
        "additionalProperties": False,
        "x-name": "a block",
    }


def _suppression() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "allow": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "description": "Names or codes of the rules.",
            },
            "reason": {"type": "string", "pattern": r"\S", "x-expect": "a reason"},
        },
        "required": ["allow", "reason"],
        "additionalProperties": False,
        "x-name": "a suppression",
    }


def _compile() -> dict[str, Any]:
    loss, metric = _ref("loss"), _ref("metric")
    number = _or_expression({"type": "number"})
    metrics = {
        "anyOf": [
            {"type": "array", "items": {"anyOf": [metric, {"type": "array", "items": metric}, {"type": "null"}]}},
            {
                "type": "object",
                "additionalProperties": {"anyOf": [{"type": "array", "items": metric}, metric]},
            },
        ]
    }
    flag = _or_expression({"type": "boolean"})
    return {
        "type": "object",
        "properties": {
            "optimizer": {"$ref": "#/$defs/optimizer"},
            "loss": {
                "anyOf": [
                    loss,
                    {"type": "array", "items": {"anyOf": [loss, {"type": "null"}]}},
                    {
                        "type": "object",
                        "additionalProperties": {"anyOf": [loss, {"type": "null"}]},
                    },
                ]
            },
            "loss_weights": {
                "anyOf": [
                    number,
                    {"type": "array", "items": number},
                    {"type": "object", "additionalProperties": number},
                ]
            },
            "metrics": metrics,
            "weighted_metrics": metrics,
            "run_eagerly": flag,
            "steps_per_execution": _or_expression({"type": "integer", "minimum": 1}),
            "jit_compile": {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["auto"]}, _EXPRESSION]},
            "auto_scale_loss": flag,
        },
        "additionalProperties": False,
        "x-name": "compile",
    }


def argument_description(kind: str, owner: str, name: str) -> str:
    """What an argument of a Keras object means, for editors; empty where nothing is known of it."""
    from vgspec.frontend.argument_docs import argument_meaning

    return argument_meaning(kind, owner, name)
