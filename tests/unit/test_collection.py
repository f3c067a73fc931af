"""The garbage collector around long passes."""

from __future__ import annotations

import gc

from vgspec.collection import uncollected


def test_nothing_is_collected_meanwhile_and_what_was_made_counts_as_old() -> None:
    gc.collect()
    with uncollected():
        assert not gc.isenabled()
        made = [[index] for index in range(5_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    young = {id(item) for generation in (0, 1) for item in gc.get_objects(generation=generation)}
    assert young.isdisjoint(map(id, made))


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


def test_objects_that_somebody_froze_stay_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with uncollected():
            pass
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
