"""Samples of different size, followed as a typical batch: against sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vgspec.analysis.signal import Assumptions, profile
from vgspec.analysis.signal.convolution import _bowed, _left_open, _signed
from vgspec.analysis.signal.forward import run_forward
from vgspec.analysis.signal.functions import affine, chain, scalar_function
from vgspec.analysis.signal.merge_gradients import Others, _masked
from vgspec.analysis.signal.normalize import _single_weights
from vgspec.analysis.signal.pointwise import _few
from vgspec.analysis.signal.response import Curve, function_moments, respond
from vgspec.analysis.signal.samples import (
    BATCHES,
    blended,
    centred,
    function_sizes,
    kept_by,
    leveled,
    masked,
    meeting,
    of_function,
    pooled,
    product,
    shifted,
    started,
    stirred,
)
from vgspec.analysis.signal.sizes import SizeTable
from vgspec.analysis.signal.state import BATCH_SIZE, Samples, Segment, State, independent_moments
from vgspec.analysis.signal.step import GradSegment
from vgspec.analysis.signal.weights import WeightLaw
from vgspec.api import load_spec
from vgspec.catalogue.activations import Activation
from vgspec.catalogue.moments import Structure
from vgspec.ir import Ref

RNG = np.random.default_rng


def _fn(name: str):  # type: ignore[no-untyped-def]
    scalar = Activation(name=name).scalar()
    assert scalar is not None
    return scalar_function(scalar)


def _samples(vary: float) -> Samples:
    found = started(None, vary)
    assert found is not None
    return found


def test_started_samples_have_their_variance_as_far_as_a_batch_can_show_it() -> None:
    assert started(None, 0.001) is None
    small, large = _samples(0.1), _samples(20.0)
    assert small.square.shape == (BATCHES, BATCH_SIZE)
    assert small.square.mean(axis=1) == pytest.approx(1.0)
    assert small.variance == pytest.approx(0.1, rel=0.1)
    assert large.variance < BATCH_SIZE - 1.0  # one sample cannot be more than all of it
    assert started(small, 20.0) is small
    assert np.array_equal(_samples(0.1).square, small.square)  # the same in every run


@pytest.mark.parametrize("name", ["silu", "relu", "tanh", "hard_sigmoid"])
@pytest.mark.parametrize("mean", [0.0, 1.5])
def test_a_function_of_samples_of_different_size(name: str, mean: float) -> None:
    fn, sizes = _fn(name), _samples(0.8).square
    base = independent_moments(1.0 + mean * mean, mean)
    own = np.maximum(1.0 + (sizes[0] - 1.0) * base.q, 0.0)  # of what varies, where the mean is the same for all
    z = RNG(0).standard_normal((20_000, BATCH_SIZE))
    x = mean + np.sqrt(own) * z
    y, slope = fn.value(x), fn.slope(x)
    found = of_function(base, chain(fn), sizes)
    moments, response = function_moments(base, chain(fn))
    assert found is not None
    assert response is not None
    assert found.square[0] * moments.q == pytest.approx((y * y).mean(axis=0), rel=0.06, abs=0.003)
    assert found.slope[0] * response.slope_square == pytest.approx((slope**2).mean(axis=0), rel=0.06, abs=0.01)
    whole = found.applied(moments)
    means = y.mean(axis=0)
    assert whole.q == pytest.approx((y * y).mean(), rel=0.03)
    assert whole.m == pytest.approx(means.mean(), rel=0.03, abs=0.003)
    assert whole.s == pytest.approx((means**2).mean(), rel=0.03, abs=0.003)
    others = (means.sum() ** 2 - (means**2).sum()) / (BATCH_SIZE * (BATCH_SIZE - 1))
    assert whole.p == pytest.approx(others, rel=0.03, abs=0.003)
    assert of_function(independent_moments(4.0, 2.0), chain(fn), sizes) is None


def test_sizes_behind_a_function_keep_what_they_are_functions_of() -> None:
    before = _samples(0.5)
    found = of_function(independent_moments(1.0), chain(_fn("silu")), before.square)
    after = function_sizes(before, before.square, [found, None], [1.0, 1.0])
    assert after.base is before.square
    assert after.variance > before.variance  # silu rises faster than its argument
    assert after.mean is not None
    assert after.mean.mean() == pytest.approx(1.0)
    odd = of_function(independent_moments(1.0), chain(_fn("tanh")), before.square)
    assert function_sizes(before, before.square, [odd], [1.0]).mean is None


@pytest.mark.parametrize("vary", [0.3, 1.2])
def test_normalization_over_the_batch_evens_large_samples_out(vary: float) -> None:
    """Channels in which a sample happens to be large are divided by more."""
    before = _samples(vary)
    a = before.square[0]
    z = np.sqrt(a)[:, None] * RNG(1).standard_normal((BATCH_SIZE, 20_000))
    own = 2.0 * float((a * a).mean()) / BATCH_SIZE  # variance of a channel's variance, relative
    normal = (z * z / (z * z).mean(axis=0)).mean(axis=1)
    after = centred(before, 0.0, own)
    assert after.variance < 0.97 * before.variance
    assert after.square[0] == pytest.approx(normal, rel=0.06)


def test_normalization_takes_away_what_all_samples_have_in_common() -> None:
    square = leveled(np.linspace(0.5, 1.5, BATCHES * BATCH_SIZE).reshape(BATCHES, BATCH_SIZE))
    same = centred(Samples(square), 0.25, 0.0)
    assert same.square == pytest.approx(leveled((square - 0.25) / 0.75))
    mean = np.sqrt(square)
    own = centred(Samples(square, leveled(mean)), 0.25, 0.0)
    assert own.variance < same.variance


def test_sums_products_and_means() -> None:
    a = _samples(0.5)
    b = stirred(a, 0.3, 7)
    assert b.variance > a.variance
    assert not np.array_equal(stirred(a, 0.3, 8).square, b.square)
    assert stirred(a, 0.0, 7) is a
    both = product((a, None, b))
    assert both is not None
    assert both.square == pytest.approx(leveled(a.square * b.square))
    assert product((None, None)) is None
    summed = blended((a, None), (1.0, 3.0), (0.0, 0.0))
    assert summed is not None
    assert summed.square == pytest.approx(0.25 * a.square + 0.75)
    assert blended((None, None), (1.0, 1.0), (0.0, 0.0)) is None
    flat = pooled(Samples(a.square, leveled(np.sqrt(a.square))), 0.0, 1.0)
    assert flat.square == pytest.approx(leveled(a.square), rel=1e-9)
    moved = shifted(Samples(a.square), independent_moments(1.0), 3.0)
    assert moved.square == pytest.approx((a.square + 9.0) / 10.0)
    assert meeting(a.square, a.square) == pytest.approx(1.0 + a.variance)
    assert meeting(a.square, None) == 1.0


def test_every_order_has_the_same_numbers_in_each_batch() -> None:
    spread = np.stack([kept_by(None, keep, 1).sum(axis=1) for keep in (0.25, 0.5, 0.75)])
    assert spread.tolist() == [[8.0] * BATCHES, [16.0] * BATCHES, [24.0] * BATCHES]
    even = Samples(np.ones((BATCHES, BATCH_SIZE)))
    one, two = (stirred(even, 0.2, index).square for index in (1, 2))
    assert np.sort(one, axis=1) == pytest.approx(np.sort(two, axis=1))
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.15
    assert abs(np.corrcoef(one[0], one[1])[0, 1]) < 0.5
    assert (stirred(even, 0.2, 1).square == one).all()


def test_a_batch_without_any_sample_counts_as_even() -> None:
    sizes = np.ones((BATCHES, BATCH_SIZE))
    sizes[0], sizes[1, 0] = 0.0, 33.0
    found = leveled(sizes)
    assert (found[0] == 1.0).all()
    assert found[1, 0] == pytest.approx(33.0 / 2.0)
    assert found.mean(axis=1) == pytest.approx(np.ones(BATCHES))


def test_a_layer_that_drops_samples_drops_its_share_of_them() -> None:
    mask = kept_by(None, 0.75, 0)
    assert mask.mean() == pytest.approx(0.75, abs=0.02)
    assert set(np.unique(mask)) == {0.0, 1.0}
    found = masked(None, mask)
    assert (found.square == 0.0).sum() == (mask == 0.0).sum()
    assert found.variance == pytest.approx(1.0 / 0.75 - 1.0, rel=0.2)
    second = kept_by(found, 0.75, 0)
    assert not np.array_equal(mask, second)
    assert (mask * second).mean() == pytest.approx(0.75**2, abs=0.06)


def test_large_inputs_of_a_small_window_get_large_gradients() -> None:
    """Few inputs make up an output; large outputs of either sign have the larger slopes of silu."""
    fn, taps = _fn("silu"), 4
    curve = Curve(independent_moments(1.0), chain(fn))
    law = WeightLaw(0.0, 1.0, Structure.INDEPENDENT, 2.0)
    rng = RNG(2)
    w = rng.standard_normal((40_000, taps, 1))
    z = rng.standard_normal((40_000, taps, 40))
    response, _ = respond(curve.base, curve.functions)
    a = fn.value(z) - response.mean
    deviation = math.sqrt(response.square - response.mean**2)
    y = (w * a).sum(axis=1) / np.sqrt((w * w).sum(axis=1)) / deviation
    d = fn.slope(y) ** 2
    gradient = w**2 * d[:, None, :] / (w * w).sum(axis=1, keepdims=True)
    measured = taps * (gradient * fn.slope(z) ** 2).mean() / d.mean() / (fn.slope(z) ** 2).mean()
    back = _bowed(GradSegment(8, 1.0), curve, curve, law, float(taps), True)
    assert back.given is not None
    predicted = float(response.basis.weights @ (back.given * response.slope**2)) / response.slope_square
    assert measured > 1.05
    assert predicted == pytest.approx(measured, abs=0.03)


def test_one_weight_a_channel_turns_the_sign_of_half_of_them() -> None:
    curve = Curve(independent_moments(1.0), chain(_fn("silu")))
    low, high = _signed(Segment(7, independent_moments(2.0)), curve, 0.5)
    assert (low.size, high.size) == (3, 4)
    assert low.moments.m == -high.moments.m < 0.0
    assert low.curve == Curve(curve.base, curve.functions.then(affine(-0.5, 0.0)))


def test_what_normalization_leaves_open_of_a_variance() -> None:
    fn = _fn("silu")
    z = RNG(3).standard_normal((4096, 4000))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    y = fn.value(z)
    measured = 4096 * (y.var(axis=0).var() / y.var(axis=0).mean() ** 2)
    assert _left_open(Curve(independent_moments(1.0), chain(fn))) == pytest.approx(measured, rel=0.1)
    assert _left_open(Curve(independent_moments(4.0), chain(fn))) > 2.0


def test_the_gradient_at_a_term_remembers_the_rectifiers_further_on() -> None:
    """A sum's gradient that grows with its value comes where the sum is positive, and more so where a term is large."""
    curve = Curve(independent_moments(1.0), chain(_fn("relu")))
    term = Segment(4, independent_moments(0.5, 0.399), curve)
    other = Segment(4, independent_moments(0.49, 0.1))
    columns: list[tuple[Segment, ...]] = [(term,), (other,)]
    values = np.linspace(0.0, 10.0, 200)
    g = GradSegment(4, 1.0, positive=(values, 1.0 + values))
    found = _masked(g, 0, columns, 0, Others(columns))
    response, _ = respond(curve.base, curve.functions)
    rest = 0.1 + math.sqrt(0.48) * RNG(4).standard_normal((1, 20_000))
    total = response.value[:, None] + rest
    wanted = np.where(total > 0.0, 1.0 + total, 0.0).mean(axis=1)
    wanted /= float(response.basis.weights @ wanted)
    assert found.given == pytest.approx(wanted, rel=0.03)
    assert found.positive is False


def test_single_weights() -> None:
    w = RNG(5).standard_normal(4_000_000) ** 2
    share, raised = _single_weights(0.04)
    assert share == pytest.approx((w / (w + 0.04)).mean(), rel=0.01)
    assert share * raised == pytest.approx((1.0 / (w + 0.04)).mean(), rel=0.01)


@pytest.mark.parametrize("pool", ["AveragePooling2D", "MaxPooling2D"])
def test_two_layers_that_do_the_same_give_one_tensor(pool: str) -> None:
    """As if one layer's output were added to itself; its gradients add where the two ways meet."""
    first = [
        {"id": "c", "Conv2D": {"filters": 8, "kernel_size": 3}},
        {"id": "a", pool: {"pool_size": 3, "strides": 1, "padding": "same"}},
    ]
    second = {"id": "b", "in": "c", pool: {"pool_size": 3, "strides": 1, "padding": "same"}}
    other = {"id": "b", "in": "c", pool: {"pool_size": 2, "strides": 1, "padding": "same"}}

    def of(*layers: object, inputs: list[str]):  # type: ignore[no-untyped-def]
        end = {"id": "s", "in": inputs, "Add": {}}
        document = {"vgspec": "1", "name": "m", "inputs": {"x": [8, 8, 3]}, "layers": [*layers, end], "outputs": ["s"]}
        return profile(load_spec(document).require_graph()).by_id

    twins, one = of(*first, second, inputs=["a", "b"]), of(*first, inputs=["a", "a"])
    apart = of(*first, other, inputs=["a", "b"])
    assert twins["s"].log10_activation == pytest.approx(one["s"].log10_activation, abs=1e-9)
    assert twins["s"].log10_activation == pytest.approx(twins["a"].log10_activation + math.log10(2.0), abs=1e-9)
    assert twins["c"].log10_gradient == pytest.approx(one["c"].log10_gradient, abs=2e-3)
    assert twins["a"].log10_gradient == pytest.approx(twins["s"].log10_gradient, abs=1e-9)
    assert apart["s"].log10_activation < twins["s"].log10_activation - 0.02


@pytest.mark.parametrize("name", ["relu", "silu"])
@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_finitely_many_elements_make_samples_differ(name: str, alike: float) -> None:
    """Beside what their own mean squares already say of them."""
    fn, rng = _fn(name), RNG(6)
    own = rng.standard_normal((60_000, 2, 16))
    common = rng.standard_normal((60_000, 1, 16))
    x = math.sqrt(alike) * common + math.sqrt(1.0 - alike) * own
    y = fn.value(x) ** 2
    h = (x * x - 1.0) / math.sqrt(2.0)
    rest = y - (y * h).mean() * h  # without the second degree
    sizes = rest.mean(axis=2) / y.mean()
    measured = 0.5 * ((sizes[:, 0] - sizes[:, 1]) ** 2).mean()  # what two samples differ by
    base = independent_moments(1.0)._replace(p=alike)
    state = State((1, 1, 16), 2, (Segment(16, base),))
    _, response = function_moments(base, chain(fn))
    assert _few(state, [base], [response]) == pytest.approx(measured, rel=0.05)


def test_samples_of_an_image_differ_by_their_finite_number_of_elements() -> None:
    document = {"vgspec": "1", "name": "m", "inputs": {"x": [8, 8, 3]}, "layers": [{"Flatten": {}}]}
    graph = load_spec(document).require_graph()
    states, _ = run_forward(graph, SizeTable(graph, Assumptions()))
    pixels = RNG(7).standard_normal((20_000, 192))
    sizes = (pixels**2).mean(axis=1)
    assert states[Ref("x")].vary == pytest.approx(sizes.var() / sizes.mean() ** 2, rel=0.05)
