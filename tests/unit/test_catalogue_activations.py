"""The activation table: curves agree with the functions, moments with closed forms."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.catalogue.activation_functions import FUNCTIONS
from vgspec.catalogue.activation_table import BY_NAME, ROWS
from vgspec.catalogue.activations import Activation, ScalarActivation, activation_names, resolve_activation
from vgspec.catalogue.base import UnknownObjectError
from vgspec.catalogue.gaussian import gain, gaussian_moments

VARIANTS = [
    *(ScalarActivation(row.name) for row in ROWS if row.elementwise and not row.required),
    ScalarActivation("relu", (("max_value", 2.0),)),
    ScalarActivation("relu", (("negative_slope", 0.1),)),
    ScalarActivation("relu", (("threshold", 1.0),)),
    ScalarActivation("relu", (("threshold", -1.0),)),
    ScalarActivation("relu", (("max_value", 2.0), ("threshold", -1.0))),
    ScalarActivation("relu", (("max_value", 2.0), ("negative_slope", 0.1), ("threshold", 1.0))),
    ScalarActivation("relu", (("max_value", 1.0), ("threshold", 2.0))),
    ScalarActivation("leaky_relu", (("negative_slope", 0.0),)),
    ScalarActivation("elu", (("alpha", 0.5),)),
    ScalarActivation("celu", (("alpha", 2.0),)),
    ScalarActivation("gelu", (("approximate", True),)),
    ScalarActivation("squareplus", (("b", 1.0),)),
    ScalarActivation("soft_shrink", (("threshold", 1.0),)),
    ScalarActivation("hard_shrink", (("threshold", 1.0),)),
    ScalarActivation("threshold", (("default_value", -2.0), ("threshold", 0.5))),
    ScalarActivation("threshold", (("default_value", 0.5), ("threshold", 0.5))),
]


def name_of(variant: ScalarActivation) -> str:
    return f"{variant.name}{dict(variant.arguments) or ''}"


def away_from(kinks: tuple[float, ...], x: np.ndarray, margin: float) -> np.ndarray:
    return x[np.all(np.abs(x[:, None] - np.array([*kinks, math.inf])) > margin, axis=1)]


def test_functions_cover_exactly_the_elementwise_rows() -> None:
    assert set(FUNCTIONS) == {row.name for row in ROWS if row.elementwise}


def test_no_name_stands_twice() -> None:
    names = [name for row in ROWS for name in (row.name, *row.aliases)]
    assert len(names) == len(set(names)) == len(BY_NAME)


@pytest.mark.parametrize("variant", VARIANTS, ids=name_of)
class TestCurve:
    x = np.linspace(-9, 9, 3602)

    def test_derivative_is_the_difference_quotient(self, variant: ScalarActivation) -> None:
        step = 1e-5
        x = away_from(variant.curve.kinks, self.x, 3 * step)
        quotient = (variant.f(x + step) - variant.f(x - step)) / (2 * step)
        np.testing.assert_allclose(variant.df(x), quotient, rtol=1e-6, atol=1e-8)

    def test_range_holds_and_is_approached(self, variant: ScalarActivation) -> None:
        curve = variant.curve
        x = np.linspace(-700, 700, 280_001)
        values = variant.f(x)
        assert values.min() >= curve.low - 1e-12
        assert values.max() <= curve.high + 1e-12
        for bound, reached in ((curve.low, values.min()), (curve.high, values.max())):
            if math.isfinite(bound):
                assert abs(reached - bound) < 0.02  # softsign(700) is 0.9986; a minimum may fall between samples
            else:
                assert abs(reached) > 30

    def test_slopes_at_infinity(self, variant: ScalarActivation) -> None:
        curve = variant.curve
        assert variant.df(-1e6) == pytest.approx(curve.left, abs=1e-9)
        if math.isfinite(curve.right):
            assert variant.df(1e6) == pytest.approx(curve.right, abs=1e-9)
        else:
            assert variant.df(100.0) > 1e30

    def test_gradient_is_zero_exactly_on_the_flat_pieces(self, variant: ScalarActivation) -> None:
        curve = variant.curve
        x = away_from(curve.kinks, self.x, 1e-6)
        inside = np.zeros_like(x, dtype=bool)
        for low, high in curve.flat:
            inside |= (x > low) & (x < high)
        zero = variant.df(x) == 0
        assert np.all(zero[inside])
        if variant.name not in ("tanh_shrink",):  # its slope at 0 is 0, in one point
            assert not np.any(zero[~inside])

    def test_jumps_are_where_the_function_jumps(self, variant: ScalarActivation) -> None:
        curve = variant.curve
        assert set(curve.jumps) <= set(curve.kinks)
        for kink in curve.kinks:
            leap = abs(float(variant.f(kink + 1e-9)) - float(variant.f(kink - 1e-9)))
            assert (leap > 1e-6) == (kink in curve.jumps), kink

    def test_smooth_between_kinks(self, variant: ScalarActivation) -> None:
        """The second derivative, sampled finely, makes no leap except at a listed kink."""
        step = 1e-4
        x = away_from(variant.curve.kinks, np.arange(-7, 7, step), 4 * step)
        second = (variant.df(x + step) - variant.df(x - step)) / (2 * step)
        leaps = np.abs(np.diff(second))[np.diff(x) < 1.5 * step]
        assert leaps.max() < 0.01 * max(1.0, np.abs(second).max())

    def test_moments_by_monte_carlo(self, variant: ScalarActivation) -> None:
        moments = gaussian_moments(variant, 0.3, 2.0)
        x = 0.3 + math.sqrt(2) * np.random.default_rng(5).standard_normal(400_000)
        for got, sample in (
            (moments.mean, variant.f(x)),
            (moments.square, variant.f(x) ** 2),
            (moments.slope, variant.df(x)),
            (moments.slope_square, variant.df(x) ** 2),
        ):
            assert got == pytest.approx(sample.mean(), abs=6 * sample.std() / math.sqrt(x.size) + 1e-9)


def test_saturating_activations() -> None:
    saturating = {variant.name for variant in VARIANTS if not variant.arguments and variant.curve.saturating}
    assert saturating == {
        "sigmoid",
        "tanh",
        "softsign",
        "hard_sigmoid",
        "hard_tanh",
        "sparse_sigmoid",
        "relu6",
    }


def test_closed_forms() -> None:
    relu = gaussian_moments(ScalarActivation("relu"))
    assert relu.mean == pytest.approx(1 / math.sqrt(2 * math.pi), abs=1e-14)
    assert (relu.square, relu.slope, relu.slope_square) == pytest.approx((0.5, 0.5, 0.5), abs=1e-14)
    exponential = gaussian_moments(ScalarActivation("exponential"), 0.5, 2.0)
    assert exponential.mean == pytest.approx(math.exp(0.5 + 1.0), rel=1e-12)
    assert exponential.square == pytest.approx(math.exp(1.0 + 4.0), rel=1e-12)
    selu = gaussian_moments(ScalarActivation("selu"))  # its fixed point: Klambauer et al. 2017, eq. 14
    assert (selu.mean, selu.square) == pytest.approx((0.0, 1.0), abs=1e-12)


def test_stein_identity_for_smooth_functions() -> None:
    """E[x f(x)] = E[f'(x)] for a standard normal x; here by the symmetric part of gelu and silu."""
    assert gaussian_moments(ScalarActivation("gelu")).slope == pytest.approx(0.5, abs=1e-14)
    assert gaussian_moments(ScalarActivation("silu")).slope == pytest.approx(0.5, abs=1e-14)


@given(st.floats(1e-6, 1e8), st.floats(-3, 3))
def test_relu_moments_at_every_scale(variance: float, offset: float) -> None:
    """Mean and square of a rectified Gaussian in closed form, for inputs from tiny to huge."""
    deviation = math.sqrt(variance)
    mean = offset * deviation
    density = math.exp(-(offset**2) / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * math.erfc(-offset / math.sqrt(2))
    moments = gaussian_moments(ScalarActivation("relu"), mean, variance)
    assert moments.mean == pytest.approx(deviation * (density + offset * below), rel=1e-9)
    assert moments.square == pytest.approx(variance * ((1 + offset**2) * below + offset * density), rel=1e-9)
    assert moments.slope == pytest.approx(below, rel=1e-9)


@pytest.mark.parametrize("variance", [1e2, 1e4, 1e6])
def test_a_wide_input_still_sees_the_bend(variance: float) -> None:
    """E[sigmoid'(x)] for a wide Gaussian is its density at 0 to first order, since the slope integrates to 1."""
    density = 1 / math.sqrt(2 * math.pi * variance)
    assert gaussian_moments(ScalarActivation("sigmoid"), 0.0, variance).slope == pytest.approx(density, rel=0.05)


def test_constant_input() -> None:
    moments = gaussian_moments(ScalarActivation("tanh"), 0.5, 0.0)
    assert moments.mean == pytest.approx(math.tanh(0.5))
    assert moments.variance == 0


def test_gains() -> None:
    assert gain(ScalarActivation("linear")) == pytest.approx(1)
    assert gain(ScalarActivation("relu")) == pytest.approx(math.sqrt(2))
    slope = (("negative_slope", 0.1),)
    assert gain(ScalarActivation("leaky_relu", slope)) == pytest.approx(math.sqrt(2 / (1 + 0.01)))


def test_recommended_initializers_exist_and_fit() -> None:
    from vgspec.catalogue.base import find

    assert all(row.initializer is None or find("initializer", row.initializer) for row in ROWS)
    assert BY_NAME["relu"].initializer == "he_normal"
    assert BY_NAME["tanh"].initializer == BY_NAME["sigmoid"].initializer == "glorot_uniform"
    assert BY_NAME["selu"].initializer == "lecun_normal"


def test_alias_resolves_to_the_row_name() -> None:
    assert resolve_activation("swish") == Activation(name="silu")
    assert resolve_activation(None).is_linear


def test_threshold_is_refused_by_id_with_the_reason() -> None:
    assert "threshold" not in activation_names()
    with pytest.raises(UnknownObjectError, match="no defaults"):
        resolve_activation("threshold")


def test_functions_that_mix_entries_have_no_scalar() -> None:
    mixing = {row.name for row in ROWS if Activation(name=row.name).scalar() is None}
    assert mixing == {"softmax", "log_softmax", "sparsemax", "glu", "threshold"}


def test_traits_need_no_numpy() -> None:
    code = (
        "import sys; from vgspec.catalogue.activations import RELU\n"
        "assert RELU.scalar().curve.can_die; assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
