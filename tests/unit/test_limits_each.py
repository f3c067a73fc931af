"""Every limit, one by one: lowered in a settings file it gives its finding, and at its default the same file has none."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from vgspec.cli import main
from vgspec.limits import Limits

HEAD = 'vgspec: "1"\nname: limited\ninputs: {x: {shape: [8]}}\n'
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"


def layers(text: str) -> dict[str, str | bytes]:
    return {"m.yaml": f"{HEAD}layers: [{text}]\n"}


def includes(*chain: str) -> dict[str, str | bytes]:
    """Documents of which each includes the next; the first is a model."""
    found: dict[str, str | bytes] = {}
    for name, after in zip(chain, (*chain[1:], ""), strict=True):
        head = f"include: [{{from: {after}, as: next}}]\n" if after else ""
        body = "inputs: {x: {shape: [8]}}\nlayers: [Identity]\n" if not found else ""
        found[name] = f'vgspec: "1"\n{head}blocks: {{b: {{layers: [Identity]}}}}\n{body}'
    return found


def archive(spaces: int = 0, files: int = 0) -> dict[str, str | bytes]:
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 4}}
    entry = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "name": "i"}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry, dense]}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("config.json", json.dumps(config) + " " * spaces)
        for number in range(files):
            made.writestr(f"f{number}", "")
    return {"m.keras": buffer.getvalue()}


DENSE = "{Dense: {units: 2}}"
NESTED = "{repeat: {count: 2}, body: [{repeat: {count: 2}, body: [{repeat: {count: 2}, body: [Identity]}]}]}"
CASES: dict[str, tuple[int, Mapping[str, str | bytes], str]] = {
    "max_bytes": (100, layers(f"Identity] #{'x' * 100}\n#["), "VG005"),
    "max_depth": (5, layers("{Dense: {units: 2, kernel_initializer: {RandomNormal: {stddev: 0.1}}}}"), "VG005"),
    "max_nodes": (20, layers(", ".join(["Identity"] * 30)), "VG005"),
    "max_alias_nodes": (10, layers(f"&d {DENSE}, *d, *d, *d, *d, *d"), "VG005"),
    "max_number_length": (5, layers("{Dense: {units: 0000002}}"), "VG005"),
    "include_depth": (1, includes("m.yaml", "a.yaml", "b.yaml"), "VG035"),
    "max_includes": (1, includes("m.yaml", "a.yaml", "b.yaml"), "VG005"),
    "max_repeat": (5, layers("{repeat: {count: 6}, body: [Identity]}"), "VG005"),
    "max_expanded_nodes": (5, layers(", ".join(["Identity"] * 6)), "VG005"),
    "max_expansion_steps": (5, layers("{repeat: {count: 9}, body: []}, Identity"), "VG005"),
    "max_expansion_depth": (2, layers(NESTED), "VG005"),
    "max_id_length": (5, layers("{id: longer, Identity: {}}"), "VG005"),
    "max_elements": (10, layers(DENSE), "VG050"),
    "max_findings": (2, layers("{Dens: {}}, {Dens: {}}, {Dens: {}}, {Dens: {}}"), "VG005"),
    "max_expression_length": (5, layers('{Dense: {units: "$(1 + 1 + 1)"}}'), "VG013"),
    "max_expression_depth": (2, layers('{Dense: {units: "$(((1 + 1) * 2) + 1)"}}'), "VG013"),
    "max_int_bits": (4, layers('{Dense: {units: "$(2 * 20 - 38)"}}'), "VG013"),
    "max_string_length": (3, layers("{Dense: {units: 2, activation: \"$('re' + 'lu')\"}}"), "VG013"),
    "max_list_length": (2, layers('{Permute: {dims: "$([1] + [2] + [3])"}}'), "VG013"),
    "max_archive_entries": (3, archive(files=5), "VG087"),
    "max_config_bytes": (100, archive(), "VG087"),
    "max_config_ratio": (2, archive(spaces=5000), "VG087"),
}


def test_every_limit_has_a_case() -> None:
    assert set(CASES) == {item.name for item in fields(Limits)}


@pytest.mark.parametrize("name", CASES)
def test_limit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    value, files, code = CASES[name]
    monkeypatch.chdir(tmp_path)
    for file, data in files.items():
        Path(file).write_bytes(data.encode() if isinstance(data, str) else data)
    shown = []
    for settings in ("", f"[limits]\n{name.replace('_', '-')} = {value}\n"):
        Path("vgspec.toml").write_text(settings)
        status = main(["lint", next(iter(files)), "--output-format", "json"])
        text = capsys.readouterr().out
        found = [(item["code"], item["message"]) for item in json.loads(text)["diagnostics"]]
        shown.append({item for item in found if item[0] == code})
    assert status == 1
    new = shown[1] - shown[0]
    assert new, shown
    said = 2 ** (value - 1) - 1 if name == "max_int_bits" else value
    assert any(re.search(rf"\b{said}\b", message) for _, message in new), new


@pytest.mark.parametrize("name", CASES)
def test_the_page_names_the_finding(name: str) -> None:
    row = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |"))
    assert CASES[name][2] in row


def test_10_to_the_12_units_are_linted_and_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(f"{HEAD}layers: [{{Dense: {{units: 1000000000000}}}}, {{Dense: {{units: 1}}}}]\n")
    main(["lint", "m.yaml", "--output-format", "json"])
    assert not [d for d in json.loads(capsys.readouterr().out)["diagnostics"] if d["severity"] == "error"]
    assert main(["show", "m.yaml"]) == 0
    assert "10,000,000,000,001" in capsys.readouterr().out
    for target in ("m.keras", "saved"):
        assert main(["build", "m.yaml", "--out", target]) == 1
        said = capsys.readouterr().err
        assert "VG068" in said
        assert "10,000,000,000,001 parameters" in said
        assert not Path(target).exists()
    assert main(["build", "m.yaml", "--out", "m.py"]) == 0
