"""The form of a document: every schema-level finding, each with its place and the nearest right word.

The published JSON Schema is the only description of the form. This module checks a node tree against it and
accepts exactly what a JSON Schema validator accepts (a property test holds the two together), but
reports like a compiler: where the schema says "any of these", the alternative is chosen by what the
document names (a layer, an initializer) and errors are reported inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from vgspec import codes
from vgspec.codes import Code
from vgspec.diagnostics import Diagnostic, Label, nearest
from vgspec.layers.refused import REFUSED
from vgspec.limits import DEFAULT_LIMITS
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, kind_of, pointer_join

__all__ = ["check_structure"]

Schema = Mapping[str, Any]

_NOUNS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}


def check_structure(
    root: SNode, schema: Schema, *, file: str = "", limit: int = DEFAULT_LIMITS.max_findings
) -> list[Diagnostic]:
    """All findings about the form of a document; none if a JSON Schema validator would accept it.

    Lists and mappings are not looked at further once there are ``limit`` findings.
    """
    checker = _Checker(schema["$defs"], file, limit)
    checker.check(root, schema, "")
    return checker.found


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _json_types(node: SNode) -> tuple[str, ...]:
    """The JSON Schema types that a node has; a float without fraction is an integer too."""
    if isinstance(node, MappingNode):
        return ("object",)
    if isinstance(node, SequenceNode):
        return ("array",)
    value = node.value
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("boolean",)
    if isinstance(value, int):
        return ("integer", "number")
    if isinstance(value, float):
        return ("integer", "number") if value.is_integer() else ("number",)
    return ("string",)


def _types(schema: Schema) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _equal(value: Any, constant: Any) -> bool:
    """JSON equality: true is not 1."""
    return value == constant and isinstance(value, bool) == isinstance(constant, bool)


def _in_range(schema: Schema, value: Any) -> bool:
    """Whether a text has the schema's pattern, a number lies within its bounds; other values have neither."""
    if isinstance(value, str):
        return "pattern" not in schema or _regex(schema["pattern"]).search(value) is not None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    return not (
        (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    )


def _takes(schema: Schema, value: Any) -> bool:
    """Whether a schema, which takes the value's type, takes the value of a scalar."""
    if "anyOf" in schema:
        return False  # to be looked at in turn
    if "const" in schema:
        return _equal(value, schema["const"]) and _in_range(schema, value)
    if "enum" in schema:
        return any(_equal(value, choice) for choice in schema["enum"]) and _in_range(schema, value)
    return _in_range(schema, value)


class _Checker:
    """Walks a tree along the schema and collects findings."""

    def __init__(self, defs: Mapping[str, Schema], file: str, limit: int) -> None:
        self.defs, self.file, self.limit = defs, file, limit
        self.found: list[Diagnostic] = []
        self._resolved: dict[int, tuple[Schema, frozenset[str]]] = {}

    def resolved(self, schema: Schema) -> tuple[Schema, frozenset[str]]:
        """What a schema refers to, and the types that it takes; kept, since a list asks once an item."""
        known = self._resolved.get(id(schema))
        if known is None:
            target = self.deref(schema)
            known = self._resolved[id(schema)] = target, frozenset(_types(target))
        return known

    def deref(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self.defs[schema["$ref"].removeprefix("#/$defs/").replace("~1", "/")]
        return schema

    def add(self, code: Code, message: str, node: SNode | None, pointer: str, help: str = "", **more: Any) -> None:
        self.found.append(
            code.diagnostic(
                message, span=None if node is None else node.span, pointer=pointer, help=help, file=self.file, **more
            )
        )

    def accepts(self, node: SNode, schema: Schema) -> bool:
        kept, self.found = self.found, []
        self.check(node, schema, "")
        failed, self.found = bool(self.found), kept
        return not failed

    def check(self, node: SNode, schema: Schema, pointer: str) -> None:
        schema, types = self.resolved(schema)
        if "anyOf" in schema:
            self.check_any(node, schema, pointer)
            return
        if types and types.isdisjoint(_json_types(node)):
            self.wrong_type(node, (schema,), pointer)
            return
        if "const" in schema and not (isinstance(node, ScalarNode) and _equal(node.value, schema["const"])):
            if "x-version" in schema:
                self.wrong_version(node, schema, pointer)
            else:
                self.wrong_choice(node, schema, pointer, (schema["const"],))
        elif "enum" in schema and not (
            isinstance(node, ScalarNode) and any(_equal(node.value, choice) for choice in schema["enum"])
        ):
            self.wrong_choice(node, schema, pointer, schema["enum"])
        elif isinstance(node, ScalarNode):
            self.check_scalar(node, schema, pointer)
        elif isinstance(node, SequenceNode):
            self.check_sequence(node, schema, pointer)
        else:
            self.check_mapping(node, schema, pointer)

    def check_any(self, node: SNode, schema: Schema, pointer: str) -> None:
        mine = _json_types(node)
        resolved = [self.resolved(option) for option in schema["anyOf"]]
        fitting = [option for option, types in resolved if not types or not types.isdisjoint(mine)]
        if isinstance(node, ScalarNode) and any(_takes(option, node.value) for option in fitting):
            return
        options = [option for option, _ in resolved]
        attempts: list[list[Diagnostic]] = []
        kept = self.found
        for option in fitting:
            self.found = []
            self.check(node, option, pointer)
            if not self.found:
                self.found = kept
                return
            if "x-expression" not in option:
                attempts.append(self.found)
        self.found = kept
        named = schema.get("x-kind")
        if named and isinstance(node, ScalarNode) and isinstance(node.value, str):
            choices = [name for option in options for name in option.get("enum", ())]
            self.unknown_object(node, str(named), node.value, choices, options, pointer)
        elif attempts:
            # What is wrong inside a form that fits says more than that another form does not fit.
            ranked = [(all(d.pointer == pointer for d in tried), len(tried), i) for i, tried in enumerate(attempts)]
            self.found += attempts[min(ranked)[2]]
        else:
            self.wrong_type(node, options, pointer)

    def check_scalar(self, node: ScalarNode, schema: Schema, pointer: str) -> None:
        value = node.value
        if _in_range(schema, value):
            return
        if isinstance(value, str):
            self.add(codes.WRONG_TYPE, f"expected {self.describe(schema)}, got {value!r}", node, pointer)
        else:
            self.add(codes.OUT_OF_RANGE, f"expected {self.describe(schema)}, got {value}", node, pointer)

    def check_sequence(self, node: SequenceNode, schema: Schema, pointer: str) -> None:
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        if len(node) < low or (high is not None and len(node) > high):
            wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
            plural = "item" if wanted.split()[-1] == "1" else "items"
            self.add(codes.OUT_OF_RANGE, f"expected a list of {wanted} {plural}, got {len(node)}", node, pointer)
            return
        prefix = schema.get("prefixItems", ())
        rest = schema.get("items")
        for i, item in enumerate(node):
            if len(self.found) >= self.limit:
                return
            if i < len(prefix):
                self.check(item, prefix[i], pointer_join(pointer, i))
            elif isinstance(rest, Mapping):
                self.check(item, rest, pointer_join(pointer, i))

    def check_mapping(self, node: MappingNode, schema: Schema, pointer: str) -> None:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        names = schema.get("propertyNames")
        actions = schema.get("x-actions")
        if "oneOf" in schema:
            self.check_actions(node, schema, pointer)
        low, high = schema.get("minProperties", 0), schema.get("maxProperties")
        if len(node) < low or (high is not None and len(node) > high):
            expected = "exactly one key" if (low, high) == (1, 1) else f"at least {low} key{'' if low == 1 else 's'}"
            self.add(codes.OUT_OF_RANGE, f"expected a mapping with {expected}, got {len(node)}", node, pointer)
        missing = [
            (key, other)
            for key, needed in schema.get("dependentRequired", {}).items()
            for other in needed
            if key in node and other not in node
        ]
        loose = self.not_indented(node, properties) if others is False else {}
        meant: set[str | None] = set()
        for key_node, value in node.entries:
            if len(self.found) >= self.limit:
                return
            key = str(key_node.value)
            if names is not None and not _regex(names["pattern"]).search(key):
                self.add(
                    codes.WRONG_TYPE,
                    f"{key!r} cannot be a name: {names.get('x-expect', 'unexpected form')}",
                    key_node,
                    pointer_join(pointer, key),
                )
            elif key in loose.values() or key in loose:
                if (above := loose.get(key)) and meant.isdisjoint({above}):
                    meant.add(above)
                    self.loose(key_node, [name for name in loose if loose[name] == above], above, pointer)
            elif key in properties:
                self.check(value, properties[key], pointer_join(pointer, key))
            elif others is False:
                wanted = next((other for _, other in missing if other not in meant), None)
                meant.add(self.unknown_key(key_node, schema, pointer, actions, wanted))
            elif isinstance(others, Mapping):
                self.check(value, others, pointer_join(pointer, key))
        for key in schema.get("required", ()):
            if key not in node and key not in meant:
                what = schema.get("x-name", "this mapping")
                self.add(codes.MISSING_KEY, f"{what} needs {key!r}", node, pointer)
        for key, other in missing:
            if other not in meant:
                message = f"{key!r} stands beside {other!r} only"
                if schema.get("x-name") == "a model":
                    message = f"a model with {key!r} needs {other!r}"
                self.add(codes.MISSING_KEY, message, node.key_node(key), pointer)

    def not_indented(self, node: MappingNode, properties: Mapping[str, Schema]) -> dict[str, str]:
        """Unknown keys, each with the empty entry that would hold it if its line were indented further."""
        found: dict[str, str] = {}
        for above, value in node.items():
            if isinstance(value, ScalarNode) and value.value is None and above in properties:
                options = [self.deref(properties[above])]
                options += [self.deref(option) for option in options[0].get("anyOf", ())]
                inner = {name for option in options for name in option.get("properties", {})}
                found |= {key: above for key in node if key in inner and key not in properties and key not in found}
        return found

    def loose(self, key_node: ScalarNode, names: list[str], above: str, pointer: str) -> None:
        """Report lines that are not indented far enough, at the first of them."""
        many = len(names) > 1
        them, belong = ("them", "they belong") if many else ("it", "it belongs")
        listed = ", ".join(repr(name) for name in names[:-1]) + " and " + repr(names[-1]) if many else repr(names[0])
        self.add(
            codes.UNKNOWN_KEY,
            f"{listed} stand{'' if many else 's'} beside {above!r}, not in it",
            key_node,
            pointer_join(pointer, names[0]),
            help=f"indent {them} further, so that {belong} to {above!r}",
        )

    def check_actions(self, node: MappingNode, schema: Schema, pointer: str) -> None:
        """Exactly one action key; the schema says so by ``oneOf`` over ``required``."""
        actions = [key for key in node if key in schema["x-actions"]]
        if len(actions) == 1:
            return
        if not actions:
            unknown = [key for key in node if key not in schema["properties"]]
            if not unknown:
                message = "this item names no layer and no use, call, repeat, residual or parallel"
                self.add(codes.NOT_ONE_ACTION, message, node, pointer)
            else:  # reported as an unknown key; the schema's oneOf fails with it
                return
        else:
            second = node.key_node(actions[1])
            first = node.key_node(actions[0])
            label = () if first is None or first.span is None else (Label(first.span, "the first one"),)
            self.add(
                codes.NOT_ONE_ACTION,
                f"this item does {len(actions)} things at once: {', '.join(actions)}",
                second,
                pointer,
                help="make each a list item of its own, with its own '-'",
                labels=label,
            )

    def unknown_key(
        self, key_node: ScalarNode, schema: Schema, pointer: str, actions: Any, wanted: str | None
    ) -> str | None:
        """Report a key that means nothing here; returns the one that was probably meant: ``wanted`` is missed here."""
        key, here = str(key_node.value), pointer_join(pointer, str(key_node.value))
        kind = schema.get("x-kind")
        if kind:
            self.unknown_object(key_node, kind, key, schema["properties"], (), here)
            return None
        if actions and key[:1].isupper():
            layers = [name for name in schema["properties"] if name[:1].isupper()]
            self.unknown_object(key_node, "layer", key, layers, (), here)
            return None
        near = wanted or nearest(key, schema.get("properties", {}))
        owner = schema.get("x-name")
        message = f"unknown key {key!r}" + (f" in {owner}" if owner else "")
        if schema.get("x-arguments"):
            message = f"{owner} has no argument {key!r}"
        self.add(codes.UNKNOWN_KEY, message, key_node, here, help=f"did you mean {near!r}?" if near else "")
        return near

    def unknown_object(
        self, node: ScalarNode, kind: str, name: str, choices: Iterable[str], options: Iterable[Schema], pointer: str
    ) -> None:
        """An unknown layer, initializer …: the reason if it is refused, else the nearest name."""
        code = codes.UNKNOWN_LAYER if kind == "layer" else codes.UNKNOWN_CHOICE
        for option in options:
            definition = option.get("properties", {}).get(name)
            if definition is not None:  # known, but not without arguments
                needed = self.deref(definition).get("required", ())
                if needed:
                    listed, help = ", ".join(repr(item) for item in needed), f"write {name}: {{{needed[0]}: …}}"
                else:  # an action of the language or an operation, which is always a key
                    listed, help = "a value", f"write {{{name}: {'{}' if '.' in name else '…'}}}"
                self.add(codes.MISSING_KEY, f"{name} needs {listed}", node, pointer, help=help)
                return
        if kind == "layer" and name in REFUSED:
            self.add(code, f"{name} cannot stand in a spec: {REFUSED[name]}", node, pointer)
            return
        candidates = list(dict.fromkeys([*choices, *(key for o in options for key in o.get("properties", ()))]))
        if name.startswith("ops.") and name in self.defs:
            joins = any(other.startswith("ops.") for other in candidates)
            why = "joins nothing, it takes one tensor" if joins else "is an operation, and only a layer can stand here"
            self.add(code, f"{name} {why}", node, pointer)
            return
        if kind == "layer":
            from vgspec.layers.suggestions import layer_help

            help = layer_help(name, candidates)
        else:
            near = nearest(name, candidates)
            help = f"did you mean {near!r}?" if near else ""
        self.add(code, f"unknown {kind} {name!r}", node, pointer, help=help)

    def wrong_choice(self, node: SNode, schema: Schema, pointer: str, choices: Iterable[Any]) -> None:
        options = [repr(c) if isinstance(c, str) else str(c).lower() for c in choices]
        given = repr(node.value) if isinstance(node, ScalarNode) else kind_of(node)
        near = None
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            near = nearest(node.value, [c for c in choices if isinstance(c, str)])
        listed = options[0] if len(options) == 1 else ", ".join(options[:-1]) + " or " + options[-1]
        if len(options) > 12:
            listed = self.describe(schema)
        help = f"did you mean {near!r}?" if near else ""
        self.add(codes.UNKNOWN_CHOICE, f"expected {listed}, got {given}", node, pointer, help=help)

    def wrong_version(self, node: SNode, schema: Schema, pointer: str) -> None:
        given = repr(node.value) if isinstance(node, ScalarNode) else kind_of(node)
        wanted = schema["const"]
        help = f'write vgspec: "{wanted}"'
        self.add(codes.UNSUPPORTED_VERSION, f"language version {given} is not known here", node, pointer, help=help)

    def wrong_type(self, node: SNode, options: Iterable[Schema], pointer: str) -> None:
        kinds = [self.describe(option) for option in options if "x-expression" not in option]
        unique = list(dict.fromkeys(kinds))
        listed = unique[0] if len(unique) == 1 else ", ".join(unique[:-1]) + " or " + unique[-1]
        given = kind_of(node)
        if isinstance(node, ScalarNode) and node.value is not None:
            given += f" ({node.raw if len(node.raw) <= 40 else node.raw[:37] + '…'})"
        self.add(codes.WRONG_TYPE, f"expected {listed}, got {given}", node, pointer)

    def describe(self, schema: Schema) -> str:
        """What a schema takes, in plain words."""
        if "x-expect" in schema:
            return str(schema["x-expect"])
        types = _types(schema)
        text = " or ".join(_NOUNS[t] for t in types) if types else "another value"
        bounds = []
        if "minimum" in schema:
            bounds.append(f"of at least {schema['minimum']}")
        if "exclusiveMinimum" in schema:
            bounds.append(f"above {schema['exclusiveMinimum']}")
        if "maximum" in schema:
            bounds.append(f"of at most {schema['maximum']}")
        if "exclusiveMaximum" in schema:
            bounds.append(f"below {schema['exclusiveMaximum']}")
        if "minItems" in schema and schema.get("minItems") == schema.get("maxItems"):
            bounds.append(f"of {schema['minItems']}")
        return " ".join([text, " and ".join(bounds)]) if bounds else text
