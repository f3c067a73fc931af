from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.differential.layer_harness import (
    check_arguments_rejected,
    check_config,
    check_layer,
    check_rejected,
    check_signature,
    t,
)
from vgspec.ir import BATCH, Tensor
from vgspec.ir.dims import Sym
from vgspec.layers.base import Layer
from vgspec.layers.feature import (
    LAYERS,
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    StringLookup,
)

pytestmark = pytest.mark.tensorflow

N = Sym.named("n")
LABELS = tuple("abcdefg")


def words(tensor: Tensor, sizes: Mapping[str, int]) -> Any:
    tf = pytest.importorskip("tensorflow")
    shape = tuple(d if isinstance(d, int) else 2 for d in tensor.shape)
    return tf.constant(np.random.default_rng(0).choice(np.array(["a", "b", "z"]), shape))


@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_signature(cls: type[Layer]) -> None:
    extra = {"oov_method": "Keras takes it through kwargs"} if cls is StringLookup else {}
    check_signature(cls, extra=extra)


@pytest.mark.parametrize(
    "layer",
    [
        CategoryEncoding(num_tokens=4),
        Discretization(num_bins=3),
        Hashing(num_bins=3, salt=(1, 2)),
        HashedCrossing(num_bins=3),
        IntegerLookup(vocabulary=(1, 2)),
        StringLookup(vocabulary=("a", "b")),
    ],
    ids=repr,
)
def test_config_keys(layer: Layer) -> None:
    check_config(layer)


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize(
    "x", [t(1, dtype="int32"), t(5, dtype="int64"), t(N, dtype="int32"), t(dtype="int32")], ids=str
)
def test_category_encoding(mode: Any, x: Tensor) -> None:
    check_layer(CategoryEncoding(num_tokens=4, output_mode=mode), x)
    half = CategoryEncoding(num_tokens=4, output_mode=mode, dtype="float16")
    if mode == "one_hot":
        check_layer(half, x)
    else:
        check_rejected(half, x, match="cannot count in float16", argument="dtype")


def test_category_encoding_on_more_axes() -> None:
    check_layer(CategoryEncoding(num_tokens=4, output_mode="one_hot"), t(3, 5, dtype="int32"))
    check_rejected(
        CategoryEncoding(num_tokens=4),
        t(3, 5, dtype="int32"),
        match="rank 2",
        argument="output_mode",
        stricter="Keras infers (batch, 3, 4) and computes (batch, 5, 4)",
    )


def test_count_weights() -> None:
    x, weights = t(5, dtype="int32"), t(5)
    check_layer(CategoryEncoding(num_tokens=4, output_mode="count"), {"inputs": x, "count_weights": weights})
    check_rejected(
        CategoryEncoding(num_tokens=4),
        {"inputs": x, "count_weights": weights},
        match="only in the mode 'count'",
        argument="output_mode",
    )
    wrong = {"inputs": x, "count_weights": t(4)}
    check_rejected(CategoryEncoding(num_tokens=4, output_mode="count"), wrong, match="shape of its input")


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("x", [t(1), t(5), t(5, dtype="int32"), t()], ids=str)
def test_discretization(mode: Any, x: Tensor) -> None:
    layer = Discretization(bin_boundaries=(-1.0, 0.0, 2), output_mode=mode)
    check_layer(layer, x)
    check_layer(Discretization(num_bins=3, output_mode=mode), x, data=False)


@pytest.mark.parametrize("x", [t(1, dtype="int32"), t(1, dtype="string")], ids=str)
def test_hashing(x: Tensor) -> None:
    for mode in ("int", "one_hot", "multi_hot", "count"):
        check_layer(Hashing(num_bins=3, output_mode=mode, salt=2), x)
    check_layer(Hashing(num_bins=3, dtype="int32"), x)
    check_layer(Hashing(num_bins=3), Tensor((*x.shape[:1], 4), x.dtype))
    check_layer(Hashing(num_bins=3, output_mode="multi_hot"), Tensor((*x.shape[:1], 4), x.dtype))


def test_hashing_rejections() -> None:
    check_rejected(
        Hashing(num_bins=3, output_mode="one_hot"),
        t(4, dtype="int32"),
        match="one category",
        stricter="Keras infers (batch, 3) and computes (batch, 4, 3)",
    )
    check_rejected(Hashing(num_bins=3, output_mode="count", dtype="float16"), t(4), argument="dtype")
    check_layer(Hashing(num_bins=3), t(4))


@pytest.mark.parametrize("x", [t(1, dtype="int32"), t(1, dtype="string"), t(dtype="int64")], ids=str)
@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_hashed_crossing(x: Tensor, mode: Any) -> None:
    check_layer(HashedCrossing(num_bins=3, output_mode=mode), [x, x])


def test_hashed_crossing_rejections() -> None:
    x = t(1, dtype="int32")
    check_rejected(HashedCrossing(num_bins=3), [x, x, x], match="two features")
    check_rejected(HashedCrossing(num_bins=3), [x, t(1)], match="integer or string")
    check_rejected(HashedCrossing(num_bins=3), [t(2, dtype="int32")] * 2, match=r"\(batch, 1\)")
    check_rejected(HashedCrossing(num_bins=3), [x, t(dtype="int32")], match="one shape")


@pytest.mark.parametrize(
    "x", [t(1, dtype="int64"), t(5, dtype="int64"), t(5, dtype="int32"), t(dtype="int64")], ids=str
)
def test_integer_lookup(x: Tensor) -> None:
    check_layer(IntegerLookup(vocabulary=(7, 8, 9)), x)
    check_layer(IntegerLookup(vocabulary=(7, 8, 9), mask_token=0, num_oov_indices=2), x)
    check_layer(IntegerLookup(vocabulary=(7, 8, 9), invert=True), x)
    check_layer(IntegerLookup(), x, data=False)
    for mode in ("one_hot", "multi_hot", "count"):
        for layer in (
            IntegerLookup(vocabulary=(7, 8, 9), output_mode=mode),
            IntegerLookup(vocabulary=(-1, 7, 8, 9), output_mode=mode),
            IntegerLookup(vocabulary=(7, 8, 9), output_mode=mode, max_tokens=9, pad_to_max_tokens=True),
            IntegerLookup(vocabulary_size=5, output_mode=mode),
            IntegerLookup(output_mode=mode),
        ):
            check_layer(layer, x, data=False)  # Keras infers float32 and returns int64


@pytest.mark.parametrize("x", [t(1, dtype="string"), t(5, dtype="string"), t(dtype="string")], ids=str)
def test_string_lookup(x: Tensor) -> None:
    check_layer(StringLookup(vocabulary=LABELS), x, values=words)
    check_layer(StringLookup(vocabulary=("", "[UNK]", *LABELS), mask_token=""), x, values=words)
    for mode in ("one_hot", "multi_hot", "count"):
        check_layer(StringLookup(vocabulary=LABELS, output_mode=mode, num_oov_indices=0), x, data=False)
        check_layer(StringLookup(vocabulary=LABELS, output_mode=mode, mask_token="m"), x, data=False)
    weights = tuple(0.5 for _ in LABELS)
    check_layer(StringLookup(vocabulary=LABELS, output_mode="tf_idf", idf_weights=weights), x, values=words)


def test_inverted_string_lookup() -> None:
    x = t(3, dtype="int64")
    predicted = check_layer(StringLookup(vocabulary=LABELS, invert=True), x, data=False)
    assert predicted[0].dtype == "int64"  # what Keras infers; it returns strings


def test_lookup_rejections() -> None:
    check_rejected(StringLookup(vocabulary=LABELS), t(3, dtype="int32"), match="strings")
    check_rejected(IntegerLookup(vocabulary=(1, 2)), t(3, dtype="string"), match="integers")
    check_rejected(
        IntegerLookup(vocabulary=(1, 2), output_mode="multi_hot"),
        t(3, 4, dtype="int64"),
        argument="output_mode",
        stricter="Keras infers another shape than it computes",
    )


def test_arguments() -> None:
    check_arguments_rejected(CategoryEncoding, match="num_tokens")
    check_arguments_rejected(CategoryEncoding, num_tokens=3, output_mode="int")
    check_arguments_rejected(Discretization, match="exactly one")
    check_arguments_rejected(Discretization, num_bins=2, bin_boundaries=(1.0,), match="exactly one")
    check_arguments_rejected(Discretization, num_bins=2, sparse=True, match="sparse")
    check_arguments_rejected(Discretization, num_bins=2, trainable=False)
    check_arguments_rejected(Hashing, num_bins=2, dtype="float32", match="int32 or int64")
    check_arguments_rejected(Hashing, num_bins=0)
    check_arguments_rejected(IntegerLookup, vocabulary=(1, 1), match="more than once")
    check_arguments_rejected(IntegerLookup, vocabulary=(1, 2), salt=3, match="farmhash")
    check_arguments_rejected(IntegerLookup, vocabulary=(1, 2, 3), max_tokens=3, match="max_tokens is 3")
    check_arguments_rejected(IntegerLookup, pad_to_max_tokens=True, match="max_tokens")
    check_arguments_rejected(StringLookup, vocabulary=("a", "m"), mask_token="m", match="mask token")
    check_arguments_rejected(StringLookup, vocabulary=("a", "[UNK]"), invert=True, match="out-of-vocabulary")
    check_arguments_rejected(StringLookup, invert=True, output_mode="count", match="invert")
    check_arguments_rejected(StringLookup, vocabulary=("a",), output_mode="tf_idf", match="go together")
    check_arguments_rejected(StringLookup, vocabulary=("a",), idf_weights=(1.0,), match="tf_idf")


def test_no_vocabulary_files() -> None:
    reason = "Keras reads files; a spec must not"
    check_arguments_rejected(StringLookup, vocabulary="words.txt", match="reads no files", stricter=reason)
    check_arguments_rejected(IntegerLookup, vocabulary="words.txt", match="reads no files", stricter=reason)


def test_batch_without_features_is_one_sample() -> None:
    outputs = check_layer(CategoryEncoding(num_tokens=4), Tensor((BATCH,), "int32"))
    assert outputs == (Tensor((4,)),)
