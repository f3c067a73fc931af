"""The JSON Schema of settings files, for editors: made from the table of settings, the rules and the limits.

It is of draft 7, which the editors' TOML servers know. What it accepts `vgspec.settings.read` accepts, but for what
draft 7 cannot say: ``1.0`` is a whole number to it, and it does not know whether a file is named with ``--config`` and
so may raise limits. The other way round it is stricter in one thing: it knows the words for rules as they are listed,
whereas reading does not mind upper case and spaces around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vgspec.diagnostics import Severity
from vgspec.limits import DEFAULT_LIMITS
from vgspec.lint.rules import RULES
from vgspec.report.formats import FORMATS
from vgspec.settings.fields import ASSUMPTIONS, MOST_ASSUMED, SETTINGS, Setting, limit_meanings, limit_names
from vgspec.settings.model import Settings
from vgspec.settings.read import FAIL_ON
from vgspec.settings.selection import known_rules, word_problem

__all__ = ["pyproject_schema", "settings_schema", "words"]

DRAFT = "http://json-schema.org/draft-07/schema#"
_LARGEST = 1.7976931348623157e308

Form = dict[str, Any]


def settings_schema() -> Form:
    """The schema of a ``vgspec.toml``."""
    return _document("vgspec-settings", "Settings of vgspec", _table(_rows()))


def pyproject_schema() -> Form:
    """The schema of a ``pyproject.toml``: it knows ``[tool.vgspec]`` and leaves everything else alone."""
    own = _table(_rows()) | {"description": "Settings of vgspec, the linter of model specs"}
    tool = {"type": "object", "properties": {"vgspec": own}}
    return _document("vgspec-pyproject", "pyproject.toml with settings of vgspec", _open({"tool": tool}))


def words(*, ignoring: bool = False) -> list[str]:
    """Every word for rules, in the order in which editors offer them: names, groups, codes, beginnings of codes.

    Args:
        ignoring: leave out those that name nothing but errors of the document, which cannot be ignored.
    """
    rules = known_rules()
    codes = [rule.code for rule in rules]
    found = [rule.name for rule in rules] + [rule.group for rule in rules if rule.group] + codes
    found += sorted({code[:size] for code in codes for size in range(2, len(code))})
    return [word for word in dict.fromkeys(found) if word_problem(word, rules, ignoring=ignoring) is None]


def _document(name: str, title: str, body: Form) -> Form:
    head = {"$schema": DRAFT, "$id": f"https://vgspec.dev/schema/{name}.schema.json", "title": title}
    named = {
        "words": {"enum": words(), "description": "A rule's name or code, the beginning of a code, or a group"},
        "ignored": {
            "enum": words(ignoring=True),
            "description": "The same, without what makes a spec invalid and so cannot be ignored",
        },
    }
    return head | body | {"definitions": named}


def _open(properties: Mapping[str, Form]) -> Form:
    return {"type": "object", "properties": dict(properties)}


def _table(properties: Mapping[str, Form]) -> Form:
    return _open(properties) | {"additionalProperties": False}


def _rows() -> dict[str, Form]:
    """The form of every setting, by its name."""
    words_of = {name: {"type": "array", "items": {"$ref": f"#/definitions/{name}"}} for name in ("words", "ignored")}
    forms: dict[str, Form] = {
        "select": words_of["words"],
        "extend-select": words_of["words"],
        "ignore": words_of["ignored"],
        "per-path-ignores": {"type": "object", "additionalProperties": words_of["ignored"]},
        "exclude": {"type": "array", "items": {"type": "string", "pattern": r"\S"}},
        "fail-on": {"enum": list(FAIL_ON)},
        "output-format": {"enum": list(FORMATS)},
        "rules": _table({rule.name: _thresholds(rule.name) for rule in RULES if rule.settings}),
        "assumptions": _table({row.name: _described(row, _assumption(row.name)) for row in ASSUMPTIONS}),
        "limits": _table(_limits()),
    }
    assert set(forms) == {row.name for row in SETTINGS}, "every setting has a form"
    return {row.name: _described(row, forms[row.name]) for row in SETTINGS}


def _described(row: Setting, form: Form) -> Form:
    """A form with what the table of settings says of it, and its default where that is a plain value."""
    described = form | {"description": f"{row.meaning[:1].upper()}{row.meaning[1:]}. Default: {row.default}"}
    default = getattr(Settings(), row.name.replace("-", "_"), None)
    if isinstance(default, Severity):
        described["default"] = default.value
    elif isinstance(default, str | int):
        described["default"] = default
    return described


def _thresholds(name: str) -> Form:
    rule = next(rule for rule in RULES if rule.name == name)
    number = {"type": "number", "exclusiveMinimum": 0, "maximum": _LARGEST}
    limits = {
        key: number | {"description": f"In {limit.unit}: {limit.reason}", "default": limit.default}
        for key, limit in rule.settings.items()
    }
    return _table(limits) | {"description": f"Thresholds of {rule.code} {name}"}


def _assumption(name: str) -> Form:
    size = {"type": "integer", "minimum": 1, "maximum": MOST_ASSUMED}
    return {"type": "object", "additionalProperties": size} if name == "sizes" else size


def _limits() -> dict[str, Form]:
    meanings = limit_meanings()
    return {
        name: {
            "type": "integer",
            "minimum": 1,
            "default": getattr(DEFAULT_LIMITS, own),
            "description": f"{meanings[own][:1].upper()}{meanings[own][1:]}. Only --config FILE may raise it",
        }
        for name, own in limit_names().items()
    }
