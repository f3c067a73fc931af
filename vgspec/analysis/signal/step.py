"""One step of the analysis: what a primitive makes of tensors, and of the gradient on its way back.

The gradient at a tensor has product moments of its own, named as those of the tensor in `state`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from vgspec.analysis.signal.quadrature import Vector
from vgspec.analysis.signal.state import State

__all__ = ["Grad", "GradSegment", "Kernels", "Lean", "Pulled", "Step", "leaning_of"]


class GradSegment(NamedTuple):
    """Product moments of ∂L/∂x for a run of channels, named as in `Moments`.

    ``k`` is for two channels at one position of one sample. ``h`` is the part of ``q`` that lies along the
    normalised value and is coherent over the batch, which batch normalization takes away. ``given`` holds the
    mean square given the underlying Gaussian value, on its quadrature nodes, relative to ``q``.
    ``inverse``: where ``q`` is weighted by the inverse of the channel's own variance, the share of that variance
    in what was divided by (the rest is epsilon); 0 elsewhere. ``positive``: a rectifier follows, so that only positive
    values get a gradient; where it is known, their values and its mean square at them.
    ``a``: the mean product with the value itself, over the value's root mean square; ``linear``: the part of ``q``
    that is a linear function of the value, along it or not (see `alignment`). ``expected``: the gradient's mean given
    the underlying Gaussian value, on the nodes of ``given``. ``chosen``: it only comes
    to what is the largest of several. ``bow``: the function of the value (a curve) that follows, which makes the
    mean square depend on it.
    """

    size: int
    q: float
    p: float = 0.0
    s: float = 0.0
    r: float = 0.0
    k: float = 0.0
    h: float = 0.0
    given: Any = None
    inverse: float = 0.0
    positive: bool | tuple[Any, Any] = False
    a: float = 0.0
    linear: float = 0.0
    expected: Any = None
    chosen: bool = False
    bow: Any = None

    @property
    def pairs(self) -> tuple[float, float, float, float, float, float]:
        """The moments alone: ``q``, ``p``, ``s``, ``r``, ``k``, ``h``."""
        return self.q, self.p, self.s, self.r, self.k, self.h

    def scaled(self, f: float) -> GradSegment:
        """All moments times a number."""
        size, q, p, s, r, k, h, given, inverse, positive, a, linear, expected, chosen, bow = self
        if a:
            a *= math.sqrt(f)
        if expected is not None:
            expected = expected * math.sqrt(f)
        q, p, s, r, k, h = q * f, p * f, s * f, r * f, k * f, h * f
        return GradSegment(size, q, p, s, r, k, h, given, inverse, positive, a, linear * f, expected, chosen, bow)


class Lean(NamedTuple):
    """A sample's product of value and gradient, over all its elements, with a sign that differs between samples.

    Attributes:
        origin: what drew the sign: products of one origin add, those of two add in square.
        sign: against the origin's.
        log: natural log of the mean square.
    """

    origin: object
    sign: float
    log: float


def leaning_of(leans: tuple[Lean, ...], base: float) -> float:
    """Mean square of what products with these signs bring along each sample's value, relative to ``exp(base)``."""
    total = 0.0
    for _, _, log in leans:
        total += math.exp(min(log - base, 300.0))
    return total


class Grad(NamedTuple):
    """The gradient at a tensor: moments per channel segment, times ``exp(log)``.

    The scale is kept apart so that nothing underflows. ``spread``, ``fresh`` and ``overlap`` are as in `State`.
    The moments are those of the interior of a padded tensor; ``outer`` is the whole tensor's mean square over theirs.
    ``profile`` and ``trace`` are as in `State`; ``samples`` are the sizes of the samples' gradients, of mean one.
    ``leans`` are the products of value and gradient of single samples, and ``body`` the natural log of what to divide
    their squares by for the mean square of the gradient's part along the value (see `alignment`). ``meets`` says of
    gradients that come from one merge of kin what to add where they meet: the merge, twice the mean product of the
    two, and the logarithm of its scale.
    """

    segments: tuple[GradSegment, ...]
    log: float = 0.0
    spread: float = 0.0
    fresh: float = 0.0
    overlap: float = 0.0
    outer: float = 1.0
    profile: tuple[Vector, ...] = ()
    samples: Vector | None = None
    trace: Vector | None = None
    leans: tuple[Lean, ...] = ()
    body: float = 0.0
    meets: tuple[tuple[object, float, float], ...] = ()

    @property
    def mean(self) -> GradSegment:
        """Moments over all channels."""
        if len(self.segments) == 1:
            return self.segments[0]
        total = sum(segment.size for segment in self.segments)
        sums = [0.0] * 6
        along = straight = 0.0
        for segment in self.segments:
            for index, value in enumerate(segment.pairs):
                sums[index] += segment.size * value
            along += segment.size * segment.a
            straight += segment.size * segment.linear
        q, p, s, r, k, h = (value / total for value in sums)
        return GradSegment(total, q, p, s, r, k, h, a=along / total, linear=straight / total)

    def log_mean_square(self) -> float:
        """Natural log of the typical mean square; ``-inf`` for no gradient."""
        if len(self.segments) == 1:
            q = self.segments[0].q
        else:
            total = sum(segment.size for segment in self.segments)
            q = sum(segment.size * segment.q for segment in self.segments) / max(total, 1)
        return math.log(q * self.outer) + self.log - 0.5 * math.log1p(self.fresh) if q > 0 else -math.inf

    def leaning(self) -> float:
        """Mean square of the part along each sample's value, relative to ``exp(log)``."""
        return leaning_of(self.leans, self.body + self.log)

    def normalised(self) -> Grad:
        """The same with moments of order one."""
        q = self.segments[0].q if len(self.segments) == 1 else max(segment.q for segment in self.segments)
        if q <= 0.0 or not math.isfinite(q) or 1e-6 < q < 1e6:
            return self
        return self._replace(segments=tuple(s.scaled(1.0 / q) for s in self.segments), log=self.log + math.log(q))

    def with_segments(self, segments: Iterable[GradSegment], **changes: Any) -> Grad:
        """A copy with other segments."""
        return self._replace(segments=tuple(segments), **changes)

    def scaled(self, factor: float) -> Grad:
        """All moments times a number."""
        return self._replace(segments=tuple(segment.scaled(factor) for segment in self.segments))


Kernels: TypeAlias = tuple[tuple[str, Callable[[], float]], ...]
"""By weight name, what gives the natural log of the expected squared Frobenius norm of a kernel's gradient.

Only one of two backward passes asks for it, see `vgspec.analysis.signal.profile`.
"""


class Pulled(NamedTuple):
    """What the backward pass of one step gives.

    Attributes:
        inputs: the gradient at each input, None where none arrives.
        kernels: the gradients of the kernels.
    """

    inputs: tuple[Grad | None, ...]
    kernels: Kernels = ()


class Step(NamedTuple):
    """One primitive applied: its outputs, and its backward pass as a function of the outputs' gradients.

    ``facts`` are further results, such as the memory horizon of a recurrence, as (name, value). ``degree`` is the
    exponent by which the output follows the input, where `alignment` may use it, ``adds`` says that the gradient along
    the value comes on top of what independent weights would give, and ``straight`` what share of a gradient that is
    linear in the output is linear in the input.
    """

    outputs: tuple[State, ...]
    pull: Callable[[tuple[Grad | None, ...]], Pulled]
    facts: tuple[tuple[str, Any], ...] = ()
    degree: float | None = None
    adds: bool = False
    straight: float = 1.0
