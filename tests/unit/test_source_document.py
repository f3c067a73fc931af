"""Documents: pointers, lines and columns, several files."""

from __future__ import annotations

import pytest

from vgspec.diagnostics import Span
from vgspec.source import (
    Document,
    MappingNode,
    Position,
    SourceMap,
    kind_of,
    parse_data,
    parse_text,
    pointer_join,
    pointer_split,
)


def test_pointers_escape_tilde_and_slash() -> None:
    assert pointer_join("/a", "b/c", "d~e", 3, "~1") == "/a/b~1c/d~0e/3/~01"
    assert pointer_split("/a/b~1c/d~0e/3/~01") == ("a", "b/c", "d~e", "3", "~1")
    assert pointer_split("") == ()
    assert pointer_split("/") == ("",)


def test_locate_gives_key_and_value() -> None:
    document, _ = parse_text("a/b:\n  - x\n  - {k: v}\n", "m.yaml")

    def sliced(pointer: str) -> list[str | None]:
        return [None if span is None else document.slice(span) for span in document.locate(pointer)]

    assert sliced("") == [None, "a/b:\n  - x\n  - {k: v}"]
    assert sliced("/a~1b") == ["a/b", "- x\n  - {k: v}"]
    assert sliced("/a~1b/0") == [None, "x"]
    assert sliced("/a~1b/1/k") == ["k", "v"]
    for missing in ("/b", "/a~1b/2", "/a~1b/01", "/a~1b/-1", "/a~1b/x", "/a~1b/0/x", "/a~1b/1/k/z"):
        assert sliced(missing) == [None, None], missing


def test_nearest_span_goes_up() -> None:
    document, _ = parse_text("a:\n  b: 1\n")
    span = document.nearest_span("/a/x/y")
    assert span is not None
    assert document.slice(span) == "b: 1"
    assert parse_data({"a": 1})[0].nearest_span("/a") is None


def test_lines_and_columns_with_every_line_break() -> None:
    text = "ab\ncd\r\né😀x\rz"
    document = Document("f", text, None)
    assert document.line_count == 4
    assert [document.line_text(i) for i in range(6)] == ["", "ab", "cd", "é😀x", "z", ""]
    assert document.line_column(0) == Position(1, 1)
    assert document.line_column(text.index("x")) == Position(3, 3)
    assert document.line_column(text.index("z")) == Position(4, 1)
    assert document.line_column(10_000) == Position(4, 2)
    for offset in range(len(text) + 1):
        place = document.line_column(offset)
        assert document.offset(place.line, place.column) == offset


def test_walk_visits_everything_in_order() -> None:
    document, _ = parse_text("a: [1, {b: 2}]\nc: 3\n")
    assert [pointer for pointer, _ in document.walk()] == ["", "/a", "/a/0", "/a/1", "/a/1/b", "/c"]
    assert all(document.find(pointer) is node for pointer, node in document.walk())


def test_source_map_places_labels_of_several_files() -> None:
    one, two = Document("one", "a\nb", None), Document("two", "c\n\nd", None)
    sources = SourceMap.of([one]).adding(two)
    assert sources.describe(Span("one", 2, 3)) == "one:2:1"
    assert sources.describe(Span("two", 3, 4)) == "two:3:1"
    assert sources.describe(Span("other", 3, 4)) == "other"
    assert sources.position(Span("other", 3, 4)) is None
    replaced = sources.adding(Document("one", "xyz", None))
    assert replaced.describe(Span("one", 2, 3)) == "one:1:3"
    assert len(replaced.documents) == 2


def test_mapping_node_lookups() -> None:
    root = parse_text("a: 1\nb: [x]\n")[0].root
    assert isinstance(root, MappingNode)
    assert root.keys() == ("a", "b")
    assert list(root) == ["a", "b"]
    assert len(root) == 2
    assert "a" in root
    assert "z" not in root
    assert root.get("z") is None
    assert root.key_node("z") is None
    key = root.key_node("b")
    assert key is not None
    assert key.span == Span("<string>", 5, 6)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", "a whole number"),
        ("1.0", "a number"),
        ("true", "a boolean"),
        ("'true'", "text"),
        ("null", "null"),
        ("[]", "a list"),
        ("{}", "a mapping"),
    ],
)
def test_kind_in_words(text: str, kind: str) -> None:
    root = parse_text(f"a: {text}")[0].find("/a")
    assert root is not None
    assert kind_of(root) == kind
