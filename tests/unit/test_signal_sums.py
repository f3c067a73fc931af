"""The distribution of a stream of rectified residual blocks, beside a sample of it."""

from __future__ import annotations

import numpy as np
import pytest

from vgspec.analysis.signal.functions import scalar_function
from vgspec.analysis.signal.merging import combine
from vgspec.analysis.signal.pointwise import apply_function
from vgspec.analysis.signal.state import Moments, Segment, State, independent_moments
from vgspec.catalogue.activations import ScalarActivation
from vgspec.layers import signal as rule

RELU = scalar_function(ScalarActivation("relu"))
TANH = scalar_function(ScalarActivation("tanh"))


def gaussian(q: float, p: float = 0.0) -> State:
    moments = independent_moments(q)._replace(p=p, s=p, r=p)
    return State((1024,), 0, (Segment(1024, moments),))


def test_a_stream_of_rectified_blocks_is_distributed_as_a_sample_of_it() -> None:
    rng = np.random.default_rng(0)
    common, stream = 0.3, apply_function(gaussian(1.0, 0.3), RELU).outputs[0]

    def draw() -> np.ndarray:
        shared = np.sqrt(common) * rng.standard_normal((1, 200_000))
        return shared + np.sqrt(1.0 - common) * rng.standard_normal((2, 200_000))

    x = np.maximum(draw(), 0.0)
    for _ in range(12):
        added = combine((stream, gaussian(1.0, common)), rule.Combine("add"), ("x", "b")).outputs[0]
        assert added.segments[0].bent is not None
        stream = apply_function(added, RELU).outputs[0]
        x = np.maximum(x + draw(), 0.0)
        found: Moments = stream.moments
        assert found.m == pytest.approx(float(x.mean()), rel=0.01)
        assert found.q == pytest.approx(float((x * x).mean()), rel=0.01)
        assert found.p == pytest.approx(float((x[0] * x[1]).mean()), rel=0.015)
    smooth = apply_function(combine((stream, gaussian(1.0)), rule.Combine("add"), ("x", "b")).outputs[0], TANH).outputs[
        0
    ]
    y = np.tanh(x + rng.standard_normal(x.shape))
    assert smooth.moments.q == pytest.approx(float((y * y).mean()), rel=0.01)


def test_a_sum_of_two_rectified_tensors_or_of_none_is_left_as_it_is() -> None:
    a, b = (apply_function(gaussian(1.0), RELU).outputs[0] for _ in range(2))
    assert combine((a, b), rule.Combine("add"), ("a", "b")).outputs[0].segments[0].bent is None
    assert combine((gaussian(1.0), gaussian(1.0)), rule.Combine("add"), ("a", "b")).outputs[0].segments[0].bent is None
