"""VG707: dropout-on-output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["DropoutOnOutput"]


class DropoutOnOutput(Rule):
    """Dropout is applied to the model's output or to its scores.

    ## What it does

    Finds dropout behind the last kernel of an output that has a loss or a last activation.

    ## Why is this bad?

    During training a random part of the outputs is set to zero, whatever the target is: the loss cannot become small,
    and the gradient for the right class is missing where its score was dropped.

    ## Use instead

    Dropout before the last kernel.

    ## Fix safety

    There is no automatic fix: it can be moved or taken out.

    ## References

    - Srivastava et al. 2014, Dropout (input and hidden units only)
    """

    code = "VG707"
    name = "dropout-on-output"
    group = "structure"
    bad = (
        Example(
            "On probabilities",
            model(
                "- Dense: {units: 10, activation: softmax}\n- Dropout: {rate: 0.5}",
                compile="optimizer: adam\nloss: categorical_crossentropy",
            ),
            finds=("dropout",),
        ),
        Example(
            "On scores",
            model("- Dense: {units: 10}\n- Dropout: {rate: 0.2}\n- Softmax"),
            finds=("dropout",),
        ),
    )
    good = (
        Example("Before the last layer", model("- Dropout: {rate: 0.5}\n- Dense: {units: 10, activation: softmax}")),
        Example("Features without a loss", model("- Dense: {units: 64, activation: relu}\n- Dropout: {rate: 0.5}")),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look between the last kernel and every output."""
        seen: set[str] = set()
        for output in facts.graph.outputs:
            here: Node | None = facts.graph.by_id.get(output.ref.node)
            loss = facts.compiled.loss_of(output.name) if facts.compiled is not None else None
            judged = loss is not None
            found: list[Node] = []
            while here is not None and not facts.has(here, Trait.KERNEL):
                if facts.has(here, Trait.DROPOUT) and getattr(facts.layer(here), "rate", 0.0) > 0:
                    found += [here] if judged else []
                elif facts.has(here, Trait.ACTIVATION):
                    row = activation.row if (activation := facts.activation(here)) is not None else None
                    judged = judged or (row is not None and row.meaning.probabilities)
                elif not facts.has(here, Trait.RESHAPING, Trait.IDENTITY):
                    break
                here = facts.only_producer(here)
            if here is None or not facts.has(here, Trait.KERNEL):
                continue
            for node in found:
                if node.id in seen:
                    continue
                seen.add(node.id)
                yield Finding(
                    "dropout behind the last kernel drops outputs, not hidden units",
                    node=node.id,
                    related=((here.id, "the last kernel"),),
                    help="put the dropout before the last kernel",
                )
