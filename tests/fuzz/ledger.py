"""What campaigns, attacks and kills have done so far, kept in a file, and the page that shows it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.fuzz.attacks import ATTACKS, Attack, Measured
from tests.fuzz.kill import Kills

__all__ = ["LEDGER", "add_attack", "add_kills", "add_tally", "page", "write_page"]

LEDGER = Path(__file__).with_name("ledger.json")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hostile-input.md"

_TARGETS = {
    "yaml": "any text loads or gives findings",
    "json": "any bytes of a `.yaml` and a `.json` file, whatever their encoding, do",
    "expressions": "any text between the brackets of an expression",
    "import": "a `.keras` archive, a config, SavedModel metadata: findings, or a spec that is the same model",
    "lint": "what loads is linted, and the findings have all five forms",
    "fmt": "the canonical form is stable and means the same model",
    "fix": "`--fix` and `--unsafe-fixes` end, and bring no new finding; safe fixes keep the weights",
}


def _read() -> dict[str, Any]:
    if LEDGER.exists():
        found: dict[str, Any] = json.loads(LEDGER.read_text(encoding="utf-8"))
        return found
    return {"targets": {}, "attacks": {}, "kills": {}, "found": []}


def _save(ledger: dict[str, Any]) -> None:
    LEDGER.write_text(json.dumps(ledger, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def add_tally(name: str, tally: dict[str, Any], guided: bool) -> None:
    """Add the count of one target's run."""
    ledger = _read()
    row = ledger["targets"].setdefault(name, {"runs": 0, "valid": 0, "seconds": 0.0, "edges": 0, "slowest": 0.0})
    for key in ("runs", "valid"):
        row[key] += tally[key]
    for key in ("seconds", "processor"):  # of the clock, and of processor time
        row[key] = round(row.get(key, 0.0) + tally[key], 1)
    row["edges"] = max(row["edges"], tally["edges"])
    row["slowest"] = max(row["slowest"], tally["slowest"])
    row["guided"] = guided
    _save(ledger)


def add_attack(attack: Attack, found: Measured) -> None:
    """Put down what an attack cost."""
    ledger = _read()
    ledger["attacks"][attack.name] = {
        "finds": attack.finds, "seconds": round(found.seconds, 2), "mebibytes": found.mebibytes, "status": found.status
    }  # fmt: skip
    _save(ledger)


def add_kills(name: str, result: Kills) -> None:
    """Add the kills of one command."""
    ledger = _read()
    row = ledger["kills"].setdefault(name, {"old": 0, "new": 0, "left": 0, "broken": 0, "steps": {}})
    for key in ("killed", "writing", "old", "new", "left"):
        row[key] = row.get(key, 0) + getattr(result, key)
    row["broken"] += len(result.broken)
    for step, count in result.steps.items():
        row["steps"][step] = row["steps"].get(step, 0) + count
    _save(ledger)


def page(ledger: dict[str, Any]) -> str:
    """The page in Markdown."""
    lines = [
        "# Hostile input, as tried",
        "",
        "What the [limits](limits.md) hold against: attacks by hand, fuzzing, and commands that are killed while they",
        "write. This page is written by `python -m tests.fuzz attacks`, `campaign` and `kill`, which add to",
        "`tests/fuzz/ledger.json`; the test suite runs a bounded slice of each. Seconds are processor time on a machine",
        "that others used too; they say that something ends, not how fast it is.",
        "",
        "## Attacks",
        "",
        "Each is a process of its own: `vgspec lint` of the file, unless it says otherwise.",
        "",
        "| attack | finding | seconds | MiB at most |",
        "|---|---|---|---|",
    ]
    for attack in ATTACKS:
        row = ledger["attacks"].get(attack.name)
        cost = f"{row['seconds']:.1f} | {row['mebibytes']}" if row is not None else "not measured yet | "
        command = f" (`vgspec {attack.argv[0]}`)" if attack.argv and attack.argv[0] != "lint" else ""
        lines.append(f"| {attack.name}{command} | {attack.finds or 'none: harmless'} | {cost} |")
    rows = ledger["targets"]
    hours = sum(row["seconds"] for row in rows.values()) / 3600
    worked = sum(row.get("processor", 0) for row in rows.values()) / 3600
    lines += [
        "",
        "## Fuzzing",
        "",
        f"{sum(row['runs'] for row in rows.values()):,} inputs in {hours:.1f} hours by the clock, with atheris, on a machine that was",
        f"busy with other things. Of the later campaigns processor time was counted too: {worked * 60:.0f} minutes, which is "
        "little.",
        "`pip install atheris`, then `python -m tests.fuzz campaign --seconds 600` goes on. An input counts as a hang",
        "after 20 seconds of processor time, and libFuzzer ends a process at 4 GiB.",
        "",
        "| target | what must hold | inputs | of them valid | hours | edges | slowest, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, words in _TARGETS.items():
        if name in rows:
            row = rows[name]
            spent = row["seconds"] / 3600
            edges = f"{row['edges']:,}" if row["edges"] else "unguided"
            lines.append(
                f"| `{name}` | {words} | {row['runs']:,} | {row['valid']:,} | {spent:.2f} | {edges} | {row['slowest']:.1f} |"
            )
    lines += ["", "What it and the attacks found, all mended:", ""]
    lines += [f"- {what}" for what in ledger["found"]]
    lines += [
        "",
        "## Kills",
        "",
        f"{sum(row['killed'] for row in ledger['kills'].values())} processes were ended by SIGKILL: a quarter at a random",
        "moment, a quarter a little after something new stood beside the target, half at a step of writing, each step in",
        f"turn, where they were made to stop. {sum(row['writing'] for row in ledger['kills'].values())} of them were "
        "writing. The target was the old file or the new one",
        "each time, whole. A killed process cannot tidy up: what it leaves is a file with a leading dot beside the target.",
        "`python -m tests.fuzz kill --times 30` adds to the count.",
        "",
        "| command | killed | while it wrote | old target | new target | left beside | broken |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ledger["kills"].items():
        numbers = (row[key] for key in ("killed", "writing", "old", "new", "left", "broken"))
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    steps = Counter[str]()
    for row in ledger["kills"].values():
        steps.update(row["steps"])
    lines += ["", "Steps at which they were stopped, and how often:", ""]
    lines += [f"- {step}: {count}" for step, count in sorted(steps.items(), key=lambda item: (-item[1], item[0]))]
    return "\n".join(lines) + "\n"


def write_page() -> None:
    """Write the page."""
    PAGE.write_text(page(_read()), encoding="utf-8")
