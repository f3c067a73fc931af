"""What initializers, regularizers, constraints, optimizers, losses, metrics and layers have in common.

Each is a *Keras object*: a class of Keras with named arguments. Here it is a frozen pydantic model whose
fields are the arguments, with Keras's names and defaults. In a spec it is written as an alias
(``he_normal``), a class name (``HeNormal``) or a mapping ``{HeNormal: {seed: 1}}``.

The classes live one family a module; `find` loads a family when a document first names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "FAMILIES",
    "KerasObject",
    "Kind",
    "UnknownObjectError",
    "canonical_value",
    "default_of",
    "find",
    "known_names",
    "refused",
    "resolve",
]

FAMILIES: Mapping[str, str] = {
    "initializer": "vgspec.catalogue.initializers",
    "regularizer": "vgspec.catalogue.regularizers",
    "constraint": "vgspec.catalogue.constraints",
    "activation": "vgspec.catalogue.activations",
    "optimizer": "vgspec.catalogue.optimizers",
    "schedule": "vgspec.catalogue.schedules",
    "loss": "vgspec.catalogue.losses",
    "metric": "vgspec.catalogue.metrics",
    "optimizer_map": "vgspec.catalogue.optimizer_map",
    "layer": "vgspec.layers",
}
"""Where each kind of object is described. Every module but the last has a tuple ``ALL``."""


class UnknownObjectError(ValueError):
    """No object of that kind has that name, or the value has not the form of one."""

    def __init__(self, kind: str, given: Any, reason: str = "") -> None:
        """Keep what was asked for, so that a diagnostic can name it."""
        self.kind, self.given, self.reason = kind, given, reason
        super().__init__(reason or f"unknown {kind} {given!r}")


@dataclass(frozen=True, slots=True)
class Kind:
    """Annotation of a field that holds an object of this kind, or a tuple of them.

    Resolves the spec's way of writing an object, and marks the field for the schema generator.
    """

    name: str
    many: bool = False
    optional: bool = False
    model: bool = False
    """Whether a list of items, or a block, may stand in its place: the frontend makes a layer of it."""

    def convert(self, value: Any) -> Any:
        """The object, or tuple of objects, that a spec value stands for.

        Raises:
            UnknownObjectError: for an unknown name or a value of the wrong form.
        """
        if self.many:
            if not isinstance(value, tuple | list):
                raise UnknownObjectError(self.name, value, f"expected a list of {self.name}s")
            return tuple(resolve(self.name, item) for item in value)
        if value is None and not self.optional and self.name != "activation":
            raise UnknownObjectError(self.name, value, f"expected a {self.name}, got null")
        return resolve(self.name, value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `convert` alone: the nested model's own schema is built when it is first used."""
        return core_schema.no_info_plain_validator_function(self.convert)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A marker that the schema generator replaces by a reference."""
        return {
            "x-kind": "model_or_layer" if self.model else self.name,
            "x-many": self.many,
            "x-optional": self.optional,
        }


if TYPE_CHECKING:  # pydantic's metaclass has no public name
    from pydantic._internal._model_construction import ModelMetaclass as _Metaclass
else:
    _Metaclass = type(BaseModel)


class _Quick(_Metaclass):
    """Makes descriptor classes in a third of the time.

    For each class pydantic evaluates the annotations of all its bases, only to see which are class variables.
    Here they say so without being evaluated.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        """Shorten ``ClassVar[…]``, which is only a text until somebody evaluates it, to ``ClassVar``."""
        annotations = namespace.get("__annotations__", {})
        for key, text in annotations.items():
            if isinstance(text, str) and text.startswith("ClassVar["):
                annotations[key] = ClassVar
        return super().__new__(cls, name, bases, namespace, **options)


class KerasObject(BaseModel, metaclass=_Quick):
    """A class of Keras with its arguments. Fields are arguments; their order is Keras's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True, protected_namespaces=())

    kind: ClassVar[str] = ""
    keras_name: ClassVar[str] = ""
    """Keras's class name; the class's own name where it is empty."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other names Keras takes, the preferred lower-case one first."""
    keras_module: ClassVar[str] = ""
    """The public Keras module, such as ``keras.initializers``."""
    min_keras: ClassVar[str] = ""
    """The first Keras version that has it, where that is later than the lowest supported one."""

    common_fields: ClassVar[tuple[str, ...]] = ()
    """Inherited arguments that Keras lists after a class's own."""

    @property
    def type_name(self) -> str:
        """Keras's class name."""
        return self.keras_name or type(self).__name__

    @classmethod
    def argument_names(cls) -> tuple[str, ...]:
        """The arguments in Keras's order: a class's own, then the common ones."""
        own = (name for name in cls.model_fields if name not in cls.common_fields)
        return (*own, *(name for name in cls.common_fields if name in cls.model_fields))

    @classmethod
    def from_name(cls, name: str) -> KerasObject:
        """The object that one of the class's names alone stands for: the class with its defaults.

        Raises:
            pydantic.ValidationError: if an argument has no default.
        """
        return cls()

    def changed(self) -> Iterator[tuple[str, Any]]:
        """The arguments that differ from Keras's defaults, as Python values, in Keras's order."""
        fields = type(self).model_fields
        for name in type(self).argument_names():
            value = getattr(self, name)
            if fields[name].is_required() or value != default_of(type(self), name):
                yield name, value

    def passed(self) -> Iterator[tuple[str, Any]]:
        """The changed arguments in the form that Keras takes."""
        return self.changed()

    def canonical(self) -> dict[str, Any]:
        """The arguments that differ from their defaults, JSON-ready."""
        return {name: canonical_value(value) for name, value in self.changed()}

    def spec_value(self) -> Any:
        """How a spec writes this object: an alias, or ``{Name: {arguments}}``."""
        arguments = self.canonical()
        if arguments:
            return {self.type_name: arguments}
        return self.aliases[0] if self.aliases else self.type_name

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some arguments changed."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(values | changes))


@cache
def default_of(cls: type[BaseModel], name: str) -> Any:
    """The default of a field, factories called."""
    return cls.model_fields[name].get_default(call_default_factory=True)


def canonical_value(value: Any) -> Any:
    """A JSON-ready form of an argument value."""
    if isinstance(value, KerasObject):
        return value.spec_value()
    if isinstance(value, tuple | list):
        return [canonical_value(item) for item in value]
    if isinstance(value, Mapping):
        return {key: canonical_value(item) for key, item in value.items()}
    return value


@cache
def _table(kind: str) -> Mapping[str, type[KerasObject]]:
    module = importlib.import_module(FAMILIES[kind])
    table: dict[str, type[KerasObject]] = {}
    for cls in module.ALL:
        table[cls.keras_name or cls.__name__] = cls
        table |= dict.fromkeys(cls.aliases, cls)
    return table


def find(kind: str, name: str) -> type[KerasObject] | None:
    """The class that a name stands for, or None."""
    if kind == "layer":
        from vgspec.layers import find_layer

        return find_layer(name)
    return _table(kind).get(name)


def refused(kind: str) -> Mapping[str, str]:
    """Names that Keras has and a spec cannot use, each with the reason."""
    if kind == "layer":
        from vgspec.layers import REFUSED

        return REFUSED
    from vgspec.catalogue.refused import REFUSED as BY_KIND

    return BY_KIND.get(kind, {})


def known_names(kind: str) -> tuple[str, ...]:
    """Every name of a kind that a spec may use."""
    if kind == "layer":
        from vgspec.layers import layer_names

        return layer_names()
    return tuple(_table(kind))


def resolve(kind: str, value: Any) -> Any:
    """Turn the spec's way of writing an object into the object; None and objects of the kind pass.

    Raises:
        UnknownObjectError: for an unknown name or a value of the wrong form.
        pydantic.ValidationError: for wrong arguments.
    """
    if kind == "activation":
        from vgspec.catalogue.activations import resolve_activation

        return resolve_activation(value)
    if value is None:
        return None
    if isinstance(value, KerasObject):
        if value.kind != kind:
            raise UnknownObjectError(kind, value, f"expected a {kind}, got the {value.kind} {value.type_name}")
        return value
    name: str
    arguments: Mapping[str, Any] | None
    if isinstance(value, str):
        name, arguments = value, None
    elif isinstance(value, Mapping) and len(value) == 1:
        name, arguments = next(iter(value.items()))
        arguments = {} if arguments is None else arguments
    else:
        raise UnknownObjectError(kind, value, f"expected the name of a {kind} or a mapping {{Name: arguments}}")
    cls = find(kind, name)
    if cls is None:
        reason = refused(kind).get(name)
        raise UnknownObjectError(kind, name, f"{name} cannot stand in a spec: {reason}" if reason else "")
    if arguments is None:
        return _named(cls, name)
    if not isinstance(arguments, Mapping):
        raise UnknownObjectError(kind, value, f"expected a mapping of arguments for {name}, got {arguments!r}")
    return cls(**{key: _tuples(argument) for key, argument in arguments.items()})


@lru_cache(maxsize=1024)
def _named(cls: type[KerasObject], name: str) -> KerasObject:
    """The object that a bare name stands for: one and the same wherever it is written, since it cannot change."""
    return cls.from_name(name)


def _tuples(value: Any) -> Any:
    """The same data with tuples for lists, as frozen objects hold them; mappings are left for their own class."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
