"""Same input, same bytes out: whatever the hash seed, the locale, the spelling of the path, the order of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vgspec.frontend.load import load

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "multi_input_output.yaml"
FAULTY = """vgspec: "1"
name: m
inputs: {x: {shape: [8]}, y: {shape: [8]}}
layers:
  - {id: a, in: x, Dens: {units: 4}}
  - {id: b, in: zz, Dense: {unit: 4, activation: relo}}
  - {id: c, in: [x, y], Concatenate: {axis: 7}}
blocks: {unused: {params: {p: {type: int}, q: {type: int}}, layers: [Identity]}}
"""
WORLDS = (
    {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
    {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
    {"PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
)
COMMANDS = [
    ("lint", "spec.yaml", "--output-format", "json"),
    ("lint", "spec.yaml", "faulty.yaml", "--output-format", "sarif"),
    ("lint", "."),
    ("show", "spec.yaml", "--output-format", "json"),
    ("show", "spec.yaml"),
    ("schema",),
    ("rules", "--output-format", "json"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_bytes(SPEC.read_bytes())
    (tmp_path / "faulty.yaml").write_text(FAULTY)
    return tmp_path


def output(*argv: str, cwd: Path, world: dict[str, str], files: tuple[str, ...] = ()) -> bytes:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHONHASH"))}
    env |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **world}
    done = subprocess.run([sys.executable, "-m", "vgspec", *argv], cwd=cwd, env=env, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    written = b"".join((cwd / name).read_bytes() for name in files)
    return done.stdout + done.stderr + written


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands(folder: Path, command: tuple[str, ...]) -> None:
    assert len({output(*command, cwd=folder, world=world) for world in WORLDS}) == 1


def test_source(folder: Path) -> None:
    build = ("build", "spec.yaml", "--out", "out.py", "--force")
    assert len({output(*build, cwd=folder, world=world, files=("out.py",)) for world in WORLDS}) == 1


@pytest.mark.parametrize("spelling", ["./spec.yaml", "sub/../spec.yaml", "{folder}/spec.yaml"])
def test_spelling_of_the_path(folder: Path, spelling: str) -> None:
    (folder / "sub").mkdir()
    plain = output("show", "spec.yaml", "--output-format", "json", cwd=folder, world=WORLDS[0])
    given = spelling.replace("{folder}", str(folder))
    assert output("show", given, "--output-format", "json", cwd=folder, world=WORLDS[0]) == plain


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: str(path.stem))
def test_loading_twice(path: Path) -> None:
    first, second = load(path), load(path.read_text(encoding="utf-8"), file=str(path))
    if first.diagnostics == second.diagnostics == ():
        assert first.require_graph().canonical() == second.require_graph().canonical()
    assert load(path).diagnostics == first.diagnostics
