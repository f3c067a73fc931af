"""Model files: only the config is read, and a file that means harm is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from vgspec.importers.files import is_model_file, read_model_file
from vgspec.importers.problem import ImportProblem
from vgspec.importers.specs import load_model_file
from vgspec.limits import Limits

CONFIG: dict[str, Any] = {
    "class_name": "Sequential",
    "config": {
        "name": "net",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}},
            {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}},
        ],
    },
}


def archive(path: Path, **files: str) -> Path:
    """A zip archive; ``__`` in a name stands for a dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name.replace("__", "."), text)
    return path


def code(path: Path, limits: Limits | None = None) -> str:
    """The code with which a file is refused."""
    with pytest.raises(ImportProblem) as raised:
        read_model_file(path, limits=limits or Limits())
    return raised.value.code.code


def test_the_config_of_an_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", config__json=json.dumps(CONFIG), metadata__json="{}", model__weights__h5="")
    assert is_model_file(path)
    assert read_model_file(path) == CONFIG
    spec = load_model_file(path)
    assert [node.id for node in spec.require_graph().nodes] == ["d"]


def test_a_config_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(CONFIG))
    assert is_model_file(path)
    assert read_model_file(path) == CONFIG
    path.write_text('{"vgspec": "1", "inputs": {}}')
    assert not is_model_file(path)


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"\x80\x04\x95 a pickle is never loaded")
    assert code(path) == "VG080"
    full = archive(tmp_path / "full.keras", config__json=json.dumps(CONFIG)).read_bytes()
    path.write_bytes(full[: len(full) // 2])
    assert code(path) == "VG080"
    assert code(tmp_path / "missing.keras") == "VG001"


def test_an_archive_without_a_config(tmp_path: Path) -> None:
    assert code(archive(tmp_path / "m.keras", weights__h5="")) == "VG088"


def test_text_that_is_cut_short(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", config__json=json.dumps(CONFIG)[:60])
    assert code(path) == "VG002"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.keras", config__json=" " * 3_000_000)
    assert code(bomb) == "VG087"
    large = archive(tmp_path / "large.keras", config__json=json.dumps(CONFIG))
    assert code(large, Limits(max_config_bytes=50)) == "VG087"
    assert code(large, Limits(max_archive_entries=0)) == "VG087"


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "a/../../b", "C:\\x", "..\\x"])
def test_names_that_lead_out_of_the_archive(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as made:
        made.writestr("config.json", json.dumps(CONFIG))
        made.writestr(zipfile.ZipInfo(name), "x")
    assert code(tmp_path / "m.keras") == "VG087"


def test_a_config_that_is_there_twice(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as made:
        made.writestr("config.json", json.dumps(CONFIG))
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("config.json", "{}")
    assert code(tmp_path / "m.keras") == "VG087"


def test_a_config_nested_too_deep(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text("[" * 100_000)
    assert code(path) in ("VG005", "VG002")


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def test_the_metadata_of_a_saved_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert is_model_file(tmp_path)
    assert code(tmp_path) == "VG088"
    node = (
        b"\x10\x00" + _field(3, b"root") + _field(4, b"_tf_keras_sequential") + _field(5, json.dumps(CONFIG).encode())
    )
    other = _field(3, b"root.layer-0") + _field(5, b"{}")
    (tmp_path / "keras_metadata.pb").write_bytes(_field(1, other) + _field(1, node))
    assert read_model_file(tmp_path) == CONFIG
    (tmp_path / "keras_metadata.pb").write_bytes(_field(1, node)[:-3])
    assert code(tmp_path) == "VG080"


def test_lint_show_and_import_take_model_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vgspec.cli.app import main

    path = archive(tmp_path / "m.keras", config__json=json.dumps(CONFIG))
    assert main(["lint", str(path), "--exit-zero"]) == 0
    assert main(["show", str(path)]) == 0
    assert "Dense" in capsys.readouterr().out
    assert main(["import", str(path), "--out", str(tmp_path / "m.yaml")]) == 0
    assert "Dense: {units: 2}" in (tmp_path / "m.yaml").read_text()
    assert main(["lint", str(tmp_path / "m.yaml"), "--exit-zero"]) == 0
    assert main(["import", str(path), "--out", str(tmp_path / "m.yaml")]) == 1  # exists
    assert main(["import", str(path), "--out", "m.txt"]) == 2
    assert main(["import", str(tmp_path / "none.keras")]) == 1


class TestHdf5:
    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "m.h5"
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(CONFIG)
        return path

    def test_the_config(self, model: Path) -> None:
        assert read_model_file(model) == CONFIG

    def test_a_long_attribute(self, model: Path) -> None:
        assert code(model, Limits(max_config_bytes=100)) == "VG080"

    def test_not_hdf5_or_cut_short(self, model: Path) -> None:
        model.write_bytes(model.read_bytes()[:300])
        assert code(model) == "VG080"
        model.write_bytes(b"nothing")
        assert code(model) == "VG080"

    def test_a_crash_of_the_library_is_a_finding(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from vgspec.importers import hdf5

        crash = model.with_name("crash.py")
        crash.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
        monkeypatch.setattr(hdf5, "__file__", str(crash))
        with pytest.raises(ImportProblem, match="cannot cope with it"):
            read_model_file(model)

    def test_modules_in_the_current_folder_are_not_imported(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (model.parent / "h5py.py").write_text("raise SystemExit('run')")
        monkeypatch.chdir(model.parent)
        assert read_model_file(model) == CONFIG


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    import os

    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "m.keras")
        assert code(tmp_path / "m.keras") == "VG001"
