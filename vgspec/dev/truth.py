"""How right the linter is, measured: writes ``docs/reference/truth.md``, a part for each option.

::

    python -m vgspec.dev.truth --programs PATH.jsonl.gz      # programs published with their faults
    python -m vgspec.dev.truth --applications FOLDER         # keras.applications and the zoo
    python -m vgspec.dev.truth --networks 200 --seeds 21     # networks trained on digits
    python -m vgspec.dev.truth --faulty                      # fixing every spec in specs/faulty

Parts that are not asked for stay as they are. ``--applications`` keeps the configs of the models in the folder and
makes those that it lacks, which needs Keras; ``--networks`` needs Keras and scikit-learn.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["main", "merged"]

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "reference" / "truth.md"
SECTIONS: Mapping[str, str] = {
    "programs": "Programs published with their faults",
    "applications": "keras.applications and the zoo",
    "networks": "Do flagged networks fail to learn, and does fixing help?",
    "faulty": "What fixing leaves of the faulty specs",
}
_INTRO = """\
# How right the linter is

Written by `python -m vgspec.dev.truth`. The file of programs is the open set, given by `--programs`; it is not part
of this project.
"""


def merged(old: str, parts: Mapping[str, str]) -> str:
    """The page with some parts new and the others as they were."""
    kept = {}
    for key, title in SECTIONS.items():
        found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", old, re.DOTALL | re.MULTILINE)
        body = parts.get(key, found.group(1) if found else "")
        if body:
            kept[title] = body.strip()
    return _INTRO + "".join(f"\n## {title}\n\n{body}\n" for title, body in kept.items())


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.truth", description="Measure how right the linter is.")
    parser.add_argument("--programs", type=Path, metavar="FILE", help="JSON lines, one program each")
    parser.add_argument("--applications", type=Path, metavar="FOLDER", help="configs of keras.applications")
    parser.add_argument(
        "--networks", type=int, nargs="+", metavar="N", help="train so many networks; one number, or one for each seed"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=(21, 20),
        metavar="N",
        help="of the draws: the first is shown in full, and should be one that nobody has looked at; default: 21 20",
    )
    parser.add_argument("--faulty", action="store_true", help="fix every spec in specs/faulty, in memory")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that train; default: 2")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="accuracies measured before, kept from run to run")
    parser.add_argument("--output", type=Path, default=TARGET, help="the page; default: docs/reference/truth.md")
    given = parser.parse_args(argv)
    parts = {}
    if given.programs is not None:
        from vgspec.dev import truth_programs

        parts["programs"] = truth_programs.page(
            [truth_programs.examine(r) for r in truth_programs.read_rows(given.programs)]
        )
    if given.applications is not None:
        from vgspec.dev import truth_applications

        parts["applications"] = truth_applications.page(given.applications)
    if given.networks is not None:
        from vgspec.dev import truth_networks

        counts = given.networks if len(given.networks) > 1 else given.networks * len(given.seeds)
        if len(counts) != len(given.seeds):
            parser.error("--networks needs one number, or as many as there are seeds")
        parts["networks"] = truth_networks.page(
            [
                (
                    seed,
                    truth_networks.run(
                        count, seed, workers=given.workers, cache=given.cache, gradients=seed == given.seeds[0]
                    ),
                )
                for seed, count in zip(given.seeds, counts, strict=True)
            ]
        )
    if given.faulty:
        from vgspec.dev import truth_faulty

        parts["faulty"] = truth_faulty.page(
            [truth_faulty.examine(path) for path in sorted(truth_faulty.FAULTY.glob("*.yaml"))]
        )
    if not parts:
        parser.error("give at least one of --programs, --applications, --networks, --faulty")
    old = given.output.read_text(encoding="utf-8") if given.output.exists() else ""
    given.output.write_text(merged(old, parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
