"""The command line: what it prints, what it returns, and that it never shows a traceback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vgspec import __version__
from vgspec.cli import checking, main
from vgspec.cli.discover import find_targets, looks_like_spec
from vgspec.cli.output import Output, wants_color
from vgspec.cli.params import parse_params
from vgspec.codes import DUPLICATE_KEY
from vgspec.diagnostics import Severity
from vgspec.lint.rules import RULES
from vgspec.report.model import Rule
from vgspec.settings import Settings
from vgspec.settings.selection import select, word_problem

GOOD = """vgspec: "1"
name: good
params:
  width: {type: int, default: 4}
inputs: {x: {shape: [8]}}
layers:
  - Dense: {units: $width, activation: relu}
  - Dense: {units: 2}
"""
BAD = GOOD.replace("- Dense: {units: 2}", "- Dens: {units: 2}")


class Stream(io.StringIO):
    """A stream in memory that says what it can carry."""

    encoding = "utf-8"  # type: ignore[assignment]


class Terminal(Stream):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Result:
    """What one call did."""

    def __init__(self, *argv: str, terminal: bool = False) -> None:
        stream = Terminal if terminal else Stream
        out, err = stream(), stream()
        self.status = main(argv, Output(out, err))
        self.out, self.err = out.getvalue(), err.getvalue()
        assert "Traceback" not in self.out + self.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a good and a bad spec; only the language's own findings, no rules, no colour."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "VGSPEC_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("vgspec.lint.engine.RULES", ())
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return tmp_path


def with_finding(monkeypatch: pytest.MonkeyPatch, severity: Severity) -> None:
    """Make linting find something of this severity in every spec, at its second line."""
    from dataclasses import replace

    real = checking.check_one

    def check_one(*args: Any) -> Any:
        found, spec = real(*args)
        more = DUPLICATE_KEY.diagnostic("made up", file=spec.document.file, severity=severity)
        return (*found, replace(more, code="VG199", name="made-up")), spec

    monkeypatch.setattr(checking, "check_one", check_one)


# --- calls ----------------------------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vgspec {__version__}\n"


def test_no_command_shows_help(folder: Path) -> None:
    result = Result()
    assert result.status == 2
    assert "usage: vgspec" in result.err


@pytest.mark.parametrize("command", ["lint", "build", "show", "init", "schema", "rule", "rules"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"vgspec {command}" in text
    assert "--color" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lnit"], "unknown command 'lnit'; did you mean 'lint'?"),
        (["xyzzy"], "unknown command 'xyzzy'; it must be one of: lint, build,"),
        (["lint", "--exit-zer"], "unknown option '--exit-zer'; did you mean '--exit-zero'?"),
        (["lint", "--output-fromat=json"], "unknown option '--output-fromat'; did you mean '--output-format'?"),
        (["lint", "-z"], "unknown option '-z'"),
        (["lint", "--output-format", "jsn"], "--output-format: unknown value 'jsn'; did you mean 'json'?"),
        (["--color", "blue", "lint"], "--color: unknown value 'blue'; it must be one of: auto, always, never"),
        (["show"], "the following arguments are required: SPEC"),
        (["show", "a", "b"], "unexpected argument 'b'"),
        (["build", "good.yaml"], "the following arguments are required: --out"),
        (["build", "good.yaml", "--out", "x", "--seed", "a"], "argument --seed: invalid int value: 'a'"),
        (["lint", "--set", "width"], "--set width: expected NAME=VALUE"),
        (["lint", "--set", "=3"], "--set =3: expected NAME=VALUE"),
        (["lint", "--set", "a=1", "--set", "a=2"], "--set a: given twice"),
        (["lint", "--set", "a="], "--set a=: the value is missing"),
        (["lint", "--set", "a=[1"], "--set a=[1: the value cannot be read"),
        (["lint", "--jobs", "x"], "argument -j/--jobs: expected a whole number of at least 1, got 'x'"),
        (["lint", "--time", "0"], "argument --time: expected a whole number of at least 1, got '0'"),
        (["lint", "--fail-on", "eror"], "--fail-on: unknown value 'eror'; did you mean 'error'?"),
        (["lint", "--force-exclud"], "unknown option '--force-exclud'; did you mean '--force-exclude'?"),
        (["lint", "--select", "VG9"], "--select VG9: no rule is called 'VG9'"),
        (
            ["lint", "--ignore", "unknown-layr"],
            "--ignore unknown-layr: no rule is called 'unknown-layr'; did you mean 'unknown-layer'?",
        ),
        (
            ["lint", "--ignore", "unknown-layer"],
            "--ignore unknown-layer: VG023 (unknown-layer) makes a spec invalid and cannot be ignored; mend",
        ),
        (["lint", "--statistics", "--output-format", "sarif"], "--statistics: there is no form of it"),
        (["rule", "sintax-error"], "no rule is called 'sintax-error'; did you mean 'syntax-error'?"),
        (["rule"], "the following arguments are required: RULE"),
        (["init"], "init needs the name of the file to write"),
        (["init", "model.json"], "templates are YAML"),
        (["init", "model.yaml", "--template", "nosuchthing"], "there is no template 'nosuchthing'"),
    ],
)
def test_bad_calls(folder: Path, argv: list[str], message: str) -> None:
    result = Result(*argv)
    assert result.status == 2
    assert result.err.startswith(f"error: {message}")
    assert result.out == ""


# --- lint -----------------------------------------------------------------------------------------------


def test_lint_clean(folder: Path) -> None:
    result = Result("lint", "good.yaml")
    assert (result.status, result.out, result.err) == (0, "All good: 1 file checked, no findings\n", "")
    assert Result("lint", "good.yaml", "-q").out == ""


def test_lint_finds(folder: Path) -> None:
    result = Result("lint", "bad.yaml", "good.yaml")
    assert result.status == 1
    assert result.out.startswith("error[VG023 unknown-layer]: unknown layer 'Dens'\n --> bad.yaml:8:5\n")
    assert "\n8 |   - Dens: {units: 2}\n  |     ^^^^" in result.out
    assert result.out.endswith("Found 1 error in 2 files\n")
    assert Result("lint", "bad.yaml", "--exit-zero").status == 0


def test_lint_defaults_to_this_folder_and_finds_specs_by_content(folder: Path) -> None:
    (folder / "other.yaml").write_text("a: 1\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.yaml").write_text(BAD)
    result = Result("lint", "--output-format", "json")
    assert [f["path"] for f in json.loads(result.out)["files"]] == ["bad.yaml", "good.yaml"]


def test_lint_of_a_folder_without_specs_says_so(folder: Path) -> None:
    (folder / "empty").mkdir()
    result = Result("lint", "empty")
    assert result.status == 0
    assert result.err == "warning: no spec found in empty; 'vgspec init model.yaml' writes one to start from\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "VG001"),
        (b"\x00\x01\x02", "VG001"),
        (b"\xff\xfe\xff", "VG001"),
        (b"", "VG007"),
        (b"- a list\n", "VG007"),
        (b"a: [1\n", "VG002"),
        (b"vgspec: '1'\nvgspec: '1'\n", "VG003"),
    ],
)
def test_bad_files_are_findings_and_the_others_are_still_linted(folder: Path, content: bytes | None, code: str) -> None:
    if content is not None:
        (folder / "broken.yaml").write_bytes(content)
    result = Result("lint", "broken.yaml", "bad.yaml", "--output-format", "json")
    found = json.loads(result.out)["diagnostics"]
    assert result.status == 1
    assert code in {d["code"] for d in found if d["file"] == "broken.yaml"}
    assert "VG023" in {d["code"] for d in found if d["file"] == "bad.yaml"}


def test_a_missing_file_names_the_one_that_was_meant(folder: Path) -> None:
    assert "help: did you mean `good.yaml`?" in Result("lint", "god.yaml").out
    assert "did you mean" not in Result("lint", "xyzzy.keras").out
    (folder / "sub").mkdir()
    (folder / "sub" / "model.yaml").write_text(GOOD)
    assert (
        f"did you mean `{os.path.join('sub', 'model.yaml')}`?" in Result("show", os.path.join("sub", "modell.yaml")).err
    )
    assert "there is no folder `nowhere`" in Result("show", os.path.join("nowhere", "good.yaml")).err


def test_help_ends_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--help"]) == 0
    assert "\nexamples:\n  vgspec lint  " in capsys.readouterr().out


def test_the_examples_of_help_are_calls(folder: Path) -> None:
    from vgspec.cli.app import make_parser
    from vgspec.cli.parser import parse

    parser = make_parser()
    count = 0
    for name, command in parser.commands.items():
        for call, _ in command.examples:
            words = call.partition(" > ")[0].split()
            assert words[:2] == ["vgspec", name]
            assert parse(make_parser(), words[1:]).command == name
            count += 1
    assert count > 15


def test_every_call_in_the_guides_is_one() -> None:
    """Commands in the blocks of the how-to pages, the workflows and hooks among them, have options that exist."""
    import re

    from vgspec.cli.app import make_parser
    from vgspec.cli.parser import parse

    root = Path(__file__).parents[2]
    texts = [path.read_text(encoding="utf-8") for path in sorted((root / "docs" / "how-to").glob("*.md"))]
    blocks = [block for text in texts for block in re.findall(r"^```(?:sh|yaml)\n(.*?)^```", text, re.M | re.S)]
    blocks.append((root / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    calls = [call for block in blocks for call in re.findall(r"(?:^|run: |entry: )(vgspec [a-z].*)$", block, re.M)]
    assert len(calls) >= 7
    for call in calls:
        words = re.split(r" [>#] ", call)[0].split()[1:]
        if words[0] == "fmt" and not any(not word.startswith("-") for word in words[1:]):
            words.append("model.yaml")  # a hook is given the files
        parse(make_parser(), words)


def test_concise_output(folder: Path) -> None:
    result = Result("lint", "bad.yaml", "good.yaml", "--output-format", "concise")
    assert result.out == ("bad.yaml:8:5: error[VG023 unknown-layer]: unknown layer 'Dens'\nFound 1 error in 2 files\n")
    assert Result("lint", "good.yaml", "-q", "--output-format", "concise").out == ""


def test_a_named_file_is_linted_whatever_it_looks_like(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello\n")
    assert Result("lint", "notes.txt").status == 1


@pytest.mark.parametrize(
    ("severity", "options", "status"),
    [
        (Severity.ERROR, [], 1),
        (Severity.WARNING, [], 1),
        (Severity.INFO, [], 0),
        (Severity.INFO, ["--strict"], 1),
        (Severity.WARNING, ["--exit-zero"], 0),
    ],
)
def test_exit_status_by_severity(
    folder: Path, monkeypatch: pytest.MonkeyPatch, severity: Severity, options: list[str], status: int
) -> None:
    with_finding(monkeypatch, severity)
    assert Result("lint", "good.yaml", *options).status == status


@pytest.mark.parametrize(
    ("fail_on", "severity", "status"),
    [
        ("error", Severity.WARNING, 0),
        ("error", Severity.ERROR, 1),
        ("warning", Severity.WARNING, 1),
        ("info", Severity.INFO, 1),
        ("never", Severity.ERROR, 0),
    ],
)
def test_a_spec_says_what_fails_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fail_on: str, severity: Severity, status: int
) -> None:
    (folder / "own.yaml").write_text(GOOD + f"lint: {{fail_on: {fail_on}}}\n")
    with_finding(monkeypatch, severity)
    assert Result("lint", "own.yaml").status == status
    assert Result("lint", "own.yaml", "--strict").status == 1


def test_set_overrides_a_parameter(folder: Path) -> None:
    assert json.loads(Result("show", "good.yaml", "--output-format", "json").out)["nodes"][0]["parameters"] == 36
    result = Result("show", "good.yaml", "--set", "width=16", "--output-format", "json")
    assert json.loads(result.out)["nodes"][0]["parameters"] == 144
    assert "VG034" in Result("lint", "good.yaml", "--set", "wdth=16").out
    assert Result("lint", "good.yaml", "--set", "width=wide").status == 1


def test_statistics(folder: Path) -> None:
    (folder / "worse.yaml").write_text(BAD)
    result = Result("lint", "--statistics")
    assert result.out == "2 VG023 unknown-layer in 2 files\nFound 2 errors in 3 files\n"
    assert result.status == 1


def test_a_bug_in_one_file_does_not_hide_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = checking.load_target

    def load_target(target: Any, *rest: Any) -> Any:
        if target.name == "good.yaml":
            raise ZeroDivisionError("oh no")
        return real(target, *rest)

    monkeypatch.setattr(checking, "load_target", load_target)
    result = Result("lint", "good.yaml", "bad.yaml")
    assert result.status == 3
    assert result.err == ""
    assert "error[VG008 not-linted]: vgspec failed on this file: ZeroDivisionError: oh no" in result.out
    assert "VGSPEC_TRACEBACK=1" in result.out
    assert "unknown layer 'Dens'" in result.out
    assert "Found 2 errors in 2 files" in result.out
    monkeypatch.setenv("VGSPEC_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in error_output(["lint", "good.yaml"])


def error_output(argv: list[str]) -> str:
    """What a call writes to standard error, tracebacks included."""
    err = Stream()
    main(argv, Output(Stream(), err))
    return err.getvalue()


def test_traceback_on_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load_target(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(checking, "load_target", load_target)
    monkeypatch.setenv("VGSPEC_TRACEBACK", "1")
    assert main(["show", "good.yaml"]) == 3
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_interrupt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_target(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "load_target", load_target)
    result = Result("lint", "good.yaml")
    assert result.status == 130
    assert result.err == "\ninterrupted\n"


# --- finding files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, True),
        ('# comment\n---\n"vgspec": "1"\n', True),
        ("name: a\nlayers: []\nvgspec: '1'\n", True),
        ("\ufeffvgspec: '1'\n", True),
        ("vgspec: '1'\nlayers: [\n", True),
        ('{"vgspec": "1", "layers": []}', True),
        ('{\n  "name": "a",\n  "vgspec": "1"\n}', True),
        ('{vgspec: "1"}', True),
        ('{"a": {"vgspec": "1"}}', False),
        ('{"a": "{", "vgspec": "1"}', True),
        ('{"devDependencies": {"x": 1, "vgspec": "2"}}', False),
        ("a:\n  vgspec: '1'\n", False),
        ("vgspecs: 1\n", False),
        ("dependencies: [vgspec]\n", False),
        ("", False),
    ],
)
def test_looks_like_spec(text: str, expected: bool) -> None:
    assert looks_like_spec(text) is expected


def test_targets_come_once_and_in_order(folder: Path) -> None:
    sub = folder / "sub"
    sub.mkdir()
    for skipped in ("node_modules", "venv", ".git"):
        (sub / skipped).mkdir()
        (sub / skipped / "x.yaml").write_text(GOOD)
    (sub / "env").mkdir()
    (sub / "env" / "pyvenv.cfg").write_text("")
    (sub / "env" / "x.yaml").write_text(GOOD)
    (sub / "b.yml").write_text(GOOD)
    (sub / "a.json").write_text('{"vgspec": "1"}')
    names = [t.name for t in find_targets(["bad.yaml", ".", "./bad.yaml", "sub/b.yml", "-", "-", "none"])]
    assert names == ["bad.yaml", "good.yaml", "none", "sub/a.json", "sub/b.yml", "<stdin>"]


# --- parameters and selection ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("a=3", 3),
        ("a=1e-3", 1e-3),
        ("a=-2", -2),
        ("a=true", True),
        ("a=no", "no"),
        ("a=relu", "relu"),
        ("a='3'", "3"),
        ("a=[1, 2]", [1, 2]),
        ("a={LeakyReLU: {negative_slope: 0.1}}", {"LeakyReLU": {"negative_slope": 0.1}}),
        ("a=null", None),
        ("a=b=c", "b=c"),
        ("a=''", ""),
    ],
)
def test_values_are_read_as_yaml(item: str, value: object) -> None:
    (found,) = parse_params([item]).values()
    assert found == value
    assert type(found) is type(value)


def test_selection() -> None:
    rules = (
        Rule("VG001", "unreadable-file", Severity.ERROR, ""),
        Rule("VG008", "odd", Severity.WARNING, ""),
        Rule("VG101", "one", Severity.WARNING, "", group="vanishing"),
        Rule("VG102", "two", Severity.WARNING, "", group="vanishing"),
        Rule("VG201", "three", Severity.WARNING, "", group="other"),
    )

    def chosen(selected: Any = (), ignored: Any = (), extended: Any = ()) -> Any:
        return select(Settings(select=selected, ignore=ignored, extend_select=extended), None, rules)

    assert chosen().selected is None
    assert chosen(["VG1"]).selected == {"VG101", "VG102"}
    assert chosen(["one", "vg201"]).selected == {"VG101", "VG201"}
    assert chosen(["one"], (), ["three"]).selected == {"VG101", "VG201"}
    assert chosen((), (), ["three"]).selected is None
    assert chosen(["vanishing"], ["two"]).ignored == {"VG102"}
    assert chosen((), ["VG0"]).ignored >= {"VG008"}
    assert word_problem("VG0", rules, ignoring=True) is None
    assert word_problem("VG001", rules) is None
    assert "makes a spec invalid" in (word_problem("VG001", rules, ignoring=True) or ("",))[0]
    selection = chosen(["VG101"])
    invalid = DUPLICATE_KEY.diagnostic("x")
    assert invalid in selection
    assert DUPLICATE_KEY.diagnostic("x", severity=Severity.WARNING) not in selection


# --- streams --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "expected"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_when_colour_is_written(choice: str, environ: dict[str, str], terminal: bool, expected: bool) -> None:
    assert wants_color(choice, Terminal() if terminal else io.StringIO(), environ) is expected


def test_colour_only_on_a_terminal(folder: Path) -> None:
    assert "\x1b[" not in Result("lint", "bad.yaml").out
    assert "\x1b[" in Result("lint", "bad.yaml", terminal=True).out
    assert "\x1b[" in Result("lint", "bad.yaml", "--color", "always").out
    assert "\x1b[" in Result("--color", "always", "lint", "bad.yaml").out
    assert "\x1b[" not in Result("lint", "bad.yaml", "--color", "never", terminal=True).out


def test_progress_is_for_terminals_and_leaves_nothing() -> None:
    out, err = Terminal(), Terminal()
    with Output(out, err).progress("working"):
        assert "working …" in err.getvalue()
    assert err.getvalue().endswith("\r")
    assert err.getvalue().rpartition("\r")[0].rpartition("\r")[2].strip() == ""
    for quiet in (Output(out, io.StringIO()), Output(out, Terminal(), verbosity=-1)):
        with quiet.progress("working"):
            pass
        assert quiet.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_table_fits_the_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a_layer_with_a_very_long_name_" * 3
    (folder / "long.yaml").write_text(GOOD.replace("- Dense: {units: 2}", f"- {{id: {name}, Dense: {{units: 2}}}}"))
    monkeypatch.setenv("COLUMNS", "64")
    lines = Result("show", "long.yaml", "--inputs", "--dtypes").out.splitlines()
    assert max(map(len, lines)) <= 64
    assert any("…" in line for line in lines)
    (row,) = (line.split() for line in lines if line.startswith("a_"))
    assert row[-4:] == ["10", "18", "float32", "dense"]


# --- show, schema, rules --------------------------------------------------------------------------------


def test_show(folder: Path) -> None:
    result = Result("show", "good.yaml")
    assert result.status == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert ["dense", "Dense", "(batch,", "4)", "36", "68"] in rows
    assert ["dense_1", "Dense", "(batch,", "2)", "10", "18"] in rows
    assert ["parameters:", "46"] in rows
    assert ["trainable:", "46"] in rows
    assert ["FLOPs:", "86", "for", "one", "sample"] in rows


def test_show_counts_shared_and_frozen_weights_once(folder: Path) -> None:
    (folder / "shared.yaml").write_text(
        """vgspec: "1"
inputs: {a: {shape: [8]}, b: {shape: [8]}}
shared:
  tower: {Dense: {units: 4, trainable: false}}
layers:
  - {id: p, in: a, call: tower}
  - {id: q, in: b, call: tower}
  - {id: both, in: [p, q], Concatenate: {}}
  - Dense: {units: 2}
"""
    )
    data = json.loads(Result("show", "shared.yaml", "--output-format", "json").out)
    by_id = {node["id"]: node for node in data["nodes"]}
    assert by_id["p"]["shared"] == by_id["q"]["shared"] == "tower"
    assert by_id["both"]["inputs"] == ["p", "q"]
    assert data["totals"]["parameters"] == 36 + 18
    assert data["totals"]["trainable"] == 18
    assert data["totals"]["non_trainable"] == 36


def test_show_of_what_is_no_model(folder: Path) -> None:
    (folder / "library.yaml").write_text('vgspec: "1"\nblocks: {b: {layers: [ReLU]}}\n')
    result = Result("show", "library.yaml")
    assert result.status == 1
    assert "VG038" in result.err
    result = Result("show", "bad.yaml")
    assert (result.status, result.out) == (1, "")
    assert "unknown layer 'Dens'" in result.err


def test_schema(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsysbinary.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "layers" in schema["properties"]


def test_rules_and_their_pages(folder: Path) -> None:
    rows = json.loads(Result("rules", "--output-format", "json").out)
    assert [row["code"] for row in rows] == sorted({row["code"] for row in rows})
    assert len({row["name"] for row in rows}) == len(rows)
    assert len(Result("rules").out.splitlines()) == len(rows)
    rules = {rule.code: rule for rule in RULES}
    for row in rows:
        rule = rules.get(row["code"])
        counts = None if rule is None else {"bad": len(rule.bad), "good": len(rule.good)}
        assert (row["examples"], row["measured"]) == (counts, rule is not None and rule.measured)
        assert row["group"] == (None if rule is None else rule.group)
    assert all(row["examples"]["bad"] for row in rows if row["examples"])
    assert {row["code"] for row in rows if row["examples"] is not None} == set(rules)
    for row in rows:
        for word in (row["code"], row["name"], row["code"].lower()):
            result = Result("rule", word)
            assert result.status == 0
            assert result.out.startswith(f"{row['code']} {row['name']} ({row['severity']})\n\n")


# --- a real process -------------------------------------------------------------------------------------


def vgspec(*argv: str, cwd: Path, stdin: bytes | None = None, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "vgspec", *argv],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, **environ},
        check=False,
    )


def test_standard_input(folder: Path) -> None:
    done = vgspec("lint", "-", cwd=folder, stdin=BAD.encode())
    assert done.returncode == 1
    assert b" --> <stdin>:8:5" in done.stdout
    done = vgspec("show", "-", cwd=folder, stdin=GOOD.encode())
    assert done.returncode == 0
    assert b"dense_1" in done.stdout


def test_ascii_stream(folder: Path) -> None:
    (folder / "wide.yaml").write_text(BAD.replace("name: good", "name: 模型"), encoding="utf-8")
    done = vgspec("lint", "wide.yaml", cwd=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 1
    done.stdout.decode("ascii")
    done = vgspec("show", "good.yaml", cwd=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert b"-----" in done.stdout


def test_data_is_utf8_whatever_the_locale(folder: Path) -> None:
    (folder / "wide.yaml").write_text(BAD.replace("Dens:", "模型:"), encoding="utf-8")
    done = vgspec("lint", "wide.yaml", "--output-format", "json", cwd=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    messages = [d["message"] for d in json.loads(done.stdout.decode("utf-8"))["diagnostics"]]
    assert any("模型" in message for message in messages)


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_broken_pipe_is_quiet(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vgspec", "schema"], cwd=folder, stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupt_of_a_process(folder: Path) -> None:
    import signal

    process = subprocess.Popen(
        [sys.executable, "-m", "vgspec", "lint", "-"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.5)  # it now waits for its input
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == b"\ninterrupted\n"
