"""VG102: forward-signal-vanishes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.remedies import add_residuals
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["ForwardSignalVanishes"]


class ForwardSignalVanishes(Rule):
    """What enters the network no longer arrives: the signal fades before anything sets its size anew.

    ## What it does

    Predicts the size of every activation. It reports the first hidden layer at which the mean square has fallen below
    a millionth of what it was at the model's input (or behind the last normalization, embedding or merge).

    ## Why is this bad?

    The layers behind see almost the same value, their biases, for every input. The gradients of all kernels shrink in
    proportion, so first and last layer look alike and a comparison of the two shows nothing.

    ## Use instead

    Weights of the scale that the activation needs, or a normalization layer.

    ## Fix safety

    That of the cause, where a rule names one. Else unsafe, since the function that the model computes changes: layer
    normalization behind every layer, or in a stack of ten layers and more residual connections with normalized
    branches. Behind functions with a gentle slope, such as `silu` or `gelu`, normalization alone makes up for what
    each layer loses forwards by a gradient that grows in each, which a short stack bears and a deep one does not.

    ## References

    - He et al. 2015, Delving deep into rectifiers
    - Poole et al. 2016, Exponential expressivity in deep neural networks (the prediction)
    """

    code = "VG102"
    name = "forward-signal-vanishes"
    group = "vanishing"
    measured = True
    role = "effect"
    settings: ClassVar = {
        "mean-square": Threshold(
            1e-6,
            "times that of the input",
            "a thousandth in size: no working network's initialisation loses so much between two normalizations",
        ),
        "kernels": Threshold(
            10.0, "layers with a kernel", "a stack from which on residual connections are offered first, as elsewhere"
        ),
    }
    bad = (
        Example(
            "Weights of deviation 0.001",
            model(
                """
                - repeat: 3
                  body: [{Dense: {units: 64, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}}]
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.2.dense",),
            also=("undersized-initializer",),
        ),
        Example(
            "Twelve silu layers, each of which leaves about half",
            model(
                """
                - {repeat: 12, body: [{Dense: {units: 16, activation: silu}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.9.dense",),
        ),
    )
    good = (
        Example(
            "The same weights, normalized",
            model(
                """
                - repeat: 3
                  body:
                    - Dense: {units: 64, kernel_initializer: {RandomNormal: {stddev: 0.01}}, use_bias: false}
                    - BatchNormalization
                    - ReLU
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "A small output",
            model(
                """
                - Dense: {units: 64, activation: relu}
                - Dense: {units: 10, kernel_initializer: {RandomNormal: {stddev: 0.0001}}}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Follow the size of the signal from where it was last set."""
        limit = 0.5 * math.log10(self.limit(facts, "mean-square"))
        start: dict[str, float | None] = {}
        for item in facts.graph.inputs:
            record = facts.profile.by_id.get(item.name)
            start[item.name] = record.log10_activation if record is not None else None
        set_anew = facts.ids_with(
            Trait.NORMALIZING,
            Trait.MERGING,
            Trait.EMBEDDING,
            Trait.ATTENTION,
            Trait.RECURRENT,
            Trait.SCALING,
            Trait.PREPROCESSING,
        )
        for node in facts.graph.nodes:
            record = facts.profile.by_id.get(node.id)
            size = record.log10_activation if record is not None else None
            names = facts.graph.sources[node.id]
            before = start.get(names[0]) if len(set(names)) == 1 else None
            if size is None or before is None or node.id in set_anew:
                start[node.id] = size
                continue
            start[node.id] = before
            if size - before < limit and node.id in facts.paths.shortest_below and not facts.is_final(node):
                start[node.id] = size  # said once
                if math.isinf(size):
                    continue  # zero weights: another rule's finding
                yield Finding(
                    f"the signal has shrunk to {power(size - before)} of its size by here",
                    node=node.id,
                    effect="vanishing",
                    region=facts.lineage((node.id,)),
                    help="give the layers before it weights of the scale their activation needs, or normalize",
                    evidence=Evidence(
                        "mean square of the signal, relative to the input's",
                        number(2.0 * (size - before)),
                        self.limit(facts, "mean-square"),
                        self._path(facts, node.id),
                    ),
                    proposals=tuple(self._remedies(facts, node.id)),
                )

    def _remedies(self, facts: Facts, name: str) -> Iterator[Proposal]:
        """For the stretch in which the signal fades: normalization, and residual connections where it is deep."""
        for stretch in facts.stretches:
            if any(node.id == name for node in stretch.nodes):
                if len(stretch.kernels) >= self.limit(facts, "kernels") and not stretch.bypassed:
                    yield from add_residuals(facts, stretch.nodes)
                changes = tuple(Change("insert-after", n.id, value="LayerNormalization") for n in stretch.kernels)
                yield Proposal("normalize behind every layer", changes, Applicability.UNSAFE)

    def _path(self, facts: Facts, name: str) -> tuple[str, ...]:
        """The nodes before one in its chain that shrink the signal most."""
        found: dict[str, float] = {}
        here = facts.graph.by_id.get(name)
        while here is not None and len(facts.edges.get(here.id, ())) == 1:
            found[here.id] = facts.edges[here.id][0].activation
            here = facts.only_producer(here)
        return tuple(sorted(found, key=lambda key: found[key])[:5])
