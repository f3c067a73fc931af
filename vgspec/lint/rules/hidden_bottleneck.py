"""VG110: hidden-bottleneck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["HiddenBottleneck"]


class HiddenBottleneck(Rule):
    """A hidden layer of one to three units with a rectifier, between much wider ones.

    ## What it does

    Finds fully connected hidden layers with very few units and an activation that can die, that all signals must
    pass, between layers at least eight times as wide. The code layer of an autoencoder is usually linear, and wider.

    ## Why is this bad?

    A rectifier unit is off for about half of the inputs. Of a layer with n units all are off, for a given
    initialisation, with a probability of about 2^-n; then no gradient passes at all.

    ## Use instead

    More units, or a linear activation (or leaky_relu, tanh) in the narrow layer.

    ## Fix safety

    Unsafe: leaky_relu in the narrow layer changes the function that the model computes.

    ## References

    - Lu et al. 2020, Dying ReLU and initialization: theory and numerical examples
    """

    code = "VG110"
    name = "hidden-bottleneck"
    group = "vanishing"
    settings: ClassVar = {
        "units": Threshold(3.0, "units", "three rectifiers are all off in one of eight initialisations"),
        "ratio": Threshold(
            8.0, "times as wide", "layers that narrow step by step are a design; eight times at once loses the signal"
        ),
    }
    bad = (
        Example(
            "Two units between 64 and 32",
            model(
                """
                - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 2, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 32, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 10}
                """
            ),
            finds=("dense_1",),
        ),
        Example(
            "A head that squeezes pooled features through one normalized unit",
            model(
                """
                - Conv2D: {filters: 64, kernel_size: 3, activation: relu}
                - GlobalAveragePooling2D
                - {id: squeeze, Dense: {units: 1, use_bias: false}}
                - BatchNormalization
                - ReLU
                - Dense: {units: 64, activation: relu}
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("squeeze",),
        ),
    )
    good = (
        Example(
            "A linear code",
            model(
                """
                - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 2}
                - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 64}
                """,
                compile="optimizer: adam\nloss: mse",
            ),
        ),
        Example(
            "Two units in a gate",
            model(
                """
                - {id: main, Dense: {units: 32, activation: relu}}
                - {id: narrow, Dense: {units: 2, activation: relu}}
                - {id: gate, Dense: {units: 32, activation: sigmoid}}
                - {in: [main, gate], Multiply: {}}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look for narrow layers that nothing goes around."""
        for node in facts.nodes_with(Trait.KERNEL):
            activation = facts.activation_after(node)
            scalar = activation.scalar() if activation is not None else None
            if scalar is None or not scalar.curve.can_die or facts.is_final(node):
                continue
            units = node.outputs[0].shape[-1]
            if not isinstance(units, int) or units > self.limit(facts, "units") or len(node.outputs[0].shape) != 2:
                continue
            before = facts.inputs(node)[0].shape[-1]
            after = next((n for n in facts.through(node, *_PASSING) if facts.has(n, Trait.KERNEL)), None)
            wide = after.outputs[0].shape[-1] if after is not None else None
            least = self.limit(facts, "ratio") * units
            if not isinstance(before, int) or not isinstance(wide, int) or min(before, wide) < least:
                continue
            if facts.paths.bypassed((node,)):
                continue
            off = 2.0**-units
            change = Change("set", node.id, "activation", "leaky_relu")
            own = facts.activation(node) is not None
            yield Finding(
                f"everything passes {units} rectifier unit{'s' if units > 1 else ''} between {before} and {wide}",
                node=node.id,
                argument="units",
                notes=(f"all of them are off for a given input with a probability of about {off:.2g}",),
                help="use more units, or a linear activation here",
                evidence=Evidence("units", float(units), self.limit(facts, "units"), (node.id,)),
                proposals=(Proposal("use leaky_relu", (change,), Applicability.UNSAFE),) if own else (),
            )


_PASSING = (Trait.ACTIVATION, Trait.DROPOUT, Trait.NORMALIZING, Trait.IDENTITY, Trait.RESHAPING)
