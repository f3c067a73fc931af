"""VG701: dead-branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.rule import Example, Finding, Rule, model
from vgspec.lint.words import listed

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["DeadBranch"]


class DeadBranch(Rule):
    """A layer is computed, and nothing uses its result.

    ## What it does

    Finds layers from which no output of the model can be reached; of a chain of such layers the last one.

    ## Why is this bad?

    Keras leaves them out of the model: they are never trained. Usually a merge or an output was forgotten.

    ## Use instead

    Name the layer in `in` where it belongs, or under `outputs`; or remove it.

    ## Fix safety

    There is no automatic fix: only its author knows where the branch should go.

    ## References

    - Keras documentation, The functional API
    """

    code = "VG701"
    name = "dead-branch"
    group = "structure"
    repeats = False
    bad = (
        Example(
            "A branch that is never merged",
            model(
                """
                - {id: side, in: x, Dense: {units: 8}}
                - {id: more, Dense: {units: 8}}
                - {id: main, in: x, Dense: {units: 10}}
                """
            ),
            finds=("more",),
        ),
        Example(
            "An auxiliary classifier that no output names",
            model(
                """
                - {id: stem, Conv2D: {filters: 16, kernel_size: 3, activation: relu}}
                - {id: pooled, in: stem, GlobalAveragePooling2D: {}}
                - {id: auxiliary, Dense: {units: 10, activation: softmax}}
                - {id: body, in: stem, Conv2D: {filters: 32, kernel_size: 3, activation: relu}}
                - GlobalAveragePooling2D
                - Dense: {units: 10, activation: softmax}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("auxiliary",),
        ),
    )
    good = (
        Example(
            "A branch that is an output",
            model(
                "- {id: side, in: x, Dense: {units: 8}}\n- {id: main, in: x, Dense: {units: 10}}",
                after="outputs: [main, side]",
            ),
        ),
        Example(
            "An unused state of a recurrence",
            model("- LSTM: {units: 8, return_state: true}\n- {in: 'lstm:0', Dense: {units: 1}}", inputs="x: [9, 4]"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Find unused nodes that no other node reads."""
        reaching = facts.paths.reaching
        for node in facts.graph.nodes:
            if node.id in reaching or facts.consumers(node):
                continue
            before = [n.id for n in facts.back(node, *facts.layer(node).traits) if n.id not in reaching]
            yield Finding(
                "nothing uses the result of this layer",
                node=node.id,
                notes=(f"so it is with what leads to it only: {listed(before)}",) if before else (),
                help="use it in another layer, name it under outputs, or remove it",
            )
