"""VG720: unscaled-input."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor
from vgspec.source import pointer_join

if TYPE_CHECKING:
    from vgspec.ir import Input, Node
    from vgspec.lint.facts import Facts

__all__ = ["UnscaledInput"]


class UnscaledInput(Rule):
    """The spec says that an input is large, and weights read it as it is.

    ## What it does

    Looks at inputs whose `statistics` give a root mean square above ten, and asks whether a layer with a kernel or a
    recurrence reads them with nothing in between that scales or normalizes. Inputs without `statistics` are taken as
    standardised, and are not judged.

    ## Why is this bad?

    Initializers keep the size of a signal; an input of size 100 makes all activations, and the gradients of all
    kernels, a hundred times too large. Learning rates that fit other layers are too high then.

    ## Use instead

    `Rescaling`, a `Normalization` layer adapted to the data, or a batch normalization in front of the first layer.

    ## Fix safety

    Unsafe: the model computes something else. The fix is a `Rescaling` that brings the input to mean 0 and deviation 1,
    by the numbers of its statistics.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.3
    """

    code = "VG720"
    name = "unscaled-input"
    group = "structure"
    repeats = False
    settings: ClassVar = {
        "size": Threshold(10.0, "root mean square of the input", "what standardised data never have; bytes have 150")
    }
    bad = (
        Example(
            "Grey levels from 0 to 255",
            model(
                "- Flatten\n- Dense: {units: 32, activation: relu}\n- Dense: {units: 10}",
                inputs="image: {shape: [28, 28], statistics: {mean: 33.0, std: 79.0}}",
            ),
            finds=("image",),
            also=("gradient-explodes",),
        ),
        Example(
            "Incomes in euros beside standardised numbers",
            model(
                """
                - {in: [income, rest], Concatenate: {}}
                - Dense: {units: 32, activation: relu}
                - Dense: {units: 1}
                """,
                inputs="""
                income: {shape: [1], statistics: {mean: 41000.0, std: 18000.0}}
                rest: {shape: [12]}
                """,
            ),
            finds=("income",),
            also=("gradient-explodes",),
        ),
    )
    good = (
        Example(
            "The same, rescaled",
            model(
                "- Rescaling: {scale: 0.00392156862745098}\n- Flatten\n"
                "- Dense: {units: 32, activation: relu, kernel_initializer: he_normal}\n- Dense: {units: 10}",
                inputs="image: {shape: [28, 28], statistics: {mean: 33.0, std: 79.0}}",
            ),
        ),
        Example(
            "The same, normalized",
            model(
                "- Flatten\n- BatchNormalization\n"
                "- Dense: {units: 32, activation: relu, kernel_initializer: he_normal}\n- Dense: {units: 10}",
                inputs="image: {shape: [28, 28], statistics: {mean: 33.0, std: 79.0}}",
            ),
        ),
        Example(
            "Values between 0 and 1",
            model(
                "- Flatten\n- Dense: {units: 32, activation: relu}\n- Dense: {units: 10}",
                inputs="image: {shape: [28, 28], statistics: {low: 0.0, high: 1.0}}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Follow every large input to what reads it."""
        for item in facts.graph.inputs:
            if not dict(item.options).get("statistics") or not item.tensor.dtype.startswith(("float", "bfloat")):
                continue
            from vgspec.analysis.signal.forward import statistics_of

            mean, deviation = statistics_of(item)
            size = math.hypot(mean, deviation)
            if size < self.limit(facts, "size"):
                continue
            readers = [node for node in _first_readers(facts, item) if node.id in facts.paths.reaching]
            if not readers:
                continue
            direct = tuple(node for node in facts.nodes if facts.graph.sources[node.id] == (item.name,))
            yield Finding(
                f"the values of `{item.name}` are about {factor(size)} in size, and nothing scales them before the "
                f"first weights",
                node=item.name,
                pointer=pointer_join("/inputs", item.name),
                effect="exploding",
                region=facts.lineage(node.id for node in readers),
                related=((readers[0].id, "weights read them here"),),
                help="put a Rescaling, an adapted Normalization or a BatchNormalization in front",
                evidence=Evidence(
                    "root mean square of the input", size, self.limit(facts, "size"), (item.name, readers[0].id)
                ),
                proposals=tuple(_rescale(direct, mean, deviation)),
            )


def _first_readers(facts: Facts, item: Input) -> Iterator[Node]:
    """The layers with weights that an input reaches with nothing that scales it between."""
    passed = {item.name}
    passing = (Trait.RESHAPING, Trait.IDENTITY, Trait.DROPOUT, Trait.NOISE, Trait.MERGING)
    for node in facts.graph.nodes:
        if passed.isdisjoint(facts.graph.sources[node.id]):
            continue
        if facts.has(node, Trait.KERNEL, Trait.RECURRENT):
            yield node
        elif facts.has(node, *passing):
            passed.add(node.id)


def _rescale(readers: tuple[Node, ...], mean: float, deviation: float) -> Iterator[Proposal]:
    """A layer that standardises, in front of the only layer that reads the input."""
    if len(readers) == 1 and deviation > 0:
        value = {"Rescaling": {"scale": float(f"{1.0 / deviation:.6g}"), "offset": float(f"{-mean / deviation:.6g}")}}
        change = Change("insert-before", readers[0].id, value=value)
        yield Proposal("standardise the input", (change,), Applicability.UNSAFE)
