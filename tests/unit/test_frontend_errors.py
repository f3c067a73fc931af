"""Every way a document can be wrong: code, place and the words that help."""

from __future__ import annotations

import pytest

from vgspec import load_spec

HEAD = 'vgspec: "1"\ninputs: {x: [8]}\n'
BLOCK = "blocks: {b: {params: {n: {type: int, min: 2}}, layers: [{Dense: {units: $n}}]}}\n"

CASES = [
    # (what it shows, text, code, pointer, part of message or help)
    ("unknown layer", HEAD + "layers: [{Dens: {units: 3}}]", "VG023", "/layers/0/Dens", "did you mean 'Dense'?"),
    ("refused layer", HEAD + "layers: [{Lambda: {function: f}}]", "VG023", "/layers/0/Lambda", "never runs code"),
    ("unknown argument", HEAD + "layers: [{Dense: {unit: 3}}]", "VG021", "/layers/0/Dense/unit", "'units'"),
    (
        "argument that is not indented",
        HEAD + "layers:\n  - Dense:\n    units: 3\n",
        "VG021",
        "/layers/0/units",
        "belongs to 'Dense'",
    ),
    (
        "settings that are not indented",
        HEAD + "layers: [ReLU]\ncompile:\noptimizer: adam\n",
        "VG021",
        "/optimizer",
        "belongs to 'compile'",
    ),
    ("another word for body", HEAD + "layers: [{repeat: 2, layers: [ReLU]}]", "VG021", "/layers/0/layers", "'body'"),
    ("missing argument", HEAD + "layers: [{Dense: {}}]", "VG022", "/layers/0/Dense", "Dense needs 'units'"),
    ("name without arguments", HEAD + "layers: [Dense]", "VG022", "/layers/0", "Dense needs 'units'"),
    ("wrong type", HEAD + "layers: [{Dense: {units: many}}]", "VG020", "/layers/0/Dense/units", "whole number"),
    ("out of range", HEAD + "layers: [{Dense: {units: 0}}]", "VG025", "/layers/0/Dense/units", "at least 1"),
    (
        "unknown initializer",
        HEAD + "layers: [{Dense: {units: 3, kernel_initializer: he_norml}}]",
        "VG024",
        "/layers/0/Dense/kernel_initializer",
        "he_normal",
    ),
    ("two actions", HEAD + "layers: [{Dense: {units: 3}, ReLU: {}}]", "VG026", "/layers/0", "2 things at once"),
    ("no action", HEAD + "layers: [{id: a}]", "VG026", "/layers/0", "names no layer"),
    ("unknown id", HEAD + "layers: [{in: y, Dense: {units: 3}}]", "VG030", "/layers/0/in", "'y'"),
    (
        "id used twice",
        HEAD + "layers: [{id: a, Dense: {units: 3}}, {id: a, Dense: {units: 3}}]",
        "VG031",
        "/layers/1",
        "'a'",
    ),
    ("unknown block", HEAD + BLOCK + "layers: [{use: bb, with: {n: 3}}]", "VG032", "/layers/0/use", "'b'"),
    ("unknown shared", HEAD + "shared: {enc: ReLU}\nlayers: [{call: enk}]", "VG033", "/layers/0/call", "'enc'"),
    ("unknown parameter", HEAD + BLOCK + "layers: [{use: b, with: {n: 3, m: 1}}]", "VG034", "/layers/0/with/m", "'m'"),
    ("missing parameter", HEAD + BLOCK + "layers: [{use: b}]", "VG034", "/layers/0/use", "needs a value"),
    (
        "parameter below its bound",
        HEAD + BLOCK + "layers: [{use: b, with: {n: 1}}]",
        "VG034",
        "/layers/0/with/n",
        "at least 2",
    ),
    (
        "block that uses itself",
        HEAD + "blocks: {b: {layers: [{use: b}]}}\nlayers: [{use: b}]",
        "VG036",
        "/blocks/b/layers/0/use",
        "uses itself",
    ),
    (
        "several inputs and none named",
        'vgspec: "1"\ninputs: {a: [4], b: [4]}\nlayers: [{Dense: {units: 3}}]',
        "VG037",
        "/layers/0",
        "2 inputs",
    ),
    (
        "which output?",
        'vgspec: "1"\ninputs: {x: [5, 4]}\nlayers: [{id: g, GRU: {units: 3, return_state: true}}, {in: [g, "g:1"], Add: {}}]',
        "VG039",
        "/layers/1/in/0",
        "g:0",
    ),
    ("unknown name", HEAD + "layers: [{Dense: {units: $wdth}}]", "VG011", "/layers/0/Dense/units", "wdth"),
    ("bad expression", HEAD + "layers: [{Dense: {units: $(1 +)}}]", "VG010", "/layers/0/Dense/units", ""),
    ("division by zero", HEAD + "layers: [{Dense: {units: $(1 // 0)}}]", "VG013", "/layers/0/Dense/units", "zero"),
    ("value of an expression", HEAD + "layers: [{Dense: {units: $(0 - 3)}}]", "VG040", "/layers/0/Dense/units", "-3"),
    (
        "missing call argument",
        'vgspec: "1"\ninputs: {x: [5, 4]}\nlayers: [{MultiHeadAttention: {num_heads: 2, key_dim: 4}}]',
        "VG041",
        "/layers/0",
        "needs 'value'",
    ),
    (
        "too many inputs",
        HEAD + "layers: [{in: [x, x], Dense: {units: 1}}]",
        "VG041",
        "/layers/0",
        "takes one input, got 2",
    ),
    (
        "unknown call argument",
        HEAD + "layers: [{Dense: {units: 1}, call_args: {trainng: true}}]",
        "VG041",
        "/layers/0",
        "training",
    ),
    (
        "shapes that do not add",
        HEAD + "layers: [{id: a, Dense: {units: 3}}, {in: [x, a], Add: {}}]",
        "VG050",
        "/layers/1",
        "Add",
    ),
    (
        "shared layer, other weights",
        'vgspec: "1"\ninputs: {a: [4], b: [5]}\nshared: {d: {Dense: {units: 3}}}\n'
        "layers: [{in: a, id: p, call: d}, {in: b, id: q, call: d}, {in: [p, q], Add: {}}]",
        "VG050",
        "/layers/1",
        "other weights",
    ),
    ("wrong version", 'vgspec: "2"\ninputs: {x: [8]}\nlayers: [ReLU]', "VG027", "/vgspec", "'2'"),
    ("unknown top-level key", HEAD + "layer: [ReLU]\nlayers: [ReLU]", "VG021", "/layer", "layers"),
    ("inputs without layers", HEAD, "VG022", "", "layers"),
    (
        "a reason is required",
        HEAD + "layers: [{Dense: {units: 1}, lint: {allow: [a]}}]",
        "VG022",
        "/layers/0/lint",
        "reason",
    ),
    (
        "unknown dtype",
        'vgspec: "1"\ninputs: {x: {shape: [8], dtype: flot32}}\nlayers: [ReLU]',
        "VG024",
        "/inputs/x/dtype",
        "float32",
    ),
    ("too many turns", HEAD + "layers: [{repeat: 20000, body: [ReLU]}]", "VG005", "/layers/0/repeat", "10000"),
]


@pytest.mark.parametrize(("text", "code", "pointer", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_mistake_one_finding_at_its_place(text: str, code: str, pointer: str, words: str) -> None:
    spec = load_spec(text)
    assert spec.graph is None
    assert [(d.code, d.pointer) for d in spec.diagnostics] == [(code, pointer)], [d.message for d in spec.diagnostics]
    found = spec.diagnostics[0]
    assert words in f"{found.message} {found.help}"
    assert found.span is not None
    assert 0 <= found.span.start <= found.span.end <= len(text)


def test_all_errors_of_a_document_in_one_run() -> None:
    text = (
        HEAD
        + "layers:\n - {Dens: {units: 3}}\n - {Dense: {unit: 3}}\n - {in: nowhere, Dense: {units: 3}}\n - {use: nothing}\n"
    )
    assert [d.code for d in load_spec(text).diagnostics] == ["VG023", "VG021", "VG030", "VG032"]


def test_an_error_does_not_cascade() -> None:
    text = HEAD + "layers: [{id: a, Dens: {units: 3}}, {in: a, Dense: {units: 2}}, {in: [a, dense], Add: {}}]"
    assert [d.code for d in load_spec(text).diagnostics] == ["VG023"]


def test_a_finding_in_a_block_is_reported_once_with_its_instances() -> None:
    text = (
        HEAD
        + "blocks: {b: {layers: [{Reshape: {target_shape: [3]}}]}}\nlayers: [{use: b}, {in: x, use: b}, {in: x, use: b}]"
    )
    found = load_spec(text).diagnostics
    assert [(d.code, d.pointer) for d in found] == [("VG050", "/blocks/b/layers/0")]
    assert any("2 more" in note for note in found[0].notes)
    assert any("block b" in note for note in found[0].notes)


def test_a_dict_gives_the_same_findings_without_places() -> None:
    text = HEAD + "layers: [{Dense: {unit: 3}}, {in: y, ReLU: {}}]"
    from_text = load_spec(text)
    from_dict = load_spec(from_text.to_dict())
    assert [(d.code, d.pointer, d.message) for d in from_text.diagnostics] == [
        (d.code, d.pointer, d.message) for d in from_dict.diagnostics
    ]
    assert all(d.span is None for d in from_dict.diagnostics)


@pytest.mark.parametrize("params", [{"w": "x"}, {"w": 1.5}, {"v": 3}])
def test_bad_overrides_are_findings(params: dict[str, object]) -> None:
    text = 'vgspec: "1"\nparams: {w: 3}\ninputs: {x: [8]}\nlayers: [{Dense: {units: $w}}]'
    assert [d.code for d in load_spec(text, params=params).diagnostics] == ["VG034"]
