"""The page of `vgspec.dev.calibrate`: tables by network and by edge type, and the detector's precision and recall."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from vgspec.dev.calibration_compare import Comparison, KernelSize, percentile
from vgspec.dev.calibration_data import NAMED, Record

__all__ = ["TARGETS", "Counts", "cause", "explodes", "meets", "misses", "page", "perhaps", "vanishes"]

TARGETS: Mapping[str, tuple[float, float]] = {
    "activation": (0.05, 0.15),
    "gradient": (0.05, 0.15),
    "kernel": (0.1, 0.3),
}
"""Median and 95th percentile, in decades."""
TITLES: Mapping[str, str] = {
    "specs": "the zoo (specs/)",
    "techniques": "specs/techniques",
    "applications": "keras.applications",
    "drawn": "specs drawn at random, 16 to 96 wide",
    "narrow": "the same, 1 to 6 wide",
    "deep": "deep stacks drawn at random",
}


def vanishes(sizes: Sequence[tuple[KernelSize, float]]) -> bool:
    """Whether a kernel's gradient is below the limits of the rule gradient-vanishes; no gradient at all is, too."""
    from vgspec.lint.rules.gradient_vanishes import GradientVanishes

    limits = GradientVanishes.settings
    mean, most, norm, ratio = (math.log10(limits[key].default) for key in ("mean", "most", "norm", "ratio"))
    judged = [(kernel, size) for kernel, size in sizes if kernel.type_name != "Embedding"]
    finite = [size for _, size in judged if math.isfinite(size)]
    for kernel, size in judged:
        average = size - 0.5 * math.log10(kernel.entries) + math.log10(0.8)
        if (average < mean and size < most) or (size < norm and size < finite[-1] + ratio if finite else True):
            return True
    return False


def explodes(sizes: Sequence[tuple[KernelSize, float]]) -> bool:
    """Whether a kernel's gradient is above the limits of the rule gradient-explodes."""
    from vgspec.lint.rules.gradient_explodes import GradientExplodes

    limits = GradientExplodes.settings
    norm, least, ratio = (math.log10(limits[key].default) for key in ("norm", "least", "ratio"))
    if not sizes:
        return False
    last, largest = sizes[-1][1], max(size for _, size in sizes)
    return largest > norm or (largest > least and largest > last + ratio)


class Counts:
    """Right and wrong verdicts on models.

    ``undecided`` are those whose measured verdict is another one if all kernels' gradients are larger or smaller by one
    standard deviation over the initialisations; ``decided`` holds the others' measured, predicted and both.
    """

    def __init__(self, comparisons: Iterable[Comparison], judge: Callable[..., bool]) -> None:
        self.both = self.predicted = self.measured = self.total = self.undecided = 0
        self.decided = [0, 0, 0]
        self.wrong: list[str] = []
        for item in comparisons:
            if not item.kernels:
                continue
            mine = judge([(kernel, kernel.predicted) for kernel in item.kernels])
            theirs = judge([(kernel, kernel.measured) for kernel in item.kernels])
            self.total += 1
            self.both += mine and theirs
            self.predicted += mine
            self.measured += theirs
            sure = all(
                judge([(kernel, kernel.measured + sign * kernel.deviation) for kernel in item.kernels]) == theirs
                for sign in (-1.0, 1.0)
                if all(math.isfinite(kernel.deviation) for kernel in item.kernels)
            ) and all(math.isfinite(kernel.deviation) for kernel in item.kernels)
            if sure:
                self.decided = [a + b for a, b in zip(self.decided, (theirs, mine, mine and theirs), strict=True)]
            self.undecided += not sure
            if mine != theirs:
                self.wrong.append(item.name if sure else f"({item.name})")

    def row(self, name: str) -> str:
        """A row of the table."""
        measured, predicted, both = self.decided
        precision, recall = _share(self.both, self.predicted), _share(self.both, self.measured)
        among = f"{_share(both, predicted)} | {_share(both, measured)}"
        false, missed = self.predicted - self.both, self.measured - self.both
        wrong = ", ".join(self.wrong[:6])
        return (
            f"| {name} | {self.total} | {self.measured} | {self.predicted} | {self.both} | {false} | {missed} "
            f"| {precision} | {recall} | {self.undecided} | {among} | {wrong} |"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def cause(item: Comparison, direction: str) -> str:
    """The layer type across which most of a model's error arises (by sum of squares), and its largest edge.

    Edges that take error away do not count.
    """
    sums: dict[str, float] = defaultdict(float)
    edges = [edge for edge in item.edges if edge.direction == direction and edge.growth > 0.0]
    for edge in edges:
        sums[edge.type_name] += edge.growth * edge.growth
    if not sums:
        return "–"
    kind = max(sums, key=lambda key: sums[key])
    worst = max((edge for edge in edges if edge.type_name == kind), key=lambda edge: edge.growth)
    return f"{kind} ({worst.value:+.2f} at `{worst.node}`)"


def meets(values: Iterable[float], median: float, p95: float) -> bool:
    """Whether errors keep within their targets."""
    found = list(values)
    return percentile(found, 0.5) <= median and percentile(found, 0.95) <= p95


def perhaps(item: Comparison) -> bool:
    """Whether the measurement is too coarse to tell that a model misses a target."""
    return set(item.zeros) <= set(item.unsure) and all(
        not getattr(item, kind) or meets(item.beyond_doubt(kind), *TARGETS[kind]) for kind in TARGETS
    )


def misses(item: Comparison) -> list[str]:
    """What misses its target, with the edge type that causes it."""
    found = []
    if item.zeros:
        found.append(f"zero by one of the two only: {len(item.zeros)}, first `{item.zeros[0]}`")
    for name, (median, p95) in TARGETS.items():
        values = getattr(item, name).values()
        if not values or meets(values, median, p95):
            continue
        if name == "kernel":
            worst = max(item.kernel, key=lambda key: abs(item.kernel[key]))
            found.append(f"kernel: {item.kernel[worst]:+.2f} at `{worst}`")
        else:
            found.append(f"{name}: {cause(item, 'forward' if name == 'activation' else 'backward')}")
    return found


def _three(values: Iterable[float]) -> str:
    found = list(values)
    return " / ".join(f"{percentile(found, share):.3f}" for share in (0.5, 0.95, 1.0)) if found else "–"


def _row(name: str, items: Sequence[Comparison], remark: str) -> str:
    cells = [_three(value for item in items for value in getattr(item, key).values()) for key in TARGETS]
    n = sum(len(item.gradient) for item in items)
    return f"| {name} | {n} | {' | '.join(cells)} | {sum(item.unknown for item in items)} | {remark} |"


def _networks(comparisons: Sequence[Comparison], records: Mapping[str, Record]) -> list[str]:
    lines = [
        "| network | seeds | n | activation_rms | gradient_rms | kernel_gradient_norm | unknown | misses by |",
        "|---|---:|---:|---|---|---|---:|---|",
    ]
    for item in comparisons:
        name = f"{item.name} | {records[item.name].seeds}"
        found = "; ".join(misses(item))
        lines.append(_row(name, [item], f"{found}; within doubt" if found and perhaps(item) else found))
    return lines


def _groups(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [
        "| networks | n | all targets met | met within doubt | activation | gradient | kernel gradient |"
        " activation_rms | gradient_rms | kernel_gradient_norm |",
        "|---|---:|---:|---:|---:|---:|---:|---|---|---|",
    ]
    for group, title in TITLES.items():
        items = [item for item in comparisons if item.group == group]
        if not items:
            continue
        met = f"{sum(not misses(item) for item in items)} | {sum(map(perhaps, items))}"
        each = [
            sum(not getattr(item, kind) or meets(getattr(item, kind).values(), *TARGETS[kind]) for item in items)
            for kind in TARGETS
        ]
        pooled = [_three(value for item in items for value in getattr(item, kind).values()) for kind in TARGETS]
        lines.append(f"| {title} | {len(items)} | {met} | {' | '.join(map(str, each))} | {' | '.join(pooled)} |")
    return lines


def _edges(comparisons: Sequence[Comparison], direction: str) -> list[str]:
    gathered: dict[str, list[float]] = defaultdict(list)
    for item in comparisons:
        for edge in item.edges:
            if edge.direction == direction:
                gathered[edge.type_name].append(edge.value)
    lines = ["| layer | n | mean | median | p95 | max |", "|---|---:|---:|---:|---:|---:|"]
    for kind, values in sorted(gathered.items(), key=lambda pair: -percentile(pair[1], 0.95)):
        shares = " | ".join(f"{percentile(values, share):.3f}" for share in (0.5, 0.95, 1.0))
        lines.append(f"| {kind} | {len(values)} | {sum(values) / len(values):+.3f} | {shares} |")
    return lines


def page(records: Sequence[Record], comparisons: Sequence[Comparison]) -> str:
    """The whole page as Markdown."""
    lines = [_INTRODUCTION, "", "## In sum", "", *_groups(comparisons), ""]
    for group in NAMED:
        items = [item for item in comparisons if item.group == group]
        if items:
            by_name = {record.name: record for record in records if record.group == group}
            lines += [f"## {TITLES[group]}", "", *_networks(items, by_name), ""]
    random = [item for item in comparisons if item.group not in NAMED]
    if random:
        lines += [*_detector(comparisons), ""]
    for title, chosen in (
        ("named networks", [item for item in comparisons if item.group in NAMED]),
        ("random specs", random),
    ):
        if chosen:
            lines += [f"## Edge by edge, {title}", "", "Gradient, from a layer's output to its input:", ""]
            lines += [*_edges(chosen, "backward"), "", "Activation, from a layer's input to its output:", ""]
            lines += [*_edges(chosen, "forward"), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _detector(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [
        "## As a detector",
        "",
        "A model vanishes or explodes where a kernel's gradient norm is beyond the limits of the rules",
        "gradient-vanishes and gradient-explodes (or is zero, which counts as vanishing). Measured is the median over",
        "the seeds. A model is *undecided* where the measured verdict changes if all its kernels' gradients are",
        "larger, or smaller, by one standard deviation over the seeds: initialisations themselves disagree there. The",
        "last two columns of numbers leave these out; they stand in brackets among the wrong ones.",
        "",
        "| networks | verdict | n | measured | predicted | both | false | missed | precision | recall | undecided "
        "| precision | recall | wrong on |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for group, title in TITLES.items():
        items = [item for item in comparisons if item.group == group]
        if items:
            lines += [Counts(items, judge).row(f"{title} | {judge.__name__}") for judge in (vanishes, explodes)]
    return lines


_INTRODUCTION = """\
# Predicted beside measured

How close the prediction of [gradient flow](../explanation/gradient-flow.md) comes to what Keras measures. Written by

```text
python -m vgspec.dev.calibrate table --write
```

from the measurements in `tests/data/calibration`, which were made by `python -m vgspec.dev.calibrate measure GROUP`.
A test holds the figures: a change of the analysis that makes a network worse is seen at once.

Differences of decimal logarithms, predicted minus measured, as absolute values: median / 95th percentile / maximum
over the tensors (kernels) of a network. Measured by automatic differentiation on a batch of 32, `training=True`; the
measured value is the median over the initialisations (*seeds*). Drawn specs are measured in float64 (float32 with 3-D
pooling), the others in float32. *bytes* are inputs of mean 127.5 and deviation 73.9. Deep stacks have three seeds, and
up to 24 where three left it open whether they meet the targets. Where Keras hands a tensor on as it is (`Identity`,
dropout at rate 0), the gradient is that of the one tensor.

Targets: activation and gradient median at most 0.05 and 95th percentile at most 0.15; kernel gradient 0.1 and 0.3.
A size that is predicted to be zero and measured to be something, or the reverse, has no logarithm to compare: a
network with one misses. For a network that misses, the last column names the type of layer across which most of the
error arises, with its largest edge.

The measured value is uncertain too, as the median of few initialisations: its standard error is their standard
deviation over √(seeds − 1), times what a median's is above a mean's. Within networks that are narrow for their depth
it is larger than the targets. *Met within doubt* counts the networks that would meet all targets if each tensor's
difference were smaller by two of these errors (and a zero that only some of the initialisations measure did not
count): networks that are not shown to miss, which is less than shown to meet."""
