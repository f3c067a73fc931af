"""VG503: vanishing-loss-gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Applicability, Severity
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Final

__all__ = ["VanishingLossGradient"]


class VanishingLossGradient(Rule):
    """A squared (or absolute) error behind a softmax or sigmoid: where the output is wrong, there is no gradient.

    ## What it does

    Finds losses for plain numbers on outputs that are probabilities. It warns where the model is a classifier (a
    softmax, or a sigmoid with a metric of accuracy) and informs elsewhere: squared error on sigmoid pixels is common.

    ## Why is this bad?

    The gradient of the score is the error times the slope of the activation. When a wrong output is close to 0 or 1
    that slope is almost zero, so the worst mistakes are corrected slowest. The slope cancels in cross-entropy.

    ## Use instead

    `binary_crossentropy` with sigmoid, `categorical_crossentropy` with softmax, or logits with `from_logits: true`.

    ## Fix safety

    Unsafe: another loss is minimised. Labels keep their form.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2.2
    """

    code = "VG503"
    name = "vanishing-loss-gradient"
    group = "loss-and-output"
    bad = (
        Example(
            "Squared error on a softmax",
            model("- Dense: {units: 10, activation: softmax}", compile="optimizer: sgd\nloss: mse"),
            finds=("/compile/loss",),
        ),
        Example(
            "Squared error on a yes-or-no output",
            model(
                "- Dense: {units: 1, activation: sigmoid}",
                compile="optimizer: sgd\nloss: mse\nmetrics: [accuracy]",
            ),
            finds=("/compile/loss",),
        ),
    )
    good = (
        Example(
            "Cross-entropy",
            model(
                "- Dense: {units: 10, activation: softmax}",
                compile="optimizer: sgd\nloss: categorical_crossentropy",
            ),
        ),
        Example(
            "Squared error on tanh",
            model("- Dense: {units: 10, activation: tanh}", compile="optimizer: sgd\nloss: mse"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every output that is a probability."""
        for final in facts.finals:
            row = final.activation.row if final.activation is not None else None
            loss = final.loss
            if loss is None or row is None or not row.meaning.probabilities:
                continue
            if loss.undoes_saturation or loss.labels.name != "SAME" or loss.expects is not Meaning.REAL:
                continue
            if final.units == 1 and row.meaning is Meaning.DISTRIBUTION:
                continue  # constant: said by another rule
            softmax = row.meaning is Meaning.DISTRIBUTION
            better = "categorical_crossentropy" if softmax else "binary_crossentropy"
            pointer = facts.loss_pointer(final.output.name)
            change = Change("set", pointer=pointer, value=better)
            yield Finding(
                f"{loss.type_name} behind {row.name} has almost no gradient where the output is confidently wrong",
                pointer=pointer,
                related=((final.node.id, f"{row.name} here"),),
                help=f"use {better}",
                severity=None if softmax or self._classifies(facts, final) else Severity.INFO,
                proposals=(Proposal(f"use {better}", (change,), Applicability.UNSAFE),),
            )

    def _classifies(self, facts: Facts, final: Final) -> bool:
        """Whether a metric shows that the output names classes."""
        return any("ccuracy" in metric.type_name for metric in facts.compiled.metrics_of(final.output.name))
