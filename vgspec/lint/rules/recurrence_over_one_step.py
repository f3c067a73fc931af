"""VG718: recurrence-over-one-step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Severity
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["RecurrenceOverOneStep"]


class RecurrenceOverOneStep(Rule):
    """A recurrent layer reads a sequence that is one step long.

    ## What it does

    Finds recurrent layers, also inside `Bidirectional`, whose input has exactly one step, and which neither keep their
    state from batch to batch nor get it from elsewhere.

    ## Why is this bad?

    With one step the state is zero when it is used, so the recurrent kernel is multiplied by zero: it gets no gradient,
    and the layer is a dense layer in disguise that remembers nothing. Mostly the axes of the input were meant the other
    way around: `[1, features]` instead of `[steps, 1]`.

    ## Use instead

    The steps on the first axis after the batch: `shape: [steps, features]`. A `Dense` layer if there are none.

    ## Fix safety

    There is no automatic fix: only the author knows what the axes mean.

    ## References

    - Keras documentation, recurrent layers, input shape `(batch, timesteps, feature)`
    - Hochreiter and Schmidhuber 1997, Long short-term memory
    """

    code = "VG718"
    name = "recurrence-over-one-step"
    severity = Severity.INFO
    group = "structure"
    bad = (
        Example(
            "Features where the steps belong",
            model("- LSTM: {units: 16}\n- Dense: {units: 1}", inputs="x: {shape: [1, 24]}"),
            finds=("lstm",),
        ),
        Example(
            "One frame for a convolutional recurrence, in a block",
            model(
                """
                - id: stage
                  repeat: 2
                  body: [{ConvLSTM2D: {filters: 8, kernel_size: 3, padding: same, return_sequences: true}}]
                - GlobalAveragePooling3D
                - Dense: {units: 10}
                """,
                inputs="frames: {shape: [1, 16, 16, 3]}",
            ),
            finds=("stage.0.conv_lst_m2d",),
        ),
    )
    good = (
        Example(
            "Twenty-four steps",
            model("- LSTM: {units: 16}\n- Dense: {units: 1}", inputs="x: {shape: [24, 1]}"),
        ),
        Example(
            "A state that lasts from batch to batch",
            model(
                "- LSTM: {units: 16, stateful: true}\n- Dense: {units: 1}",
                inputs="x: {shape: [1, 24], batch_size: 8}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the input of every recurrent layer."""
        for recurrence in facts.recurrences:
            node = recurrence.node
            if getattr(recurrence.layer, "stateful", False):
                continue
            inputs = facts.inputs(node)
            if len(inputs) != 1 or len(inputs[0].shape) < 3 or inputs[0].shape[1] != 1:
                continue
            yield Finding(
                "the sequence has one step, so the recurrent weights are multiplied by a state of zeros",
                node=node.id,
                notes=("they get no gradient, and nothing is remembered",),
                help="put the steps on the first axis after the batch, or use Dense",
            )
