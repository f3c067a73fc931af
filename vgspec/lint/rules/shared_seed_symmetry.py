"""VG304: shared-seed-symmetry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.ir import Ref
    from vgspec.lint.facts import Facts, Kernel

__all__ = ["SharedSeedSymmetry"]


class SharedSeedSymmetry(Rule):
    """Two layers that read the same value start with the same random weights.

    ## What it does

    Finds kernels of the same shape in different layers, drawn by equal initializers with the same seed, whose layers
    are applied to the same value. Layers behind each other may share a seed.

    ## Why is this bad?

    The two layers compute the same thing at first, so that one of them adds nothing: the branches of a block, or the
    members of an ensemble, start as copies, and stay copies if what follows treats them alike.

    ## Use instead

    Another seed for each, or none. For repeatable runs set one global seed instead.

    ## Fix safety

    There is no automatic fix: which seed to take is a choice.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 8.4 (symmetry breaking)
    """

    code = "VG304"
    name = "shared-seed-symmetry"
    group = "initialization"
    bad = (
        Example(
            "Two branches, one seed",
            model(
                """
                - {id: a, in: x, Dense: {units: 32, activation: relu, kernel_initializer: {HeNormal: {seed: 1}}}}
                - {id: b, in: x, Dense: {units: 32, activation: relu, kernel_initializer: {HeNormal: {seed: 1}}}}
                - {in: [a, b], Concatenate: {}}
                - Dense: {units: 10}
                """
            ),
            finds=("b",),
        ),
        Example(
            "Two convolutions of a block, seeded alike",
            model(
                """
                - parallel:
                    branches:
                      - - Conv1D: {filters: 16, kernel_size: 3, kernel_initializer: {Orthogonal: {seed: 7}}}
                        - ReLU
                      - - Conv1D: {filters: 16, kernel_size: 3, kernel_initializer: {Orthogonal: {seed: 7}}}
                        - Activation: {activation: tanh}
                    merge: Concatenate
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
            ),
            finds=("parallel.1.conv1d",),
        ),
    )
    good = (
        Example(
            "Two seeds",
            model(
                """
                - {id: a, in: x, Dense: {units: 32, activation: relu, kernel_initializer: {HeNormal: {seed: 1}}}}
                - {id: b, in: x, Dense: {units: 32, activation: relu, kernel_initializer: {HeNormal: {seed: 2}}}}
                - {in: [a, b], Concatenate: {}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "The same seed in layers behind each other",
            model(
                """
                - Dense: {units: 64, activation: relu, kernel_initializer: {HeNormal: {seed: 1}}}
                - Dense: {units: 64, activation: relu, kernel_initializer: {HeNormal: {seed: 1}}}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the seeded kernels that read the same value."""
        seen: dict[tuple[tuple[Ref, ...], str, tuple[object, ...], str], Kernel] = {}
        for kernel in facts.kernels:
            initializer = kernel.weight.initializer
            if initializer.seeded is None or not kernel.moments.random:
                continue
            key = (
                tuple(kernel.node.refs()),
                kernel.weight.name,
                tuple(kernel.weight.shape),
                repr(initializer.spec_value()),
            )
            first = seen.setdefault(key, kernel)
            if first is kernel:
                continue
            yield Finding(
                f"this layer starts with the same weights as `{first.node.id}`, and reads the same value",
                node=kernel.node.id,
                argument=kernel.argument,
                related=((first.node.id, "the same seed here"),),
                help="give each its own seed, or none",
            )
