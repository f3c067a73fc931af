"""The page of the reference that shows what was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vgspec.dev.bench.building import WAYS, Building
from vgspec.dev.bench.clock import Timing, exponent
from vgspec.dev.bench.phases import PHASES, Phases
from vgspec.dev.bench.processes import TENSORFLOW
from vgspec.dev.bench.shapes import Growth

__all__ = ["Measured", "render"]


@dataclass(slots=True)
class Measured:
    """Everything that was measured; what was not is empty, with the reason in ``missing``.

    Attributes:
        commands: whole processes.
        networks: phases on networks that people use.
        sizes: phases on a residual network of growing size.
        shapes: growth by the shape of the graph.
        many: many specs in one call, with their number.
        building: ways to a Keras model.
        imports: importing configs, by network.
        missing: by part, why it is not there.
    """

    commands: list[Timing] = field(default_factory=list)
    networks: list[Phases] = field(default_factory=list)
    sizes: list[Phases] = field(default_factory=list)
    shapes: list[Growth] = field(default_factory=list)
    many: tuple[Timing, int] | None = None
    building: list[Building] = field(default_factory=list)
    imports: list[Timing] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _time(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def _memory(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def _tensorflow(timings: Sequence[Timing]) -> Timing | None:
    return next((item for item in timings if item.name == TENSORFLOW), None)


def _commands(timings: Sequence[Timing]) -> str:
    reference = _tensorflow(timings)
    rows = []
    for item in timings:
        shares = ["", ""]
        if reference is not None:
            wall, cpu = item.typical_wall / reference.typical_wall, item.typical_cpu / reference.typical_cpu
            shares = [f"{wall:.3f}", f"{cpu:.3f}"]
        spread = f"{min(item.wall):.2f}–{max(item.wall):.2f}"
        row = (f"`{item.name}`", f"{item.typical_wall:.3f} s", spread, f"{item.typical_cpu:.3f} s")
        rows.append((*row, _memory(item.peak), *shares))
    head = (
        "command",
        "wall time",
        "from–to",
        "processor time",
        "memory",
        "wall ÷ TensorFlow",
        "processor ÷ TensorFlow",
    )
    rounds = len(timings[0].wall)
    return f"""## Whole processes

Medians of {rounds} rounds, the commands in turn, and the most memory that was resident. The last two columns compare
with importing TensorFlow, which a lint never does.

{_table(head, rows)}
"""


def _networks(found: Sequence[Phases]) -> str:
    head = ("network", "layers", *PHASES, "text to findings", "memory")
    rows = [
        (
            item.name,
            f"{item.nodes:,}",
            *(_time(item.seconds[phase]) for phase in PHASES),
            _time(item.linted),
            _memory(item.memory),
        )
        for item in found
    ]
    return f"""## Phases

Least processor time of several runs in a warm process. *Parse* is from text to a tree with all positions; *validate*
the check of its form; *expand* blocks, repeats, types and shapes, of which *infer* is the shapes alone, done once
more; *profile* the signal analysis, forwards and backwards; *lint* all rules, the profile included.

{_table(head, rows)}
"""


def _sizes(found: Sequence[Phases]) -> str:
    head = ("layers", *PHASES, "text to findings", "memory")
    rows = [
        (
            f"{item.nodes:,}",
            *(_time(item.seconds[phase]) for phase in PHASES),
            _time(item.linted),
            _memory(item.memory),
        )
        for item in found
    ]
    if len(found) > 1:
        counts = [item.nodes for item in found]
        slopes = [exponent(counts, [item.seconds[phase] for item in found]) for phase in PHASES]
        whole = exponent(counts, [item.linted for item in found])
        rows.append(("**exponent**", *(f"**{slope:.2f}**" for slope in (*slopes, whole)), ""))
    each = [
        (f"{item.nodes:,}", *(f"{1e6 * item.seconds[phase] / item.nodes:,.0f} µs" for phase in PHASES))
        for item in found
    ]
    return f"""## Growth with the number of layers

A residual network that is written out in full, without blocks or repeats. The exponent is the slope of log time over
log size by least squares: with 1, twice the layers take twice the time.

{_table(head, rows)}

For each layer:

{_table(("layers", *PHASES), each)}
"""


def _shapes(found: Sequence[Growth]) -> str:
    head = ("graph", "layers", "load", "lint", "findings", "exponent of load", "exponent of lint")
    rows = [
        (
            item.name,
            f"{item.sizes[-1]:,}",
            _time(item.load[-1]),
            _time(item.lint[-1]),
            f"{item.findings:,}",
            f"{item.exponents[0]:.2f}",
            f"{item.exponents[1]:.2f}",
        )
        for item in found
    ]
    first, last = (f"{found[0].sizes[index]:,}" for index in (-2, -1))
    return f"""## Growth by the shape of the graph

Processor time at the largest size, and the exponents between about {first} and {last} layers. Linting includes the
proofs of fixes, of which a large model gets few.

{_table(head, rows)}
"""


def _many(found: tuple[Timing, int]) -> str:
    timing, count = found
    wall, cpu = timing.wall[0], timing.cpu[0]
    return f"""## Many specs

`vgspec lint` of {count:,} specs in one call, the zoo's over and over: {wall:.1f} s wall time, {cpu:.1f} s processor
time ({1000 * cpu / count:.1f} ms a spec), at most {_memory(timing.peak)} in one process.
"""


def _building(found: Sequence[Building]) -> str:
    head = ("model", *WAYS, "÷ functional code", "÷ model_from_json")
    rows = [
        (item.name, *(_time(way.typical_cpu) for way in item.ways), f"{item.ratio(1):.2f}", f"{item.ratio(2):.2f}")
        for item in found
    ]
    rounds = len(found[0].ways[0].cpu)
    return f"""## Building Keras models

Median processor time of {rounds} rounds in one process, the three ways in turn: `compile_spec` of a spec's text, the
functional code of `keras.applications`, and `keras.models.model_from_json`. The ratios are medians over the rounds.

{_table(head, rows)}
"""


def _imports(found: Sequence[Timing], reference: Timing | None) -> str:
    rows = []
    for item in found:
        share = "" if reference is None else f"{item.cpu[0] / reference.typical_cpu:.3f}"
        rows.append((item.name, f"{item.wall[0]:.2f} s", f"{item.cpu[0]:.2f} s", _memory(item.peak), share))
    most = max(found, key=lambda item: item.cpu[0])
    return f"""## Importing Keras models

`vgspec import NAME.json`, the whole process, for the configs of {len(found)} networks of `keras.applications`; no
TensorFlow is loaded. The slowest is {most.name}; together they take {sum(item.cpu[0] for item in found):.1f} s.

{_table(("network", "wall time", "processor time", "memory", "processor ÷ TensorFlow"), rows)}
"""


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def render(found: Measured) -> str:
    """The page in Markdown."""
    parts = [
        f"""<!-- Written by `python -m vgspec.dev.bench --write`; do not edit. -->

# Speed

Measured in one run with Python {platform.python_version()} on {os.cpu_count()} processors ({_processor()}), by
`python -m vgspec.dev.bench --write`. Times depend on the machine and on what else it does; ratios and exponents
depend on it less.
"""
    ]
    if found.commands:
        parts.append(_commands(found.commands))
    if found.networks:
        parts.append(_networks(found.networks))
    if found.sizes:
        parts.append(_sizes(found.sizes))
    if found.shapes:
        parts.append(_shapes(found.shapes))
    if found.many is not None:
        parts.append(_many(found.many))
    if found.building:
        parts.append(_building(found.building))
    if found.imports:
        parts.append(_imports(found.imports, _tensorflow(found.commands)))
    if found.missing:
        reasons = "\n".join(f"- {part}: {reason}" for part, reason in found.missing.items())
        parts.append(f"## Not measured\n\n{reasons}\n")
    return "\n".join(parts)
