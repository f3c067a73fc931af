"""Every class of every family against the installed Keras: names, arguments, defaults, aliases, construction."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

keras = pytest.importorskip("keras")

from vgspec.backends.objects import to_keras, to_keras_value  # noqa: E402
from vgspec.catalogue import (  # noqa: E402
    constraints,
    initializers,
    losses,
    metrics,
    optimizer_map,
    optimizers,
    regularizers,
    schedules,
)
from vgspec.catalogue.activation_table import ROWS  # noqa: E402
from vgspec.catalogue.activations import activation_names  # noqa: E402
from vgspec.catalogue.base import KerasObject, default_of, find, refused, resolve  # noqa: E402
from vgspec.catalogue.refused import REFUSED  # noqa: E402

pytestmark = pytest.mark.tensorflow

FAMILIES: Mapping[str, tuple[tuple[type[KerasObject], ...], Any]] = {
    "initializer": (initializers.ALL, keras.initializers),
    "regularizer": (regularizers.ALL, keras.regularizers),
    "constraint": (constraints.ALL, keras.constraints),
    "optimizer": (optimizers.ALL, keras.optimizers),
    "optimizer_map": (optimizer_map.ALL, keras.optimizers),
    "schedule": (schedules.ALL, keras.optimizers.schedules),
    "loss": (losses.KERAS, keras.losses),
    "metric": (metrics.KERAS, keras.metrics),
}
CLASSES = [cls for classes, _ in FAMILIES.values() for cls in classes]

REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "STFT": {"window": None},
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
    "PiecewiseConstantDecay": {"boundaries": [5, 9], "values": [1.0, 0.5, 0.1]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "LossScaleOptimizer": {"inner_optimizer": "adam"},
    "MultiOptimizer": {"optimizer_map": {"OptimizerMap": {"default_optimizer": "adam"}}},
    "OptimizerMap": {"default_optimizer": "adam", "optimizer_map": {"head/.*": "sgd"}},
    "PrecisionAtRecall": {"recall": 0.8},
    "RecallAtPrecision": {"precision": 0.8},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
}
"""Values for the arguments without default. STFT: its default window needs SciPy."""

ORDER_DIFFERS: Mapping[str, str] = {
    "Muon": "Keras lists the arguments that all optimizers share in the middle; they come last here, as elsewhere",
}

FAN_AXES = {"input_axes": "3.15", "output_axes": "3.15"}
ARGUMENT_SINCE: Mapping[tuple[str, str], Mapping[str, str]] = {
    **{("initializer", cls.__name__): FAN_AXES for cls in initializers.FanInitializer.__subclasses__()},
    ("initializer", "VarianceScaling"): FAN_AXES,
    ("loss", "SparseCategoricalCrossentropy"): {"axis": "3.10"},
    ("loss", "Tversky"): {"axis": "3.8"},
    ("metric", "SparseCategoricalCrossentropy"): {"ignore_class": "3.14"},
    ("metric", "SparseTopKCategoricalAccuracy"): {"from_sorted_ids": "3.7"},
    ("optimizer", "LossScaleOptimizer"): {"name": "3.12"},
}
"""Arguments that came later than their class."""

ALIAS_SINCE: Mapping[str, str] = {"IdentityInitializer": "3.7"}
"""Names that ``keras.X.get`` took later than the class."""

FORMER_IDS: Mapping[str, str] = {"orthogonal_initializer": "3.7"}
"""Ids that Keras took before a version only."""

SINCE: Mapping[tuple[str, str], tuple[str, str]] = {
    ("optimizer", "Muon"): ("3.13", "its arguments and defaults changed"),
}
"""Classes that are described as from a version on."""

NOT_TAKEN: Mapping[str, str] = {
    "args": "the class has no __init__ of its own",
    "kwargs": "only passes arguments on, or warns",
}

ALIAS_UNKNOWN_TO_GET: Mapping[tuple[str, str], str] = {
    ("initializer", "Constant"): "keras.initializers.get cannot make it without a value",
    ("initializer", "constant"): "keras.initializers.get cannot make it without a value",
    ("optimizer", "Lamb"): "missing in the table of keras.optimizers.get; the class is public",
    ("optimizer", "lamb"): "missing in the table of keras.optimizers.get; the class is public",
    ("regularizer", "l1_l2"): "the public name keras.regularizers.l1_l2; keras.regularizers.get has l1l2 instead",
    ("loss", "CategoricalGeneralizedCrossEntropy"): "missing in the table of keras.losses.get; the class is public",
}
"""Names that stand in specs although ``keras.X.get`` does not know them."""


def version() -> tuple[int, ...]:
    return tuple(int(part) for part in keras.__version__.split(".")[:2])


def older_than(wanted: str) -> bool:
    return version() < tuple(int(part) for part in wanted.split(".")[:2])


def needs(cls: type[KerasObject]) -> None:
    """Skip where the installed Keras is older than the class."""
    since, reason = SINCE.get((cls.kind, cls.__name__), ("", ""))
    if since and older_than(since):
        pytest.skip(reason)
    if cls.min_keras and older_than(cls.min_keras):
        pytest.skip(f"{cls.__name__} needs Keras {cls.min_keras}")


def public(cls: type[KerasObject]) -> Any:
    return getattr(FAMILIES[cls.kind][1], cls.keras_name or cls.__name__)


def make(cls: type[KerasObject], **arguments: Any) -> KerasObject:
    result: KerasObject = resolve(cls.kind, {cls.__name__: {**REQUIRED.get(cls.__name__, {}), **arguments}})
    return result


def ident(cls: type[KerasObject]) -> str:
    return f"{cls.kind}-{cls.__name__}"


@pytest.mark.parametrize("cls", CLASSES, ids=ident)
class TestClass:
    def test_arguments_and_defaults(self, cls: type[KerasObject]) -> None:
        needs(cls)
        signature = inspect.signature(public(cls).__init__)
        theirs = {name: p for name, p in signature.parameters.items() if name != "self" and name not in NOT_TAKEN}
        later = ARGUMENT_SINCE.get((cls.kind, cls.__name__), {})
        ours = tuple(name for name in cls.argument_names() if name not in later or not older_than(later[name]))
        assert set(ours) == set(theirs)
        if cls.__name__ not in ORDER_DIFFERS:
            assert ours == tuple(theirs)
        for name, parameter in theirs.items():
            if cls.kind == "optimizer" and name == "name" and older_than("3.15"):
                continue  # the default was the class's id; it is None and means the same now
            if parameter.default is inspect.Parameter.empty:
                assert cls.model_fields[name].is_required(), name
            else:
                assert default_of(cls, name) == parameter.default, name

    def test_builds_as_keras_does(self, cls: type[KerasObject]) -> None:
        needs(cls)
        obj = make(cls)
        built = to_keras(obj)
        assert type(built) is public(cls)
        by_hand = public(cls)(**{name: to_keras_value(value) for name, value in obj.passed()})
        if cls.kind == "optimizer_map":
            return
        config, expected = built.get_config(), by_hand.get_config()
        for automatic in ("name",):  # Keras numbers objects that have no name
            if getattr(obj, automatic, None) is None:
                config.pop(automatic, None), expected.pop(automatic, None)
        assert without_names(config) == without_names(expected)

    def test_round_trip(self, cls: type[KerasObject]) -> None:
        obj = make(cls)
        assert resolve(cls.kind, obj.spec_value()) == obj
        assert resolve(cls.kind, {obj.type_name: obj.canonical()}) == obj

    def test_aliases(self, cls: type[KerasObject]) -> None:
        needs(cls)
        family = FAMILIES[cls.kind][1]
        names = getattr(cls, "names", lambda: (cls.__name__, *cls.aliases))()
        for name in names:
            assert find(cls.kind, name) is cls
            if name in ALIAS_SINCE and older_than(ALIAS_SINCE[name]):
                continue
            if not hasattr(family, "get") or (cls.kind, name) in ALIAS_UNKNOWN_TO_GET:
                continue
            if cls.__name__ in REQUIRED:  # the table knows the name, but the class needs arguments
                table = inspect.getmodule(family.get).ALL_OBJECTS_DICT
                assert table[name.lower() if cls.kind.startswith("optimizer") else name] is public(cls)
                continue
            found = family.get(name)
            if inspect.isfunction(found):  # a loss by its function: `TestLossIds` compares values
                assert cls.kind == "loss"
            else:
                assert type(found) is public(cls)


def without_names(config: Any) -> Any:
    """A config without the names that Keras makes up for nested objects."""
    if isinstance(config, Mapping):
        return {
            key: without_names(value)
            for key, value in config.items()
            if not (key == "name" and isinstance(value, str) and value.rstrip("0123456789").endswith("_"))
        }
    return [without_names(item) for item in config] if isinstance(config, list | tuple) else config


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_public_class_is_described_or_refused(kind: str) -> None:
    classes, module = FAMILIES[kind]
    for name, member in vars(module).items():
        if not inspect.isclass(member) or (kind == "optimizer_map") != (name == "OptimizerMap"):
            continue
        if kind == "optimizer" and name.startswith("Legacy"):
            continue
        if name in refused(kind):
            assert find(kind, name) is None
            continue
        cls = find(kind, name)
        assert cls is not None, f"{module.__name__}.{name}"
        assert cls in classes


@pytest.mark.parametrize(
    ("kind", "module"),
    [
        ("initializer", keras.initializers),
        ("regularizer", keras.regularizers),
        ("constraint", keras.constraints),
        ("optimizer", keras.optimizers),
        ("loss", keras.losses),
        ("metric", keras.metrics),
        ("activation", keras.activations),
    ],
)
def test_every_id_that_keras_takes_is_known_or_refused(kind: str, module: Any) -> None:
    table = inspect.getmodule(module.get).ALL_OBJECTS_DICT
    known = set(activation_names()) if kind == "activation" else {name for name in table if find(kind, name)}
    former = {name for name, end in FORMER_IDS.items() if older_than(end)}
    assert set(table) - known - former <= set(REFUSED.get(kind, {}))


def test_reasons_name_things_that_keras_has() -> None:
    for kind, reasons in REFUSED.items():
        assert all(reason.startswith("it ") for reason in reasons.values()), kind


def test_activation_rows_are_keras_functions_with_their_arguments() -> None:
    for row in ROWS:
        if row.min_keras and older_than(row.min_keras):
            continue
        parameters = list(inspect.signature(getattr(keras.activations, row.name)).parameters.values())[1:]
        assert tuple(p.name for p in parameters) == (*row.required, *row.arguments)
        for parameter in parameters:
            if parameter.name in row.required:
                assert parameter.default is inspect.Parameter.empty
            else:
                assert parameter.default == row.arguments[parameter.name]
        assert all(keras.activations.get(alias) is getattr(keras.activations, row.name) for alias in row.aliases)


CHANGED: Mapping[str, Mapping[str, Any]] = {
    "VarianceScaling": {"scale": 3.0, "mode": "fan_out", "distribution": "uniform", "input_axes": [0]},
    "STFT": {"side": "imag", "window": None, "scaling": None, "periodic": True},
    "HeNormal": {"seed": 3},
    "MinMaxNorm": {"min_value": 0.1, "axis": [0, 1]},
    "Adam": {
        "learning_rate": {"ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5}}
    },
    "SGD": {"learning_rate": 1, "momentum": 1, "clipnorm": 2},
    "Muon": {"exclude_layers": ["head", "embed.*"]},
    "AUC": {"thresholds": [0.5, 0.2], "curve": "PR", "name": "pr", "multi_label": True, "num_labels": 2},
    "Precision": {"thresholds": [0.2, 0.4], "class_id": 1},
    "BinaryIoU": {"target_class_ids": [1]},
    "SparseCategoricalCrossentropy": {"from_logits": True, "ignore_class": -1},
    "Dice": {"axis": [1, 2], "reduction": None},
    "FBetaScore": {"beta": 2, "threshold": 1, "average": "macro"},
}


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls.__name__ in CHANGED], ids=ident)
def test_changed_arguments_reach_keras(cls: type[KerasObject]) -> None:
    needs(cls)
    later = ARGUMENT_SINCE.get((cls.kind, cls.__name__), {})
    arguments = {
        name: value for name, value in CHANGED[cls.__name__].items() if not (name in later and older_than(later[name]))
    }
    obj = make(cls, **arguments)
    assert resolve(cls.kind, obj.spec_value()) == obj
    config = to_keras(obj).get_config()
    for name, value in arguments.items():
        if name == "learning_rate" and isinstance(value, Mapping):
            assert config[name]["config"]["decay_steps"] == 3
        elif name in ("num_labels",):
            assert config[name] == value
        elif name == "thresholds" and cls.__name__ == "AUC":
            assert config[name] == sorted(value)
        else:
            got = config[name]
            assert (list(got) if isinstance(got, tuple) else got) == value, name
