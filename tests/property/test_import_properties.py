"""Graphs written as documents and read again are the same graphs; formatting and comparing agree with that."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, settings

from vgspec import load_spec
from vgspec.analysis.compare import compare
from vgspec.cli.fmt import canonical_text
from vgspec.importers.document import flat_document
from vgspec.importers.order import canonical_order, same_model
from vgspec.importers.regions import Regions
from vgspec.importers.roll import roll
from vgspec.importers.specs import to_document
from vgspec.ir import Graph
from vgspec.source import parse_text
from vgspec.source.dump import dump_yaml
from vgspec.testing import specs

SCALE = float(os.environ.get("VGSPEC_EXAMPLES", "1"))


def examples(count: int) -> settings:
    return settings(
        max_examples=max(1, int(count * SCALE)),
        deadline=None,
        derandomize=SCALE == 1,
        suppress_health_check=list(HealthCheck),
    )


def graph_of(document: Any) -> Graph:
    spec = load_spec(document)
    assert spec.ok, [f"{d.code} {d.pointer} {d.message}" for d in spec.diagnostics]
    return spec.require_graph()


@examples(150)
@given(specs(max_items=10))
def test_the_flat_form_gives_the_same_graph_names_included(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    assert graph_of(dump_yaml(flat_document(graph))).hash() == graph.hash()


@examples(150)
@given(specs(max_items=10))
def test_the_decompiled_form_gives_the_same_model(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    assert same_model(graph_of(dump_yaml(to_document(graph))), graph)


@examples(150)
@given(specs(max_items=10))
def test_decompiling_does_not_fall_back_to_the_flat_form(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    regions = Regions.of(graph)
    rolled, _ = roll(regions.top(), regions.models)
    written = to_document(graph)
    assert len(written["layers"]) == len(rolled)


@examples(80)
@given(specs(max_items=8))
def test_a_canonical_order_is_one(document: dict[str, Any]) -> None:
    graph = canonical_order(graph_of(document))
    assert canonical_order(graph.verify()).hash() == graph.hash()


@examples(100)
@given(specs())
def test_formatting_keeps_the_graph_and_is_idempotent(document: dict[str, Any]) -> None:
    text = dump_yaml(document)
    once = canonical_text(parse_text(text)[0])
    assert canonical_text(parse_text(once)[0]) == once
    assert graph_of(once).hash() == graph_of(text).hash()


@examples(60)
@given(specs(), specs())
def test_comparing_finds_nothing_exactly_where_graphs_are_equal(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = graph_of(a), graph_of(b)
    same = compare(one, graph_of(dump_yaml(a)))
    assert same.equal
    assert same.calls == ()
    assert same.other == ()
    result = compare(one, other)
    assert result.equal == (not result.calls and not result.other)
