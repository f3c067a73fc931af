"""What ``--fix --unsafe-fixes`` makes of every spec in ``specs/faulty``, each of which shows one rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FAULTY", "Mended", "examine", "page"]

FAULTY = Path(__file__).resolve().parents[2] / "specs" / "faulty"


@dataclass(frozen=True, slots=True)
class Mended:
    """What fixing one spec came to.

    Attributes:
        name: the spec's, which is that of the rule it shows.
        rounds: how many rounds it took.
        applied: the fixes that were made, in their order, as titles.
        left: rules whose warnings and errors are left.
        open: those of them that have a fix which could still be made.
    """

    name: str
    rounds: int
    applied: tuple[str, ...]
    left: tuple[str, ...]
    open: tuple[str, ...]


def examine(path: Path) -> Mended:
    """Fix a spec, in memory."""
    from vgspec.diagnostics import Applicability, Severity
    from vgspec.frontend.load import load
    from vgspec.lint.fixes import fix_spec

    fixed = fix_spec(load(path), unsafe=True)
    loud = [item for item in fixed.result.diagnostics if item.severity is not Severity.INFO]
    return Mended(
        path.stem,
        fixed.rounds,
        tuple(dict.fromkeys(item.fix.title for item in fixed.applied if item.fix is not None)),
        tuple(dict.fromkeys(item.name for item in loud)),
        tuple(
            dict.fromkeys(
                item.name
                for item in loud
                if item.fix is not None and item.fix.applicability is not Applicability.DISPLAY
            )
        ),
    )


def page(rows: Sequence[Mended]) -> str:
    """The part of the page."""
    healthy = [row for row in rows if not row.left]
    mended = [row for row in rows if row.applied]
    most = max((row.rounds for row in rows), default=0)
    still = [row for row in rows if row.open]
    lines = [
        f"{len(rows)} specs in `specs/faulty`, one for each rule. `--fix --unsafe-fixes` changes {len(mended)} of "
        f"them, in at most {most} round{'' if most == 1 else 's'} (10 are allowed). By prediction {len(healthy)} have "
        f"neither warning nor error afterwards; {len(rows) - len(healthy)} keep one. Findings left that have a fix "
        f"which could still be made: {len(still)}.",
        "",
        "| spec | rounds | fixes made | warnings and errors left |",
        "|---|---:|---|---|",
    ]
    for row in rows:
        left = ", ".join(f"`{name}`" for name in row.left) or "none"
        lines.append(f"| {row.name} | {row.rounds} | {'; '.join(row.applied) or 'none'} | {left} |")
    lines += [
        "",
        "What is left has no automatic fix: for most of it only a person knows what was meant (a part that is not "
        "used, the form of the labels, a metric), for the rest the remedy is another architecture (gates in a "
        "recurrence, skips around batch normalization).",
    ]
    return "\n".join(lines)
