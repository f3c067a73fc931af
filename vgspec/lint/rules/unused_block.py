"""VG714: unused-block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.definitions import unused
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnusedBlock"]

_BLOCK = "blocks:\n  hidden: {layers: [{Dense: {units: 8, activation: relu}}]}"


class UnusedBlock(Rule):
    """A block is defined, and nothing uses it.

    ## What it does

    Finds blocks of a model's document that no `use` names. Documents that only define things for others are left alone.

    ## Why is this bad?

    The block is not checked in full, since it is never expanded; and readers take it for a part of the model.

    ## Use instead

    Use it, remove it, or move it into a document that others include.

    ## Fix safety

    There is no automatic fix.

    ## References

    - The language reference, section "Blocks"
    """

    code = "VG714"
    name = "unused-block"
    group = "structure"
    bad = (
        Example("A block without a use", model("- Dense: {units: 1}", before=_BLOCK), finds=("/blocks/hidden",)),
        Example(
            "A block that only another unused one uses",
            model(
                "- Dense: {units: 1}",
                before="""
                blocks:
                  stage: {layers: [{repeat: 2, body: [{use: layer}]}]}
                  layer: {layers: [{Dense: {units: 8, activation: relu}}]}
                """,
            ),
            finds=("/blocks/stage",),
        ),
    )
    good = (
        Example("A block in use", model("- use: hidden\n- Dense: {units: 1}", before=_BLOCK)),
        Example(
            "A block used by a block",
            model(
                "- use: outer\n- Dense: {units: 1}",
                before="""
                blocks:
                  outer: {layers: [{use: inner}]}
                  inner: {layers: [{Dense: {units: 8, activation: relu}}]}
                """,
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the definitions with their uses."""
        for pointer, name in unused(facts.spec, "blocks", "use"):
            yield Finding(
                f"the block `{name}` is not used",
                pointer=pointer,
                help="use it, or remove it",
            )
