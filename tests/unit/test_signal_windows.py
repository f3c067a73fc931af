"""Neighbouring positions against moving means and maxima of noise."""

from __future__ import annotations

import numpy as np
import pytest

from vgspec.analysis.signal.state import Moments, Segment, State, independent_moments
from vgspec.analysis.signal.windows import FAR, Nearness, nearby, nearness, pooled_lag, strided
from vgspec.layers.signal import Pool


def _pool(kind: str, size: int, stride: int) -> Pool:
    return Pool(kind, (size, size), (stride, stride), "valid")


def _correlation(x: np.ndarray) -> float:
    return float(np.corrcoef(x[:-1], x[1:])[0, 1])


def _windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, size)[::stride]


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 1), (3, 2), (2, 2)])
def test_neighbours_behind_a_moving_mean(size: int, stride: int) -> None:
    x = np.random.default_rng(0).standard_normal(400_000)
    found = pooled_lag(0.0, _pool("average", size, stride))
    assert found == pytest.approx(_correlation(_windows(x, size, stride).mean(axis=1)), abs=0.02)


def test_neighbours_behind_a_moving_maximum() -> None:
    x = np.random.default_rng(1).standard_normal((3, 400_000))
    y = _windows(x.max(axis=0), 3, 2).max(axis=1)  # windows of 3 by 3 that share a column
    assert pooled_lag(0.0, _pool("max", 3, 2)) == pytest.approx(_correlation(y), abs=0.02)


def test_a_mean_over_a_window_of_neighbours() -> None:
    x = np.random.default_rng(2).standard_normal((602, 602))
    blurred = sum(x[i : 600 + i, j : 600 + j] for i in range(3) for j in range(3)) / 3.0
    pairs = [np.roll(blurred, (i, j), (0, 1)) for i in range(2) for j in range(2)]
    mean = float((sum(pairs) ** 2).mean()) / 16.0
    state = State((600, 600, 1), 2, (Segment(1, independent_moments(1.0)),), lag=2.0 / 3.0)
    near = nearness(state, (2, 2))
    assert (1.0 + 3.0 * near.noise) / 4.0 == pytest.approx(mean, rel=0.02)
    assert nearby(independent_moments(1.0), near).s == pytest.approx(near.noise)


def test_what_a_stride_leaves() -> None:
    assert strided(2.0 / 3.0, 2) == pytest.approx(1.0 / 3.0)
    assert strided(0.5, 2) == 0.0
    assert strided(0.0, 1) == 0.0


def test_a_pattern_of_the_border_is_smooth() -> None:
    x = Moments(0.0, 1.0, 0.5, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0)
    assert nearby(x, FAR) == x
    close = nearby(x, Nearness(0.5, 0.0))
    assert (close.s, close.r) == (pytest.approx(0.4), pytest.approx(0.3))
    wide = State((16, 16, 1), 2, (Segment(1, x),), reach=4.0)
    assert nearness(wide, (2, 2)).smooth == pytest.approx(1.0 - 1.0 / 3.0)
    assert nearness(State((16, 16, 1), 2, (Segment(1, x),)), (2, 2)) == FAR
