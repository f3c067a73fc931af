"""What the linter says of networks that everyone uses: keras.applications, and the specs that the project ships."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vgspec.diagnostics import Diagnostic, Severity

__all__ = ["DEFENCES", "Linted", "configs", "page", "table"]

ROOT = Path(__file__).resolve().parents[2]
DEFENCES: Mapping[str, str] = {
    "bias-before-batchnorm": "batch normalization subtracts the mean, and the bias with it; it changes nothing",
    "flatten-of-large-map": "VGG's first dense layer holds three quarters of all weights; later networks pool instead",
    "recurrent-without-clipping": "gradients of recurrent layers have heavy tails; clipping costs nothing",
    "none-on-large-dense": "millions of weights in one layer, and no dropout, penalty or decay anywhere",
    "uneven-transposed-convolution": "the original has such a window; generated images show the pattern",
    "recurrence-over-one-step": "`seed` says itself that nobody would run an LSTM over one step",
    "no-gradient-clipping": "the predicted gradients are large enough for a first step that does harm",
    "vanishing-loss-gradient": "the slope of a sigmoid or softmax does not cancel in a squared error",
}
"""Why an expert would sign what is said of a good network."""


@dataclass(frozen=True, slots=True)
class Linted:
    """A network with its findings."""

    name: str
    findings: tuple[Diagnostic, ...]

    def count(self, severity: Severity) -> int:
        """How many findings are of a severity."""
        return sum(d.severity is severity for d in self.findings)


def configs(folder: Path) -> tuple[Path, ...]:
    """The configs of all networks of keras.applications, ``NAME.json``; those that the folder lacks are made.

    Raises:
        BuildError: if some are lacking and Keras is not installed.
    """
    present = sorted(folder.glob("*.json"))
    try:
        from vgspec.backends.gate import application_builders
        from vgspec.backends.runtime import load_keras

        keras = load_keras()
        names = application_builders()
    except Exception:
        if present:
            return tuple(present)
        raise
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.json"
        if not path.exists():
            print(f"{name}: made", file=sys.stderr, flush=True)
            path.write_text(getattr(keras.applications, name)(weights=None).to_json(), encoding="utf-8")
            keras.backend.clear_session()
    return tuple(folder / f"{name}.json" for name in names)


def _lint(path: Path) -> Linted:
    from vgspec.frontend.load import load
    from vgspec.importers.specs import load_model_file
    from vgspec.lint.engine import lint

    spec = load_model_file(path) if path.suffix == ".json" else load(path)
    return Linted(path.stem, lint(spec, fixes=None).diagnostics)


def page(folder: Path) -> str:
    """The section."""
    applications = [_lint(path) for path in configs(folder)]
    zoo = [_lint(path) for path in sorted((ROOT / "specs").glob("*.yaml"))]
    techniques = [_lint(path) for path in sorted((ROOT / "specs" / "techniques").glob("*.yaml"))]
    return table((("keras.applications", applications), ("specs/", zoo), ("specs/techniques/", techniques)))


def table(groups: Sequence[tuple[str, Sequence[Linted]]]) -> str:
    """Counts by group, every warning and error by itself, and hints by rule with the reason for them."""
    lines = ["| networks | number | errors | warnings | hints |", "|---|---:|---:|---:|---:|"]
    for title, items in groups:
        counts = [sum(i.count(s) for i in items) for s in (Severity.ERROR, Severity.WARNING, Severity.INFO)]
        lines.append(f"| {title} | {len(items)} | {' | '.join(map(str, counts))} |")
    everything = [(item, d) for _, items in groups for item in items for d in item.findings]
    loud = [(item, d) for item, d in everything if d.severity is not Severity.INFO]
    lines += ["", "Errors and warnings:", ""]
    lines += [
        f"- {item.name}: `{d.name}`, {d.message}" + (f" ({DEFENCES[d.name]})" if d.name in DEFENCES else "")
        for item, d in loud
    ] or ["- none"]
    lines += ["", "Hints:", "", "| rule | hints | networks | why it is right |", "|---|---:|---|---|"]
    quiet = [(item, d) for item, d in everything if d.severity is Severity.INFO]
    for rule, number in Counter(d.name for _, d in quiet).most_common():
        by = Counter(item.name for item, d in quiet if d.name == rule)
        names = ", ".join(f"{name} {times}" for name, times in by.items())
        lines.append(f"| `{rule}` | {number} | {names} | {DEFENCES.get(rule, '')} |")
    return "\n".join(lines) + "\n"
