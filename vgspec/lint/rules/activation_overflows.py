"""VG202: activation-overflows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model
from vgspec.lint.words import power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["ActivationOverflows"]

LARGEST = {"float16": 4.816, "bfloat16": 38.53, "float32": 38.532, "float64": 308.25}
"""Decimal logarithms of the largest number of each type."""


class ActivationOverflows(Rule):
    """Activations are predicted to be larger than their type can hold.

    ## What it does

    Predicts the size of every activation at initialisation for standardised inputs, and reports the first layer at
    which it exceeds the largest number of the layer's type (3.4e38 for float32, 65504 for float16).

    ## Why is this bad?

    An infinite activation gives an infinite or undefined loss: the first step already writes NaN into all weights.

    ## Use instead

    A hidden `exponential` is the usual reason: use `softplus` or `relu`. Otherwise weights of the right scale, or a
    normalization.

    ## Fix safety

    Unsafe: another activation changes the function that the model computes.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 4.1 (overflow)
    """

    code = "VG202"
    name = "activation-overflows"
    group = "exploding"
    severity = Severity.ERROR
    measured = True
    role = "effect"
    bad = (
        Example(
            "Exponentials of exponentials",
            model(
                """
                - {repeat: 4, body: [{Dense: {units: 64, activation: exponential}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.2.dense",),
        ),
        Example(
            "Sums too large for half precision",
            model(
                """
                - {id: counts, Rescaling: {scale: 20000.0, dtype: float16}}
                - {in: [counts, counts, counts, counts], Add: {dtype: float16}}
                - LayerNormalization
                - Dense: {units: 10}
                """,
                inputs="x: {shape: [512]}",
            ),
            finds=("add",),
        ),
    )
    good = (
        Example(
            "An exponential output",
            model(
                """
                - Dense: {units: 64, activation: relu}
                - Dense: {units: 1, activation: exponential}
                """
            ),
        ),
        Example(
            "softplus in hidden layers",
            model(
                """
                - {repeat: 4, body: [{Dense: {units: 64, activation: softplus}}]}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Find the first nodes that overflow."""
        over: set[str] = set()
        for node in facts.nodes:
            record = facts.profile.by_id.get(node.id)
            size = record.log10_activation if record is not None else None
            limit = LARGEST.get(node.outputs[0].dtype)
            if any(name in over for name in facts.graph.sources[node.id]):
                over.add(node.id)
                continue
            if size is None or limit is None or size < limit:
                continue
            over.add(node.id)
            edges = sorted(facts.profile.edges, key=lambda edge: -edge.activation)[:5]
            changes = tuple(
                Change("set", stage.node.id, "activation", "softplus")
                for stage in facts.stages
                if not facts.is_final(stage.node) and hasattr(facts.layer(stage.node), "activation")
                if (scalar := stage.activation.scalar()) is not None and scalar.curve.right == float("inf")
            )
            yield Finding(
                f"activations are predicted to reach {power(size)} here, and {node.outputs[0].dtype} ends at "
                f"{power(limit)}",
                node=node.id,
                effect="exploding",
                region=facts.lineage((node.id,)),
                help="use another activation than exponential, smaller weights, or a normalization",
                evidence=Evidence(
                    "decimal logarithm of the size of the activation",
                    min(size, 1e6),
                    limit,
                    tuple(dict.fromkeys(edge.node for edge in edges)),
                ),
                proposals=(Proposal("use softplus", changes, Applicability.UNSAFE),) if changes else (),
            )
