"""Merging layers against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.differential.layer_harness import (
    cases,
    check_arguments_rejected,
    check_config,
    check_layer,
    check_rejected,
    check_signature,
    outcome,
    t,
)
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym, add, mul
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.merging import (
    LAYERS,
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)

pytestmark = pytest.mark.tensorflow

H, W = Sym.named("h"), Sym.named("w")
ELEMENTWISE: tuple[type[Layer], ...] = (Add, Average, Maximum, Minimum, Multiply, Subtract)
STRICTER = {"has no non-batch axis 0": "Keras fails when the layer runs, if the batch sizes are open"}


def test_signatures_and_configs() -> None:
    for cls in LAYERS:
        check_signature(cls)
        check_config(Dot(axes=1) if cls is Dot else cls())


@pytest.mark.parametrize("cls", ELEMENTWISE)
@pytest.mark.parametrize(
    "inputs",
    [
        [t(3), t(3)],
        [t(4, 3), t(3)],
        [t(3), t(5, 4, 3)],
        [t(4, 1), t(1, 3)],
        [t(), t(4, 3)],
        [t(H, 3), t(H, 3)],
        [t(H, 3), t(1, 1)],
        [t(None, 3), t(1, 3)],
        [t(None, 3), t(None, 3)],
        [t(H, 3), t(None, 3)],
        [Tensor((2, 3)), t(3)],
        [t(3, dtype="float16"), t(3)],
    ],
)
def test_elementwise(cls: type[Layer], inputs: list[Tensor]) -> None:
    check_layer(cls(), inputs)
    check_layer(cls(dtype="mixed_float16"), inputs)


@pytest.mark.parametrize("cls", [Add, Average, Maximum, Minimum, Multiply])
def test_any_number_of_inputs(cls: type[Layer]) -> None:
    check_layer(cls(), [t(3)])
    check_layer(cls(), [t(4, 3), t(3), t(1, 1, 1), t(4, 3)])


def test_a_number_beside_an_unknown_size_stays_unknown() -> None:
    """Keras could not build a Dense layer on it."""
    (y,) = Add().infer_outputs(Call({"inputs": (t(None, None), t(4, 5))}))
    assert y.shape == (BATCH, None, None)
    (y,) = check_layer(Add(), [t(H, 3), t(8, 3)])
    assert y.shape == (BATCH, None, 3)


@pytest.mark.parametrize("cls", ELEMENTWISE)
def test_elementwise_rejected(cls: type[Layer]) -> None:
    check_rejected(cls(), [t(3), t(4)], match="matching shapes")
    check_rejected(cls(), [t(4, 3), t(5, 3)], match="matching shapes")
    check_rejected(cls(), [Tensor((2, 3)), Tensor((4, 3))], match="matching shapes")
    check_rejected(cls(), [Tensor((1, 3)), Tensor((4, 3))], match="matching shapes")
    check_rejected(cls(), [t(H, 3), t(add(H, 1), 3)], match="matching shapes")
    check_rejected(cls(), t(3), match="list of inputs")
    check_rejected(cls(), [t(3, dtype="bool"), t(3, dtype="bool")], match="numeric")
    joins = "Keras joins strings, but declares float32 to the layers after it" if cls is Add else ""
    check_rejected(cls(), [t(3, dtype="string"), t(3, dtype="string")], match="numeric", stricter=joins)


def test_subtract_takes_two() -> None:
    check_rejected(Subtract(), [t(3)], match="exactly two inputs, got 1")
    check_rejected(Subtract(), [t(3)] * 3, match="exactly two inputs, got 3")


def test_integers_are_declared_floating() -> None:
    for cls in ELEMENTWISE:
        check_layer(cls(), [t(3, dtype="int32"), t(3, dtype="int32")], data=False)
    check_layer(Concatenate(), [t(3, dtype="int32"), t(3, dtype="int32")], data=False)


@pytest.mark.parametrize(
    ("axis", "inputs"),
    [
        (-1, [t(3), t(4)]),
        (-1, [t(3)]),
        (1, [t(2, 3), t(5, 3), t(1, 3)]),
        (-2, [t(2, 3), t(H, 3)]),
        (1, [t(H, 3), t(W, 3)]),
        (-1, [t(H, 3), t(None, 3)]),
        (-1, [t(H, None), t(H, 3)]),
        (0, [t(3), t(3)]),
        (0, [Tensor((2, 3)), Tensor((5, 3))]),
        (-1, [t(), t()]),
        (3, [t(4, 4, 2), t(4, 4, 6)]),
    ],
)
def test_concatenate(axis: int, inputs: list[Tensor]) -> None:
    check_layer(Concatenate(axis=axis), inputs)


def test_concatenate_with_an_unknown_size() -> None:
    check_layer(Concatenate(), [t(None, 3), t(4, 3)], data=False)


def test_concatenate_adds_symbolic_sizes() -> None:
    (y,) = check_layer(Concatenate(axis=1), [t(H, 3), t(H, 3)])
    assert y.shape == (BATCH, mul(2, H), 3)


def test_concatenate_rejected() -> None:
    check_rejected(Concatenate(), [t(4, 3), t(5, 3)], match="differ along axis 2 only")
    check_rejected(Concatenate(), [t(None, 3), t(4, 3), t(5, 3)], match="one size of axis 1, got 4 and 5")
    check_rejected(Concatenate(), [t(4, 3), t(3)], match="one rank")
    check_rejected(Concatenate(axis=3), [t(4, 3), t(4, 3)], match="no axis 3", argument="axis")
    check_rejected(Concatenate(axis=-4), [t(4, 3), t(4, 3)], match="no axis -4", argument="axis")
    check_rejected(Concatenate(), t(3), match="list of inputs")
    check_rejected(
        Concatenate(),
        [t(3, dtype="string")] * 2,
        match="numeric",
        stricter="Keras joins strings, but declares float32 to the layers after it",
    )


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (Dot(axes=1), [t(3), t(3)]),
        (Dot(axes=-1), [t(4, 3), t(5, 3)]),
        (Dot(axes=(2, 1)), [t(4, 3), t(3, 5)]),
        (Dot(axes=(1, 2)), [t(3, 4), t(5, 3)]),
        (Dot(axes=(-1, -2)), [t(4, 3), t(3, 5)]),
        (Dot(axes=(2, 1)), [t(4, 3), t(3)]),
        (Dot(axes=1), [t(3), t(3, 5)]),
        (Dot(axes=(3, 2)), [t(2, 4, 3), t(5, 3)]),
        (Dot(axes=1), [t(H, 3), t(H, 4)]),
        (Dot(axes=1), [t(None, 3), t(None, 4)]),
        (Dot(axes=2, normalize=True), [t(H, 3), t(W, 3)]),
    ],
)
def test_dot(layer: Layer, inputs: list[Tensor]) -> None:
    check_layer(layer, inputs)


def test_dot_rejected() -> None:
    check_rejected(Dot(axes=1), [t(3), t(4)], match="one size of axis 1", argument="axes")
    check_rejected(Dot(axes=1), [t(H, 3), t(8, 3)], match="one size", argument="axes")
    check_rejected(Dot(axes=0), [Tensor((2, 3)), Tensor((2, 3))], match="no non-batch axis 0", argument="axes")
    check_rejected(Dot(axes=2), [t(3), t(3)], match="no non-batch axis 2", argument="axes")
    check_rejected(Dot(axes=1), [t(), t()], match="rank 2 or more")
    check_rejected(Dot(axes=1), [t(3)], match="exactly two")
    check_rejected(Dot(axes=1), [Tensor((2, 3)), Tensor((4, 3))], match="one batch size")
    check_arguments_rejected(Dot, axes=(1, 2, 3))
    check_arguments_rejected(Dot, axes="last")


def test_one_tensor_is_no_list() -> None:
    with pytest.raises(ShapeError, match="list of inputs"):
        Dot(axes=1).infer_outputs(Call({"inputs": t(3)}))


DIMS = st.sampled_from([1, 2, 3, None, H])


@st.composite
def some_tensors(draw: st.DrawFn) -> list[Tensor]:
    base = draw(st.lists(DIMS, max_size=3))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        shape = [draw(st.just(size) | st.sampled_from([1, 3])) for size in base[draw(st.integers(0, 1)) :]]
        found.append(Tensor((draw(st.sampled_from([BATCH, BATCH, 2])), *shape)))
    return found


@given(cls=st.sampled_from(ELEMENTWISE), inputs=some_tensors())
@cases(120)
def test_elementwise_agreement(cls: type[Layer], inputs: list[Tensor]) -> None:
    sizes: dict[str, Any] = {"sizes": {"h": 3, "batch": 2}}
    if any(None in x.shape for x in inputs):
        call = Call({"inputs": tuple(inputs)})
        try:
            cls().infer_outputs(call)
        except ShapeError:
            return
        check_layer(cls(), inputs, data=False)
        return
    event(outcome(cls(), inputs, **sizes))


def known(x: Tensor) -> Tensor:
    """Numbers for the sizes but the batch's: an unknown one may be one that fits."""
    return Tensor((x.shape[0], *(size if isinstance(size, int) else 3 for size in x.shape[1:])))


@given(inputs=some_tensors(), axis=st.integers(-4, 4))
@cases(80)
def test_concatenate_agreement(inputs: list[Tensor], axis: int) -> None:
    inputs = [known(x) for x in inputs]
    stricter = {"has no axis": "Keras hands a single input on without a look at the axis"} if len(inputs) == 1 else {}
    event(outcome(Concatenate(axis=axis), inputs, stricter=stricter, sizes={"h": 3, "batch": 2}))


@given(inputs=some_tensors(), axes=st.integers(-3, 3) | st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
@cases(80)
def test_dot_agreement(inputs: list[Tensor], axes: Any) -> None:
    inputs = [known(x) for x in inputs]
    event(outcome(Dot(axes=axes), inputs, stricter=STRICTER, sizes={"h": 3, "batch": 2}))
