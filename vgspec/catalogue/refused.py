"""Names that Keras has and a spec cannot use: base classes, and classes that hold Python code."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["REFUSED"]

_BASE = "it is the abstract base class of all {}; name the one that is meant"
_CODE = "it wraps a Python function, and a spec is data that never runs code; name one of Keras's own {}"

REFUSED: Mapping[str, Mapping[str, str]] = {
    "initializer": {
        "Initializer": _BASE.format("initializers"),
        "initializer": _BASE.format("initializers"),
        "RandomInitializer": _BASE.format("random initializers"),
    },
    "regularizer": {
        "Regularizer": _BASE.format("regularizers"),
        "regularizer": _BASE.format("regularizers"),
    },
    "constraint": {
        "Constraint": _BASE.format("constraints"),
        "constraint": _BASE.format("constraints"),
    },
    "activation": {
        "threshold": "it has no defaults for its arguments threshold and default_value, and an id cannot give them",
    },
    "optimizer": {
        "Optimizer": _BASE.format("optimizers"),
        "optimizer": _BASE.format("optimizers"),
        "OptimizerMap": "it is no optimizer but the argument optimizer_map of MultiOptimizer",
        "optimizermap": "it is no optimizer but the argument optimizer_map of MultiOptimizer",
    },
    "schedule": {
        "LearningRateSchedule": _BASE.format("learning rate schedules"),
    },
    "loss": {
        "Loss": _BASE.format("losses"),
        "LossFunctionWrapper": _CODE.format("losses"),
    },
    "metric": {
        "Metric": _BASE.format("metrics"),
        "metric": _BASE.format("metrics"),
        "MeanMetricWrapper": _CODE.format("metrics"),
        "mean_metric_wrapper": _CODE.format("metrics"),
    },
}
"""Reasons by kind and name; a reason is a clause with ``it`` as its subject."""
