"""A bounded slice of the fuzzing, and everything that once did harm."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import check_expression, check_spec
from tests.fuzz.mutate import CORPUS, mutate_data, mutate_text, seeds
from vgspec.source import parse_text

TEXTS = [path.read_text(encoding="utf-8") for path in seeds()]
DATA = [root.to_python() for text in TEXTS if (root := parse_text(text)[0].root) is not None]
SLICE = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: str(path.stem))
def test_corpus(path: Path) -> None:
    valid, codes = check_spec(path.read_text(encoding="utf-8"))
    assert valid or codes


@SLICE
@given(st.integers(0, 2**32), st.sampled_from(TEXTS))
def test_mutated_text(seed: int, text: str) -> None:
    valid, codes = check_spec(mutate_text(text, random.Random(seed), TEXTS), lint=False)
    assert valid or codes


@SLICE
@given(st.integers(0, 2**32), st.sampled_from(DATA))
def test_mutated_data(seed: int, data: object) -> None:
    changed = mutate_data(data, random.Random(seed), DATA)
    if isinstance(changed, dict):
        valid, codes = check_spec(changed, lint=False)
        assert valid or codes


@SLICE
@given(st.text(alphabet=st.characters(codec=None), max_size=200))
def test_any_text(text: str) -> None:
    assert check_spec(text, lint=False)[1] != []


@SLICE
@given(st.text(alphabet="iwfsxbn0123456789.+-*/%()[]<>=!,'\" andorifelsemin", max_size=60))
def test_any_expression(text: str) -> None:
    check_expression(text)


@SLICE
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
                    max_leaves=20))  # fmt: skip
def test_any_data(data: object) -> None:
    check_spec(json.dumps(data), lint=False)
