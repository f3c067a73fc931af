"""Categorical features: encoding, binning, hashing and vocabulary look-up."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Gt, MinLen
from pydantic import BeforeValidator, model_validator

from vgspec.ir import Dim, Tensor
from vgspec.ir.dims import may_equal
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait
from vgspec.layers.dtypes import is_integer, variable_dtype
from vgspec.layers.fields import NonNegativeInt, PositiveFloat, PositiveInt

__all__ = [
    "LAYERS",
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IndexLookup",
    "IntegerLookup",
    "StringLookup",
    "encoded",
    "no_files",
]

EncodeMode = Literal["one_hot", "multi_hot", "count"]
IntOrEncodeMode = Literal["int", "one_hot", "multi_hot", "count"]
LookupMode = Literal["int", "one_hot", "multi_hot", "count", "tf_idf"]
Salt = int | tuple[int, int] | None
SeveralTokens = Annotated[int, Gt(1)]
PREPROCESSING: frozenset[Trait] = frozenset({Trait.PREPROCESSING})


def no_files(value: Any) -> Any:
    """Refuse the path of a vocabulary file with the reason.

    Raises:
        ValueError: if the value is a string.
    """
    if isinstance(value, str):
        raise ValueError("a vocabulary is a list of tokens: a spec reads no files")
    return value


IntegerVocabulary = Annotated[Annotated[tuple[int, ...], MinLen(1)] | None, BeforeValidator(no_files)]
StringVocabulary = Annotated[Annotated[tuple[str, ...], MinLen(1)] | None, BeforeValidator(no_files)]
IdfWeights = Annotated[tuple[float, ...], MinLen(1)] | None


def encoded(x: Tensor, mode: str, depth: Dim, dtype: str) -> Tensor:
    """The type of categories ``x`` encoded over ``depth`` classes.

    ``one_hot`` adds an axis, or replaces a last one of size 1; the other modes take the last axis as the
    categories of one sample.

    Raises:
        ShapeError: for more than two axes where samples are lists, because Keras reduces another axis than it
            infers, and for 16-bit counts, which TensorFlow has not.
    """
    if mode == "one_hot":
        kept = x.shape[:-1] if x.rank > 1 and x.shape[-1] == 1 else x.shape
        return Tensor((*kept, depth), dtype)
    if x.rank > 2:
        raise ShapeError(f"needs a batch of lists (rank 2) in the mode '{mode}', got {x}", argument="output_mode")
    if dtype in ("float16", "bfloat16"):
        raise ShapeError(f"cannot count in {dtype} in the mode '{mode}'", argument="dtype")
    return Tensor((*x.shape[:-1], depth), dtype)


def _check_sparse(sparse: bool, mode: str) -> None:
    if sparse and mode == "int":
        raise ValueError("sparse needs an output_mode other than 'int'")


class CategoryEncoding(Layer):
    """Encodes integer categories as one-hot or multi-hot vectors or counts."""

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("inputs"),
        CallArgument("count_weights", required=False),
    )
    supports_masking: ClassVar[bool] = False

    num_tokens: PositiveInt | None = None
    output_mode: EncodeMode = "multi_hot"
    sparse: bool = False

    @model_validator(mode="after")
    def _needs_tokens(self) -> Self:
        if self.num_tokens is None:
            raise ValueError("num_tokens must be given")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape with the last axis, or a new one, of size ``num_tokens``."""
        x = call.x
        if x.dtype in ("string", "bool"):
            raise ShapeError(f"needs integer categories, got {x}")
        weights = call.tensor("count_weights")
        if weights is not None:
            if self.output_mode != "count":
                raise ShapeError("takes count_weights only in the mode 'count'", argument="output_mode")
            if weights.rank != x.rank or not all(may_equal(a, b) for a, b in zip(weights.shape, x.shape, strict=True)):
                raise ShapeError(f"needs count_weights of the shape of its input {x}, got {weights}")
        return (encoded(x, self.output_mode, self.num_tokens, self.compute_dtype),)


class Discretization(Layer):
    """Sorts numbers into bins."""

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    supports_masking: ClassVar[bool] = False

    bin_boundaries: tuple[float, ...] | None = None
    num_bins: NonNegativeInt | None = None
    epsilon: PositiveFloat = 0.01
    output_mode: IntOrEncodeMode = "int"
    sparse: bool = False
    trainable: Literal[True] = True

    @model_validator(mode="after")
    def _one_definition(self) -> Self:
        _check_sparse(self.sparse, self.output_mode)
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise ValueError("exactly one of bin_boundaries and num_bins must be given")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Bin numbers in int32, or their encoding over the bins."""
        x = call.x
        if x.dtype in ("string", "bool"):
            raise ShapeError(f"needs numbers, got {x}")
        if self.output_mode == "int":
            return (Tensor(x.shape, "int32"),)
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return (encoded(x, self.output_mode, depth, self.compute_dtype),)


class Hashing(Layer):
    """Hashes categories into bins."""

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    supports_masking: ClassVar[bool] = False

    num_bins: PositiveInt
    mask_value: int | str | None = None
    salt: Salt = None
    output_mode: IntOrEncodeMode = "int"
    sparse: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_sparse(self.sparse, self.output_mode)
        if self.output_mode == "int" and self.dtype not in (None, "int32", "int64"):
            raise ValueError(f"dtype must be int32 or int64 in the mode 'int', got {self.dtype}")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Bin numbers in int64 unless ``dtype`` says otherwise, or their encoding over the bins."""
        x = call.x
        if x.dtype == "bool":
            raise ShapeError(f"needs numbers or strings, got {x}")
        if self.output_mode == "int":
            return (Tensor(x.shape, self.dtype or "int64"),)
        if self.output_mode == "one_hot" and x.shape[-1:] != (1,):
            raise ShapeError(f"needs one category a sample, a last axis of size 1, in the mode 'one_hot', got {x}")
        return (encoded(x, self.output_mode, self.num_bins, variable_dtype(self.dtype)),)


class HashedCrossing(Layer):
    """Hashes the combination of two categorical features."""

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (CallArgument("inputs", many=True),)
    supports_masking: ClassVar[bool] = False

    num_bins: PositiveInt
    output_mode: Literal["int", "one_hot"] = "int"
    sparse: bool = False
    trainable: Literal[True] = True

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Bin numbers in int64 unless ``dtype`` says otherwise, or one-hot vectors."""
        xs = call.xs
        if len(xs) != 2:
            raise ShapeError(f"crosses two features, got {len(xs)}")
        for x in xs:
            if x.rank > 2 or (x.rank == 2 and x.shape[1] != 1):
                raise ShapeError(f"needs features of shape (batch,) or (batch, 1), got {x}")
            if not is_integer(x.dtype) and x.dtype != "string":
                raise ShapeError(f"needs integer or string features, got {x}")
        if xs[0].rank != xs[1].rank:
            raise ShapeError(f"needs features of one shape, got {xs[0]} and {xs[1]}")
        if self.output_mode == "int":
            return (Tensor(xs[0].shape, "int64" if self.dtype is None else self.compute_dtype),)
        return (encoded(xs[0], "one_hot", self.num_bins, self.compute_dtype),)


class IndexLookup(Layer):
    """Base of the layers that look categories up in a vocabulary.

    ``vocabulary_size`` is what a saved layer knows of a vocabulary that it learned with ``adapt``.
    """

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype", "vocabulary_size")
    supports_masking: ClassVar[bool] = False
    key_is_string: ClassVar[bool] = False

    vocabulary_size: PositiveInt | None = None
    max_tokens: SeveralTokens | None = None
    num_oov_indices: NonNegativeInt = 1

    @property
    def mode(self) -> str:
        """The ``output_mode``."""
        return str(getattr(self, "output_mode", "int"))

    def _tokens(self) -> tuple[Any, ...] | None:
        """The vocabulary without the special tokens that may head it."""
        vocabulary: tuple[Any, ...] | None = getattr(self, "vocabulary", None)
        if vocabulary is None:
            return None
        special = self._special()
        return vocabulary[len(special) :] if vocabulary[: len(special)] == special else vocabulary

    def _special(self) -> tuple[Any, ...]:
        """The mask token, if it has an index, and the out-of-vocabulary tokens."""
        mask = getattr(self, "mask_token", None)
        masks = (mask,) if mask is not None and self.mode == "int" else ()
        return (*masks, *(getattr(self, "oov_token", None),) * self.num_oov_indices)

    @property
    def depth(self) -> Dim:
        """The number of classes of an encoding: tokens and special tokens; None before a vocabulary is learned."""
        tokens = self._tokens()
        if getattr(self, "pad_to_max_tokens", False):
            return self.max_tokens
        return self.vocabulary_size if tokens is None else len(self._special()) + len(tokens)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_sparse(bool(getattr(self, "sparse", False)), self.mode)
        if getattr(self, "pad_to_max_tokens", False) and self.max_tokens is None:
            raise ValueError("pad_to_max_tokens needs max_tokens")
        if getattr(self, "invert", False) and self.mode != "int":
            raise ValueError(f"invert needs the output_mode 'int', got '{self.mode}'")
        weights: tuple[float, ...] | None = getattr(self, "idf_weights", None)
        vocabulary: tuple[Any, ...] | None = getattr(self, "vocabulary", None)
        if weights is not None and self.mode != "tf_idf":
            raise ValueError(f"idf_weights need the output_mode 'tf_idf', got '{self.mode}'")
        if self.mode == "tf_idf" and (weights is None) != (vocabulary is None):
            raise ValueError("vocabulary and idf_weights go together in the output_mode 'tf_idf'")
        if weights is not None and vocabulary is not None and len(weights) != len(vocabulary):
            raise ValueError(f"idf_weights has {len(weights)} numbers for {len(vocabulary)} tokens")
        self._check_vocabulary()
        return self

    def _check_vocabulary(self) -> None:
        tokens = self._tokens()
        if tokens is None:
            return
        if repeated := [token for token, count in Counter(tokens).items() if count > 1]:
            raise ValueError(f"vocabulary has {repeated[0]!r} more than once")
        mask = getattr(self, "mask_token", None)
        if mask is not None and mask in tokens:
            raise ValueError(f"vocabulary has the mask token {mask!r}, which may only head it")
        if getattr(self, "invert", False) and getattr(self, "oov_token", None) in tokens:
            raise ValueError("vocabulary has the out-of-vocabulary token, which may only head it")
        size = len(self._special()) + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(f"vocabulary has {size} tokens with the special ones, max_tokens is {self.max_tokens}")

    def check_key(self, x: Tensor) -> None:
        """Refuse inputs that are no keys of the table.

        Raises:
            ShapeError: for a wrong dtype.
        """
        text = self.key_is_string and not getattr(self, "invert", False)
        if text and x.dtype != "string":
            raise ShapeError(f"needs strings, got {x}")
        if not text and not is_integer(x.dtype):
            raise ShapeError(f"needs integers, got {x}")

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Indices in int64, or their encoding over the vocabulary in float32."""
        x = call.x
        self.check_key(x)
        return (self.looked_up(x),)

    def looked_up(self, x: Tensor) -> Tensor:
        """The output for keys ``x``. With ``invert`` Keras infers int64 for tokens too."""
        return Tensor(x.shape, "int64") if self.mode == "int" else encoded(x, self.mode, self.depth, "float32")


class IntegerLookup(IndexLookup):
    """Maps integers to indices of a vocabulary, or back."""

    mask_token: int | None = None
    oov_token: int = -1
    vocabulary: IntegerVocabulary = None
    vocabulary_dtype: Literal["int64"] = "int64"
    idf_weights: IdfWeights = None
    invert: bool = False
    output_mode: LookupMode = "int"
    sparse: bool = False
    pad_to_max_tokens: bool = False
    oov_method: Literal["floormod", "farmhash"] = "floormod"
    salt: Salt = None

    @model_validator(mode="after")
    def _salted(self) -> Self:
        if self.salt is not None and self.oov_method != "farmhash":
            raise ValueError("salt needs the oov_method 'farmhash'")
        return self


class StringLookup(IndexLookup):
    """Maps strings to indices of a vocabulary, or back."""

    common_fields: ClassVar[tuple[str, ...]] = (*IndexLookup.common_fields, "oov_method")
    key_is_string: ClassVar[bool] = True

    mask_token: str | None = None
    oov_token: str | None = "[UNK]"
    vocabulary: StringVocabulary = None
    idf_weights: IdfWeights = None
    invert: bool = False
    output_mode: LookupMode = "int"
    pad_to_max_tokens: bool = False
    sparse: bool = False
    encoding: str = "utf-8"
    salt: Salt = None
    oov_method: Literal["floormod", "farmhash"] = "floormod"


LAYERS: tuple[type[Layer], ...] = (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    StringLookup,
)
