"""Other systems' rules beside ours, as a table that tests hold against the rules: ``docs/reference/peers.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PEERS", "Peer", "Row", "page"]

LOAD = "load"
"""A spec with this mistake does not load, and says why."""
OUT = "left out"


@dataclass(frozen=True, slots=True)
class Row:
    """A rule of another system.

    Attributes:
        rule: what it finds, in our words.
        ours: names of our rules that say the same, or `LOAD`; empty where none does.
        note: why not, or what is to be known.
    """

    rule: str
    ours: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """A system with its rules, and where they are listed."""

    name: str
    source: str
    rows: tuple[Row, ...]


_LAM, _DATA = "loss-activation-mismatch", "lies in the data"
_TASTE = "a matter of taste"

PEERS: tuple[Peer, ...] = (
    Peer(
        "NeuraLint (2021)",
        "Nikanjam et al. 2021, Automatic fault detection for deep learning programs using graph transformations. The "
        "paper counts 23 rules; the tool reports 27 messages for them, some in two or three forms. These are listed.",
        (
            Row("f001, f011 reshape or flatten missing", (LOAD,), "shapes are checked at every layer"),
            Row(
                "f002, f027 down-sampling other than by max pooling, or none",
                note="strided convolutions and average pooling are as good (Springenberg 2015)",
            ),
            Row("f003 activations in a row", ("activation-twice", "double-softmax")),
            Row("f004 constant kernel", ("zero-or-constant-kernel", "shared-seed-symmetry")),
            Row(
                "f005 bias before batch normalization",
                ("bias-before-batchnorm",),
                "only where no activation stands between: there it has an effect",
            ),
            Row("f006 dropout before batch normalization", ("dropout-before-batchnorm",)),
            Row("f007, f010 weights initialised never or twice", note="Keras initialises every weight once"),
            Row("f008 no softmax on the output", (_LAM,)),
            Row("f009 learning layer without an activation", ("hidden-layer-without-activation",)),
            Row("f012 no sigmoid on the output", (_LAM,)),
            Row("f013 map smaller than the window", (LOAD, "kernel-larger-than-input")),
            Row("f014, f021 reshape changes the number of elements, or the batch", (LOAD,)),
            Row(
                "f015, f020 loss on scores instead of probabilities, or the other way around", (_LAM, "double-softmax")
            ),
            Row("f016 windows become smaller with depth", note="a large first window is usual (ResNet)"),
            Row("f017 softmax over one unit", (_LAM,)),
            Row(
                "f018 dropout before pooling",
                note="max pooling over dropped units is a method of its own (Wu and Gu 2015)",
            ),
            Row(
                "f019 dense layers or maps become larger with depth",
                note="decoders and expansions do that on purpose",
            ),
            Row("f022 no loop of training steps", note="not part of a spec"),
            Row(
                "f023 channels do not grow while the map shrinks",
                note="bottlenecks and decoders do that on purpose",
            ),
            Row(
                "f024 bias that does not start at zero",
                ("dying-relu", "forget-gate-bias-off"),
                "where it does harm; not as such",
            ),
            Row("f025 pooling after every convolution of a deep network", (LOAD,), "where nothing is left of the map"),
            Row("f026 convolutions not in blocks of two to four alike", note=_TASTE),
        ),
    ),
    Peer(
        "UMLAUT (2021)",
        "Schoop et al. 2021 and its code: four checks before training, and seven after each epoch.",
        (
            Row("before: loss without `from_logits` on an output that is no softmax layer", (_LAM,)),
            Row("before: hidden layer with a linear activation", ("hidden-layer-without-activation",)),
            Row(
                "before: the last layer has an activation of its own",
                (_LAM, "relu-on-output"),
                "where it does not fit the loss",
            ),
            Row("before: dropout above one half", ("dropout-rate-extreme",), "from 0.8 on: more than half is in use"),
            Row("epoch: inputs have an odd shape", (LOAD,), "against the layers; the rest lies in the data"),
            Row(
                "epoch: inputs outside of −1 to 1",
                ("unscaled-input",),
                "where the spec's `statistics` say so; else it lies in the data",
            ),
            Row("epoch: inputs are not floating point", (LOAD,), "a layer that needs floats says so"),
            Row(
                "epoch: the loss is NaN",
                ("activation-overflows", "gradient-explodes", "first-step-too-long", "learning-rate-out-of-range"),
                "shows at run time; these are its causes",
            ),
            Row("epoch: learning rate above 0.01 or below 1e-7", ("learning-rate-out-of-range",), "by optimizer"),
            Row("epoch: overfitting", ("none-on-large-dense",), "shows in training; this is one cause"),
            Row("epoch: validation accuracy too good", note="shows in training"),
        ),
    ),
    Peer(
        "DL Contract (2023)",
        "Ahmed et al. 2023, Design by contract for deep learning APIs, and the authors' list of contracts.",
        (
            Row(
                "data are normalised",
                ("unscaled-input",),
                "where the spec's `statistics` say so; else it lies in the data",
            ),
            Row("regression: one linear unit and the squared error", ("relu-on-output", "vanishing-loss-gradient")),
            Row("two classes: sigmoid and binary cross-entropy", (_LAM, "vanishing-loss-gradient")),
            Row("several classes: softmax and categorical cross-entropy", (_LAM, "vanishing-loss-gradient")),
            Row("several labels: sigmoid and binary cross-entropy", (_LAM,)),
            Row("hidden layers are not linear", ("hidden-layer-without-activation",)),
            Row("learning rate between 7e-7 and 0.01", ("learning-rate-out-of-range",), "by optimizer"),
            Row("overfitting", ("none-on-large-dense",), "shows in training; this is one cause"),
            Row("validation accuracy too good", note="shows in training"),
            Row("dropout above one half", ("dropout-rate-extreme",), "from 0.8 on: more than half is in use"),
            Row("dying relu: share of zero gradients", ("dying-relu",), "measured in training there, predicted here"),
            Row(
                "vanishing gradient",
                ("gradient-vanishes", "forward-signal-vanishes", "saturating-stack"),
                "measured in training there, predicted here",
            ),
            Row(
                "exploding gradient",
                ("gradient-explodes", "activation-overflows"),
                "measured in training there, predicted here",
            ),
            Row(
                "oscillating loss",
                ("learning-rate-out-of-range", "first-step-too-long"),
                "shows in training; these are its usual causes",
            ),
            Row(
                "slow convergence",
                ("gradient-vanishes", "learning-rate-out-of-range"),
                "shows in training; these are its usual causes",
            ),
        ),
    ),
    Peer(
        "Neurarch (2026)",
        "its rule page, and the list of rules in the published bundle of its server (R01 to R35 in that order; the "
        "page counts 35 with the guards G01 to G05). It is for PyTorch.",
        (
            Row("G01 many layers affected by an edit", note="about edits by an assistant"),
            Row(
                "G02 explosion of parameters by an edit", note="about edits; `vgspec diff` and `show` count parameters"
            ),
            Row("G03 cycle", (LOAD,)),
            Row("G04 layer added without a connection", ("dead-branch", "unreachable-input")),
            Row("G05 guard of edits", note="about edits by an assistant"),
            Row("R01 no input", (LOAD,)),
            Row("R02 no output", (LOAD,), "the last layer is the output unless the spec says otherwise"),
            Row("R03 isolated layers", ("dead-branch", "unreachable-input", "unused-block", "unused-shared")),
            Row("R04 dead end", ("dead-branch",)),
            Row(
                "R05 normalization behind an activation",
                note="both orders are in use and train (ConvNeXt, many ResNet variants)",
            ),
            Row("R06 dropout before batch normalization", ("dropout-before-batchnorm",)),
            Row("R07 softmax or sigmoid before the output", (_LAM,), "with the loss in view instead of on suspicion"),
            Row(
                "R08 normalization at the output",
                note="normalised embeddings are usual, and a batch-normalised output is rare",
            ),
            Row(
                "R09 deep without a skip connection",
                ("no-skip-in-deep-stack", "narrow-deep-stack"),
                "where the predicted gradient shrinks, or the width is below the depth: depth alone is a poor sign",
            ),
            Row(
                "R10 attention without positions",
                note="sets have no order, and causal masks give positions away (Haviv 2022)",
            ),
            Row("R11 risk of a vanishing gradient", ("gradient-vanishes", "saturating-stack")),
            Row(
                "R12 deep without normalization",
                ("no-normalization-in-deep-stack",),
                "where the predicted size of the signal drifts",
            ),
            Row("R13 high dropout", ("dropout-rate-extreme",)),
            Row("R14 large activations", note="about memory: `vgspec show`, and limits before building"),
            Row("R15 mixture of experts without a balancing loss", note="no such layer in Keras"),
            Row("R16 query groups do not divide", (LOAD,)),
            Row("R17 width of a SwiGLU block by convention", note=_TASTE),
            Row("R18 dense layer behind a convolution without flattening", note="in Keras it acts on the channels"),
            Row("R19 activations in a row", ("activation-twice", "double-softmax")),
            Row("R20 dense layers in a row without an activation", ("hidden-layer-without-activation",)),
            Row("R21 dropout at the output", ("dropout-on-output",)),
            Row("R22 stride larger than the window", ("stride-larger-than-kernel",)),
            Row("R23 vector into a convolution", (LOAD,)),
            Row("R24 two normalizations in a row", ("normalization-twice",)),
            Row("R25 two positional encodings", note="absolute and relative ones together are in use"),
            Row("R26 dense layer behind a pooling without flattening", note="in Keras it acts on the channels"),
            Row("R27 flattened vector into attention", (LOAD,)),
            Row("R28 transposed convolution with a chessboard pattern", ("uneven-transposed-convolution",)),
            Row("R29 channels do not divide into groups", (LOAD,)),
            Row("R30 dense layer with very many weights", ("flatten-of-large-map", "none-on-large-dense")),
            Row("R31 full attention at a large scale", note="about the cost of serving"),
            Row(
                "R32 default initializer before a saturating activation",
                ("initializer-activation-mismatch", "oversized-initializer", "undersized-initializer"),
                "PyTorch's default differs; Keras's suits sigmoid and tanh",
            ),
            Row(
                "R33 many attention layers with the default initializer",
                ("unnormalised-residual-growth",),
                "where the predicted signal grows",
            ),
            Row("R34 output does not have the size of the vocabulary", note="classifiers over text do not either"),
            Row("R35 memory of the cache of keys and values", note="about the cost of serving"),
        ),
    ),
    Peer(
        "neurarch-lint (2026)",
        "its catalogue of twenty rules on source text.",
        (
            Row("heads do not divide the width", note="cannot be written: Keras takes the size of a head by itself"),
            Row("query groups do not divide", (LOAD,)),
            Row("channels do not divide into groups", (LOAD,)),
            Row("zero features", (LOAD,)),
            Row("dropout rate out of range", (LOAD, "dropout-rate-extreme")),
            Row("stride of zero", (LOAD,)),
            Row("window of zero or less", (LOAD,)),
            Row("embedding of size zero", (LOAD,)),
            Row("negative padding", note="cannot be written: padding is a word in Keras"),
            Row("softmax before cross-entropy on logits", (_LAM,)),
            Row("sigmoid before its cross-entropy on logits", (_LAM,)),
            Row("binary cross-entropy without a sigmoid", (_LAM,)),
            Row("softmax without an axis", note="Keras has a default, the last axis"),
            Row(
                "logarithm before a softmax",
                note="a softmax of log-probabilities is those probabilities; rare, harmless",
            ),
            Row("bias before normalization", ("bias-before-batchnorm",)),
            Row("batch normalization behind an activation", note="both orders are in use and train"),
            Row("ReLU before a softmax", ("activation-twice", _LAM), "on an output also by what the loss expects"),
            Row("view after a transposition", note="about memory layout in PyTorch"),
            Row("scheduler before the optimizer", note="not part of a spec"),
            Row("eight or more layers without a skip connection", ("no-skip-in-deep-stack", "narrow-deep-stack")),
        ),
    ),
)

_INTRO = """\
# Other systems' rules, and ours

<!-- Generated by `python -m vgspec.dev.generate` from `vgspec/dev/peers.py`; do not edit. -->

For each rule of static or partly static systems: which of our [rules](rules.md) says the same, or why none does.
*Load* means that a spec with this mistake does not load, and says why. Rules are worded here in our own terms.

| system | rules | in ours | left out |
|---|---:|---:|---:|
"""
_END = """\
## What none of them has

Predicted size of gradients and activations, memory horizon of recurrences (`plain-recurrence-over-long-sequence`),
growth of residual sums (`unnormalised-residual-growth`), missing clipping (`no-gradient-clipping`,
`recurrent-without-clipping`), the first step against the weights (`first-step-too-long`), vanishing in absolute terms
(`forward-signal-vanishes`), and the probability that a narrow stack starts dead (`dying-relu`, `narrow-deep-stack`).
"""


def page() -> str:
    """The page."""
    counts = []
    for peer in PEERS:
        covered = sum(bool(row.ours) for row in peer.rows)
        counts.append(f"| {peer.name} | {len(peer.rows)} | {covered} | {len(peer.rows) - covered} |\n")
    parts = [_INTRO + "".join(counts)]
    for peer in PEERS:
        rows = "\n".join(f"| {row.rule} | {_ours(row)} |" for row in peer.rows)
        parts.append(f"## {peer.name}\n\nSource: {peer.source}\n\n| rule | ours |\n|---|---|\n{rows}\n")
    return "\n".join([*parts, _END])


def _ours(row: Row) -> str:
    names = ", ".join(name if name == LOAD else f"`{name}`" for name in row.ours)
    if not names:
        return f"{OUT}: {row.note}"
    return f"{names}; {row.note}" if row.note else names


def repeated(rows: Sequence[Row]) -> list[str]:
    """Rules that are listed twice."""
    return [rule for rule, number in Counter(row.rule for row in rows).items() if number > 1]
