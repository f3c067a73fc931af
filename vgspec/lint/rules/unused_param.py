"""VG715: unused-param."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.definitions import unused_params
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnusedParam"]


class UnusedParam(Rule):
    """A parameter is declared, and no expression reads it.

    ## What it does

    Finds parameters of the document and of its blocks that no expression in their scope names.

    ## Why is this bad?

    Setting it changes nothing, though it looks as if it did: `--set width=64` builds the same model as before.

    ## Use instead

    Use it in an expression (`$width`), or remove it.

    ## Fix safety

    There is no automatic fix: callers may pass it.

    ## References

    - The language reference, section "Parameters"
    """

    code = "VG715"
    name = "unused-param"
    group = "structure"
    bad = (
        Example(
            "A width that nothing reads",
            model("- Dense: {units: 1}", before="params:\n  width: {type: int, default: 8}"),
            finds=("/params/width",),
        ),
        Example(
            "A block's parameter",
            model(
                "- {use: hidden, with: {units: 8}}\n- Dense: {units: 1}",
                before="""
                blocks:
                  hidden: {params: {units: {type: int}}, layers: [{Dense: {units: 8, activation: relu}}]}
                """,
            ),
            finds=("/blocks/hidden/params/units",),
        ),
    )
    good = (
        Example(
            "A parameter in an expression",
            model("- Dense: {units: $(2 * width)}", before="params:\n  width: {type: int, default: 8}"),
        ),
        Example(
            "A parameter in the shape of an input",
            model(
                "- Dense: {units: 1}", inputs="x: {shape: [$size]}", before="params:\n  size: {type: int, default: 8}"
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the declarations with the names that expressions read."""
        for pointer, name in unused_params(facts.spec):
            yield Finding(
                f"no expression reads the parameter `{name}`",
                pointer=pointer,
                help=f"write ${name} where its value belongs, or remove it",
            )
