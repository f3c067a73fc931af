"""Specs of any size, in the shapes that graphs have."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["SHAPES", "residual"]

_HEAD = 'vgspec: "1"\nname: long\ninputs:\n  x: {{shape: [{}]}}\n'


def _head(shape: str) -> str:
    return _HEAD.format(shape) + "layers:\n"


def _stack(item: str, shape: str = "64") -> Callable[[int], str]:
    return lambda count: _head(shape) + f"  - {item}\n" * count


def residual(count: int) -> str:
    """A residual network of about that many layer calls, every layer written out."""
    unit = (
        "  - residual:\n"
        "      body:\n"
        "        - LayerNormalization\n"
        "        - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}\n"
        "        - Dense: {units: 64}\n"
    )
    return _head("64") + unit * max(count // 4, 1) + "  - Dense: {units: 10}\n"


def _convolutions(count: int) -> str:
    unit = "  - Conv2D: {filters: 16, kernel_size: 3, padding: same}\n  - BatchNormalization\n  - ReLU\n"
    return _head("32, 32, 3") + unit * (count // 3)


def _blocks(count: int) -> str:
    block = "      - Conv2D: {filters: $f, kernel_size: 3, padding: same}\n      - BatchNormalization\n      - ReLU\n"
    return (
        _HEAD.format("32, 32, 3")
        + f"blocks:\n  unit:\n    params: {{f: {{type: int}}}}\n    layers:\n{block}"
        + f"layers:\n  - {{repeat: {count // 3}, body: [{{use: unit, with: {{f: 16}}}}]}}\n"
    )


def _branches(count: int) -> str:
    branch = "        - [{Dense: {units: 4, activation: relu}}]\n"
    return _head("64") + "  - parallel:\n      branches:\n" + branch * (count - 1) + "      merge: Concatenate\n"


def _outputs(count: int) -> str:
    names = [f"o{number}" for number in range(count - 1)]
    items = "".join(f"  - {{id: {name}, in: trunk, Dense: {{units: 3, activation: softmax}}}}\n" for name in names)
    trunk = "  - {id: trunk, Dense: {units: 64, activation: relu}}\n"
    return _head("64") + trunk + items + f"outputs: [{', '.join(names)}]\n"


def _dense_connections(count: int) -> str:
    unit = "  - parallel: {branches: [[], [{Dense: {units: 4, activation: relu}}]], merge: Concatenate}\n"
    return _head("16") + unit * (count // 2)


def _long_skips(count: int) -> str:
    items = "  - {id: t, Dense: {units: 64}}\n  - {id: a0, in: t, Dense: {units: 64, activation: relu}}\n"
    for i in range(1, count // 2):
        items += f"  - {{id: d{i}, in: a{i - 1}, Dense: {{units: 64, activation: relu}}}}\n"
        items += f"  - {{id: a{i}, in: [d{i}, t], Add: {{}}}}\n"
    return _head("64") + items


def _shared(count: int) -> str:
    shared = "shared:\n  d: {Dense: {units: 64, activation: relu}}\n"
    calls = "".join(f"  - {{id: c{number}, call: d}}\n" for number in range(count))
    return _HEAD.format("64") + shared + "layers:\n" + calls


SHAPES: dict[str, Callable[[int], str]] = {
    "residual units": residual,
    "convolutions with batch normalization": _convolutions,
    "the same as one repeated block": _blocks,
    "dense layers, relu": _stack("Dense: {units: 64, activation: relu, kernel_initializer: he_normal}"),
    "dense layers, sigmoid": _stack("Dense: {units: 64, activation: sigmoid}"),
    "dense layers without activations": _stack("Dense: {units: 64}"),
    "activations only": _stack("Activation: {activation: tanh}"),
    "dropout only": _stack("Dropout: {rate: 0.1}"),
    "recurrent layers": _stack("LSTM: {units: 8, return_sequences: true}", "20, 8"),
    "branches of one merge": _branches,
    "outputs of one trunk": _outputs,
    "dense connections": _dense_connections,
    "skips from the first layer": _long_skips,
    "calls of one shared layer": _shared,
}
"""By name, a function from a number of layer calls to the text of a spec with about as many."""
