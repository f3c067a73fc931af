"""VG716: unused-shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.definitions import unused
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnusedShared"]


class UnusedShared(Rule):
    """A shared layer is defined, and nothing calls it.

    ## What it does

    Finds entries under `shared` that no `call` names.

    ## Why is this bad?

    It is not part of the model, though it looks so.

    ## Use instead

    Call it, or remove it.

    ## Fix safety

    There is no automatic fix.

    ## References

    - The language reference, section "Shared layers"
    """

    code = "VG716"
    name = "unused-shared"
    group = "structure"
    bad = (
        Example(
            "Never called",
            model("- Dense: {units: 1}", before="shared:\n  encode: {Dense: {units: 8}}"),
            finds=("/shared/encode",),
        ),
        Example(
            "Two encoders, of which the second input should have used the other",
            model(
                """
                - {id: a, in: x, call: encode}
                - {id: b, in: y, call: encode}
                - {in: [a, b], Dot: {axes: 1}}
                """,
                inputs="""
                x: {shape: [20], dtype: int32}
                y: {shape: [20], dtype: int32}
                """,
                before="""
                shared:
                  encode: {Embedding: {input_dim: 100, output_dim: 8}}
                  encode_other: {Embedding: {input_dim: 100, output_dim: 8}}
                """,
            ),
            finds=("/shared/encode_other",),
        ),
    )
    good = (
        Example(
            "Called twice",
            model(
                """
                - {id: a, in: x, call: encode}
                - {id: b, in: y, call: encode}
                - {in: [a, b], Dot: {axes: 1}}
                """,
                inputs="x: {shape: [4]}\ny: {shape: [4]}",
                before="shared:\n  encode: {Dense: {units: 8}}",
            ),
        ),
        Example(
            "Called in a block",
            model(
                "- use: outer",
                before="shared:\n  encode: {Dense: {units: 8}}\nblocks:\n  outer: {layers: [{call: encode}]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the definitions with their calls."""
        for pointer, name in unused(facts.spec, "shared", "call"):
            yield Finding(f"the shared layer `{name}` is not called", pointer=pointer, help="call it, or remove it")
