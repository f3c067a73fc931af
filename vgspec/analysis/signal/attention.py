"""Attention: weights near uniform at initialisation, corrected by the variance of the scores.

The output is a mean of values with random weights. With ``A = E[sum a^2]`` over the keys, ``q' = A q + (1 - A) s``
of the values: uniform weights give the mean over positions, sharp ones a single value. Gradients go back through
the values, and through the scores to queries and keys.
"""

from __future__ import annotations

import math

from vgspec.analysis.signal.alignment import aligned
from vgspec.analysis.signal.functions import chain, scalar_function
from vgspec.analysis.signal.gradients import add_gradients
from vgspec.analysis.signal.linear import add_bias, linear
from vgspec.analysis.signal.response import function_moments
from vgspec.analysis.signal.softmax import leaning, probabilities
from vgspec.analysis.signal.state import Moments, Segment, State
from vgspec.analysis.signal.step import Grad, GradSegment, Kernels, Pulled, Step
from vgspec.analysis.signal.views import fold_border, to_channel
from vgspec.catalogue.activations import ScalarActivation
from vgspec.layers import signal as rule

__all__ = ["attend", "multi_head"]

_MOST_KEYS = 1024
"""Keys beyond which the weights lean no further than for so many: each of them is small."""


def _attention(
    query: State, key: State, value: State, size: int, scale: float, causal: bool, keep: float, additive: float = 0.0
) -> Step:
    """Weighted means of values; inputs query, key, value.

    Args:
        query: queries.
        key: keys.
        value: values.
        size: channels of one head of queries and keys.
        scale: multiplies the scores.
        causal: whether a query sees only positions up to its own.
        keep: share of weights kept by dropout.
        additive: mean square of the weights of an additive score; 0 for products.
    """
    x, k, v = query.moments, key.moments, value.moments
    n_q, n_k = query.positions, value.positions
    if additive:
        total = Moments(x.m + k.m, *(a + b + 2 * x.m * k.m for a, b in zip(x[1:], k[1:], strict=True)))
        same = total._replace(p=x.q + k.s + 2 * x.m * k.m, s=x.s + k.s + 2 * x.m * k.m)
        bent, response = function_moments(same, chain(scalar_function(ScalarActivation("tanh"))))
        variance = additive * size * max(bent.q - bent.p, 0.0)
        slope = response.slope_square if response is not None else 1.0
    else:
        variance = scale * scale * size * x.q * max(k.q - k.s, 0.0)
        slope = 1.0
    shared = x.s / x.q if x.q > 0 else 1.0
    if causal:
        raised = math.exp(-min(variance, 50.0))
        own = sum(1.0 / (1.0 + (t - 1.0) * raised) for t in range(1, n_k + 1)) / n_k
        both = min(2.0 / n_k, 1.0)
    else:
        own = n_k * probabilities(variance, n_k)[0]
        both = (max(own * n_k, 1.0)) ** max(min(shared, 1.0), 0.0) / n_k
    kept = own / keep

    def mix(share: float, same_key: float, other_key: float) -> float:
        return share * same_key + max(1.0 - share, 0.0) * other_key

    spread = 1.0 / n_k
    lost = kept - own
    moments = Moments(
        v.m,
        mix(own, v.q, v.s) + lost * v.q,
        mix(spread, v.p, v.r),
        mix(both, v.q, v.s),
        mix(spread, v.p, v.r),
        mix(own, v.k, v.ks) + lost * v.k,
        mix(spread, v.kp, v.kr),
        mix(both, v.k, v.ks),
        mix(spread, v.kp, v.kr),
    )
    if n_q == 1:
        moments = moments._replace(s=moments.q, r=moments.p)
    sizes = (*query.sizes[:-1], value.sizes[-1])
    output = State(
        sizes,
        len(sizes) - 1,
        (Segment(value.channels, moments),),
        (),
        value.spread,
        0.0,
        value.overlap,
    )
    heads = value.channels / max(size, 1)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        grad = grads[0]
        if grad is None:
            return Pulled((None, None, None))
        g = grad.mean
        y = moments
        # through the values: each value is read by every query
        n = n_q / n_k
        # the output is linear in the values, so that the product of value and gradient is the same for both
        passed = n * math.sqrt(y.q / v.q) if v.q > 0.0 else 0.0
        q = n * (kept * g.q + (n_q - 1) * both * g.s)
        apart = max(1.0 - own, 0.0) / max(n_k - 1, 1)
        s = n * (apart * g.q + (n_q - 1) * spread * g.s)
        p = n * spread * (g.p + (n_q - 1) * g.r)
        values = GradSegment(
            value.channels, q, p, s, p, n * kept * g.k, a=g.a * passed, linear=g.linear * passed * passed
        )
        # through the scores: d score = a (g . (v - output))
        wide = value.channels / max(round(heads), 1) if heads >= 1 else value.channels
        difference = max(v.q - v.s, 0.0) * max(1.0 - own, 0.0)
        alike = g.s / g.q if g.q > 0 else 0.0
        score = own / n_k * wide * g.q * difference
        product = 0.0
        if additive:
            to_query = score * n_k * additive * slope * max(1.0 - spread, 0.0)
            to_key = score * n_q * additive * slope * (1.0 + (n_q - 1) * alike)
        else:
            along = 0.0
            if g.a and y.q > 0.0:  # a gradient along the output pushes the weights the way they lean already
                pushed = g.a / math.sqrt(y.q) * wide * max(v.q - v.s, 0.0)
                square, met = _leaning(variance, n_k, causal)
                along, product = pushed * pushed * square, pushed * met / size
            to_query = (score + along) * scale * scale * n_k * max(k.q - k.s, 0.0)
            to_key = scale * scale * n_q * ((score + along) * x.q + score * (n_q - 1) * alike * x.s)
        of_query, of_key = _along(product, x.q), _along(product * n_q / n_k, k.q)
        queries = GradSegment(query.channels, to_query, s=to_query * alike, a=of_query, linear=of_query**2)
        # what is added to the score of one key is taken from the others, so that over all keys nothing is left
        keys = GradSegment(key.channels, to_key, s=-to_key / max(n_k - 1, 1), a=of_key, linear=of_key**2)
        return Pulled(
            tuple(
                Grad((segment,), grad.log, grad.spread, 0.0, grad.overlap).normalised()
                for segment in (queries, keys, values)
            )
        )

    return Step((output,), pull)


def _along(product: float, q: float) -> float:
    """The part of a gradient along a value of this mean square, from their mean product (see `GradSegment.a`)."""
    return product / math.sqrt(q) if q > 0.0 else 0.0


def _leaning(variance: float, keys: int, causal: bool) -> tuple[float, float]:
    """What a gradient along the output does to the scores of a query, beside the size of a value.

    With weights ``a`` and ``A`` the sum of their squares, a value that has little in common with the others meets the
    output as ``a`` times itself, so that its score gets ``a (a - A)``.

    Args:
        variance: of the scores.
        keys: how many there are.
        causal: whether a query sees the keys up to its own only.

    Returns:
        The mean square of that over the keys, and the mean over queries of the sum of its products with the scores.
    """
    if keys < 2 or not variance > 1e-9:
        return 0.0, 0.0
    rounded = math.exp(round(math.log(min(variance, 1e4)), 1))
    if not causal:
        return leaning(rounded, min(keys, _MOST_KEYS))
    lengths = [max(round(keys * share), 1) for share in (0.125, 0.375, 0.625, 0.875)]
    parts = [(length / keys, leaning(rounded, min(length, _MOST_KEYS))) for length in lengths if length > 1]
    squares = sum(share * found[0] for share, found in parts)
    return squares / len(lengths), sum(found[1] for _, found in parts) / len(lengths)


def _named(states: tuple[State, ...], names: tuple[str, ...]) -> tuple[int, int, int]:
    """Places of query, value and key among the inputs."""
    if len(set(names)) == len(names) and "query" in names:
        query, value = names.index("query"), names.index("value")
        return query, value, names.index("key") if "key" in names else value
    return 0, 1, 2 if len(states) > 2 else 1


def _flat(state: State) -> State:
    return to_channel(fold_border(state), len(state.sizes) - 1)


def _collect(count: int, places: tuple[int, int, int], parts: tuple[Grad | None, ...]) -> tuple[Grad | None, ...]:
    """Gradients of query, value and key added up by input."""
    found: list[Grad | None] = [None] * count
    for place, grad in zip(places, parts, strict=True):
        found[place] = add_gradients(found[place], grad)
    return tuple(found)


def attend(states: tuple[State, ...], primitive: rule.Attend, names: tuple[str, ...]) -> Step:
    """Attention on its inputs as they are."""
    places = _named(states, names)
    query, value, key = (_flat(states[place]) for place in places)
    weight = primitive.scale**2 if primitive.additive else 0.0
    core = _attention(
        query, key, value, query.channels, primitive.scale, primitive.causal, 1.0 - primitive.dropout, weight
    )

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        to_query, to_key, to_value = core.pull(grads).inputs
        return Pulled(_collect(len(states), places, (to_query, to_value, to_key)))

    return Step(core.outputs, pull)


def multi_head(
    states: tuple[State, ...], primitive: rule.MultiHead, names: tuple[str, ...], sizes: tuple[int, ...]
) -> Step:
    """Projections, attention in several heads, and the projection of their outputs."""
    places = _named(states, names)
    query, value, key = (_flat(states[place]) for place in places)

    def project(state: State, name: str, heads: int, width: int) -> tuple[Step, ...]:
        shape = (state.channels, heads, width)
        matrix = rule.Linear(
            f"{name}/kernel", primitive.initializer, shape, state.channels, heads * width, (heads * width,)
        )
        first = aligned(linear(state, matrix), state)
        if primitive.bias_initializer is None:
            return (first,)
        return first, add_bias(first.outputs[0], rule.Bias(primitive.bias_initializer, (heads, width)))

    q = project(query, "query", primitive.query_heads, primitive.key_dim)
    k = project(key, "key", primitive.key_heads, primitive.key_dim)
    v = project(value, "value", primitive.key_heads, primitive.value_dim)
    shared = primitive.query_heads // max(primitive.key_heads, 1)
    scale = 1.0 / math.sqrt(primitive.key_dim)
    heads = v[-1].outputs[0]
    if shared > 1:
        wide = primitive.query_heads * primitive.value_dim
        heads = heads._replace(
            sizes=(*heads.sizes[:-1], wide),
            segments=(Segment(wide, heads.moments),),
            channel=len(heads.sizes) - 1,
        )
    core = _attention(
        q[-1].outputs[0],
        k[-1].outputs[0],
        heads,
        primitive.key_dim,
        scale,
        primitive.causal,
        1.0 - primitive.dropout,
    )
    out_width = math.prod(primitive.output)
    fan = primitive.query_heads * primitive.value_dim
    shape = (primitive.query_heads, primitive.value_dim, *primitive.output)
    matrix = rule.Linear("attention_output/kernel", primitive.initializer, shape, fan, out_width, primitive.output)
    last = aligned(linear(core.outputs[0], matrix), core.outputs[0])
    final = last.outputs[0]._replace(sizes=sizes, channel=len(sizes) - 1)

    def back(steps: tuple[Step, ...], grad: Grad | None, factor: float = 1.0) -> Pulled:
        kernels: Kernels = ()
        current = None if grad is None else grad.scaled(factor)
        for step in reversed(steps):
            result = step.pull((current,))
            current = result.inputs[0]
            kernels += result.kernels
        return Pulled((current,), kernels)

    def pull(grads: tuple[Grad | None, ...]) -> Pulled:
        top = last.pull(grads)
        inner = core.pull(top.inputs).inputs
        parts = (back(q, inner[0]), back(v, inner[2], float(shared)), back(k, inner[1], float(shared)))
        kernels = (*top.kernels, *(item for part in parts for item in part.kernels))
        return Pulled(_collect(len(states), places, tuple(part.inputs[0] for part in parts)), kernels)

    return Step((final,), pull)
