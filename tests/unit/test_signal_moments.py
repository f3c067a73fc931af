"""The numbers under the gradient-flow analysis, against closed forms and plain sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vgspec.analysis.signal.functions import chain, scalar_function
from vgspec.analysis.signal.lags import Recent
from vgspec.analysis.signal.nodes import HERMITE, LEGENDRE
from vgspec.analysis.signal.pooling import maximum_moments
from vgspec.analysis.signal.quadrature import DEGREE, _mirrored, basis, mehler, mehler_all, spectrum
from vgspec.analysis.signal.response import function_moments
from vgspec.analysis.signal.softmax import _narrow, _powers, _wide, probabilities
from vgspec.analysis.signal.state import Moments, Segment, average, independent_moments, pair_average
from vgspec.analysis.signal.taps import count
from vgspec.catalogue.activation_table import ROWS
from vgspec.catalogue.activations import Activation, ScalarActivation

SCALARS = [scalar for row in ROWS if row.elementwise and (scalar := Activation(name=row.name).scalar()) is not None]


def _pairs(mean: float, deviation: float, correlation: float, n: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    u, v = rng.standard_normal((2, n))
    return mean + deviation * u, mean + deviation * (correlation * u + math.sqrt(1 - correlation**2) * v)


def _moments(mean: float, deviation: float, correlation: float) -> Moments:
    q, d = deviation**2 + mean**2, mean**2
    pair = d + correlation * deviation**2
    return Moments(mean, q, pair, d, d, d, d, d, d)


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: scalar.name)
@pytest.mark.parametrize(("mean", "deviation", "correlation"), [(0.0, 1.0, 0.6), (0.7, 0.3, 0.9), (-1.0, 3.0, 0.3)])
def test_moments_of_every_activation_agree_with_sampling(
    scalar: ScalarActivation, mean: float, deviation: float, correlation: float
) -> None:
    if scalar.name == "exponential" and deviation > 2:
        pytest.skip("its fourth moment under so wide a Gaussian is beyond sampling")
    fn = scalar_function(scalar)
    x, y = _pairs(mean, deviation, correlation)
    fx, fy = fn.value(x), fn.value(y)
    found, response = function_moments(_moments(mean, deviation, correlation), chain(fn))
    noise = 6 * float(np.std(fx * fx)) / math.sqrt(x.size) + 2e-3 * float(np.mean(fx * fx))
    assert found.m == pytest.approx(float(fx.mean()), abs=6 * float(fx.std()) / math.sqrt(x.size) + 2e-3)
    assert found.q == pytest.approx(float((fx * fx).mean()), abs=noise)
    assert found.p == pytest.approx(float((fx * fy).mean()), abs=noise + 3e-3 * float((fx * fx).mean()))
    assert response is not None
    slope = fn.slope(x)
    assert response.slope_square == pytest.approx(float((slope**2).mean()), rel=2e-2, abs=1e-3)


def test_a_narrow_slope_under_a_wide_gaussian_is_resolved() -> None:
    tanh = scalar_function(ScalarActivation("tanh"))
    _, response = function_moments(independent_moments(1e6), chain(tanh))
    assert response is not None
    # E[tanh'^2] = density at zero times the integral of sech^4, which is 4/3
    assert response.slope_square == pytest.approx(4 / 3 / (1e3 * math.sqrt(2 * math.pi)), rel=5e-3)


def test_rectifier_pairs_follow_the_arc_cosine_kernel() -> None:
    relu = scalar_function(ScalarActivation("relu"))
    c = 0.37
    found, _ = function_moments(_moments(0.0, 2.0, c), chain(relu))
    exact = 4 * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)
    assert found.p == pytest.approx(exact, rel=1e-9)
    assert found.q == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize("points", [16, 24])
def test_tables_of_nodes_are_those_of_gauss(points: int) -> None:
    for found, wanted in zip(_mirrored(HERMITE[points]), np.polynomial.hermite_e.hermegauss(points), strict=True):
        assert found == pytest.approx(wanted, rel=1e-12)
    for found, wanted in zip(_mirrored(LEGENDRE), np.polynomial.legendre.leggauss(8), strict=True):
        assert found == pytest.approx(wanted, rel=1e-14)


def test_mehler_gives_the_total_for_equal_arguments() -> None:
    nodes = basis(0.0, 1.0)
    values = np.maximum(nodes.z, 0.0)
    assert mehler(spectrum(nodes, values), 0.5, 1.0) == 0.5
    assert mehler(spectrum(nodes, values), 0.5, 0.0) == pytest.approx(1 / (2 * math.pi), rel=1e-6)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_softmax_moments_agree_with_sampling(classes: int) -> None:
    rng = np.random.default_rng(5)
    z = 1.5 * rng.standard_normal((4_000_000 // classes // 10, classes))
    y = np.exp(z - z.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    square, jacobian = probabilities(2.25, classes)
    s2 = (y * y).sum(axis=1, keepdims=True)
    assert square == pytest.approx(float((y * y).mean()), rel=0.02)
    assert jacobian == pytest.approx(float((y * y * (1 - 2 * y + s2)).mean()), rel=0.02)


@pytest.mark.parametrize("deviation", [0.05, 0.7, 2.0, 3.9, 4.1, 12.0])
def test_softmax_of_two_logits_is_a_sigmoid_of_their_difference(deviation: float) -> None:
    z = np.linspace(-9.0, 9.0, 200_001)
    weights = np.exp(-0.5 * z * z) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    y = 1.0 / (1.0 + np.exp(-math.sqrt(2.0) * deviation * z))
    square, jacobian = _powers(deviation**2, 2)
    assert square == pytest.approx(float(weights @ (y * y)), rel=1e-7)
    assert jacobian == pytest.approx(float(weights @ (2.0 * (y * (1.0 - y)) ** 2)), rel=1e-6)


@pytest.mark.parametrize("classes", [2, 1000, 1_000_000])
def test_softmax_of_many_logits_has_no_seam_between_its_grids(classes: int) -> None:
    u = np.arange(-70.0, 40.0, 0.25)
    for narrow, wide in zip(_narrow(u, 4.0), _wide(u, 4.0), strict=True):
        assert narrow == pytest.approx(wide, rel=1e-7, abs=1e-12)
    small, large = (_powers(variance, classes) for variance in (0.0, 1e-8))
    assert small == pytest.approx(large, rel=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_maximum_of_correlated_gaussians(correlation: float) -> None:
    rng = np.random.default_rng(7)
    shared = rng.standard_normal((200_000, 1))
    z = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * rng.standard_normal((200_000, 9))
    top = z.max(axis=1)
    moments = Moments(0.0, 1.0, 0.0, correlation, 0.0, 0.0, 0.0, 0.0, 0.0)
    found, _ = maximum_moments(Segment(1, moments), 9.0)
    assert found.m == pytest.approx(float(top.mean()), rel=0.01)
    assert found.q == pytest.approx(float((top * top).mean()), rel=0.01)


def test_taps_count_padding() -> None:
    taps, outputs = count((5,), (3,), (1,), (1,), "same")
    assert outputs == (5,)
    assert (taps.total, taps.squares, taps.inputs) == (4 + 5 + 4, 16 + 25 + 16, 5)
    padded, outputs = count((7,), (3,), (1,), (1,), "valid", ((1, 1),))
    assert outputs == (5,)
    assert padded == taps


def test_average_over_segments_keeps_the_pair_mean() -> None:
    a = Segment(1, independent_moments(1.0, 1.0))
    b = Segment(1, independent_moments(1.0, -1.0))
    whole = average((a, b))
    assert whole.m == 0.0
    assert whole.k == pytest.approx(-1.0)  # one channel is 1, the other -1


def test_pair_average_of_a_constant_is_its_square() -> None:
    assert pair_average(4.0, 4.0, 4.0, 4.0, 17) == pytest.approx(4.0)


@pytest.mark.parametrize("deviation", [1e-90, 1e-120, 1e100])
def test_a_signal_of_any_size_has_moments(deviation: float) -> None:
    tanh = scalar_function(ScalarActivation("tanh"))
    found, response = function_moments(independent_moments(deviation**2), chain(tanh))
    assert response is not None
    assert found.q == pytest.approx(min(deviation**2, 1.0))
    assert response.kurtosis == pytest.approx(3.0 if deviation < 1 else 1.0)


def test_the_diagonal_of_recent_steps_is_that_of_their_list() -> None:
    lags = 3
    recent = Recent(np.zeros((2, lags + 1)))
    rows: tuple[np.ndarray, ...] = ()
    for step in range(7):
        pairs = np.arange(8.0).reshape(2, 4) + 100.0 * step
        recent.add(pairs)
        rows = (pairs, *rows)[:lags]
        expected = np.zeros((2, lags))
        for lag, then in enumerate(rows, start=1):
            expected[:, lag - 1] = then[:, lag]
        np.testing.assert_array_equal(recent.diagonal(), expected)


@pytest.mark.parametrize("correlation", [-1.5, -1.0, -0.3, 0.0, 0.7, 1.0, 1.2])
def test_many_correlations_give_what_each_gives(correlation: float) -> None:
    squares = np.linspace(1.0, 0.0, DEGREE) ** 4
    total = float(squares.sum()) * 1.01
    assert mehler_all(squares, total, [correlation, 0.2])[0] == pytest.approx(mehler(squares, total, correlation))
