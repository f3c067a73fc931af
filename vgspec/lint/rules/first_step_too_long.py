"""VG603: first-step-too-long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor, number

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Kernel

__all__ = ["FirstStepTooLong"]


class FirstStepTooLong(Rule):
    """The first step of gradient descent is predicted to be longer than the weights that it changes.

    ## What it does

    For optimizers whose step is proportional to the gradient (SGD) and that do not clip it: the learning rate times the
    predicted norm of the gradient of a kernel, relative to the norm of the kernel itself. It reports the kernel with
    the longest step if that is as long as the kernel. Kernels with a normalization behind them are left alone, since
    their scale has no effect.

    ## Why is this bad?

    After such a step little is left of the initialisation: the weights are the gradient of one batch, many times too
    large. The loss jumps, and often becomes NaN a few steps later. A thousandth is usual.

    ## Use instead

    Mend what makes the gradient large, lower the learning rate, clip the gradient, or use an optimizer that divides by
    its size (Adam).

    ## Fix safety

    Unsafe: training takes other steps. The model itself is not changed.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.7
    - You et al. 2017, Large batch training of convolutional networks (the ratio of weights to gradient)
    """

    code = "VG603"
    name = "first-step-too-long"
    group = "optimisation"
    measured = True
    role = "consequence"
    settings: ClassVar = {
        "ratio": Threshold(
            1.0, "times the norm of the kernel", "the step replaces the weights; a thousandth of them is usual"
        )
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
    )
    good = (
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
        """Compare the first step of every kernel with the kernel."""
        compiled = facts.compiled
        if compiled is None or compiled.optimizer.clips:
            return
        optimizer = compiled.optimizer
        parts = tuple(optimizer.parts())
        if len(parts) != 1 or parts[0].adaptive or not isinstance(parts[0].learning_rate, float):
            return
        rate = parts[0].learning_rate
        steps = [(ratio, kernel) for kernel in facts.kernels if (ratio := _ratio(facts, kernel, rate)) is not None]
        if not steps:
            return
        ratio, kernel = max(steps, key=lambda item: item[0])
        if ratio < self.limit(facts, "ratio"):
            return
        value = {optimizer.type_name: dict(optimizer.canonical()) | {"global_clipnorm": 1.0}}
        clip = Change("set", pointer="/compile/optimizer", value=value)
        yield Finding(
            f"the first step of {parts[0].type_name} is predicted to be {factor(ratio)} times as long as the weights "
            f"of `{kernel.node.id}`",
            pointer=f"/compile/optimizer/{parts[0].type_name}/learning_rate",
            effect="exploding",
            region=(kernel.node.id,),
            related=((kernel.node.id, "these weights"),),
            help="mend what makes the gradient large, clip it (global_clipnorm: 1.0), or lower the learning rate",
            evidence=Evidence(
                "length of the first step, relative to the kernel", ratio, self.limit(facts, "ratio"), (kernel.node.id,)
            ),
            proposals=(Proposal("clip the gradient's norm to 1", (clip,), Applicability.UNSAFE),),
        )


def _ratio(facts: Facts, kernel: Kernel, rate: float) -> float | None:
    """Length of the first step relative to a kernel's norm; None where it is not known or does not matter."""
    signal = facts.signal(kernel.node)
    size = signal.kernels.get(kernel.weight.name.rpartition("/")[2]) if signal is not None else None
    second = kernel.moments.second_moment
    sizes = [n for n in kernel.weight.shape if isinstance(n, int)]
    if size is None or not math.isfinite(size) or not second or facts.normalised_after(kernel.node):
        return None
    decades = math.log10(rate) + size - 0.5 * math.log10(second * math.prod(sizes)) if rate > 0 else -math.inf
    return number(decades)
