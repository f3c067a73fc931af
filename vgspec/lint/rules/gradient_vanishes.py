"""VG101: gradient-vanishes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.layers.base import Trait
from vgspec.lint.causes import rectify, saturates
from vgspec.lint.rule import Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["GradientVanishes"]


class GradientVanishes(Rule):
    """The gradient that reaches some weights is predicted to be too small to train them.

    ## What it does

    Predicts, at initialisation and for standardised inputs, the norm of the gradient at every trainable kernel. It
    reports kernels whose mean absolute gradient is below 1e-7 (and whose norm is below 1e-5), and kernels whose norm is
    below 1e-4 and below a thousandth of that at the last kernel. Layers that cannot be analysed, and what stands before
    them, are not judged. There is one finding for each part of the model that is cut off, at the weights that get
    least; where these are in a side branch, such as a gate, it informs only.

    ## Why is this bad?

    Weights without a gradient keep their random first values: the first layers of the model never learn. Adaptive
    optimizers divide by the size of the gradient, but not below their epsilon, 1e-7 in Keras.

    ## Use instead

    What the finding names as the worst edges: another activation, weights of another scale, a normalization, a
    residual connection.

    ## Fix safety

    Unsafe: it changes activations, and with them the function that the model computes.

    ## References

    - Hochreiter 1991; Glorot and Bengio 2010
    - Schoenholz et al. 2017, Deep information propagation (the prediction)
    """

    code = "VG101"
    name = "gradient-vanishes"
    group = "vanishing"
    measured = True
    role = "effect"
    settings: ClassVar = {
        "mean": Threshold(
            1e-7, "mean absolute gradient", "the limit of run-time tools, and the epsilon of Adam in Keras"
        ),
        "most": Threshold(
            1e-5,
            "norm of the gradient",
            "the mean over a large kernel is small in any case: the norm must be small too",
        ),
        "norm": Threshold(1e-4, "norm of the gradient", "the limit of run-time tools, where the ratio is exceeded too"),
        "ratio": Threshold(
            1e-3,
            "times that of the last kernel",
            "the limit of run-time tools: the first layers learn a thousand times slower than the last",
        ),
        "error": Threshold(
            1e-14,
            "mean absolute gradient",
            "so far below the epsilon of every optimizer that nothing moves: an error, where the others are warnings",
        ),
    }
    bad = (
        Example(
            "Twenty sigmoid layers",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 64, activation: sigmoid}}]}
                - Dense: {units: 10, activation: softmax}
                """
            ),
            finds=("repeat.0.dense",),
            also=("saturating-stack", "no-skip-in-deep-stack"),
        ),
        Example(
            "A softmax over one unit, which has no slope",
            model(
                """
                - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 1, activation: softmax}
                """,
                compile="optimizer: adam\nloss: mse",
            ),
            finds=("dense",),
            also=("loss-activation-mismatch",),
        ),
    )
    good = (
        Example(
            "Twenty layers with skip connections",
            model(
                """
                - repeat: 20
                  body:
                    - residual: {body: [LayerNormalization, {Dense: {units: 64, activation: sigmoid}}]}
                - Dense: {units: 10, activation: softmax}
                """
            ),
        ),
        Example(
            "Twenty relu layers with weights that fit",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10, activation: softmax}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Judge every kernel; gather those that hang together."""
        weak = dict(self._weak(facts))
        for group in _connected(facts, set(weak)):
            worst = min(group, key=lambda name: (weak[name][0], facts.graph.by_id[name].id))
            size, norm = weak[worst]
            edges = _worst_edges(facts, worst)
            stages = [stage for stage in facts.stages if stage.node.id in edges and saturates(stage.activation)]
            every = [s for s in facts.stages if saturates(s.activation) and not facts.is_final(s.node)]
            changes = tuple(change for stage in every for change in rectify(facts, stage)) if stages else ()
            more = len(group) - 1
            others = f", and {more} more kernel{'s get' if more > 1 else ' gets'} too little" if more else ""
            by_mean = size < math.log10(self.limit(facts, "mean"))
            yield Finding(
                f"the gradient at this layer's kernel is predicted to be {power(norm)}{others}",
                node=worst,
                effect="vanishing",
                region=facts.lineage(group),
                related=tuple((name, f"{power(edges[name])} of it passes here") for name in list(edges)[:3]),
                notes=(f"on average {power(size)} for each of its weights",),
                help="see where the gradient is lost; normalize, add residual connections, or change activations there",
                evidence=Evidence(
                    f"{'mean absolute' if by_mean else 'norm of the'} gradient of the kernel",
                    number(size if by_mean else norm),
                    self.limit(facts, "mean" if by_mean else "norm"),
                    tuple(edges)[:5],
                ),
                severity=self._severity(facts, worst, size),
                proposals=(Proposal("use relu with he_normal", changes, Applicability.UNSAFE),) if changes else (),
            )

        yield from self._cut_off(facts)

    def _cut_off(self, facts: Facts) -> Iterator[Finding]:
        """Kernels whose gradient is exactly zero, since a function behind them is constant, as softmax over one unit.

        Kernels that are zero on purpose, at the end of a residual branch or of the model, cut a gradient off for the
        first step only. Elementwise functions have a slope somewhere: how rarely it is met is for other rules.
        """
        walls = {
            stage.node.id
            for stage in facts.stages
            if stage.activation.scalar() is None
            and any(edge.gradient == -math.inf for edge in facts.edges.get(stage.node.id, ()))
            and all(kernel.moments.second_moment > 0.0 for kernel in facts.own_kernels.get(stage.node.layer, ()))
        }
        above = set(walls)
        for node in reversed(facts.nodes):
            if node.id in above:
                above.update(facts.graph.sources[node.id])
        dead = [
            node.id
            for node in facts.first_calls
            if node.id in above and (signal := facts.signal(node)) is not None and -math.inf in signal.kernels.values()
        ]
        if not dead:
            return
        more = len(dead) - 1
        others = f", nor {more} more kernel{'s' if more > 1 else ''}" if more else ""
        yield Finding(
            f"no gradient reaches this layer's kernel{others}: it is exactly 0",
            node=dead[0],
            effect="vanishing",
            region=facts.lineage(dead),
            related=tuple((name, "it is lost here") for name in sorted(walls)[:3]),
            help="use a function there that depends on its input",
            evidence=Evidence(
                "norm of the gradient of the kernel", 0.0, self.limit(facts, "norm"), tuple(sorted(walls)[:5])
            ),
            severity=Severity.ERROR,
        )

    def _severity(self, facts: Facts, name: str, size: float) -> Severity | None:
        """Information for a side branch: what is around it trains, and the branch then gets more."""
        if facts.is_side_branch(facts.graph.by_id[name]):
            return Severity.INFO
        return Severity.ERROR if size < math.log10(self.limit(facts, "error")) else None

    def _weak(self, facts: Facts) -> Iterator[tuple[str, tuple[float, float]]]:
        """Nodes with a weak kernel: decimal logarithms of the mean absolute gradient and of the norm."""
        last = facts.last_kernel_gradient
        limits = [math.log10(self.limit(facts, key)) for key in ("mean", "most", "norm", "ratio")]
        mean, most, norm, ratio = limits
        for node in facts.first_calls:
            signal = facts.signal(node)
            if signal is None or not signal.kernels or facts.has(node, Trait.EMBEDDING) or node.id in facts.gated:
                continue
            for weight in facts.weights(node):
                found = signal.kernels.get(weight.name.rpartition("/")[2])
                sizes = [size for size in weight.shape if isinstance(size, int)]
                if found is None or not math.isfinite(found) or len(sizes) < 2:
                    continue
                average = found - 0.5 * math.log10(math.prod(sizes)) + math.log10(0.8)  # E|x| of a Gaussian
                if (average < mean and found < most) or (found < norm and last is not None and found < last + ratio):
                    yield node.id, (average, found)
                    break


def _connected(facts: Facts, names: set[str]) -> list[list[str]]:
    """The nodes in groups that hang together through nodes before the last of them."""
    label: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := label[name]) != name:
            label[name] = name = label[above]  # half of the way is left out the next time
        return name

    before: set[str] = set(names)
    for node in reversed(facts.nodes):
        if node.id in before:
            before.update(facts.graph.sources[node.id])
    for node in facts.nodes:
        if node.id in before:
            label.setdefault(node.id, node.id)
            for name in facts.graph.sources[node.id]:
                label.setdefault(name, name)
                label[root(name)] = root(node.id)
    groups: dict[str, list[str]] = {}
    for node in facts.nodes:
        if node.id in names:
            groups.setdefault(root(node.id), []).append(node.id)
    return list(groups.values())


def _worst_edges(facts: Facts, name: str) -> dict[str, float]:
    """On the easiest path from a node to an output: the nodes that take most, with decades, the worst first."""
    found: dict[str, float] = {}
    here: Node | None = facts.graph.by_id[name]
    while here is not None:
        readers = [reader for reader in facts.consumers(here) if reader.id in facts.paths.shortest_below]
        if not readers or here.id in facts.output_nodes:
            break
        source = here.id
        here = min(readers, key=lambda reader: facts.paths.shortest_below[reader.id])
        crossing = [edge.gradient for edge in facts.edges.get(here.id, ()) if edge.source == source]
        if crossing and not facts.is_final(here):
            found[here.id] = max(crossing)
    worst = sorted(found, key=lambda key: found[key])
    return {key: found[key] for key in worst if found[key] < 0}
