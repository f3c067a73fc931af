"""Sliding windows against counting their positions one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym, evaluate
from vgspec.layers.base import ShapeError
from vgspec.layers.geometry import axis_indices, slide, unslide

H = Sym.named("h")
SMALL = st.integers(1, 5)


@given(st.integers(1, 30), SMALL, SMALL, SMALL, st.sampled_from(["valid", "same", "causal"]))
def test_positions(size: int, taps: int, stride: int, dilation: int, padding: str) -> None:
    span = dilation * (taps - 1) + 1
    last = size - span if padding == "valid" else size - 1
    count = len(range(0, last + 1, stride))
    arguments = ([taps], [stride], padding, None, [dilation])
    if not count:
        with pytest.raises(ShapeError, match="leaves no output"):
            slide(Tensor((BATCH, size, 3)), *arguments, argument="kernel_size")
        return
    assert slide(Tensor((BATCH, size, 3)), *arguments, argument="kernel_size") == (count,)
    (symbolic,) = slide(Tensor((BATCH, H, 3)), *arguments, argument="kernel_size")
    assert evaluate(symbolic, {"h": size}) == count


@given(st.integers(1, 20), SMALL, SMALL, SMALL, st.sampled_from(["valid", "same"]), st.none() | st.integers(0, 4))
def test_what_is_unslid_slides_back(
    size: int, taps: int, stride: int, dilation: int, padding: str, extra: int | None
) -> None:
    if extra is not None and extra >= stride:
        return
    result, consistent = unslide(size, taps, stride, padding, extra, dilation)
    assert isinstance(result, int)
    span = dilation * (taps - 1) + 1
    last = result - span if padding == "valid" else result - 1
    assert consistent == (len(range(0, last + 1, stride)) == size)


def test_axes() -> None:
    x = Tensor((BATCH, 4, 5))
    assert axis_indices(-1, x) == (2,)
    assert axis_indices((2, -2), x) == (2, 1)
    with pytest.raises(ShapeError, match="no axis 3"):
        axis_indices((1, 3), x)
    with pytest.raises(ShapeError, match=r"twice: \[2, -1\]"):
        axis_indices((2, -1), x)
