"""Properties of parsing: total, spans are true, YAML and JSON and data agree, both YAML parsers agree."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vgspec.source import (
    MappingNode,
    ScalarNode,
    SequenceNode,
    needs_quotes,
    parse_bytes,
    parse_data,
    parse_text,
    pointer_join,
    pointer_split,
    quote,
)

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(
        ["no", "1", "~", "$(a)", "$$", "<<", "1e3", "a: b", " x", "#", "- a", "2001-01-01", ".inf", "0x1F"]
    )
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
documents = st.dictionaries(texts, values, max_size=5)

# Text that is often nearly YAML: pieces of it, thrown together.
pieces = st.sampled_from(
    [
        "a",
        "b: ",
        "- ",
        "\n",
        "\n  ",
        "\r\n",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ":",
        "? ",
        "'",
        '"',
        "|\n",
        ">-\n ",
        "&x ",
        "*x",
        "!!str ",
        "!t ",
        "<<: ",
        "#",
        " #c",
        "\t",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
        "$(",
        "$(max(a, b))",
        "$(xs[0])",
        ")",
        "${b}",
        "\\",
        "\\ud800",
        "1",
        "1e3",
        ".inf",
        "é",
        "😀",
        "\ufeff",
        "\u2028",
        "\x00",
        "@",
        "`",
        "~",
        "\x85",
        "\r",
        "\ue003",
    ]
)
near_yaml = st.lists(pieces, max_size=25).map("".join)


def same(left: object, right: object) -> bool:
    """Equal, with kinds kept apart (``1`` is neither ``1.0`` nor ``True``)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return left == right


def check_tree(text: str, document: Any) -> None:
    """Spans lie inside the text and inside each other, and slice it to what the node says."""
    assert document.text == text
    for pointer, node in document.walk():
        span = node.span
        assert span is not None
        assert 0 <= span.start <= span.end <= len(text)
        assert document.find(pointer) is node
        assert document.locate(pointer)[1] == span
        below: list[Any] = []
        if isinstance(node, ScalarNode):
            assert text[span.start : span.end] == node.raw
            if node.plain and isinstance(node.value, str) and "\n" not in node.raw and "\r" not in node.raw:
                assert node.raw == node.value
        elif isinstance(node, SequenceNode):
            below = list(node.items)
        elif isinstance(node, MappingNode):
            below = [part for entry in node.entries for part in entry]
        for part in below:
            if not part.aliased:
                assert span.start <= part.span.start <= part.span.end <= span.end


def check_findings(text: str, document: Any, found: Any) -> None:
    for diagnostic in found:
        assert diagnostic.code.startswith("VG00")
        assert diagnostic.message
        assert not diagnostic.message.endswith(".")
        for label in diagnostic.labels:
            assert 0 <= label.span.start <= label.span.end <= len(text), diagnostic
    if document.root is None:
        assert found


@pytest.mark.parametrize("pure", [False, True])
@given(text=st.text() | near_yaml)
@example(text="{a: $(max(a, b)")
@example(text="a: &x [*x]\n")
@example(text="%")
@example(text='"\\UFFFFFFFF"')
@example(text="{}\ufeff")
@example(text="? ")
def test_any_text_gives_a_tree_or_findings(pure: bool, text: str) -> None:
    document, found = parse_text(text, "f", pure=pure)
    check_findings(text, document, found)
    check_tree(text, document)


@given(text=st.text() | near_yaml)
def test_any_text_as_json(text: str) -> None:
    document, found = parse_text(text, "f.json")
    check_findings(text, document, found)
    check_tree(text, document)


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    document, found = parse_bytes(data, "f")
    assert document.root is not None or found


@given(near_yaml)
def test_both_yaml_parsers_give_the_same_tree(text: str) -> None:
    fast, pure = parse_text(text, pure=False)[0], parse_text(text, pure=True)[0]
    if fast.root is None or pure.root is None:
        return  # where one of them gives up, the other may be more lenient
    if isinstance(fast.root, MappingNode):
        assert same(fast.root.to_python(), pure.root.to_python())


@given(documents, st.sampled_from([None, 1, 4]))
def test_json_gives_back_the_data(data: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(data, indent=indent)
    document, found = parse_text(text, "f.json")
    assert found == []
    assert document.root is not None
    assert same(document.root.to_python(), data)
    check_tree(text, document)
    raw = json.dumps(data, ensure_ascii=False)
    again, found = parse_text(raw, "f.json")
    assert found == []
    assert again.root is not None
    assert same(again.root.to_python(), data)


@given(documents)
def test_data_text_and_json_have_the_same_pointers(data: dict[str, Any]) -> None:
    from_data, found = parse_data(data)
    assert found == []
    from_json, _ = parse_text(json.dumps(data))
    assert from_data.root is not None
    assert same(from_data.root.to_python(), data)
    assert [pointer for pointer, _ in from_data.walk()] == [pointer for pointer, _ in from_json.walk()]


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return quote(value) if needs_quotes(value) else value
    return json.dumps(value)


def _block(value: dict[str, Any], indent: str = "") -> str:
    lines = []
    for key, part in value.items():
        if isinstance(part, dict) and part:
            lines.append(f"{indent}{quote(key)}:\n{_block(part, indent + '  ')}")
        elif isinstance(part, list) and part:
            lines.append(f"{indent}{quote(key)}: # a list\n" + "".join(f"{indent}- {_flow(p)}\n" for p in part))
        else:
            lines.append(f"{indent}{quote(key)}: {_flow(part)}\n")
    return "".join(lines)


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@given(data=documents.filter(bool))
def test_yaml_gives_back_the_data(pure: bool, newline: str, data: dict[str, Any]) -> None:
    text = _block(data).replace("\n", newline)
    document, found = parse_text(text, pure=pure)
    assert found == []
    assert document.root is not None
    assert same(document.root.to_python(), data)
    check_tree(text, document)
    assert [p for p, _ in document.walk()] == [p for p, _ in parse_text(json.dumps(data))[0].walk()]


@given(documents.filter(bool))
def test_an_independent_yaml_writer_is_read_back(data: dict[str, Any]) -> None:
    from ruamel.yaml import YAML

    def plain(value: object) -> object:
        # The writer spells long floats and some strings as YAML 1.1 would read them: only what is certain.
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if key.isascii() and key.isalpha()}
        if isinstance(value, list):
            return [plain(part) for part in value]
        return value if isinstance(value, (bool, int)) or value is None else str(len(str(value)))

    wanted = plain(data)
    writer, stream = YAML(typ="safe", pure=True), io.StringIO()
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(wanted, stream)
    document, _ = parse_text(stream.getvalue())
    assert document.root is not None
    got = document.root.to_python()
    assert got == wanted


@given(st.lists(texts, max_size=6))
def test_pointers_split_and_join(tokens: list[str]) -> None:
    assert pointer_split(pointer_join("", *tokens)) == tuple(tokens)


@given(st.text("ab\r\né😀", max_size=30))
def test_line_and_column_are_the_inverse_of_offset(text: str) -> None:
    document, _ = parse_text(text)
    for offset in range(len(text) + 1):
        place = document.line_column(offset)
        assert document.offset(place.line, place.column) == offset
        assert place.column - 1 <= len(document.line_text(place.line)) + 1
