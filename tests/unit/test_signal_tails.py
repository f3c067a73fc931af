"""Heavy tails: the first term of the Gram-Charlier series, sums of few terms, sizes of samples, against sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vgspec.analysis.signal.functions import chain, scalar_function
from vgspec.analysis.signal.response import function_moments
from vgspec.analysis.signal.state import Segment, State, independent_moments
from vgspec.analysis.signal.tails import added, corrected, dropped, excess_of, mixed, own_excess, scales, summed
from vgspec.catalogue.activations import Activation

N = 1_000_000


def _excess(x: np.ndarray) -> float:
    x = x - x.mean()
    return float((x**4).mean() / (x**2).mean() ** 2 - 3.0)


@pytest.mark.parametrize("name", ["relu", "silu", "leaky_relu", "gelu"])
def test_a_function_of_elements_of_different_size(name: str) -> None:
    """Half of the elements have variance 1/2, half 3/2: an excess of 3/4."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(N) * np.sqrt(np.where(rng.random(N) < 0.5, 0.5, 1.5))
    scalar = Activation(name=name).scalar()
    assert scalar is not None
    fn = scalar_function(scalar)
    y = fn.value(x)
    base = independent_moments(1.0)
    gaussian, response = function_moments(base, chain(fn))
    assert response is not None
    found, excess = corrected(gaussian, response, 1.0, (0.75, 0.0, 0.75))
    assert found.m == pytest.approx(y.mean(), rel=0.01)
    assert found.q == pytest.approx((y**2).mean(), rel=0.01)
    assert excess == pytest.approx(_excess(y), rel=0.1)
    assert abs(found.m - y.mean()) < 0.3 * abs(gaussian.m - y.mean())
    # two elements of one sample share its size, those of two do not
    assert found.r == pytest.approx(y.mean() ** 2, rel=0.02)
    assert found.s == pytest.approx(gaussian.m**2)


def test_a_sum_of_few_terms() -> None:
    rng = np.random.default_rng(1)
    x = np.maximum(rng.standard_normal((20_000, 9)), 0.0)
    x -= x.mean()
    weights = rng.uniform(-1.0, 1.0, (60, 9))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    y = x @ weights.T
    segment = Segment(1, independent_moments(1.0), excess=_excess(x))
    assert summed(segment, 0.0, 0.0, 1.8, 9.0) == pytest.approx(_excess(y), rel=0.15)
    assert summed(segment, 0.1, 0.1, 1.8, math.inf) == pytest.approx(0.3)
    assert summed(segment, 0.0, 0.0, 1.8, 1.0) == pytest.approx(segment.excess)  # one weight is the same everywhere


def test_a_product_of_a_size_and_a_value_has_the_product_of_their_kurtoses() -> None:
    rng = np.random.default_rng(2)
    sizes = rng.exponential(size=N)
    assert own_excess(_excess(np.sqrt(sizes) * rng.standard_normal(N)), sizes.var()) == pytest.approx(0.0, abs=0.05)


def test_sizes_of_samples_and_positions() -> None:
    assert scales((), 0.5) == pytest.approx(0.5)
    assert scales((np.array([0.5, 1.5]),), 0.0) == pytest.approx(0.25)
    assert mixed([1.0, 0.0], [1.0, 1.0]) == pytest.approx(0.25)
    assert mixed([0.1, 0.3], [1.0, 1.0]) == pytest.approx(0.15)  # both have what the first one has
    assert dropped(Segment(1, independent_moments(1.0)), 0.5) == pytest.approx(3.0)
    alike = Segment(1, independent_moments(1.0), excess=2.0)
    assert added([(alike, 0.0), (alike, 0.0)], 0.0) == pytest.approx(1.0)


def test_channels_that_differ_in_their_means_hide_the_tails_within() -> None:
    segment = Segment(8, independent_moments(1.0)._replace(p=0.5, s=0.5, r=0.5), excess=2.0)
    assert excess_of(State((8,), 0, (segment,)), segment) == (0.5, 0.0, 0.0)
    assert excess_of(State((8,), 0, (segment._replace(excess=0.0),)), segment._replace(excess=0.0)) == (0.0, 0.0, 0.0)
