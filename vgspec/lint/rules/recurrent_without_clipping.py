"""VG204: recurrent-without-clipping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Severity
from vgspec.lint.causes import saturates
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts
    from vgspec.lint.records import Recurrence

__all__ = ["RecurrentWithoutClipping"]


class RecurrentWithoutClipping(Rule):
    """A recurrent network is trained without gradient clipping.

    ## What it does

    Looks for an optimizer without `clipnorm`, `global_clipnorm` or `clipvalue` where a trainable recurrent layer runs
    over many steps. For a recurrence without gates it warns; for gated ones (LSTM, GRU), which many people train
    without clipping for short sequences, it informs.

    ## Why is this bad?

    The gradient through time is a product with one factor for every step, all made from the same weights. When these
    grow during training beyond a threshold, single batches give gradients that are orders of magnitude too large and
    undo what was learnt.

    ## Use instead

    `clipnorm: 1.0` or `global_clipnorm: 1.0` in the optimizer.

    ## Fix safety

    Unsafe: training takes other steps. The model itself is not changed.

    ## References

    - Pascanu et al. 2013, On the difficulty of training recurrent neural networks
    """

    code = "VG204"
    name = "recurrent-without-clipping"
    group = "exploding"
    settings: ClassVar = {
        "steps": Threshold(20.0, "steps", "over fewer steps than this the product has too few factors to matter"),
    }
    bad = (
        Example(
            "A plain recurrence",
            model(
                "- SimpleRNN: {units: 32}\n- Dense: {units: 1}",
                inputs="x: {shape: [50, 8]}",
                compile="optimizer: adam\nloss: mse",
            ),
            finds=("/compile/optimizer",),
        ),
        Example(
            "A GRU",
            model(
                "- GRU: {units: 32}\n- Dense: {units: 1}",
                inputs="x: {shape: [50, 8]}",
                compile="optimizer: {Adam: {learning_rate: 0.001}}\nloss: mse",
            ),
            finds=("/compile/optimizer",),
        ),
    )
    good = (
        Example(
            "With clipping",
            model(
                "- GRU: {units: 32}\n- Dense: {units: 1}",
                inputs="x: {shape: [50, 8]}",
                compile="optimizer: {Adam: {clipnorm: 1.0}}\nloss: mse",
            ),
        ),
        Example(
            "Five steps",
            model(
                "- GRU: {units: 32}\n- Dense: {units: 1}",
                inputs="x: {shape: [5, 8]}",
                compile="optimizer: adam\nloss: mse",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the optimizer where there is a recurrence."""
        compiled = facts.compiled
        if compiled is None or compiled.optimizer is None or compiled.optimizer.clips:
            return
        limit = self.limit(facts, "steps")
        first: dict[str, Recurrence] = {}
        for item in facts.recurrences:
            first.setdefault(item.node.layer, item)
        long = [
            item for item in first.values() if facts.layer(item.node).trainable and self._steps(facts, item.node, limit)
        ]
        if not long:
            return
        plain = [item for item in long if not self._held(item)]
        about = (plain or long)[0].node
        pointer = "/compile/optimizer"
        optimizer = compiled.optimizer
        values = dict(optimizer.canonical()) | {"clipnorm": 1.0}
        yield Finding(
            f"the optimizer does not clip gradients, and `{about.id}` is recurrent",
            pointer=pointer,
            related=((about.id, "the gradient is a product over all of its steps"),),
            help="add clipnorm: 1.0 (or global_clipnorm) to the optimizer",
            notes=(self._unheld(plain[0]),) if plain else (),
            severity=None if plain else Severity.INFO,
            proposals=(
                Proposal(
                    "clip the gradient's norm to 1",
                    (Change("set", pointer=pointer, value={optimizer.type_name: values}),),
                    Applicability.UNSAFE,
                ),
            ),
        )

    def _unheld(self, recurrence: Recurrence) -> str:
        if not recurrence.gated:
            return "it has no gates that hold the state"
        return "its activation has no bound, so that the state may grow at every step"

    def _held(self, recurrence: Recurrence) -> bool:
        """Whether gates hold the state, and its activation is bounded."""
        activation = getattr(recurrence.cell, "activation", None)
        return recurrence.gated and (activation is None or saturates(activation))

    def _steps(self, facts: Facts, node: Node, limit: float) -> bool:
        steps = facts.inputs(node)[0].shape[1]
        return not isinstance(steps, int) or steps >= limit
