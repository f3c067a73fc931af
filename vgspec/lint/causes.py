"""Causes that several rules ask about: runs of saturating layers, kernels of the wrong scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from vgspec.diagnostics import Applicability
from vgspec.lint.rule import Change, Proposal

if TYPE_CHECKING:
    from vgspec.catalogue.activations import Activation
    from vgspec.lint.facts import Facts, Kernel, Stage, Stretch

__all__ = [
    "Misfit",
    "Run",
    "fitting",
    "misfits",
    "named_cause",
    "needed_scale",
    "rectify",
    "refit",
    "saturates",
    "saturating_runs",
]

LOSS = 2.0
"""Decades that a stack of saturating layers may take from the gradient before it counts as a cause."""


class Run(NamedTuple):
    """Saturating layers one after the other, with what they do to the gradient.

    Attributes:
        stages: the activations.
        gradient: decades that the norm of the gradient loses over them, negative.
        losses: the same by stage.
    """

    stages: tuple[Stage, ...]
    gradient: float
    losses: tuple[float, ...]


class Misfit(NamedTuple):
    """A kernel in a stretch, and its scale relative to what its activation needs."""

    kernel: Kernel
    activation: Activation | None
    ratio: float


def saturates(activation: Activation) -> bool:
    """Whether the slope vanishes on both sides and the middle is no rectifier's."""
    scalar = activation.scalar()
    if scalar is None or not scalar.curve.saturating:
        return False
    row = activation.row
    return row is None or row.initializer != "he_normal"


def saturating_runs(facts: Facts) -> Iterator[Run]:
    """Every maximal run of at least two saturating activations inside a stretch."""
    stages = {stage.node.id: stage for stage in facts.stages}
    for stretch in facts.stretches:
        run: list[Stage] = []
        for node in (*stretch.nodes, None):
            stage = None if node is None else stages.get(node.id)
            if stage is not None and saturates(stage.activation):
                run.append(stage)
            elif node is None or stage is not None:
                if len(run) > 1:
                    yield _run(facts, stretch, run)
                run = []


def _run(facts: Facts, stretch: Stretch, stages: list[Stage]) -> Run:
    by_id = {node.id: i for i, node in enumerate(stretch.nodes)}
    losses = []
    for stage in stages:
        last = by_id[stage.node.id]
        first = by_id.get(stage.kernel.id, last) if stage.kernel is not None else last
        part = facts.stretch(stretch.nodes[first : last + 1])
        losses.append(part.gradient if part is not None else 0.0)
    return Run(tuple(stages), sum(losses), tuple(losses))


def needed_scale(activation: Activation | None) -> float:
    """The root mean square that a kernel's output should have for inputs of unit size.

    Square root of 2 over the share that a rectifier lets through (He et al. 2015), 1 for the others: so
    Glorot and Bengio 2010 for sigmoid and tanh, Klambauer et al. 2017 for SELU.
    """
    row = activation.row if activation is not None else None
    if activation is None or row is None or row.initializer != "he_normal":
        return 1.0
    scalar = activation.scalar()
    slope = dict(scalar.arguments).get("negative_slope", 0.0) if scalar is not None else 0.0
    if row.name == "leaky_relu" and scalar is not None:
        slope = dict(scalar.arguments).get("negative_slope", row.arguments["negative_slope"])
    return math.sqrt(2.0 / (1.0 + float(slope) ** 2))


def fitting(activation: Activation | None) -> str:
    """The initializer that the literature names for an activation."""
    row = activation.row if activation is not None else None
    return (row.initializer if row is not None else None) or "glorot_uniform"


def misfits(facts: Facts, stretch: Stretch, *, ends: bool = False) -> tuple[Misfit, ...]:
    """Every kernel of a stretch with the scale it has, relative to the scale it needs; random ones only.

    Kernels at the end of a residual branch, which may be as small as they like, are left out unless ``ends`` is set.
    """
    found = []
    for node in stretch.kernels:
        for kernel in facts.own_kernels.get(node.layer, ()):
            scale = kernel.scale
            if scale is None or scale == 0.0 or not kernel.moments.random:
                continue
            if facts.normalised_after(node) or (facts.added_after(node) and not ends):
                continue
            activation = facts.activation_after(node)
            found.append(Misfit(kernel, activation, scale / needed_scale(activation)))
    return tuple(found)


def named_cause(facts: Facts, stretch: Stretch) -> bool:
    """Whether another rule names a more particular cause for what happens along a stretch."""
    inside = {node.id for node in stretch.nodes}
    if any(run.gradient <= -LOSS and run.stages[0].node.id in inside for run in saturating_runs(facts)):
        return True
    found = misfits(facts, stretch)
    total = sum(math.log10(item.ratio) for item in found if not 0.9 <= item.ratio <= 1.15)
    return abs(total) >= 0.5 * max(abs(stretch.gradient), abs(stretch.activation))


def refit(facts: Facts, found: Iterable[Kernel]) -> Iterator[Proposal]:
    """Weights that fit the activation behind each kernel; where one saturates, ReLU with weights that fit it.

    The second is for stacks that stay sick with any weights: a dozen sigmoid layers, say.
    """
    kernels = [kernel for kernel in found if kernel.argument]
    names = dict.fromkeys(fitting(facts.activation_after(kernel.node)) for kernel in kernels)
    changes = tuple(
        Change("set", kernel.node.id, kernel.argument, fitting(facts.activation_after(kernel.node)))
        for kernel in kernels
    )
    if changes:
        yield Proposal(f"use {' and '.join(names)}", changes, Applicability.SAFE)
    nodes = {kernel.node.id for kernel in kernels}
    stages = [stage for stage in facts.stages if stage.kernel is not None and stage.kernel.id in nodes]
    if any(saturates(stage.activation) for stage in stages):
        rectified = tuple(change for stage in stages for change in rectify(facts, stage))
        if rectified:
            yield Proposal("use relu with he_normal", rectified, Applicability.UNSAFE)


def rectify(facts: Facts, stage: Stage) -> tuple[Change, ...]:
    """The changes that turn a stage into ReLU with the initializer that fits it; empty where it cannot be done."""
    changes: list[Change] = []
    layer = facts.layer(stage.node)
    if not hasattr(layer, "activation"):
        return ()
    changes.append(Change("set", stage.node.id, "activation", "relu"))
    if stage.kernel is not None and hasattr(facts.layer(stage.kernel), "kernel_initializer"):
        changes.append(Change("set", stage.kernel.id, "kernel_initializer", "he_normal"))
    return tuple(changes)
