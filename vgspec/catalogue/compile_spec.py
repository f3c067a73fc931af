"""The arguments of ``model.compile`` as frozen data: what the ``compile`` section of a spec says.

`vgspec.frontend.compile_section` reads it from a document, `vgspec.backends.compiling` gives it to Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from vgspec.catalogue.base import KerasObject
from vgspec.catalogue.losses import Crossentropy, Loss
from vgspec.catalogue.metrics import AccuracyByShape, Metric
from vgspec.catalogue.optimizers import Optimizer, RMSprop

__all__ = ["CompileSpec", "LossLike", "MetricLike"]

LossLike: TypeAlias = Loss | Crossentropy
MetricLike: TypeAlias = Metric | AccuracyByShape
Metrics: TypeAlias = tuple[MetricLike, ...] | Mapping[str, tuple[MetricLike, ...]]


@dataclass(frozen=True, slots=True)
class CompileSpec:
    """The arguments of ``model.compile``, with Keras's names and defaults.

    Attributes:
        optimizer: the optimizer.
        loss: one loss, or losses by output name; an output that is not named has none.
        loss_weights: factor on the loss, or factors by output name.
        metrics: metrics that ignore sample weights, or such by output name.
        weighted_metrics: metrics that use sample weights, or such by output name.
        run_eagerly: never trace the model.
        steps_per_execution: batches a traced call.
        jit_compile: use XLA; ``auto`` where the model supports it.
        auto_scale_loss: wrap the optimizer against underflow where the model computes in float16.
    """

    optimizer: Optimizer = field(default_factory=RMSprop)
    loss: LossLike | Mapping[str, LossLike] | None = None
    loss_weights: float | Mapping[str, float] | None = None
    metrics: Metrics | None = None
    weighted_metrics: Metrics | None = None
    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: bool | str = "auto"
    auto_scale_loss: bool = True

    def loss_of(self, output: str) -> LossLike | None:
        """The loss on an output."""
        return self.loss.get(output) if isinstance(self.loss, Mapping) else self.loss

    def weight_of(self, output: str) -> float:
        """The factor on an output's loss."""
        weights = self.loss_weights
        if weights is None:
            return 1.0
        return weights.get(output, 1.0) if isinstance(weights, Mapping) else weights

    def metrics_of(self, output: str) -> tuple[MetricLike, ...]:
        """All metrics of an output, the weighted ones last."""
        found: list[MetricLike] = []
        for metrics in (self.metrics, self.weighted_metrics):
            found += (metrics.get(output, ()) if isinstance(metrics, Mapping) else metrics) or ()
        return tuple(found)

    def arguments(self) -> Iterator[tuple[str, Any]]:
        """The arguments that differ from Keras's defaults, in Keras's order; the optimizer always."""
        yield "optimizer", self.optimizer
        for item in fields(self)[1:]:
            value = getattr(self, item.name)
            if value != item.default:
                yield item.name, _listed(value)

    def canonical(self) -> dict[str, Any]:
        """The section as JSON-ready data, in its one canonical form."""
        return {name: _plain(value) for name, value in self.arguments()}


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, KerasObject):
        return value.spec_value()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
