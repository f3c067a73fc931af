"""Every attack that takes a second or less; ``python -m tests.fuzz attacks`` runs and measures them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.attacks import ATTACKS, Attack
from vgspec.cli import main


@pytest.mark.parametrize("attack", [a for a in ATTACKS if not a.heavy], ids=lambda attack: str(attack.name))
def test_attack(
    attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status = main(attack.write(tmp_path))
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert status in (0, 1), text
    assert attack.finds in text
    assert status == (1 if attack.finds else 0)
    assert len(text) < 20_000
    assert "\x1b" not in text
    assert "\n::error::x" not in text


def test_names_are_unique() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
