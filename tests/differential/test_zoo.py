"""The zoo: every spec builds and runs; the well-known networks are those of keras.applications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vgspec import compile_spec, load_spec

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2] / "specs"
SPECS = [path for folder in (ROOT, ROOT / "techniques") for path in sorted(folder.glob("*.yaml"))]
SMALL = {  # the same networks, small enough to run in a test
    "resnet50": {"size": 64},
    "vgg16": {"size": 32, "classes": 10},
    "densenet121": {"size": 64},
    "inception_v3": {"size": 75},
    "mobilenet_v2": {"size": 64},
    "u_net": {"size": 32, "width": 8},
    "vit": {"size": 64, "depth": 2, "classes": 10},
    "gpt": {"depth": 2, "vocabulary": 100, "context": 16},
    "transformer_encoder": {"depth": 2, "vocabulary": 100, "length": 16},
}


def sample(model: Any, rng: np.random.Generator, batch: int = 2) -> Any:
    """Random input that fits a model."""
    values = []
    for tensor in model.inputs:
        shape = [size if size is not None else 7 for size in tensor.shape[1:]]
        if tensor.dtype.startswith("int"):
            values.append(
                rng.integers(1, 2 if "position" in tensor.name else 50, size=(batch, *shape)).astype(tensor.dtype)
            )
        else:
            values.append(rng.standard_normal((batch, *shape)).astype("float32"))
    return values if len(values) > 1 else values[0]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_builds_and_runs(path: Path) -> None:
    import keras

    params = SMALL.get(path.stem, {})
    spec = load_spec(path, params=params)
    assert spec.diagnostics == ()
    graph = spec.require_graph()
    model = compile_spec(spec, seed=1)
    layers = {layer.name for layer in model.layers}
    assert set(graph.layers) <= layers | {key for key in graph.layers if key.startswith("ops.")}
    outputs = keras.tree.flatten(model(sample(model, np.random.default_rng(0)), training=False))
    for output in outputs:
        assert np.isfinite(np.asarray(output)).all()
    assert bool(getattr(model, "compiled", False)) == (graph.compile is not None)


@pytest.mark.parametrize(
    ("name", "builder", "params", "shape"),
    [
        ("resnet50", "ResNet50", {"size": 64}, 64),
        ("vgg16", "VGG16", {"size": 32}, 32),
        ("densenet121", "DenseNet121", {"size": 64}, 64),
        ("inception_v3", "InceptionV3", {"size": 75}, 75),
        ("mobilenet_v2", "MobileNetV2", {"size": 96}, 96),
    ],
)
def test_equals_keras_applications(name: str, builder: str, params: dict[str, int], shape: int) -> None:
    """Weight for weight: the weights of the one fit the other in the same order and give the same output."""
    import keras

    ours = compile_spec(ROOT / f"{name}.yaml", params=params)
    theirs = getattr(keras.applications, builder)(weights=None, input_shape=(shape, shape, 3))
    rng = np.random.default_rng(0)
    values = [
        # variances must be positive, and small weights keep 50 layers from overflowing
        np.abs(rng.normal(1, 0.1, w.shape)) if "variance" in w.path else rng.normal(0, 0.05, w.shape)
        for w in theirs.weights
    ]
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    theirs.set_weights(values)
    ours.set_weights(values)
    x = rng.standard_normal((2, shape, shape, 3)).astype("float32")
    expected, got = np.asarray(theirs(x, training=False)), np.asarray(ours(x, training=False))
    assert expected.std() > 0
    assert np.abs(expected - got).max() <= 1e-5


def seed_model(input_shape: tuple[int, ...]) -> Any:
    """The user's combined model, in Keras 3's spelling."""
    import keras
    from keras import layers

    inputs = layers.Input(shape=input_shape)
    x = layers.Dense(64, kernel_initializer="he_normal")(inputs)
    x = layers.ReLU()(x)
    x = layers.Dense(64, kernel_initializer="glorot_uniform")(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(64, kernel_regularizer=keras.regularizers.L2(0.01))(x)
    residual = layers.Dense(64, activation=None)(x)
    x = layers.Add()([x, residual])
    x = layers.ReLU()(x)
    x = layers.LSTM(64, return_sequences=False)(keras.ops.expand_dims(x, axis=1))
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs=inputs, outputs=outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001, clipvalue=1.0),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def test_seed_equals_the_model_it_was_made_from() -> None:
    ours, theirs = compile_spec(ROOT / "seed.yaml"), seed_model((128,))
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    assert ours.count_params() == theirs.count_params()
    settings = [{**model.optimizer.get_config(), "name": "adam"} for model in (ours, theirs)]
    assert settings[0] == settings[1]
    weighted = [type(layer).__name__ for layer in theirs.layers if type(layer).__name__ != "ExpandDims"]
    assert [type(layer).__name__ for layer in ours.layers if type(layer).__name__ != "Reshape"] == weighted
    ours.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).standard_normal((4, 128)).astype("float32")
    assert np.abs(np.asarray(ours(x, training=False)) - np.asarray(theirs(x, training=False))).max() <= 1e-6
    y = np.eye(10, dtype="float32")[np.random.default_rng(1).integers(0, 10, 4)]
    one, two = (model.evaluate(x, y, verbose=0, return_dict=True) for model in (ours, theirs))
    assert set(one) == set(two) == {"loss", "accuracy"}
    assert one["loss"] == pytest.approx(two["loss"], abs=1e-6)
    assert one["accuracy"] == two["accuracy"]
