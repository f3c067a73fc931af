"""VG603: first-step-too-long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor, number

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Kernel

__all__ = ["FirstStepTooLong"]


class FirstStepTooLong(Rule):
    """The first step of gradient descent is predicted to be too long for the weights that it changes.

    ## What it does

    For optimizers whose step is proportional to the gradient (SGD) and that do not clip it, predicts the first step of
    every kernel: the learning rate times the norm of its gradient, relative to the kernel. It reports

    - a kernel whose step is as long as the kernel itself (norm against norm), or else
    - all steps together, where they may change what the model computes by its own size or more. A step of gradient
      descent acts in few directions, so it is compared with what the kernel does in a single one: its norm over the
      root of the smaller of its two sizes. The product of `1 + step` over the layers bounds the change, and so depth
      counts. A residual branch counts for its share of the sum.

    Kernels from which every way to an output goes through a normalization are left alone: a long step makes them
    longer, the normalization takes that back, and the next steps turn them less. ResNets are trained so, with rates
    of 0.1.

    ## Why is this bad?

    After such a step little is left of the initialisation: the weights are the gradient of one batch, many times too
    large. The loss jumps, and often becomes NaN a few steps later, or all units die. A rate that suits five layers is
    too high for thirty of the same kind.

    ## Use instead

    Clip the gradient, lower the learning rate, mend what makes the gradient large, or use an optimizer that divides by
    its size (Adam).

    ## Fix safety

    Unsafe: training takes other steps. The model itself is not changed.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.7
    - You et al. 2017, Large batch training of convolutional networks (the ratio of weights to gradient)
    - Bernstein et al. 2020, On the distance between two neural networks and the stability of learning, theorem 1
    """

    code = "VG603"
    name = "first-step-too-long"
    group = "optimisation"
    measured = True
    role = "consequence"
    settings: ClassVar = {
        "ratio": Threshold(
            1.0, "times the norm of the kernel", "the step replaces the weights; a thousandth of them is usual"
        ),
        "change": Threshold(
            1.0,
            "times what the model computes",
            "nothing of the first output is left for certain; trained for the page on truth, most such networks fail",
        ),
    }
    bad = (
        Example(
            "Inputs of size 30 and a squared error",
            model(
                "- Rescaling: {scale: 30.0}\n- Dense: {units: 32, activation: relu}\n- Dense: {units: 8}",
                compile="optimizer: {SGD: {learning_rate: 0.1}}\nloss: mse",
            ),
            finds=("/compile/optimizer/SGD/learning_rate",),
        ),
        Example(
            "Thirty layers that pass the gradient well, each of which takes a step that five of them would bear",
            model(
                """
                - {repeat: 30, body: [{Dense: {units: 96, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """,
                compile="""
                optimizer: {SGD: {learning_rate: 0.05, momentum: 0.9}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
            finds=("/compile/optimizer/SGD/learning_rate",),
        ),
    )
    good = (
        Example(
            "Batch normalization after every convolution, as in a ResNet trained with this rate",
            model(
                """
                - {Conv2D: {filters: 16, kernel_size: 3, padding: same, use_bias: false}}
                - BatchNormalization
                - ReLU
                - repeat: 12
                  body:
                    - residual:
                        body:
                          - {Conv2D: {filters: 16, kernel_size: 3, padding: same, use_bias: false}}
                          - BatchNormalization
                          - ReLU
                          - {Conv2D: {filters: 16, kernel_size: 3, padding: same, use_bias: false}}
                          - BatchNormalization
                    - ReLU
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="x: {shape: [32, 32, 3]}",
                compile="""
                optimizer: {SGD: {learning_rate: 0.1, momentum: 0.9}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
        ),
        Example(
            "Thirty layers in residual branches, each of them a small part of the sum",
            model(
                """
                - Dense: {units: 64}
                - repeat: 30
                  body:
                    - residual:
                        body: [LayerNormalization, {Dense: {units: 64, activation: tanh}}]
                - LayerNormalization
                - Dense: {units: 10}
                """,
                compile="""
                optimizer: {SGD: {learning_rate: 0.05, momentum: 0.9}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
        ),
        Example(
            "Five such layers",
            model(
                """
                - {repeat: 5, body: [{Dense: {units: 96, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """,
                compile="""
                optimizer: {SGD: {learning_rate: 0.05, momentum: 0.9}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
        ),
        Example(
            "Inputs of size 1",
            model(
                "- Dense: {units: 32, activation: relu}\n- Dense: {units: 8}",
                compile="optimizer: {SGD: {learning_rate: 0.1}}\nloss: mse",
            ),
        ),
        Example(
            "The gradient is clipped",
            model(
                "- Rescaling: {scale: 30.0}\n- Dense: {units: 32, activation: relu}\n- Dense: {units: 8}",
                compile="optimizer: {SGD: {learning_rate: 0.1, global_clipnorm: 1.0}}\nloss: mse",
            ),
        ),
        Example(
            "Adam divides by the size of the gradient",
            model(
                "- Rescaling: {scale: 30.0}\n- Dense: {units: 32, activation: relu}\n- Dense: {units: 8}",
                compile="optimizer: adam\nloss: mse",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the first step of every kernel with the kernel, and all steps together with the model."""
        compiled = facts.compiled
        if compiled is None or compiled.optimizer.clips:
            return
        optimizer = compiled.optimizer
        parts = tuple(optimizer.parts())
        if len(parts) != 1 or parts[0].adaptive or not isinstance(parts[0].learning_rate, float):
            return
        steps = tuple(_steps(facts, parts[0].learning_rate))
        if not steps:
            return
        longest = max(steps, key=lambda step: step.length)
        widest = max(steps, key=lambda step: step.change)
        change = math.expm1(min(sum(step.change for step in steps), 690.0))
        name = parts[0].type_name
        if longest.length >= self.limit(facts, "ratio"):
            where, value, limit = longest.kernel.node.id, longest.length, self.limit(facts, "ratio")
            message = f"is predicted to be {factor(value)} times as long as the weights of `{where}`"
            quantity = "length of the first step, relative to the kernel"
        elif change >= self.limit(facts, "change"):
            where, value, limit = widest.kernel.node.id, change, self.limit(facts, "change")
            message = f"is predicted to change the model's output by up to {factor(value)} times its size"
            quantity = "change of the output by the first step, relative to its size"
        else:
            return
        clipped = {optimizer.type_name: dict(optimizer.canonical()) | {"global_clipnorm": 1.0}}
        clip = Change("set", pointer="/compile/optimizer", value=clipped)
        yield Finding(
            f"the first step of {name} {message}",
            pointer=f"/compile/optimizer/{name}/learning_rate",
            effect="exploding",
            region=(where,),
            related=((where, "these weights" if where == longest.kernel.node.id else "these weights change most"),),
            help="mend what makes the gradient large, clip it (global_clipnorm: 1.0), or lower the learning rate",
            evidence=Evidence(quantity, value, limit, (where,)),
            proposals=(Proposal("clip the gradient's norm to 1", (clip,), Applicability.UNSAFE),),
        )


class _Step(NamedTuple):
    """The first step of a kernel.

    Attributes:
        kernel: the kernel.
        length: relative to the norm of the kernel.
        change: natural logarithm of the factor by which the model may change.
    """

    kernel: Kernel
    length: float
    change: float


def _steps(facts: Facts, rate: float) -> Iterator[_Step]:
    """The first step of every kernel whose gradient is known and whose size matters."""
    shares = _shares(facts)
    for kernel in facts.kernels:
        if kernel.node.id in facts.settled:
            continue
        signal = facts.signal(kernel.node)
        size = signal.kernels.get(kernel.weight.name.rpartition("/")[2]) if signal is not None else None
        second = kernel.moments.second_moment
        sizes = [n for n in kernel.weight.shape if isinstance(n, int)]
        if size is None or not math.isfinite(size) or not second or rate <= 0:
            continue
        length = number(math.log10(rate) + size - 0.5 * math.log10(second * math.prod(sizes)))
        ranks = min(math.prod(sizes[:-1]), sizes[-1])
        acting = length * math.sqrt(ranks) * shares.get(kernel.node.id, 1.0)
        yield _Step(kernel, length, math.log1p(acting))


def _shares(facts: Facts) -> Mapping[str, float]:
    """By node, how much of the model's output a relative change of the node's changes at most: branches of a sum less.

    What goes into a sum both directly and through a branch counts wholly.
    """
    sizes = {name: record.log10_activation for name, record in facts.profile.by_id.items()}
    found: dict[str, float] = {}
    for node in reversed(facts.nodes):
        if node.id in facts.output_nodes:
            found[node.id] = 1.0
            continue
        total = 0.0
        for reader in facts.consumers(node):
            share = found.get(reader.id, 0.0)
            part, whole = sizes.get(node.id), sizes.get(reader.id)
            if facts.has(reader, Trait.ADDITIVE) and part is not None and whole is not None:
                share *= number(min(part - whole, 0.0)) if math.isfinite(whole) else 1.0
            total += share
        found[node.id] = min(total, 1.0)
    return found
