"""VG602: learning-rate-out-of-range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["LearningRateOutOfRange"]

ANY = frozenset({"Adadelta", "Ftrl", "Adagrad", "Adafactor"})
"""Optimizers whose papers use rates far from Keras's default, or that set their own."""


class LearningRateOutOfRange(Rule):
    """The learning rate is far outside of what the optimizer is used with.

    ## What it does

    Compares the learning rate, or the highest that its schedule reaches, with Keras's default for the optimizer: it
    reports rates from a hundred times that on (0.1 for Adam, 1 for SGD), below a hundred-thousandth of it, and zero.
    Models with one layer may have ten times as much.

    ## Why is this bad?

    With Adam every step changes every weight by about the learning rate: 0.1 is as large as the weights themselves.
    With a rate of zero nothing is trained, and with 1e-9 hardly anything.

    ## Use instead

    1e-4 to 1e-2 for Adam and its kin, 1e-3 to 1e-1 for SGD with momentum.

    ## Fix safety

    Unsafe: training takes other steps. The fix is Keras's default for the optimizer; the best rate is found by trial.

    ## References

    - Bengio 2012, Practical recommendations for gradient-based training of deep architectures
    - Smith 2017, Cyclical learning rates for training neural networks
    """

    code = "VG602"
    name = "learning-rate-out-of-range"
    group = "optimisation"
    settings: ClassVar = {
        "high": Threshold(
            100.0,
            "times Keras's default",
            "0.1 for Adam, 1 for SGD: beyond what any schedule of the literature reaches",
        ),
        "low": Threshold(1e-5, "times Keras's default", "1e-8 for Adam: a million steps move a weight by a hundredth"),
    }
    bad = (
        Example(
            "Adam with a rate of 0.5",
            model(
                "- Dense: {units: 32, activation: relu}\n- Dense: {units: 1}",
                compile="optimizer: {Adam: {learning_rate: 0.5}}\nloss: mse",
            ),
            finds=("/compile/optimizer/Adam/learning_rate",),
        ),
        Example(
            "A rate of zero",
            model("- Dense: {units: 1}", compile="optimizer: {SGD: {learning_rate: 0.0}}\nloss: mse"),
            finds=("/compile/optimizer/SGD/learning_rate",),
        ),
        Example(
            "A recurrent layer is no linear model, though it is the only one before the output",
            model(
                "- LSTM: {units: 16}\n- Dense: {units: 1}",
                inputs="x: {shape: [10, 4]}",
                compile="optimizer: {RMSprop: {learning_rate: 0.1, clipnorm: 1.0}}\nloss: mse",
            ),
            finds=("/compile/optimizer/RMSprop/learning_rate",),
        ),
    )
    good = (
        Example(
            "A usual rate",
            model("- Dense: {units: 1}", compile="optimizer: {Adam: {learning_rate: 0.003}}\nloss: mse"),
        ),
        Example(
            "A high rate for a linear model",
            model("- Dense: {units: 1}", compile="optimizer: {Adam: {learning_rate: 0.1}}\nloss: mse"),
        ),
        Example(
            "The rate of Adadelta's paper",
            model("- Dense: {units: 1}", compile="optimizer: {Adadelta: {learning_rate: 1.0}}\nloss: mse"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the rate with the default."""
        compiled = facts.compiled
        if compiled is None:
            return
        for part in compiled.optimizer.parts():
            name, rate, usual = part.type_name, part.peak_learning_rate, part.default_learning_rate()
            high, low = self.limit(facts, "high") * usual, self.limit(facts, "low") * usual
            if facts.paths.effective_depth < 2:
                high *= 10.0  # linear models bear more
            severity: Severity | None = None
            if rate == 0:
                severity, message, limit = Severity.ERROR, "the learning rate is 0: nothing is trained", low
            elif name in ANY:
                continue
            elif rate >= high * (1 - 1e-9):
                message, limit = f"a learning rate of {rate:g} is far too high for {name}", high
            elif rate < low:
                message, limit = f"a learning rate of {rate:g} is far too low for {name}", low
            else:
                continue
            yield Finding(
                message,
                pointer=f"/compile/optimizer/{name}/learning_rate",
                proposals=tuple(self._default(name, part.learning_rate, usual)),
                help=f"Keras's default for {name} is {usual:g}",
                evidence=Evidence("learning rate", rate, limit),
                severity=severity,
            )

    def _default(self, name: str, rate: object, usual: float) -> Iterator[Proposal]:
        """Keras's default in place of a number; schedules are left alone."""
        if isinstance(rate, float):
            change = Change("set", pointer=f"/compile/optimizer/{name}/learning_rate", value=usual)
            yield Proposal("use Keras's default", (change,), Applicability.UNSAFE)
