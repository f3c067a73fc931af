"""The same spec and seed give the same bytes of a built model, wherever and whenever it is built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from vgspec.backends.archive import make_reproducible

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
SPEC = """vgspec: "1"
name: m
inputs: {x: {shape: [6, 4]}, w: {shape: [], dtype: string}}
layers:
  - {id: a, in: x, LSTM: {units: 4}}
  - {id: b, in: x, Bidirectional: {layer: {GRU: {units: 3}}}}
  - {id: s, in: w, StringLookup: {vocabulary: [one, two], output_mode: one_hot}}
  - {id: c, in: [a, b, s], Concatenate: {}}
  - {id: d, Dropout: {rate: 0.2}}
  - {id: e, Dense: {units: 2, kernel_initializer: he_normal}}
compile: {optimizer: adam, loss: mse}
"""
WORLDS = (
    {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
    {"PYTHONHASHSEED": "77", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONMALLOC": "malloc"},
)


def build(folder: Path, *argv: str, **world: str) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "SOURCE_DATE"))}
    env |= {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **world}
    call = [sys.executable, "-m", "vgspec", "build", "m.yaml", *argv]
    done = subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "m.yaml").write_text(SPEC)
    for number, world in enumerate(WORLDS):
        build(folder, "--out", f"{number}.keras", **world)
    build(folder, "--out", "seeded.keras", "--seed", "1", SOURCE_DATE_EPOCH="1700000000")
    build(folder, "--out", "saved")
    build(folder, "--out", "seeded", "--seed", "1")
    return folder


def test_bytes_of_a_keras_file(built: Path) -> None:
    assert (built / "0.keras").read_bytes() == (built / "1.keras").read_bytes()


def test_weights_follow_the_seed(built: Path) -> None:
    plain, seeded = (keras.models.load_model(built / name).get_weights() for name in ("0.keras", "seeded.keras"))
    assert any(np.any(a != b) for a, b in zip(plain, seeded, strict=True))


def test_weights_of_a_saved_model_follow_the_seed(built: Path) -> None:
    import tensorflow as tf

    for name, file in (("saved", "0.keras"), ("seeded", "seeded.keras")):
        loaded = tf.saved_model.load(str(built / name))
        model = keras.models.load_model(built / file)
        kernel = model.get_layer("e").kernel.numpy()
        assert any(v.shape == kernel.shape and np.array_equal(v.numpy(), kernel) for v in loaded.variables)


def test_date_of_the_environment(built: Path) -> None:
    with zipfile.ZipFile(built / "seeded.keras") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert json.loads(archive.read("metadata.json"))["date_saved"] == "2023-11-14@22:13:20"


def test_shared_parts_stay_shared(tmp_path: Path) -> None:
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    layers = [keras.layers.Dense(2, dtype=policy, name=name) for name in "ab"]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.save(tmp_path / "m.keras")
    before = zipfile.ZipFile(tmp_path / "m.keras").read("config.json").decode()
    make_reproducible(tmp_path / "m.keras")
    after = zipfile.ZipFile(tmp_path / "m.keras").read("config.json").decode()
    ids = [_ids(json.loads(text)) for text in (before, after)]
    first = {name: ids[0].index(name) for name in ids[0]}
    assert [first[name] for name in ids[0]] == [ids[1].index(name) for name in ids[1]]
    assert sorted(set(ids[1])) == list(range(1, len(set(ids[1])) + 1))
    loaded = keras.models.load_model(tmp_path / "m.keras")
    x = np.ones((3, 2), "float32")
    assert np.array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))


def _ids(value: object) -> list[int]:
    if isinstance(value, dict):
        own = [value["shared_object_id"]] if "shared_object_id" in value else []
        return [*own, *(found for item in value.values() for found in _ids(item))]
    return [found for item in value for found in _ids(item)] if isinstance(value, list) else []


def test_what_is_no_archive_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"no archive")
    with pytest.raises(zipfile.BadZipFile):
        make_reproducible(tmp_path / "m.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]
