"""TOML with places: the scan agrees with `tomllib` on what there is, and every place reads back as its value."""

from __future__ import annotations

import json
import tomllib
from datetime import date, datetime, time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vgspec.settings.toml_text import parse_toml
from vgspec.source import Document, MappingNode, SequenceNode, SNode

SAMPLE = """\
# a comment with [brackets] and = signs
title = "a # b" # trailing
'quoted key'.x = 1_000
a.b.c = [1, 2, [3, "]"], # inner ] comment
  {y = 'lit]eral', "z" = 1e-3},
]
multi = QQQ
[not a table]
k = 1 \\QQQ inside"QQQ
raw = '''it's [[raw]]''''
when = 1979-05-27 07:32:00
day = 1979-05-27
hour = 07:32:00

[tool.vgspec]   # header
on = true
[tool."other thing".deep]
v = -inf
[[many]]
n = 1
[[many]]
n = 2
[many.sub]
m = [ ]
[[many.inner]]
q = {}
""".replace("QQQ", '"""')


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def same_meaning(text: str) -> None:
    """The tree says what `tomllib` says, and the text at each place of a value reads back as that value."""
    document, problems = parse_toml(text, "x.toml")
    assert problems == []
    wanted = tomllib.loads(text)
    assert isinstance(document.root, MappingNode)
    compare(document, document.root, wanted, "")


def compare(document: Document, node: SNode, wanted: Any, pointer: str) -> None:
    if isinstance(wanted, dict):
        assert isinstance(node, MappingNode)
        assert set(node.keys()) == set(wanted)
        for key, value in wanted.items():
            name = node.key_node(key)
            assert name is not None
            assert name.span is not None, (pointer, key)
            written = document.slice(name.span)
            assert tomllib.loads(f"{written} = 0") == {key: 0}
            child = node.get(key)
            assert child is not None
            compare(document, child, value, f"{pointer}/{key}")
        return
    assert node.span is not None, pointer
    if isinstance(wanted, list):
        assert isinstance(node, SequenceNode)
        assert len(node) == len(wanted)
        for item, value in zip(node, wanted, strict=True):
            compare(document, item, value, f"{pointer}/-")
        return
    read = tomllib.loads(f"k = {document.slice(node.span)}")["k"]
    assert read == wanted or (read != read and wanted != wanted)
    if not isinstance(wanted, date | datetime | time):
        value = node.to_python()
        assert value == wanted or (value != value and wanted != wanted)


@pytest.mark.parametrize("text", [SAMPLE, SAMPLE.replace("\n", "\r\n"), "", "\n\n# only\n", "a=1", "a.b=1\n[c]"])
def test_places_read_back(text: str) -> None:
    same_meaning(text)


def test_a_byte_order_mark_shifts_every_place() -> None:
    document, problems = parse_toml('\ufeffa = "x"\n', "x.toml")
    assert problems == []
    span = document.locate("/a")[1]
    assert span is not None
    assert document.slice(span) == '"x"'


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a = 1\nb = \n", 2, 5, "invalid value"),
        ("a = 1\na = 2\n", 2, 6, "cannot overwrite"),
        ("[t\n", 1, 3, "expected ']'"),
        ('a = "x', 1, 7, ""),
        ("a = [1,\n", 2, 1, ""),
    ],
)
def test_a_syntax_error_has_its_place(text: str, line: int, column: int, words: str) -> None:
    document, (found,) = parse_toml(text, "x.toml")
    assert found.code == "VG072"
    assert found.span is not None
    position = document.line_column(found.span.start)
    assert (position.line, position.column) == (line, column)
    assert words in found.message
    assert "at line" not in found.message


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = {" * 3000])
def test_hostile_text_is_a_finding(text: str) -> None:
    _, (found,) = parse_toml(text, "x.toml")
    assert found.code == "VG072"


KEYS = st.text(alphabet="abcXYZ09_-", min_size=1, max_size=4) | st.text(max_size=4)
SCALARS = (
    st.integers(-(2**62), 2**62)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


def toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if bare else toml_text(key)


def toml_text(text: str) -> str:
    return json.dumps(text).replace("\x7f", "\\u007f")


def inline(value: Any, draw: Any) -> str:
    gap = draw(st.sampled_from(["", " ", "\n", " # c ]}\n"]))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f"'{value}'" if value.isalnum() and draw(st.booleans()) else toml_text(value)
    if isinstance(value, list):
        return "[" + gap + f",{gap}".join(inline(item, draw) for item in value) + gap + "]"
    return "{" + ", ".join(f"{toml_key(k)} = {inline(v, draw)}" for k, v in value.items()) + "}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A TOML text with tables by header, by dotted keys and inline, and with comments."""
    lines: list[str] = []

    def table(data: dict[str, Any], path: list[str]) -> None:
        later = []
        for key, value in data.items():
            if isinstance(value, dict) and draw(st.booleans()):
                later.append((key, value))
            elif isinstance(value, dict) and value and draw(st.booleans()):
                for inner, item in value.items():
                    lines.append(f"{toml_key(key)} . {toml_key(inner)}={inline(item, draw)}")
            else:
                lines.append(f"{toml_key(key)} = {inline(value, draw)}{draw(st.sampled_from(['', ' # x = 1']))}")
        for key, value in later:
            inner_path = [*path, toml_key(key)]
            lines.append(f"[ {' . '.join(inner_path)} ]")
            table(value, inner_path)

    table(draw(st.dictionaries(KEYS, VALUES, max_size=5)), [])
    return "\n".join(lines) + "\n"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_any_document_has_all_its_places(text: str) -> None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # a nested array with a comment inside an inline table
        return
    same_meaning(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab=[]{}\",.'\n #1é", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    document, problems = parse_toml(text, "x.toml")
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert len(problems) == 1
        assert document.root is None
    else:
        assert problems == []
