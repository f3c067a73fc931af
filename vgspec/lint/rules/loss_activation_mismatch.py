"""VG501: loss-activation-mismatch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Applicability, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Final

__all__ = ["LossActivationMismatch"]


class LossActivationMismatch(Rule):
    """The loss takes the output for something that the last activation does not deliver.

    ## What it does

    Compares what the last activation delivers (a probability, a distribution, any number) with what the loss expects:
    a softmax or sigmoid under a loss with `from_logits: true`; linear or tanh outputs under a cross-entropy without it;
    a sigmoid under a categorical cross-entropy; a softmax or a categorical loss over a single unit, which is constant.
    Outputs whose last layer is neither a kernel nor an activation are not judged.

    ## Why is this bad?

    Applying the softmax twice flattens the scores so far that training crawls. Without it, the logarithm is taken of
    numbers outside of (0, 1): they are clipped, and there the gradient is zero. A softmax over one unit is always 1.

    ## Use instead

    Linear outputs with `from_logits: true` (exact, and stable), or the activation that goes with the loss: sigmoid with
    binary, softmax with categorical cross-entropy.

    ## Fix safety

    Unsafe: another activation, or another reading of the output, changes the function that is trained.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2
    - Keras documentation, Probabilistic losses (`from_logits`)
    """

    code = "VG501"
    name = "loss-activation-mismatch"
    group = "loss-and-output"
    bad = (
        Example(
            "softmax twice",
            model(
                "- Dense: {units: 10, activation: softmax}",
                compile="optimizer: adam\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}",
            ),
            finds=("dense",),
        ),
        Example(
            "Logits taken for probabilities",
            model("- Dense: {units: 1}", compile="optimizer: adam\nloss: binary_crossentropy"),
            finds=("dense",),
        ),
        Example(
            "sigmoid under a categorical loss",
            model(
                "- Dense: {units: 10, activation: sigmoid}",
                compile="optimizer: adam\nloss: categorical_crossentropy",
            ),
            finds=("dense",),
        ),
        Example(
            "softmax over one unit",
            model(
                "- Dense: {units: 1, activation: softmax}",
                compile="optimizer: adam\nloss: binary_crossentropy",
            ),
            finds=("dense",),
        ),
    )
    good = (
        Example(
            "Logits",
            model(
                "- Dense: {units: 10}",
                compile="optimizer: adam\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}",
            ),
        ),
        Example(
            "Probabilities",
            model("- Dense: {units: 1, activation: sigmoid}", compile="optimizer: adam\nloss: binary_crossentropy"),
        ),
        Example(
            "Two classes by softmax under a binary loss",
            model("- Dense: {units: 2, activation: softmax}", compile="optimizer: adam\nloss: binary_crossentropy"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare every output with its loss."""
        for final in facts.finals:
            row = final.activation.row if final.activation is not None else None
            if final.activation is not None and row is None:
                continue
            if row is not None and final.units == 1 and row.meaning is Meaning.DISTRIBUTION:
                yield self._constant(facts, final, row.name)
                continue
            if final.loss is None or (row is None and not facts.has(final.node, Trait.KERNEL)):
                continue
            given = row.meaning if row is not None else Meaning.REAL
            name = row.name if row is not None else "linear"
            loss = final.loss
            if final.units == 1 and loss.labels.name in ("ONE_HOT", "INTEGER"):
                if loss.expects in (Meaning.DISTRIBUTION, Meaning.LOGITS):
                    yield Finding(
                        f"{loss.type_name} over a single unit is constant: nothing is learnt",
                        node=final.node.id,
                        argument="units",
                        help="use as many units as there are classes, or binary_crossentropy with sigmoid",
                        severity=Severity.ERROR,
                    )
                continue
            message = self._message(loss, given, name)
            if message:
                yield Finding(
                    message,
                    node=final.node.id,
                    argument="activation",
                    help=self._help(loss),
                    proposals=tuple(self._proposals(facts, final, given)),
                )

    def _constant(self, facts: Facts, final: Final, name: str) -> Finding:
        change = Change("set", final.node.id, "activation", "sigmoid")
        own = hasattr(facts.layer(final.node), "activation")
        return Finding(
            f"{name} over a single unit is always 1: the output is constant",
            node=final.node.id,
            argument="activation",
            help="use sigmoid for one yes-or-no output",
            severity=Severity.ERROR,
            effect="vanishing",
            region=(final.node.id,),
            proposals=(Proposal("use sigmoid", (change,), Applicability.UNSAFE),) if own else (),
        )

    def _message(self, loss: Any, given: Meaning, name: str) -> str:
        expects = loss.expects
        if expects in (Meaning.LOGIT, Meaning.LOGITS):
            if given.probabilities:
                reading = "with from_logits applies" if getattr(loss, "from_logits", False) else "applies"
                return f"{loss.type_name} {reading} the activation itself, and the output has {name} already"
            return ""
        if expects.probabilities:
            if expects is Meaning.DISTRIBUTION and given is Meaning.PROBABILITY:
                return f"{loss.type_name} expects {expects}, and {name} gives {given}"
            if not given.probabilities:
                return f"{loss.type_name} expects {expects}, and the output is {name}: {given}"
            return ""
        if expects is Meaning.NON_NEGATIVE and loss.type_name == "Poisson" and given in (Meaning.REAL, Meaning.SIGNED):
            return f"{loss.type_name} takes the logarithm of the output, and the output is {name}: {given}"
        if loss.labels.name == "SIGNED" and given.probabilities:
            return f"{loss.type_name} expects scores of both signs, and {name} gives {given}"
        return ""

    def _help(self, loss: Any) -> str:
        if loss.expects in (Meaning.LOGIT, Meaning.LOGITS):
            return "make the output linear, or leave out from_logits"
        if hasattr(loss, "from_logits"):
            wanted = loss.output_activations[0]
            return f"set from_logits: true in the loss if these are logits, or use {wanted}"
        if loss.output_activations:
            return f"use {' or '.join(loss.output_activations[:2])} on the output"
        return "make the output linear, or use tanh"

    def _proposals(self, facts: Facts, final: Final, given: Meaning) -> Iterator[Proposal]:
        loss = final.loss
        own = hasattr(facts.layer(final.node), "activation")
        if loss.expects in (Meaning.LOGIT, Meaning.LOGITS) and own:
            change = Change("set", final.node.id, "activation", "linear")
            yield Proposal("make the output linear", (change,), Applicability.UNSAFE)
        elif loss.expects.probabilities and given is Meaning.REAL and hasattr(loss, "from_logits"):
            value = {loss.type_name: dict(loss.canonical()) | {"from_logits": True}}
            change = Change("set", pointer=facts.loss_pointer(final.output.name), value=value)
            yield Proposal("take the output for logits", (change,), Applicability.UNSAFE)
        elif loss.output_activations and own:
            change = Change("set", final.node.id, "activation", loss.output_activations[0])
            yield Proposal(f"use {loss.output_activations[0]}", (change,), Applicability.UNSAFE)
