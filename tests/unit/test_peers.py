"""The page of peers: every rule of ours that it names exists, and every row says something."""

from __future__ import annotations

import pytest

from vgspec.dev.peers import LOAD, PEERS, Peer, page, repeated
from vgspec.lint.rules import RULES

NAMES = {rule.name for rule in RULES} | {LOAD}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_rows_name_rules_that_exist_or_give_a_reason(peer: Peer) -> None:
    assert repeated(peer.rows) == []
    for row in peer.rows:
        assert set(row.ours) <= NAMES, row
        assert row.ours or row.note, row


def test_the_page_has_every_row() -> None:
    text = page()
    for peer in PEERS:
        assert f"## {peer.name}" in text
        assert all(f"| {row.rule} |" in text for row in peer.rows)
    counts = [line for line in text.splitlines() if line.startswith("| NeuraLint")]
    rows = PEERS[0].rows
    out = sum(not row.ours for row in rows)
    assert counts == [f"| NeuraLint (2021) | {len(rows)} | {len(rows) - out} | {out} |"]
