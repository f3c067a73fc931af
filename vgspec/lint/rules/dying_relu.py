"""VG401: dying-relu."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["DyingRelu"]


class DyingRelu(Rule):
    """Rectifier units that are off for nearly every input from the start.

    ## What it does

    Compares the mean of the bias initializer with the size that the input of the activation is predicted to have, and
    reports layers whose units are off for more than 97 inputs of a hundred. It also reports stacks so narrow and deep
    that, with the predicted probability, a layer has no live unit at all.

    ## Why is this bad?

    A ReLU that is off passes no gradient, so its weights never change: a unit that is off for all inputs is lost, and a
    layer of such units cuts the network in two.

    ## Use instead

    Zero biases (the default) or small positive ones; wider layers; `leaky_relu`, `elu` or `gelu`, which pass a little
    everywhere; normalization before the activation.

    ## Fix safety

    Safe for a bias: only its first values change. Unsafe for `leaky_relu`, which changes the model's function.

    ## References

    - Lu et al. 2020, Dying ReLU and initialization: theory and numerical examples
    - Maas et al. 2013, Rectifier nonlinearities improve neural network acoustic models
    """

    code = "VG401"
    name = "dying-relu"
    group = "dead-units"
    measured = True
    role = "effect"
    settings: ClassVar = {
        "deviations": Threshold(
            1.88, "standard deviations", "a unit so far on the negative side is on for three inputs of a hundred"
        ),
        "dead": Threshold(0.25, "probability", "one run in four cannot train at all"),
        "layers": Threshold(
            5.0, "layers", "a few narrow layers are a bottleneck, which hidden-bottleneck judges, and no depth"
        ),
        "units": Threshold(
            16.0, "units", "wider layers do not die by chance: 16 units are all off once in 65,536 draws"
        ),
    }
    bad = (
        Example(
            "A strongly negative bias",
            model(
                """
                - Dense:
                    units: 64
                    activation: relu
                    kernel_initializer: he_normal
                    bias_initializer: {Constant: {value: -5.0}}
                - Dense: {units: 10}
                """
            ),
            finds=("dense",),
            also=("gradient-vanishes",),
        ),
        Example(
            "Three units, twenty layers",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 3, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 1}
                """,
                inputs="x: {shape: [3]}",
            ),
            finds=("repeat.0.dense",),
            also=("narrow-deep-stack",),
        ),
    )
    good = (
        Example(
            "A small positive bias",
            model(
                """
                - Dense: {units: 64, activation: relu, bias_initializer: {Constant: {value: 0.1}}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "A negative bias before a sigmoid gate",
            model(
                """
                - Dense: {units: 64, activation: sigmoid, bias_initializer: {Constant: {value: -3.0}}}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at biases before rectifiers, then at the predicted share of dead networks."""
        for kernel in facts.kernels:
            node = kernel.node
            activation = facts.activation_after(node)
            scalar = activation.scalar() if activation is not None else None
            if scalar is None or kernel.scale is None or facts.normalised_after(node):
                continue
            if not any(low == -math.inf and high >= 0 for low, high in scalar.curve.flat):
                continue
            for weight in facts.weights(node):
                if weight.name != "bias" or weight.initializer is None:
                    continue
                bias = weight.initializer.moments(weight.shape).mean
                size = facts.input_size(node)
                if bias is None or bias >= 0 or size is None:
                    continue
                deviations = -bias / max(kernel.scale * size, 1e-30)
                if deviations < self.limit(facts, "deviations"):
                    continue
                share = 0.5 * math.erfc(deviations / math.sqrt(2.0))
                change = Change("set", node.id, "bias_initializer", "zeros")
                yield Finding(
                    f"the bias starts at {bias:g}, {factor(deviations)} deviations below zero: these units are on for "
                    f"{factor(share)} of all inputs",
                    node=node.id,
                    effect="vanishing",
                    region=(node.id,),
                    role="cause",
                    argument="bias_initializer",
                    help="start the bias at zero",
                    evidence=Evidence("share of inputs for which a unit is on", share, 0.03, (node.id,)),
                    proposals=(Proposal("start the bias at zero", (change,), Applicability.SAFE),),
                )
        yield from self._narrow(facts)

    def _narrow(self, facts: Facts) -> Iterator[Finding]:
        limit = self.limit(facts, "dead")
        for stretch in facts.stretches:
            found = [(signal.dead, node) for node in stretch.nodes if (signal := facts.signal(node)) is not None]
            dead = max((value for value, _ in found), default=0.0)
            if dead < limit or stretch.bypassed:
                continue
            widths = [size for node in stretch.kernels if isinstance(size := node.outputs[0].shape[-1], int)]
            if len(stretch.kernels) < self.limit(facts, "layers") or not widths:
                continue
            if min(widths) > self.limit(facts, "units"):
                continue
            inside = {node.id for node in stretch.nodes}
            changes = tuple(
                Change("set", stage.node.id, "activation", "leaky_relu")
                for stage in facts.stages
                if stage.node.id in inside and hasattr(facts.layer(stage.node), "activation")
            )
            yield Finding(
                f"with a probability of {dead:.2f} one of these {len(stretch.kernels)} layers starts without a live "
                f"unit (the narrowest has {min(widths)})",
                node=stretch.nodes[0].id,
                effect="narrow",
                region=tuple(inside),
                related=((stretch.nodes[-1].id, "the stack ends here"),),
                help="use wider layers, fewer of them, or leaky_relu",
                proposals=(Proposal("use leaky_relu", changes, Applicability.UNSAFE),) if changes else (),
                evidence=Evidence(
                    "probability that no gradient passes", dead, limit, tuple(n.id for n in stretch.kernels[:5])
                ),
            )
