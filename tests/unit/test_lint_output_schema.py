"""The published schema of the JSON output holds for what the command really writes, and names every field."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vgspec.cli import main
from vgspec.cli.output import Output

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads((ROOT / "schema" / "vgspec-lint-output.schema.json").read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """The schema without room for fields that it does not name."""
    if isinstance(schema, dict):
        found = {key: closed(value) for key, value in schema.items()}
        if found.get("type") == "object" and "properties" in found:
            found["additionalProperties"] = False
        return found
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


STRICT = jsonschema.Draft202012Validator(closed(copy.deepcopy(PUBLISHED)))


class Stream(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]


def output(*argv: str) -> Any:
    out = Stream()
    main(["lint", "--output-format", "json", *argv], Output(out, Stream()))
    return json.loads(out.getvalue())


def test_the_published_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)
    assert PUBLISHED["$id"].endswith("/vgspec-lint-output.schema.json")


def test_the_faulty_specs_and_wrong_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin.yaml").write_bytes(b"\x00")
    (tmp_path / "bad.yaml").write_text('vgspec: "1"\ninputs: {x: {shape: [4]}}\nlayers: [{Dens: {units: 1}}]\n')
    faulty = [str(path) for path in sorted((ROOT / "specs" / "faulty").glob("*.yaml"))]
    report = output("bin.yaml", "bad.yaml", "none.yaml", *faulty)
    STRICT.validate(report)
    found = report["diagnostics"]
    assert len(report["files"]) == len(faulty) + 3
    assert any(d["fix"] for d in found)
    assert any(d["evidence"] for d in found)
    assert any(len(d["labels"]) > 1 for d in found)
    assert any(d["range"] is None for d in found)


def test_the_strict_form_sees_an_unnamed_field() -> None:
    report = output(str(ROOT / "specs" / "starter.yaml"))
    STRICT.validate(report)
    with pytest.raises(jsonschema.ValidationError):
        STRICT.validate({**report, "more": 1})


def test_the_command_prints_it(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["schema", "lint-output"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == PUBLISHED
    assert main(["schema", "specs"]) == 2
