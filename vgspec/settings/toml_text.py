"""TOML with places: the tree of `tomllib`'s values, each with the characters that it was read from.

`tomllib` says what a document means and whether it is valid, but not where a value stands. A scan over the text, which
is known to be valid by then, finds the places.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Span
from vgspec.source import Document, MappingNode, ScalarNode, SequenceNode, SNode

__all__ = ["parse_toml"]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|' r"'''.*?'''(?:'{0,2})|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'", re.S
)
_WORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\]}#]+")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

Path = tuple[str | int, ...]


@dataclass(slots=True)
class _Scan:
    """Finds the place of every key and value of a valid TOML text."""

    text: str
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)
    at: int = 0

    def run(self) -> None:
        table: Path = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.assignment(table)

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def header(self) -> Path:
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        names = self.key()
        self.at += 2 if many else 1
        path: Path = ()
        for i, (name, start, end) in enumerate(names):
            path = (*path, name)
            self.place(path, start, end)
            if many and i == len(names) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
                self.values.setdefault(path, (start, end))
        return path

    def place(self, path: Path, start: int, end: int) -> None:
        """A table is where its name first stands; a later header of its own is the better place."""
        self.keys.setdefault(path, (start, end))
        self.values.setdefault(path, (start, end))

    def key(self) -> list[tuple[str, int, int]]:
        names = []
        while True:
            start = self.skip(_SPACE)
            match = _BARE_KEY.match(self.text, start)
            if match:
                name = match[0]
            else:
                match = _STRING.match(self.text, start)
                assert match is not None, "the text is valid"
                name = tomllib.loads(f"k = {match[0]}")["k"]
            names.append((name, start, match.end()))
            self.at = match.end()
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def assignment(self, table: Path) -> None:
        path = table
        names = self.key()
        for name, start, end in names:
            path = (*path, name)
            self.place(path, start, end)
        self.at += 1  # the sign
        self.skip(_SPACE)
        self.value(path)

    def value(self, path: Path) -> None:
        start = self.at
        opening = self.text[start]
        if opening in "[{":
            self.at += 1
            number = 0
            while not self.text.startswith("]" if opening == "[" else "}", self.skip(_BLANK)):
                if opening == "[":
                    self.value((*path, number))
                else:
                    self.assignment(path)
                number += 1
                self.skip(_BLANK)
                if self.text.startswith(",", self.at):
                    self.at += 1
            self.at += 1
        else:
            match = (_STRING if opening in "\"'" else _WORD).match(self.text, start)
            assert match is not None, "the text is valid"
            self.at = match.end()
        self.values[path] = (start, self.at)


def parse_toml(text: str, file: str) -> tuple[Document, list[Diagnostic]]:
    """Parse TOML.

    Dates and times become text as they are written.

    Args:
        text: the text.
        file: the name of the file, for spans.

    Returns:
        The document, whose root is None where the text is no valid TOML, and why that is so.
    """
    shift = 1 if text.startswith("\ufeff") else 0
    body = text[shift:]
    try:
        data = tomllib.loads(body)
        scan = _Scan(body)
        scan.run()
    except RecursionError:
        found = codes.UNREADABLE_SETTINGS.diagnostic("lists or tables are nested too deeply", file=file)
        return Document(file, text, None), [found]
    except ValueError as error:  # of the syntax, or a number of more digits than Python reads
        return Document(file, text, None), [_invalid(str(error), Document(file, text, None), shift)]
    return Document(file, text, _mapping(data, (), scan, file, shift)), []


def _invalid(message: str, document: Document, shift: int) -> Diagnostic:
    match = _AT.search(message)
    reason = message[: match.start()] if match else message
    text = document.text or ""
    at = len(text)
    if match is None:
        at = 0
    elif match[1] is not None:
        line = int(match[1])
        at = document.offset(line, int(match[2])) + (shift if line == 1 else 0)
    word = re.compile(r"[\w.-]{1,40}|").match(text, at)
    end = max(min(at + 1, len(text)), word.end() if word else at)
    return codes.UNREADABLE_SETTINGS.diagnostic(
        f"not valid TOML: {reason[:1].lower()}{reason[1:]}", span=Span(document.file, at, end), file=document.file
    )


def _node(value: object, path: Path, scan: _Scan, file: str, shift: int) -> SNode:
    if isinstance(value, dict):
        return _mapping(value, path, scan, file, shift)
    span = _span(scan.values.get(path), file, shift)
    if isinstance(value, list):
        return SequenceNode(tuple(_node(item, (*path, i), scan, file, shift) for i, item in enumerate(value)), span)
    raw = "" if span is None else scan.text[span.start - shift : span.end - shift]
    if isinstance(value, str | int | float | bool):
        return ScalarNode(value, span, raw, plain=not isinstance(value, str))
    return ScalarNode(raw or str(value), span, raw)


def _mapping(data: Mapping[str, object], path: Path, scan: _Scan, file: str, shift: int) -> MappingNode:
    entries = tuple(
        (
            ScalarNode(name, _span(scan.keys.get((*path, name)), file, shift), name),
            _node(value, (*path, name), scan, file, shift),
        )
        for name, value in data.items()
    )
    return MappingNode(entries, _span(scan.values.get(path), file, shift))


def _span(place: tuple[int, int] | None, file: str, shift: int) -> Span | None:
    return None if place is None else Span(file, place[0] + shift, place[1] + shift)
