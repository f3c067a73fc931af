"""What vgspec is shipped as, and what it runs with: packages tried where nothing else is installed.

::

    python -m vgspec.dev.supply packages                    # wheel and sdist: built, installed, tried, type-checked
    python -m vgspec.dev.supply lowest                      # the unit tests with the lowest versions of dependencies
    python -m vgspec.dev.supply newest --python python3.13  # and with the newest, on another Python

``packages`` needs ``hatchling`` and ``mypy`` where it runs; CI runs it. Each makes its virtual environments in a
temporary folder, without TensorFlow, and gives exit status 1 if something does not hold.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["lowest_versions", "main"]

ROOT = Path(__file__).resolve().parents[2]
_TEST_NEEDS = ("pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100", "jsonschema>=4.21")
_CONSUMER = '''"""A user's program, as a strict type checker sees it."""

from pathlib import Path

import vgspec
from vgspec.limits import Limits

spec = vgspec.load_spec(Path("model.yaml"), limits=Limits(max_repeat=50))
names: list[str] = [diagnostic.code for diagnostic in spec.diagnostics]
text: str = spec.to_yaml()
ok: bool = spec.ok
result = vgspec.lint_spec(spec)
shown: list[str] = [finding.message for finding in result.diagnostics]
print(names, ok, shown, len(text))
'''
_WRONG = 'import vgspec\n\ncount: int = vgspec.load_spec("model.yaml").to_yaml()\n'


def lowest_versions(python: tuple[int, int] = sys.version_info[:2]) -> list[str]:
    """The lowest version that each dependency may have, as requirements: ``numpy==1.26.*`` for ``numpy>=1.26``.

    Args:
        python: for this version of Python, which may ask for a later one (``; python_version >= '3.13'``).
    """
    with (ROOT / "pyproject.toml").open("rb") as stream:
        declared: list[str] = tomllib.load(stream)["project"]["dependencies"]
    found: dict[str, str] = {}
    for requirement in declared:  # the later line of the same name asks for more
        match = re.match(r"([\w.\-]+)>=([\d.]+)", requirement)
        if match is None:
            raise ValueError(f"no lower bound: {requirement}")
        marker = re.search(r"python_version *>= *['\"](\d+)\.(\d+)", requirement)
        if marker is None or python >= (int(marker[1]), int(marker[2])):
            name, version = match.groups()
            found[name] = f"{name}=={version}" if version.count(".") > 1 else f"{name}=={version}.*"
    return list(found.values())


def _run(call: Sequence[str | Path], cwd: Path, *, fails: bool = False) -> str:
    """Run a command and give what it printed.

    Raises:
        SystemExit: with what it printed, if it fails, or if it does not and ``fails`` is set.
    """
    done = subprocess.run([str(part) for part in call], cwd=cwd, capture_output=True, text=True, check=False)
    shown = done.stdout + done.stderr
    if (done.returncode != 0) != fails or "Traceback" in shown:
        raise SystemExit(f"{' '.join(map(str, call))}\nended with {done.returncode}:\n{shown[-4000:]}")
    return shown


def _environment(folder: Path, python: str, install: Sequence[str | Path]) -> Path:
    """A new virtual environment with these packages; its folder of programs."""
    _run([python, "-m", "venv", folder], ROOT)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    _run([programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install], ROOT)
    return programs


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _packages(python: str, place: Path) -> None:
    """Build wheel and sdist, and try each where nothing else is installed."""
    dist = place / "dist"
    _run([sys.executable, "-m", "hatchling", "build", "-d", dist], ROOT)
    for package in (next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))):
        programs = _environment(place / package.suffix.strip("."), python, [package])
        work = place / f"work-{package.suffix.strip('.')}"
        work.mkdir()
        vgspec = programs / "vgspec"
        version = _run([vgspec, "--version"], work)
        _run([vgspec, "init", "model.yaml"], work)
        _run([vgspec, "init", "resnet.yaml", "--template", "resnet50"], work)
        _run([vgspec, "lint", "."], work)
        _run([vgspec, "show", "model.yaml"], work)
        _run([vgspec, "fmt", "model.yaml"], work)
        _run([vgspec, "fmt", "--check", "model.yaml"], work)
        _run([vgspec, "build", "model.yaml", "--out", "model.py"], work)
        _run([vgspec, "build", "model.yaml", "--out", "model.keras"], work, fails=True)
        if '"$schema"' not in _run([vgspec, "schema"], work):
            raise SystemExit("vgspec schema prints no schema")
        _run([vgspec, "rule", "gradient-vanishes"], work)
        _run([programs / "python", "-c", "import sys, vgspec; assert 'tensorflow' not in sys.modules"], work)
        _say(f"{package.name}: installed and tried ({version.strip()})")
    consumer = place / "consumer"
    consumer.mkdir()
    (consumer / "good.py").write_text(_CONSUMER)
    (consumer / "wrong.py").write_text(_WRONG)
    check: list[str | Path] = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        place / "whl" / programs.name / "python",
    ]
    _run([*check, "good.py"], consumer)
    if "Incompatible types" not in _run([*check, "wrong.py"], consumer, fails=True):
        raise SystemExit("mypy does not see the types of the installed package")
    _say("the installed package has its types: mypy --strict on a user's program")


def _tests(python: str, place: Path, versions: Sequence[str]) -> None:
    """Run the unit tests that need no TensorFlow with these versions."""
    programs = _environment(place / "venv", python, [ROOT, *versions, *_TEST_NEEDS])
    shown = _run([programs / "python", "-m", "pip", "list", "--format=freeze"], ROOT)
    names = ("numpy", "pydantic", "pydantic_core", "rich", "ruamel.yaml", "ruamel.yaml.clib")
    used = [line for line in shown.splitlines() if line.partition("==")[0] in names]
    where = _run([programs / "python", "--version"], ROOT).strip()
    _say(f"{where}: {', '.join(used)}")
    call = [programs / "python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not tensorflow"]
    call += ["-o", "addopts=--strict-markers"]  # those of the project need a plugin
    call += [
        "-p",
        "no:cacheprovider",
        "--deselect",
        "tests/unit/test_docs.py",
        "tests/unit",
        "tests/fuzz/test_targets.py",
    ]
    done = subprocess.run([str(part) for part in call], cwd=ROOT, capture_output=True, text=True, check=False)
    _say((done.stdout + done.stderr)[-6000:] if done.returncode else done.stdout.strip().splitlines()[-1])
    if done.returncode:
        raise SystemExit(1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the checks."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.supply", description=__doc__)
    parser.add_argument("what", choices=("packages", "lowest", "newest"))
    parser.add_argument("--python", default=sys.executable, help="the Python to make environments with")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        if args.what == "packages":
            _packages(args.python, Path(temporary))
        else:
            shown = _run([args.python, "-c", "import sys; print(*sys.version_info[:2])"], ROOT)
            major, minor = map(int, shown.split())
            _tests(args.python, Path(temporary), lowest_versions((major, minor)) if args.what == "lowest" else ())
    return 0


if __name__ == "__main__":
    sys.exit(main())
