"""What decompiling makes of lists that repeat themselves in one place and not in another."""

from __future__ import annotations

from typing import Any

import vgspec
from vgspec.importers.order import same_model
from vgspec.importers.specs import to_document


def conv(filters: int, kernel: list[int]) -> list[Any]:
    return [
        {"Conv2D": {"filters": filters, "kernel_size": kernel, "padding": "same", "use_bias": False}},
        {"BatchNormalization": {"scale": False}},
        {"Activation": {"activation": "relu"}},
    ]


def decompiled(layers: list[Any]) -> dict[str, Any]:
    graph = vgspec.load_spec({"vgspec": "1", "inputs": {"x": {"shape": [16, 16, 8]}}, "layers": layers}).require_graph()
    document = to_document(graph)
    assert same_model(vgspec.load_spec(document).require_graph(), graph)
    return document


def actions(layers: list[Any]) -> list[str]:
    return [next(key for key in item if key not in ("id", "in", "with", "body")) for item in layers]


def test_a_repeat_ends_where_the_list_ends() -> None:
    """A list a b c, d b c, d b c has the repeat of d b c, not one of b c d with b c left over."""
    document = decompiled([*conv(4, [1, 1]), *conv(6, [3, 3]), *conv(6, [3, 3]), *conv(6, [3, 3])])
    assert actions(document["layers"])[-1] == "repeat"
    (body,) = [item["body"] for item in document["layers"] if "repeat" in item]
    assert len(document["layers"]) <= 4
    assert "Conv2D" in body[0] or "use" in body[0]


def branches(width: int) -> dict[str, Any]:
    """In the branch two layers are equal by chance where ``width`` is 12."""
    tall, wide = [7, 1], [1, 7]
    inner = [*conv(width, [1, 1]), *conv(width, tall), *conv(width, wide), *conv(width, tall), *conv(12, wide)]
    return {"parallel": {"branches": {"a": conv(12, [1, 1]), "b": inner}, "merge": "Concatenate"}}


def test_branches_of_which_one_repeats_itself_by_chance_are_one_block() -> None:
    document = decompiled([branches(8), branches(10), branches(12)])
    assert actions(document["layers"]) == ["use", "use", "use"]
    names = [item["use"] for item in document["layers"]]
    assert len(set(names)) == 1
    assert [item["with"]["filters"] for item in document["layers"]] == [8, 10, 12]


def test_what_repeats_in_a_branch_alone_is_a_repeat_there() -> None:
    inner = [*conv(4, [1, 1]), *(layer for _ in range(5) for layer in conv(6, [3, 3]))]
    document = decompiled([{"parallel": {"branches": {"a": conv(9, [5, 5]), "b": inner}, "merge": "Concatenate"}}])
    found = vgspec.load_spec(document).to_yaml()
    assert "repeat: 5" in found
