"""VG702: unreachable-input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnreachableInput"]


class UnreachableInput(Rule):
    """An input of the model has no influence on any output.

    ## What it does

    Finds inputs from which no output can be reached.

    ## Why is this bad?

    Data must be given for it at every step, and makes no difference.

    ## Use instead

    Use it, or remove it.

    ## Fix safety

    There is no automatic fix.

    ## References

    - Keras documentation, The functional API
    """

    code = "VG702"
    name = "unreachable-input"
    group = "structure"
    bad = (
        Example(
            "An input that no layer reads",
            model("- {in: x, Dense: {units: 1}}", inputs="x: {shape: [4]}\nweights: {shape: [4]}"),
            finds=("weights",),
        ),
        Example(
            "An embedded user whose vector is forgotten",
            model(
                """
                - {id: item_vector, in: item, Embedding: {input_dim: 1000, output_dim: 16}}
                - {id: user_vector, in: user, Embedding: {input_dim: 5000, output_dim: 16}}
                - {in: item_vector, Flatten: {}}
                - Dense: {units: 1, activation: sigmoid}
                """,
                inputs="""
                item: {shape: [1], dtype: int32}
                user: {shape: [1], dtype: int32}
                """,
            ),
            finds=("user",),
            also=("dead-branch",),
        ),
    )
    good = (
        Example(
            "Two inputs, both used",
            model("- {in: [x, y], Concatenate: {}}\n- Dense: {units: 1}", inputs="x: {shape: [4]}\ny: {shape: [4]}"),
        ),
        Example(
            "An input that is an output",
            model(
                "- {id: score, in: x, Dense: {units: 1}}",
                inputs="x: {shape: [4]}\nkey: {shape: [1]}",
                after="outputs: [score, key]",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the inputs with what reaches an output."""
        for item in facts.graph.inputs:
            if item.name in facts.paths.reaching:
                continue
            read = bool(facts.graph.consumers[item.name])
            yield Finding(
                f"the input `{item.name}` {'leads to no output' if read else 'is not read by any layer'}",
                node=item.name,
                help="use it, or remove it",
            )
