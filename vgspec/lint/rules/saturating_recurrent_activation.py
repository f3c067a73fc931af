"""VG107: saturating-recurrent-activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Applicability
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["SaturatingRecurrentActivation"]


class SaturatingRecurrentActivation(Rule):
    """The state of a recurrence goes through a sigmoid (or softmax) at every step.

    ## What it does

    Finds recurrent layers whose `activation`, which makes the state, is a sigmoid or a softmax. The gates'
    `recurrent_activation` is meant to be one and is left alone.

    ## Why is this bad?

    The slope of a sigmoid is at most 1/4, and its output is never negative. With Keras's defaults the gradient of a
    SimpleRNN with sigmoid falls to a thousandth within two or three steps; with tanh it takes about twenty.

    ## Use instead

    `tanh`, the default.

    ## Fix safety

    Unsafe: another activation changes the function that the model computes.

    ## References

    - Pascanu et al. 2013, On the difficulty of training recurrent neural networks
    """

    code = "VG107"
    name = "saturating-recurrent-activation"
    group = "vanishing"
    bad = (
        Example(
            "A sigmoid state",
            model("- SimpleRNN: {units: 32, activation: sigmoid}\n- Dense: {units: 1}", inputs="x: {shape: [8, 8]}"),
            finds=("simple_rnn",),
        ),
        Example(
            "An LSTM with a sigmoid output",
            model("- LSTM: {units: 32, activation: sigmoid}\n- Dense: {units: 1}", inputs="x: {shape: [8, 8]}"),
            finds=("lstm",),
        ),
    )
    good = (
        Example(
            "The default",
            model("- SimpleRNN: {units: 32}\n- Dense: {units: 1}", inputs="x: {shape: [8, 8]}"),
        ),
        Example(
            "Sigmoid gates",
            model(
                "- GRU: {units: 32, recurrent_activation: hard_sigmoid}\n- Dense: {units: 1}",
                inputs="x: {shape: [8, 8]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the activation of every recurrent layer."""
        for recurrence in facts.recurrences:
            node = recurrence.node
            activation = getattr(recurrence.cell, "activation", None)
            row = activation.row if activation is not None else None
            if row is None or not row.meaning.probabilities or row.meaning is Meaning.REAL:
                continue
            steps = facts.inputs(node)[0].shape[1]
            if steps == 1:
                continue
            change = Change("set", node.id, "activation", "tanh")
            own = not recurrence.wrapped and hasattr(recurrence.layer, "activation")
            yield Finding(
                f"the state of this recurrence passes through {row.name} at every step",
                node=node.id,
                argument="activation",
                help="use tanh, the default",
                proposals=(Proposal("use tanh", (change,), Applicability.UNSAFE),) if own else (),
            )
