"""VG106: plain-recurrence-over-long-sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence, Severity
from vgspec.ir.dims import symbols
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.ir import Shape
    from vgspec.lint.facts import Facts

__all__ = ["PlainRecurrenceOverLongSequence"]


class PlainRecurrenceOverLongSequence(Rule):
    """A recurrence forgets the beginning of its sequences: the gradient does not get back that far.

    ## What it does

    Predicts, from the cell with its activations, initializers and biases, after how many steps the gradient has
    fallen to a thousandth, and compares that horizon with the length of the sequence. It warns about recurrences
    without gates over more than four horizons. Gated cells start with a horizon of some ten steps too, but can learn
    to keep their state; they are left alone. Where the spec leaves the number of steps open, the one that the settings
    give for its size is taken; where they give none, the usual assumption (`assumptions.time`), and the rule only
    informs.

    ## Why is this bad?

    What happened before the horizon has no influence on the gradient, so the network cannot learn to use it.

    ## Use instead

    An LSTM or a GRU, whose gates can hold the state; attention; or shorter sequences, by strided convolutions or
    pooling in front.

    ## Fix safety

    There is no automatic fix: another cell has other weights.

    ## References

    - Bengio et al. 1994, Learning long-term dependencies with gradient descent is difficult
    - Hochreiter and Schmidhuber 1997, Long short-term memory
    """

    code = "VG106"
    name = "plain-recurrence-over-long-sequence"
    group = "vanishing"
    measured = True
    settings: ClassVar = {
        "horizons": Threshold(
            4.0,
            "horizons",
            "the horizon is that of the first step of training; four of them leave room for what training can gain",
        ),
    }
    bad = (
        Example(
            "Two hundred steps",
            model("- SimpleRNN: {units: 32}\n- Dense: {units: 1}", inputs="x: {shape: [200, 8]}"),
            finds=("simple_rnn",),
        ),
        Example(
            "Any number of steps, behind a convolution",
            model(
                "- Conv1D: {filters: 16, kernel_size: 3, padding: same}\n- SimpleRNN: {units: 32}\n- Dense: {units: 1}",
                inputs="x: {shape: [steps, 8]}",
            ),
            finds=("simple_rnn",),
        ),
    )
    good = (
        Example(
            "Twenty steps",
            model("- SimpleRNN: {units: 32}\n- Dense: {units: 1}", inputs="x: {shape: [20, 8]}"),
        ),
        Example(
            "A GRU over two hundred steps",
            model("- GRU: {units: 32}\n- Dense: {units: 1}", inputs="x: {shape: [200, 8]}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the horizon of every recurrence without gates with the length of its sequence."""
        for recurrence in facts.recurrences:
            if recurrence.gated:
                continue
            node = recurrence.node
            record = facts.profile.by_id.get(node.id)
            horizon = record.facts.get("horizon") if record is not None else None
            steps, assumed = _steps(facts, facts.inputs(node)[0].shape)
            if not isinstance(horizon, int | float) or horizon <= 0:
                continue
            if steps < self.limit(facts, "horizons") * horizon:
                continue
            yield Finding(
                f"the gradient falls to a thousandth within {horizon:.0f} steps, and the sequence "
                f"{'is assumed to have' if assumed else 'has'} {steps}",
                node=node.id,
                help="use an LSTM or a GRU, or shorten the sequence before this layer",
                evidence=Evidence(
                    "steps until the gradient has fallen to a thousandth",
                    float(horizon),
                    steps / self.limit(facts, "horizons"),
                    (node.id,),
                ),
                notes=(f"{steps} steps are assumed, since the spec leaves the number open",) if assumed else (),
                severity=Severity.INFO if assumed else None,
            )


def _steps(facts: Facts, shape: Shape) -> tuple[int, bool]:
    """The length of a sequence, and whether it is assumed because neither spec nor settings say it."""
    if isinstance(shape[1], int):
        return shape[1], False
    from vgspec.analysis.signal.sizes import Assumptions, SizeTable

    table = SizeTable(facts.graph, facts.assumptions or Assumptions())
    sizes = table.exact(shape[:2])
    if sizes is None:
        return table.assumptions.time, True
    return sizes[0], any(name in table.assumed for name in symbols(shape[1]))
