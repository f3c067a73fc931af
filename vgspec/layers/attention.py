"""Attention layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from annotated_types import MinLen
from pydantic import model_validator

from vgspec.catalogue.initializers import GLOROT_UNIFORM, ONES, ZEROS
from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait, Weight
from vgspec.layers.fields import ClosedRate, ConstraintArg, InitializerArg, PositiveInt, RegularizerArg, Seed
from vgspec.layers.sizes import as_tuple, check_mask, check_rank, input_list, known_size, product, same_in_keras

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = ["LAYERS", "AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]

_SOFTMAX = 5  # operations for one score, as in the layer Softmax


def _literal(name: str, default: object) -> CallArgument:
    return CallArgument(name, tensor=False, required=False, default=default)


class Attention(Layer):
    """Dot-product attention (Luong et al. 2015) of a list: query, value and optionally key.

    ``softmax(score(query, key)) @ value``; ``score_mode`` ``concat`` scores ``sum(tanh(query + key))``.
    """

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ATTENTION})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        CallArgument("inputs", many=True),
        CallArgument("mask", required=False, many=True),
        _literal("training", False),
        _literal("return_attention_scores", False),
        _literal("use_causal_mask", False),
    )

    use_scale: bool = False
    score_mode: Literal["dot", "concat"] = "dot"
    dropout: ClosedRate = 0.0
    seed: Seed = None

    @property
    def is_additive(self) -> bool:
        """Whether query and key are added, element by element, to score them."""
        return self.score_mode == "concat"

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The query's shape with the value's last size; with ``return_attention_scores`` the scores too."""
        query, value, key = self._inputs(call)
        dtype = self.floating(query)
        self._check_masks(call, query, value)
        output = Tensor((*query.shape[:-1], value.shape[-1]), dtype)
        if call.literal("return_attention_scores", False):
            return output, Tensor((*query.shape[:-1], key.shape[-2]), dtype)
        return (output,)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """Scalars: ``scale`` if it is used, ``concat_score_weight`` for that mode."""
        scale = (Weight("scale", (), ONES),) if self.use_scale else ()
        return (*scale, Weight("concat_score_weight", (), ONES)) if self.is_additive else scale

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Scores and weighted sum: two for each multiply-add; five for each score's softmax."""
        query, value, key = self._inputs(call)
        scores = mul(numel(query.shape[1:-1]), key.shape[-2])
        score = mul(3 + int(self.use_scale), query.shape[-1]) if self.is_additive else mul(2, query.shape[-1])
        return mul(scores, add(add(score, mul(2, value.shape[-1])), _SOFTMAX))

    def _inputs(self, call: Call) -> tuple[Tensor, Tensor, Tensor]:
        """Query, value and key, checked against each other.

        Raises:
            ShapeError: for a wrong number of inputs, a wrong rank or sizes that cannot be multiplied.
        """
        xs = input_list(call)
        if len(xs) not in {2, 3}:
            raise ShapeError(f"needs a list [query, value] or [query, value, key], got {len(xs)} inputs")
        query, value, key = xs if len(xs) == 3 else (*xs, xs[1])
        for name, x in (("query", query), ("value", value), ("key", key)):
            self.floating(x)
            if x.rank < 3:
                raise ShapeError(f"needs a {name} of rank 3 or more, (batch, steps, features), got {x}")
            if x.rank != query.rank:
                raise ShapeError(f"needs query, value and key of one rank, got the {name} {x} for the query {query}")
            pairs = zip(x.shape[:-2], query.shape[:-2], strict=True)
            if not all(may_equal(a, b) or (a == 1 and axis) for axis, (a, b) in enumerate(pairs)):
                raise ShapeError(f"needs a {name} with the leading sizes of the query {query}, got {x}")
        if not may_equal(query.shape[-1], key.shape[-1]):
            what = "value, which is also the key," if key is value else "key"
            raise ShapeError(f"needs a {what} with as many features as the query {query}, got {key}")
        if not may_equal(value.shape[-2], key.shape[-2]):
            raise ShapeError(f"needs a key with as many steps as the value {value}, got {key}")
        return query, value, key

    @staticmethod
    def _check_masks(call: Call, query: Tensor, value: Tensor) -> None:
        masks = call.args.get("mask")
        if masks is None:
            return
        if not isinstance(masks, tuple | list) or len(masks) not in {2, 3}:
            raise ShapeError(f"needs a mask list [query_mask, value_mask], got {masks}")
        check_mask(masks[0], query.shape[:-1], "query mask")
        check_mask(masks[1], value.shape[:-1], "value mask")

    def signal_rule(self, call: Call) -> Rule:
        """Weighted means of the values."""
        from vgspec.layers import signal

        if "Tensor" not in type(call.args.get("mask")).__name__ and call.args.get("mask") is not None:
            return signal.Unknown("attention under an explicit mask")
        causal = bool(call.literal("use_causal_mask", False))
        return (signal.Attend(1.0, self.is_additive, self.dropout, causal),)


class AdditiveAttention(Attention):
    """Additive attention (Bahdanau et al. 2015): scores ``sum(scale * tanh(query + key))``."""

    common_fields: ClassVar[tuple[str, ...]] = ("trainable", "dtype", "seed", "score_mode")

    use_scale: bool = True
    score_mode: Literal["dot"] = "dot"

    @property
    def is_additive(self) -> bool:
        """Always."""
        return True

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """As for `Attention`; the number of features must be known if there is a scale."""
        if self.use_scale:
            known_size(self._inputs(call)[0], -1, "the query")
        return super().infer_outputs(call)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """``scale`` (features)."""
        if not self.use_scale:
            return ()
        return (Weight("scale", (known_size(self._inputs(call)[0], -1, "the query"),), GLOROT_UNIFORM),)

    def signal_rule(self, call: Call) -> Rule:
        """Weighted means of the values."""
        from vgspec.layers import signal

        query = self._inputs(call)[0]
        scale = 1.0
        if self.use_scale:
            initializer = self.weight_specs(call)[0].initializer
            square = initializer.moments((query.shape[-1],)).second_moment
            scale = (square or 0.0) ** 0.5
        causal = bool(call.literal("use_causal_mask", False))
        return (signal.Attend(scale, True, self.dropout, causal),)


_MULTI_HEAD_CALL: tuple[CallArgument, ...] = (
    CallArgument("query"),
    CallArgument("value"),
    CallArgument("key", required=False),
    CallArgument("query_mask", required=False),
    CallArgument("value_mask", required=False),
    CallArgument("key_mask", required=False),
    CallArgument("attention_mask", required=False),
    _literal("return_attention_scores", False),
    _literal("training", None),
    _literal("use_causal_mask", False),
)


def _query_value_key(call: Call) -> tuple[Tensor, Tensor, Tensor]:
    query, value = call.tensor("query"), call.tensor("value")
    if query is None or value is None:
        raise ShapeError(f"needs a query and a value, got {', '.join(call.args) or 'nothing'}")
    return query, value, call.tensor("key") or value


def _check_sequence_masks(call: Call, query: Tensor, value: Tensor) -> None:
    """Check the masks of attention along axis 1 of tensors of rank 3."""
    batch, steps, memory = query.shape[0], query.shape[1], value.shape[1]
    check_mask(call.args.get("query_mask"), (batch, steps), "query_mask")
    check_mask(call.args.get("value_mask"), (batch, memory), "value_mask")
    check_mask(call.args.get("key_mask"), (batch, memory), "key_mask")


def _check_attention_mask(call: Call, scores: Shape, trailing: int) -> None:
    """Refuse an attention mask that does not broadcast to the scores.

    Keras puts missing axes before the last ``trailing`` ones, which are the attended axes of query and key.
    """
    mask = call.tensor("attention_mask")
    if mask is None:
        return
    lead = len(scores) - trailing
    head = mask.rank - trailing
    sizes = (*mask.shape[:head], *(1,) * (lead - head), *mask.shape[head:]) if 0 <= head <= lead else None
    if sizes is None or not all(a == 1 or may_equal(a, b) for a, b in zip(sizes, scores, strict=True)):
        wanted = Tensor((scores[0], *scores[lead:]), "bool")
        raise ShapeError(f"needs an attention_mask like {wanted}, got {mask}")


class MultiHeadAttention(Layer):
    """Multi-head attention (Vaswani et al. 2017): projections, dot-product attention per head, projection."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ATTENTION, Trait.KERNEL})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = _MULTI_HEAD_CALL

    num_heads: PositiveInt
    key_dim: PositiveInt
    value_dim: PositiveInt | None = None
    dropout: ClosedRate = 0.0
    use_bias: bool = True
    output_shape: PositiveInt | Annotated[tuple[PositiveInt, ...], MinLen(1)] | None = None
    attention_axes: int | Annotated[tuple[int, ...], MinLen(1)] | None = None
    sliding_window: PositiveInt | None = None
    flash_attention: bool | None = None
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    use_gate: bool = False
    seed: Seed = None

    @model_validator(mode="after")
    def _no_dropout_in_flash_attention(self) -> Self:
        if self.flash_attention and self.dropout > 0:
            raise ValueError("flash_attention cannot be combined with dropout")
        return self

    @property
    def value_size(self) -> int:
        """The size of each head's values: ``value_dim``, or ``key_dim`` where that is null."""
        return self.value_dim or self.key_dim

    def output_sizes(self, query: Tensor) -> tuple[int, ...]:
        """The sizes that replace the query's last one: ``output_shape``, or that one itself."""
        return as_tuple(self.output_shape) or (known_size(query, -1, "the query"),)

    def attended(self, query: Tensor) -> tuple[int, ...]:
        """The axes that are attended over, in ascending or the given order.

        Raises:
            ShapeError: for an axis that is the batch's, the last one, or none of the query's, or is named twice.
        """
        if self.attention_axes is None:
            return tuple(range(1, query.rank - 1))
        axes = tuple(axis + query.rank if axis < 0 else axis for axis in as_tuple(self.attention_axes))
        if any(not 1 <= axis <= query.rank - 2 for axis in axes) or len(set(axes)) < len(axes):
            raise ShapeError(
                f"can attend over axes 1 to {query.rank - 2} of the query {query}, got {self.attention_axes}",
                argument="attention_axes",
            )
        return axes

    def scores_shape(self, call: Call) -> Shape:
        """The shape of the scores: the query's axes that are not attended over, heads, attended axes of both."""
        query, value, _ = _query_value_key(call)
        axes = self.attended(query)
        kept = (size for axis, size in enumerate(query.shape[:-1]) if axis not in axes)
        return (
            *kept,
            self.num_heads,
            *(query.shape[axis] for axis in axes),
            *(value.shape[axis] for axis in axes),
        )

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The query's shape with its last size replaced by ``output_shape``; then the scores if asked for.

        For scores Keras declares a shape that holds only if query and value have the same number of steps;
        this is the one they have.
        """
        query, value, key = _query_value_key(call)
        dtype = self.floating(query)
        self._check_shapes(query, value, key)
        axes = self.attended(query)
        for axis, (a, b) in enumerate(zip(query.shape[:-1], value.shape[:-1], strict=True)):
            if axis not in axes and not may_equal(a, b):
                raise ShapeError(f"needs a value with the size {a} of the query {query} at axis {axis}, got {value}")
        causal = call.literal("use_causal_mask", False)
        if (causal or self.sliding_window is not None) and axes != (1,):
            raise ShapeError(
                f"can mask by position along axis 1 only, and attends over {axes} of the query {query}",
                argument=None if causal else "sliding_window",
            )
        if query.rank == 3:
            _check_sequence_masks(call, query, value)
        scores = self.scores_shape(call)
        _check_attention_mask(call, scores, 2 * len(axes))
        output = Tensor((*query.shape[:-1], *self.output_sizes(query)), dtype)
        if not call.literal("return_attention_scores", False):
            return (output,)
        if self.flash_attention:
            raise ShapeError("cannot return the scores of flash attention", argument="flash_attention")
        return output, Tensor(scores, dtype)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """Kernels (features, heads, size) and biases, in the order query, key, gate, value, output."""
        query, value, key = _query_value_key(call)
        heads, out = self.num_heads, self.output_sizes(query)
        found = [
            *self._projection("query", (known_size(query, -1, "the query"),), (heads, self.key_dim)),
            *self._projection("key", (known_size(key, -1, "the key"),), (heads, self.key_dim)),
        ]
        if self.use_gate:
            found += self._projection("gate", (known_size(query, -1, "the query"),), (heads, self.value_size))
        found += self._projection("value", (known_size(value, -1, "the value"),), (heads, self.value_size))
        found += self._projection("attention_output", (heads, self.value_size), out)
        return tuple(found)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each multiply-add, one for each bias, five for each score's softmax."""
        query, value, key = _query_value_key(call)
        positions, memory = numel(query.shape[1:-1]), numel(value.shape[1:-1])
        heads, bias = self.num_heads, int(self.use_bias)
        keys, values, out = heads * self.key_dim, heads * self.value_size, product(self.output_sizes(query))
        per_query = mul(keys, add(mul(2, query.shape[-1]), bias))
        per_query = add(per_query, out * (2 * values + bias))
        if self.use_gate:
            per_query = add(per_query, mul(values, add(mul(2, query.shape[-1]), bias + 1)))
        per_memory = mul(keys, add(mul(2, key.shape[-1]), bias))
        per_memory = add(per_memory, mul(values, add(mul(2, value.shape[-1]), bias)))
        scores = numel(self.scores_shape(call)[1:])
        attention = mul(scores, 2 * (self.key_dim + self.value_size) + _SOFTMAX)
        return add(add(mul(positions, per_query), mul(memory, per_memory)), attention)

    def _projection(self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[Weight, ...]:
        kernel = Weight(f"{name}/kernel", (*inputs, *outputs), self.kernel_initializer)
        return (kernel, Weight(f"{name}/bias", outputs, self.bias_initializer)) if self.use_bias else (kernel,)

    def _check_shapes(self, query: Tensor, value: Tensor, key: Tensor) -> None:
        for name, x in (("query", query), ("value", value), ("key", key)):
            self.floating(x)
            if x.rank < 3:
                raise ShapeError(f"needs a {name} of rank 3 or more, (batch, steps, features), got {x}")
            if x.rank != query.rank:
                raise ShapeError(f"needs query, value and key of one rank, got the {name} {x} for the query {query}")
            known_size(x, -1, f"the {name}")
            if not may_equal(x.shape[0], query.shape[0]):
                raise ShapeError(f"needs the {name} to have the batch size of the query {query}, got {x}")
        if not all(same_in_keras(a, b) for a, b in zip(value.shape[1:-1], key.shape[1:-1], strict=True)):
            raise ShapeError(f"needs a key with the sizes of the value {value} but for the last, got {key}")

    def signal_rule(self, call: Call) -> Rule:
        """Projections, weighted means, projection."""
        from vgspec.layers import signal

        query, _, _ = _query_value_key(call)
        if self.use_gate:
            return signal.Unknown("gated attention")
        if len(self.attended(query)) != query.rank - 2:
            return signal.Unknown("attention over some of the axes only")
        return (
            signal.MultiHead(
                self.num_heads,
                self.num_heads,
                self.key_dim,
                self.value_size,
                self.output_sizes(query),
                self.kernel_initializer,
                self.bias_initializer if self.use_bias else None,
                self.dropout,
                bool(call.literal("use_causal_mask", False)),
            ),
        )


class GroupQueryAttention(Layer):
    """Grouped-query attention (Ainslie et al. 2023): groups of query heads share a head of keys and values."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.ATTENTION, Trait.KERNEL})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = _MULTI_HEAD_CALL
    aliases: ClassVar[tuple[str, ...]] = ("GroupedQueryAttention",)

    head_dim: PositiveInt
    num_query_heads: PositiveInt
    num_key_value_heads: PositiveInt
    dropout: ClosedRate = 0.0
    use_bias: bool = True
    sliding_window: PositiveInt | None = None
    flash_attention: bool | None = None
    kernel_initializer: InitializerArg = GLOROT_UNIFORM
    bias_initializer: InitializerArg = ZEROS
    kernel_regularizer: RegularizerArg = None
    bias_regularizer: RegularizerArg = None
    activity_regularizer: RegularizerArg = None
    kernel_constraint: ConstraintArg = None
    bias_constraint: ConstraintArg = None
    use_gate: bool = False
    seed: Seed = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"needs num_query_heads divisible by num_key_value_heads, got {self.num_query_heads} "
                f"and {self.num_key_value_heads}"
            )
        if self.flash_attention and self.dropout > 0:
            raise ValueError("flash_attention cannot be combined with dropout")
        return self

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The query's shape; with ``return_attention_scores`` also ``(batch, query heads, steps, memory steps)``."""
        query, value, key = _query_value_key(call)
        dtype = self.floating(query)
        for name, x in (("query", query), ("value", value), ("key", key)):
            self.floating(x)
            check_rank(x, 3)
            known_size(x, -1, f"the {name}")
            if not may_equal(x.shape[0], query.shape[0]):
                raise ShapeError(f"needs the {name} to have the batch size of the query {query}, got {x}")
        if query.shape[-1] != value.shape[-1]:
            raise ShapeError(f"needs a value with as many features as the query {query}, got {value}")
        if not same_in_keras(value.shape[1], key.shape[1]):
            raise ShapeError(f"needs a key with as many steps as the value {value}, got {key}")
        _check_sequence_masks(call, query, value)
        scores = (query.shape[0], self.num_query_heads, query.shape[1], key.shape[1])
        _check_attention_mask(call, scores, 2)
        output = Tensor(query.shape, dtype)
        if not call.literal("return_attention_scores", False):
            return (output,)
        if self.flash_attention:
            raise ShapeError("cannot return the scores of flash attention", argument="flash_attention")
        return output, Tensor(scores, dtype)

    def weight_specs(self, call: Call) -> tuple[Weight, ...]:
        """Kernels (features, heads, head_dim) and biases, in the order query, key, gate, value, output."""
        query, value, key = _query_value_key(call)
        features = known_size(query, -1, "the query")
        per_query = (self.num_query_heads, self.head_dim)
        per_key = (self.num_key_value_heads, self.head_dim)
        found = [
            *self._projection("query", (features,), per_query),
            *self._projection("key", (known_size(key, -1, "the key"),), per_key),
        ]
        if self.use_gate:
            found += self._projection("gate", (features,), per_query)
        found += self._projection("value", (known_size(value, -1, "the value"),), per_key)
        found += self._projection("attention_output", per_query, (features,))
        return tuple(found)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for each multiply-add, one for each bias, five for each score's softmax."""
        query, value, key = _query_value_key(call)
        bias = int(self.use_bias)
        queries, keys = self.num_query_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        features = query.shape[-1]
        per_query = mul(queries, add(mul(2, features), bias))
        per_query = add(per_query, mul(features, 2 * queries + bias))
        if self.use_gate:
            per_query = add(per_query, mul(queries, add(mul(2, features), bias + 1)))
        per_memory = mul(keys, add(mul(2, add(key.shape[-1], value.shape[-1])), 2 * bias))
        scores = mul(self.num_query_heads, mul(query.shape[1], value.shape[1]))
        attention = mul(scores, 4 * self.head_dim + _SOFTMAX)
        return add(add(mul(query.shape[1], per_query), mul(value.shape[1], per_memory)), attention)

    def _projection(self, name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[Weight, ...]:
        kernel = Weight(f"{name}/kernel", (*inputs, *outputs), self.kernel_initializer)
        return (kernel, Weight(f"{name}/bias", outputs, self.bias_initializer)) if self.use_bias else (kernel,)

    def signal_rule(self, call: Call) -> Rule:
        """Projections, weighted means, projection; query heads share heads of keys and values."""
        from vgspec.layers import signal

        query, _, _ = _query_value_key(call)
        if self.use_gate:
            return signal.Unknown("gated attention")
        return (
            signal.MultiHead(
                self.num_query_heads,
                self.num_key_value_heads,
                self.head_dim,
                self.head_dim,
                (known_size(query, -1),),
                self.kernel_initializer,
                self.bias_initializer if self.use_bias else None,
                self.dropout,
                bool(call.literal("use_causal_mask", False)),
            ),
        )


LAYERS: tuple[type[Layer], ...] = (
    AdditiveAttention,
    Attention,
    GroupQueryAttention,
    MultiHeadAttention,
)
