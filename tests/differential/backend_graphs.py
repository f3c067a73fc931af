"""Graphs built by hand for the tests of the backend, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vgspec.ir import BATCH, Argument, Dim, Frame, Graph, Input, Node, Origin, Output, Ref, Returns, Tensor
from vgspec.layers import Layer, find_layer
from vgspec.layers.base import Call

__all__ = ["GRAPHS", "Draft", "graph"]


@dataclass
class Draft:
    """Puts a graph together; shapes come from the descriptors."""

    name: str = "net"
    inputs: list[Input] = field(default_factory=list)
    layers: dict[str, Layer] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    types: dict[Ref, Tensor] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    """The expansion chain of the calls that follow."""

    def input(self, name: str, *shape: Dim, dtype: str = "float32", batch: Dim = BATCH, **options: Any) -> Ref:
        tensor = Tensor((batch, *shape), dtype)
        self.inputs.append(Input(name, tensor, options=tuple(options.items())))
        self.types[Ref(name)] = tensor
        return Ref(name)

    def share(self, key: str, layer: str, /, **arguments: Any) -> str:
        self.layers[key] = self.descriptor(layer, arguments)
        return key

    def call(
        self, node: str, layer: str, /, *inputs: Argument, args: Mapping[str, Argument] | None = None, **fields: Any
    ) -> Any:
        """A call; several positional inputs are one list. Several outputs are returned as a tuple."""
        key = layer
        if layer not in self.layers:
            key = node
            self.layers[key] = self.descriptor(layer, fields)
        operator = self.layers[key]
        given: dict[str, Argument] = dict(args or {})
        if inputs:
            first = operator.call_arguments[0].name
            given = {first: inputs[0] if len(inputs) == 1 else inputs, **given}
        outputs = operator.infer_outputs(Call({name: self.typed(value) for name, value in given.items()}))
        self.nodes.append(Node(node, key, tuple(given.items()), outputs, Origin(chain=self.frames)))
        refs = tuple(Ref(node, i) for i in range(len(outputs)))
        self.types |= dict(zip(refs, outputs, strict=True))
        return refs[0] if len(refs) == 1 else refs

    def graph(self, *outputs: Ref, compile: Any = None, **named: Ref) -> Graph:
        """The graph; it returns a list of ``outputs``, a dict if some are ``named``, and the tensor if it is one."""
        made = [Output(str(ref), ref) for ref in outputs] + [Output(name, ref) for name, ref in named.items()]
        returns = Returns.TENSOR if len(made) == 1 else Returns.DICT if named else Returns.LIST
        return Graph(
            self.name,
            tuple(self.inputs),
            self.layers,
            tuple(self.nodes),
            tuple(made),
            compile=compile,
            returns=returns,
        ).verify()

    def typed(self, value: Argument) -> Any:
        if isinstance(value, Ref):
            return self.types[value]
        if isinstance(value, tuple):
            return tuple(self.typed(item) for item in value)
        if isinstance(value, Mapping):
            return {key: self.typed(item) for key, item in value.items()}
        return value

    @staticmethod
    def descriptor(layer: str, arguments: Mapping[str, Any]) -> Layer:
        cls = find_layer(layer)
        assert cls is not None, layer
        return cls(**arguments)


def chain() -> Graph:
    d = Draft()
    x = d.input("x", 8)
    for i, activation in enumerate(["relu", "sigmoid", "tanh"]):
        x = d.call(f"dense.{i}", "Dense", x, units=5 + i, activation=activation, kernel_initializer="he_normal")
    return d.graph(d.call("out", "Dense", x, units=2, kernel_regularizer={"L2": {"l2": 0.01}}))


def arguments() -> Graph:
    """Initializers, regularizers and constraints with and without arguments, activation layers, dtypes."""
    d = Draft("arguments")
    x = d.input("x", 8)
    x = d.call(
        "a",
        "Dense",
        x,
        units=4,
        activation={"LeakyReLU": {"negative_slope": 0.1}},
        kernel_initializer={"VarianceScaling": {"scale": 2.0, "mode": "fan_out", "seed": 3}},
        bias_initializer="ones",
        kernel_regularizer={"L1L2": {"l1": 0.1, "l2": 0.2}},
        bias_regularizer="l2",
        kernel_constraint={"MaxNorm": {"max_value": 3.0}},
        bias_constraint="non_neg",
    )
    y = d.call("frozen", "Dense", x, units=4, trainable=False, use_bias=False)
    return d.graph(d.call("half", "Dense", y, units=4, dtype="bfloat16"))


def branches() -> Graph:
    """Shared layer, several inputs and outputs, an output that is used again, names unlike each other."""
    d = Draft("branches")
    a, b = d.input("z_first", 6), d.input("a_second", 6)
    shared = d.share("encoder", "Dense", units=4, activation="tanh", kernel_initializer={"GlorotUniform": {"seed": 1}})
    left, right = d.call("left", shared, a), d.call("right", shared, b)
    gap = d.call("gap", "Subtract", left, right)
    joint = d.call("joint", "Concatenate", left, right, gap)
    label = d.call("label.logits", "Dense", joint, units=3)
    return d.graph(zlabel=label, again=label, gap=d.call("score", "Dense", gap, units=1, activation="sigmoid"))


def image() -> Graph:
    d = Draft("image")
    x = d.input("image", 16, 16, 3)
    x = d.call("stem", "Conv2D", x, filters=8, kernel_size=3, strides=2, padding="same", use_bias=False)
    x = d.call("stem.bn", "BatchNormalization", x)
    shortcut = d.call("stem.relu", "ReLU", x, max_value=6.0)
    for i in range(2):
        x = d.call(f"unit.{i}.conv", "SeparableConv2D", shortcut, filters=8, kernel_size=(3, 3), padding="same")
        x = d.call(f"unit.{i}.norm", "LayerNormalization", x)
        x = d.call(f"unit.{i}.drop", "Dropout", x, rate=0.25)
        x = d.call(f"unit.{i}.add", "Add", x, shortcut)
        shortcut = d.call(f"unit.{i}.act", "Activation", x, activation="gelu")
    x = d.call("pool", "GlobalAveragePooling2D", shortcut)
    return d.graph(d.call("head", "Dense", x, units=10, activation="softmax"))


def sequence() -> Graph:
    """Encoder and decoder: masks, state outputs, keyword arguments that hold lists of tensors, wrappers."""
    d = Draft("sequence")
    source, target = d.input("source", None, dtype="int32"), d.input("target", None, dtype="int32")
    tokens = d.share("tokens", "Embedding", input_dim=50, output_dim=8, mask_zero=True)
    x = d.call(
        "encode.0",
        "Bidirectional",
        d.call("source.tokens", tokens, source),
        layer={"LSTM": {"units": 3, "return_sequences": True}},
    )
    states = d.call("encode.1", "LSTM", x, units=6, return_state=True, activation="tanh")
    y = d.call("target.tokens", tokens, target)
    y = d.call("decode", "LSTM", y, args={"initial_state": (states[1], states[2])}, units=6, return_sequences=True)
    gru = d.call("gru", "GRU", y, units=4, return_sequences=True, return_state=True)
    y = d.call("steps", "Dense", gru[0], units=5)
    return d.graph(states[0], tokens=y, last=gru[1])


def attention() -> Graph:
    d = Draft("attention")
    q, v = d.input("q", 6, 8), d.input("v", 5, 8)
    out, scores = d.call(
        "heads",
        "MultiHeadAttention",
        q,
        args={"value": v, "return_attention_scores": True},
        num_heads=2,
        key_dim=4,
    )
    add = d.call("add", "Add", out, q)
    more = d.call(
        "self", "MultiHeadAttention", add, args={"value": add, "use_causal_mask": True}, num_heads=2, key_dim=4
    )
    plain = d.call("plain", "Attention", (more, v))
    return d.graph(out=plain, scores=scores)


def nested_results() -> Graph:
    """A layer whose results Keras returns as a nested structure."""
    d = Draft("nested")
    x = d.input("x", 4, 3)
    results = d.call(
        "rnn",
        "RNN",
        x,
        cell={"StackedRNNCells": {"cells": [{"LSTMCell": {"units": 2}}, {"GRUCell": {"units": 3}}]}},
        return_state=True,
    )
    return d.graph(*results)


def wrappers() -> Graph:
    d = Draft("wrappers")
    x = d.input("x", 5, 6)
    x = d.call("steps", "TimeDistributed", x, layer={"Dense": {"units": 4, "activation": {"ELU": {"alpha": 0.5}}}})
    x = d.call("spectral", "SpectralNormalization", x, layer={"Dense": {"units": 3}})
    return d.graph(
        d.call(
            "both",
            "Bidirectional",
            x,
            layer={"GRU": {"units": 2, "return_sequences": True}},
            backward_layer={"LSTM": {"units": 2, "return_sequences": True, "go_backwards": True}},
            merge_mode="sum",
        )
    )


def blocks() -> Graph:
    """Blocks in blocks in repeats, with differing literals, and one turn that is unlike the others."""
    d = Draft("blocks")
    stem = x = d.input("x", 8)

    def unit(name: str, x: Ref, units: int, frames: tuple[Frame, ...], activation: str = "relu") -> Ref:
        d.frames = (*frames, Frame("block unit", "/blocks/unit", bindings=(("width", units), ("act", activation))))
        y = d.call(f"{name}.expand", "Dense", x, units=2 * units, kernel_initializer="he_normal", use_bias=units != 8)
        y = d.call(f"{name}.act", "Activation", y, activation=activation)
        return d.call(f"{name}.project", "Dense", y, units=units)

    for i, units in enumerate([8, 6, 4]):
        turn = (Frame(f"repeat stage {i}", "/layers/0"),)
        for j in range(2):
            y = unit(f"stage.{i}.unit_{j}", x, units, turn, "tanh" if j else "relu")
            d.frames = turn
            x = d.call(f"stage.{i}.add_{j}", "Add", x, y) if j else y
        if i == 1:
            x = d.call(f"stage.{i}.extra", "Activation", x, activation="elu")
    tail = (Frame("block tail", "/blocks/tail"),)
    y = unit("tail.unit", x, 4, tail)
    d.frames = ()
    joint = d.call("joint", "Concatenate", y, stem, x)
    ends = []
    for name in ("left", "right"):
        d.frames = (Frame("block end", "/blocks/end", bindings=(("name", name),)),)
        a = d.call(f"{name}.a", "Dense", joint, units=3)
        b = d.call(f"{name}.b", "Multiply", a, d.call(f"{name}.gate", "Dense", joint, units=3, activation="sigmoid"))
        ends += [a, b]
    d.frames = ()
    return d.graph(*ends)


def operations() -> Graph:
    """Functions of ``keras.ops``: literal operands in any place, arrays, lists of tensors, several results."""
    d = Draft("operations")
    a, b = d.input("a", 6), d.input("b", 6)
    image = d.input("image", 4, 4, 1)
    x = d.call("add", "Add", a, b)  # Keras names an operation `add` too
    x = d.call("sum", "ops.add", args={"x1": x, "x2": b})
    x = d.call("rest", "ops.subtract", args={"x2": x}, x1=1.0)
    x = d.call("half", "ops.multiply", args={"x1": x}, x2=0.5)
    x = d.call("scaled", "ops.multiply", args={"x1": x}, x2=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    left, right = d.call("parts", "ops.split", x, indices_or_sections=2, axis=-1)
    whole = d.call("whole", "ops.split", x, indices_or_sections=1, axis=1)
    joined = d.call("joined", "ops.concatenate", (right, left, whole), axis=1)
    values, places = d.call("best", "ops.top_k", joined, k=3)
    positive = d.call("positive", "ops.greater", args={"x1": left}, x2=0.0)
    chosen = d.call("chosen", "ops.where", args={"condition": positive, "x1": left, "x2": right})
    gram = d.call("gram", "ops.einsum", (chosen, right), subscripts="bi,bj->bij")
    mean = d.call("mean", "ops.mean", gram, axis=(1, 2), keepdims=True)
    small = d.call("small", "ops.image.resize", image, size=(2, 2))
    dense = d.call("dense", "Dense", d.call("soft", "ops.softmax", values), units=2)
    return d.graph(dense=dense, places=places, mean=mean, small=small)


def fixed_batch() -> Graph:
    d = Draft("fixed")
    x = d.input("x", 6, batch=4)
    return d.graph(d.call("out", "Dense", x, units=2))


GRAPHS: Mapping[str, Callable[[], Graph]] = {
    f.__name__: f
    for f in (
        chain,
        arguments,
        branches,
        image,
        sequence,
        attention,
        nested_results,
        wrappers,
        blocks,
        operations,
        fixed_batch,
    )
}


def graph(name: str) -> Graph:
    return GRAPHS[name]()
