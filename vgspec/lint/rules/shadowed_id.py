"""VG719: shadowed-id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.definitions import shadowed
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["ShadowedId"]


class ShadowedId(Rule):
    """A reference means an item inside, and an item outside has the same id.

    ## What it does

    Finds ids inside a repeat, a residual connection or a parallel one that hide an id of the lists around them, or a
    model input, and that something inside refers to.

    ## Why is this bad?

    The same word means one layer above the hidden item and another below it. Moving an item across that line changes
    what it is applied to, and no error says so.

    ## Use instead

    Another id for one of the two.

    ## Fix safety

    There is no automatic fix: saved weights go by the names of layers.

    ## References

    - The language reference, section "What an item is applied to"
    """

    code = "VG719"
    name = "shadowed-id"
    group = "structure"
    repeats = False
    bad = (
        Example(
            "An id inside a residual connection that is used outside too",
            model(
                """
                - {id: stem, Dense: {units: 32, activation: relu}}
                - residual:
                    body:
                      - {id: stem, Dense: {units: 32, activation: relu}}
                      - {in: stem, Dense: {units: 32}}
                - Dense: {units: 10}
                """
            ),
            finds=("/layers/1/residual/body/0/id",),
        ),
        Example(
            "An id inside a repeat that is used outside too",
            model(
                """
                - {id: features, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                - repeat: 3
                  body:
                    - {id: features, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                    - {in: features, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
            ),
            finds=("/layers/1/body/0/id",),
        ),
    )
    good = (
        Example(
            "Different ids",
            model(
                """
                - {id: stem, Dense: {units: 32, activation: relu}}
                - residual:
                    body:
                      - {id: first, Dense: {units: 32, activation: relu}}
                      - {in: first, Dense: {units: 32}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "The same id in two branches, neither of which sees the other",
            model(
                """
                - parallel:
                    branches:
                      - [{id: first, Dense: {units: 32, activation: relu}}, {in: first, Dense: {units: 8}}]
                      - [{id: first, Dense: {units: 32, activation: relu}}, {in: first, Dense: {units: 8}}]
                    merge: Add
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Nothing refers to the id inside",
            model(
                """
                - {id: stem, Dense: {units: 32, activation: relu}}
                - residual:
                    body:
                      - {id: stem, Dense: {units: 32, activation: relu}}
                      - Dense: {units: 32}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Walk the lists of the document."""
        for pointer, name in shadowed(facts.spec):
            yield Finding(
                f"`{name}` means this item from here on, and another one outside of this list",
                pointer=pointer,
                help="give one of the two another id",
            )
