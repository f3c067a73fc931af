"""Test vgspec against several versions of Keras, and write the table.

Each version stands in a virtual environment of its own, where vgspec and its test dependencies are installed::

    python3.12 -m venv lowest
    lowest/bin/pip install -e '.[testing]' pytest 'tensorflow==2.21.*' 'keras==3.14.1'
    python -m vgspec.dev.versions lowest/bin/python newest/bin/python --write

Without files, the tests that hold vgspec against the installed Keras are run: the whole of ``tests/differential``.
"""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["LOWEST", "NEWEST", "Run", "differences", "is_later", "main", "page", "read_results", "run"]

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "reference" / "versions.md"
LOWEST, NEWEST = "3.14.1", "3.15.1"
"""The range of Keras versions that is supported: the lowest that is tested, and the newest."""

_VERSIONS = (
    "import sys; from importlib.metadata import version as v\n"
    "def of(*names):\n"
    "    for name in names:\n"
    "        try: return v(name)\n"
    "        except Exception: pass\n"
    "print('.'.join(map(str, sys.version_info[:3])), v('keras'), of('tensorflow', 'tensorflow-cpu'), v('numpy'))"
)


@dataclass(frozen=True, slots=True)
class Run:
    """The tests in one environment.

    Attributes:
        python: its version.
        keras: Keras's.
        tensorflow: TensorFlow's.
        numpy: NumPy's.
        counts: how many tests passed, failed or were skipped.
        failed: the names of those that failed.
    """

    python: str
    keras: str
    tensorflow: str
    numpy: str
    counts: Mapping[str, int]
    failed: tuple[str, ...] = ()


def read_results(path: Path) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Counts by outcome, and the failed tests, of a JUnit file."""
    counts: Counter[str] = Counter()
    failed: list[str] = []
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "skipped" if "skipped" in kinds else "failed" if kinds & {"failure", "error"} else "passed"
        counts[outcome] += 1
        if outcome == "failed":
            failed.append(f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name', '')}")
    return dict(counts), tuple(failed)


def run(python: str, tests: Sequence[str]) -> Run:
    """Run tests with an interpreter.

    Raises:
        subprocess.CalledProcessError: if it has no Keras.
    """
    versions = subprocess.run([python, "-c", _VERSIONS], check=True, capture_output=True, text=True).stdout.split()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "results.xml"
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        subprocess.run(command, cwd=ROOT, check=False)
        counts, failed = read_results(report)
    own, keras, tensorflow, numpy = versions
    return Run(own, keras, tensorflow, numpy, counts, failed)


def is_later(version: str) -> bool:
    """Whether a version of Keras is later than the lowest that is supported; an empty one is not."""
    return _parts(version) > _parts(LOWEST)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def differences() -> Iterable[tuple[str, str]]:
    """What older versions do otherwise, as the tests have it: the first version that does not, and the words."""
    rows = runpy.run_path(str(ROOT / "tests" / "differential" / "older_keras.py"))["DIFFERENCES"]
    return dict.fromkeys((row.until, row.why) for row in rows)


def page(runs: Iterable[Run]) -> str:
    """The page."""
    rows = [
        f"| {item.keras} | {item.tensorflow} | {item.numpy} | {item.python} | {item.counts.get('passed', 0):,} | "
        f"{item.counts.get('skipped', 0)} | {item.counts.get('failed', 0)} |"
        for item in sorted(runs, key=lambda item: _parts(item.keras))
    ]
    return "\n".join(
        (
            "# Versions of Keras",
            "",
            "Written by `python -m vgspec.dev.versions`, which runs the tests that hold vgspec against the installed",
            "Keras, all of `tests/differential`, in one virtual environment for each version.",
            "",
            f"vgspec builds models with Keras {LOWEST} up to {NEWEST}, on TensorFlow 2.21 and later. A spec may name",
            "what a later version brought; with an older one `build` says what is missing ([VG061](diagnostics.md)).",
            "Linting, `show`, `profile` and importing need no Keras, and read what Keras 2 and any version of Keras 3",
            "have written.",
            "",
            "[Why no older version](../decisions/0015-supported-keras.md).",
            "",
            "| Keras | TensorFlow | NumPy | Python | passed | skipped | failed |",
            "|---|---|---|---|---:|---:|---:|",
            *rows,
            "",
            "Skipped are tests of what the version does not have (layers, operations, arguments), and of what it does",
            "otherwise than the newest, each for one of these reasons:",
            "",
            "| before Keras | difference |",
            "|---|---|",
            *(f"| {until} | {why} |" for until, why in differences()),
            "",
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tests in every environment; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.versions", description="Test against Keras versions.")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON", help="interpreters of the virtual environments")
    parser.add_argument("--tests", nargs="+", default=["tests/differential"], metavar="PATH", help="what to run")
    parser.add_argument("--write", action="store_true", help="write the page")
    args = parser.parse_args(argv)
    runs = [run(python, args.tests) for python in args.pythons]
    for item in runs:
        print(f"Keras {item.keras}: {dict(item.counts)}", *item.failed, sep="\n  ", file=sys.stderr)
    if args.write:
        TARGET.write_text(page(runs), encoding="utf-8")
    return 1 if any(item.failed for item in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
