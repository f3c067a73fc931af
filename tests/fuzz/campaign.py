"""A campaign: every target for a while with coverage guidance, its count added to a ledger, and a page of it."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.fuzz.coverage_guided import Watch, mutator
from tests.fuzz.kept import keep, unpack
from tests.fuzz.ledger import add_tally
from tests.fuzz.targets import TARGETS

__all__ = ["campaign", "unguided"]

_ROOT = Path(__file__).parents[2]
_STATE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/")


def campaign(folder: Path, seconds: float, targets: Iterable[str] = tuple(TARGETS)) -> dict[str, Any]:
    """Fuzz each target for ``seconds``, one after the other, and add the counts to the ledger.

    With atheris where it is installed, else with mutations that nothing guides. The corpus grows in ``folder``, from what
    earlier campaigns kept, and is kept again.
    """
    guided = importlib.util.find_spec("atheris") is not None
    done: dict[str, Any] = {}
    for name in targets:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        before = {path.name for path in (place / "findings").glob("*.txt")}
        states: list[str] = []
        if guided:
            unpack(name, place / "corpus")
            call = [sys.executable, "-m", "tests.fuzz.coverage_guided", name, str(place)]
            call += [f"-max_total_time={int(seconds)}", "-print_final_stats=1"]
            env = {**os.environ, "PYTHONPATH": str(_ROOT)}
            ended = subprocess.run(
                call, cwd=_ROOT, env=env, capture_output=True, text=True, check=False, errors="replace"
            )
            (place / "log.txt").write_text(ended.stderr, encoding="utf-8")
            states = _STATE.findall(ended.stderr)
            keep(name, place / "corpus")
            if ended.returncode:
                (place / "findings" / f"exit-{ended.returncode}.txt").write_text(ended.stderr[-5000:], encoding="utf-8")
        else:
            unguided(name, place, seconds)
        tally = json.loads((place / "tally.json").read_text())
        tally["edges"] = int(states[-1][0]) if states else 0
        tally["features"] = int(states[-1][1]) if states else 0
        tally["new"] = sorted({path.name for path in (place / "findings").glob("*.txt")} - before)
        done[name] = tally
        add_tally(name, tally, guided)
    return done


def unguided(name: str, folder: Path, seconds: float, seed: int = 0) -> Watch:
    """Mutations of the seeds for ``seconds``, with nothing that guides them."""
    target = TARGETS[name]
    chance, seeds = random.Random(seed), list(target.seeds())
    watch = Watch(target.check, folder)
    mutate = mutator(seeds, target.kind, lambda data, most: data[: chance.randrange(len(data) + 1)][:most])
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        watch(mutate(chance.choice(seeds), 20_000, chance.getrandbits(32)))
    watch.write()
    return watch
