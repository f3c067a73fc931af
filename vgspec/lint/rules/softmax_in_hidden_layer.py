"""VG108: softmax-in-hidden-layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Applicability
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["SoftmaxInHiddenLayer"]


class SoftmaxInHiddenLayer(Rule):
    """A softmax between two trainable layers.

    ## What it does

    Finds a softmax whose only way on is into a further kernel. A softmax that weights something (attention, a mixture
    of experts, anything that is multiplied) is meant to be there and is left alone, as is one that is an output too.

    ## Why is this bad?

    A softmax over n units gives numbers of size 1/n that sum to one: signal and gradient shrink by about that factor,
    and one degree of freedom is lost. Mostly it is an output layer to which something was appended.

    ## Use instead

    `relu` or another activation for hidden layers.

    ## Fix safety

    Unsafe: another activation changes the function that the model computes.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2.3
    """

    code = "VG108"
    name = "softmax-in-hidden-layer"
    group = "vanishing"
    bad = (
        Example(
            "A hidden softmax",
            model("- Dense: {units: 64, activation: softmax}\n- Dense: {units: 10, activation: softmax}"),
            finds=("dense",),
        ),
        Example(
            "A Softmax layer, then dropout",
            model("- Dense: {units: 64}\n- Softmax\n- Dropout: {rate: 0.2}\n- Dense: {units: 10}"),
            finds=("softmax",),
        ),
    )
    good = (
        Example(
            "Attention by hand",
            model(
                """
                - {id: weights, in: x, Dense: {units: 64, activation: softmax}}
                - {in: [x, weights], Multiply: {}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "A softmax that is an output too",
            model(
                """
                - {id: classes, Dense: {units: 10, activation: softmax}}
                - {id: value, Dense: {units: 1}}
                """,
                after="outputs: [classes, value]",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look behind every softmax."""
        for stage in facts.stages:
            row = stage.activation.row
            if row is None or row.meaning is not Meaning.DISTRIBUTION:
                continue
            following = list(facts.through(stage.node, *_PASSING))
            if not following or not facts.has(following[-1], Trait.KERNEL):
                continue
            if any(facts.has(node, Trait.MERGING, Trait.ATTENTION) for node in following):
                continue
            change = Change("set", stage.node.id, "activation", "relu")
            own = hasattr(facts.layer(stage.node), "activation")
            yield Finding(
                f"{row.name} in a hidden layer: what is behind it gets numbers that sum to one",
                node=stage.node.id,
                argument="activation",
                related=((following[-1].id, "goes on here"),),
                help="use relu, or make this layer the last one",
                proposals=(Proposal("use relu", (change,), Applicability.UNSAFE),) if own else (),
            )


_PASSING = (Trait.RESHAPING, Trait.DROPOUT, Trait.IDENTITY, Trait.POOLING, Trait.NORMALIZING)
"""What may lie between a softmax and the kernel that reads it."""
