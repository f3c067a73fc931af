"""The published schema is read lazily, and is all there."""

from __future__ import annotations

import json

import pytest

from vgspec.frontend.published import published_schema, read_schema
from vgspec.resources import resource_path


def test_the_lazy_schema_is_the_whole_schema() -> None:
    whole = json.loads(resource_path("schema/vgspec.schema.json").read_text(encoding="utf-8"))
    lazy = published_schema()
    assert {key: value for key, value in lazy.items() if key != "$defs"} == {
        k: v for k, v in whole.items() if k != "$defs"
    }
    assert list(lazy["$defs"]) == list(whole["$defs"])
    assert dict(lazy["$defs"]) == whole["$defs"]
    assert not isinstance(lazy["$defs"], dict), "the layout of the file was not recognised"
    with pytest.raises(KeyError):
        lazy["$defs"]["nothing"]


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_a_schema_of_any_layout_is_read(indent: int | None) -> None:
    schema = {"type": "object", "$defs": {"a": {"type": "string"}, 'b"': {"enum": ["\n  "]}}, "last": 1}
    assert read_schema(json.dumps(schema, indent=indent)) == schema
