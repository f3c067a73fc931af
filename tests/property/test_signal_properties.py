"""Whatever is drawn, a predicted size is a number: zero, infinity or something between, never NaN."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vgspec import load_spec, profile_spec
from vgspec.dev.calibration_deep import deep_specs
from vgspec.testing import specs

EXTREME: list[Any] = [
    "zeros",
    {"Constant": {"value": 1e30}},
    {"RandomNormal": {"stddev": 1e-30}},
    {"RandomNormal": {"stddev": 1e30}},
    {"RandomNormal": {"mean": 1e6, "stddev": 0.0}},
]


def extreme(document: Any, initializer: Any) -> Any:
    """The document with this initializer in place of every one that it gives."""
    if isinstance(document, dict):
        return {
            key: initializer if key == "kernel_initializer" else extreme(value, initializer)
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [extreme(item, initializer) for item in document]
    return document


def check(document: Any) -> None:
    for node in profile_spec(load_spec(document)).nodes:
        sizes = [node.activation_rms, node.gradient_rms, node.kernel_gradient_norm, node.log10_activation]
        sizes += [node.log10_gradient, node.log10_kernel_gradient, node.spread, node.dead, *node.kernels.values()]
        assert not [size for size in sizes if size is not None and math.isnan(size)], node
        if not node.known:
            assert node.reason


@settings(max_examples=60, deadline=None)
@given(specs())
def test_drawn_specs_have_no_nan(document: Any) -> None:
    check(document)


@settings(max_examples=60, deadline=None)
@given(deep_specs(), st.sampled_from(EXTREME))
def test_extreme_initializers_give_zero_or_infinity(document: Any, initializer: Any) -> None:
    check(extreme(document, initializer))
