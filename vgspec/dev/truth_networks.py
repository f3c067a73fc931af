"""Networks drawn at random, half of them flagged, trained on small images of digits: do the flagged ones fail?

Every network is drawn from the same distribution and sorted by what the linter says of it, so that both halves hold
deep and shallow, normalised and plain ones. Each flagged network is also trained as ``--fix --unsafe-fixes`` leaves
it. The data are the 1,797 images of 8 x 8 grey levels that scikit-learn ships (UCI optical recognition of digits),
brought to mean 0 and variance 1.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as kept
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from vgspec.diagnostics import Severity

__all__ = [
    "BATCH",
    "EPOCHS",
    "GROUPS",
    "LEARNT",
    "Drawn",
    "Trained",
    "draw",
    "flags",
    "health",
    "networks",
    "page",
    "run",
]

EPOCHS = 20
"""Of 44 steps each. The budget was chosen on the draws of seeds 21, 22 and 31: in a fifth of it, some sound but slow
networks (two small convolutions, sigmoids behind a normalization) had not yet learnt, which says nothing of them."""
BATCH = 32
"""Keras's default."""
LEARNT = 0.5
"""Share of the test images that a network must get right to count as having learnt; chance is 0.1."""
SEED = 20
"""Of the weights and of the order of the examples."""
TESTED = 360
SEEN: Mapping[int, str] = {
    41: "One threshold was lowered after this set had been seen (a change of the output by the first step of 2, now of "
    "1): before, 45 of the 50 flagged networks learnt after fixing, and 2 of the 50 that were not flagged failed.",
}
"""What was changed after a set had served as the measure, by its seed."""
GROUPS = ("vanishing", "exploding", "initialization", "dead-units", "optimisation")
"""A warning or error of these groups flags a network, as does a loss that does not fit the output."""

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "leaky_relu", "softsign", "hard_sigmoid")
_INITIALIZERS: tuple[Any, ...] = (
    None,
    "he_normal",
    "lecun_normal",
    "glorot_normal",
    "he_uniform",
    "orthogonal",
    {"RandomNormal": {"stddev": 0.01}},
    {"RandomNormal": {"stddev": 0.05}},
    {"RandomNormal": {"stddev": 1.0}},
    "zeros",
)
_DEPTHS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 30)
_DEPTH_WEIGHTS = (6, 6, 6, 5, 5, 4, 4, 3, 2, 1, 1)
_FROM_LOGITS = {"SparseCategoricalCrossentropy": {"from_logits": True}}
_OUTPUTS: tuple[tuple[str, Any], ...] = (
    ("linear", _FROM_LOGITS),
    ("softmax", "sparse_categorical_crossentropy"),
    ("softmax", _FROM_LOGITS),
    ("linear", "sparse_categorical_crossentropy"),
    ("relu", "sparse_categorical_crossentropy"),
)
_OUTPUT_WEIGHTS = (8, 8, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A network.

    Attributes:
        number: its place in the sequence that the seed gives.
        text: the spec.
        flagged: the rules that flag it; empty if none does.
    """

    number: int
    text: str
    flagged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """What training gave.

    Attributes:
        network: the network.
        accuracy: on the test images.
        fixed: the same after fixing; None for a network that is not flagged.
        changed: whether there was anything to fix.
        left: rules that still flag it after the fixes.
        rounds: rounds of fixing.
        health: what measuring the gradients at the start says of the network as drawn and after fixing; empty where
            they were not measured.
    """

    network: Drawn
    accuracy: float
    fixed: float | None = None
    changed: bool = False
    left: tuple[str, ...] = ()
    rounds: int = 0
    health: tuple[str, ...] = ()

    @property
    def learnt(self) -> bool:
        """Whether the network as drawn learnt."""
        return self.accuracy >= LEARNT

    @property
    def repaired(self) -> bool:
        """Whether it learnt after fixing."""
        return self.fixed is not None and self.fixed >= LEARNT


# --- drawing ------------------------------------------------------------------------------------------


def draw(rng: random.Random) -> dict[str, Any]:
    """A spec of a classifier of 8 x 8 images, as plain data."""
    convolutional = rng.random() < 0.25
    depth = (
        rng.choices(_DEPTHS[:6], _DEPTH_WEIGHTS[:6])[0] if convolutional else rng.choices(_DEPTHS, _DEPTH_WEIGHTS)[0]
    )
    width = rng.choice((8, 16, 24) if convolutional else (16, 32, 64, 96))
    activation = rng.choice(_ACTIVATIONS)
    kernel = rng.choice(_INITIALIZERS[:1] * 6 + _INITIALIZERS)
    normalization = rng.choice((None, None, "BatchNormalization", "LayerNormalization"))
    skips = rng.random() < 0.3
    own = {} if kernel is None else {"kernel_initializer": kernel}

    def layer() -> list[dict[str, Any]]:
        if convolutional:
            arguments: dict[str, Any] = {"filters": width, "kernel_size": 3, "padding": "same"} | own
        else:
            arguments = {"units": width} | own
        name = "Conv2D" if convolutional else "Dense"
        if normalization is None:
            return [{name: arguments | {"activation": activation}}]
        return [
            {name: arguments | ({"use_bias": False} if normalization == "BatchNormalization" else {})},
            {normalization: {}},
            {"Activation": {"activation": activation}},
        ]

    layers: list[dict[str, Any]] = list(layer())
    for number in range(1, depth):
        layers += [{"residual": {"body": layer()}}] if skips else layer()
        if convolutional and number == depth // 2:
            layers.append({"MaxPooling2D": {}})
    if convolutional:
        layers.append({"GlobalAveragePooling2D": {}} if rng.random() < 0.3 else {"Flatten": {}})
    output, loss = rng.choices(_OUTPUTS, _OUTPUT_WEIGHTS)[0]
    layers.append({"Dense": {"units": 10} | ({} if output == "linear" else {"activation": output})})
    optimizer = rng.choice(("Adam", "Adam", "SGD"))
    arguments = {"Adam": {"learning_rate": 0.002}, "SGD": {"learning_rate": 0.05, "momentum": 0.9}}[optimizer]
    return {
        "vgspec": "1",
        "inputs": {"image": {"shape": [8, 8, 1] if convolutional else [64]}},
        "layers": layers,
        "compile": {"optimizer": {optimizer: arguments}, "loss": loss, "metrics": ["accuracy"]},
    }


def flags(text: str) -> tuple[tuple[str, ...], bool]:
    """The rules that flag a spec, and whether the linter is quiet: neither error nor warning of any kind."""
    from vgspec.frontend.load import load
    from vgspec.lint.engine import lint

    return _flags(lint(load(text), fixes=None))


def _flags(result: Any) -> tuple[tuple[str, ...], bool]:
    from vgspec.lint.engine import find_rule

    loud = [d for d in result.diagnostics if d.severity is not Severity.INFO]
    names = dict.fromkeys(name for d in loud for name in d.names)
    found = [n for n in names if (rule := find_rule(n)) and (rule.group in GROUPS or n == "loss-activation-mismatch")]
    return tuple(found), not loud


def networks(count: int, seed: int) -> tuple[Drawn, ...]:
    """Half of ``count`` networks flagged and half not, in the order in which they were drawn."""
    from vgspec.frontend.load import load

    rng = random.Random(seed)
    wanted = {True: count - count // 2, False: count // 2}
    found = []
    number = 0
    while any(wanted.values()):
        number += 1
        text = load(draw(rng)).to_yaml()
        names, quiet = flags(text)
        if (names or quiet) and wanted[bool(names)]:
            wanted[bool(names)] -= 1
            found.append(Drawn(number, text, names))
    return tuple(found)


# --- training -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Digits:
    """Images with labels, as rows of 64 numbers; the last `TESTED` of a fixed shuffle are for testing."""

    train: tuple[Any, Any]
    test: tuple[Any, Any]


@kept
def digits() -> Digits:
    """The data."""
    import numpy as np
    from sklearn.datasets import load_digits

    data = load_digits()
    images = data.data.astype("float32")
    images = (images - images.mean()) / images.std()
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:-TESTED], order[-TESTED:]
    return Digits((images[train], data.target[train]), (images[test], data.target[test]))


def train(text: str) -> float:
    """The test accuracy of a network after `EPOCHS` epochs; numbers that are not finite are wrong."""
    import numpy as np

    from vgspec.backends.training import train_classifier
    from vgspec.frontend.load import load

    data = digits()
    graph = load(text).require_graph()
    scores = train_classifier(graph, data.train, data.test[0], epochs=EPOCHS, batch=BATCH, seed=SEED)
    right = scores.argmax(-1) == data.test[1]
    return float(np.where(np.isfinite(scores).all(-1), right, False).mean())


def health(text: str) -> str:
    """What the gradients of a network's kernels say at the start, measured with autodiff, median of three seeds.

    Returns:
        ``overflows``, ``vanishes`` (the mean below 1e-7 at a kernel, or the first norm below 1e-4 and 1e-3 of the
        last), ``explodes`` (the first norm above 70 times the last) or ``healthy``: the yardstick of run-time tools.
    """
    import math
    from statistics import median

    from vgspec.backends.keras_model import build_model
    from vgspec.backends.measure import measure
    from vgspec.backends.runtime import load_keras
    from vgspec.frontend.load import load

    graph = load(text).require_graph()
    norms: dict[tuple[str, str], list[float]] = {}
    entries: dict[str, int] = {}
    for seed in range(3):
        model = build_model(graph, seed=seed)
        entries = {layer.name: math.prod(layer.kernel.shape) for layer in model.layers if hasattr(layer, "kernel")}
        for key, size in measure(model, seed=seed).kernels.items():
            if key[0] in entries:
                norms.setdefault(key, []).append(size)
    load_keras().backend.clear_session()
    sizes = {key: median(found) for key, found in norms.items()}
    if any(math.isnan(size) or size == math.inf for size in sizes.values()):
        return "overflows"
    ordered = [sizes[key] for key in norms]
    first, last = ordered[0], ordered[-1]
    # E|x| of a Gaussian is 0.8 of its deviation
    if any(size - 0.5 * math.log10(entries[layer]) + math.log10(0.8) < -7.0 for (layer, _), size in sizes.items()):
        return "vanishes"
    if first < -4.0 and first < last - 3.0:
        return "vanishes"
    return "explodes" if first > last + math.log10(70.0) else "healthy"


def mended(text: str) -> tuple[str, tuple[str, ...], int]:
    """A spec as ``--fix --unsafe-fixes`` leaves it, the rules that still flag it, and the rounds it took."""
    from vgspec.frontend.load import load
    from vgspec.lint.fixes import fix_spec

    fixed = fix_spec(load(text), unsafe=True)
    return fixed.text, _flags(fixed.result)[0], fixed.rounds


def _key(text: str) -> str:
    kind = " batch statistics" if "BatchNormalization" in text else ""
    return hashlib.sha256(f"{EPOCHS} {BATCH} {SEED}{kind}\n{text}".encode()).hexdigest()[:24]


def _each(
    work: Callable[[str], float | str], kind: str, texts: Sequence[str], workers: int, cache: Path | None
) -> dict[str, Any]:
    """What is found for every text; what is in the cache is taken from there, the rest is added to it."""
    known: dict[str, float | str] = {}
    if cache is not None and cache.exists():
        known = dict(json.loads(line) for line in cache.read_text(encoding="utf-8").splitlines())
    missing = [text for text in dict.fromkeys(texts) if kind + _key(text) not in known]
    start = time.monotonic()
    with get_context("spawn").Pool(workers) as pool:
        for done, (text, value) in enumerate(pool.imap_unordered(partial(_job, work), missing), 1):
            known[kind + _key(text)] = value
            if cache is not None:
                with cache.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps([kind + _key(text), value]) + "\n")
            print(f"{done}/{len(missing)}, {time.monotonic() - start:.0f} s: {value}", file=sys.stderr, flush=True)
    return {text: known[kind + _key(text)] for text in texts}


def _job(work: Callable[[str], float | str], text: str) -> tuple[str, float | str]:
    return text, work(text)


def run(
    count: int, seed: int, *, workers: int = 2, cache: Path | None = None, gradients: bool = True
) -> tuple[Trained, ...]:
    """Draw and train; needs Keras and scikit-learn.

    Args:
        count: of networks.
        seed: of the draw.
        workers: processes that train.
        cache: a file of what was measured before.
        gradients: whether to measure the gradients of flagged networks, too.
    """
    chosen = networks(count, seed)
    print(f"{len(chosen)} networks from {chosen[-1].number} drawn", file=sys.stderr, flush=True)
    fixes = {item.text: mended(item.text) for item in chosen if item.flagged}
    texts = [item.text for item in chosen] + [text for text, _, _ in fixes.values()]
    accuracies = _each(train, "", texts, workers, cache)
    measured = [text for before, (after, _, _) in fixes.items() for text in (before, after)] if gradients else []
    states = _each(health, "health ", measured, workers, cache)
    found = []
    for item in chosen:
        if item.text not in fixes:
            found.append(Trained(item, accuracies[item.text]))
            continue
        text, left, rounds = fixes[item.text]
        both = (states[item.text], states[text]) if gradients else ()
        found.append(Trained(item, accuracies[item.text], accuracies[text], text != item.text, left, rounds, both))
    return tuple(found)


# --- the page -----------------------------------------------------------------------------------------


def page(results: Sequence[tuple[int, Sequence[Trained]]]) -> str:
    """The section: in full for the first set, in short for further ones, each with the seed it was drawn with."""
    (seed, first), *others = results
    lines = [_full(seed, first)]
    if others:
        lines += [
            "Rules and fixes were improved on these sets before, which is why they are not the measure. With them:",
            "",
            "| seed of the draw | networks | flagged, failing | flagged, learning after fixes | not flagged, failing |",
            "|---|---:|---:|---:|---:|",
        ]
        for number, items in others:
            flagged = [item for item in items if item.network.flagged]
            quiet = [item for item in items if not item.network.flagged]
            failed, repaired = sum(not i.learnt for i in flagged), sum(i.repaired for i in flagged)
            lines.append(
                f"| {number} | {len(items)} | {failed} of {len(flagged)} | {repaired} of {len(flagged)} | "
                f"{sum(not i.learnt for i in quiet)} of {len(quiet)} |"
            )
    return "\n".join(lines) + "\n"


def _full(seed: int, results: Sequence[Trained]) -> str:
    flagged = [item for item in results if item.network.flagged]
    quiet = [item for item in results if not item.network.flagged]
    failed = [item for item in flagged if not item.learnt]
    learning = [item for item in flagged if item.repaired]
    rescued = [item for item in failed if item.repaired]
    lines = [
        f"{len(results)} networks for scikit-learn's digits, drawn with seed {seed}: dense and convolutional,",
        f"{_DEPTHS[0]} to {_DEPTHS[-1]} layers, {len(_ACTIVATIONS)} activations, {len(_INITIALIZERS)} initializers,",
        f"with and without normalization and skip connections, {len(_OUTPUTS)} pairs of output and loss, Adam and SGD.",
        f"Each trains for {EPOCHS} epochs of batches of {BATCH} and fails to learn if it then gets less than",
        f"{LEARNT:.0%} of {TESTED} test images right (chance: 10 %). Flagged means a warning or an error of the groups",
        f"{', '.join(GROUPS)}, or of `loss-activation-mismatch`;",
        "not flagged means no warning at all. Batch normalization is tested with the statistics of the test batch: its",
        "moving averages, with Keras's momentum, have not settled after so few steps, which is no fault of a network.",
        "",
        "| networks | number | fail to learn | learn |",
        "|---|---:|---:|---:|",
        _row("flagged", flagged, [i.learnt for i in flagged]),
        _row("not flagged", quiet, [i.learnt for i in quiet]),
        _row("flagged, after `--fix --unsafe-fixes`", flagged, [i.repaired for i in flagged]),
        _row("flagged and failing, after `--fix --unsafe-fixes`", failed, [i.repaired for i in failed]),
        "",
        f"Fixes were made in {sum(i.changed for i in flagged)} of {len(flagged)} flagged networks, in at most "
        f"{max((i.rounds for i in flagged), default=0)} rounds; {sum(bool(i.left) for i in flagged)} are still flagged "
        f"after them. {len(learning)} learn after fixing, {len(rescued)} of which had failed.",
        *([SEEN[seed]] if seed in SEEN else []),
        "A flagged network that learns is no contradiction: Adam divides by the size of the gradient and so forgives",
        "gradients that are a thousand times too small, and a mistake such as a rectified output costs only a part.",
        "",
        *_measured(flagged),
        "| flagged by | networks | fail to learn | learn after fixes |",
        "|---|---:|---:|---:|",
    ]
    for name, number in Counter(n for i in flagged for n in i.network.flagged).most_common():
        having = [i for i in flagged if name in i.network.flagged]
        after = sum(i.repaired for i in having)
        lines.append(f"| `{name}` | {number} | {sum(not i.learnt for i in having)} | {after} |")
    lines += ["", "Flagged networks that do not learn after the fixes:", ""]
    lines += [
        f"- number {i.network.number}: {i.accuracy:.2f} → {f'{i.fixed:.2f}' if i.changed else 'no fix'}, flagged by "
        f"{', '.join(f'`{n}`' for n in i.network.flagged)}; left: {', '.join(f'`{n}`' for n in i.left) or 'none'}"
        for i in flagged
        if not i.repaired
    ] or ["- none"]
    lines += ["", "Networks that are not flagged and do not learn:", ""]
    lines += [f"- number {i.network.number}: {i.accuracy:.2f}" for i in quiet if not i.learnt] or ["- none"]
    return "\n".join(lines) + "\n"


def _row(what: str, items: Sequence[Trained], learnt: Sequence[bool]) -> str:
    good = sum(learnt)
    share = f" ({100 * good / len(items):.0f} %)" if items else ""
    return f"| {what} | {len(items)} | {len(items) - good} | {good}{share} |"


def _measured(flagged: Sequence[Trained]) -> Iterator[str]:
    """What measuring says before and after fixing."""
    pairs = [item.health for item in flagged if item.health]
    if not pairs:
        return
    yield "Gradients at the start, measured with autodiff, median of three seeds. They vanish if the mean is below 1e-7"
    yield "at a kernel, or the first kernel's norm below 1e-4 and 1e-3 of the last's; they explode if it is 70 times"
    yield "the last's, which run-time tools take for too much."
    yield ""
    kinds = ("healthy", "vanishes", "explodes", "overflows")
    yield "| flagged networks | number | healthy | vanish | explode | overflow |"
    yield "|---|---:|---:|---:|---:|---:|"
    for what, side in (("as drawn", 0), ("after `--fix --unsafe-fixes`", 1)):
        counts = Counter(pair[side] for pair in pairs)
        yield f"| {what} | {len(pairs)} | " + " | ".join(str(counts[kind]) for kind in kinds) + " |"
    yield ""
    sick = [item for item in flagged if item.health and item.health[1] != "healthy"]
    if sick:
        yield "Not healthy after the fixes, by measurement:"
        yield ""
        for item in sick:
            change = f"{item.accuracy:.2f} → {item.fixed:.2f}" if item.fixed is not None else ""
            yield f"- number {item.network.number}: {item.health[1]}; {change}"
        yield ""
