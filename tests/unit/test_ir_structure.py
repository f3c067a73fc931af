"""Places of inputs: the structure that they make, and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vgspec import load_spec
from vgspec.ir.structure import nested

HEAD = 'vgspec: "1"\ninputs: {a: {shape: [4], at: %s}, b: {shape: [4], at: %s}}\nlayers: [{in: [a, b], Add: {}}]\n'


def places(structure: Any, before: tuple[Any, ...] = ()) -> dict[str, tuple[Any, ...]]:
    if isinstance(structure, str):
        return {structure: before}
    items = structure.items() if isinstance(structure, dict) else enumerate(structure)
    found: dict[str, tuple[Any, ...]] = {}
    for key, item in items:
        found |= places(item, (*before, key))
    return found


def _named(structure: Any, names: list[str]) -> Any:
    if isinstance(structure, dict):
        return {key: _named(item, names) for key, item in structure.items()}
    if isinstance(structure, list):
        return [_named(item, names) for item in structure]
    names.append(f"x{len(names)}")
    return names[-1]


STRUCTURES = st.recursive(
    st.none(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    max_leaves=8,
)


@given(STRUCTURES)
def test_a_structure_follows_from_its_places(drawn: Any) -> None:
    structure = _named(drawn, [])
    assert nested(places(structure)) == structure


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("[x]", "[x]", "the inputs 'a' and 'b' lie in one place, or one inside the other"),
        ("[x]", "[x, y]", "the inputs 'a' and 'b' lie in one place, or one inside the other"),
        ("[0]", "[2]", "positions count from 0, and 1 is left out"),
        ("[1]", "[2]", "positions count from 0, and 0 is left out"),
        ("[0]", "[x]", "keys and positions meet in one place: 0, 'x'"),
    ],
)
def test_places_that_do_not_fit_are_one_error(a: str, b: str, message: str) -> None:
    (found,) = load_spec(HEAD % (a, b)).diagnostics
    assert (found.message, found.pointer) == (message, "/inputs")


def test_an_input_without_a_place_among_others() -> None:
    (found,) = load_spec(HEAD.replace(", at: %s}}", "}}") % "[x]").diagnostics
    assert found.message == "the input 'b' needs an 'at' too: with one, each of them has a place"


@pytest.mark.parametrize("place", ["x", "[]", "[-1]", "[1.5]", "[[0]]", "[true]"])
def test_a_place_is_a_list_of_keys_and_positions(place: str) -> None:
    assert load_spec(HEAD % (place, "[y]")).graph is None
