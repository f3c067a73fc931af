"""Every operation held against ``keras.ops``: signatures, shapes and dtypes, on placeholders and on data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.differential.layer_harness import keras, random_data, sizes_of, symbolic, t
from vgspec.catalogue.base import default_of
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym, evaluate
from vgspec.layers import find_layer
from vgspec.layers.base import Call, ShapeError
from vgspec.layers.operations import Operation, find_operation, from_keras_class, operation_names
from vgspec.layers.operations.indexing import key_item, key_text

pytestmark = pytest.mark.tensorflow

H, W = Sym.named("h"), Sym.named("w")
FLOATS = ("float32", "float16", "bfloat16", "float64")
INTEGERS = ("int32", "int64", "uint8", "int8")
NUMBERS = (*FLOATS, *INTEGERS, "bool")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Inputs = Tensor | Sequence[Tensor] | Mapping[str, Any]


def make(name: str, **arguments: Any) -> Operation:
    """An operation by its name after ``ops.``."""
    cls = find_operation(f"ops.{name}")
    assert cls is not None, name
    return cls(**arguments)


def function_of(name: str) -> Any:
    """The function of ``keras.ops``; the name may have a dot."""
    found = keras.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found


def call_of(op: Operation, inputs: Inputs) -> Call:
    """The call for inputs in order or by name."""
    if isinstance(inputs, Mapping):
        return Call(dict(inputs))
    return Call(dict(op.bind([inputs] if isinstance(inputs, Tensor) else list(inputs))))


def run_keras(op: Operation, call: Call, convert: Any) -> list[Any]:
    """What the function returns, flattened."""

    def each(value: Any) -> Any:
        return [convert(x) for x in value] if isinstance(value, tuple) else convert(value)

    given = {name: each(value) for name, value in call.args.items()}
    for name, _ in op.changed():
        value = op.keras_value(name)
        given[name] = keras.ops.convert_to_tensor(value, op.constants[name].dtype) if name in op.constants else value
    args: list[Any] = []
    for name in op.positional:
        value = given.pop(name)
        args += value if isinstance(value, list) else [value]
    return list(keras.tree.flatten(function_of(op.keras_name)(*args, **given)))


def check(
    op: Operation, inputs: Inputs, *, data: bool = True, sizes: Mapping[str, int] | None = None
) -> tuple[Tensor, ...]:
    """Assert that shapes and dtypes are those of Keras, on placeholders and on data."""
    call = call_of(op, inputs)
    predicted = op.infer_outputs(call)
    found = run_keras(op, call, symbolic)
    context = f"{op!r} on {inputs}: predicted {predicted}, Keras gives {found}"
    assert len(predicted) == len(found), context
    for ours, theirs in zip(predicted, found, strict=True):
        assert ours.rank == len(theirs.shape), context
        for mine, yours in zip(ours.shape, theirs.shape, strict=True):
            assert yours is None or mine == yours, context
        assert ours.dtype == keras.backend.standardize_dtype(theirs.dtype), context
    flops = op.flop_count(call, predicted)
    assert flops is None or isinstance(flops, int | Sym)
    if data:
        named = sizes_of(call, sizes)
        for ours, theirs in zip(predicted, run_keras(op, call, lambda x: random_data(x, named, 2)), strict=True):
            context = f"{op!r} on {inputs}: predicted {ours}, running gives {theirs.dtype}{theirs.shape}"
            assert len(theirs.shape) == ours.rank, context
            for mine, yours in zip(ours.shape, theirs.shape, strict=True):
                assert mine is None or evaluate(mine, named) == yours, context
    return predicted


def keras_refuses(op: Operation, inputs: Inputs) -> bool:
    """Whether the function fails on placeholders or on data."""
    call = call_of(op, inputs)
    named = sizes_of(call)
    try:
        run_keras(op, call, symbolic)
        run_keras(op, call, lambda x: random_data(x, named, 2))
    except Exception:  # whatever Keras or TensorFlow raises is a refusal
        return True
    return False


def check_refused(op: Operation, inputs: Inputs, match: str = "", stricter: str = "") -> None:
    """Assert that the descriptor refuses these inputs, and Keras too unless there is a reason."""
    with pytest.raises(ShapeError, match=match):
        op.infer_outputs(call_of(op, inputs))
    assert keras_refuses(op, inputs) == (not stricter), (op, inputs, stricter)


def agree(op: Operation, inputs: Inputs) -> bool:
    """Assert that descriptor and Keras both accept or both refuse; whether they accept."""
    refusal = ""
    try:
        op.infer_outputs(call_of(op, inputs))
    except ShapeError as error:
        refusal = str(error)
    if refusal:
        assert keras_refuses(op, inputs), f"{op!r} on {inputs}: Keras accepts what vgspec refuses: {refusal}"
        return False
    check(op, inputs)
    return True


# The table


@pytest.mark.parametrize("name", operation_names())
def test_signature(name: str) -> None:
    cls = find_layer(name)
    assert cls is not None
    assert issubclass(cls, Operation)
    parameters = {
        key: parameter
        for key, parameter in inspect.signature(function_of(cls.keras_name)).parameters.items()
        if key not in ("kwargs", "name")
    }
    fields = {key: field for key, field in cls.model_fields.items() if key not in cls.common_fields}
    operands = {row.name: row for row in cls.call_arguments}
    assert set(fields) | set(operands) == set(parameters)
    assert [key for key in parameters if key in operands] == list(operands)
    for key, parameter in parameters.items():
        required = parameter.default is inspect.Parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if name == "ops.where":
            continue  # without x1 and x2 it is another function, with a result of unknown size
        if key in operands:
            assert operands[key].required == required or operands[key].many, key
        elif required:
            assert fields[key].is_required(), key
        else:
            assert default_of(cls, key) == parameter.default, key


def test_keras_has_each_class_and_its_call() -> None:
    classes = {
        cls.__name__: cls
        for module in ("numpy", "nn", "core", "math", "linalg", "image")
        for cls in vars(getattr(keras.src.ops, module)).values()
        if inspect.isclass(cls) and issubclass(cls, keras.Operation)
    }
    for name in operation_names():
        cls = find_operation(name)
        assert cls is not None
        for keras_class in cls.keras_classes:
            expected = cls.keras_parameters or tuple(row.name for row in cls.call_arguments)
            taken = [key for key in inspect.signature(classes[keras_class].call).parameters if key != "self"]
            taken = [key for key in taken if key != "kwargs"]
            assert tuple(taken) == expected[: len(taken)], (name, keras_class)
            assert all(row.name in taken for row in cls.call_arguments), (name, keras_class)
            assert set(expected) <= {*cls.model_fields, *(row.name for row in cls.call_arguments)}
            settings_of = inspect.signature(classes[keras_class].__init__).parameters
            known = {*cls.model_fields, "self", "name", "args", "kwargs", "rms_scaling"}
            assert set(settings_of) <= known, (name, keras_class)
    assert from_keras_class("GetItem") == "ops.get_item"
    assert from_keras_class("Absolute") in ("ops.abs", "ops.absolute")
    assert from_keras_class("Dense") is None


def test_unknown_operations() -> None:
    assert find_layer("ops.no_such_function") is None
    assert find_layer("ops.while_loop") is None
    assert find_layer("opsadd") is None


# Binding and literals


def test_literals_take_the_place_of_operands() -> None:
    half = make("multiply", x2=0.5)
    assert half.bind(["a"]) == (("x1", "a"),)
    assert half.canonical() == {"x2": 0.5}
    assert make("subtract", x1=1.0).bind(["a"]) == (("x2", "a"),)
    assert make("add").bind(["a", "b"]) == (("x1", "a"), ("x2", "b"))
    assert make("concatenate").bind(["a", "b", "c"]) == (("xs", ("a", "b", "c")),)
    assert make("layer_normalization").bind(["a"]) == (("x", "a"),)
    with pytest.raises(ShapeError, match="got 2"):
        half.bind(["a", "b"])
    with pytest.raises(ShapeError, match="got 1"):
        make("add").bind(["a"])
    with pytest.raises(ShapeError, match="literal and as an input"):
        half.infer_outputs(Call({"x1": t(3), "x2": t(3)}))
    with pytest.raises(ShapeError, match="needs 'x2'"):
        make("add").infer_outputs(Call({"x1": t(3)}))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("add", {"x2": "one"}),
        ("add", {"x2": ((1.0, 2.0), (3.0,))}),
        ("add", {"x2": ()}),
        ("add", {"dtype": "float32"}),
        ("add", {"trainable": False}),
        ("reshape", {"newshape": (-1, -1)}),
        ("reshape", {"newshape": (-2,)}),
        ("reshape", {}),
        ("get_item", {"key": ("a",)}),
        ("get_item", {"key": ("::0",)}),
        ("get_item", {"key": ("...", "...")}),
        ("get_item", {"key": (f"{10**12}:",)}),
        ("einsum", {"subscripts": "ij,jk->i!"}),
        ("einsum", {"subscripts": "ij,jk->iz"}),
        ("einsum", {"subscripts": "ij,jk->ii"}),
        ("pad", {"pad_width": (1, 2, 3)}),
        ("cast", {"dtype": "float31"}),
        ("image.resize", {"size": (2, 2), "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}),
    ],
)
def test_refused_arguments(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(name, **arguments)


# Element by element

SPECIAL_INPUT = {"full_like": {"fill_value": 2.0}, "clip": {"x_min": 0, "x_max": 1}, "cast": {"dtype": "float16"}}
SPECIAL_INPUT |= {"saturate_cast": {"dtype": "int32"}, "threshold": {"threshold": 0.5, "default_value": 0}}
ONE_TENSOR = [
    name
    for name in operation_names()
    if (cls := find_operation(name)) is not None
    and cls.__mro__[1].__module__.endswith("elementwise")
    and len(cls.call_arguments) == 1 + (name == "ops.full_like")
]
TWO_TENSORS = [
    name
    for name in operation_names()
    if (cls := find_operation(name)) is not None and [row.name for row in cls.call_arguments] == ["x1", "x2"]
    if cls.__mro__[1].__module__.endswith("elementwise")
]


@pytest.mark.parametrize("name", ONE_TENSOR)
def test_functions_of_one_tensor(name: str) -> None:
    short = name.removeprefix("ops.")
    op = make(short, **SPECIAL_INPUT.get(short, {}))
    for dtype in NUMBERS:
        for x in (t(3, 4, dtype=dtype), t(H, 4, dtype=dtype)):
            try:
                op.infer_outputs(call_of(op, x))
            except ShapeError:
                assert not dtype.startswith(("float", "bfloat"))
                continue
            check(op, x, data=dtype == "float32")
    if op.takes == "any" and short not in ("argsort", "sort"):
        check(op, t(3, dtype="string"), data=False)
    else:
        with pytest.raises(ShapeError):
            op.infer_outputs(call_of(op, t(3, dtype="string")))


@pytest.mark.parametrize("name", TWO_TENSORS)
def test_functions_of_two_tensors(name: str) -> None:
    short = name.removeprefix("ops.")
    for dtype in NUMBERS:
        for other in NUMBERS:
            check(make(short), [t(3, 1, dtype=dtype), t(4, dtype=other)], data=False)
    check(make(short), [t(3, 1), t(3, 4)])
    check_refused(make(short), [t(3), t(4)], match="broadcast")
    if short in NO_LITERALS:
        return
    for literal in (2, 0.5, True):
        for dtype in NUMBERS:
            check(make(short, x2=literal), t(3, 4, dtype=dtype), data=False)
            check(make(short, x1=literal), t(3, 4, dtype=dtype), data=False)
        check(make(short, x2=literal), t(3, 4), data=not isinstance(literal, bool))
    check(make(short, x2=((1.0,), (2.0,))), t(2, 4), data=False)


NO_LITERALS = {"arctan2"}  # Keras takes a Python number for float32 there, whatever the other operand


@pytest.mark.parametrize("dtype", NUMBERS)
def test_where(dtype: str) -> None:
    condition = t(3, 1, dtype="bool")
    check(make("where"), [condition, t(3, 4, dtype=dtype), t(1, 4)])
    for literal in (0, 0.0, True):
        check(make("where", x2=literal), [condition, t(3, 4, dtype=dtype)], data=False)
        check(make("where", x1=literal), [condition, t(3, 4, dtype=dtype)], data=False)
    check(make("where", x1=1.0, x2=-1e9), condition)


def shapes(size: int = 3, rank: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.integers(1, size) | st.just(H) | st.just(None), max_size=rank).map(tuple)


@given(shapes(), shapes(), st.booleans())
@QUICK
def test_broadcasting(a: tuple[Any, ...], b: tuple[Any, ...], batch: bool) -> None:
    first = Tensor((BATCH, *a) if batch else a)
    concrete = not batch and all(isinstance(size, int) for size in (*a, *b))
    op, inputs = make("add"), [first, Tensor(b)]
    if concrete:
        agree(op, inputs)
        return
    try:
        predicted = op.infer_outputs(call_of(op, inputs))
    except ShapeError:
        return
    found = run_keras(op, call_of(op, inputs), symbolic)[0]
    assert len(predicted[0].shape) == len(found.shape)
    for mine, yours in zip(predicted[0].shape, found.shape, strict=True):
        assert yours is None or mine == yours


# Reductions


@given(
    st.sampled_from(["sum", "mean", "max", "min", "prod", "var", "std", "all", "any", "logsumexp", "amax", "median"]),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.none() | st.integers(-4, 4) | st.lists(st.integers(-3, 3), min_size=1, max_size=2).map(tuple),
    st.booleans(),
)
@QUICK
def test_reductions(name: str, shape: list[int], axis: Any, keepdims: bool) -> None:
    x = t(*shape, dtype="bool" if name in ("all", "any") else "float32")
    axes = (axis,) if isinstance(axis, int) else axis or ()
    assume(len({a % x.rank for a in axes if -x.rank <= a < x.rank}) == len(axes) or len(axes) == 1)
    agree(make(name, axis=axis, keepdims=keepdims), x)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize(
    "name",
    [
        *("sum", "mean", "max", "min", "prod", "var", "std", "all", "any", "logsumexp", "amax", "amin", "median"),
        *("argmax", "argmin", "count_nonzero", "norm", "average", "cumsum", "cumprod"),
    ],
)
def test_dtypes_of_reductions(name: str, dtype: str) -> None:
    check(make(name, axis=1), t(3, 4, dtype=dtype), data=False)
    check(make(name), t(3, 4, dtype=dtype), data=False)


def test_more_reductions() -> None:
    check(make("argmax", axis=-1, keepdims=True), t(3, 4))
    check(make("max", axis=1, initial=0.0), t(3, 4))
    check(make("prod", axis=1, dtype="float64"), t(3, 4))
    check(make("moments", axes=(0, 1)), t(3, 4))
    check(make("moments", axes=(1,), keepdims=True), t(3, 4))
    check(make("average", axis=1), [t(3), t(3)])
    check(make("average", axis=1, weights=(0.1, 0.2, 0.7)), t(3))
    check(make("norm", ord=1, axis=-1), t(3, 4))
    check(make("norm", ord="fro", axis=(1, 2)), t(3, 4))
    check(make("cumsum", axis=1, dtype="int64"), t(3, 4, dtype="int32"))
    check_refused(make("norm", ord="fro", axis=1), t(3, 4), match="matrices only")
    check_refused(make("norm", ord=3, axis=(1, 2)), t(3, 4), match="order 3")
    check_refused(make("average", axis=1), [t(3), Tensor((4,))], match="weights")
    assert make("sum", axis=1).flop_count(Call({"x": t(3, 4)}), ()) == 12


# Shapes


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.lists(st.integers(-1, 6), min_size=1, max_size=3))
@QUICK
def test_reshape_of_known_shapes(shape: list[int], newshape: list[int]) -> None:
    assume(newshape.count(-1) <= 1)
    agree(make("reshape", newshape=tuple(newshape)), Tensor(tuple(shape)))


def test_reshape_of_open_shapes() -> None:
    assert check(make("reshape", newshape=(-1, 24)), t(4, 6))[0].shape == (BATCH, 24)
    assert check(make("reshape", newshape=(-1, 2, 6)), t(H, 6), sizes={"h": 4})[0].rank == 3
    check(make("reshape", newshape=(-1, 3)), t(None, 6))
    check(make("reshape", newshape=-1), t(4, 6))
    check(make("ravel"), t(4, 6))
    check(make("ravel"), t(None, 6))


@given(st.permutations([0, 1, 2, 3]), st.data())
@QUICK
def test_orders_of_axes(order: list[int], data: st.DataObject) -> None:
    x = t(2, 3, H)
    signed = tuple(axis - 4 * data.draw(st.booleans()) for axis in order)
    check(make("transpose", axes=signed), x)
    check(make("swapaxes", axis1=signed[0], axis2=signed[1]), x)
    check(make("moveaxis", source=signed[0], destination=signed[1]), x)
    check(make("moveaxis", source=signed[:2], destination=signed[2:]), x)


def test_axes() -> None:
    check(make("transpose"), t(2, 3))
    check_refused(make("transpose", axes=(0, 1)), t(2, 3), match="order of all 3")
    check_refused(make("transpose", axes=(0, 1, 1)), t(2, 3), match="twice")
    check_refused(make("swapaxes", axis1=0, axis2=5), t(2, 3))
    check(make("expand_dims", axis=-1), t(2))
    check(make("expand_dims", axis=(1, -1)), t(2))
    check_refused(make("expand_dims", axis=4), t(2))
    check(make("squeeze", axis=1), t(1, 3))
    check(make("squeeze", axis=(1, -1)), t(1, 3, 1))
    check(make("squeeze"), t(1, 3, 1))
    check_refused(make("squeeze", axis=1), t(2, 3), match="not 1")
    check(make("flip", axis=(1, 2)), t(2, 3))
    check(make("flip"), t(2, 3))
    check(make("roll", shift=1, axis=1), t(2, 3))
    check(make("roll", shift=(1, 2), axis=(1, 2)), t(2, 3))
    check(make("tril"), t(3, 3))
    check_refused(make("triu"), Tensor((3,)), match="rank 2")


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple),
)
@QUICK
def test_tile(shape: list[int], repeats: Any) -> None:
    check(make("tile", repeats=repeats), Tensor(tuple(shape)))


def test_repeats_and_padding() -> None:
    check(make("tile", repeats=(1, 2, 1)), t(4, H))
    check(make("repeat", repeats=2, axis=1), t(3, 4))
    check(make("repeat", repeats=(1, 0, 2), axis=1), t(3, 4))
    check(make("repeat", repeats=3), Tensor((3, 4)))
    check_refused(make("repeat", repeats=(1, 2), axis=1), t(3, 4), match="2 repeats for 3")
    check(make("broadcast_to", shape=(2, 3, 4)), Tensor((3, 1)))
    check_refused(make("broadcast_to", shape=(3, 4)), Tensor((2, 3, 4)))
    check_refused(make("broadcast_to", shape=(3, 4)), Tensor((3, 5)))
    check(make("pad", pad_width=((0, 0), (1, 2), (0, 3))), t(3, H))
    check(make("pad", pad_width=1), Tensor((3,)))
    check(make("pad", pad_width=(1, 2), constant_values=5.0), Tensor((3,)))
    check_refused(make("pad", pad_width=(1, 2)), Tensor((3, 4)), match="one pair per axis")
    check(make("pad", pad_width=((0, 0), (1, 2), (0, 0)), mode="reflect"), t(3, 4))
    check(make("pad", pad_width=((0, 0), (3, 3), (0, 0)), mode="symmetric"), t(3, 4))
    check_refused(make("pad", pad_width=((0, 0), (3, 3), (0, 0)), mode="reflect"), t(3, 4), match="mirror")
    check_refused(make("pad", pad_width=((0, 0), (1, 1))), t(3, 4), match="one pair per axis")
    check_refused(make("pad", pad_width=1, mode="reflect", constant_values=1.0), Tensor((3,)), match="mode")


@given(st.lists(st.lists(st.integers(1, 3), min_size=2, max_size=2), min_size=1, max_size=3), st.integers(-4, 4))
@QUICK
def test_joining(shapes: list[list[int]], axis: int) -> None:
    inputs = [t(*shape) for shape in shapes]
    agree(make("concatenate", axis=axis), inputs)
    agree(make("stack", axis=axis), inputs)


def test_joining_dtypes_and_open_sizes() -> None:
    check(make("concatenate", axis=1), [t(H, 3), t(W, 3)])
    check(make("concatenate", axis=1), [t(H, 3, dtype="float16"), t(2, 3, dtype="int32")], data=False)
    check(make("stack", axis=1), [t(H, 3), t(H, 3)])
    check(make("hstack"), [t(2, 3), t(4, 3)])
    check(make("vstack"), [t(2, 3), t(2, 3)])
    check_refused(make("concatenate", axis=1), [t(2, 3), t(2, 3, 4)], match="one rank")


@given(
    st.integers(1, 12),
    st.integers(1, 6) | st.lists(st.integers(0, 13), min_size=1, max_size=3).map(lambda x: tuple(sorted(x))),
    st.sampled_from([1, -1]),
)
@QUICK
def test_split(size: int, parts: Any, axis: int) -> None:
    agree(make("split", indices_or_sections=parts, axis=axis), t(size) if axis == -1 else t(size, 2))


def test_splits_of_open_sizes() -> None:
    check(make("split", indices_or_sections=2, axis=1), t(H, 3))
    check(make("split", indices_or_sections=(2, 3), axis=1), t(H, 3))
    check(make("unstack", axis=1), t(3, 4))
    check(make("unstack", axis=1, num=3), t(None, 4), data=False)
    check_refused(make("unstack", axis=1), t(None, 4), match="known size")
    check(make("depth_to_space", block_size=2), t(3, H, 8))
    check(make("depth_to_space", block_size=2, data_format="channels_first"), t(8, 3, 4), data=False)
    check(make("space_to_depth", block_size=2), t(4, H, 3))
    check_refused(make("depth_to_space", block_size=2), t(3, 4, 6), match="divide")
    check_refused(make("space_to_depth", block_size=2), t(3, 4, 6), match="divide")


# Indexing

ITEMS = st.none() | st.integers(-4, 4) | st.builds(slice, *[st.none() | st.integers(-5, 5)] * 2)
ITEMS |= st.builds(slice, st.none(), st.none(), st.sampled_from([1, 2, 3, -1, -2]))
ITEMS |= st.builds(slice, st.integers(0, 3), st.integers(0, 5), st.sampled_from([1, 2]))


@given(st.lists(ITEMS, max_size=4), st.none() | st.integers(0, 4), st.lists(st.integers(1, 4), min_size=1, max_size=3))
@settings(parent=QUICK, max_examples=200)
def test_get_item(items: list[Any], ellipsis: int | None, shape: list[int]) -> None:
    if ellipsis is not None:
        items.insert(min(ellipsis, len(items)), ...)
    assume(items)
    x = Tensor(tuple(shape))
    op = make("get_item", key=tuple(key_text(item) for item in items))
    assert [key_item(text) for text in op.canonical()["key"]] == [
        slice(i.start, i.stop, None if i.step == 1 else i.step) if isinstance(i, slice) else i for i in items
    ]
    try:
        expected = np.zeros(shape)[tuple(items)].shape
    except IndexError:
        check_refused(op, x)
        return
    assert check(op, x)[0].shape == expected


def test_get_item_of_open_sizes() -> None:
    assert check(make("get_item", key=(":", 0)), t(H, 4))[0].shape == (BATCH, 4)
    assert check(make("get_item", key=("...", "::2")), t(H, 5))[0].shape == (BATCH, H, 3)
    assert check(make("get_item", key=(":", "::-1", None)), t(H, 5))[0].shape == (BATCH, H, 1, 5)
    assert check(make("get_item", key=(":", ":-1")), t(H, 5))[0].shape == (BATCH, None, 5)
    assert make("get_item", key=0).key == (0,)
    assert make("get_item", key=(" 1 : 2 : 1 ",)).key == ("1:2",)
    for refused in (True, "a", 1.5, slice("a"), np.zeros(2)):
        with pytest.raises(ValueError, match="cannot be written"):
            key_text(refused)


MOVED = "TensorFlow moves the block to where there is room"


def test_gathering() -> None:
    check(make("take", axis=1, indices=(0, 2)), t(3, 4))
    check(make("take", axis=1, indices=1), t(3, 4))
    check(make("take", axis=-1, indices=((0, 1), (1, 0))), t(3, 4))
    check(make("take", axis=1), [t(3, 4), Tensor((5,), "int32")])
    check(make("take", axis=1), [t(3, 4), t(2, dtype="int32")])
    check(make("take"), [Tensor((3, 4)), Tensor((5,), "int32")])
    check(make("take_along_axis", axis=1), [t(3, 4), t(2, 4, dtype="int32")])
    check(make("take_along_axis", axis=-1), [t(3, 4), t(3, 1, dtype="int32")])
    check_refused(make("take_along_axis", axis=1), [t(3, 4), t(2, dtype="int32")], match="rank")
    check(make("slice", start_indices=(0, 1, 2), shape=(-1, 2, 2)), Tensor((2, 3, 4)))
    check(make("slice", start_indices=(0, 1, 2), shape=(1, 2, 2)), t(3, 4))
    check_refused(make("slice", start_indices=(0, 2), shape=(2, 2)), Tensor((2, 3)), match="takes 2 from index 2")
    check_refused(make("slice", start_indices=(0,), shape=(2, 2)), Tensor((2, 3)), match="starting index per axis")
    check(make("slice_update", start_indices=(1, 2)), [Tensor((3, 4)), Tensor((2, 2))])
    check(make("slice_update"), [t(3), Tensor((2,), "int32"), Tensor((1, 2))])
    check_refused(make("slice_update", start_indices=(1, 2)), [Tensor((3, 4)), Tensor((2, 3))], "no room", MOVED)
    check_refused(make("slice_update", start_indices=(1,)), [Tensor((3, 4)), Tensor((2, 2))])
    check(make("convert_to_tensor"), t(3, 4))
    check(make("convert_to_tensor", dtype="float16"), t(3, 4))
    check(make("top_k", k=2), t(3, 4))
    check(make("top_k", k=2, sorted=False), t(3, H))
    check_refused(make("top_k", k=5), t(3, 4), match="takes 5")
    check(make("one_hot", num_classes=5), t(3, dtype="int32"))
    check(make("one_hot", num_classes=5, axis=1, dtype="int32"), t(3, dtype="int32"))
    check_refused(make("one_hot", num_classes=5, axis=4), t(3, dtype="int32"), match="no axis 4")
    check(make("sort", axis=1), t(3, 4))
    check(make("argsort"), t(3, 4))
    check(make("sort", axis=None), Tensor((3, 4)), data=False)


# Products


def matrices(rank: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, 2), min_size=1, max_size=rank).map(tuple)


@given(matrices(), matrices(), st.sampled_from(["matmul", "dot", "inner", "outer"]))
@settings(parent=QUICK, max_examples=120)
def test_products(a: tuple[int, ...], b: tuple[int, ...], name: str) -> None:
    agree(make(name), [Tensor(a), Tensor(b)])


@given(matrices(), matrices(), st.integers(0, 3))
@QUICK
def test_tensordot(a: tuple[int, ...], b: tuple[int, ...], axes: int) -> None:
    op, inputs = make("tensordot", axes=axes), [Tensor(a), Tensor(b)]
    assume(axes <= min(len(a), len(b)))
    assume(a[len(a) - axes :] == b[:axes])  # TensorFlow also multiplies sizes in another order
    agree(op, inputs)


def test_more_products() -> None:
    check(make("matmul"), [t(H, 4), t(4, W)])
    check(make("matmul"), [t(3, 4, dtype="float16"), Tensor((4, 5))], data=False)
    check(make("matmul"), [t(3, 4, dtype="int8"), t(4, 5, dtype="int8")], data=False)
    check(make("matmul", x2=((1.0, 2.0), (3.0, 4.0))), t(3, 2))
    check(make("dot"), [t(3, 4), Tensor((4, 5))])
    check(make("dot", x2=2.0), t(3, 4))
    check(make("tensordot", axes=((1, 2), (0, 1))), [t(3, 4), Tensor((3, 4, 5))])
    check(make("tensordot", axes=((-1,), (0,))), [t(3, 4), Tensor((4, 5))])
    check_refused(make("tensordot", axes=1), [t(3, 4), Tensor((3, 5))], match="cannot multiply")
    check(make("cross"), [t(3), t(3)])
    check_refused(make("cross"), [t(4), t(4)], match="three components")
    assert make("matmul").flop_count(call_of(make("matmul"), [t(3, 4), t(4, 5)]), (t(3, 5),)) == 2 * 3 * 4 * 5


@pytest.mark.parametrize(
    ("subscripts", "inputs"),
    [
        ("bij,bjk->bik", [t(3, 4), t(4, 5)]),
        ("bij,bjk", [t(3, 4), t(4, 5)]),
        ("bij,jk->bik", [t(H, 4), Tensor((4, 5))]),
        ("...ij,...jk->...ik", [t(2, 3, 4), t(2, 4, 5)]),
        ("...ij, kj -> ...ik", [t(2, 3, 4), Tensor((5, 4))]),
        ("bhid,bhjd->bhij", [t(2, 3, 4), t(2, 5, 4)]),
        ("bi->b", [t(3)]),
        ("bij->bji", [t(3, 4)]),
        ("bi,bj->bij", [t(3), t(4)]),
        ("bij,bjk,bkl->bil", [t(3, 4), t(4, 5), t(5, 6)]),
    ],
)
def test_einsum(subscripts: str, inputs: list[Tensor]) -> None:
    check(make("einsum", subscripts=subscripts), inputs)


def test_einsum_refusals() -> None:
    check_refused(make("einsum", subscripts="bij,bjk->bik"), [t(3, 4), t(5, 5)], match="two sizes of the index 'j'")
    check_refused(make("einsum", subscripts="bij,bjk->bik"), [t(3, 4)], match="2 inputs")
    check_refused(make("einsum", subscripts="bij->bi"), [t(3, 4, 5)], match="3 axes")
    flops = make("einsum", subscripts="bij,bjk->bik").flop_count
    assert flops(Call({"operands": (t(3, 4), t(4, 5))}), ()) == 2 * 3 * 4 * 5


# Networks


@pytest.mark.parametrize("name", ["average_pool", "max_pool"])
@given(st.integers(1, 9), st.integers(1, 4), st.none() | st.integers(1, 3), st.sampled_from(["valid", "same"]))
@settings(parent=QUICK, max_examples=30)
def test_pools(name: str, size: int, window: int, strides: int | None, padding: str) -> None:
    agree(make(name, pool_size=window, strides=strides, padding=padding), t(size, size + 1, 2))


def test_convolutions() -> None:
    check(make("conv", padding="same", strides=2), [t(8, 9, 4), Tensor((3, 3, 4, 6))])
    check(make("conv"), [t(H, 4), Tensor((3, 4, 6))])
    check(make("conv", dilation_rate=2), [t(8, 4), Tensor((3, 4, 6))])
    check(make("depthwise_conv"), [t(8, 9, 4), Tensor((3, 3, 4, 2))])
    check_refused(make("conv"), [t(8, 9, 4), Tensor((3, 3, 3, 6))], match="groups")
    check_refused(make("conv"), [t(2, 2, 4), Tensor((3, 3, 4, 6))])
    check_refused(make("depthwise_conv"), [t(8, 9, 4), Tensor((3, 3, 3, 2))], match="each channel")
    check(make("max_pool", pool_size=(2, 3), data_format="channels_last"), t(H, 9, 2))


def test_normalizations_and_attention() -> None:
    check(make("layer_normalization"), t(3, 4))
    check(make("layer_normalization", axis=-1), {"x": t(3, 4), "gamma": Tensor((4,)), "beta": Tensor((4,))})
    check(make("layer_normalization", gamma=(1.0, 2.0, 3.0, 4.0)), t(3, 4))
    check(make("rms_normalization", epsilon=1e-5), t(3, 4))
    check(make("rms_normalization"), [t(3, 4), Tensor((4,))])
    check(make("batch_normalization", axis=-1), [t(3, 4), Tensor((4,)), Tensor((4,))])
    check_refused(make("batch_normalization", axis=-1), [t(3, 4), Tensor((3,)), Tensor((3,))], match="mean")
    check(make("normalize", axis=(1, 2)), t(3, 4))
    check(make("glu"), t(3, 4))
    check_refused(make("glu", axis=1), t(3, 4), match="even")
    x = t(6, 2, 4)
    check(make("dot_product_attention"), [x, x, x])
    check(make("dot_product_attention", is_causal=True, scale=0.5), [x, t(H, 2, 4), t(H, 2, 4)], sizes={"h": 6})
    mask = {"query": x, "key": x, "value": x, "mask": t(2, 6, 6, dtype="bool")}
    check(make("dot_product_attention"), mask)
    check_refused(make("dot_product_attention"), [x, x, t(5, 2, 4)], match="one key per value")
    check(make("image.resize", size=(5, 6)), t(8, 9, 3))
    check(make("image.resize", size=(5, 6), interpolation="nearest"), Tensor((8, 9, 3)))
    check_refused(make("image.resize", size=(5, 6)), t(9), match="rank 3")


# The config of a functional model


def test_functional_config_names_the_classes() -> None:
    x = keras.Input((4, 6))
    y = keras.ops.mean(1.0 - x[:, 0] * 0.5, axis=1, keepdims=True)
    config = keras.Model(x, y).get_config()
    found = [from_keras_class(layer["class_name"]) for layer in config["layers"][1:]]
    assert found == ["ops.get_item", "ops.multiply", "ops.subtract", "ops.mean"]
