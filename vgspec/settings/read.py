"""A settings file → `Settings`, with a finding at its place for everything that is wrong."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Severity, nearest
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.report.formats import FORMATS
from vgspec.report.model import Rule
from vgspec.settings.fields import ASSUMPTIONS, MOST_ASSUMED, SETTINGS, limit_names
from vgspec.settings.model import Settings, SettingsError
from vgspec.settings.selection import known_rules, word_problem
from vgspec.source import Document, MappingNode, ScalarNode, SequenceNode, SNode, SourceMap, kind_of, pointer_join

__all__ = ["FAIL_ON", "load_settings", "read_settings", "severity_of"]

FAIL_ON = (*(severity.value for severity in Severity), "never")
_MOST_BYTES = 1024 * 1024


def severity_of(word: str) -> Severity | None:
    """What a value of ``fail-on`` means."""
    return None if word == "never" else Severity(word)


def load_settings(path: str | os.PathLike[str], *, rules: Sequence[Rule] | None = None) -> Settings:
    """Read a settings file that the user names, a ``pyproject.toml`` (its ``[tool.vgspec]``) or any other TOML file.

    Its patterns begin at the current folder, and it may raise limits.

    Args:
        path: the file.
        rules: every kind of finding, where they are at hand.

    Raises:
        SettingsError: if it cannot be read, or something in it is wrong.
    """
    settings = read_settings(Path(path), os.fspath(path), rules if rules is not None else known_rules(), named=True)
    assert settings is not None, "a named file without settings has the defaults"
    return settings


def read_settings(path: Path, name: str, rules: Sequence[Rule], *, named: bool = False) -> Settings | None:
    """Read a settings file.

    Args:
        path: the file.
        name: how it is shown.
        rules: every kind of finding.
        named: whether the user named it; one that was found may not raise limits, and its patterns begin at
            its folder.

    Returns:
        The settings; None for a ``pyproject.toml`` that was found and has none of ours.

    Raises:
        SettingsError: if it cannot be read, or something in it is wrong.
    """
    text, problem = _read(path, name)
    if problem is None and path.name == "pyproject.toml" and not named and not _mentions_us(text):
        return None
    from vgspec.settings.toml_text import parse_toml

    document, problems = parse_toml(text, name) if problem is None else (Document(name, None, None), [problem])
    root = document.root
    if problems or not isinstance(root, MappingNode):
        raise SettingsError(tuple(problems), SourceMap.of((document,)))
    pointer = ""
    if path.name == "pyproject.toml":
        tool = root.get("tool")
        own = tool.get("vgspec") if isinstance(tool, MappingNode) else None
        if own is None:
            return Settings(file=name) if named else None
        root, pointer = own, "/tool/vgspec"
    reader = _Reader(document, rules, raising=named)
    settings = reader.settings(root, pointer)
    if reader.found:
        ordered = sorted(reader.found, key=lambda d: -1 if d.span is None else d.span.start)
        raise SettingsError(tuple(ordered), SourceMap.of((document,)))
    return replace(settings, root=None if named else path.parent, file=name)


def _mentions_us(text: str) -> bool:
    """Whether a ``pyproject.toml`` may have settings of ours: finding the places of everything in it takes a while."""
    if "vgspec" not in text:
        return False
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool")
    except tomllib.TOMLDecodeError:
        return True  # to be reported
    return isinstance(tool, dict) and "vgspec" in tool


def _read(path: Path, name: str) -> tuple[str, Diagnostic | None]:
    """The text of a file, and why there is none."""

    def unreadable(why: str) -> tuple[str, Diagnostic]:
        message = f"the settings in `{name}` cannot be read: {why}"
        return "", codes.UNREADABLE_SETTINGS.diagnostic(message, file=name)

    try:
        if path.exists() and not path.is_file():
            return unreadable("it is not a regular file")
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return unreadable("there is no such file")
    except (OSError, ValueError) as error:
        return unreadable(getattr(error, "strerror", None) or str(error))
    if len(data) > _MOST_BYTES:
        return unreadable(f"it has more than {_MOST_BYTES:,} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return unreadable(f"it is not UTF-8 text (byte {error.start})")
    return text, None


@dataclass(slots=True)
class _Reader:
    """Checks one settings table and gathers what is wrong."""

    document: Document
    rules: Sequence[Rule]
    raising: bool
    found: list[Diagnostic] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    def settings(self, root: SNode, pointer: str) -> Settings:
        values: dict[str, Any] = {}
        readers: dict[str, Callable[[SNode, str], dict[str, Any]]] = {
            "select": lambda node, at: {"select": self.words(node, at)},
            "extend-select": lambda node, at: {"extend_select": self.words(node, at)},
            "ignore": lambda node, at: {"ignore": self.words(node, at, ignoring=True)},
            "per-path-ignores": lambda node, at: {"per_path_ignores": tuple(self.by_pattern(node, at))},
            "exclude": lambda node, at: {"exclude": self.patterns(node, at)},
            "fail-on": lambda node, at: {"fail_on": severity_of(self.choice(node, at, FAIL_ON, "warning"))},
            "output-format": lambda node, at: {"output_format": self.choice(node, at, FORMATS, "text")},
            "rules": lambda node, at: {"thresholds": dict(self.thresholds(node, at))},
            "assumptions": self.assumptions,
            "limits": lambda node, at: {"limits": self.limits(node, at)},
        }
        assert set(readers) == {row.name for row in SETTINGS}, "every setting is read"
        for name, node, at in self.entries(root, pointer, readers, "setting"):
            values |= readers[name](node, at)
            self.origins[name] = self.origin(at)
        return Settings(**values, origins=self.origins)

    # --- findings and places ----------------------------------------------------------------------

    def problem(self, message: str, pointer: str, help: str = "", *, at_key: bool = False) -> None:
        key, value = self.document.locate(pointer)
        span = (key if at_key else value) or self.document.nearest_span(pointer)
        file = self.document.file
        self.found.append(codes.BAD_SETTING.diagnostic(message, span=span, pointer=pointer, file=file, help=help))

    def origin(self, pointer: str) -> str:
        span = self.document.locate(pointer)[0]
        return self.document.file if span is None else f"{span.file}:{self.document.line_column(span.start).line}"

    def entries(
        self, node: SNode, pointer: str, known: Sequence[str] | dict[str, Any], what: str
    ) -> Iterator[tuple[str, SNode, str]]:
        """The entries of a table whose names are known; the others are findings."""
        if not isinstance(node, MappingNode):
            self.problem(f"expected a table, not {kind_of(node)}", pointer)
            return
        for name, value in node.items():
            at = pointer_join(pointer, name)
            if name in known:
                yield name, value, at
                continue
            near = nearest(name, known)
            help = f"did you mean '{near}'?" if near else f"there are: {', '.join(known)}"
            self.problem(f"there is no {what} '{name}'", at, help, at_key=True)

    # --- kinds of value ---------------------------------------------------------------------------

    def texts(self, node: SNode, pointer: str, what: str) -> Iterator[tuple[str, str]]:
        """The texts of a list with their pointers."""
        if not isinstance(node, SequenceNode):
            help = f'write ["{node.value}"]' if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""
            self.problem(f"expected a list of {what}, not {kind_of(node)}", pointer, help)
            return
        for i, item in enumerate(node):
            at = pointer_join(pointer, i)
            if isinstance(item, ScalarNode) and isinstance(item.value, str) and item.value.strip():
                yield item.value.strip(), at
            else:
                self.problem(f"expected one of a list of {what}, as text, not {kind_of(item)}", at)

    def words(self, node: SNode, pointer: str, *, ignoring: bool = False) -> tuple[str, ...]:
        found = []
        for word, at in self.texts(node, pointer, "rules"):
            wrong = word_problem(word, self.rules, ignoring=ignoring)
            if wrong is None:
                found.append(word)
            else:
                self.problem(wrong[0], at, wrong[1])
        return tuple(found)

    def patterns(self, node: SNode, pointer: str) -> tuple[str, ...]:
        return tuple(text for text, _ in self.texts(node, pointer, "patterns"))

    def by_pattern(self, node: SNode, pointer: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not isinstance(node, MappingNode):
            self.problem(f"expected a table of patterns with lists of rules, not {kind_of(node)}", pointer)
            return
        for pattern, value in node.items():
            yield pattern, self.words(value, pointer_join(pointer, pattern), ignoring=True)

    def choice(self, node: SNode, pointer: str, choices: Sequence[str], default: str) -> str:
        value = node.value if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and value in choices:
            return value
        near = nearest(value, choices) if isinstance(value, str) else None
        help = f"did you mean '{near}'?" if near else f"it must be one of: {', '.join(choices)}"
        shown = f"unknown value '{value}'" if isinstance(value, str) else f"expected text, not {kind_of(node)}"
        self.problem(shown, pointer, help)
        return default

    def whole(self, node: SNode, pointer: str, most: int | None) -> int | None:
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(f"expected a whole number, not {kind_of(node)}", pointer)
        elif value < 1:
            self.problem(f"must be at least 1, got {value}", pointer)
        elif most is not None and value > most:
            self.problem(f"must be at most {most:,}, got {value:,}", pointer)
        else:
            return value
        return None

    # --- tables -----------------------------------------------------------------------------------

    def thresholds(self, node: SNode, pointer: str) -> Iterator[tuple[str, float]]:
        from vgspec.lint.rules import RULES

        known = {rule.name: rule for rule in RULES if rule.settings}
        others = {rule.name for rule in RULES} - set(known)
        by_code = {rule.code: rule.name for rule in RULES}
        if isinstance(node, MappingNode):
            for name in node:
                at = pointer_join(pointer, name)
                if name in others:
                    self.problem(f"the rule '{name}' has no thresholds", at, at_key=True)
                elif name in by_code:
                    self.problem("rules are given by name here", at, f"write '{by_code[name]}'", at_key=True)
            node = MappingNode(tuple(e for e in node.entries if e[0].value not in others | set(by_code)), node.span)
        for name, table, at in self.entries(node, pointer, dict.fromkeys(known), "rule"):
            rule = known[name]
            for key, value, place in self.entries(table, at, dict(rule.settings), f"threshold of {name} called"):
                limit = self.number(value, place)
                if limit is not None:
                    self.origins[f"rules.{name}.{key}"] = self.origin(place)
                    yield f"{name}.{key}", limit

    def number(self, node: SNode, pointer: str) -> float | None:
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.problem(f"expected a number, not {kind_of(node)}", pointer)
            return None
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not 0 < number < math.inf:
            self.problem(f"must be a number greater than 0, got {value if number < 1e300 else 'a huge one'}", pointer)
            return None
        return number

    def assumptions(self, node: SNode, pointer: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value, at in self.entries(node, pointer, [row.name for row in ASSUMPTIONS], "assumption"):
            self.origins[f"assumptions.{name}"] = self.origin(at)
            if name != "sizes":
                size = self.whole(value, at, MOST_ASSUMED)
                if size is not None:
                    found[name] = size
            elif isinstance(value, MappingNode):
                sizes = {key: self.whole(item, pointer_join(at, key), MOST_ASSUMED) for key, item in value.items()}
                found["sizes"] = {key: size for key, size in sizes.items() if size is not None}
            else:
                self.problem(f"expected a table of names with whole numbers, not {kind_of(value)}", at)
        return found

    def limits(self, node: SNode, pointer: str) -> Limits:
        names = limit_names()
        changed: dict[str, int] = {}
        for name, value, at in self.entries(node, pointer, list(names), "limit"):
            limit = self.whole(value, at, None)
            default = getattr(DEFAULT_LIMITS, names[name])
            if limit is None:
                continue
            if limit > default and not self.raising:
                message = f"settings that are found may only lower limits, and {limit:,} is above {default:,}"
                self.problem(message, at, f"to raise it, name this file: --config {self.document.file}")
            else:
                changed[names[name]] = limit
                self.origins[f"limits.{name}"] = self.origin(at)
        assert set(changed) <= {item.name for item in fields(Limits)}
        return replace(DEFAULT_LIMITS, **changed)
