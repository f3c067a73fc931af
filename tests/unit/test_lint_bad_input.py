"""Input that is no spec, and files that change while they are worked on: one finding each, and nothing is lost."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vgspec.cli import fixing, main
from vgspec.cli.output import Output
from vgspec.lint.fixes import Fixed

GOOD = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers:\n  - Dense: {units: 2}\n'
BAD = GOOD.replace("Dense", "Dens")
FIXABLE = """vgspec: "1"
inputs: {x: {shape: [64]}}
layers:
  - Dense: {units: 32, activation: tanh, kernel_initializer: zeros}
  - Dense: {units: 10, activation: softmax}
compile: {optimizer: adam, loss: categorical_crossentropy}
"""


class Stream(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]


def run(*argv: str) -> tuple[int, str, str]:
    out, err = Stream(), Stream()
    status = main(argv, Output(out, err))
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return status, out.getvalue(), err.getvalue()


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def bomb() -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    return 'vgspec: "1"\n' + "\n".join(rows) + "\n"


MAKERS: dict[str, tuple[Callable[[Path], Any], set[str]]] = {
    "missing": (lambda path: None, {"VG001"}),
    "folder.yaml": (lambda path: (path / "inner").mkdir(parents=True), set()),
    "link.yaml": (lambda path: path.symlink_to("nowhere"), {"VG001"}),
    "loop.yaml": (lambda path: path.symlink_to(path.name), {"VG001"}),
    "empty.yaml": (lambda path: path.write_bytes(b""), {"VG007"}),
    "blank.yaml": (lambda path: path.write_bytes(b" \n# nothing\n"), {"VG007"}),
    "binary.yaml": (lambda path: path.write_bytes(bytes(range(256)) * 100), {"VG001"}),
    "latin1.yaml": (lambda path: path.write_bytes(GOOD.replace("x:", "é:").encode("latin-1")), {"VG001"}),
    "huge.yaml": (lambda path: os.truncate(_touched(path), 17 * 1024 * 1024), {"VG005"}),
    "deep.yaml": (lambda path: path.write_text("[" * 20_000), {"VG005"}),
    "bomb.yaml": (lambda path: path.write_text(bomb()), {"VG005"}),
    "list.yaml": (lambda path: path.write_text("- a\n"), {"VG007"}),
    "text.txt": (lambda path: path.write_text("hello\n"), {"VG007"}),
    "broken.json": (lambda path: path.write_text('{"vgspec": "1"'), {"VG002"}),
    "compose.yaml": (lambda path: path.write_text("services: {a: {image: b}}\nvolumes: {}\n"), {"VG007"}),
    "two.yaml": (lambda path: path.write_text("a: 1\n---\nb: 2\n"), {"VG004"}),
    "none.keras": (lambda path: path.write_bytes(b"PK\x03\x04 no zip"), {"VG087", "VG088", "VG080"}),
    "odd.keras": (write_zip, {"VG080", "VG088"}),
    "cut.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40)), {"VG080", "VG088", "VG001"}),
}


def _touched(path: Path) -> Path:
    path.touch()
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_one_finding_each_and_the_others_are_linted(folder: Path, name: str) -> None:
    make, codes = MAKERS[name]
    make(folder / name)
    status, out, err = run("lint", "bad.yaml", name, "good.yaml", "--output-format", "json")
    report = json.loads(out)
    found = {item["path"]: item["errors"] for item in report["files"]}
    assert status == 1
    assert (found["bad.yaml"], found["good.yaml"]) == (1, 0)
    assert err == ""
    about = [d for d in report["diagnostics"] if d["file"] == name]
    if codes:
        assert len(about) == 1, about
        assert about[0]["code"] in codes
        assert about[0]["severity"] == "error"
    for form in ("text", "concise", "sarif", "github", "junit"):
        assert run("lint", "bad.yaml", name, "good.yaml", "--output-format", form)[0] == 1
    assert run("lint", "--fix", name, "good.yaml")[0] == (1 if codes else 0)


def test_all_of_them_at_once_in_two_processes(folder: Path) -> None:
    for name, (make, _) in MAKERS.items():
        make(folder / name)
    names = ["bad.yaml", "good.yaml", *MAKERS]
    _, one, _ = run("lint", *names, "--output-format", "json", "-j", "1")
    _, two, _ = run("lint", *names, "--output-format", "json", "-j", "2")
    assert one == two
    assert len(json.loads(one)["diagnostics"]) == 1 + sum(1 for _, codes in MAKERS.values() if codes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_search_is_not_held_up_by_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    (folder / "gone.yaml").symlink_to("nowhere")
    _, out, err = run("lint", "--output-format", "json")
    assert [item["path"] for item in json.loads(out)["files"]] == ["bad.yaml", "good.yaml"]
    assert err == ""


def test_what_a_search_cannot_read_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == "secret.yaml":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **kwargs)

    (folder / "secret.yaml").write_text(GOOD)
    monkeypatch.setattr(Path, "open", refuse)
    status, out, err = run("lint", ".", "--output-format", "json")
    assert err == "warning: cannot read secret.yaml: Permission denied; it is left out\n"
    assert status == 1
    assert len(json.loads(out)["files"]) == 2
    status, out, err = run("lint", "secret.yaml", "--output-format", "json")
    assert [d["code"] for d in json.loads(out)["diagnostics"]] == ["VG001"]


def test_specs_only(folder: Path) -> None:
    """As the hook calls it: with all YAML files of a commit."""
    (folder / "ci.yaml").write_text("jobs: {}\n")
    (folder / "list.json").write_text("[1]\n")
    _, out, _ = run("lint", "ci.yaml", "list.json", "bad.yaml", "gone.yaml", "--specs-only", "--output-format", "json")
    assert [item["path"] for item in json.loads(out)["files"]] == ["bad.yaml", "gone.yaml"]
    assert run("lint", "ci.yaml", "--specs-only") == (0, "", "")
    before = (folder / "ci.yaml").read_bytes()
    assert run("fmt", "ci.yaml", "good.yaml", "--specs-only")[0] == 0
    assert (folder / "ci.yaml").read_bytes() == before
    (folder / "vgspec.toml").write_text('exclude = ["good.yaml"]\n')
    (folder / "good.yaml").write_text(GOOD.replace("units: 2", "units:   2"))
    assert run("fmt", "--check", "good.yaml", "--force-exclude")[0] == 0
    assert run("fmt", "--check", "good.yaml")[0] == 1


# --- writing ------------------------------------------------------------------------------------------------


@pytest.fixture
def spec(folder: Path) -> Path:
    path = folder / "model.yaml"
    path.write_text(FIXABLE)
    return path


def test_fixing_works_here(spec: Path) -> None:
    assert run("lint", "--fix", "model.yaml")[0] == 0
    assert spec.read_text() == FIXABLE.replace("zeros", "glorot_uniform")


def test_a_fix_that_would_break_the_file_is_not_offered(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vgspec.diagnostics import Edit, Span
    from vgspec.lint import offers

    real = offers.plan

    def broken(*args: Any, **kwargs: Any) -> Any:
        planned = real(*args, **kwargs)
        assert planned is not None
        edits = (*planned.edits, Edit(Span("model.yaml", 0, 0), "[unclosed: "))
        return type(planned)(**{**{f: getattr(planned, f) for f in planned.__slots__}, "edits": edits})

    monkeypatch.setattr(offers, "plan", broken)
    status, out, _ = run("lint", "--fix", "model.yaml")
    assert status == 1
    assert "zero-or-constant-kernel" in out
    assert spec.read_text() == FIXABLE


def test_text_that_does_not_read_back_is_not_written(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if fixing went wrong, the last look before writing keeps the file as it is."""
    real = fixing._fixed

    def wrong(*args: Any) -> Any:
        found = real(*args)
        assert found is not None
        fixed, before = found
        return Fixed("vgspec: [", fixed.result, fixed.applied, fixed.rounds), before

    monkeypatch.setattr(fixing, "_fixed", wrong)
    _, _, err = run("lint", "--fix", "model.yaml")
    assert "left alone" in err
    assert spec.read_text() == FIXABLE


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_a_file_that_changes_meanwhile_is_not_overwritten(
    spec: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    real = fixing._fixed

    def meanwhile(*args: Any) -> Any:
        found = real(*args)
        if how == "changed":
            spec.write_text("# mine\n" + FIXABLE)
        else:
            spec.unlink()
        return found

    monkeypatch.setattr(fixing, "_fixed", meanwhile)
    _, _, err = run("lint", "--fix", "model.yaml")
    assert "changed meanwhile, so it is left alone" in err
    assert not spec.exists() if how == "deleted" else spec.read_text() == "# mine\n" + FIXABLE


def test_fmt_does_not_overwrite_what_changes_meanwhile(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vgspec.cli import fmt

    real = fmt.canonical_text

    def meanwhile(document: Any) -> str:
        text = real(document)
        spec.write_text("# mine\n" + FIXABLE)
        return text

    spec.write_text(FIXABLE.replace("units: 32", "units:   32"))
    monkeypatch.setattr(fmt, "canonical_text", meanwhile)
    status, _, err = run("fmt", "model.yaml")
    assert status == 1
    assert "changed meanwhile" in err
    assert spec.read_text() == "# mine\n" + FIXABLE


def test_a_file_is_written_aside_and_renamed(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If renaming fails, the old file is whole and nothing is left beside it."""

    def refuse(*_: Any) -> None:
        assert spec.read_text() == FIXABLE
        raise OSError(28, "No space left on device")

    before = sorted(path.name for path in spec.parent.iterdir())
    monkeypatch.setattr("vgspec.files.os.replace", refuse)
    _, _, err = run("lint", "--fix", "model.yaml")
    assert "No space left on device" in err
    assert spec.read_text() == FIXABLE
    assert sorted(path.name for path in spec.parent.iterdir()) == before


def test_a_bug_on_one_file_does_not_keep_others_from_being_fixed(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fixing.load_target

    def load_target(target: Any, *rest: Any) -> Any:
        if target.name == "good.yaml":
            raise ZeroDivisionError("oh no")
        return real(target, *rest)

    monkeypatch.setattr(fixing, "load_target", load_target)
    status, _, err = run("lint", "--fix", "good.yaml", "model.yaml")
    assert "good.yaml: not fixed, because of a bug in vgspec: ZeroDivisionError: oh no" in err
    assert status == 3
    assert spec.read_text() == FIXABLE.replace("zeros", "glorot_uniform")


def test_standard_input_is_not_fixed_in_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FIXABLE.encode())))
    status, _, err = run("lint", "--fix", "-")
    assert status == 2
    assert "use --diff" in err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FIXABLE.encode())))
    status, out, _ = run("lint", "--diff", "-", "--stdin-filename", "new.yaml")
    assert status == 1
    assert "--- new.yaml" in out
