"""JSON text → the same tree as YAML."""

from __future__ import annotations

import pytest

from vgspec.limits import Limits
from vgspec.source import parse_text

GOOD = '{"a": [1, -2.5e3, true, false, null, "x\\n\\u00e9\\ud83d\\ude00/"], "b": {"c d": {}, "e": []}, "~/": ""}'


def test_json_gives_values_pointers_and_spans() -> None:
    document, found = parse_text(GOOD, "m.json")
    assert found == []
    assert document.root is not None
    assert document.root.to_python() == {
        "a": [1, -2500.0, True, False, None, "x\né😀/"],
        "b": {"c d": {}, "e": []},
        "~/": "",
    }
    slices = {p: document.slice(n.span) for p, n in document.walk() if n.span is not None}
    assert slices[""] == GOOD
    assert slices["/a/1"] == "-2.5e3"
    assert slices["/a/5"] == '"x\\n\\u00e9\\ud83d\\ude00/"'
    assert slices["/b/c d"] == "{}"
    assert slices["/~0~1"] == '""'
    assert document.slice(document.locate("/b/c d")[0]) == '"c d"'  # type: ignore[arg-type]


def test_offsets_hold_with_bom_and_crlf() -> None:
    text = '\ufeff{\r\n "é": 1,\r\n "b": "😀",\r\n "c": 2}\r\n'
    document, found = parse_text(text)
    assert found == []
    assert document.slice(document.locate("/c")[0]) == '"c"'  # type: ignore[arg-type]
    assert document.line_column(text.index('"c"')).line == 4


@pytest.mark.parametrize(
    ("text", "words", "at"),
    [
        ('{"a": 1,}', "comma before", "}"),
        ('{"a": [1,]}', "comma before", "]"),
        ('{"a" 1}', "`:`", "1"),
        ("{a: 1}", "double quotes", "a"),
        ('{"a": 1 "b": 2}', "expected `,` or `}`", '"'),
        ('{"a": [1 2]}', "expected `,` or `]`", "2"),
        ('{"a": 01}', "expected `,`", "1"),
        ('{"a": .5}', "a value is expected", ".5"),
        ('{"a": +1}', "a value is expected", "+1"),
        ('{"a": tru}', "a value is expected", "tru"),
        ('{"a": NaN}', "no `NaN`", "NaN"),
        ('{"a": -Infinity}', "no `-Infinity`", "-Infinity"),
        ('{"a": "x', "not closed", '"'),
        ('{"a": "x\ny"}', "control character", "\n"),
        ('{"a": "\\x"}', "escape", "\\"),
        ('{"a": 1} x', "more text", "x"),
        ('{"a": 1', "expected `,` or `}`", ""),
        ("// c\n{}", "a value is expected", "/"),
    ],
)
def test_errors_in_a_json_file(text: str, words: str, at: str) -> None:
    document, found = parse_text(text, "m.json")
    assert [d.code for d in found] == ["VG002"]
    assert words in found[0].message
    assert found[0].span is not None
    assert document.slice(found[0].span) == at
    assert document.root is None


def test_flow_yaml_that_is_not_json_is_yaml() -> None:
    document, found = parse_text("{a: 1, 'b': [x, ],}  # comment\n", "m.yaml")
    assert found == []
    assert document.root is not None
    assert document.root.to_python() == {"a": 1, "b": ["x"]}


def test_numbers_that_are_not_finite_are_refused_without_a_json_name() -> None:
    document, found = parse_text('{"a": NaN}')
    assert [d.code for d in found] == ["VG002"]
    assert document.root is None


def test_duplicates_limits_and_surrogates() -> None:
    document, found = parse_text('{"a": 1, "b": {"a": 2, "a": 3}}')
    assert [(d.code, d.pointer, len(d.labels)) for d in found] == [("VG003", "/b/a", 2)]
    assert document.root is not None
    assert document.root.to_python() == {"a": 1, "b": {"a": 2}}
    for text, limits in (
        ("[" * 100_000 + "]" * 100_000, Limits()),
        ('{"a": [1, 2, 3]}', Limits(max_nodes=4)),
        ('{"a": 1e999}', Limits()),
        ('{"a": 123456}', Limits(max_number_length=5)),
    ):
        assert [d.code for d in parse_text(text, limits=limits)[1]] == ["VG005"], text[:20]
    assert [d.code for d in parse_text('{"a": "\\ud800x"}')[1]] == ["VG002"]


def test_an_empty_json_file_is_empty() -> None:
    assert [d.code for d in parse_text(" \n", "m.json")[1]] == ["VG007"]
