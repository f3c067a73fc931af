"""Profiles over positions: weighted tap sums against counting, and what moves a profile."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vgspec.analysis.signal import profile as predict
from vgspec.analysis.signal.positions import LONGEST, blend, flatter, padded, window
from vgspec.analysis.signal.taps import count, shifts
from vgspec.api import load_spec

GEOMETRIES = [
    ((8,), (3,), (1,), (1,), "same", ((0, 0),)),
    ((9,), (5,), (2,), (1,), "same", ((0, 0),)),
    ((7,), (3,), (1,), (2,), "causal", ((0, 0),)),
    ((10,), (3,), (2,), (1,), "valid", ((1, 2),)),
    ((6, 5), (3, 3), (2, 1), (1, 1), "same", ((0, 0), (0, 0))),
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_an_even_profile_counts_taps(geometry: tuple) -> None:
    sizes, kernel, strides, dilation, padding, border = geometry
    taps, outputs = count(sizes, kernel, strides, dilation, padding, border)
    moved = window(sizes, outputs, kernel, strides, dilation, padding, border)
    assert moved is not None
    for sums, _ in (moved.forward(()), moved.backward(()), (moved.pairs((), ()), ())):
        assert sums.total == pytest.approx(taps.total)
        assert sums.squares == pytest.approx(taps.squares)
        assert sums.own == pytest.approx(taps.total)


def test_an_uneven_profile_weighs_what_each_tap_meets() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.uniform(0.2, 2.0, 8), rng.uniform(0.2, 2.0, 4)
    x, g = x / x.mean(), g / g.mean()
    moved = window((8,), (4,), (3,), (2,), (1,), "same", ((0, 0),))
    assert moved is not None
    met = [[(o, o * 2 + shift) for o in range(4) if 0 <= o * 2 + shift < 8] for shift in shifts(8, 4, 3, 2, 1, "same")]
    u, v = np.sqrt(x) / np.sqrt(x).mean(), np.sqrt(g) / np.sqrt(g).mean()
    sums, (outward,) = moved.forward((x,))
    assert sums.total == pytest.approx(sum(x[i] for _, i in itertools.chain(*met)))
    assert sums.squares == pytest.approx(sum(sum(u[i] for _, i in row) ** 2 for row in met))
    assert outward.mean() == pytest.approx(1.0)
    assert outward[1] / outward[2] == pytest.approx((x[2] + x[3] + x[4]) / (x[4] + x[5] + x[6]))
    back, (inward,) = moved.backward((g,))
    assert back.total == pytest.approx(sum(g[o] for o, _ in itertools.chain(*met)))
    assert inward[2] / inward[1] == pytest.approx((g[0] + g[1]) / g[0])
    both = moved.pairs((x,), (g,))
    assert both.total == pytest.approx(sum(x[i] * g[o] for o, i in itertools.chain(*met)))
    assert both.squares == pytest.approx(sum(sum(u[i] * v[o] for o, i in row) ** 2 for row in met))


def test_a_profile_of_other_sizes_counts_as_even() -> None:
    moved = window((8,), (8,), (3,), (1,), (1,), "same", ((0, 0),))
    assert moved is not None
    assert moved.forward((np.ones(5),))[0] == moved.forward(())[0]
    assert window((LONGEST + 1,), (LONGEST + 1,), (3,), (1,), (1,), "same", ()) is None


def test_sums_flattening_and_zeros_around() -> None:
    a = (np.array([0.5, 1.5]),)
    assert blend([a, ()], [1.0, 3.0])[0] == pytest.approx([0.875, 1.125])
    assert blend([a, (np.ones(3),)], [1.0, 1.0]) == ()
    assert flatter(a, 0.5)[0] == pytest.approx([0.75, 1.25])
    assert padded(a, (4,), ((1, 1),))[0] == pytest.approx([0.0, 1.0, 3.0, 0.0])


def test_what_padding_takes_at_the_border_is_missed_less_by_the_next_layer() -> None:
    """Two padded convolutions: the inner positions, which count most, are the larger ones."""
    conv = {"Conv1D": {"filters": 64, "kernel_size": 3, "padding": "same", "use_bias": False}}
    spec = {"vgspec": "1", "inputs": {"x": {"shape": [4, 64]}}, "layers": [conv, conv]}
    first, second = predict(load_spec(spec).require_graph()).nodes[1:]
    assert first.log10_activation is not None
    assert second.log10_activation is not None
    # glorot: 3 * 64 weights of variance 1/192; coverages 2, 3, 3, 2 of 3, and then 5, 8, 8, 5 of 9
    assert 10 ** (2 * first.log10_activation) == pytest.approx(10 / 12, rel=0.02)
    assert 10 ** (2 * second.log10_activation) == pytest.approx(26 / 36, rel=0.02)
