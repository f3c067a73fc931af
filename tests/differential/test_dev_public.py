"""The command that carries public models through specs: what it measures, what it says of the rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.differential.layer_harness import keras
from vgspec.dev import public

pytestmark = pytest.mark.tensorflow
L = keras.layers


def small() -> Any:
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Dense(2, name="y")(L.Dense(3, name="d")(x)), name="net")


def with_code() -> Any:
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Dense(2)(L.Lambda(lambda t: t * 2, name="twice")(x)), name="net")


def test_a_live_model_comes_back_equal() -> None:
    row = public.check_builder("small", small)
    assert public.is_equal(row)
    assert public.line(row).startswith("| small | live | 3 | 23 | yes | 0 |")


def test_a_layer_with_code_is_opaque_and_no_failure_of_the_build() -> None:
    row = public.check_builder("code", with_code)
    assert not public.is_equal(row)
    assert row.refused.startswith("VG090: layer 'twice' is not analysed: Lambda")
    assert "BuildError" not in public.line(row)


def test_a_file_comes_back_equal_under_the_name_of_its_repository(tmp_path: Path) -> None:
    path = tmp_path / "owner+repository" / "model.json"
    path.parent.mkdir()
    path.write_text(small().to_json(), encoding="utf-8")
    row = public.check_file(path)
    assert (row.result.name, row.written) == ("owner/repository: model.json", "Keras 2 or 3")
    assert public.is_equal(row)


def test_a_file_of_a_sequential_model_and_of_one_with_a_dict_of_inputs(tmp_path: Path) -> None:
    z, y = keras.Input((4,), name="z"), keras.Input((4,), name="y")
    models = keras.Sequential([z, L.Dense(2)]), keras.Model({"p": z, "o": y}, L.Subtract()([z, L.Dense(4)(y)]))
    for i, model in enumerate(models):
        path = tmp_path / f"{i}.json"
        path.write_text(model.to_json(), encoding="utf-8")
        assert public.is_equal(public.check_file(path))


def test_what_cannot_be_read_is_refused_with_its_place(tmp_path: Path) -> None:
    config = json.loads(small().to_json())
    config["config"]["layers"][1] |= {"class_name": "ClusteringLayer", "module": None}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    row = public.check_file(path)
    assert row.refused == "VG081 at /config/layers/1/class_name: layer 'd': unknown layer class ClusteringLayer"


def test_the_page_counts_its_rows() -> None:
    good = public.check_builder("small", small)
    other = replace(good, result=replace(good.result, difference=1.0))
    told = replace(other, written="Keras 2.0.6", told="otherwise in Keras 2")
    bad = replace(good, written="Keras 2.0.6", refused="no | config")
    text = public.page([good, other, replace(good, refused="VG090: code"), told, bad])
    assert "Live models: 1 of 3 come back equal, 1 have layers that hold Python code" in text
    assert "Config files: 0 of 2 equal, 1 different as the import says, 1 refused with the reason." in text
    assert "| no / config | | |" in text
    assert "| 1 (otherwise in Keras 2) |" in text


def test_the_command_fails_where_a_model_comes_back_different(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = public.check_builder("small", small)
    rows = [good, replace(good, refused="why")]
    monkeypatch.setattr(public, "results", lambda files, builders: iter(rows))
    monkeypatch.setattr(public, "TARGET", tmp_path / "page.md")
    assert public.main(["--write"]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == public.page(rows)
    rows.append(replace(good, result=replace(good.result, difference=1.0)))
    assert public.main([]) == 1


def test_a_model_that_fails_on_the_way_is_a_row_with_the_error() -> None:
    good = public.check_builder("small", small)
    failed = replace(good, result=replace(good.result, error="ValueError: a | b", matched=False))
    assert public.line(failed) == "| small | live | | | ValueError: a / b | | |"
    assert not public.is_equal(failed)


def test_lost_weights_and_another_order_are_told_apart() -> None:
    good = public.check_builder("small", small)
    moved = replace(good, result=replace(good.result, same_shapes=False))
    assert public.is_equal(moved)
    assert "| 23 | no | 0 |" in public.line(moved)
    lost = replace(moved, result=replace(moved.result, matched=False))
    assert not public.is_equal(lost)
    assert "| 23 | **differs** | 0 |" in public.line(lost)
