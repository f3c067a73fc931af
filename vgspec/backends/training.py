"""Train a small classifier, lean: one traced step, no callbacks, no metrics; for measuring on many networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from vgspec.backends.keras_model import build_model
from vgspec.backends.runtime import load_keras, load_tensorflow
from vgspec.ir import Graph

__all__ = ["train_classifier"]


def train_classifier(
    graph: Graph,
    train: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    test: np.ndarray[Any, Any],
    *,
    epochs: int,
    batch: int,
    seed: int,
) -> np.ndarray[Any, Any]:
    """The scores of test examples after training with the graph's own loss and optimizer.

    The test examples are one batch, and batch normalization uses its statistics; a model must have no dropout.

    Args:
        graph: one input, one output, with compile settings.
        train: examples and labels; what does not fill a batch is left out of an epoch.
        test: examples.
        epochs: passes over the training examples, shuffled anew in each.
        batch: examples a step.
        seed: of weights and shuffling.
    """
    keras, tf = load_keras(), load_tensorflow()
    model = build_model(graph, seed=seed)
    shape: Any = (-1, *graph.inputs[0].tensor.shape[1:])
    images, labels = tf.constant(train[0].reshape(shape)), tf.constant(train[1])
    variables = model.trainable_variables
    model.optimizer.build(variables)

    def one_step(rows: Any) -> None:
        with tf.GradientTape() as tape:
            scores = model(tf.gather(images, rows), training=True)
            loss = model.compute_loss(y=tf.gather(labels, rows), y_pred=scores)
        model.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    step = tf.function(one_step, autograph=False, input_signature=[tf.TensorSpec((batch,), tf.int64)])
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(train[0]))
        for start in range(0, len(order) - batch + 1, batch):
            step(tf.constant(order[start : start + batch]))
    # Moving averages with Keras's momentum of 0.99 have not settled after some hundred steps.
    result = np.asarray(model(test.reshape(shape), training=True))
    keras.backend.clear_session()
    return result
