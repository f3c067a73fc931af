"""Generated files are what the generator writes now."""

from __future__ import annotations

import pytest

from vgspec.dev import generate
from vgspec.layers import all_layers, find_layer, layer_names


@pytest.mark.parametrize("item", generate.GENERATED, ids=lambda item: item.path)
def test_fresh(item: generate.Generated) -> None:
    assert item.is_fresh(item.make()), f"{item.path} is stale; run python -m vgspec.dev.generate"


def test_index_finds_every_layer() -> None:
    assert [cls.__name__ for cls in all_layers()] == list(layer_names())
    assert find_layer("Conv4D") is None


def test_check_reports_what_is_stale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(generate, "GENERATED", ())
    assert generate.main(["--check"]) == 0
    monkeypatch.setattr(generate, "GENERATED", (generate.Generated("README.md", lambda: "other"),))
    assert generate.stale() == ["README.md"]
    assert generate.main(["--check"]) == 1
    assert "stale: README.md" in capsys.readouterr().err


def test_writes_only_what_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "GENERATED", (generate.Generated("a/b.txt", lambda: "text\n"),))
    assert generate.stale() == ["a/b.txt"]
    assert generate.main([]) == 0
    assert generate.stale() == []
