"""Compile sections given to Keras: every optimizer, loss and metric trains one step."""

from __future__ import annotations

import math
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from vgspec.api import load_spec  # noqa: E402
from vgspec.backends.compiling import compile_arguments  # noqa: E402
from vgspec.catalogue.base import KerasObject  # noqa: E402
from vgspec.catalogue.losses import KERAS as LOSSES  # noqa: E402
from vgspec.catalogue.losses import Labels, Loss  # noqa: E402
from vgspec.catalogue.metrics import KERAS as METRICS  # noqa: E402
from vgspec.catalogue.optimizers import ALL as OPTIMIZERS  # noqa: E402

pytestmark = pytest.mark.tensorflow

ARGUMENTS: dict[str, dict[str, Any]] = {
    "LossScaleOptimizer": {"inner_optimizer": "adam"},
    "MultiOptimizer": {
        "optimizer_map": {"OptimizerMap": {"default_optimizer": "adam", "optimizer_map": {".*/bias": "sgd"}}}
    },
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "IoU": {"num_classes": 4, "target_class_ids": [0], "sparse_y_true": False, "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": 4, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 4, "sparse_y_true": False, "sparse_y_pred": False},
    "OneHotMeanIoU": {"num_classes": 4},
}
NO_METRIC_OF_OUTPUTS = {
    "Mean": "takes values and weights, not labels and outputs",
    "Sum": "takes values and weights, not labels and outputs",
}


def arguments(data: Any, outputs: Any = "y") -> dict[str, Any]:
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    layers = [{"id": name, "in": "x", "Dense": {"units": 4}} for name in names]
    document = {"vgspec": "1", "inputs": {"x": [5]}, "layers": layers, "outputs": outputs, "compile": data}
    return compile_arguments(load_spec(document).require_graph())


def available(cls: type[KerasObject]) -> bool:
    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    return not cls.min_keras or version >= tuple(int(part) for part in cls.min_keras.split(".")[:2])


def small(activation: str | None = None, rank: int = 2) -> Any:
    keras.utils.set_random_seed(1)
    shape = (5,) if rank == 2 else (8, 5)
    return keras.Sequential([keras.Input(shape), keras.layers.Dense(4, activation=activation, name="y")])


def labels_for(loss: Loss) -> np.ndarray:
    random = np.random.default_rng(0)
    return {
        Labels.SAME: random.uniform(0.5, 2, (6, 4)).astype("float32"),
        Labels.BINARY: random.integers(0, 2, (6, 4)).astype("float32"),
        Labels.SIGNED: random.choice(np.array([-1, 1], "float32"), (6, 4)),
        Labels.ONE_HOT: np.eye(4, dtype="float32")[random.integers(0, 4, 6)],
        Labels.INTEGER: random.integers(0, 4, 6),
        Labels.DISTRIBUTION: np.full((6, 4), 0.25, "float32"),
        Labels.SEQUENCE: random.integers(1, 3, (6, 3)),
    }[loss.labels]


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_one_step_with_every_optimizer(cls: type[KerasObject]) -> None:
    if not available(cls):
        pytest.skip(f"needs Keras {cls.min_keras}")
    if cls.__name__ == "Muon" and tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 13):
        pytest.skip("Keras's Muon fails on TensorFlow variables before 3.13")
    model = small()
    model.compile(**arguments({"optimizer": {cls.__name__: ARGUMENTS.get(cls.__name__, {})}, "loss": "mse"}))
    x = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")
    before = [np.array(weight) for weight in model.get_weights()]
    loss = model.train_on_batch(x, np.ones((6, 4), "float32"))
    assert math.isfinite(float(np.ravel(loss)[0]))
    assert type(model.optimizer).__name__ == cls.__name__
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_one_step_with_every_loss(cls: type[Loss]) -> None:
    if not available(cls):
        pytest.skip(f"needs Keras {cls.min_keras}")
    loss = cls()
    sequence = loss.labels is Labels.SEQUENCE
    model = small(loss.output_activations[0] if loss.output_activations else None, 3 if sequence else 2)
    model.compile(**arguments({"optimizer": "sgd", "loss": loss.spec_value()}), run_eagerly=True)
    x = np.random.default_rng(0).standard_normal((6, 8, 5) if sequence else (6, 5)).astype("float32")
    value = model.train_on_batch(x, labels_for(loss))
    assert math.isfinite(float(np.ravel(value)[0]))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_every_metric_reports() -> None:
    """All metrics at once, each under the name that Keras gives it."""
    classes = [cls for cls in METRICS if available(cls) and cls.__name__ not in NO_METRIC_OF_OUTPUTS]
    sparse = [cls for cls in classes if cls.__name__.startswith("Sparse")]
    x = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")
    for group, labels, loss in (
        ([cls for cls in classes if cls not in sparse], np.eye(4, dtype="float32")[[0, 1, 2, 3, 0, 1]], "crossentropy"),
        (sparse, np.array([0, 1, 2, 3, 0, 1]), "sparse_categorical_crossentropy"),
    ):
        model = small("softmax")
        written = [{cls.__name__: ARGUMENTS.get(cls.__name__, {})} for cls in group]
        model.compile(**arguments({"loss": loss, "metrics": written}), run_eagerly=True)
        logs = model.train_on_batch(x, labels, return_dict=True)
        assert len(logs) == len(group) + 1
        assert all(np.all(np.isfinite(value)) for value in logs.values())


def test_ids_keep_the_names_that_keras_logs() -> None:
    ids = ["accuracy", "acc", "mse", "MAE", "auc", "MeanSquaredError", "log_cosh_error"]
    x, y = np.ones((6, 5), "float32"), np.eye(4, dtype="float32")[[0, 1, 2, 3, 0, 1]]
    ours, theirs = small("softmax"), small("softmax")
    ours.compile(**arguments({"loss": "ce", "metrics": ids}))
    theirs.compile(loss="ce", metrics=ids)
    got, expected = (model.train_on_batch(x, y, return_dict=True) for model in (ours, theirs))
    assert list(got) == list(expected)
    assert [float(got[name]) for name in got] == pytest.approx([float(expected[name]) for name in got], rel=1e-5)


def two_outputs(form: type) -> Any:
    keras.utils.set_random_seed(1)
    x = keras.Input((5,))
    outputs = {"a": keras.layers.Dense(3, name="a", activation="softmax")(x), "b": keras.layers.Dense(1, name="b")(x)}
    return keras.Model(x, outputs if form is dict else list(outputs.values()))


@pytest.mark.parametrize("form", [dict, list])
@pytest.mark.parametrize(
    ("section", "by_hand"),
    [
        (
            {"loss": ["sparse_categorical_crossentropy", "mse"], "loss_weights": [1, 0.5], "metrics": ["acc", ["mae"]]},
            {
                "loss": {"a": "sparse_categorical_crossentropy", "b": "mse"},
                "loss_weights": {"a": 1.0, "b": 0.5},
                "metrics": {"a": ["acc"], "b": ["mae"]},
            },
        ),
        (
            {"loss": {"b": "mae"}, "loss_weights": {"b": 0.25}, "weighted_metrics": {"b": "mse"}},
            {"loss": {"b": "mae"}, "loss_weights": {"b": 0.25}, "weighted_metrics": {"b": ["mse"]}},
        ),
    ],
)
def test_several_outputs_train_as_written_for_keras(section: Any, by_hand: Any, form: type) -> None:
    x = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")
    y: Any = {"a": np.array([0, 1, 2, 0, 1, 2]), "b": np.ones((6, 1), "float32")}
    names = {"a": "a", "b": "b"}
    if form is list:
        y = list(y.values())
        by_hand = {key: [value.get(name) for name in names] for key, value in by_hand.items()}
    ours = arguments({"optimizer": "sgd", **section}, names if form is dict else list(names))
    logs = []
    for given in (ours, {"optimizer": "sgd", **by_hand}):
        model = two_outputs(form)
        model.compile(**given)
        logs.append(model.train_on_batch(x, y, return_dict=True))
    assert list(logs[0]) == list(logs[1])
    assert [float(v) for v in logs[0].values()] == pytest.approx([float(v) for v in logs[1].values()], rel=1e-5)


def test_every_call_makes_new_objects() -> None:
    first, second = (arguments({"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}) for _ in range(2))
    assert first["optimizer"] is not second["optimizer"]
    assert first["metrics"][0] is not second["metrics"][0]


def test_other_arguments_arrive() -> None:
    model = small()
    data = {
        "loss": "mse",
        "run_eagerly": True,
        "steps_per_execution": 3,
        "jit_compile": False,
        "auto_scale_loss": False,
    }
    given = arguments(data)
    assert {name: given[name] for name in data if name != "loss"} == {k: v for k, v in data.items() if k != "loss"}
    model.compile(**given)
    assert (model.run_eagerly, model.steps_per_execution, model.jit_compile) == (True, 3, False)
