"""Programs that others published with their faults: does a finding name the fault, and is none out of place?

A row of the file has ``keras_json`` (the config of the model), ``compile`` (the arguments of ``model.compile``, or
None), ``label``, ``faults`` and ``measured`` (kernel gradients at initialisation). Nothing is run: a row becomes a
spec, and the spec is linted.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vgspec.diagnostics import Diagnostic, Severity

__all__ = ["FAULTS", "GRADIENT_RULES", "Fault", "Program", "compile_section", "examine", "page", "read_rows"]

_RATE = ("learning-rate-out-of-range",)
_ACTIVATION = (
    "loss-activation-mismatch",
    "relu-on-output",
    "softmax-in-hidden-layer",
    "hidden-layer-without-activation",
)
_LOSS = ("loss-activation-mismatch", "vanishing-loss-gradient", "label-form-mismatch", "accuracy-with-regression-loss")
_TRAINING = ("gradient-vanishes", "gradient-explodes", "forward-signal-vanishes", "activation-overflows", "dying-relu")
GRADIENT_RULES = frozenset(
    {"gradient-vanishes", "gradient-explodes", "forward-signal-vanishes", "activation-overflows"}
)
"""What counts as a prediction that the gradient vanishes or explodes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A published fault in our words.

    Attributes:
        rules: the rules whose finding names it; empty where a model config and a compile section cannot show it.
        reason: why not; or what is to be known of it.
        needs: ``compile`` if only a compile section shows it, ``rate`` if only a learning rate does.
    """

    rules: tuple[str, ...] = ()
    reason: str = ""
    needs: str = ""


_DATA = "lies in the data"
IN_DATA: Mapping[tuple[str, str], str] = {
    ("59325381", "loss"): "sparse instead of categorical cross-entropy: only the labels tell which is right",
}
"""Faults of single programs that only the data show, by the number of the question and the fault."""
FAULTS: Mapping[str, Fault] = {
    'gradient/training problem (AutoTrainer "repaired" set)': Fault(_TRAINING),
    "activation": Fault(_ACTIVATION),
    "wrong_activation": Fault(_ACTIVATION),
    "loss": Fault(_LOSS, needs="compile"),
    "learning_rate": Fault(_RATE, needs="rate"),
    "softmax_on_1_unit": Fault(("loss-activation-mismatch",)),
    "wrong_init": Fault(
        (
            "zero-or-constant-kernel",
            "initializer-activation-mismatch",
            "oversized-initializer",
            "undersized-initializer",
        )
    ),
    "dropout_before_batchnorm": Fault(("dropout-before-batchnorm",)),
    "bias_before_batchnorm": Fault(("bias-before-batchnorm",)),
    "increasing_dense_width": Fault(("increasing-dense-width",), "no rule: decoders and many good networks do it"),
    "non_increasing_filters": Fault(("non-increasing-filters",), "no rule: bottlenecks and decoders do it"),
    "high_lr": Fault(_RATE, needs="rate"),
    "wrong_loss_function": Fault(_LOSS, needs="compile"),
    "wrong_loss_function2": Fault(_LOSS, needs="compile"),
    "loss_input_mismatch": Fault(_LOSS, needs="compile"),
    "double_activation": Fault(reason="the stored config has each activation once"),
    "disconnected_layers": Fault(reason="a Keras config holds only layers that are connected"),
    "wrong_softmax_impl": Fault(reason="lies in a function of the program's own"),
    "optimizer": Fault(reason="which optimizer does better depends on the data"),
    "epochs": Fault(reason="lies in the call of fit"),
    "unbalanced_data": Fault(reason=_DATA),
    "wrong_augmentation": Fault(reason=_DATA),
    "data_normalisation_missing": Fault(reason=_DATA),
    "data_preprocessing_wrong": Fault(reason=_DATA),
}
"""Every published fault, and the rules that name it."""


DEFENCES: Mapping[str, str] = {
    "vanishing-loss-gradient": "Right: it trains, and cross-entropy would train faster; its own metric is accuracy.",
    "oversized-initializer": "Right: a standard deviation of 1 on hundreds of inputs saturates the units at once.",
    "learning-rate-out-of-range": "Right: the rate is among the faults that were published, and the repair left it.",
    "hidden-layer-without-activation": "Right: the first of the two layers adds weights and no expressive power.",
    "narrow-deep-stack": "Right: more layers than units; such networks seeded the study because they fail to train.",
    "relu-on-output": "Right for targets of either sign; the targets here may never be negative.",
}
"""Why a warning on a repaired program stands."""


@dataclass(frozen=True)
class Program:
    """A row with what linting says of it.

    Attributes:
        name: the row's id.
        label: ``faulty``, ``clean(author-fixed)`` or ``unknown(seed arch)``.
        source: where it comes from.
        number: of the question on Stack Overflow, or the like.
        faults: as published.
        compiled: the compile section as a spec has it; empty if the row has none.
        measured: the labels of the measured gradients; None if it was not measured.
        findings: every diagnostic.
        readable: whether the config could be read.
    """

    name: str
    label: str
    source: str
    number: str
    faults: tuple[str, ...]
    compiled: Mapping[str, Any]
    measured: tuple[str, ...] | None
    findings: tuple[Diagnostic, ...] = field(default=())
    readable: bool = True

    def showable(self, fault: str) -> bool:
        """Whether what is stored of the program can show a fault."""
        known = FAULTS.get(fault, Fault())
        if (self.number, fault) in IN_DATA:
            return False
        if known.needs == "compile":
            return bool(self.compiled.get("loss"))
        if known.needs == "rate":
            return "learning_rate" in json.dumps(self.compiled.get("optimizer"))
        return bool(known.rules)

    def named(self, fault: str, *severities: Severity) -> tuple[str, ...]:
        """The rules that name a fault, of these severities."""
        rules = FAULTS.get(fault, Fault()).rules
        named = (n for d in self.findings for n, grave in d.severities if n in rules and grave in severities)
        return tuple(dict.fromkeys(named))

    @property
    def loud(self) -> tuple[Diagnostic, ...]:
        """Errors and warnings."""
        return tuple(d for d in self.findings if d.severity is not Severity.INFO)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream if line.strip()]


def compile_section(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The compile section that a row's settings come to; what names no object of Keras is left out.

    Settings are names, mappings of arguments with the name under ``_class``, or source text under ``$expr``.
    """
    from vgspec.catalogue.base import find

    found: dict[str, Any] = {}
    if not given:
        return found
    loss, optimizer = _plain(given.get("loss")), _plain(given.get("optimizer"))
    if isinstance(loss, str) and find("loss", loss) is not None:
        found["loss"] = loss
    if isinstance(optimizer, Mapping) and isinstance(optimizer.get("_class"), str):
        arguments = {
            {"lr": "learning_rate"}.get(key, key): value
            for key, value in optimizer.items()
            if key not in ("_class", "decay") and isinstance(value, int | float)
        }
        name = optimizer["_class"]
        optimizer = {name: arguments} if arguments else name
    elif isinstance(optimizer, str):
        name = {"GradientDescentOptimizer": "SGD"}.get(optimizer, optimizer)
        optimizer = name
    else:
        return found
    if find("optimizer", name) is not None:
        found["optimizer"] = optimizer
    metrics = given.get("metrics")
    if isinstance(metrics, Sequence) and not isinstance(metrics, str):
        names = [item for item in metrics if isinstance(item, str) and find("metric", item) is not None]
        if names:
            found["metrics"] = names
    return found


def _plain(value: Any) -> Any:
    """Source text becomes the last name in it: ``keras.losses.mse`` → ``mse``."""
    if isinstance(value, Mapping) and isinstance(value.get("$expr"), str):
        return re.sub(r"\(.*", "", value["$expr"], flags=re.DOTALL).rpartition(".")[2]
    return value


def examine(row: Mapping[str, Any]) -> Program:
    """Lint a row."""
    from vgspec.frontend.load import load
    from vgspec.importers.specs import spec_of_config
    from vgspec.lint.engine import lint

    name = str(row["id"])
    compiled = compile_section(row.get("compile"))
    measured = row.get("measured") or {}
    labels = tuple(measured["labels"]) if "labels" in measured else None
    program = Program(
        name, row["label"], row["source"], str(row.get("so_id") or ""), tuple(row["faults"]), compiled, labels
    )
    spec = spec_of_config(row["keras_json"], file=name)
    if spec.graph is None:
        return Program(**{**_fields(program), "findings": spec.diagnostics, "readable": False})
    document = spec.to_dict() | ({"compile": compiled} if compiled else {})
    loaded = load(document, file=name)
    findings = lint(loaded, fixes=None).diagnostics
    return Program(**{**_fields(program), "findings": findings, "readable": loaded.graph is not None})


def _fields(program: Program) -> dict[str, Any]:
    return {key: getattr(program, key) for key in Program.__dataclass_fields__}


# --- the page -----------------------------------------------------------------------------------------


def page(programs: Sequence[Program]) -> str:
    """The section on real programs."""
    faulty = [p for p in programs if p.label == "faulty"]
    lines = [
        f"{len(programs)} programs that others published: {len(faulty)} faulty, "
        f"{sum(p.label.startswith('clean') for p in programs)} repaired by their authors, "
        f"{sum(p.label.startswith('unknown') for p in programs)} that only seeded a study. Each is read from its",
        "config and compile settings and linted; nothing is run. "
        f"{sum(p.readable for p in programs)} of {len(programs)} could be read.",
        "",
        "Read the figures with care. `accuracy-with-regression-loss` and `recurrence-over-one-step` were written after",
        f"this set had shown what was missing: {_late(faulty)}. The thresholds of",
        "other rules also rest on what these programs taught, and some programs stand in several sources. Only",
        "programs that were kept aside can tell what the linter does with new ones.",
        "",
        *_fault_table(faulty),
        "",
        *_unnamed(faulty),
        "",
        *_quiet(programs),
        "",
        *_detector(programs),
        "",
        *_peers(faulty),
    ]
    return "\n".join(lines) + "\n"


_LATE = frozenset({"accuracy-with-regression-loss", "recurrence-over-one-step"})


def _late(faulty: Sequence[Program]) -> str:
    named = [
        set(p.named(fault, Severity.ERROR, Severity.WARNING)) for p in faulty for fault in p.faults if p.showable(fault)
    ]
    without = sum(bool(rules - _LATE) for rules in named)
    share = f" ({100 * without / len(named):.0f} %)" if named else ""
    return f"without them warnings name {without} of {len(named)} faults{share}"


def _fault_table(faulty: Sequence[Program]) -> list[str]:
    rows = []
    total = [0, 0, 0]
    cannot = []
    for fault, known in FAULTS.items():
        having = [p for p in faulty if fault in p.faults]
        shown = [p for p in having if p.showable(fault)]
        hidden = len(having) - len(shown)
        if hidden:
            single = [IN_DATA[p.number, fault] for p in having if (p.number, fault) in IN_DATA]
            stored = "no learning rate is stored" if known.needs == "rate" else "no compile settings are stored"
            why = known.reason or (single[0] if single else stored)
            cannot.append(f"| {fault} | {hidden} | {why} |")
        if not shown:
            continue
        loud = sum(bool(p.named(fault, Severity.ERROR, Severity.WARNING)) for p in shown)
        any_ = sum(bool(p.named(fault, *Severity)) for p in shown)
        total = [total[0] + len(shown), total[1] + loud, total[2] + any_]
        by = dict.fromkeys(name for p in shown for name in p.named(fault, *Severity))
        named = ", ".join(f"`{name}`" for name in by) or known.reason or "–"
        rows.append(f"| {fault} | {len(shown)} | {loud} | {any_} | {named} |")
    share = [f"{100 * n / total[0]:.0f} %" if total[0] else "–" for n in total[1:]]
    return [
        "### Is the published fault named?",
        "",
        "A fault is named if a finding of a rule stands in the program that says the same. Faults that a model and its",
        "compile settings cannot show are counted below.",
        "",
        "| published fault | programs | named by warning or error | named at all | by |",
        "|---|---:|---:|---:|---|",
        *rows,
        f"| **all** | **{total[0]}** | **{total[1]} ({share[0]})** | **{total[2]} ({share[1]})** | |",
        "",
        "Not showable:",
        "",
        "| published fault | programs | why |",
        "|---|---:|---|",
        *cannot,
    ]


def _unnamed(faulty: Sequence[Program]) -> list[str]:
    missed = [
        f"| {p.name} | {fault} | {', '.join(f'`{d.name}`' for d in p.findings) or 'none'} |"
        for p in faulty
        for fault in p.faults
        if p.showable(fault) and not p.named(fault, Severity.ERROR, Severity.WARNING)
    ]
    return ["Showable, and not named by a warning:", "", "| program | fault | findings |", "|---|---|---|", *missed]


def _quiet(programs: Sequence[Program]) -> list[str]:
    lines = ["### Is anything said of programs without a known fault?", ""]
    for prefix, what in (("clean", "repaired by their authors"), ("unknown", "that only seeded a study")):
        group = [p for p in programs if p.label.startswith(prefix)]
        loud = [p for p in group if p.loud]
        lines.append(
            f"{len(group)} programs {what}: {len(loud)} with warnings, {sum(len(p.loud) for p in group)} warnings."
        )
        lines += [""] + [
            f"- {p.name}: `{d.name}`, {d.message}. {DEFENCES.get(d.name, '')}".rstrip() for p in loud for d in p.loud
        ]
        lines += [""] if loud else []
    return lines[:-1]


def _detector(programs: Iterable[Program]) -> list[str]:
    measured = [p for p in programs if p.measured is not None]

    def counts(rules: frozenset[str], extra: bool) -> str:
        hit = miss = false = 0
        wrong: list[str] = []
        for p in measured:
            positive = p.measured != ("ok",)
            claimed = any(not rules.isdisjoint(d.names) for d in p.loud) or (extra and _gives_none(p))
            hit += positive and claimed
            if positive and not claimed:
                miss += 1
                wrong.append(f"{p.name} (missed)")
            if claimed and not positive:
                false += 1
                wrong.append(f"{p.name} (said in vain)")
        precision = f"{hit}/{hit + false} = {hit / (hit + false):.2f}" if hit + false else "–"
        recall = f"{hit}/{hit + miss} = {hit / (hit + miss):.2f}" if hit + miss else "–"
        return f"{precision} | {recall} | {', '.join(wrong) or '–'} |"

    bad = sum(p.measured != ("ok",) for p in measured)
    return [
        "### As a detector of vanishing and exploding gradients",
        "",
        f"Kernel gradients of {len(measured)} programs were measured at initialisation (median of three seeds). Those",
        f"of {bad} vanish (mean below 1e-7 at a kernel, or the first kernel's norm below 1e-4 and 1e-3 of the last's),",
        "are not finite, or are mostly exact zeros.",
        "",
        "| said by | precision | recall | differences |",
        "|---|---|---|---|",
        f"| {', '.join(f'`{name}`' for name in sorted(GRADIENT_RULES))} | {counts(GRADIENT_RULES, False)}",
        "| these, and what is said to get no gradient at all (`recurrence-over-one-step`, a softmax over one unit "
        f"unless under binary cross-entropy) | {counts(GRADIENT_RULES, True)}",
        *_vain(measured),
    ]


_OTHERWISE: Mapping[str, str] = {
    "forward-signal-vanishes": "what was measured are the kernels' gradients, not whether the signal has faded before",
    "gradient-explodes": "the norm itself is too large; what was measured counts only by the ratio of first to last",
}
"""Why a finding may be right where the measured definition is not met."""


def _vain(measured: Sequence[Program]) -> list[str]:
    """What is said of programs whose measured gradients count as sound, with the reason for the difference."""
    said = [
        f"- {p.name} ({p.label}): `{d.name}`, {d.message}" + (f"; {_OTHERWISE[d.name]}" if d.name in _OTHERWISE else "")
        for p in measured
        if p.measured == ("ok",)
        for d in p.loud
        if not GRADIENT_RULES.isdisjoint(d.names)
    ]
    return ["", "Said in vain by that definition:", "", *said] if said else []


def _gives_none(program: Program) -> bool:
    """Whether some kernel is said to get no gradient at all: recurrence over one step, or a constant output.

    Binary cross-entropy clips a constant 1 and still moves the weights.
    """
    if any(d.name == "recurrence-over-one-step" for d in program.findings):
        return True
    said = any(d.name == "loss-activation-mismatch" and "always 1" in d.message for d in program.findings)
    return said and program.compiled.get("loss") != "binary_crossentropy"


def _peers(faulty: Sequence[Program]) -> list[str]:
    mufl = [p for p in faulty if p.source.startswith("deepmufl")]
    found = sum(bool(p.loud) for p in mufl)
    repaired = [p for p in faulty if p.source.startswith("AUTOTRAINER")]
    trained = sum(any(not set(_TRAINING).isdisjoint(d.names) for d in p.loud) for p in repaired)
    alike = [p for p in faulty if p.source.startswith("NeuraLint")]
    lint = sum(bool(p.loud) for p in alike)
    return [
        "### Beside other systems",
        "",
        "The others' figures are those that they, or independent comparisons, published, on whole sets of which the",
        "open set is a part; a run-time tool trains the program, a static one only reads it. Most of the 109 have no",
        "published fault, so that a warning there says that something is wrong, not that it is the one meant.",
        "",
        "| system | kind | published figure | vgspec on the open part of that set |",
        "|---|---|---|---|",
        f"| NeuraLint | static | 21 of 109 model bugs | {found} of {len(mufl)} with a warning or error |",
        f"| UMLAUT | static and callback | 25 of 109 | {found} of {len(mufl)} |",
        f"| DeepLocalize | run time | 26 of 109 | {found} of {len(mufl)} |",
        f"| DeepDiagnosis | run time | 30 of 109 | {found} of {len(mufl)} |",
        f"| deepmufl | run time | 53 of 109 | {found} of {len(mufl)} |",
        f"| NeuraLint, own programs | static | 70.5 % of the faults in 34 programs, precision 100 % "
        f"| {lint} of {len(alike)} programs with a warning or error |",
        f"| AutoTrainer | trains | repairs 97–98 % of its problems | names {trained} of {len(repaired)} |",
    ]
