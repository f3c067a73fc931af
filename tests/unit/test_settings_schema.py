"""The JSON Schema of settings: what editors accept and refuse is what the linter does."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec.cli import main
from vgspec.lint.rules import RULES
from vgspec.settings import SettingsError, load_settings
from vgspec.settings.fields import ASSUMPTIONS, SETTINGS, limit_names
from vgspec.settings.schema import words
from vgspec.settings.selection import codes_of, known_rules

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schema" / "vgspec-settings.schema.json").read_text(encoding="utf-8"))
PYPROJECT = json.loads((ROOT / "schema" / "vgspec-pyproject.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)

VALID: dict[str, Any] = {
    "select": ["VG1", "loss-and-output"],
    "extend-select": ["bias-before-batchnorm"],
    "ignore": ["VG104", "VG"],
    "per-path-ignores": {"papers/**": ["vanishing"], "a b.yaml": []},
    "exclude": ["drafts", "*.tmp.yaml"],
    "fail-on": "never",
    "output-format": "sarif",
    "rules": {"saturating-stack": {"loss": 1e4}, "gradient-vanishes": {"norm": 1}},
    "assumptions": {"time": 512, "positions": 1, "sizes": {"n": 1_000_000}},
    "limits": {"max-bytes": 1000},
}

WRONG: dict[str, dict[str, Any]] = {
    "an unknown setting": {"fail-onn": "error"},
    "an underscore": {"fail_on": "error"},
    "a word that names no rule": {"select": ["gradient-vanish"]},
    "a code that there is not": {"ignore": ["VG199"]},
    "an error of the document ignored": {"ignore": ["VG001"]},
    "the same for a path": {"per-path-ignores": {"a": ["VG001"]}},
    "a text for a list": {"select": "VG1"},
    "a number in a list": {"exclude": [1]},
    "an empty pattern": {"exclude": [" "]},
    "a list for a table": {"per-path-ignores": ["VG1"]},
    "an unknown severity": {"fail-on": "fatal"},
    "a severity that is no text": {"fail-on": True},
    "an unknown format": {"output-format": "xml"},
    "thresholds of a rule that there is not": {"rules": {"saturating": {"loss": 1.0}}},
    "thresholds of a rule without any": {"rules": {"unused-block": {"loss": 1.0}}},
    "thresholds by code": {"rules": {"VG103": {"loss": 1.0}}},
    "an unknown threshold": {"rules": {"saturating-stack": {"los": 1.0}}},
    "a threshold of 0": {"rules": {"saturating-stack": {"loss": 0}}},
    "an endless threshold": {"rules": {"saturating-stack": {"loss": float("inf")}}},
    "a threshold that is no number": {"rules": {"saturating-stack": {"loss": True}}},
    "a number for a rule": {"rules": {"saturating-stack": 1}},
    "an unknown assumption": {"assumptions": {"steps": 3}},
    "an assumption below 1": {"assumptions": {"time": 0}},
    "a huge assumption": {"assumptions": {"positions": 1_000_001}},
    "an assumption that is no whole number": {"assumptions": {"time": 1.5}},
    "a size that is text": {"assumptions": {"sizes": {"n": "3"}}},
    "sizes that are no table": {"assumptions": {"sizes": 3}},
    "an unknown limit": {"limits": {"max-byte": 3}},
    "a limit below 1": {"limits": {"max-bytes": -1}},
    "a limit that is true": {"limits": {"max-bytes": True}},
    "a number for a table": {"limits": 3},
}


def toml(value: Any) -> str:
    """A value as TOML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return "inf" if value == float("inf") else json.dumps(value)


def is_read(settings: dict[str, Any], name: str = "vgspec.toml", table: str = "") -> bool:
    """Whether the linter accepts these settings, in a file that is named."""
    head = f"[{table}]\n" if table else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(head + "".join(f"{json.dumps(key)} = {toml(value)}\n" for key, value in settings.items()))
        try:
            load_settings(path)
        except SettingsError:
            return False
        return True


def test_they_are_schemas() -> None:
    for schema in (SCHEMA, PYPROJECT):
        jsonschema.Draft7Validator.check_schema(schema)
    assert PYPROJECT["properties"]["tool"]["properties"]["vgspec"]["properties"] == SCHEMA["properties"]
    assert PYPROJECT["definitions"] == SCHEMA["definitions"]


def test_right_settings_pass() -> None:
    assert set(VALID) == {row.name for row in SETTINGS}, "one of each"
    VALIDATOR.validate(VALID)
    assert is_read(VALID)


@pytest.mark.parametrize("name", WRONG)
def test_every_mistake_is_refused_by_both(name: str) -> None:
    assert not is_read(WRONG[name])
    assert not VALIDATOR.is_valid(WRONG[name])


@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_in_a_pyproject_too(name: str) -> None:
    validator = jsonschema.Draft7Validator(PYPROJECT)
    assert not validator.is_valid({"project": {"name": "x"}, "tool": {"vgspec": WRONG[name]}})
    assert validator.is_valid({"project": {"name": 3}, "tool": {"vgspec": VALID, "other": WRONG[name]}})


def paths(schema: dict[str, Any], *above: str) -> Iterator[tuple[str, ...]]:
    """The names of all keys that a schema knows, with those above them."""
    for name, below in schema.get("properties", {}).items():
        yield (*above, name)
        yield from paths(below, *above, name)


def test_schema_and_reader_know_the_same_keys() -> None:
    known = {(row.name,) for row in SETTINGS} | {("assumptions", row.name) for row in ASSUMPTIONS}
    known |= {("limits", name) for name in limit_names()}
    for rule in RULES:
        known |= {("rules", rule.name)} if rule.settings else set()
        known |= {("rules", rule.name, key) for key in rule.settings}
    assert set(paths(SCHEMA)) == known
    values: dict[tuple[str, ...], Any] = {(key,): value for key, value in VALID.items()}
    for path in sorted(known, key=len):
        value = values.get(path, {} if (path[0] == "rules" and len(path) == 2) or path[-1] == "sizes" else 1)
        settings = value
        for name in reversed(path):
            settings = {name: settings}
        assert is_read(settings), path
        VALIDATOR.validate(settings)


def test_every_key_says_what_it_means() -> None:
    for path in paths(SCHEMA):
        below = SCHEMA
        for name in path:
            below = below["properties"][name]
        assert len(below["description"]) > 10, path
        if (path[0] == "limits" and len(path) == 2) or len(path) == 3:
            assert isinstance(below["default"], int | float), path


def test_the_words_for_rules_are_those_that_are_read() -> None:
    rules = known_rules()
    assert is_read({"select": words()})
    assert is_read({"ignore": words(ignoring=True)})
    for rule in rules:
        for word in (rule.name, rule.code, *([rule.group] if rule.group else [])):
            assert word in words()
            assert codes_of(word, rules)
    left_out = sorted(set(words()) - set(words(ignoring=True)))
    assert left_out
    for word in left_out:
        assert not is_read({"ignore": [word]}), word
    assert not is_read({"select": ["VG9", "none"]})


NAMES = [*VALID, "saturating-stack", "loss", "time", "sizes", "max-bytes", "max-depth", "fail_on", "x"]
SCALARS = st.one_of(
    st.sampled_from(["VG1", "VG001", "vanishing", "error", "never", "json", "", " ", "x", 0, 1, -1, 2_000_000]),
    st.booleans(),
    st.sampled_from([0.5, -0.5, 1e-300, float("inf")]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Right settings of which some are replaced, one level down too."""
    chosen = draw(st.lists(st.sampled_from(list(VALID)), max_size=4, unique=True))
    document = {name: copy.deepcopy(VALID[name]) for name in chosen}
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        below = document.get(name)
        if isinstance(below, dict) and below and draw(st.booleans()):
            below[draw(st.sampled_from([*below, "x"]))] = draw(VALUES)
        else:
            document[name] = draw(VALUES)
    return document


@given(documents())
def test_schema_and_reader_agree_on_drawn_documents(document: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(document) == is_read(document)


def test_a_pyproject_is_read_by_its_table() -> None:
    assert is_read(VALID, "pyproject.toml", "tool.vgspec")
    assert not is_read({"fail-on": "x"}, "pyproject.toml", "tool.vgspec")


@pytest.mark.parametrize(("name", "schema"), [("settings", SCHEMA), ("pyproject", PYPROJECT)])
def test_the_command_prints_them(name: str, schema: Any, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["schema", name]) == 0
    assert json.loads(capsysbinary.readouterr().out) == schema
