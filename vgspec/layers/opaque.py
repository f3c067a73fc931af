"""A layer of which only the outside is known: what Keras told of it when its model was imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, core_schema

from vgspec.ir import BATCH, Shape, Tensor
from vgspec.ir.dims import may_equal
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Weight

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "Opaque", "is_opaque"]

_SIZES: Mapping[str, Any] = {"type": "array", "items": {"type": ["integer", "null"], "minimum": 0}}
_TENSOR: Mapping[str, Any] = {
    "type": "object",
    "properties": {"batch_shape": _SIZES, "dtype": {"type": "string"}},
    "required": ["batch_shape"],
    "additionalProperties": False,
}
_CALL: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "inputs": {"type": "object", "additionalProperties": True},
        "outputs": {"type": "array", "items": _TENSOR, "minItems": 1},
    },
    "required": ["inputs", "outputs"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class _Data:
    """Annotation of a field that holds plain data of a given form."""

    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Anything: what it must be the field's validator says, in words."""
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The form."""
        return dict(self.schema)


_Arguments = Annotated[Any, _Data({"type": "object", "additionalProperties": True})]
_Calls = Annotated[Any, _Data({"type": "array", "items": _CALL, "minItems": 1})]
_Weights = Annotated[Any, _Data({"anyOf": [{"type": "object", "additionalProperties": _SIZES}, {"type": "null"}]})]


def is_opaque(layer: Any) -> bool:
    """Whether nothing but the outside of a layer is known."""
    return isinstance(layer, Opaque)


class Opaque(Layer):
    """A layer of a class that vgspec does not know: its outside, as Keras told it when the model was imported.

    It is counted and its shapes are checked, but it is not analysed, and it cannot be built. As soon as a descriptor
    is registered under its class name it stands for that layer, with its ``arguments``.
    """

    keras_module: ClassVar[str] = "vgspec"
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (CallArgument("inputs", required=False),)

    class_name: str
    package: str = ""
    reason: str = ""
    arguments: _Arguments = Field(default_factory=dict)
    calls: _Calls
    weights: _Weights = None
    non_trainable: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()

    @field_validator("class_name")
    @classmethod
    def _is_named(cls, value: str) -> str:
        if not value:
            raise ValueError("needs the name of a class")
        return value

    @field_validator("arguments")
    @classmethod
    def _is_mapping(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError("expected a mapping of arguments")
        return _frozen(value)

    @field_validator("calls")
    @classmethod
    def _are_calls(cls, value: Any) -> Any:
        if not isinstance(value, tuple | list) or not value:
            raise ValueError("expected a list of calls, one at least")
        return tuple(_call(item) for item in value)

    @field_validator("weights")
    @classmethod
    def _are_shapes(cls, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping) or not all(_is_shape(shape) for shape in value.values()):
            raise ValueError("expected a mapping of weight names to shapes")
        return {name: tuple(shape) for name, shape in value.items()}

    @property
    def why(self) -> str:
        """Why nothing is known of it, as the end of a sentence."""
        return self.reason or f"the class {self.class_name} is not known to vgspec"

    @property
    def title(self) -> str:
        """The name of the class that it stands for, and that it is opaque."""
        return f"{self.class_name} (opaque)"

    @property
    def open_arguments(self) -> tuple[CallArgument, ...]:
        """The arguments that its calls were given when it was imported."""
        rows: dict[str, CallArgument] = {}
        for call in self.calls:
            for name, value in call["inputs"].items():
                many = isinstance(value, tuple)
                tensor = many or _is_tensor(value)
                everywhere = all(name in other["inputs"] for other in self.calls)
                rows.setdefault(name, CallArgument(name, tensor, everywhere and tensor, many=many))
        return tuple(rows.values())

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """What the layer gave for these inputs when it was imported.

        Raises:
            ShapeError: if it was not called with inputs of these shapes.
        """
        for known in self.calls:
            if _fits(known["inputs"], call.args):
                return tuple(_tensor(value) for value in known["outputs"])
        given = [f"{name}: {_shown(value)}" for known in self.calls[:3] for name, value in known["inputs"].items()]
        raise ShapeError(
            f"of the class {self.class_name} is opaque: what it gives is known only for the inputs that it was "
            "imported with",
            argument="calls",
            notes=(f"those were {', '.join(given)}",) if given else (),
        )

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """The weights by name; one of an unknown size where nothing is known of them."""
        if self.weights is None:
            return (Weight("weights", (None,)),)
        frozen = set(self.non_trainable)
        return tuple(Weight(name, shape, trainable=name not in frozen) for name, shape in self.weights.items())

    def signal_rule(self, call: Call) -> Rule:
        """Unknown: nothing is known of what it computes."""
        from vgspec.layers.signal import Unknown

        return Unknown(self.why)


def _frozen(value: Any) -> Any:
    """Plain data with tuples for lists."""
    if isinstance(value, Mapping):
        return {str(key): _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(size is None or (type(size) is int and size >= 0) for size in value)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and "batch_shape" in value


def _call(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != {"inputs", "outputs"}:
        raise ValueError("a call has 'inputs', a mapping, and 'outputs', a list")
    inputs, outputs = _frozen(value["inputs"]), _frozen(value["outputs"])
    if not isinstance(inputs, Mapping) or not isinstance(outputs, tuple) or not outputs:
        raise ValueError("a call has 'inputs', a mapping, and 'outputs', a list of one or more")
    for item in (*outputs, *_tensors(inputs)):
        if not _is_tensor(item) or not _is_shape(item["batch_shape"]) or not isinstance(item.get("dtype", ""), str):
            raise ValueError("a tensor is a mapping with 'batch_shape', a list of sizes, and 'dtype'")
    return {"inputs": inputs, "outputs": outputs}


def _tensors(inputs: Mapping[str, Any]) -> Iterator[Any]:
    for value in inputs.values():
        if isinstance(value, tuple):
            yield from value
        elif isinstance(value, Mapping):
            yield value


def _fits(known: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return set(known) == set(given) and all(_alike(known[name], value) for name, value in given.items())


def _alike(known: Any, given: Any) -> bool:
    if isinstance(known, tuple):
        several = given if isinstance(given, tuple | list) else (given,)
        return len(known) == len(several) and all(_alike(a, b) for a, b in zip(known, several, strict=True))
    if not _is_tensor(known):
        return bool(known == given)
    if not isinstance(given, Tensor):
        return False
    sizes = known["batch_shape"]
    return len(sizes) == given.rank and all(may_equal(a, b) for a, b in zip(sizes, given.shape, strict=True))


def _tensor(value: Mapping[str, Any]) -> Tensor:
    first, *rest = value["batch_shape"] or (0,)
    shape: Shape = (BATCH if first is None else first, *rest) if value["batch_shape"] else ()
    return Tensor(shape, value.get("dtype", "float32"))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return str(_tensor(value)) if _is_tensor(value) else repr(value)


LAYERS: tuple[type[Layer], ...] = (Opaque,)
