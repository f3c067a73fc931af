"""The frontend's structural check accepts exactly the documents that a JSON Schema validator accepts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vgspec.frontend.load import published_schema
from vgspec.frontend.structure import check_structure
from vgspec.source import parse_data, parse_text

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
SCHEMA = json.loads((ROOT / "schema" / "vgspec.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

WORDS = [
    *("Dense", "Conv2D", "BatchNormalization", "Dropout", "Flatten", "LSTM", "Bidirectional", "Lambda", "Dens"),
    *("units", "filters", "activation", "rate", "kernel_initializer", "relu", "he_normal", "HeNormal", "l2", "L2"),
    *("use", "call", "repeat", "residual", "parallel", "id", "in", "with", "body", "merge", "branches", "shortcut"),
    *("vgspec", "1", "layers", "inputs", "blocks", "shared", "params", "outputs", "compile", "optimizer", "Adam"),
    *("ops.add", "ops.clip", "x_min", "x_max"),
    *("loss", "mse", "metrics", "accuracy", "$x", "$(a + 1)", "$$", "", "a b", "é", "x:1", "lint", "allow", "reason"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([0.5, 1.0, -1e-3, 1e300]),
    st.sampled_from(WORDS),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a document, the root's first."""
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += places(item, (*path, i))
    return found


def mutate(draw: Any, document: Any) -> Any:
    """A copy with one thing changed: a value replaced, a key added, renamed or removed."""
    document = copy.deepcopy(document)
    path = draw(st.sampled_from(places(document)))
    if not path:
        return draw(VALUES) if draw(st.booleans()) else {**document, draw(st.sampled_from(WORDS)): draw(VALUES)}
    parent = document
    for token in path[:-1]:
        parent = parent[token]
    last = path[-1]
    action = draw(st.sampled_from(["replace", "replace", "remove", "rename", "add", "wrap"]))
    if action == "remove":
        del parent[last]
    elif action == "rename" and isinstance(parent, dict):
        parent[draw(st.sampled_from(WORDS))] = parent.pop(last)
    elif action == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(WORDS))] = draw(VALUES)
    elif action == "wrap":
        parent[last] = [parent[last]]
    else:
        parent[last] = draw(VALUES)
    return document


def agreed(document: Any) -> bool:
    """Whether the document is accepted; fails if the two validators differ."""
    parsed, problems = parse_data(document)
    found = problems if parsed.root is None else check_structure(parsed.root, published_schema())
    errors = list(VALIDATOR.iter_errors(document))
    ours = [f"{d.code} {d.pointer} {d.message}" for d in found]
    theirs = [f"{e.json_path} {e.message[:200]}" for e in errors]
    assert bool(ours) == bool(theirs), f"vgspec: {ours}\njsonschema: {theirs}\n{json.dumps(document)[:2000]}"
    for diagnostic in found:
        assert diagnostic.message
        assert parsed.nearest_span(diagnostic.pointer) is None  # a dict has no text
    return not ours


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_of_the_repository_is_accepted(path: Path) -> None:
    document, problems = parse_text(path.read_text(encoding="utf-8"), str(path))
    assert not problems
    assert document.root is not None
    # A spec that shows a mistake in its form would be refused by both; none of the zoo does.
    assert agreed(document.root.to_python())


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_mutated_documents(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(SPECS))
    parsed, _ = parse_text(path.read_text(encoding="utf-8"), str(path))
    assert parsed.root is not None
    document = parsed.root.to_python()
    for _ in range(data.draw(st.integers(1, 3))):
        if not isinstance(document, dict):
            break
        document = mutate(data.draw, document)
    agreed(document)


def test_the_schema_is_valid_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
