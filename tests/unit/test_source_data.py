"""Python data and files → tree."""

from __future__ import annotations

import enum
import math
import os
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from vgspec.limits import Limits
from vgspec.source import parse_bytes, parse_data, parse_text, read_file


class Padding(enum.StrEnum):
    SAME = "same"


class Size(enum.IntEnum):
    THREE = 3


def test_plain_data_and_what_behaves_like_it() -> None:
    data = MappingProxyType(
        {"a": (1, 2.5, None, True), "b": [Padding.SAME, Size.THREE], "c": {}, "n": [np.int64(3), np.float32(0.5)],
         "m": [np.bool_(True), np.str_("x"), np.array(7)]}
    )  # fmt: skip
    document, found = parse_data(data)
    assert found == []
    assert document.root is not None
    got = document.root.to_python()
    assert got == {
        "a": [1, 2.5, None, True], "b": ["same", 3], "c": {}, "n": [3, 0.5], "m": [True, "x", 7],
    }  # fmt: skip
    kinds = [type(n.to_python()) for p, n in document.walk() if p.count("/") == 2]
    assert kinds == [int, float, type(None), bool, str, int, int, float, bool, str, int]
    assert document.text is None
    assert all(node.span is None for _, node in document.walk())


def test_the_same_tree_as_from_text() -> None:
    data = {"a": [1, {"b/c": "d"}], "e": None, "f": True, "g": 1e-3}
    from_text, _ = parse_text('{"a": [1, {"b/c": "d"}], "e": null, "f": true, "g": 1e-3}')
    from_data, _ = parse_data(data)
    assert [p for p, _ in from_text.walk()] == [p for p, _ in from_data.walk()]
    assert from_text.root is not None
    assert from_text.root.to_python() == data


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (object(), "object"),
        (print, "builtin"),
        ({1, 2}, "set"),
        (b"x", "bytes"),
        (np.zeros(1), "ndarray"),
        (1j, "complex"),
    ],
)
def test_other_objects_are_refused_in_place(value: object, word: str) -> None:
    document, found = parse_data({"a": [value], "b": 1})
    assert [(d.code, d.pointer) for d in found] == [("VG007", "/a/0")]
    assert word in found[0].message
    assert document.root is not None
    assert document.root.to_python() == {"a": [None], "b": 1}


def test_keys_must_be_strings() -> None:
    document, found = parse_data({"a": {1: 2, None: 3, "b": 4}})
    assert [(d.code, d.pointer) for d in found] == [("VG004", "/a"), ("VG004", "/a")]
    assert document.root is not None
    assert document.root.to_python() == {"a": {"b": 4}}


def test_data_that_contains_itself() -> None:
    data: dict[str, object] = {"a": []}
    data["b"] = [data]
    document, found = parse_data(data)
    assert [d.pointer for d in found] == ["/b/0"]
    assert "itself" in found[0].message
    assert document.root is not None


def test_shared_but_not_cyclic_data_is_fine() -> None:
    shared = [1]
    document, found = parse_data({"a": shared, "b": shared})
    assert found == []
    assert document.root is not None
    assert document.root.to_python() == {"a": [1], "b": [1]}


def test_data_limits() -> None:
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    bomb: object = [0] * 10
    for _ in range(12):
        bomb = [bomb] * 10
    for data in ({"a": deep}, {"a": bomb}):
        document, found = parse_data(data, limits=Limits(max_nodes=10_000))
        assert document.root is None
        assert [d.code for d in found] == ["VG005"]
    assert [d.code for d in parse_data({"a": 10**5000})[1]] == ["VG005"]
    assert parse_data({"a": 2**64, "b": math.inf})[1] == []


def test_data_that_is_no_spec() -> None:
    assert "a list" in parse_data([])[1][0].message
    assert "empty" in parse_data(None)[1][0].message
    assert [d.code for d in parse_data(object())[1]] == ["VG007"]
    assert [d.code for d in parse_data({"a": "\ud800"})[1]] == ["VG002"]


def test_read_file(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes("a: é\r\n".encode())
    document, found = read_file(path)
    assert found == []
    assert document.file == str(path)
    assert document.text == "a: é\r\n"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, word in ((tmp_path, "directory"), (tmp_path / "none", "no file"), ("a\0b", "cannot be read")):
        document, found = read_file(path)
        assert document.root is None
        assert [d.code for d in found] == ["VG001"]
        assert word in found[0].message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    assert "permission" in read_file(path)[1][0].message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_refused_where_a_spec_names_them(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "regular" in read_file(path, regular_only=True)[1][0].message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_byte_order_mark(encoding: str) -> None:
    document, found = parse_bytes("a: é😀\n".encode(encoding), "m.yaml")
    assert found == []
    assert document.root is not None
    assert document.root.to_python() == {"a": "é😀"}
    span = document.locate("/a")[1]
    assert span is not None
    assert document.slice(span) == "é😀"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"a: 1\nb: \xff\n", "0xff at position 8 (line 2)"),
        (b"a\x00b", "zero byte at position 1"),
        (b"\xff\xfea", "UTF-16"),
    ],
)
def test_bytes_that_are_not_text(data: bytes, word: str) -> None:
    document, found = parse_bytes(data, "m.yaml")
    assert document.root is None
    assert [d.code for d in found] == ["VG001"]
    assert word in found[0].message


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("a: 1\n" * 10)
    assert [d.code for d in read_file(path, Limits(max_bytes=49))[1]] == ["VG005"]
    assert [d.code for d in read_file(path, Limits(max_bytes=50))[1]] == ["VG003"] * 9
