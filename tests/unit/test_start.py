"""A command loads no more than it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_PROBE = """
import json, sys
from vgspec.cli import main
sys.argv = ["vgspec", *{arguments!r}]
status = main()
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(*arguments: str) -> set[str]:
    """The modules in a process after a command."""
    code = _PROBE.format(arguments=arguments)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    status, modules = json.loads(run.stderr.splitlines()[-1])
    assert status in (0, 1), run.stderr
    return set(modules)


HEAVY = {"tensorflow", "keras", "email", "zipfile", "statistics"}
if int(version("numpy").partition(".")[0]) >= 2:  # NumPy 1 loads all of itself
    HEAVY |= {"numpy.random", "numpy.polynomial"}


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (("--version",), {"pydantic", "numpy", "ruamel.yaml", "vgspec.cli.lint"}),
        (("fmt", "--check", "specs/resnet50.yaml"), {"numpy", "vgspec.lint.rules"}),
        (("show", "specs/resnet50.yaml"), {"numpy", "vgspec.lint.rules", "vgspec.analysis.signal.forward"}),
        (("rules",), {"numpy", "vgspec.analysis.signal.forward"}),
        (("lint", "specs/resnet50.yaml"), {"vgspec.cli.build", "vgspec.analysis.signal.attention", "difflib"}),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_loads_no_more_than_it_needs(arguments: tuple[str, ...], without: set[str]) -> None:
    assert loaded(*arguments) & (HEAVY | without) == set()


def test_what_was_put_off_is_there_when_it_is_used() -> None:
    code = (
        "import importlib, sys; from vgspec.cli.start import start_quickly; start_quickly(); "
        "import importlib.metadata; from importlib.metadata import entry_points, version; "
        "print(importlib.metadata.version('pydantic') == version('pydantic'),"
        " len(entry_points(group='console_scripts')) > 0, sys.modules['importlib.metadata'].PackageNotFoundError.__name__)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "True", "PackageNotFoundError"]
