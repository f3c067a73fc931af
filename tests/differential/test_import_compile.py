"""Compile settings of live models, through a spec and back: every optimizer, schedule, loss and metric of Keras."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import vgspec
from tests.differential.layer_harness import keras

pytestmark = pytest.mark.tensorflow

RNG = np.random.default_rng(0)
X = RNG.random((6, 4)).astype("f")


def model(outputs: int = 1) -> Any:
    x = keras.Input((4,), name="x")
    ends = [keras.layers.Dense(3, activation="softmax", name=name)(x) for name in "ab"[:outputs]]
    return keras.Model(x, ends if outputs > 1 else ends[0])


def carried(outputs: int = 1, **settings: Any) -> tuple[Any, Any]:
    """A compiled model and what comes back of it, with the same weights."""
    before = model(outputs)
    before.compile(**{"optimizer": "sgd", "loss": "mse", "run_eagerly": True, **settings})
    spec = vgspec.from_keras(before)
    assert [item.message for item in spec.diagnostics] == []
    after = vgspec.compile_spec(spec.to_yaml())
    after.set_weights(before.get_weights())
    return before, after


def classes(module: Any, *aside: str) -> list[str]:
    """The public classes of a module of Keras, each once, abstract ones aside."""
    found = {name: value for name, value in vars(module).items() if inspect.isclass(value) and name not in aside}
    return sorted(name for name, value in found.items() if name == value.__name__)


def functions(module: Any) -> list[str]:
    found = {name for name, value in vars(module).items() if inspect.isfunction(value)}
    return sorted(found - {"get", "serialize", "deserialize"})


def settings_of(optimizer: Any) -> Any:
    """What an optimizer does: its config, names aside."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key not in ("name", "shared_object_id")}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return plain(keras.saving.serialize_keras_object(optimizer))


OPTIMIZERS = classes(keras.optimizers, "Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")
COMMON: dict[str, Any] = {
    "global_clipnorm": 2.0,
    "weight_decay": 1e-3,
    "use_ema": True,
    "ema_momentum": 0.9,
    "ema_overwrite_frequency": 5,
    "loss_scale_factor": 2.0,
    "gradient_accumulation_steps": 4,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_as_strings_objects_and_dicts(name: str) -> None:
    cls = getattr(keras.optimizers, name)
    # Keras itself does not find Lamb by name.
    given: list[Any] = [cls(**COMMON)]
    if name != "Lamb":
        given += [name.lower(), keras.saving.serialize_keras_object(cls(learning_rate=0.02, clipnorm=1.0))]
    for optimizer in given:
        before, after = carried(optimizer=optimizer)
        assert settings_of(after.optimizer) == settings_of(before.optimizer)
        assert type(after.optimizer) is cls


def test_an_optimizer_that_scales_the_loss() -> None:
    before, after = carried(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(clipnorm=1.0)))
    assert settings_of(after.optimizer) == settings_of(before.optimizer)


S = keras.optimizers.schedules
SCHEDULES = (
    S.ExponentialDecay(0.1, 100, 0.9, staircase=True),
    S.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]),
    S.PolynomialDecay(0.1, 100, power=2.0, cycle=True),
    S.InverseTimeDecay(0.1, 10, 0.5),
    S.CosineDecay(0.1, 100, warmup_steps=10, warmup_target=0.2),
    S.CosineDecayRestarts(0.1, 100, t_mul=1.5),
)


def test_every_schedule_is_tried() -> None:
    assert sorted(type(schedule).__name__ for schedule in SCHEDULES) == classes(S, "LearningRateSchedule")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda item: type(item).__name__)
def test_schedules(schedule: Any) -> None:
    before, after = carried(optimizer=keras.optimizers.AdamW(schedule))
    assert settings_of(after.optimizer) == settings_of(before.optimizer)
    for step in (0, 5, 15, 250):
        assert float(schedule(step)) == float(after.optimizer._learning_rate(step))


def labels(name: str) -> Any:
    """Labels that a loss or a metric of this name takes."""
    if "sparse" in name.lower() or "generalized" in name.lower():
        return RNG.integers(0, 3, (6, 1))
    if name.lower() == "circle":
        return RNG.integers(0, 2, 6)
    return np.eye(3, dtype="f")[RNG.integers(0, 3, 6)]


LOSSES = classes(keras.losses, "Loss")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_as_objects(name: str) -> None:
    y = labels(name)
    before, after = carried(loss=getattr(keras.losses, name)(reduction="sum", name="own"))
    assert settings_of(after.loss) == settings_of(before.loss)
    if name != "CTC":  # which wants sequences
        assert after.evaluate(X, y, verbose=0) == before.evaluate(X, y, verbose=0)


@pytest.mark.parametrize("name", functions(keras.losses))
def test_losses_as_strings(name: str) -> None:
    y = labels(name)
    if name == "categorical_generalized_cross_entropy":
        with pytest.raises(ValueError, match="Could not interpret"):  # Keras itself does not find it
            keras.losses.get(name)
        return
    before, after = carried(loss=name)
    if name not in ("ctc", "circle"):  # whose functions want other shapes
        assert after.evaluate(X, y, verbose=0) == pytest.approx(before.evaluate(X, y, verbose=0), rel=1e-6)


def test_a_loss_as_a_function() -> None:
    before, after = carried(loss=keras.losses.huber)
    y = labels("huber")
    assert after.evaluate(X, y, verbose=0) == pytest.approx(before.evaluate(X, y, verbose=0), rel=1e-6)


ARGUMENTS: dict[str, dict[str, Any]] = {
    "MeanIoU": {"num_classes": 3},
    "IoU": {"num_classes": 3, "target_class_ids": [0]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
METRICS = classes(keras.metrics, "Metric", "MeanMetricWrapper", "Mean", "Sum")


def metric_configs(made: Any, key: str) -> list[Any]:
    return [settings_of(keras.metrics.get(item)) for item in made.get_compile_config()[key]]


@pytest.mark.parametrize("key", ["metrics", "weighted_metrics"])
def test_metrics_as_objects(key: str) -> None:
    given = [getattr(keras.metrics, name)(**ARGUMENTS.get(name, {})) for name in METRICS]
    before, after = carried(**{key: given})
    assert metric_configs(before, key) == metric_configs(after, key)
    assert len(metric_configs(after, key)) == len(METRICS) > 30


FUNCTIONS_ONLY = {"binary_focal_crossentropy", "categorical_focal_crossentropy", "huber", "log_cosh"}
"""Functions that Keras takes as metrics and has no metric class for."""


@pytest.mark.parametrize("sparse", [True, False])
def test_metrics_as_strings(sparse: bool) -> None:
    names = [name for name in functions(keras.metrics) if name not in FUNCTIONS_ONLY]
    names = [name for name in names if ("sparse" in name) == sparse]
    given = names if sparse else [*names, "accuracy", "acc", "AUC", "MeanAbsoluteError"]
    before, after = carried(metrics=given, loss="sparse_categorical_crossentropy" if sparse else "mse")
    y = labels("sparse" if sparse else "")
    a, b = (made.evaluate(X, y, verbose=0, return_dict=True) for made in (before, after))
    assert sorted(a.values()) == pytest.approx(sorted(b.values()), rel=1e-6)


def test_what_is_no_metric_of_keras_is_left_out_with_a_note() -> None:
    made = model()
    made.compile("sgd", "mse", metrics=["huber"])
    spec = vgspec.from_keras(made)
    assert [(item.code, "huber" in item.message) for item in spec.diagnostics] == [("VG089", True)]


SEVERAL: tuple[dict[str, Any], ...] = (
    {"loss": ["mse", "mae"], "loss_weights": [1.0, 0.2], "metrics": [["mae"], ["mse"]]},
    {"loss": {"a": "mse", "b": keras.losses.Huber()}, "loss_weights": {"a": 1.0, "b": 0.2}, "metrics": {"b": ["mae"]}},
    {"loss": ["mse", None]},
    {"loss": ["mse", "mae"], "weighted_metrics": [["mae"], []]},
)


@pytest.mark.parametrize("settings", SEVERAL, ids=range(len(SEVERAL)))
def test_several_outputs(settings: dict[str, Any]) -> None:
    before, after = carried(2, **settings)
    y = [labels("a"), labels("b")]
    a, b = (made.evaluate(X, y, verbose=0, return_dict=True) for made in (before, after))
    assert a == b


def test_how_it_is_run() -> None:
    before, after = carried(steps_per_execution=4, jit_compile=False)
    assert (after.steps_per_execution, after.jit_compile, after.run_eagerly) == (4, False, True)
    assert before.steps_per_execution == 4


def test_a_model_that_is_not_compiled_stays_so() -> None:
    assert vgspec.from_keras(model()).require_graph().compile is None
