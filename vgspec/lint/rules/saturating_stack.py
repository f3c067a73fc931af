"""VG103: saturating-stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.lint.causes import rectify, saturating_runs
from vgspec.lint.rule import Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["SaturatingStack"]


class SaturatingStack(Rule):
    """Several saturating layers in a row take most of the gradient.

    ## What it does

    Adds up, over a run of sigmoid, tanh or similar activations with no normalization, skip connection or other
    activation between them, what each layer is predicted to take from the norm of the gradient at initialisation.
    The number of layers alone does not count: thirty tanh layers with Glorot weights pass the gradient well.

    ## Why is this bad?

    The slope of a sigmoid is at most 1/4, and that of tanh is small wherever its input is large. Gradients are
    products of such slopes, so the first layers of the stack hardly learn.

    ## Use instead

    `relu`, `gelu` or `elu` in hidden layers with the initializer that fits (`he_normal`), or a normalization layer
    before each activation, or a residual connection around some layers. Keep sigmoid for gates and outputs.

    ## Fix safety

    Unsafe: another activation changes the function that the model computes.

    ## References

    - Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks
    - Hochreiter 1991; Bengio et al. 1994, Learning long-term dependencies with gradient descent is difficult
    """

    code = "VG103"
    name = "saturating-stack"
    group = "vanishing"
    measured = True
    settings: ClassVar = {
        "loss": Threshold(
            100.0,
            "times",
            "two orders of magnitude: four sigmoid layers, about where plain gradient descent stops moving the first",
        ),
    }
    bad = (
        Example(
            "Five sigmoid layers",
            model(
                """
                - {repeat: 5, body: [{Dense: {units: 64, activation: sigmoid}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
        ),
        Example(
            "Activation layers of their own",
            model(
                """
                - Dense: {units: 64}
                - {id: first, Activation: {activation: sigmoid}}
                - Dense: {units: 64}
                - Activation: {activation: hard_sigmoid}
                - Dense: {units: 64}
                - Activation: {activation: sigmoid}
                - Dense: {units: 64}
                - Activation: {activation: sigmoid}
                - Dense: {units: 10}
                """
            ),
            finds=("first",),
        ),
    )
    good = (
        Example(
            "Many tanh layers whose initializer fits",
            model(
                """
                - {repeat: 12, body: [{Dense: {units: 64, activation: tanh}}]}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Two sigmoid layers and a sigmoid output",
            model(
                """
                - Dense: {units: 64, activation: sigmoid}
                - Dense: {units: 64, activation: sigmoid}
                - Dense: {units: 1, activation: sigmoid}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the gradient over every run of saturating activations."""
        limit = self.limit(facts, "loss")
        for run in saturating_runs(facts):
            if run.gradient > 0 or number(-run.gradient) < limit:
                continue
            first = run.stages[0]
            names = sorted({stage.activation.name for stage in run.stages})
            worst = sorted(range(len(run.stages)), key=lambda i: run.losses[i])
            changes = tuple(change for stage in run.stages for change in rectify(facts, stage))
            yield Finding(
                f"{len(run.stages)} {'/'.join(names)} layers in a row shrink the gradient to {power(run.gradient)} of "
                f"its size",
                node=first.node.id,
                effect="vanishing",
                region=tuple(stage.node.id for stage in run.stages),
                argument="activation",
                related=((run.stages[-1].node.id, "the last of them"),),
                notes=(f"a single one of them leaves {power(run.gradient / len(run.stages))} on average",),
                help="use relu with he_normal, normalize before the activations, or add residual connections",
                evidence=Evidence(
                    "norm of the gradient before the stack, relative to after it",
                    number(run.gradient),
                    1.0 / limit,
                    tuple(run.stages[i].node.id for i in worst[:5]),
                ),
                proposals=(Proposal("use relu with he_normal", changes, Applicability.UNSAFE),) if changes else (),
            )
