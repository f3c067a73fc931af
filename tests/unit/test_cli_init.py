"""``vgspec init``: every template gives a spec that lints without errors, and nothing is overwritten by accident."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import Result

from vgspec.cli import init

TEMPLATES = sorted(init.templates())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_default_is_a_template() -> None:
    assert init.DEFAULT_TEMPLATE in TEMPLATES


def test_starter_lints_clean(folder: Path) -> None:
    result = Result("init", "model.yaml")
    assert result.status == 0
    assert result.err == "wrote model.yaml\nnext: vgspec lint model.yaml\n"
    text = (folder / "model.yaml").read_text(encoding="utf-8")
    assert "yaml-language-server" not in text
    assert text.count("#") > 8
    assert Result("lint", "model.yaml", "--strict").out == "All good: 1 file checked, no findings\n"
    assert Result("show", "model.yaml").status == 0


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_a_valid_spec_anywhere(folder: Path, name: str) -> None:
    assert Result("init", "sub/model.yaml", "--template", name).status == 1  # there is no such folder
    (folder / "sub").mkdir()
    assert Result("init", "sub/model.yaml", "--template", name, "-q").err == ""
    result = Result("show", "sub/model.yaml")
    assert (result.status, result.err) == (0, "")


def test_list(folder: Path) -> None:
    result = Result("init", "--list")
    assert [line.split()[0] for line in result.out.splitlines()] == TEMPLATES
    assert all(len(line.split()) > 3 for line in result.out.splitlines())
    assert not any(name.startswith("faulty") for name in TEMPLATES)


def test_an_existing_file_is_kept(folder: Path) -> None:
    (folder / "model.yaml").write_text("mine")
    result = Result("init", "model.yaml")
    assert result.status == 1
    assert "VG064" in result.err
    assert (folder / "model.yaml").read_text() == "mine"
    assert Result("init", "model.yaml", "--force").status == 0
    assert (folder / "model.yaml").read_text() != "mine"


def test_the_schema_line_stays_where_it_holds(folder: Path) -> None:
    (folder / "schema").mkdir()
    (folder / "schema" / "vgspec.schema.json").write_text("{}")
    (folder / "models").mkdir()
    assert Result("init", "models/model.yaml").status == 0
    first = (folder / "models" / "model.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema/vgspec.schema.json"


def test_what_a_template_includes_comes_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo = folder / "zoo"
    (zoo / "blocks").mkdir(parents=True)
    (zoo / "blocks" / "b.yaml").write_text('vgspec: "1"\nblocks: {b: {layers: [ReLU]}}\n')
    (zoo / "m.yaml").write_text(
        'vgspec: "1"\ninclude: [{from: ./blocks/b.yaml, as: lib}]\ninputs: {x: {shape: [2]}}\nlayers: [{use: lib.b}]\n'
    )
    monkeypatch.setattr(init, "templates", lambda: {"m": zoo / "m.yaml"})
    (folder / "new" / "blocks").mkdir(parents=True)
    assert Result("init", "new/model.yaml", "--template", "m").status == 0
    assert Result("show", "new/model.yaml").status == 0


def test_what_init_writes_is_in_the_form_that_fmt_writes() -> None:
    from vgspec.cli.app import main

    specs = sorted(str(path) for path in (Path(__file__).resolve().parents[2] / "specs").glob("*.yaml"))
    assert len(specs) > 10
    assert main(["fmt", "--check", *specs]) == 0
