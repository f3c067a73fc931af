"""Rules see the layer inside a wrapper, and fixes change it where it stands."""

from __future__ import annotations

import vgspec
from vgspec.lint.fixes import fix_spec
from vgspec.lint.rule import model_text as model

SEQUENCE = "x: {shape: [20, 40]}"
CLIPPED = "optimizer: {Adam: {clipnorm: 1.0}}\n"


def found(text: str) -> list[tuple[str, str]]:
    return [(item.name, item.pointer) for item in vgspec.lint_spec(text).diagnostics]


def test_the_output_of_a_time_distributed_layer_meets_its_loss() -> None:
    text = model(
        "- {LSTM: {units: 8, return_sequences: true}}\n"
        "- TimeDistributed: {layer: {Dense: {units: 10, activation: softmax}}}",
        inputs=SEQUENCE,
        compile=CLIPPED + "loss: {SparseCategoricalCrossentropy: {from_logits: true}}",
    )
    assert found(text) == [("loss-activation-mismatch", "/layers/1/TimeDistributed/layer/Dense/activation")]
    fixed = fix_spec(vgspec.load_spec(text), unsafe=True)
    assert "TimeDistributed: {layer: {Dense: {units: 10, activation: linear}}}" in fixed.text
    assert fixed.result.ok


def test_a_dead_kernel_inside_a_wrapper_is_mended_where_it_stands() -> None:
    def text(more: str = "") -> str:
        return model(
            "- TimeDistributed:\n"
            "    layer: {Dense: {units: 8, activation: relu, kernel_initializer: zeros}}\n"
            f"{more}- TimeDistributed: {{layer: {{Dense: {{units: 10}}}}}}",
            inputs=SEQUENCE,
        )

    place = "/layers/0/TimeDistributed/layer/Dense/kernel_initializer"
    assert found(text()) == [("zero-or-constant-kernel", place)]
    assert "kernel_initializer: he_normal" in fix_spec(vgspec.load_spec(text())).text
    assert found(text("    trainable: false\n")) == []


def test_an_argument_of_a_bidirectional_layer_is_one_of_the_layer_it_wraps() -> None:
    text = model(
        "- Bidirectional: {layer: {LSTM: {units: 8, unit_forget_bias: false}}}\n- Dense: {units: 1}",
        inputs="x: {shape: [200, 4]}",
        compile=CLIPPED + "loss: mse",
    )
    places = dict(found(text))
    assert places["forget-gate-bias-off"] == "/layers/0/Bidirectional/layer/LSTM/unit_forget_bias"
