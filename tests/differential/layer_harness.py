"""Holds layer descriptors against the installed Keras: signatures, shapes, dtypes, weights, rejections.

Each family's test module calls these functions; Keras is the oracle. Three stages count as Keras accepting a
call: the constructor, the call on symbolic tensors, and the call on small random data. Some mistakes only
fail at the last one, which is why vgspec must be at least as strict as all three together.
"""

from __future__ import annotations

import inspect
import os
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from pydantic import ValidationError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
keras = pytest.importorskip("keras")

from vgspec.backends.objects import to_keras  # noqa: E402
from vgspec.catalogue.base import Kind, UnknownObjectError, default_of  # noqa: E402
from vgspec.ir import BATCH, Dim, Shape, Tensor  # noqa: E402
from vgspec.ir.dims import Sym, evaluate, symbols  # noqa: E402
from vgspec.layers.base import Call, Layer, ShapeError  # noqa: E402
from vgspec.layers.fields import PerAxis  # noqa: E402

__all__ = [
    "arguments",
    "call_of",
    "cases",
    "check_agreement",
    "check_arguments_rejected",
    "check_config",
    "check_layer",
    "check_masking",
    "check_rejected",
    "check_signature",
    "outcome",
    "t",
    "tensors",
]

Inputs = Any
"""A `Tensor`; a list of them, for a layer that takes a list; or a mapping from call argument names."""

SIZES: Mapping[str, int] = {"batch": 2}
DEFAULT_SIZE = 8
"""The value that a symbolic size other than the batch takes on real data."""

CPU_LIMITS = (r"Current CPU implementation", r"only supports N(D)?HWC", r"not supported on CPU")
"""Errors of TensorFlow that other devices do not have."""
IGNORED_ARGUMENTS: Mapping[str, str] = {
    "self": "",
    "name": "the node's id gives it",
    "trainable": "every layer takes it: a field of the base class",
    "dtype": "every layer takes it: a field of the base class",
    "kwargs": "the arguments of Keras's base class",
}
IGNORED_CALL_ARGUMENTS: Mapping[str, str] = {
    "self": "",
    "args": "",
    "kwargs": "",
    "mask": "Keras passes masks on by itself",
}
UNTRIED = frozenset({"data", "values", "announces"})
"""Options of `check_layer` that `keras_error` lacks."""
IGNORED_CONFIG: Mapping[str, str] = {"name": "the node's id gives it"}


def t(*shape: Dim, dtype: str = "float32") -> Tensor:
    """A tensor type with an open batch size: ``t(4, 3)`` is ``(batch, 4, 3)``."""
    return Tensor((BATCH, *shape), dtype)


def call_of(cls: type[Layer] | Layer, inputs: Inputs, **literals: Any) -> Call:
    """The `Call` for inputs in any of their forms."""
    if isinstance(inputs, Mapping):
        return Call({**inputs, **literals})
    first = cls.call_arguments[0].name
    return Call({first: tuple(inputs) if isinstance(inputs, list) else inputs, **literals})


def map_tensors(value: Any, function: Callable[[Tensor], Any]) -> Any:
    """Apply a function to every tensor of a call argument; Keras takes lists where the IR has tuples."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple | list) and any(isinstance(item, Tensor) for item in value):
        return [map_tensors(item, function) for item in value]
    return value


def symbolic(tensor: Tensor) -> Any:
    """The Keras placeholder of a tensor type."""
    return keras.KerasTensor(tuple(d if isinstance(d, int) else None for d in tensor.shape), dtype=tensor.dtype)


def sizes_of(call: Call, sizes: Mapping[str, int] | None = None) -> dict[str, int]:
    """A value for every name that occurs in the shapes of a call."""
    names: set[str] = set()

    def collect(tensor: Tensor) -> None:
        for dim in tensor.shape:
            names.update(symbols(dim))

    for value in call.args.values():
        map_tensors(value, collect)
    return dict.fromkeys(names, DEFAULT_SIZE) | dict(SIZES) | dict(sizes or {})


def random_data(tensor: Tensor, sizes: Mapping[str, int], integers_below: int) -> Any:
    """Data of a type: normal values, integers in ``[0, integers_below)``, or random truth values."""
    rng = np.random.default_rng(0)
    shape = tuple(DEFAULT_SIZE if (value := evaluate(d, sizes)) is None else value for d in tensor.shape)
    if tensor.dtype == "bool":
        return keras.ops.convert_to_tensor(rng.integers(0, 2, shape).astype(bool))
    if tensor.dtype == "string":
        import tensorflow as tf

        return tf.constant(rng.choice(np.array(["a", "b", "c"]), shape))
    if tensor.dtype.startswith(("int", "uint")):
        return keras.ops.convert_to_tensor(rng.integers(0, integers_below, shape), dtype=tensor.dtype)
    return keras.ops.cast(keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32")), tensor.dtype)


def keras_arguments(call: Call, function: Callable[[Tensor], Any]) -> tuple[list[Any], dict[str, Any]]:
    """A call as Keras takes it: the first argument by position, the others by name."""
    (_, first), *rest = call.args.items()
    return [map_tensors(first, function)], {name: map_tensors(value, function) for name, value in rest}


def outputs_of(result: Any) -> list[Any]:
    """The tensors that a Keras layer returned, flattened as descriptors list them."""
    return list(keras.tree.flatten(result))


def same_path(ours: str, theirs: str) -> bool:
    """Whether a weight's name is the end of Keras's path, numbers that Keras appends to layer names aside."""

    def parts(text: str) -> list[str]:
        return [re.sub(r"_\d+$", "", part) for part in text.split("/")]

    mine, path = parts(ours), parts(theirs)
    return path[-len(mine) :] == mine


def check_layer(
    layer: Layer,
    inputs: Inputs,
    *,
    data: bool = True,
    sizes: Mapping[str, int] | None = None,
    integers_below: int = 2,
    values: Callable[[Tensor, Mapping[str, int]], Any] | None = None,
    announces: str = "",
    **literals: Any,
) -> tuple[Tensor, ...]:
    """Assert that the descriptor predicts exactly what Keras does with these inputs; return the prediction.

    Args:
        layer: the descriptor.
        inputs: a tensor type, a list of them, or a mapping from call argument names.
        data: also run the layer on random data.
        sizes: values of symbolic sizes on real data.
        integers_below: exclusive bound of random integers.
        values: makes the data of a tensor, in place of random values.
        announces: the reason why the dtype that Keras announces, which is the predicted one, is not the one it
            computes; then the two must differ.
        literals: further call arguments.
    """
    call = call_of(layer, inputs, **literals)
    predicted = layer.infer_outputs(call)
    weights = layer.weight_specs(call)
    built = to_keras(layer)
    args, kwargs = keras_arguments(call, symbolic)
    outputs = outputs_of(built(*args, **kwargs))

    assert len(outputs) == len(predicted), f"{layer!r}: {len(outputs)} outputs, predicted {predicted}"
    for ours, theirs in zip(predicted, outputs, strict=True):
        context = f"{layer!r} on {inputs}: predicted {ours}, Keras gives {theirs.dtype}{tuple(theirs.shape)}"
        assert ours.rank == len(theirs.shape), context
        for mine, yours in zip(ours.shape, theirs.shape, strict=True):
            assert yours is None or mine == yours, context
        assert ours.dtype == keras.backend.standardize_dtype(theirs.dtype), context

    _check_weights(layer, built, weights)
    assert isinstance(layer.flop_count(call, predicted), int | Sym | None)
    if data:
        assignment = sizes_of(call, sizes)
        make = values or (lambda tensor, named: random_data(tensor, named, integers_below))
        args, kwargs = keras_arguments(call, lambda tensor: make(tensor, assignment))
        for ours, theirs in zip(predicted, outputs_of(built(*args, **kwargs)), strict=True):
            shape = tuple(theirs.shape)
            context = f"{layer!r} on {inputs}: predicted {ours}, running gives {theirs.dtype}{shape}"
            assert len(shape) == ours.rank, context
            for mine, yours in zip(ours.shape, shape, strict=True):
                assert mine is None or evaluate(mine, assignment) == yours, context
            same = keras.backend.standardize_dtype(theirs.dtype) == ours.dtype
            assert same != bool(announces), context
    return predicted


def _check_weights(layer: Layer, built: Any, weights: tuple[Any, ...]) -> None:
    actual = list(built.weights)
    context = f"{layer!r}: predicted {[(w.name, w.shape) for w in weights]}, "
    context += f"Keras has {[(v.path, tuple(v.shape)) for v in actual]}"
    assert len(weights) == len(actual), context
    trainable = {id(v) for v in built.trainable_weights}
    for ours, theirs in zip(weights, actual, strict=True):
        assert same_path(ours.name, theirs.path), context
        assert tuple(ours.shape) == tuple(theirs.shape), context
        assert (ours.trainable and layer.trainable) == (id(theirs) in trainable), f"{context}: trainable {ours.name}"
        expected = ours.dtype or built.variable_dtype
        assert keras.backend.standardize_dtype(theirs.dtype) == expected, f"{context}: dtype of {ours.name}"
        if ours.initializer is not None and ours.initializer.type_name in {"Zeros", "Ones", "Constant"}:
            value = keras.ops.convert_to_numpy(to_keras(ours.initializer)(tuple(theirs.shape)))
            np.testing.assert_allclose(keras.ops.convert_to_numpy(theirs), value, err_msg=f"{context}: {ours.name}")
    count = sum(int(np.prod(w.shape)) for w in weights)
    assert count == built.count_params(), context


def keras_error(
    layer: Layer,
    inputs: Inputs,
    *,
    sizes: Mapping[str, int] | None = None,
    integers_below: int = 2,
    **literals: Any,
) -> Exception | None:
    """What Keras raises when the layer is built, called on placeholders and run on data; None if nothing."""
    call = call_of(layer, inputs, **literals)
    try:
        built = to_keras(layer)
        args, kwargs = keras_arguments(call, symbolic)
        built(*args, **kwargs)
        assignment = sizes_of(call, sizes)
        args, kwargs = keras_arguments(call, lambda tensor: random_data(tensor, assignment, integers_below))
        built(*args, **kwargs)
    except Exception as error:  # whatever Keras or TensorFlow raises is a rejection
        return error
    return None


def only_on_cpu(message: str) -> bool:
    """Whether an error says nothing about the layer, because other devices compute it."""
    if missing := re.search(r"T=(DT_\w+)", message):
        return re.search(rf"device='GPU'; T in \[[^]]*{missing[1]}\b", message) is not None
    return any(re.search(pattern, message) for pattern in CPU_LIMITS)


def check_rejected(
    layer: Layer, inputs: Inputs, *, match: str = "", argument: str | None = None, stricter: str = "", **options: Any
) -> ShapeError:
    """Assert that the descriptor refuses these inputs, and Keras too.

    Args:
        layer: the descriptor.
        inputs: as for `check_layer`.
        match: regular expression that the message must contain.
        argument: the layer argument that must be blamed.
        stricter: the reason why vgspec refuses what Keras accepts; then Keras must accept it.
        options: as for `keras_error`.
    """
    literals = {key: value for key, value in options.items() if key not in {"sizes", "integers_below"}}
    with pytest.raises(ShapeError, match=match) as caught:
        layer.infer_outputs(call_of(layer, inputs, **literals))
    assert caught.value.argument == argument, caught.value.argument
    error = keras_error(layer, inputs, **options)
    if stricter:
        assert error is None, f"{layer!r} on {inputs}: Keras refuses too ({error}); drop `stricter`"
    else:
        assert error is not None, f"{layer!r} on {inputs}: Keras accepts what vgspec refuses: {caught.value}"
    return caught.value


def check_arguments_rejected(cls: type[Layer], *, match: str = "", stricter: str = "", **args: Any) -> None:
    """Assert that neither the descriptor nor Keras can be constructed with these (plain) arguments."""
    with pytest.raises((ValidationError, UnknownObjectError), match=match):
        cls(**args)
    if not stricter:
        with pytest.raises(Exception):  # noqa: B017, PT011  Keras raises many kinds
            getattr(keras.layers, cls.keras_name or cls.__name__)(**args)


def outcome(
    layer: Layer, inputs: Inputs, *, stricter: Mapping[str, str] | None = None, **options: Any
) -> typing.Literal["accepted", "rejected", "stricter"]:
    """Assert that descriptor and Keras agree on one drawn case, and say how.

    Args:
        layer: the descriptor.
        inputs: as for `check_layer`.
        stricter: regular expressions of messages with which vgspec may refuse what Keras accepts, with reasons.
        options: as for `check_layer`.
    """
    literals = {k: v for k, v in options.items() if k not in {"sizes", "integers_below", *UNTRIED}}
    run = {k: v for k, v in options.items() if k not in UNTRIED}
    call = call_of(layer, inputs, **literals)
    refused: str | None = None
    try:
        layer.infer_outputs(call)
        layer.weight_specs(call)
    except ShapeError as caught:
        refused = str(caught)
    if refused is not None:
        if keras_error(layer, inputs, **run) is not None:
            return "rejected"
        documented = any(re.search(pattern, refused) for pattern in stricter or {})
        assert documented, f"{layer!r} on {inputs}: Keras accepts what vgspec refuses: {refused}"
        return "stricter"
    error = keras_error(layer, inputs, **run)
    if error is not None and only_on_cpu(str(error)):
        check_layer(layer, inputs, **(options | {"data": False}))
        return "accepted"
    assert error is None, f"{layer!r} on {inputs}: vgspec accepts what Keras refuses: {error}"
    check_layer(layer, inputs, **options)
    return "accepted"


check_agreement = outcome


def check_masking(layer: Layer, inputs: Tensor, **literals: Any) -> None:
    """Assert `supports_masking`: whether a mask on the input is also on the (first) output."""
    call = call_of(layer, inputs, **literals)
    assignment = sizes_of(call)
    args, kwargs = keras_arguments(call, lambda tensor: random_data(tensor, assignment, 2))
    keras.src.backend.set_keras_mask(args[0], keras.ops.ones(tuple(args[0].shape)[:2], dtype="bool"))
    result = outputs_of(to_keras(layer)(*args, **kwargs))[0]
    carried = keras.src.backend.get_keras_mask(result) is not None
    assert carried == layer.supports_masking, f"{layer!r}: mask on the output: {carried}"


def check_signature(
    cls: type[Layer],
    *,
    missing: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    call_missing: Mapping[str, str] | None = None,
    order: str = "",
) -> None:
    """Assert that arguments, their order and defaults, and call arguments are those of the installed Keras.

    Args:
        cls: the descriptor.
        missing: Keras's arguments that the descriptor leaves out, each with the reason.
        extra: fields that Keras takes only through ``**kwargs``, each with the reason.
        defaults: fields whose default differs from Keras's, each with the reason.
        call_missing: call arguments of Keras that the descriptor leaves out, each with the reason.
        order: the reason why the fields are in another order than Keras's arguments, if they are.
    """
    missing, extra, defaults, call_missing = missing or {}, extra or {}, defaults or {}, call_missing or {}
    theirs_cls = getattr(keras.layers, cls.keras_name or cls.__name__)
    ignored = IGNORED_ARGUMENTS.keys() | missing.keys()
    theirs = {k: p for k, p in inspect.signature(theirs_cls.__init__).parameters.items() if k not in ignored}
    ours = {k: f for k, f in cls.model_fields.items() if k not in cls.common_fields and k not in extra}
    context = f"{cls.__name__}: fields {list(ours)}, Keras {list(theirs)}"
    assert sorted(ours) == sorted(theirs), context
    assert (list(ours) == list(theirs)) != bool(order), context
    for reasons in (missing, extra, defaults, call_missing):
        assert all(reasons.values()), "every exception needs its reason"
    for name, field in ours.items():
        default = theirs[name].default
        if default is inspect.Parameter.empty or field.is_required():
            assert (default is inspect.Parameter.empty) == field.is_required(), f"{cls.__name__}.{name}: required"
        elif name not in defaults:
            mine, yours = default_of(cls, name), _as_field(field, default)
            assert mine == yours, f"{cls.__name__}.{name}: default {mine!r}, Keras {default!r}"
    ignored = IGNORED_CALL_ARGUMENTS.keys() | call_missing.keys()
    called = [name for name in inspect.signature(theirs_cls.call).parameters if name not in ignored]
    mine = [argument.name for argument in cls.call_arguments if argument.name != "mask"]
    assert mine == called, f"{cls.__name__}: call arguments {mine}, Keras {called}"
    for argument in cls.call_arguments:
        parameter = inspect.signature(theirs_cls.call).parameters[argument.name]
        if not argument.tensor:
            assert argument.default == parameter.default, f"{cls.__name__}: default of call argument {argument.name}"


def check_config(layer: Layer, *, missing: Mapping[str, str] | None = None) -> None:
    """Assert that every key of Keras's ``get_config`` is a field, so that an importer can hold the layer.

    Args:
        layer: the descriptor.
        missing: keys without a field, each with the reason.
    """
    known = type(layer).model_fields.keys() | IGNORED_CONFIG.keys() | (missing or {}).keys()
    unknown = [key for key in to_keras(layer).get_config() if key not in known]
    assert not unknown, f"{type(layer).__name__}: config keys without a field: {unknown}"


def _as_field(field: Any, value: Any) -> Any:
    """A default of Keras's in the form that a field has it."""
    for item in field.metadata:
        if isinstance(item, Kind):
            return item.convert(value)
        if isinstance(item, PerAxis) and isinstance(value, int):
            return (value,) * item.rank
    return tuple(value) if isinstance(value, list) else value


# Strategies


def cases(count: int) -> settings:
    """Hypothesis settings for a property that builds Keras layers: slow first calls are no failure.

    The environment variable ``VGSPEC_EXAMPLES`` multiplies the number of examples, for a longer search.
    """
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=count * int(os.environ.get("VGSPEC_EXAMPLES", "1")), deadline=None, suppress_health_check=slow
    )


def tensors(
    rank: int | st.SearchStrategy[int], dtypes: tuple[str, ...] = ("float32",), size: int = 6
) -> st.SearchStrategy[Tensor]:
    """Tensor types with an open batch size, ``rank`` counting it; sometimes one more size is symbolic or unknown."""
    ranks = st.just(rank) if isinstance(rank, int) else rank

    def build(rank: int) -> st.SearchStrategy[Tensor]:
        sizes = st.tuples(*[st.integers(1, size)] * (rank - 1))
        which = st.sampled_from([rank, rank, rank, *range(1, rank)])  # rank: no axis is open

        def shaped(sizes: tuple[int, ...], axis: int, dim: Dim) -> Shape:
            return tuple(dim if at == axis else known for at, known in enumerate((BATCH, *sizes)))

        shape = st.builds(shaped, sizes, which, st.sampled_from([Sym.named("h"), None]))
        return st.builds(Tensor, shape, st.sampled_from(dtypes))

    return ranks.flatmap(build)


OBJECTS: Mapping[str, tuple[Any, ...]] = {
    "activation": ("linear", "relu", "tanh", "softmax"),
    "initializer": ("glorot_uniform", "zeros", "ones", "random_uniform"),
    "regularizer": ("l2", {"L1": {"l1": 0.1}}),
    "constraint": ("max_norm", "non_neg"),
}


def value_of(annotation: Any, metadata: typing.Iterable[Any] = ()) -> st.SearchStrategy[Any]:
    """Valid values of a field, as plain data, from its type."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation, *inner = typing.get_args(annotation)
        return value_of(annotation, (*inner, *metadata))
    low, high = 0.0, 4.0
    for item in metadata:
        if isinstance(item, Kind):
            strategy = st.sampled_from(OBJECTS[item.name])
            return st.lists(strategy, min_size=1, max_size=2).map(tuple) if item.many else strategy
        if isinstance(item, PerAxis):
            number = st.integers(item.minimum, 3)
            return number | st.tuples(*[number] * item.rank)
        low = max(low, getattr(item, "ge", low), getattr(item, "gt", low - 1) + (1 if annotation is int else 1e-3))
        high = min(high, getattr(item, "le", high), getattr(item, "lt", high + 1) - (1 if annotation is int else 1e-3))
    if annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(int(low), int(high))
    if annotation is float:
        return st.floats(low, high)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if args and type(None) in args:
        rest = [value_of(arg) for arg in args if arg is not type(None)]
        return st.none() | st.one_of(rest)
    raise TypeError(f"no strategy for {annotation}: give one by name")


def arguments(cls: type[Layer], **strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Valid constructor arguments of a layer, as plain data.

    Required ones are always there, others sometimes.

    Args:
        cls: the descriptor.
        strategies: strategies for single arguments; ``st.nothing()`` leaves an argument out.
    """
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in cls.model_fields.items():
        strategy = strategies.get(name)
        if strategy is None:
            if name == "dtype":
                strategy = st.sampled_from([None, "float32", "float16", "mixed_float16", "bfloat16", "float64"])
            else:
                strategy = value_of(field.annotation, field.metadata)
        if strategy.is_empty:
            continue
        (required if field.is_required() else optional)[name] = strategy
    return st.fixed_dictionaries(required, optional=optional)
