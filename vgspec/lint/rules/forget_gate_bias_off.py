"""VG307: forget-gate-bias-off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["ForgetGateBiasOff"]


class ForgetGateBiasOff(Rule):
    """An LSTM starts with its forget gates half closed.

    ## What it does

    Finds LSTM layers over ten or more steps with `unit_forget_bias: false` or `use_bias: false`, unless another bias
    initializer was chosen.

    ## Why is this bad?

    With a bias of zero the forget gate starts at 1/2, so the cell loses half of its state at every step: the gradient
    falls to a thousandth within 14 steps; with the default bias of one it takes 35.

    ## Use instead

    `unit_forget_bias: true`, the default.

    ## Fix safety

    Safe: only the first value of the bias changes. (Not offered where the layer has no bias at all.)

    ## References

    - Gers et al. 2000, Learning to forget
    - Jozefowicz et al. 2015, An empirical exploration of recurrent network architectures
    """

    code = "VG307"
    name = "forget-gate-bias-off"
    group = "initialization"
    settings: ClassVar = {
        "steps": Threshold(10.0, "steps", "over fewer steps there is little to forget"),
    }
    bad = (
        Example(
            "Switched off",
            model(
                "- LSTM: {units: 32, unit_forget_bias: false}\n- Dense: {units: 1}",
                inputs="x: {shape: [50, 8]}",
            ),
            finds=("lstm",),
        ),
        Example(
            "A cell in a bidirectional wrapper, without any bias",
            model(
                """
                - Bidirectional: {layer: {RNN: {cell: {LSTMCell: {units: 16, use_bias: false}}}}}
                - Dense: {units: 1}
                """,
                inputs="series: {shape: [40, 3]}",
            ),
            finds=("bidirectional",),
        ),
    )
    good = (
        Example("The default", model("- LSTM: {units: 32}\n- Dense: {units: 1}", inputs="x: {shape: [50, 8]}")),
        Example(
            "Five steps",
            model(
                "- LSTM: {units: 32, unit_forget_bias: false}\n- Dense: {units: 1}",
                inputs="x: {shape: [5, 8]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the biases of every gated recurrence that has the argument."""
        for recurrence in facts.recurrences:
            node, cell = recurrence.node, recurrence.cell
            on = getattr(cell, "unit_forget_bias", None)
            if on is None or (on and cell.use_bias):
                continue
            if cell.use_bias and cell.bias_initializer.type_name != "Zeros":
                continue
            steps = facts.inputs(node)[0].shape[1]
            if isinstance(steps, int) and steps < self.limit(facts, "steps"):
                continue
            change = Change("set", node.id, "unit_forget_bias", True)
            own = not recurrence.wrapped and cell.use_bias
            yield Finding(
                "the forget gates start half closed: half of the state is lost at every step",
                node=node.id,
                argument="unit_forget_bias" if cell.use_bias else "use_bias",
                help="leave unit_forget_bias and use_bias on, as they are by default",
                proposals=(Proposal("switch it on", (change,), Applicability.SAFE),) if own else (),
            )
