"""The types that layer arguments have, each with its validation and its piece of JSON Schema.

Values arrive as plain data with lists turned into tuples. A size that Keras takes as one number or as one
number per axis is stored as given per axis, so that rules read one form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vgspec.catalogue.activations import Activation
from vgspec.catalogue.base import Kind
from vgspec.catalogue.constraints import Constraint
from vgspec.catalogue.initializers import Initializer
from vgspec.catalogue.regularizers import Regularizer
from vgspec.layers.base import Layer

__all__ = [
    "ActivationArg",
    "ClosedRate",
    "ConstraintArg",
    "DataFormat",
    "InitializerArg",
    "LayerArg",
    "LayersArg",
    "ModelOrLayerArg",
    "NonNegativeFloat",
    "NonNegativeInt",
    "Offset1",
    "Offset2",
    "Offset3",
    "OptionalInitializerArg",
    "OptionalLayerArg",
    "Padding",
    "PerAxis",
    "PositiveFloat",
    "PositiveInt",
    "Rate",
    "RegularizerArg",
    "Seed",
    "Size1",
    "Size2",
    "Size3",
]

PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
Rate = Annotated[float, Ge(0), Lt(1)]
ClosedRate = Annotated[float, Ge(0), Le(1)]
Seed = int | None
DataFormat = Literal["channels_last", "channels_first"] | None
Padding = Literal["valid", "same"]

ActivationArg = Annotated[Activation, Kind("activation")]
InitializerArg = Annotated[Initializer, Kind("initializer")]
OptionalInitializerArg = Annotated[Initializer | None, Kind("initializer", optional=True)]
RegularizerArg = Annotated[Regularizer | None, Kind("regularizer", optional=True)]
ConstraintArg = Annotated[Constraint | None, Kind("constraint", optional=True)]
LayerArg = Annotated[Layer, Kind("layer")]
OptionalLayerArg = Annotated[Layer | None, Kind("layer", optional=True)]
ModelOrLayerArg = Annotated[Layer, Kind("layer", model=True)]
LayersArg = Annotated[tuple[Layer, ...], Kind("layer", many=True)]


@dataclass(frozen=True, slots=True)
class PerAxis:
    """Annotation of a size per spatial axis: one number for all, or a list of ``rank`` numbers."""

    rank: int
    minimum: int = 1

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Spread one number over the axes, then check each."""

        def spread(value: Any) -> Any:
            if isinstance(value, int) and not isinstance(value, bool):
                return (value,) * self.rank
            return tuple(value) if isinstance(value, list) else value

        item = core_schema.int_schema(ge=self.minimum, strict=True)
        sizes = core_schema.tuple_schema([item] * self.rank, strict=True)
        return core_schema.no_info_before_validator_function(spread, sizes)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """One number, or one per axis."""
        number = {"type": "integer", "minimum": self.minimum}
        array = {"type": "array", "items": number, "minItems": self.rank, "maxItems": self.rank}
        return {"anyOf": [number, array]}


Size1 = Annotated[tuple[int], PerAxis(1)]
Size2 = Annotated[tuple[int, int], PerAxis(2)]
Size3 = Annotated[tuple[int, int, int], PerAxis(3)]
Offset1 = Annotated[tuple[int], PerAxis(1, minimum=0)]
Offset2 = Annotated[tuple[int, int], PerAxis(2, minimum=0)]
Offset3 = Annotated[tuple[int, int, int], PerAxis(3, minimum=0)]
