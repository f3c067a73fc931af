"""Layers of other packages: registered by hand, or declared by an installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

import vgspec
from vgspec.importers import read_config
from vgspec.ir import Tensor
from vgspec.layers import REGISTRY, Call, Layer, Weight, registry


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    before = dict(REGISTRY.found)
    registry.entry_points.cache_clear()
    yield
    REGISTRY.found.clear()
    REGISTRY.found.update(before)
    registry.entry_points.cache_clear()


def gated_unit() -> type[Layer]:
    """A descriptor as a package would have it."""

    class GatedUnit(Layer):
        """A gate."""

        keras_module: ClassVar[str] = "my_package.layers"
        units: int
        sharp: bool = False

        def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
            """The last axis becomes ``units``."""
            return (Tensor((*call.x.shape[:-1], self.units), call.x.dtype),)

        def weight_specs(self, call: Call) -> tuple[Weight, ...]:
            """One kernel."""
            return (Weight("kernel", (call.x.shape[-1], self.units)),)

    return GatedUnit


SPEC = 'vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers:\n  - GatedUnit: {units: 4}\n  - ReLU\n'


def test_an_unknown_layer_becomes_known() -> None:
    assert [d.code for d in vgspec.load_spec(SPEC).diagnostics] == ["VG023"]
    vgspec.register_layer(gated_unit())
    spec = vgspec.load_spec(SPEC)
    assert spec.diagnostics == ()
    assert str(spec.require_graph().nodes[-1].outputs[0]) == "float32(batch, 4)"


def test_its_arguments_are_checked() -> None:
    vgspec.register_layer(gated_unit())
    found = vgspec.load_spec(SPEC.replace("units: 4", "units: 4, shrap: true")).diagnostics
    assert [d.code for d in found] == ["VG021"]
    assert "sharp" in found[0].help


def test_a_config_with_it_is_imported() -> None:
    entry = {
        "module": "my_package.layers",
        "class_name": "GatedUnit",
        "registered_name": "my_package>GatedUnit",
        "config": {"name": "g", "units": 3, "sharp": True},
    }
    start = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8], "dtype": "float32", "name": "x"}}
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": [start, entry]}}
    assert [d.code for d in read_config(config).diagnostics] == ["VG081"]
    vgspec.register_layer(gated_unit())
    graph = read_config(config).graph
    assert graph is not None
    assert graph.layers["g"].canonical() == {"units": 3, "sharp": True}


def test_what_cannot_be_registered() -> None:
    class Dense(Layer):
        keras_module: ClassVar[str] = "my_package"

    class Homeless(Layer):
        pass

    class lower(Layer):
        keras_module: ClassVar[str] = "my_package"

    for cls, words in ((Dense, "a layer of Keras"), (Homeless, "keras_module"), (lower, "no name of a layer")):
        with pytest.raises(ValueError, match=words):
            vgspec.register_layer(cls)
    with pytest.raises(TypeError):
        vgspec.register_layer(int)  # type: ignore[type-var]
    vgspec.register_layer(gated_unit())
    with pytest.raises(ValueError, match="already"):
        vgspec.register_layer(gated_unit())


PACKAGE = '''
from typing import ClassVar
from vgspec.layers import Layer


class PackagedUnit(Layer):
    """Leaves its input as it is."""

    keras_module: ClassVar[str] = "packaged_for_a_test.layers"

    def infer_outputs(self, call):
        return (call.x,)
'''


def test_a_package_declares_its_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "packaged_for_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "descriptors.py").write_text(PACKAGE)
    info = tmp_path / "packaged_for_a_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: packaged-for-a-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[vgspec.layers]\nPackagedUnit = packaged_for_a_test.descriptors:PackagedUnit\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plain = vgspec.load_spec('vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers: [ReLU]\n')
    assert plain.ok
    assert "packaged_for_a_test.descriptors" not in sys.modules  # not used, not loaded
    spec = vgspec.load_spec('vgspec: "1"\ninputs: {x: {shape: [8]}}\nlayers: [PackagedUnit, ReLU]\n')
    assert spec.diagnostics == ()
    assert "packaged_for_a_test.descriptors" in sys.modules
    monkeypatch.delitem(sys.modules, "packaged_for_a_test.descriptors")
    monkeypatch.delitem(sys.modules, "packaged_for_a_test")
