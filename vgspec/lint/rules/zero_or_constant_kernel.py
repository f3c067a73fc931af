"""VG301: zero-or-constant-kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.moments import Structure
from vgspec.diagnostics import Severity
from vgspec.layers.base import Trait
from vgspec.lint.causes import fitting, refit
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Kernel

__all__ = ["ZeroOrConstantKernel"]


class ZeroOrConstantKernel(Rule):
    """All weights of a hidden layer start with the same number, so its units cannot become different.

    ## What it does

    Finds trainable kernels of hidden layers whose initializer gives every entry the same value (`zeros`, `ones`,
    `Constant`). Not meant are kernels at the end of a residual branch or of the model, where zero is a known and good
    choice, zero kernels whose output is multiplied with something (a scale, a transform), kernels with a single output,
    low-rank adapters, and zero kernels of a recurrence.

    ## Why is this bad?

    Units with equal weights compute the same thing. They stay alike as long as the layers behind them treat them
    alike. A zero kernel also stops the gradient for everything before it, and with ReLU behind it its own too: then
    nothing ever trains, which is an error.

    ## Use instead

    A random initializer: `he_normal` for rectifiers, `glorot_uniform` (Keras's default) for the rest. Zeros are right
    for biases.

    ## Fix safety

    Safe: only the first values of the weights change.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 8.4 (symmetry breaking)
    - Zhang et al. 2019, Fixup initialization (zeros at the end of a residual branch)
    """

    code = "VG301"
    name = "zero-or-constant-kernel"
    group = "initialization"
    bad = (
        Example(
            "Zero weights before a ReLU never change",
            model(
                """
                - Dense: {units: 32, activation: relu, kernel_initializer: zeros}
                - Dense: {units: 10}
                """
            ),
            finds=("dense",),
        ),
        Example(
            "Constant weights in a convolution",
            model(
                """
                - Conv2D: {filters: 8, kernel_size: 3, activation: tanh, kernel_initializer: {Constant: {value: 0.1}}}
                - Flatten
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("conv2d",),
        ),
    )
    good = (
        Example(
            "Zeros in the output layer and at the end of a residual branch",
            model(
                """
                - residual:
                    body:
                      - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                      - Dense: {units: 64, kernel_initializer: zeros}
                - LayerNormalization
                - Dense: {units: 10, kernel_initializer: zeros}
                """
            ),
        ),
        Example(
            "A scale that starts at zero",
            model(
                """
                - {id: scale, in: x, Dense: {units: 64, kernel_initializer: zeros, bias_initializer: ones}}
                - {in: [scale, x], Multiply: {}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Zero biases",
            model("- Dense: {units: 32, activation: relu, bias_initializer: zeros}\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every trainable kernel that is not drawn at random."""
        for kernel in facts.kernels:
            moments = kernel.moments
            if moments.structure is not Structure.EQUAL or kernel.units < 2:
                continue
            node = kernel.node
            if facts.is_final(node) or facts.added_after(node):
                continue
            zero = moments.mean == 0.0
            if zero and self._modulates(facts, kernel):
                continue
            if zero and (kernel.weight.name.endswith("recurrent_kernel") or facts.has(node, Trait.ATTENTION)):
                continue
            stuck = zero and self._blocks(facts, kernel)
            written = f"`{kernel.argument}`" if kernel.argument else "the initializer"
            message = (
                f"every weight of this layer starts as {moments.mean:g}, so its {kernel.units} units are all alike"
            )
            if stuck:
                message = "every weight of this layer starts as 0 before a ReLU: no gradient ever reaches it"
            better = fitting(facts.activation_after(node))
            yield Finding(
                message,
                node=node.id,
                argument=kernel.argument,
                alike=f"{moments.mean} {stuck}",
                help=f"give {written} a random initializer, such as {better}",
                severity=Severity.ERROR if stuck else None,
                proposals=tuple(refit(facts, (kernel,))),
            )

    def _modulates(self, facts: Facts, kernel: Kernel) -> bool:
        """Whether the output is a linear factor of something else, entry by entry, and zero is where it starts.

        Each unit then gets a gradient of its own: the transforms of PointNet, gates and scales that start at nothing.
        """
        following = list(facts.through(kernel.node, Trait.RESHAPING, Trait.IDENTITY))
        return (
            bool(following)
            and facts.activation(kernel.node) is None
            and facts.has(following[-1], Trait.MERGING)
            and not facts.has(following[-1], Trait.ADDITIVE)
        )

    def _blocks(self, facts: Facts, kernel: Kernel) -> bool:
        """Whether the activation behind a zero kernel has no slope at zero, and no bias moves it away."""
        activation = facts.activation_after(kernel.node)
        scalar = activation.scalar() if activation is not None else None
        if scalar is None or not any(low < 0 <= high for low, high in scalar.curve.flat):
            return False
        if facts.normalised_after(kernel.node):
            return False
        biases = [weight for weight in facts.weights(kernel.node) if weight.name.endswith("bias")]
        return all(
            weight.initializer is not None and weight.initializer.moments(weight.shape).bound == 0 for weight in biases
        )
