"""Language 1, feature by feature: what a document expands to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vgspec import SpecError, load_spec
from vgspec.ir import Graph, Ref, Returns, format_shape


def graph(text: str, **params: Any) -> Graph:
    spec = load_spec(text, params=params)
    assert spec.graph is not None, [f"{d.code} {d.pointer} {d.message}" for d in spec.diagnostics]
    assert spec.diagnostics == ()
    return spec.graph


def head(inputs: str = "{x: [8]}") -> str:
    return f'vgspec: "1"\ninputs: {inputs}\n'


def ids(g: Graph) -> list[str]:
    return [node.id for node in g.nodes]


def shapes(g: Graph) -> dict[str, str]:
    return {node.id: format_shape(node.outputs[0].shape) for node in g.nodes}


def test_a_chain_names_layers_as_keras_does() -> None:
    g = graph(head() + "layers: [{Dense: {units: 4}}, ReLU, {Dense: {units: 2}}, {ReLU: {max_value: 6.0}}]")
    assert ids(g) == ["dense", "re_lu", "dense_1", "re_lu_1"]
    assert g.outputs[0].ref == Ref("re_lu_1")


def test_in_names_an_id_and_a_list_is_merged() -> None:
    g = graph(
        head("{a: [4], b: [4]}")
        + "layers:\n - {id: p, in: a, Dense: {units: 3}}\n - {id: q, in: b, Dense: {units: 3}}\n"
        + " - {in: [p, q], Add: {}}\noutputs: [add, p]"
    )
    assert dict(g.by_id["add"].args) == {"inputs": (Ref("p"), Ref("q"))}
    assert [output.name for output in g.outputs] == ["add", "p"]


TWO = "layers: [{id: d, in: x, Dense: {units: 4}}, {id: e, in: d, Dense: {units: 2}}]\n"


@pytest.mark.parametrize(
    ("written", "named", "returns"),
    [
        ("d", {"d": "d"}, Returns.TENSOR),
        ("[d]", {"d": "d"}, Returns.TENSOR),
        ("[{label: d}]", {"label": "d"}, Returns.TENSOR),
        ("{label: d}", {"label": "d"}, Returns.DICT),
        ("[e, d]", {"e": "e", "d": "d"}, Returns.LIST),
        ("[e, {label: d}, {again: e}]", {"e": "e", "label": "d", "again": "e"}, Returns.LIST),
        ("{z: e, label: d}", {"z": "e", "label": "d"}, Returns.DICT),
    ],
)
def test_the_model_returns_what_outputs_is(written: str, named: dict[str, str], returns: Returns) -> None:
    g = graph(head() + TWO + f"outputs: {written}")
    assert {o.name: str(o.ref) for o in g.outputs} == named
    assert list(named) == [o.name for o in g.outputs]
    assert g.returns is returns


def test_a_last_layer_with_several_outputs_gives_a_list() -> None:
    g = graph(head("{x: [5, 3]}") + "layers: [{id: r, LSTM: {units: 4, return_state: true}}]")
    assert ([o.name for o in g.outputs], g.returns) == (["r", "r_1", "r_2"], Returns.LIST)


def test_the_form_of_outputs_is_part_of_the_model_and_the_order_of_a_dict_is_not() -> None:
    forms = {
        w: graph(head() + TWO + f"outputs: {w}").hash() for w in ("[d, e]", "{d: d, e: e}", "{e: e, d: d}", "[e, d]")
    }
    assert forms["{d: d, e: e}"] == forms["{e: e, d: d}"]
    assert len(set(forms.values())) == 3


def test_parameters_with_defaults_bounds_and_overrides() -> None:
    text = 'vgspec: "1"\nparams: {w: {type: int, default: 4, min: 2}, deep: 3}\ninputs: {x: [8]}\n'
    text += "layers:\n - repeat: $deep\n   body: [{Dense: {units: $(w * 2)}}]"
    assert shapes(graph(text)) == {f"repeat.{i}.dense": "(batch, 8)" for i in range(3)}
    assert shapes(graph(text, w=5, deep=1)) == {"repeat.0.dense": "(batch, 10)"}


def test_block_parameters_are_typed_and_names_are_paths() -> None:
    g = graph(
        head()
        + "blocks:\n  pair:\n    params: {units: {type: int}, act: {type: activation, default: relu}}\n"
        + "    layers: [{Dense: {units: $units}}, {Activation: {activation: $act}}]\n"
        + "layers: [{id: one, use: pair, with: {units: 4}}, {use: pair, with: {units: 2, act: tanh}}]"
    )
    assert ids(g) == ["one.dense", "one.activation", "pair.dense", "pair.activation"]
    assert g.layers["pair.activation"].canonical() == {"activation": "tanh"}


def test_a_repeat_variable_changes_every_turn() -> None:
    g = graph(head() + "layers:\n - id: s\n   repeat: {var: i, count: 3}\n   body: [{Dense: {units: $(2 ** (i + 1))}}]")
    assert shapes(g) == {"s.0.dense": "(batch, 2)", "s.1.dense": "(batch, 4)", "s.2.dense": "(batch, 8)"}


def test_repeat_over_a_list_and_zero_times() -> None:
    g = graph(
        head()
        + "layers:\n - repeat: {var: n, over: [3, 5]}\n   body: [{Dense: {units: $n}}]\n"
        + " - {id: none, repeat: 0, body: [{Dense: {units: 99}}]}\n - {in: none, Dense: {units: 1}}"
    )
    assert list(shapes(g).values()) == ["(batch, 3)", "(batch, 5)", "(batch, 1)"]


def test_residual_with_identity_projection_and_layers() -> None:
    g = graph(
        head()
        + "layers:\n - residual: {body: [{Dense: {units: 8}}]}\n"
        + " - residual: {body: [{Dense: {units: 4}}], shortcut: project}\n"
        + " - residual: {body: [{Dense: {units: 4}}], shortcut: auto, merge: Multiply}\n"
        + " - residual: {body: [{Dense: {units: 2}}], shortcut: [{Dense: {units: 2}}, ReLU], merge: {Concatenate: {axis: -1}}}"
    )
    assert dict(g.by_id["residual.add"].args) == {"inputs": (Ref("x"), Ref("residual.dense"))}
    assert g.layers["residual_1.shortcut"].canonical() == {"units": 4}
    assert "residual_2.shortcut" not in g.layers
    assert shapes(g)["residual_3.concatenate"] == "(batch, 4)"


def test_a_projection_takes_the_strides_that_the_body_needs() -> None:
    g = graph(
        head("{x: [H, 32, 3]}")
        + "layers:\n - residual:\n     body: [{Conv2D: {filters: 8, kernel_size: 3, strides: 2, padding: same}}]\n"
        + "     shortcut: project"
    )
    assert g.layers["residual.shortcut"].canonical() == {"filters": 8, "kernel_size": [1, 1], "strides": [2, 2]}
    assert shapes(g)["residual.add"] == "(batch, (H+1)//2, 16, 8)"


def test_parallel_branches() -> None:
    g = graph(
        head()
        + "layers:\n - parallel:\n     branches: {wide: [{Dense: {units: 6}}], deep: [{Dense: {units: 2}}, ReLU]}\n"
        + "     merge: Concatenate"
    )
    assert ids(g) == ["parallel.wide.dense", "parallel.deep.dense", "parallel.deep.re_lu", "parallel.concatenate"]


def test_branches_are_joined_by_an_operation() -> None:
    g = graph(
        head()
        + "layers:\n - residual: {body: [{Dense: {units: 8}}], merge: ops.subtract}\n"
        + " - parallel: {branches: {a: [{Dense: {units: 8}}], b: []}, merge: {ops.concatenate: {axis: -1}}}"
    )
    assert dict(g.by_id["residual.ops_subtract"].args) == {"x1": Ref("x"), "x2": Ref("residual.dense")}
    assert shapes(g)["parallel.ops_concatenate"] == "(batch, 16)"


def test_an_operation_of_one_tensor_joins_nothing() -> None:
    text = head() + "layers:\n - residual: {body: [{Dense: {units: 8}}], merge: ops.relu}"
    found = load_spec(text).diagnostics
    assert [(d.code, d.message) for d in found] == [("VG023", "ops.relu joins nothing, it takes one tensor")]


def test_an_operation_is_no_layer_inside_a_wrapper() -> None:
    found = load_spec(head("{x: [4, 8]}") + "layers:\n - TimeDistributed: {layer: {ops.relu: {}}}").diagnostics
    assert [(d.code, d.message) for d in found] == [
        ("VG023", "ops.relu is an operation, and only a layer can stand here")
    ]


def test_a_shared_layer_is_one_layer_and_two_nodes() -> None:
    g = graph(
        head("{a: [4], b: [4]}")
        + "shared: {enc: {Dense: {units: 3}}}\n"
        + "layers: [{id: p, in: a, call: enc}, {id: q, in: b, call: enc}, {in: [p, q], Add: {}}]"
    )
    assert [(node.id, node.layer) for node in g.nodes] == [("p", "enc"), ("q", "enc"), ("add", "add")]
    assert set(g.layers) == {"enc", "add"}


def test_a_shared_block_shares_all_its_layers() -> None:
    g = graph(
        head("{a: [4], b: [4]}")
        + "blocks: {tower: {layers: [{Dense: {units: 3}}, BatchNormalization]}}\nshared: {enc: {use: tower}}\n"
        + "layers: [{id: p, in: a, call: enc}, {id: q, in: b, call: enc}, {in: [p, q], Add: {}}]"
    )
    assert [(node.id, node.layer) for node in g.nodes][:3] == [
        ("p.dense", "enc.dense"),
        ("p.batch_normalization", "enc.batch_normalization"),
        ("q.dense", "enc.dense"),
    ]


def test_several_outputs_are_numbered() -> None:
    g = graph(
        head("{x: [5, 4]}")
        + "layers:\n - {id: enc, GRU: {units: 3, return_state: true}}\n - {in: 'enc:1', Dense: {units: 2}}"
    )
    assert dict(g.by_id["dense"].args) == {"inputs": Ref("enc", 1)}


def test_call_arguments_by_name_and_literals() -> None:
    g = graph(
        head("{x: [5, 4]}")
        + "layers:\n - in: {query: x, value: x}\n   MultiHeadAttention: {num_heads: 2, key_dim: 4}\n"
        + "   call_args: {use_causal_mask: true}"
    )
    args = dict(g.nodes[0].args)
    assert args == {"query": Ref("x"), "value": Ref("x"), "use_causal_mask": True}


def test_blocks_with_several_inputs_and_outputs() -> None:
    g = graph(
        head("{a: [4], b: [4]}")
        + "blocks:\n  cross:\n    inputs: [left, right]\n    layers:\n      - {id: s, in: [left, right], Add: {}}\n"
        + "      - {id: m, in: [left, right], Multiply: {}}\n    outputs: [s, m]\n"
        + "layers:\n - {id: c, in: {left: a, right: b}, use: cross}\n - {in: ['c:0', 'c:1'], Concatenate: {}}"
    )
    assert dict(g.by_id["concatenate"].args) == {"inputs": (Ref("c.s"), Ref("c.m"))}


def test_an_inner_list_sees_outer_ids_but_not_the_reverse() -> None:
    text = (
        head()
        + "layers:\n - {id: a, Dense: {units: 8}}\n - residual: {body: [{id: inner, in: a, Dense: {units: 8}}]}\n"
    )
    assert "residual.inner" in ids(graph(text))
    spec = load_spec(text + " - {in: inner, Dense: {units: 1}}")
    assert [d.code for d in spec.diagnostics] == ["VG030"]


def test_symbolic_sizes_stay_exact() -> None:
    g = graph(
        head("{x: [T, 4]}")
        + "layers:\n - {Conv1D: {filters: 4, kernel_size: 3, padding: same, strides: 2}}\n - {UpSampling1D: {size: 2}}\n - Flatten"
    )
    assert shapes(g) == {
        "conv1d": "(batch, (T+1)//2, 4)",
        "up_sampling1d": "(batch, 2*((T+1)//2), 4)",
        "flatten": "(batch, 8*((T+1)//2))",
    }


def test_yaml_json_and_dict_give_one_graph() -> None:
    text = head("{x: [H, W, 3]}") + "layers: [{Conv2D: {filters: 4, kernel_size: 3}}, GlobalAveragePooling2D]"
    document = load_spec(text).to_dict()
    hashes = {load_spec(form).require_graph().hash() for form in (text, json.dumps(document), document)}
    assert len(hashes) == 1


def test_include_brings_blocks_under_a_name(tmp_path: Path) -> None:
    (tmp_path / "lib.yaml").write_text('vgspec: "1"\nblocks: {two: {layers: [{Dense: {units: 4}}, ReLU]}}\n')
    (tmp_path / "m.yaml").write_text(
        'vgspec: "1"\ninclude: [{from: lib.yaml, as: lib}]\ninputs: {x: [8]}\nlayers: [{use: lib.two}]\n'
    )
    spec = load_spec(tmp_path / "m.yaml")
    assert spec.graph is not None
    assert ids(spec.graph) == ["two.dense", "two.re_lu"]
    assert spec.graph.nodes[0].origin.file.endswith("lib.yaml")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("../outside.yaml", "lies outside the project"),
        ("/etc/passwd", "relative path"),
        ("missing.yaml", "there is no file"),
        ("m.yaml", "includes itself"),
        ("link.yaml", "lies outside the project"),
    ],
)
def test_includes_stay_inside_the_project(tmp_path: Path, written: str, reason: str) -> None:
    inside = tmp_path / "project"
    inside.mkdir()
    (tmp_path / "outside.yaml").write_text('vgspec: "1"\n')
    (inside / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (inside / "m.yaml").write_text(
        f'vgspec: "1"\ninclude: [{{from: {written}, as: lib}}]\ninputs: {{x: [8]}}\nlayers: [{{Dense: {{units: 1}}}}]\n'
    )
    spec = load_spec(inside / "m.yaml")
    assert [d.code for d in spec.diagnostics] == ["VG035"]
    assert reason in spec.diagnostics[0].message


def test_two_files_that_include_each_other(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.yaml").write_text(
            f'vgspec: "1"\ninclude: [{{from: {other}.yaml, as: o}}]\nblocks: {{k: {{layers: [ReLU]}}}}\n'
        )
    assert [d.code for d in load_spec(tmp_path / "a.yaml").diagnostics] == ["VG035"]


def test_definitions_alone_are_a_library_and_no_model() -> None:
    spec = load_spec('vgspec: "1"\nblocks: {two: {layers: [ReLU]}}\n')
    assert spec.ok
    assert spec.is_library
    with pytest.raises(SpecError, match="only definitions"):
        spec.require_graph()


def test_provenance_names_every_step() -> None:
    g = graph(
        head()
        + "blocks: {one: {params: {n: {type: int}}, layers: [{Dense: {units: $n}}]}}\n"
        + "layers:\n - id: s\n   repeat: {var: i, count: 2}\n   body: [{use: one, with: {n: $(i + 1)}}]"
    )
    chain = g.by_id["s.1.one.dense"].origin.chain
    assert [(frame.what, frame.bindings) for frame in chain] == [("repeat s", (("i", 1),)), ("block one", (("n", 2),))]


def test_the_merge_of_a_residual_leaves_the_names_of_its_body_alone() -> None:
    g = graph(
        head()
        + "layers:\n - residual: {body: [{id: a, Dense: {units: 8}}, {id: b, Dense: {units: 8}}, {in: [a, b], Add: {}}]}"
    )
    assert ids(g) == ["residual.a", "residual.b", "residual.add", "residual.add_1"]
    assert dict(g.by_id["residual.add_1"].args) == {"inputs": (Ref("x"), Ref("residual.add"))}


@pytest.mark.parametrize(
    ("written", "message", "help"),
    [
        ("[d, d]", "two outputs are called 'd'", "give one of them another name: {d_2: d}"),
        ("[d, {a: e}, {a: d}]", "two outputs are called 'a'", "give one of them another name: {a_2: d}"),
        ("[{a: d, b: e}]", "expected a mapping with exactly one key, got 2", ""),
        ("{}", "expected a mapping with at least 1 key, got 0", ""),
    ],
)
def test_outputs_that_cannot_be(written: str, message: str, help: str) -> None:
    (found,) = load_spec(head() + TWO + f"outputs: {written}").diagnostics
    assert (found.message, found.help) == (message, help)
