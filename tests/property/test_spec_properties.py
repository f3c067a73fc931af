"""Properties of the whole compiler over documents that Hypothesis draws (`vgspec.testing`).

``VGSPEC_EXAMPLES=10`` runs ten times as many as the default.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from vgspec import compile_spec, load_spec
from vgspec.analysis.cost import graph_cost, node_costs
from vgspec.frontend.load import published_schema
from vgspec.frontend.structure import check_structure
from vgspec.ir import Graph
from vgspec.layers import layer_names
from vgspec.source import parse_data
from vgspec.source.dump import dump_yaml
from vgspec.testing import mutated, specs
from vgspec.testing.documents import MERGES
from vgspec.testing.layers import TEMPLATES, UNDRAWN

SCALE = float(os.environ.get("VGSPEC_EXAMPLES", "1"))

FORGETS_SIZES = {"EinsumDense": "a null in output_shape makes Keras forget a size that the input gives"}


def examples(count: int) -> settings:
    return settings(
        max_examples=max(1, int(count * SCALE)),
        deadline=None,
        derandomize=SCALE == 1,
        suppress_health_check=list(HealthCheck),
    )


def graph_of(document: Any) -> Graph:
    spec = load_spec(document)
    assert spec.diagnostics == (), [f"{d.code} {d.pointer} {d.message}" for d in spec.diagnostics]
    assert spec.graph is not None
    return spec.graph


def test_every_layer_is_drawn_or_says_why_not() -> None:
    drawn = {template.layer for template in TEMPLATES} | {*MERGES}
    assert not drawn & set(UNDRAWN)
    assert drawn | set(UNDRAWN) == set(layer_names())


@examples(200)
@given(specs())
def test_drawn_documents_are_valid(document: dict[str, Any]) -> None:
    graph_of(document).verify()
    parsed, problems = parse_data(document)
    assert not problems
    assert parsed.root is not None
    assert check_structure(parsed.root, published_schema()) == []


@examples(150)
@given(specs())
def test_yaml_json_and_dict_give_one_graph_and_one_hash(document: dict[str, Any]) -> None:
    texts = [dump_yaml(document), json.dumps(document), json.dumps(document, indent=2)]
    graphs = [graph_of(form) for form in (document, *texts)]
    assert len({graph.hash() for graph in graphs}) == 1
    assert len({graph.hash(names=False) for graph in graphs}) == 1
    assert len({graph.canonical() for graph in graphs}) == 1


@examples(200)
@given(specs())
def test_printing_and_parsing_is_the_identity(document: dict[str, Any]) -> None:
    text = dump_yaml(document)
    again = load_spec(text).to_dict()
    assert again == document
    assert dump_yaml(again) == text


@examples(150)
@given(specs())
def test_names_do_not_change_the_nameless_hash(document: dict[str, Any]) -> None:
    if "compile" in document or isinstance(document["outputs"], dict):
        return  # names of outputs belong to the model's interface
    renamed = json.loads(re.sub(r'"v([0-9]+)"', r'"renamed\1"', json.dumps(document)))
    renamed["name"] = "another"
    one, two = graph_of(document), graph_of(renamed)
    assert one.hash() != two.hash()
    assert one.hash(names=False) == two.hash(names=False)


@examples(400)
@given(mutated())
def test_a_broken_document_gives_diagnostics_and_never_an_exception(document: Any) -> None:
    text = dump_yaml(document) if isinstance(document, dict) and document else json.dumps(document)
    spec = load_spec(text + "\n")
    assert (spec.graph is None) == (not spec.ok or spec.is_library)
    for diagnostic in spec.diagnostics:
        assert diagnostic.message
        assert diagnostic.code.startswith("VG0")
        for label in diagnostic.labels:
            found = spec.sources.get(label.span.file)
            assert found is not None
            assert found.text is not None
            assert 0 <= label.span.start <= label.span.end <= len(found.text)


def _data(tensor: Any, rng: np.random.Generator) -> Any:
    shape = [size if size is not None else 5 for size in tensor.shape[1:]]
    if "int" in tensor.dtype:
        return rng.integers(0, 50, (2, *shape)).astype(tensor.dtype)
    return rng.standard_normal((2, *shape)).astype("float32")


@pytest.mark.tensorflow
@examples(40)
@given(specs(max_items=6))
def test_shapes_dtypes_and_parameters_are_those_of_keras(document: dict[str, Any]) -> None:
    import keras

    graph = graph_of(document)
    model = compile_spec(document, seed=0)
    by_name = {layer.name: layer for layer in model.layers}
    total = 0
    for key in graph.layers:
        total += by_name[key].count_params()
        assert [n.layer for n in graph.nodes].count(key) == len(by_name[key]._inbound_nodes)
    costs = graph_cost(node_costs(graph))
    assert costs.trainable + costs.frozen == total == model.count_params()
    calls: dict[str, int] = {}
    lost = False
    for node in graph.nodes:
        index = calls.get(node.layer, 0)
        calls[node.layer] = index + 1
        lost = lost or graph.layers[node.layer].type_name in FORGETS_SIZES
        produced = keras.tree.flatten(by_name[node.layer]._inbound_nodes[index].output_tensors)
        assert len(produced) == len(node.outputs)
        for ours, theirs in zip(node.outputs, produced, strict=True):
            assert ours.dtype == theirs.dtype, node.id
            assert len(ours.shape) == len(theirs.shape), node.id
            for a, b in zip(ours.shape, theirs.shape, strict=True):
                # A symbolic size is one that Keras does not know either.
                knows_more = lost or not isinstance(a, int)
                assert a == b or (b is None and knows_more), (node.id, ours, theirs)
    rng = np.random.default_rng(0)
    values = [_data(tensor, rng) for tensor in model.inputs]
    results = keras.tree.flatten(model(values if len(values) > 1 else values[0], training=False))
    assert all(np.isfinite(np.asarray(result)).all() for result in results)


@pytest.mark.tensorflow
@examples(20)
@given(specs(max_items=5))
def test_generated_source_builds_the_same_model(document: dict[str, Any]) -> None:
    import keras

    from vgspec.backends.keras_source import emit_source

    graph = graph_of(document)
    namespace: dict[str, Any] = {}
    exec(compile(emit_source(graph), "model.py", "exec"), namespace)
    ours, theirs = compile_spec(document, seed=0), namespace["build_model"]()
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    theirs.set_weights(ours.get_weights())
    rng = np.random.default_rng(0)
    values = [_data(tensor, rng) for tensor in ours.inputs]
    feed = values if len(values) > 1 else values[0]
    for one, two in zip(
        keras.tree.flatten(ours(feed, training=False)), keras.tree.flatten(theirs(feed, training=False)), strict=True
    ):
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), rtol=1e-5, atol=1e-6)
