from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.differential.layer_harness import (
    check_arguments_rejected,
    check_config,
    check_layer,
    check_rejected,
    check_signature,
    t,
)
from vgspec.ir import Tensor
from vgspec.layers.text import TextVectorization

pytestmark = pytest.mark.tensorflow

WORDS = ("the", "cat", "sat")
STRINGS = (t(dtype="string"), t(1, dtype="string"))


def sentences(tensor: Tensor, sizes: Mapping[str, int]) -> Any:
    tf = pytest.importorskip("tensorflow")
    shape = tuple(d if isinstance(d, int) else 2 for d in tensor.shape)
    return tf.fill(shape, "The cat sat, sat!")


def test_signature() -> None:
    check_signature(TextVectorization)
    check_config(TextVectorization(vocabulary=WORDS))


@pytest.mark.parametrize("x", STRINGS, ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        TextVectorization(vocabulary=WORDS),
        TextVectorization(vocabulary=WORDS, output_sequence_length=7),
        TextVectorization(vocabulary=("", "[UNK]", *WORDS), split="character", standardize=None, ngrams=2),
        TextVectorization(max_tokens=9, ngrams=(1, 2), standardize="lower"),
    ],
    ids=repr,
)
def test_indices(layer: TextVectorization, x: Tensor) -> None:
    check_layer(layer, x, values=sentences, data=layer.vocabulary is not None)


def test_indices_of_whole_strings() -> None:
    check_layer(TextVectorization(vocabulary=WORDS, split=None), t(4, dtype="string"), values=sentences)


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_vectors(mode: Any) -> None:
    x = t(dtype="string")
    for layer in (
        TextVectorization(vocabulary=WORDS, output_mode=mode),
        TextVectorization(vocabulary=("[UNK]", *WORDS), output_mode=mode, max_tokens=9, pad_to_max_tokens=True),
        TextVectorization(vocabulary=WORDS, output_mode=mode, split=None),
    ):
        check_layer(layer, x, data=False)  # Keras infers float32 and returns int64
    weighted = TextVectorization(vocabulary=WORDS, output_mode="tf_idf", idf_weights=(0.1, 0.2, 0.3))
    check_layer(weighted, x, values=sentences)
    check_layer(TextVectorization(vocabulary=WORDS, output_mode=mode, split=None), t(4, dtype="string"), data=False)


def test_rejections() -> None:
    check_rejected(TextVectorization(vocabulary=WORDS), t(3, dtype="string"), match="one string a sample")
    check_rejected(TextVectorization(vocabulary=WORDS), t(1, dtype="int32"), match="strings")
    check_rejected(
        TextVectorization(vocabulary=WORDS, output_mode="count"),
        t(1, dtype="string"),
        match=r"shape \(batch,\)",
        stricter="Keras infers (batch, 1, 4) and computes (batch, 4)",
    )


def test_arguments() -> None:
    check_arguments_rejected(TextVectorization, output_mode="count", output_sequence_length=3)
    check_arguments_rejected(TextVectorization, output_mode="count", ragged=True)
    check_arguments_rejected(TextVectorization, standardize="upper")
    check_arguments_rejected(TextVectorization, vocabulary=("a", "a"), match="more than once")
    reason = "Keras takes functions and files; a spec holds neither"
    check_arguments_rejected(TextVectorization, split=str.split, stricter=reason)
    check_arguments_rejected(TextVectorization, vocabulary="words.txt", match="reads no files", stricter=reason)
