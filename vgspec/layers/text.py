"""Text: splitting strings into tokens and looking them up."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from vgspec.ir import Tensor
from vgspec.layers.base import Call, Layer, ShapeError, Trait
from vgspec.layers.feature import (
    PREPROCESSING,
    IdfWeights,
    LookupMode,
    SeveralTokens,
    StringLookup,
    StringVocabulary,
    encoded,
)
from vgspec.layers.fields import PositiveInt

__all__ = ["LAYERS", "TextVectorization"]


class TextVectorization(Layer):
    """Standardizes and splits strings, and maps the tokens to indices or to a vector of counts.

    Functions for ``standardize`` and ``split`` are code, which a spec cannot hold.
    """

    traits: ClassVar[frozenset[Trait]] = PREPROCESSING
    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype", "vocabulary_size")
    supports_masking: ClassVar[bool] = False

    max_tokens: SeveralTokens | None = None
    standardize: Literal["lower_and_strip_punctuation", "lower", "strip_punctuation"] | None = (
        "lower_and_strip_punctuation"
    )
    split: Literal["whitespace", "character"] | None = "whitespace"
    ngrams: PositiveInt | tuple[PositiveInt, ...] | None = None
    output_mode: LookupMode = "int"
    output_sequence_length: PositiveInt | None = None
    pad_to_max_tokens: bool = False
    vocabulary: StringVocabulary = None
    idf_weights: IdfWeights = None
    sparse: bool = False
    ragged: bool = False
    encoding: str = "utf-8"
    vocabulary_size: PositiveInt | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.output_mode != "int" and self.output_sequence_length is not None:
            raise ValueError(f"output_sequence_length needs the output_mode 'int', got '{self.output_mode}'")
        if self.ragged and self.output_mode != "int":
            raise ValueError(f"ragged needs the output_mode 'int', got '{self.output_mode}'")
        self.lookup()
        return self

    def lookup(self) -> StringLookup:
        """The look-up layer that does the second half of the work.

        Raises:
            pydantic.ValidationError: if the arguments about the vocabulary contradict each other.
        """
        return StringLookup(
            max_tokens=self.max_tokens,
            mask_token="",
            vocabulary=self.vocabulary,
            idf_weights=self.idf_weights,
            output_mode=self.output_mode,
            pad_to_max_tokens=self.pad_to_max_tokens,
            sparse=self.sparse,
            encoding=self.encoding,
            vocabulary_size=self.vocabulary_size,
        )

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``(batch, output_sequence_length)`` indices in int64, or ``(batch, depth)`` in float32."""
        x = call.x
        if x.dtype != "string":
            raise ShapeError(f"needs strings, got {x}")
        if self.split is not None and x.rank > 1 and x.shape[-1] != 1:
            raise ShapeError(f"splits one string a sample: needs shape (batch,) or (batch, 1), got {x}")
        if x.rank > 2:
            raise ShapeError(f"needs an input of rank 1 or 2, got {x}")
        if self.output_mode == "int":
            return (Tensor((x.shape[0], self.output_sequence_length), "int64"),)
        depth = self.lookup().depth
        if self.split is None:
            tokens = x if x.rank > 1 else Tensor((*x.shape, 1), x.dtype)
        else:
            tokens = Tensor((*x.shape, None), x.dtype)
        if self.output_mode != "one_hot" and tokens.rank > 2:
            raise ShapeError(f"needs strings of shape (batch,) in the mode '{self.output_mode}', got {x}")
        return (encoded(tokens, self.output_mode, depth, "float32"),)


LAYERS: tuple[type[Layer], ...] = (TextVectorization,)
