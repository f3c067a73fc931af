"""The garbage collector around long passes."""

from __future__ import annotations

import gc

from vgspec import load_spec
from vgspec.collection import uncollected
from vgspec.lint.engine import lint


def test_nothing_is_collected_meanwhile() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_linting_many_files_in_one_process_leaves_no_garbage_behind() -> None:
    spec = 'vgspec: "1"\ninputs: {x: [8]}\nlayers:\n' + "  - Dense: {units: 8, activation: relu}\n" * 40
    lint(load_spec(spec))
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(40):
        lint(load_spec(spec))
    assert len(gc.get_objects()) < before + 50_000


def test_cycles_made_meanwhile_are_found_by_a_full_collection() -> None:
    gc.collect()
    with uncollected():
        ring: list[object] = []
        ring.append(ring)
        del ring
    assert gc.collect() >= 1


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
