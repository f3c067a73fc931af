"""Every fuzz target: its seeds hold, a bounded slice of mutations holds, and it can fail."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.coverage_guided import Watch, mutator
from tests.fuzz.kept import keep, kept, unpack
from tests.fuzz.mutate import FOUND
from tests.fuzz.targets import TARGETS, Target

SLICE = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = {name: list(target.seeds()) for name, target in TARGETS.items()}
MUTATE = {
    name: mutator(SEEDS[name], target.kind, lambda data, most: data[: len(data) // 2][:most])
    for name, target in TARGETS.items()
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: str(target.name))
def test_seeds(target: Target) -> None:
    chosen = SEEDS[target.name] if target.name in ("import", "expressions") else SEEDS[target.name][::6]
    assert sum(target.check(seed) for seed in chosen) >= 0.7 * len(chosen)


@pytest.mark.parametrize("name", TARGETS)
@SLICE
@given(st.integers(0, 2**32), st.integers(0, 10_000))
def test_mutations(name: str, seed: int, at: int) -> None:
    TARGETS[name].check(MUTATE[name](SEEDS[name][at % len(SEEDS[name])], 20_000, seed))


@pytest.mark.parametrize("name", TARGETS)
def test_some_of_the_kept_corpus(name: str) -> None:
    inputs = kept(name)
    assert len(inputs) > 100
    for data in inputs[:: len(inputs) // 25]:
        TARGETS[name].check(data)


def test_a_corpus_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.kept.FOLDER", tmp_path / "kept")
    (tmp_path / "grown").mkdir()
    for number, data in enumerate((b"b", b"a", b"a", b"x" * 20_000)):
        (tmp_path / "grown" / str(number)).write_bytes(data)
    assert keep("yaml", tmp_path / "grown") == 2
    assert kept("yaml") == [b"a", b"b"]
    packed = (tmp_path / "kept" / "yaml.tar.xz").read_bytes()
    unpack("yaml", tmp_path / "again")
    assert keep("yaml", tmp_path / "again") == 2
    assert (tmp_path / "kept" / "yaml.tar.xz").read_bytes() == packed


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_found_once(path: Path) -> None:
    TARGETS[path.parent.name].check(path.read_bytes())


@SLICE
@given(st.binary(max_size=300))
def test_any_bytes_as_a_model_file(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"\x0a"):
        TARGETS["import"].check(start + data)


def test_a_failure_is_kept_once(tmp_path: Path) -> None:
    def check(data: bytes) -> bool:
        while data == b"slow":
            pass
        return 1 // (len(data) - 3) == 0

    watch = Watch(check, tmp_path, bound=0.2)
    for data in (b"abcd", b"abc", b"xyz", b"slow"):
        watch(data)
    watch.write()
    assert [name.split("-")[0] for name in sorted(watch.findings)] == ["Slow", "ZeroDivisionError"]
    assert len(list((tmp_path / "findings").glob("*.bin"))) == 2
    assert watch.runs == 4


def test_mutations_repeat() -> None:
    seed = random.Random(3).getrandbits(32)
    assert MUTATE["lint"](SEEDS["lint"][0], 1000, seed) == MUTATE["lint"](SEEDS["lint"][0], 1000, seed)
