"""The formats for tools: JSON, SARIF, GitHub annotations, JUnit, statistics."""

from __future__ import annotations

import dataclasses
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import CASES, FILE, LONG_FILE, SOURCES, TEXT, at, finding, full_report

from vgspec.diagnostics import Applicability, Edit, Evidence, Fix, Severity, Span
from vgspec.report.formats import FORMATS, render
from vgspec.report.github import render_github
from vgspec.report.json_report import SCHEMA, render_json
from vgspec.report.junit import render_junit
from vgspec.report.model import Report
from vgspec.report.paths import relative, uri
from vgspec.report.sarif import render_sarif
from vgspec.report.statistics import render_statistics
from vgspec.report.style import PLAIN
from vgspec.report.text import apply_edits
from vgspec.source import Document, SourceMap

SARIF_SCHEMA = json.loads((Path(__file__).parent.parent / "data" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
REPORTS = {
    "full": full_report(),
    "empty": Report((), (), SourceMap()),
    "clean": Report(("a.yaml",), (), SourceMap()),
    "info": Report((FILE,), (finding("i", at("Dens", primary=True), severity=Severity.INFO),), SOURCES),
}


def as_json(report: Report) -> Any:
    return json.loads(render_json(report, base="/base", tool_version="1.2.3"))


def as_sarif(report: Report) -> Any:
    return json.loads(render_sarif(report, base="/base", tool_version="1.2.3"))


@pytest.mark.parametrize("name", REPORTS)
def test_json_fits_its_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(as_json(REPORTS[name]))


def test_json_schema_names_every_field() -> None:
    """A field that the schema does not describe would be accepted silently otherwise."""
    closed = json.loads(
        json.dumps(SCHEMA).replace('"type": "object"', '"additionalProperties": false, "type": "object"')
    )
    jsonschema.Draft202012Validator(closed).validate(as_json(REPORTS["full"]))


def test_every_field_of_the_json_output_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "json-output.md").read_text(encoding="utf-8")
    names: set[str] = set()

    def collect(schema: Any) -> None:
        if isinstance(schema, dict):
            names.update(schema.get("properties", {}))
            for value in schema.values():
                collect(value)
        elif isinstance(schema, list):
            for value in schema:
                collect(value)

    collect(SCHEMA)
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_json_holds_what_the_diagnostic_holds() -> None:
    data = as_json(REPORTS["full"])
    found = next(d for d in data["diagnostics"] if d["code"] == "VG101")
    start = TEXT.index("sigmoid")
    assert found["range"]["start"] == {"line": 4, "column": 35, "offset": start}
    assert found["range"]["end"] == {"line": 4, "column": 42, "offset": start + 7}
    assert found["evidence"]["value"] == 3.1e-20
    assert found["fix"]["applicability"] == "unsafe"
    edits = [
        Edit(Span(FILE, e["range"]["start"]["offset"], e["range"]["end"]["offset"]), e["replacement"])
        for e in found["fix"]["edits"]
    ]
    assert "- Dens: {kernel_initializer: he_normal,\n    units: 10, activation: relu}" in apply_edits(TEXT, edits)
    assert data["summary"] == {"files": 3, "errors": len(CASES) - 1, "warnings": 1, "infos": 0, "failed": True}
    assert [f["path"] for f in data["files"]][:3] == [FILE, LONG_FILE, "clean.yaml"]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_json_lacks(value: float) -> None:
    report = Report(("f",), (finding("x", evidence=Evidence("q", value, 1.0)),), SourceMap())
    data = as_json(report)
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    assert isinstance(data["diagnostics"][0]["evidence"]["value"], str)
    jsonschema.validate(as_sarif(report), SARIF_SCHEMA)


@pytest.mark.parametrize("name", REPORTS)
def test_sarif_fits_the_standard(name: str) -> None:
    log = as_sarif(REPORTS[name])
    jsonschema.Draft4Validator(SARIF_SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert len(run["results"]) == len(REPORTS[name].diagnostics)


def test_sarif_places_and_fixes() -> None:
    log = as_sarif(REPORTS["full"])
    result = next(r for r in log["runs"][0]["results"] if r["ruleId"] == "VG101")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "specs/a%20model.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {
        "startLine": 4,
        "startColumn": 35,
        "endLine": 4,
        "endColumn": 42,
        "snippet": {"text": "sigmoid"},
    }
    assert log["runs"][0]["columnKind"] == "unicodeCodePoints"
    replacements = result["fixes"][0]["artifactChanges"][0]["replacements"]
    document = Document(FILE, TEXT, None)
    edits = []
    for item in replacements:
        region = item["deletedRegion"]
        span = Span(
            FILE,
            document.offset(region["startLine"], region["startColumn"]),
            document.offset(region["endLine"], region["endColumn"]),
        )
        edits.append(Edit(span, item["insertedContent"]["text"]))
    fix = CASES["all_parts"].fix
    assert fix is not None
    assert apply_edits(TEXT, edits) == apply_edits(TEXT, fix.edits)
    assert result["level"] == "warning"
    rule = log["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["help"]["markdown"].startswith("# Page")


def test_sarif_offers_no_fix_that_needs_a_person() -> None:
    fix = Fix("choose", (Edit(Span(FILE, 0, 1), "x"),), Applicability.DISPLAY)
    report = Report((FILE,), (finding("x", at("Dens", primary=True), fix=fix),), SOURCES)
    assert "fixes" not in as_sarif(report)["runs"][0]["results"][0]


def test_sarif_nodes_are_logical_locations() -> None:
    report = Report(
        (FILE,), (finding("x", at("Dens", primary=True), node="stage.1.dense", pointer="/layers/0"),), SOURCES
    )
    logical = as_sarif(report)["runs"][0]["results"][0]["locations"][0]["logicalLocations"]
    assert [item["fullyQualifiedName"] for item in logical] == ["stage.1.dense", "/layers/0"]


def fingerprints(text: str) -> list[str]:
    document = Document("f.yaml", text, None)
    labels = [m.start() for m in re.finditer("bad", text)]
    found = tuple(finding("x", at("Dens", primary=True)) for _ in labels)
    moved = tuple(
        dataclasses.replace(d, labels=(dataclasses.replace(d.labels[0], span=Span("f.yaml", start, start + 3)),))
        for d, start in zip(found, labels, strict=True)
    )
    log = as_sarif(Report(("f.yaml",), moved, SourceMap.of([document])))
    return [next(iter(r["partialFingerprints"].values())) for r in log["runs"][0]["results"]]


def test_fingerprints_stay_when_lines_move_and_differ_between_findings() -> None:
    before = fingerprints("a: bad\nb: bad\nb: bad\n")
    assert len(set(before)) == 3
    assert fingerprints("# new line\n\na: bad\n  b: bad\nb: bad\n") == before
    assert fingerprints("a: bad # other\nb: bad\nb: bad\n")[0] != before[0]


COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)", re.S)


def parse_command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner reads it."""
    match = COMMAND.fullmatch(line)
    assert match, line

    def plain(text: str) -> str:
        for code, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
            text = text.replace(code, char)
        return text

    properties = dict(item.split("=", 1) for item in match[2].split(","))
    message = match[3].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    return match[1], {key: plain(value) for key, value in properties.items()}, message


def test_github_annotations() -> None:
    lines = render_github(REPORTS["full"], base="/base").splitlines()
    assert len(lines) == len(REPORTS["full"].diagnostics)
    commands = [parse_command(line) for line in lines]
    _, properties, message = next(c for c in commands if c[0] == "warning")
    assert properties == {
        "file": FILE,
        "line": "4",
        "col": "35",
        "endLine": "4",
        "endColumn": "42",
        "title": "VG101 gradient-vanishes",
    }
    assert message.startswith("gradient vanishes\ngradient at 'dense' = 3.1e-20")


@given(st.text(alphabet=st.sampled_from("a%:,\r\n=0A25") | st.characters(codec="utf-8"), max_size=40))
def test_github_escaping_can_be_undone(text: str) -> None:
    report = Report(("f",), (finding(f"x{text}", file="f" + text.replace("/", "_")),), SourceMap())
    lines = render_github(report, base="/").split("\n")
    assert len(lines) == 2
    _, properties, message = parse_command(lines[0])
    assert message == f"x{text}"
    assert properties["file"] == relative("f" + text.replace("/", "_"), "/")


@pytest.mark.parametrize("name", REPORTS)
def test_junit_counts(name: str) -> None:
    report = REPORTS[name]
    root = ET.fromstring(render_junit(report, base="/base").encode())
    assert root.tag == "testsuites"
    (suite,) = root
    cases = list(suite)
    assert int(suite.attrib["tests"]) == len(cases) == len(report.by_file())
    failing = [case for case in cases if case.find("failure") is not None]
    assert int(suite.attrib["failures"]) == len(failing)
    assert {case.attrib["name"] for case in failing} == {
        file for file, found in report.by_file().items() if any(report.fails(d) for d in found)
    }


def test_junit_survives_any_character() -> None:
    bad = "".join(map(chr, (*range(32), 0xFFFE, 0xD800))) + '<&>"]]>'
    root = ET.fromstring(render_junit(Report((bad,), (finding(bad, file=bad),), SourceMap()), base="/").encode("utf-8"))
    failure = root.find(".//failure")
    assert failure is not None
    assert '<&>"]]>' in (failure.text or "")


def test_info_passes_and_is_shown() -> None:
    root = ET.fromstring(render_junit(REPORTS["info"], base="/"))
    assert root.find(".//failure") is None
    output = root.find(".//system-out")
    assert output is not None
    assert f"{FILE}:4:5: info VG023 unknown-layer: i" in (output.text or "")


def test_statistics() -> None:
    text = render_statistics(REPORTS["full"], "text")
    first = text.splitlines()[0]
    errors = sum(d.code == "VG023" for d in REPORTS["full"].diagnostics)
    assert first == f"{errors} VG023 unknown-layer in 4 files"
    rows = json.loads(render_statistics(REPORTS["full"], "json"))
    assert rows[0] == {"code": "VG023", "name": "unknown-layer", "severity": "error", "count": errors, "files": 4}


def test_every_format_renders_and_unknown_ones_are_refused() -> None:
    for name in FORMATS:
        assert render(REPORTS["full"], name, look=PLAIN, base="/base", tool_version="1")
    with pytest.raises(ValueError, match="xml"):
        render(REPORTS["full"], "xml", look=PLAIN, base="/base", tool_version="1")


def test_cli_and_report_agree_on_the_formats() -> None:
    from vgspec.cli.app import make_parser

    lint = make_parser().commands["lint"]
    action = next(a for a in lint._actions if a.dest == "output_format")
    assert tuple(action.choices or ()) == FORMATS


@pytest.mark.parametrize(
    ("file", "base", "path", "reference"),
    [
        ("/base/a b.yaml", "/base", "a b.yaml", "a%20b.yaml"),
        ("/other/x.yaml", "/base", "/other/x.yaml", "file:///other/x.yaml"),
        ("./x.yaml", "/base", "x.yaml", "x.yaml"),
        ("../x.yaml", "/base", "../x.yaml", "../x.yaml"),
        ("<stdin>", "/base", "<stdin>", "%3Cstdin%3E"),
        ("ü.yaml", "/base", "ü.yaml", "%C3%BC.yaml"),
    ],
)
def test_paths(file: str, base: str, path: str, reference: str) -> None:
    assert relative(file, base) == path
    assert uri(file, base) == reference


def test_thresholds() -> None:
    warning = finding("w", severity=Severity.WARNING, code="VG101", file="a")
    invalid = finding("e", file="b")
    files = ("a", "b")
    assert Report(files, (warning,), SourceMap()).failed
    assert not Report(files, (warning,), SourceMap(), thresholds={"a": Severity.ERROR}).failed
    assert not Report(files, (warning,), SourceMap(), thresholds={"a": None}).failed
    assert Report(files, (invalid,), SourceMap(), thresholds={"b": None}).failed
