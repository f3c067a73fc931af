"""The text report: golden files for the look, and properties for any text and any span."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import CASES, FILE, SOURCES, at, finding, full_report

from vgspec.diagnostics import Label, Severity, Span
from vgspec.report.cells import ascii_fallback, cells, printable, text_width
from vgspec.report.model import Report
from vgspec.report.style import Look
from vgspec.report.text import number_text, render_diagnostic, render_text, summary_line
from vgspec.source import Document, SourceMap

GOLDEN = Path(__file__).parent.parent / "golden" / "text"
UPDATE = bool(os.environ.get("VGSPEC_UPDATE_GOLDEN"))


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if UPDATE:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    compare(f"{name}.txt", render_diagnostic(CASES[name], SOURCES, Look(width=80)))


def test_golden_whole_report() -> None:
    compare("report.txt", render_text(full_report(), Look(width=80)))


def test_golden_color() -> None:
    compare("color.txt", render_diagnostic(CASES["all_parts"], SOURCES, Look(width=80, color=True)))


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{name}.txt" for name in CASES} | {"report.txt", "color.txt"}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_color_adds_only_escape_sequences() -> None:
    for case in CASES.values():
        plain = render_diagnostic(case, SOURCES, Look(width=80))
        colored = render_diagnostic(case, SOURCES, Look(width=80, color=True))
        assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
        assert "\x1b" not in plain


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_stream_can_carry_it(encoding: str) -> None:
    render_text(full_report(), Look(width=80, encoding=encoding)).encode(encoding)


def test_ascii_keeps_the_marks_aligned() -> None:
    text = render_diagnostic(CASES["wide_characters"], SOURCES, Look(width=80, encoding="ascii"))
    assert "5 |   - id: ??????\n  |         ^^^^^^ not a name\n" in text


def test_caret_columns_count_wide_characters_twice() -> None:
    lines = render_diagnostic(CASES["wide_characters"], SOURCES).split("\n")
    source = next(line for line in lines if "模型" in line)
    marks = lines[lines.index(source) + 1]
    assert marks.index("^") == text_width(source[: source.index("模")])
    assert marks.count("^") == 6


def test_order_is_by_file_and_position() -> None:
    late = finding("late", at("Conv2D", primary=True))
    early = finding("early", at("Dens", primary=True))
    other = finding("other", at("100", primary=True, file="long.yaml"))
    report = Report(("long.yaml", FILE), (late, early, other, early), SOURCES)
    assert [d.message for d in report.diagnostics] == ["other", "early", "late"]


@pytest.mark.parametrize(
    ("severities", "files", "expected"),
    [
        ("", 1, "All good: 1 file checked, no findings"),
        ("", 3, "All good: 3 files checked, no findings"),
        ("e", 1, "Found 1 error in 1 file"),
        ("eew", 3, "Found 2 errors and 1 warning in 3 files"),
        ("ewwii", 2, "Found 1 error, 2 warnings and 2 infos in 2 files"),
        ("i", 2, "Found 1 info in 2 files"),
    ],
)
def test_summary(severities: str, files: int, expected: str) -> None:
    by_letter = {"e": Severity.ERROR, "w": Severity.WARNING, "i": Severity.INFO}
    findings = [finding(f"m{i}", severity=by_letter[letter]) for i, letter in enumerate(severities)]
    report = Report(tuple(f"{i}.yaml" for i in range(files)), tuple(findings), SourceMap())
    assert summary_line(report) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.1e-20, "3.1e-20"),
        (0.4123, "0.412"),
        (128.0, "128"),
        (0.0, "0"),
        (float("inf"), "infinity"),
        (float("nan"), "not a number"),
        (1.5e9, "1.5e+09"),
    ],
)
def test_numbers(value: float, expected: str) -> None:
    assert number_text(value) == expected


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("模型", 4),
        ("ｆｕｌｌ", 8),
        ("e\u0301", 1),
        ("😀", 2),
        ("👩\u200d💻", 2),
        ("👍🏽", 2),
        ("☀\ufe0f", 2),
        ("a\tb", 5),
        ("\x1b[0m", 4),
    ],
)
def test_widths(text: str, width: int) -> None:
    assert text_width(text) == width


def test_control_characters_are_shown_not_obeyed() -> None:
    shown = printable("a\x1b[2J\x07\u202e\x9bb")
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert printable("x → y …", "ascii") == "x -> y ..."
    assert ascii_fallback("é→", "latin-1") == "é->"


texts = st.text(
    st.one_of(st.sampled_from("ab {}[]:-\t模😀\u0301\u200d\x1b\r"), st.just("\n"), st.characters()), max_size=120
)


@given(text=texts, data=st.data(), encoding=st.sampled_from(["utf-8", "ascii"]), width=st.integers(20, 100))
def test_any_text_and_any_spans(text: str, data: st.DataObject, encoding: str, width: int) -> None:
    """Nothing crashes, every row is one line, and source lines keep to the width."""
    offsets = st.integers(0, len(text) + 3)
    labels = []
    for i in range(data.draw(st.integers(1, 4))):
        start, end = sorted((data.draw(offsets), data.draw(offsets)))
        labels.append(Label(Span("f", start, end), "m" * i, i == 0))
    look = Look(width=width, encoding=encoding)
    shown = render_diagnostic(finding("x", *labels), SourceMap.of([Document("f", text, None)]), look)
    shown.encode(encoding)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    rows = shown.split("\n")
    assert rows[0] == "error[VG023 unknown-layer]: x"
    for row in rows[1:]:
        if re.match(r"\s*\d+ \|", row):
            assert text_width(row) <= max(width, 20 + 3 + len(row.split("|")[0]) + 8)


@given(text=texts)
def test_cells_add_up(text: str) -> None:
    """One cell a code point; what is shown is as wide as the cells say."""
    for line in text.split("\n"):
        found = cells(line)
        assert len(found) == len(line)
        assert all(cell.width >= 0 for cell in found)


def test_of_a_very_long_line_only_the_part_around_the_mark_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    from vgspec.report import snippet as module

    seen: list[int] = []

    def counted(line: str, encoding: str = "utf-8") -> object:
        seen.append(len(line))
        return cells(line, encoding)

    monkeypatch.setattr(module, "cells", counted)
    text = "k: [" + ", ".join(f"word{i}" for i in range(100_000)) + "]"
    at_ = text.index("word51234")
    document = Document("m.yaml", text, None)
    found = module.snippet(document, [Label(Span("m.yaml", at_, at_ + 9), "here", primary=True)], width=80)
    rows = ["".join(part for part, _ in row.row) for row in found]
    assert "word51234" in rows[0]
    assert rows[0].startswith("…")
    assert rows[0].endswith("…")
    assert rows[1].index("^") == rows[0].index("word51234")
    assert sum(seen) < 1000
