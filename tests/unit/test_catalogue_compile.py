"""The compile section: one form for every way of writing it, and every mistake at its place."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from vgspec.catalogue.base import FAMILIES, find, known_names, resolve
from vgspec.catalogue.compile_spec import CompileSpec
from vgspec.catalogue.losses import BinaryCrossentropy, Crossentropy, MeanSquaredError, SparseCategoricalCrossentropy
from vgspec.catalogue.meaning import Meaning
from vgspec.catalogue.metrics import AUC, Accuracy, AccuracyByShape
from vgspec.catalogue.optimizers import SGD, Adam, GradientOptimizer, RMSprop
from vgspec.catalogue.patterns import check_pattern
from vgspec.frontend.compile_section import build_compile

ONE, TWO = ("y",), ("a", "b")


def good(data: Any, outputs: tuple[str, ...] = ONE) -> CompileSpec:
    spec, problems = build_compile(data, outputs)
    assert problems == []
    assert spec is not None
    return spec


def bad(data: Any, outputs: tuple[str, ...] = ONE) -> list[tuple[tuple[str | int, ...], str, str | None]]:
    spec, problems = build_compile(data, outputs)
    assert spec is None
    return [(problem.path, problem.message, problem.near) for problem in problems]


def test_defaults_are_those_of_keras() -> None:
    spec = good({})
    assert spec == CompileSpec()
    assert isinstance(spec.optimizer, RMSprop)
    assert spec.canonical() == {"optimizer": "rmsprop"}
    assert (spec.loss_of("y"), spec.metrics_of("y"), spec.weight_of("y")) == (None, (), 1.0)


@pytest.mark.parametrize(
    ("written", "outputs", "canonical"),
    [
        ("mse", ONE, "mean_squared_error"),
        (["mse"], ONE, "mean_squared_error"),
        ({"y": "mse"}, ONE, "mean_squared_error"),
        ({"Huber": {"delta": 2}}, ONE, {"Huber": {"delta": 2.0}}),
        ({"Huber": None}, ONE, "huber"),
        ("ce", ONE, "crossentropy"),
        ("mse", TWO, {"a": "mean_squared_error", "b": "mean_squared_error"}),
        (["mse", None], TWO, {"a": "mean_squared_error"}),
        ({"b": "mse"}, TWO, {"b": "mean_squared_error"}),
        ({"Huber": {"delta": 2}, "b": "mse"}, ("Huber", "b"), None),
        ({"Huber": "mse"}, ("Huber", "b"), {"Huber": "mean_squared_error"}),
    ],
)
def test_losses(written: Any, outputs: tuple[str, ...], canonical: Any) -> None:
    if canonical is None:  # an output may have the name of a loss; then what it holds must be a loss
        assert bad({"loss": written}, outputs)[0][0] == ("loss", "Huber")
        return
    spec = good({"loss": written}, outputs)
    assert spec.canonical()["loss"] == canonical
    assert good(spec.canonical(), outputs) == spec


@pytest.mark.parametrize(
    ("written", "outputs", "canonical"),
    [
        (["acc", "mse"], ONE, ["acc", "mse"]),
        ({"y": "mae"}, ONE, ["mae"]),
        ([["mae"], "mse"], ONE, ["mae", "mse"]),
        ([{"MeanSquaredError": {}}], ONE, ["mean_squared_error"]),
        ([{"Accuracy": {}}, "accuracy"], ONE, [{"Accuracy": {}}, "accuracy"]),
        (["auc", {"AUC": {"curve": "PR"}}], ONE, ["auc", {"AUC": {"curve": "PR"}}]),
        (["mae", ["mse", "acc"]], TWO, {"a": ["mae"], "b": ["mse", "acc"]}),
        ({"b": ["mse"]}, TWO, {"b": ["mse"]}),
        ([None, "mse"], TWO, {"b": ["mse"]}),
    ],
)
@pytest.mark.parametrize("key", ["metrics", "weighted_metrics"])
def test_metrics(key: str, written: Any, outputs: tuple[str, ...], canonical: Any) -> None:
    spec = good({key: written}, outputs)
    assert spec.canonical()[key] == canonical
    assert good(spec.canonical(), outputs) == spec


def test_no_metrics_are_none() -> None:
    assert good({"metrics": [], "weighted_metrics": None}).canonical() == {"optimizer": "rmsprop"}


@pytest.mark.parametrize(
    ("weights", "canonical"),
    [([1, 0.5], {"a": 1.0, "b": 0.5}), ({"b": 2}, {"a": 1.0, "b": 2.0})],
)
def test_loss_weights_of_several_outputs(weights: Any, canonical: Any) -> None:
    spec = good({"loss": "mse", "loss_weights": weights}, TWO)
    assert spec.canonical()["loss_weights"] == canonical
    assert spec.weight_of("b") == canonical["b"]


def test_the_other_arguments() -> None:
    data = {
        "run_eagerly": True,
        "steps_per_execution": 4,
        "jit_compile": False,
        "auto_scale_loss": False,
    }
    assert good(data).canonical() == {"optimizer": "rmsprop", **data}


@pytest.mark.parametrize(
    ("data", "outputs", "path", "words", "near"),
    [
        ([], ONE, (), "expected a mapping", None),
        ({"los": 1}, ONE, ("los",), "no argument 'los'", "loss"),
        ({"optimizer": None}, ONE, ("optimizer",), "got null", None),
        ({"optimizer": "adm"}, ONE, ("optimizer",), "unknown optimizer 'adm'", "adam"),
        ({"optimizer": {"Adam": [1]}}, ONE, ("optimizer",), "expected a mapping of arguments for Adam", None),
        ({"optimizer": {"Adam": {"beta1": 1}}}, ONE, ("optimizer", "Adam", "beta1"), "no argument", "beta_1"),
        ({"optimizer": {"Adam": {"clipnorm": 0}}}, ONE, ("optimizer", "Adam", "clipnorm"), "greater than 0", None),
        ({"optimizer": {"Adam": {"clipnorm": 1, "clipvalue": 1}}}, ONE, ("optimizer", "Adam"), "only one of", None),
        (
            {"optimizer": {"SGD": {"momentum": 2}}},
            ONE,
            ("optimizer", "SGD", "momentum"),
            "less than or equal to 1",
            None,
        ),
        ({"optimizer": {"SGD": {"learning_rate": "x"}}}, ONE, ("optimizer", "SGD", "learning_rate"), "schedule", None),
        ({"optimizer": {"SGD": {"learning_rate": True}}}, ONE, ("optimizer", "SGD", "learning_rate"), "schedule", None),
        (
            {"optimizer": {"SGD": {"learning_rate": {"CosineDecay": {"initial_learning_rate": 1, "decay_steps": 0}}}}},
            ONE,
            ("optimizer", "SGD", "learning_rate", "CosineDecay", "decay_steps"),
            "greater than or equal to 1",
            None,
        ),
        (
            {"optimizer": {"LossScaleOptimizer": {"inner_optimizer": {"Adm": {}}}}},
            ONE,
            ("optimizer", "LossScaleOptimizer", "inner_optimizer"),
            "unknown optimizer 'Adm'",
            "Adam",
        ),
        ({"optimizer": "OptimizerMap"}, ONE, ("optimizer",), "it is no optimizer", None),
        ({"loss": "msee"}, ONE, ("loss",), "unknown loss 'msee'", "mse"),
        ({"loss": {"Hubr": {}}}, ONE, ("loss",), "unknown loss 'Hubr'", "Huber"),
        ({"loss": "LossFunctionWrapper"}, ONE, ("loss",), "never runs code", None),
        ({"loss": {"c": "mse", "a": "mse"}}, TWO, ("loss", "c"), "no output 'c'", None),
        ({"loss": ["mse"]}, TWO, ("loss",), "2 outputs, but the list has one item", None),
        ({"loss": ["mse", "mae"]}, ONE, ("loss",), "one output, but the list has 2 items", None),
        ({"loss": {"a": "mse", "b": "msee"}}, TWO, ("loss", "b"), "unknown loss 'msee'", "mse"),
        ({"loss": "mse", "loss_weights": 2}, TWO, ("loss_weights",), "several outputs", None),
        ({"loss": "mse", "loss_weights": True}, ONE, ("loss_weights",), "expected a number", None),
        ({"loss_weights": 2.0}, ONE, ("loss_weights",), "no loss", None),
        ({"metrics": "acc"}, ONE, ("metrics",), "expected a list", None),
        ({"metrics": [None]}, ONE, ("metrics", 0), "got null", None),
        ({"metrics": ["accurcy"]}, ONE, ("metrics", 0), "unknown metric", "accuracy"),
        ({"metrics": ["mse"]}, TWO, ("metrics",), "give metrics by output name: a, b", None),
        (
            {"metrics": {"a": ["acc", {"IoU": {"num_classes": 2}}]}},
            TWO,
            ("metrics", "a", 1, "IoU"),
            "target_class",
            None,
        ),
        (
            {"metrics": [{"IoU": {"num_classes": 2, "target_class_ids": [2]}}]},
            ONE,
            ("metrics", 0, "IoU"),
            "out of range",
            None,
        ),
        (
            {"metrics": [{"Precision": {"thresholds": [0.5, 2]}}]},
            ONE,
            ("metrics", 0, "Precision", "thresholds"),
            "expected a number",
            None,
        ),
        ({"steps_per_execution": 0}, ONE, ("steps_per_execution",), "at least 1", None),
        ({"steps_per_execution": True}, ONE, ("steps_per_execution",), "at least 1", None),
        ({"run_eagerly": 1}, ONE, ("run_eagerly",), "true or false", None),
        ({"jit_compile": "yes"}, ONE, ("jit_compile",), "true, false or auto", None),
    ],
)
def test_mistakes(
    data: Any, outputs: tuple[str, ...], path: tuple[str | int, ...], words: str, near: str | None
) -> None:
    found = bad(data, outputs)
    assert len({where for where, _, _ in found}) == 1, found
    where, message, meant = found[0]
    assert where[: len(path)] == path
    assert words in message
    assert meant == near


def test_every_mistake_is_reported_at_once() -> None:
    found = bad({"optimizer": {"SGD": {"momentum": 2, "x": 1}}, "loss": "msee", "metrics": ["nope", "mse", "nada"]})
    assert {where for where, _, _ in found} == {
        ("optimizer", "SGD", "momentum"),
        ("optimizer", "SGD", "x"),
        ("loss",),
        ("metrics", 0),
        ("metrics", 2),
    }


def test_ids_of_metrics_are_their_names() -> None:
    (metric,) = good({"metrics": ["mse"]}).metrics_of("y")
    assert metric.name == "mse"
    assert isinstance(resolve("metric", "Accuracy"), AccuracyByShape)
    assert isinstance(resolve("metric", {"Accuracy": {}}), Accuracy)
    assert AUC().spec_value() == {"AUC": {}}  # the id would fix the name that Keras numbers


@pytest.mark.parametrize("kind", [kind for kind in FAMILIES if kind not in ("layer", "activation")])
def test_names_round_trip(kind: str) -> None:
    """Each name gives an object whose spec value gives that object again, or says which argument is missing."""
    for name in known_names(kind):
        cls = find(kind, name)
        assert cls is not None
        if any(field.is_required() for field in cls.model_fields.values()):
            with pytest.raises(ValidationError, match="Field required"):
                resolve(kind, name)
            continue
        obj = resolve(kind, name)
        assert resolve(kind, obj.spec_value()) == obj
        assert hash(obj) == hash(resolve(kind, obj.spec_value()))


class TestFacts:
    def test_clipping(self) -> None:
        assert not Adam().clips
        assert Adam(global_clipnorm=1.0).clipping == ("global_clipnorm", 1.0)
        inner = {"LossScaleOptimizer": {"inner_optimizer": {"SGD": {"clipvalue": 0.5}}}}
        assert resolve("optimizer", inner).clips
        half = {
            "MultiOptimizer": {
                "optimizer_map": {
                    "OptimizerMap": {"default_optimizer": "adam", "optimizer_map": {"x": {"SGD": {"clipnorm": 1}}}}
                }
            }
        }
        assert not resolve("optimizer", half).clips
        assert [type(part) for part in resolve("optimizer", half).parts()] == [Adam, SGD]

    def test_learning_rates(self) -> None:
        decay = {"CosineDecay": {"initial_learning_rate": 0, "decay_steps": 9, "warmup_target": 0.1, "warmup_steps": 3}}
        assert resolve("optimizer", {"SGD": {"learning_rate": decay}}).peak_learning_rate == 0.1
        assert SGD.default_learning_rate() == 0.01
        assert Adam().peak_learning_rate == 0.001

    def test_only_gradient_descent_follows_the_gradients_scale(self) -> None:
        assert [cls for cls in GradientOptimizer.__subclasses__() if not cls.adaptive] == [SGD]

    def test_what_losses_expect(self) -> None:
        assert BinaryCrossentropy().expects is Meaning.PROBABILITY
        assert BinaryCrossentropy(from_logits=True).expects is Meaning.LOGIT
        assert SparseCategoricalCrossentropy(from_logits=True).expects is Meaning.LOGITS
        assert SparseCategoricalCrossentropy().output_activations[0] == "softmax"
        assert MeanSquaredError().output_activations == ()
        assert not MeanSquaredError().classification
        assert isinstance(Crossentropy().chosen(1), BinaryCrossentropy)
        assert isinstance(Crossentropy().chosen(3), SparseCategoricalCrossentropy)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*", "a*b*c*d*", "("])
def test_patterns_that_could_take_long_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"expression|repe"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["encoder/.*", "block_[0-9]+/(gamma|beta)", ".*kernel"])
def test_ordinary_patterns_pass(pattern: str) -> None:
    assert check_pattern(pattern) == pattern
