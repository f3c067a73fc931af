"""Settings: which file applies, what it changes, what comes before it, and what is said of a wrong one."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vgspec
from vgspec.cli import main
from vgspec.cli.output import Output
from vgspec.limits import DEFAULT_LIMITS
from vgspec.lint.rules import RULES
from vgspec.settings import Settings, SettingsError, find_settings, load_settings
from vgspec.settings.fields import SETTINGS, limit_meanings, limit_names
from vgspec.settings.patterns import matches

STACK = """vgspec: "1"
inputs: {x: {shape: [64]}}
layers:
  - {repeat: 6, body: [{Dense: {units: 64, activation: sigmoid}}]}
  - Dense: {units: 10}
"""
SEQUENCE = """vgspec: "1"
inputs: {x: {shape: [null, 8]}}
layers:
  - Dense: {units: 16, activation: relu}
  - GlobalAveragePooling1D
  - Dense: {units: 2}
compile: {optimizer: sgd, loss: mse}
"""


class Stream(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]


class Result:
    """What one call did."""

    def __init__(self, *argv: str) -> None:
        out, err = Stream(), Stream()
        self.status = main(argv, Output(out, err))
        self.out, self.err = out.getvalue(), err.getvalue()
        assert "Traceback" not in self.out + self.err

    def names(self) -> set[str]:
        """The names of the findings in a JSON report."""
        return {d["name"] for d in json.loads(self.out)["diagnostics"]}


def lint(*argv: str) -> Result:
    return Result("lint", "--output-format", "json", *argv)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own with one spec, in which saturating-stack is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / ".git").mkdir()
    (tmp_path / "model.yaml").write_text(STACK)
    return tmp_path


# --- which file applies -------------------------------------------------------------------------------------


def test_nearest_file_wins_and_vgspec_toml_comes_first(folder: Path) -> None:
    assert lint("model.yaml").names() == {"saturating-stack"}
    (folder / "pyproject.toml").write_text('[tool.vgspec]\nignore = ["saturating-stack"]\n')
    assert lint("model.yaml").names() == set()
    (folder / "vgspec.toml").write_text("")
    assert lint("model.yaml").names() == {"saturating-stack"}
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "model.yaml").write_text(STACK)
    assert lint("a/b/model.yaml").names() == {"saturating-stack"}
    (folder / "a" / "pyproject.toml").write_text('[tool.vgspec]\nignore = ["VG103"]\n')
    assert lint("a/b/model.yaml").names() == set()
    assert lint("model.yaml").names() == {"saturating-stack"}
    files = {d["file"] for d in json.loads(lint(".").out)["diagnostics"]}
    assert files == {"model.yaml"}


def test_a_pyproject_without_our_table_is_passed_over(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('ignore = ["VG103"]\n')
    (folder / "sub").mkdir()
    (folder / "sub" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    (folder / "sub" / "model.yaml").write_text(STACK)
    assert lint("sub/model.yaml").names() == set()


def test_nothing_beyond_the_repository_is_read(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('ignore = ["VG103"]\n')
    (folder / "inner" / ".git").mkdir(parents=True)
    (folder / "inner" / "model.yaml").write_text(STACK)
    assert lint("inner/model.yaml").names() == {"saturating-stack"}


def test_config_and_isolated(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('ignore = ["VG103"]\n')
    (folder / "other.toml").write_text("")
    assert lint("model.yaml", "--config", "other.toml").names() == {"saturating-stack"}
    assert lint("model.yaml", "--isolated").names() == {"saturating-stack"}
    assert lint("model.yaml", "--no-config").names() == {"saturating-stack"}
    result = lint("model.yaml", "--no-config", "--config", "other.toml")
    assert result.status == 2
    assert "exclude each other" in result.err
    result = lint("model.yaml", "--config", "none.toml")
    assert result.status == 2
    assert "there is no such file" in result.out
    (folder / "pyproject.toml").write_text('[tool.vgspec]\nignore = ["VG103"]\n')
    assert lint("model.yaml", "--config", "pyproject.toml").names() == set()


def test_standard_input_has_the_settings_of_the_name_it_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "vgspec.toml").write_text('ignore = ["VG103"]\n')

    def read(*argv: str) -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(STACK.encode())))
        return lint("-", *argv)

    assert read().names() == {"saturating-stack"}
    assert read("--stdin-filename", "sub/new.yaml").names() == set()
    found = json.loads(read("--stdin-filename", "new.yaml").out)["diagnostics"]
    assert [d["file"] for d in found] == ["new.yaml"]
    result = lint("model.yaml", "--stdin-filename", "x.yaml")
    assert result.status == 2
    assert "add -" in result.err


# --- what they change ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('select = ["VG2"]', set()),
        ('select = ["VG2"]\nextend-select = ["vanishing"]', {"saturating-stack"}),
        ('ignore = ["vanishing"]', set()),
        ('[per-path-ignores]\n"model.*" = ["saturating-stack"]', set()),
        ('[per-path-ignores]\n"other/**" = ["saturating-stack"]', {"saturating-stack"}),
        ("[rules.saturating-stack]\nloss = 1e9", set()),
        ("[rules.saturating-stack]\nloss = 90", {"saturating-stack"}),
        ('exclude = ["model.yaml"]', {"saturating-stack"}),
    ],
)
def test_what_runs(folder: Path, text: str, found: set[str]) -> None:
    (folder / "vgspec.toml").write_text(text)
    assert lint("model.yaml").names() == found


def test_excluded_files_are_left_out_of_searches(folder: Path) -> None:
    for name in ("drafts/a.yaml", "keep/b.yaml", "keep/c.tmp.yaml", "deep/er/d.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(STACK)
    (folder / "vgspec.toml").write_text('exclude = ["drafts", "*.tmp.yaml", "deep/*/d.yaml"]\n')

    def files(*argv: str) -> list[str]:
        return [f["path"] for f in json.loads(lint(*argv).out)["files"]]

    assert files(".") == ["keep/b.yaml", "model.yaml"]
    assert files(".", "--exclude", "keep,nothing") == ["model.yaml"]
    assert files("drafts/a.yaml", ".") == ["drafts/a.yaml", "keep/b.yaml", "model.yaml"]
    assert files("drafts/a.yaml", ".", "--force-exclude") == ["keep/b.yaml", "model.yaml"]


@pytest.mark.parametrize(
    ("text", "own", "options", "status"),
    [
        ("", "", [], 1),
        ('fail-on = "error"', "", [], 0),
        ('fail-on = "never"', "", [], 0),
        ('fail-on = "error"', "lint: {fail_on: warning}\n", [], 1),
        ("", "lint: {fail_on: error}\n", [], 0),
        ('fail-on = "error"', "lint: {fail_on: error}\n", ["--fail-on", "warning"], 1),
        ("", "", ["--fail-on", "error"], 0),
        ("", "lint: {fail_on: never}\n", ["--strict"], 1),
        ("", "", ["--exit-zero"], 0),
    ],
)
def test_what_fails_a_run(folder: Path, text: str, own: str, options: list[str], status: int) -> None:
    (folder / "vgspec.toml").write_text(text)
    (folder / "model.yaml").write_text(STACK + own)
    result = lint("model.yaml", *options)
    assert result.names() == {"saturating-stack"}
    assert result.status == status
    assert json.loads(result.out)["summary"]["failed"] is (status == 1 or "--exit-zero" in options)


def test_an_error_of_the_document_always_fails(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('fail-on = "never"\nselect = ["VG2"]\n')
    (folder / "model.yaml").write_text(STACK.replace("units: 10", "unis: 10"))
    result = lint("model.yaml")
    assert result.status == 1
    assert "unknown-key" in result.names() or "bad-argument" in result.names()


def test_options_come_before_settings(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('select = ["VG2"]\nignore = ["VG103"]\n')
    assert lint("model.yaml").names() == set()
    assert lint("model.yaml", "--select", "VG1").names() == {"saturating-stack"}
    assert lint("model.yaml", "--select", "VG1", "--ignore", "VG103").names() == set()
    (folder / "vgspec.toml").write_text('select = ["VG2"]\n')
    assert lint("model.yaml", "--extend-select", "VG103").names() == {"saturating-stack"}
    assert lint("model.yaml", "--extend-select", "VG103", "--ignore", "vanishing").names() == set()


def test_output_format_of_the_current_folder(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('output-format = "json"\n')
    assert json.loads(Result("lint", "model.yaml").out)["version"] == 1
    assert Result("lint", "model.yaml", "--output-format", "text").out.startswith("warning[VG103")


def test_assumptions(folder: Path) -> None:
    """A longer mean leaves a smaller gradient; a threshold that is always exceeded shows how large it is."""
    (folder / "seq.yaml").write_text(SEQUENCE)
    always = "[rules.gradient-explodes]\nnorm = 1e-9\n"

    def size(*argv: str) -> float:
        (found,) = json.loads(lint("seq.yaml", "--select", "gradient-explodes", *argv).out)["diagnostics"]
        return float(found["evidence"]["value"])

    (folder / "vgspec.toml").write_text(always)
    usual = size()
    assert size("--time", "128") == usual
    assert size("--time", "3") > 1.05 * usual
    (folder / "vgspec.toml").write_text(always + "[assumptions]\ntime = 3\n")
    assert size() == size("--time", "3") > 1.05 * usual
    assert size("--time", "128") == usual
    told = json.loads(Result("profile", "seq.yaml", "--output-format", "json").out)
    assert 3 in told["assumed"].values()
    told = json.loads(Result("profile", "seq.yaml", "--isolated", "--output-format", "json").out)
    assert 128 in told["assumed"].values()


def test_settings_hold_for_fixes(folder: Path) -> None:
    (folder / "vgspec.toml").write_text("[rules.saturating-stack]\nloss = 1e9\n")
    assert Result("lint", "model.yaml", "--diff", "--unsafe-fixes").out == ""
    assert Result("lint", "model.yaml", "--diff", "--unsafe-fixes", "--isolated").out != ""
    Result("lint", "model.yaml", "--fix", "--unsafe-fixes")
    assert (folder / "model.yaml").read_text() == STACK


def test_build_and_diff_obey_them(folder: Path) -> None:
    assert "saturating-stack" in Result("build", "model.yaml", "--out", "a.py").err
    (folder / "vgspec.toml").write_text('ignore = ["VG103"]\n')
    assert "saturating-stack" not in Result("build", "model.yaml", "--out", "b.py").err
    (folder / "deep.yaml").write_text(STACK.replace("repeat: 6", "repeat: 7"))
    assert "VG103" not in Result("diff", "model.yaml", "deep.yaml").out


# --- limits -------------------------------------------------------------------------------------------------


def test_settings_that_are_found_may_lower_limits_only(folder: Path) -> None:
    (folder / "vgspec.toml").write_text("[limits]\nmax-repeat = 5\n")
    assert lint("model.yaml").names() == {"limit-exceeded"}
    assert Result("show", "model.yaml").status == 1
    assert Result("show", "model.yaml", "--isolated").status == 0
    high = DEFAULT_LIMITS.max_repeat + 1
    (folder / "vgspec.toml").write_text(f"[limits]\nmax-repeat = {high}\n")
    result = lint("model.yaml")
    assert result.status == 2
    assert "may only lower limits" in result.out
    assert "--config vgspec.toml" in result.out
    (folder / "model.yaml").write_text(STACK.replace("repeat: 6", f"repeat: {high}"))
    assert lint("model.yaml", "--isolated").names() == {"limit-exceeded"}
    assert "limit-exceeded" not in lint("model.yaml", "--config", "vgspec.toml", "--select", "VG7").names()


def test_every_limit_can_be_set(folder: Path) -> None:
    for name, field in limit_names().items():
        (folder / "vgspec.toml").write_text(f"[limits]\n{name} = 1\n")
        assert getattr(find_settings(folder / "model.yaml").limits, field) == 1
    assert set(limit_meanings()) == set(limit_names().values())
    assert all(limit_meanings().values())


# --- wrong ones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "help"),
    [
        ("\n  selct = []", 2, 3, "there is no setting 'selct'", "did you mean 'select'?"),
        ("x = 1", 1, 1, "there is no setting 'x'", "there are: select, extend-select"),
        ('select = "VG1"', 1, 10, "expected a list of rules, not text", 'write ["VG1"]'),
        ('select = ["VG1", 3]', 1, 18, "expected one of a list of rules, as text, not a whole number", ""),
        ('ignore = [\n  "gradint-vanishes",\n]', 2, 3, "no rule is called 'gradint-vanishes'", "'gradient-vanishes'?"),
        ('ignore = ["unknown-layer"]', 1, 11, "VG023 (unknown-layer) makes a spec invalid", "mend the spec"),
        ("exclude = [[]]", 1, 12, "expected one of a list of patterns, as text, not a list", ""),
        ('fail-on = "warnin"', 1, 11, "unknown value 'warnin'", "did you mean 'warning'?"),
        ("fail-on = true", 1, 11, "expected text, not a boolean", "it must be one of: error"),
        ('output-format = "xml"', 1, 17, "unknown value 'xml'", "text, concise, json, sarif"),
        ("per-path-ignores = 3", 1, 20, "expected a table of patterns", ""),
        ('[per-path-ignores]\n"a" = ["VG9"]', 2, 8, "no rule is called 'VG9'", "did you mean 'VG"),
        ("[rules.gradient-vanish]\nnorm = 1", 1, 8, "there is no rule 'gradient-vanish'", "'gradient-vanishes'?"),
        (
            "[rules.gradient-vanishes]\nnrm = 1",
            2,
            1,
            "threshold of gradient-vanishes called 'nrm'",
            "did you mean 'norm'",
        ),
        ("[rules.gradient-vanishes]\nnorm = '1'", 2, 8, "expected a number, not text", ""),
        ("[rules.gradient-vanishes]\nnorm = -1", 2, 8, "greater than 0, got -1", ""),
        ("[rules.gradient-vanishes]\nnorm = inf", 2, 8, "greater than 0", ""),
        ("[rules.gradient-vanishes]\nnorm = nan", 2, 8, "greater than 0", ""),
        ("[rules.gradient-vanishes]\nnorm = true", 2, 8, "expected a number, not a boolean", ""),
        ("rules.gradient-vanishes.norm = 1" + "0" * 400, 1, 32, "greater than 0", ""),
        ("[rules.dead-branch]\na = 1", 1, 8, "the rule 'dead-branch' has no thresholds", ""),
        ("[rules.VG103]\nloss = 1", 1, 8, "rules are given by name here", "write 'saturating-stack'"),
        ("[rules]\ngradient-vanishes = 3", 2, 21, "expected a table, not a whole number", ""),
        ("[assumptions]\ntme = 3", 2, 1, "there is no assumption 'tme'", "did you mean 'time'?"),
        ("[assumptions]\ntime = 0", 2, 8, "must be at least 1, got 0", ""),
        ("[assumptions]\ntime = 2_000_000", 2, 8, "must be at most 1,000,000", ""),
        ("[assumptions.sizes]\ntokens = 'a'", 2, 10, "expected a whole number, not text", ""),
        ("assumptions.sizes = 3", 1, 21, "expected a table of names with whole numbers", ""),
        ("[limits]\nmax-byte = 3", 2, 1, "there is no limit 'max-byte'", "did you mean 'max-bytes'?"),
        ("[limits]\nmax_bytes = 3", 2, 1, "there is no limit 'max_bytes'", "did you mean 'max-bytes'?"),
        ("[limits]\nmax-bytes = 1.5", 2, 13, "expected a whole number, not a number", ""),
        ("select = [\n", 2, 1, "not valid TOML", ""),
    ],
)
def test_a_mistake_is_placed(folder: Path, text: str, line: int, column: int, message: str, help: str) -> None:
    (folder / "vgspec.toml").write_text(text)
    result = Result("lint", "model.yaml")
    assert result.status == 2
    assert result.out == ""
    assert f"--> vgspec.toml:{line}:{column}\n" in result.err
    assert message in result.err
    assert help in result.err
    assert result.err.endswith("error: 1 mistake in the settings; nothing was done\n")
    nested = "\n".join(f"[tool.vgspec.{row[1:]}" if row.startswith("[") else row for row in text.split("\n"))
    (folder / "vgspec.toml").unlink()
    (folder / "pyproject.toml").write_text(f"[tool.vgspec]\n{nested}")
    result = Result("lint", "model.yaml")
    assert result.status == 2
    assert message in result.err
    assert f"--> pyproject.toml:{line + 1}:" in result.err


def test_all_mistakes_are_shown_at_once_in_order(folder: Path) -> None:
    (folder / "vgspec.toml").write_text("b = 1\n[rules.gradient-vanishes]\nx = 1\n[limits]\ny = 1\n")
    err = Result("lint", "model.yaml").err
    assert [err.index(f"vgspec.toml:{line}:1") for line in (1, 3, 5)] == sorted(
        err.index(f"vgspec.toml:{line}:1") for line in (1, 3, 5)
    )
    assert "3 mistakes" in err


@pytest.mark.parametrize("make", ["folder", "binary", "huge", "pipe", "link"])
def test_what_is_no_readable_file(folder: Path, make: str) -> None:
    path = folder / "vgspec.toml"
    if make == "folder":
        path.mkdir()
    elif make == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    elif make == "huge":
        path.write_bytes(b"#" * (1024 * 1024 + 1))
    elif make == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes here")
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere.toml")
    result = Result("lint", "model.yaml")
    assert result.status == 2
    assert "VG072 unreadable-settings" in result.err
    assert "1 mistake in the settings" in result.err


def test_a_wrong_file_beside_a_spec_stops_commands_for_it_only(folder: Path) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "vgspec.toml").write_text("x = 1\n")
    (folder / "bad" / "model.yaml").write_text(STACK)
    for argv in (
        ["show", "bad/model.yaml"],
        ["profile", "bad/model.yaml"],
        ["build", "bad/model.yaml", "--out", "x.py"],
    ):
        assert Result(*argv).status == 2
        assert Result(*argv, "--isolated").status in (0, 1)
    assert lint("model.yaml").names() == {"saturating-stack"}


# --- showing them -------------------------------------------------------------------------------------------


def test_show_settings(folder: Path) -> None:
    (folder / "vgspec.toml").write_text(
        '\nignore = ["VG103"]\n[rules.gradient-vanishes]\nnorm = 1e-5\n[assumptions]\ntime = 64\n[limits]\nmax-repeat = 50\n'
    )
    (folder / "sub").mkdir()
    (folder / "sub" / "vgspec.toml").write_text("")
    (folder / "sub" / "b.yaml").write_text(STACK)
    out = Result("lint", "--show-settings", "--fail-on", "error").out
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert rows[0] == "1 spec: model.yaml"
    assert 'settings file = "vgspec.toml"' in rows
    assert 'ignore = ["VG103"] vgspec.toml:2' in rows
    assert "rules.gradient-vanishes.norm = 1e-05 vgspec.toml:4" in rows
    assert "assumptions.time = 64 vgspec.toml:6" in rows
    assert "assumptions.positions = 32 default" in rows
    assert "limits.max-repeat = 50 vgspec.toml:8" in rows
    assert 'fail-on = "error" --fail-on' in rows
    assert "1 spec: sub/b.yaml" in rows
    (first, second) = json.loads(Result("lint", "--show-settings", "--output-format", "json").out)
    assert first["specs"] == ["model.yaml"]
    assert first["settings"]["ignore"] == {"value": ["VG103"], "origin": "vgspec.toml:2"}
    assert second["settings"]["ignore"] == {"value": [], "origin": "default"}


# --- Python -------------------------------------------------------------------------------------------------


def test_python_never_reads_settings_silently(folder: Path) -> None:
    (folder / "vgspec.toml").write_text('ignore = ["VG103"]\n[limits]\nmax-repeat = 3\n')
    assert [d.name for d in vgspec.lint_spec("model.yaml").diagnostics] == ["saturating-stack"]
    found = vgspec.find_settings("model.yaml")
    assert found.limits.max_repeat == 3
    assert [d.name for d in vgspec.lint_spec("model.yaml", settings=found).diagnostics] == ["limit-exceeded"]


def test_settings_in_python(folder: Path) -> None:
    def names(given: Settings, spec: Any = "model.yaml") -> list[str]:
        return [d.name for d in vgspec.lint_spec(spec, settings=given).diagnostics]

    assert names(Settings(ignore=("VG103",))) == []
    assert names(Settings(select=("VG2",))) == []
    assert names(Settings(thresholds={"saturating-stack.loss": 1e9})) == []
    assert names(Settings(per_path_ignores=(("model.yaml", ("vanishing",)),))) == []
    assert names(Settings(per_path_ignores=(("model.yaml", ("vanishing",)),)), STACK) == ["saturating-stack"]
    explodes = Settings(select=("gradient-explodes",), thresholds={"gradient-explodes.norm": 1e-9})
    (usual,) = vgspec.lint_spec(SEQUENCE, settings=explodes).diagnostics
    (short,) = vgspec.lint_spec(SEQUENCE, settings=replace(explodes, time=3)).diagnostics
    assert usual.evidence is not None
    assert short.evidence is not None
    assert short.evidence.value > 1.05 * usual.evidence.value
    (folder / "own.toml").write_text(f"[limits]\nmax-repeat = {DEFAULT_LIMITS.max_repeat + 1}\n")
    assert load_settings("own.toml").limits.max_repeat > DEFAULT_LIMITS.max_repeat
    (folder / "own.toml").write_text("x = 1\n")
    with pytest.raises(SettingsError, match=r"own.toml:1:1: there is no setting 'x' \(.*\) \[VG073\]"):
        vgspec.load_settings("own.toml")
    with pytest.raises(ValueError, match="no rule is called 'VG9'"):
        names(Settings(ignore=("VG9",)))
    with pytest.raises(ValueError, match=r"no threshold is called 'a\.b'"):
        names(Settings(thresholds={"a.b": 1.0}))


def test_any_threshold_is_borne() -> None:
    """No value that settings take makes a rule fail."""
    text = STACK.replace("repeat: 6", "repeat: 20")

    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        extreme = st.sampled_from([5e-324, 1e-300, 1e-9, 0.5, 1.0, 7.0, 1e9, 1e300, 1.7e308])
        thresholds = {f"{rule.name}.{key}": data.draw(extreme) for rule in RULES for key in rule.settings}
        for spec in (text, SEQUENCE):
            vgspec.lint_spec(spec, settings=Settings(thresholds=thresholds))

    check()


# --- patterns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("a.yaml", "a.yaml", True),
        ("a.yaml", "x/y/a.yaml", True),
        ("x", "x/y/a.yaml", True),
        ("y", "x/y/a.yaml", True),
        ("*.yaml", "x/a.yaml", True),
        ("*.yml", "x/a.yaml", False),
        ("x/*.yaml", "x/a.yaml", True),
        ("x/*.yaml", "z/x/a.yaml", False),
        ("x/*.yaml", "x/y/a.yaml", False),
        ("x/**", "x/y/a.yaml", True),
        ("x/**/a.yaml", "x/a.yaml", True),
        ("x/**/a.yaml", "x/1/2/a.yaml", True),
        ("**/a.yaml", "a.yaml", True),
        ("**/b/*.yaml", "x/b/a.yaml", True),
        ("**/b/*.yaml", "x/c/a.yaml", False),
        ("./x/a.yaml", "x/a.yaml", True),
        ("/x/a.yaml", "x/a.yaml", True),
        ("/a.yaml", "x/a.yaml", False),
        ("x/", "x/a.yaml", True),
        ("x/y", "x/y/a.yaml", True),
        ("x/y", "x/yy/a.yaml", False),
        ("[ab].yaml", "b.yaml", True),
        ("[", "a.yaml", False),
        ("**", "a.yaml", True),
        ("../a.yaml", "a.yaml", False),
        ("x/*", "../x/a.yaml", False),
        ("A.yaml", "a.yaml", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, Path("/project", path), "/project") is fits


def test_hostile_patterns_take_no_time() -> None:
    assert not matches("/".join(["**"] * 60) + "/b", "/p/" + "/".join("a" * 60), "/p")
    assert not matches("*a" * 60 + "b", "/p/" + "a" * 200, "/p")


# --- the table ----------------------------------------------------------------------------------------------


def test_every_example_in_the_table_is_valid(folder: Path) -> None:
    for row in SETTINGS:
        assert row.example
        text = row.example if row.example.startswith("[") else f"[tool.vgspec]\n{row.example}"
        (folder / "pyproject.toml").write_text(text + "\n")
        found = find_settings(folder / "model.yaml")
        assert row.name in found.origins


# --- wrong settings in reports for programs ---------------------------------------------------------------

WRONG_SETTINGS = "[rules.gradient-vanish]\nnorm = 1\n"


@pytest.fixture
def wrong_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec and wrong settings, below a folder without."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "model.yaml").write_text(STACK)
    (tmp_path / "sub" / "vgspec.toml").write_text(WRONG_SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("argv", [("sub",), ("--config", "sub/vgspec.toml"), ("sub", "--fix")], ids=" ".join)
def test_wrong_settings_are_a_report_for_programs(wrong_below: Path, argv: tuple[str, ...]) -> None:
    before = (wrong_below / "sub" / "model.yaml").read_bytes()
    found = Result("lint", "--output-format", "json", *argv)
    assert (found.status, found.err) == (2, "error: 1 mistake in the settings; nothing was done\n")
    report = json.loads(found.out)
    [finding] = report["diagnostics"]
    assert (finding["name"], finding["file"], finding["range"]["start"]["line"]) == (
        "bad-setting",
        "sub/vgspec.toml",
        1,
    )
    assert report["summary"] == {"files": 0, "errors": 1, "warnings": 0, "infos": 0, "failed": True}
    assert (wrong_below / "sub" / "model.yaml").read_bytes() == before
    found = Result("lint", "--output-format", "sarif", *argv)
    [run] = json.loads(found.out)["runs"]
    assert [item["ruleId"] for item in run["results"]] == [finding["code"]]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "sub/vgspec.toml"
    found = Result("lint", "--output-format", "junit", *argv)
    assert ElementTree.fromstring(found.out).find(".//failure") is not None
    found = Result("lint", "--output-format", "github", *argv)
    assert found.out.startswith("::error file=sub/vgspec.toml,line=1,")
    found = Result("lint", "--output-format", "json", "--statistics", *argv)
    assert [(row["name"], row["count"]) for row in json.loads(found.out)] == [("bad-setting", 1)]


def test_the_format_of_right_settings_holds_for_what_is_said_of_wrong_ones(wrong_below: Path) -> None:
    (wrong_below / "vgspec.toml").write_text('output-format = "json"\n')
    assert json.loads(Result("lint", "sub").out)["summary"]["errors"] == 1
    assert Result("lint", "sub", "--output-format", "text").out == ""
    (wrong_below / "vgspec.toml").write_text('output-format = "jsn"\n')
    found = Result("lint", "sub")
    assert (found.status, found.out) == (2, "")
    assert "did you mean 'json'?" in found.err


@pytest.mark.parametrize(
    "argv",
    [("lint", "sub"), ("lint", "sub", "--output-format", "concise"), ("lint", "sub", "--output-format", "json", "--diff"),
     ("lint", "sub", "--output-format", "json", "--show-settings"), ("show", "sub/model.yaml"),
     ("profile", "sub/model.yaml", "--output-format", "json")],
    ids=" ".join,
)  # fmt: skip
def test_where_no_report_is_asked_for_they_are_said_on_standard_error(wrong_below: Path, argv: tuple[str, ...]) -> None:
    found = Result(*argv)
    assert (found.status, found.out) == (2, "")
    assert "did you mean 'gradient-vanishes'?" in found.err
