"""Keras's ``OptimizerMap``: which optimizer trains which variable, by patterns of variable paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vgspec.catalogue.base import KerasObject, Kind, UnknownObjectError, resolve
from vgspec.catalogue.patterns import MAX_LENGTH, check_pattern

__all__ = ["ALL", "OptimizerMap"]


@dataclass(frozen=True, slots=True)
class ByPattern:
    """Annotation of a mapping from patterns to objects of a kind."""

    name: str

    def convert(self, value: Any) -> Mapping[str, Any] | None:
        """The mapping with its objects.

        Raises:
            ValueError: for a value of the wrong form, an unusable pattern or an unknown object.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise UnknownObjectError(self.name, value, f"expected a mapping from patterns to {self.name}s")
        for pattern in value:
            if len(check_pattern(pattern)) > MAX_LENGTH:
                raise ValueError(f"a pattern may have {MAX_LENGTH} characters at most")
        return {pattern: resolve(self.name, item) for pattern, item in value.items()}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by `convert` alone."""
        return core_schema.no_info_plain_validator_function(self.convert)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A mapping whose values are references, or null."""
        item = {"x-kind": self.name, "x-many": False, "x-optional": False}
        return {"anyOf": [{"type": "object", "additionalProperties": item}, {"type": "null"}]}


class OptimizerMap(KerasObject):
    """``optimizer_map`` for the variables whose path matches a pattern in full, ``default_optimizer`` for the rest."""

    kind: ClassVar[str] = "optimizer_map"
    keras_module: ClassVar[str] = "keras.optimizers"
    min_keras: ClassVar[str] = "3.15.0"

    default_optimizer: Annotated[Any, Kind("optimizer")]
    optimizer_map: Annotated[Mapping[str, Any] | None, ByPattern("optimizer")] = None


ALL: tuple[type[OptimizerMap], ...] = (OptimizerMap,)
