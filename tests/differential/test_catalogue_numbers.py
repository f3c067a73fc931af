"""Numbers against Keras: initializer moments, fans, activations and derivatives, schedules, losses by id."""

from __future__ import annotations

import math
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

from vgspec.backends.objects import to_keras  # noqa: E402
from vgspec.catalogue.activation_table import ROWS  # noqa: E402
from vgspec.catalogue.activations import Activation, ScalarActivation, resolve_activation  # noqa: E402
from vgspec.catalogue.base import resolve  # noqa: E402
from vgspec.catalogue.initializers import (  # noqa: E402
    Constant,
    FanInitializer,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from vgspec.catalogue.losses import KERAS as LOSSES  # noqa: E402
from vgspec.catalogue.losses import Labels, Loss  # noqa: E402
from vgspec.catalogue.meaning import Meaning  # noqa: E402
from vgspec.catalogue.moments import Structure, fans  # noqa: E402

pytestmark = pytest.mark.tensorflow

DRAWS: list[Initializer] = [
    Zeros(),
    Ones(),
    Constant(value=-0.3),
    Identity(gain=1.5),
    RandomNormal(mean=0.1, stddev=0.3),
    RandomUniform(minval=-0.2, maxval=0.6),
    TruncatedNormal(mean=-0.2, stddev=0.4),
    *(
        VarianceScaling(scale=1.7, mode=mode, distribution=distribution)
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform", "normal")
    ),
    GlorotNormal(),
    GlorotUniform(),
    HeNormal(),
    HeUniform(),
    LecunNormal(),
    LecunUniform(),
    Orthogonal(gain=1.3),
]
SHAPES: list[tuple[int, ...]] = [(6000,), (80, 120), (120, 80), (3, 3, 40, 30), (5, 70, 64)]


@pytest.mark.parametrize("initializer", DRAWS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_moments_of_what_keras_draws(initializer: Initializer, shape: tuple[int, ...]) -> None:
    """Sample mean and variance lie within six standard errors of the stated ones."""
    if initializer.rejects(len(shape)):
        with pytest.raises(ValueError):  # noqa: PT011  Keras's own words differ from version to version
            to_keras(initializer)(shape)
        return
    keras.utils.set_random_seed(11)
    sample = np.asarray(to_keras(initializer)(shape), dtype=np.float64)
    moments = initializer.moments(shape)
    assert moments.mean is not None
    assert moments.variance is not None
    assert moments.bound is not None
    error = 6 / math.sqrt(sample.size)
    deviation = math.sqrt(moments.variance)
    assert sample.mean() == pytest.approx(moments.mean, abs=error * deviation + 1e-7)
    assert np.square(sample - moments.mean).mean() == pytest.approx(
        moments.variance, rel=1e-5 if moments.structure is Structure.ORTHOGONAL else 2 * error, abs=1e-12
    )
    assert np.abs(sample).max() <= moments.bound * (1 + 1e-5)
    if moments.structure is Structure.INDEPENDENT and math.isfinite(moments.bound) and deviation:
        assert np.abs(sample).max() > 0.9 * moments.bound
    if moments.structure is Structure.ORTHOGONAL:
        assert isinstance(initializer, Orthogonal)
        matrix = sample.reshape(-1, shape[-1]) / initializer.gain
        small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-5)


@given(
    st.lists(st.integers(1, 9), max_size=5),
    st.none() | st.lists(st.integers(-5, 4), max_size=2),
    st.none() | st.lists(st.integers(-5, 4), max_size=2),
)
def test_fans_as_keras_counts_them(shape: list[int], inputs: list[int] | None, outputs: list[int] | None) -> None:
    from keras.src.initializers.random_initializers import compute_fans

    ours = fans(shape, inputs, outputs)
    try:
        theirs = compute_fans(shape, input_axes=inputs, output_axes=outputs)
    except IndexError:
        assert None in ours
        return
    assert ours == theirs


@pytest.mark.parametrize("initializer", DRAWS, ids=str)
def test_a_scalar_weight(initializer: Initializer) -> None:
    """A scalar has fans of one; one draw can only be held against the bound."""
    if not initializer.rejects(0):
        moments = initializer.moments(())
        assert moments.bound is not None
        assert abs(float(to_keras(initializer)(()))) <= moments.bound * (1 + 1e-6)


def test_named_initializers_are_settings_of_variance_scaling() -> None:
    for cls in FanInitializer.__subclasses__():
        scale, mode, distribution = cls.scaling
        theirs = to_keras(cls())
        assert (theirs.scale, theirs.mode, theirs.distribution) == (scale, mode, distribution)


ACTIVATIONS: list[tuple[str, dict[str, Any]]] = [
    *((row.name, {}) for row in ROWS if row.elementwise and not row.required),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 1.0}),
    ("relu", {"threshold": -1.0}),
    ("relu", {"threshold": -1.0, "max_value": 2.0}),
    ("relu", {"negative_slope": 0.3, "threshold": -1.0, "max_value": 2.0}),
    ("relu", {"threshold": 2.0, "max_value": 1.0}),
    ("relu", {"max_value": 6}),
    ("leaky_relu", {"negative_slope": 0.4}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("squareplus", {"b": 1}),
    ("soft_shrink", {"threshold": 1.0}),
    ("hard_shrink", {"threshold": 1.0}),
    ("threshold", {"threshold": 0.5, "default_value": -2.0}),
]


@pytest.mark.parametrize(("name", "arguments"), ACTIVATIONS, ids=str)
def test_activation_and_derivative(name: str, arguments: dict[str, Any]) -> None:
    scalar = ScalarActivation(name, tuple(sorted(arguments.items())))
    x = np.linspace(-8, 8, 1601) + 1e-3  # off the kinks
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = getattr(keras.activations, name)(variable, **arguments)
    slope = tape.gradient(value, variable)
    np.testing.assert_allclose(scalar.f(x), np.asarray(value), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(scalar.df(x), np.asarray(slope), rtol=1e-6, atol=1e-7)


LAYERS: list[Any] = [
    {"ReLU": {}},
    {"ReLU": {"max_value": 3.0, "negative_slope": 0.1, "threshold": 0.5}},
    {"LeakyReLU": {}},
    {"LeakyReLU": {"negative_slope": 0.05}},
    {"ELU": {"alpha": 0.7}},
    {"PReLU": {}},
    {"PReLU": {"alpha_initializer": {"Constant": {"value": 0.25}}}},
    {"Activation": {"activation": "swish"}},
    {"Activation": {"activation": {"LeakyReLU": {"negative_slope": 0.6}}}},
]


@pytest.mark.parametrize("value", LAYERS, ids=str)
def test_activation_layers_bind_their_arguments(value: Any) -> None:
    activation = resolve_activation(value)
    scalar = activation.scalar()
    assert scalar is not None
    x = np.linspace(-4, 4, 81, dtype=np.float32)
    np.testing.assert_allclose(
        scalar.f(x), np.asarray(to_keras(activation.layer)(x[None, :])).ravel(), rtol=1e-5, atol=1e-6
    )


def test_layers_without_a_scalar() -> None:
    assert resolve_activation({"Softmax": {}}).scalar() is None
    assert resolve_activation({"Softmax": {}}).row is not None
    random_slope = {"PReLU": {"alpha_initializer": "random_uniform"}}
    assert resolve_activation(random_slope).scalar() is None


SCHEDULES = [
    {"CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 50, "alpha": 0.1}},
    {"CosineDecay": {"initial_learning_rate": 0.0, "decay_steps": 50, "warmup_target": 0.3, "warmup_steps": 20}},
    {"CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10, "m_mul": 0.7, "alpha": 0.01}},
    {"CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 11, "t_mul": 1.0}},
    {"CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 13, "t_mul": 1.5}},
    {"ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}},
    {"ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}},
    {"InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}},
    {"InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}},
    {"PiecewiseConstantDecay": {"boundaries": [5, 40, 41], "values": [1.0, 0.5, 0.3, 0.1]}},
    {"PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 30, "power": 2.0}},
    {"PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 30, "cycle": True}},
]


@pytest.mark.parametrize("value", SCHEDULES, ids=str)
def test_schedules(value: Any) -> None:
    schedule = resolve("schedule", value)
    theirs = to_keras(schedule)
    # A restart falls on a step that float32 may round to either side, so its first step is left out.
    steps = [step for step in range(100) if "Restarts" not in str(value) or step not in (10, 30, 70, 11, 22, 33, 44)]
    steps = [step for step in steps if "Restarts" not in str(value) or step % 11]
    expected = [float(theirs(step)) for step in steps]
    assert [schedule.rate(step) for step in steps] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert max(expected) <= schedule.peak * (1 + 1e-6)
    assert max(schedule.rate(step) for step in range(100)) >= 0.9 * schedule.peak


def batch(loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Labels and an output that a loss takes: 6 samples of 4 entries."""
    random = np.random.default_rng(3)
    output = random.uniform(0.1, 0.9, (6, 4)).astype("float32")
    if loss.expects in (Meaning.DISTRIBUTION,):
        output /= output.sum(-1, keepdims=True)
    labels: Any = {
        Labels.SAME: random.uniform(0.5, 2, (6, 4)),
        Labels.BINARY: random.integers(0, 2, (6, 4)),
        Labels.SIGNED: random.choice([-1.0, 1.0], (6, 4)),
        Labels.ONE_HOT: np.eye(4)[random.integers(0, 4, 6)],
        Labels.INTEGER: random.integers(0, 4, 6),
        Labels.DISTRIBUTION: np.full((6, 4), 0.25),
        Labels.SEQUENCE: random.integers(1, 3, (6, 3)),
    }[loss.labels]
    if loss.labels is Labels.SEQUENCE:
        output = random.standard_normal((6, 8, 4)).astype("float32")
    whole = loss.labels in (Labels.INTEGER, Labels.SEQUENCE)
    return labels.astype("int32" if whole else "float32"), output


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_loss_by_id_is_the_class(cls: type[Loss]) -> None:
    """A loss function by its id gives what the class with its defaults gives, on what the loss expects."""
    from keras.src.losses.losses import LossFunctionWrapper

    labels, output = batch(cls())
    expected = float(to_keras(cls())(labels, output))
    assert math.isfinite(expected)
    for name in cls.aliases:
        function = keras.losses.get(name)
        found = function if isinstance(function, keras.losses.Loss) else LossFunctionWrapper(function, name=name)
        assert float(found(labels, output)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("cls", [cls for cls in LOSSES if cls().expects is not Meaning.REAL], ids=lambda c: c.__name__)
def test_recommended_activations_deliver_what_the_loss_expects(cls: type[Loss]) -> None:
    """With each, the loss and its gradient on wide scores are finite, and not constant."""
    loss = cls()
    scores = np.random.default_rng(4).normal(0, 2, (6, 4)).astype("float32")
    labels, output = batch(loss)
    for name in loss.output_activations:
        variable = tf.Variable(np.resize(scores, output.shape))
        with tf.GradientTape() as tape:
            value = to_keras(loss)(labels, keras.activations.get(name)(variable))
        slope = np.asarray(tape.gradient(value, variable))
        assert math.isfinite(float(value)), name
        assert np.isfinite(slope).all(), name
        assert np.abs(slope).max() > 0, name


SATURATED = 12.0
"""Score, or difference of two scores, on the wrong side: a probability of 6e-6, above Keras's clip at 1e-7."""


@pytest.mark.parametrize("cls", [cls for cls in LOSSES if cls().predicts.probabilities], ids=lambda cls: cls.__name__)
def test_which_losses_undo_saturation(cls: type[Loss]) -> None:
    """The gradient of a score far on the wrong side is of order one exactly for the losses that say so."""
    loss = cls()
    two = loss.predicts is Meaning.DISTRIBUTION
    scores = tf.Variable([[SATURATED / 2, -SATURATED / 2]] if two else [[SATURATED]])
    one_hot = loss.labels is not Labels.INTEGER
    labels = np.array(([[0.0, 1.0]] if one_hot else [1]) if two else [[0.0]], dtype="float32" if one_hot else "int32")
    with tf.GradientTape() as tape:
        value = to_keras(loss)(labels, keras.activations.get("softmax" if two else "sigmoid")(scores))
    slope = np.abs(np.asarray(tape.gradient(value, scores))).max()
    assert (slope > 0.1) == loss.undoes_saturation


def test_mean_squared_error_does_not_undo_saturation() -> None:
    assert not next(cls for cls in LOSSES if cls.__name__ == "MeanSquaredError").undoes_saturation


def test_linear_activation_is_the_identity() -> None:
    scalar = Activation().scalar()
    assert scalar is not None
    assert scalar.f([1.0, -2.0]).tolist() == [1.0, -2.0]
