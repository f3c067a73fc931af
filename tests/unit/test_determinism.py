"""Same input, same bytes out: whatever the hash seed, the locale, the spelling of the path, the order of files."""

from __future__ import annotations

import json
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
DEEP = (
    'vgspec: "1"\nname: m\ninputs: {x: {shape: [64]}}\nlayers:\n'
    + "  - {Dense: {units: 64, activation: sigmoid}}\n" * 12
)
MODEL = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "name": "i"}},
            *({"class_name": "Dense", "config": {"name": f"d{i}", "units": 4}} for i in range(9)),
        ],
    },
}
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
    ("profile", "spec.yaml", "--output-format", "json"),
    ("lint", "deep.yaml", "--diff", "--unsafe-fixes"),
    ("diff", "spec.yaml", "deep.yaml", "--output-format", "json"),
    ("fmt", "--check", "."),
    ("import", "model.json"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_bytes(SPEC.read_bytes())
    (tmp_path / "faulty.yaml").write_text(FAULTY)
    (tmp_path / "deep.yaml").write_text(DEEP)
    (tmp_path / "model.json").write_text(json.dumps(MODEL))
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


WRITTEN = {
    "deep.yaml": [("fmt", "deep.yaml"), ("lint", "deep.yaml", "--fix", "--unsafe-fixes")],
    "new.yaml": [("import", "model.json", "--out", "new.yaml")],
    "made.yaml": [("init", "made.yaml", "--template", "resnet50")],
    **{f"flow.{kind}": [("profile", "spec.yaml", "--plot", f"flow.{kind}")] for kind in ("svg", "png", "pdf")},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_written_files(folder: Path, name: str) -> None:
    if name.startswith("flow."):
        pytest.importorskip("matplotlib")
    found = set()
    for world in WORLDS:
        (folder / "deep.yaml").write_text(DEEP.replace("{units", "{ units"))
        (folder / name).unlink(missing_ok=True) if name != "deep.yaml" else None
        for command in WRITTEN[name]:
            output(*command, cwd=folder, world=world)
        found.add((folder / name).read_bytes())
    assert len(found) == 1
    assert found != {DEEP.encode()}


def test_order_of_files(tmp_path: Path) -> None:
    """Neither the order of a folder's entries nor that of the arguments changes what is said of each file."""
    shown = []
    for number, names in enumerate((("a", "b", "c"), ("c", "a", "b"))):
        place = tmp_path / str(number)
        place.mkdir()
        for name in names:
            (place / f"{name}.yaml").write_text(FAULTY.replace("name: m", f"name: {name}"))
        for argv in ((".",), tuple(f"{name}.yaml" for name in names)):
            shown.append(output("lint", *argv, "--output-format", "concise", cwd=place, world=WORLDS[0]))
    assert {frozenset(text.splitlines()) for text in shown} == {frozenset(shown[0].splitlines())}
    assert shown[0] == shown[2]


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
