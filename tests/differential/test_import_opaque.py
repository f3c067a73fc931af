"""Live models with layers that vgspec does not know: their outside comes along, and nothing is made up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import vgspec
from tests.differential.layer_harness import keras
from vgspec.analysis.cost import graph_cost, node_costs
from vgspec.backends.errors import BuildError
from vgspec.cli import main
from vgspec.ir import Tensor
from vgspec.layers import REGISTRY, Call, Layer, Weight
from vgspec.layers.fields import ActivationArg, InitializerArg, PositiveInt

pytestmark = pytest.mark.tensorflow
L = keras.layers


@keras.saving.register_keras_serializable(package="mine")
class Encoder(L.Layer):
    """A composite layer, as those of keras_hub are."""

    def __init__(self, dim: int, heads: int = 2, kernel_initializer: Any = "glorot_uniform", **more: Any) -> None:
        super().__init__(**more)
        self.dim, self.heads = dim, heads
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.attention = L.MultiHeadAttention(heads, dim // heads)
        self.norm = L.BatchNormalization()
        self.feed = L.Dense(dim, kernel_initializer=self.kernel_initializer)

    def call(self, sequence: Any, padding_mask: Any = None, training: bool = False) -> Any:
        return self.feed(self.norm(sequence + self.attention(sequence, sequence), training=training))

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "dim": self.dim, "heads": self.heads, "kernel_initializer": initializer}


class Backbone(keras.Model):
    """A subclassed model without a config, two outputs in a dict, inputs in a dict."""

    def __init__(self, activation: Any, **more: Any) -> None:
        super().__init__(**more)
        self.activation, self.feed = activation, L.Dense(8)

    def call(self, inputs: Any) -> Any:
        return {"pooled": self.activation(self.feed(inputs["a"])), "same": inputs["b"]}


class Own(keras.Model):
    """A functional model of a class of its own."""


def encoder_model() -> Any:
    """Two equal encoders, a third that is called twice with different lengths."""
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = L.Embedding(20, 8, name="tokens")(ids)
    x = Encoder(8, kernel_initializer="he_normal", name="first")(x)
    x = Encoder(8, kernel_initializer="he_normal", name="second")(x, padding_mask=ids)
    shared = Encoder(8, name="shared", trainable=False)
    x = L.Add(name="both")([L.GlobalAveragePooling1D()(shared(x)), L.GlobalMaxPooling1D()(shared(x[:, :3]))])
    return keras.Model(ids, L.Dense(2, name="scores")(x), name="net")


def backbone_model() -> Any:
    """A subclassed model as a layer."""
    a, b = keras.Input((4,), name="a"), keras.Input((3,), dtype="int32", name="b")
    found = Backbone(lambda x: keras.ops.relu(x), name="backbone")({"a": a, "b": b})
    return keras.Model([a, b], {"y": L.Dense(2, name="y")(found["pooled"]), "z": found["same"]})


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    before = dict(REGISTRY.found)
    yield
    REGISTRY.found.clear()
    REGISTRY.found.update(before)


@pytest.mark.parametrize("make", [encoder_model, backbone_model])
@pytest.mark.parametrize("flat", [False, True])
def test_shapes_and_weights_are_those_of_keras(make: Any, flat: bool) -> None:
    model = make()
    spec = vgspec.from_keras(model, flat=flat)
    again = vgspec.load_spec(spec.to_yaml())
    assert again.require_graph().hash() == spec.require_graph().hash()
    assert vgspec.load_spec(spec.to_json()).require_graph().hash() == spec.require_graph().hash()
    cost = graph_cost(node_costs(again.require_graph()))
    assert cost.trainable + cost.frozen == model.count_params()
    assert cost.trainable == sum(int(w.numpy().size) for w in model.trainable_weights)
    outputs = model.outputs
    found = [spec.require_graph().tensor(item.ref) for item in spec.require_graph().outputs]
    assert [[s if isinstance(s, int) else None for s in t.shape] for t in found] == [list(t.shape) for t in outputs]
    assert [t.dtype for t in found] == [t.dtype for t in outputs]
    assert not any("get_config" in vars(layer) for layer in model.layers)  # the model is as it was


def test_one_finding_a_class_names_the_layers_and_the_way_out() -> None:
    spec = vgspec.from_keras(encoder_model())
    (found,) = spec.diagnostics
    assert (found.code, found.name, found.severity) == ("VG090", "opaque-layer", "info")
    assert found.message == (
        "layers 'first', 'second', 'shared' are not analysed: the class mine>Encoder is not known to vgspec"
    )
    assert found.pointer == "/config/layers/2/inbound_nodes/0"
    assert "register Encoder" in found.help
    (again,) = vgspec.load_spec(spec.to_yaml()).diagnostics
    assert again.code == "VG090"
    assert again.span is not None


def test_what_stands_before_it_is_unknown_and_what_follows_is_not_analysed() -> None:
    spec = vgspec.from_keras(encoder_model(), flat=True)
    profile = vgspec.profile_spec(spec)
    assert not profile.by_id["first"].known
    assert "Encoder is not known" in profile.by_id["first"].reason
    assert profile.by_id["tokens"].gradient_rms is None
    assert profile.by_id["scores"].activation_rms is None
    assert {d.code for d in vgspec.lint_spec(spec).diagnostics} == {"VG090"}


def test_it_cannot_be_built_and_says_how_it_could() -> None:
    spec = vgspec.from_keras(encoder_model())
    with pytest.raises(BuildError) as caught:
        vgspec.compile_spec(spec)
    assert [d.code for d in caught.value.diagnostics] == ["VG091"] * 3
    assert all("register a descriptor of Encoder" in d.help for d in caught.value.diagnostics)


def descriptor() -> type[Layer]:
    """What a package would register for the encoder."""

    class Encoder(Layer):
        """The composite layer."""

        keras_module: ClassVar[str] = __name__
        call_arguments: ClassVar[Any] = (
            vgspec.layers.CallArgument("sequence"),
            vgspec.layers.CallArgument("padding_mask", required=False),
        )

        dim: PositiveInt
        heads: PositiveInt = 2
        kernel_initializer: InitializerArg = vgspec.catalogue.initializers.GlorotUniform()

        def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
            """The input's shape."""
            return (Tensor(call.x.shape, "float32"),)

        def weight_specs(self, call: Call) -> tuple[Weight, ...]:
            """Not all of them, for this test."""
            return ()

    return Encoder


def test_once_registered_the_same_spec_is_the_layer() -> None:
    text = vgspec.from_keras(encoder_model()).to_yaml()
    vgspec.register_layer(descriptor())
    spec = vgspec.load_spec(text)
    assert spec.diagnostics == ()
    found: list[Any] = [layer for layer in spec.require_graph().layers.values() if layer.type_name == "Encoder"]
    assert [layer.canonical() for layer in found] == [{"dim": 8, "kernel_initializer": "he_normal"}] * 2 + [{"dim": 8}]
    model = vgspec.compile_spec(spec)
    assert model.count_params() == encoder_model().count_params()


def test_once_registered_a_weight_that_was_another_layers_too_is_told() -> None:
    vgspec.register_layer(descriptor())
    known = {"inputs": {"sequence": {"batch_shape": [None, 6, 8]}}, "outputs": [{"batch_shape": [None, 6, 8]}]}
    opaque = {"class_name": "Encoder", "arguments": {"dim": 8}, "calls": [known], "tied": ["tokens/embeddings"]}
    (found,) = vgspec.load_spec(
        {"vgspec": "1", "inputs": {"x": {"shape": [6, 8]}}, "layers": [{"Opaque": opaque}]}
    ).diagnostics
    assert found.code == "VG089"
    assert "weights in common with another layer (tokens/embeddings); here each has its own" in found.message


@keras.saving.register_keras_serializable(package="mine")
def halved_relu(x: Any) -> Any:
    """An activation of the user's own, as keras_hub's gelu_approximate is."""
    return keras.ops.relu(x) * 0.5


@keras.saving.register_keras_serializable(package="mine")
class Feed(L.Layer):
    """A layer with an activation, that writes more into its config than its arguments."""

    def __init__(self, activation: Any = "relu", **more: Any) -> None:
        more.pop("seen_shape", None)
        super().__init__(**more)
        self.activation = keras.activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": keras.activations.serialize(self.activation)}


def feed_descriptor() -> type[Layer]:
    """What a package would register for it."""

    class Feed(Layer):
        """The layer."""

        keras_module: ClassVar[str] = __name__
        activation: ActivationArg = None

        def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
            """The input's shape."""
            return (call.x,)

    return Feed


def test_an_argument_that_a_spec_cannot_name_keeps_the_layer_opaque_though_registered() -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, Feed("relu", name="known")(Feed(halved_relu, name="own")(x)))
    before = vgspec.from_keras(model).to_yaml()
    vgspec.register_layer(feed_descriptor())
    for text in (before, vgspec.from_keras(model).to_yaml()):
        spec = vgspec.load_spec(text)
        assert [type(layer).__name__ for layer in spec.require_graph().layers.values()] == ["Opaque", "Feed"]
        (found,) = spec.diagnostics
        assert (found.code, found.help) == ("VG090", "")
        assert "halved_relu" in found.message
        with pytest.raises(BuildError, match="halved_relu") as caught:
            vgspec.compile_spec(spec)
        assert caught.value.diagnostics[0].help == ""


def test_an_argument_that_the_class_takes_out_of_its_kwargs_is_one() -> None:
    feed = feed_descriptor()
    wider = type("Feed", (feed,), {"__module__": __name__, "__annotations__": {"seen_shape": tuple[int | None, ...]}})
    vgspec.register_layer(wider)
    text = 'vgspec: "1"\ninputs: {x: {shape: [4]}}\nlayers: [{Feed: {seen_shape: [null, 4]}}]\n'
    model = vgspec.compile_spec(text)
    assert type(model.layers[-1]) is Feed


def test_an_argument_that_the_class_does_not_take_is_named_before_anything_is_built() -> None:
    feed = feed_descriptor()
    wrong = type("Feed", (feed,), {"__module__": __name__, "__annotations__": {"units": int}})
    vgspec.register_layer(wrong)
    with pytest.raises(BuildError, match="has no argument 'units'"):
        vgspec.compile_spec('vgspec: "1"\ninputs: {x: {shape: [4]}}\nlayers: [{Feed: {units: 4}}]\n')


def test_a_key_that_the_descriptor_lacks_says_where_it_comes_from() -> None:
    x = keras.Input((4,), name="x")
    config = json.loads(keras.Model(x, Feed(name="f")(x)).to_json())
    config["config"]["layers"][1]["config"]["seen_shape"] = [None, 4]
    vgspec.register_layer(feed_descriptor())
    (found,) = vgspec.importers.read_config(config).diagnostics
    assert (found.code, found.pointer) == ("VG083", "/config/layers/1/config/seen_shape")
    assert "give the descriptor of Feed a field of this name" in found.help


def test_a_functional_model_of_a_class_of_its_own_is_read_as_one() -> None:
    x = keras.Input((4,), name="x")
    model = Own(x, L.Dense(2, name="y")(x), name="own")
    model.compile("sgd", "mse")
    spec = vgspec.from_keras(model)
    assert spec.to_dict()["layers"] == [{"id": "y", "Dense": {"units": 2}}]
    assert spec.require_graph().compile is not None


def test_a_model_that_only_runs_is_refused() -> None:
    model = Backbone(keras.ops.relu)
    model({"a": keras.ops.ones((1, 4)), "b": keras.ops.ones((1, 3))})
    with pytest.raises((vgspec.SpecError, BuildError)):
        vgspec.from_keras(model)


def test_a_layer_of_keras_that_holds_a_function_is_opaque_with_the_reason() -> None:
    x = keras.Input((4,), name="x")
    model = keras.Model(x, L.Dense(2, activation=lambda t: t * 2, name="d")(x))
    (found,) = vgspec.from_keras(model).diagnostics
    assert found.code == "VG090"
    assert "is a Python function" in found.message


def test_a_file_tells_the_shapes_that_other_layers_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.keras"
    encoder_model().save(path)
    assert main(["lint", str(path)]) == 0
    out = capsys.readouterr()
    assert "mine>Encoder is not known" in out.out + out.err
    assert main(["import", str(path), "--out", str(tmp_path / "m.yaml")]) == 0
    spec = vgspec.load_spec(tmp_path / "m.yaml")
    assert graph_cost(node_costs(spec.require_graph())).trainable is None  # a config has no weights
    assert main(["diff", str(path), str(tmp_path / "m.yaml"), "--ignore-names"]) in (0, 1)
    assert main(["show", str(path)]) == 0
    assert main(["profile", str(path)]) == 0
    assert main(["build", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "m.py")]) == 1
    assert "VG091" in capsys.readouterr().err


def test_a_file_that_does_not_tell_the_shape_is_one_error(tmp_path: Path) -> None:
    x = keras.Input((4, 8), name="x")
    path = tmp_path / "m.json"
    path.write_text(keras.Model(x, Encoder(8, name="e")(x)).to_json(), encoding="utf-8")
    spec = vgspec.importers.specs.load_model_file(path)
    (found,) = spec.diagnostics
    assert (found.code, found.pointer, found.node) == ("VG081", "/config/layers/1/class_name", "e")
    assert "import the live model with vgspec.from_keras" in found.help


def test_a_sequential_tells_what_the_next_layer_was_built_for(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 8)), Encoder(8, name="e"), L.Flatten(), L.Dense(2)])
    path = tmp_path / "m.keras"
    model.save(path)
    spec = vgspec.importers.specs.load_model_file(path)
    assert [d.code for d in spec.diagnostics] == ["VG090"]
    assert str(spec.require_graph().by_id["e"].outputs[0]) == "float32(batch, 4, 8)"


@pytest.mark.parametrize(
    ("key", "value"),
    [("weights", 3), ("weights", {"a": "b"}), ("calls", 3), ("calls", [3]), ("calls", [{"outputs": [1]}]),
     ("calls", [{"inputs": {}, "outputs": [{"batch_shape": [-1]}]}]), ("non_trainable", 3), ("tied", 3)],
)  # fmt: skip
def test_a_lie_about_the_outside_is_one_error(key: str, value: Any) -> None:
    config = json.loads(encoder_model().to_json())
    known = {"inputs": {"sequence": {"batch_shape": [None, 6, 8]}}, "outputs": [{"batch_shape": [None, 6, 8]}]}
    outside = {"weights": {}, "non_trainable": [], "trainable": True, "calls": [known], "tied": []}
    config["config"]["layers"][2]["vgspec_outside"] = {**outside, key: value}
    imported = vgspec.importers.read_config(config)
    assert imported.graph is None
    (found,) = imported.diagnostics
    assert found.code == "VG080"
    assert found.node == "first"
