"""Coverage-guided fuzzing of one target with atheris, which is not among the dependencies: ``pip install atheris``.

``python -m tests.fuzz.coverage_guided TARGET FOLDER -max_total_time=600`` grows a corpus in ``FOLDER/corpus``; the
options are libFuzzer's. What is found goes to ``FOLDER/findings``, each place once, and the fuzzer goes on;
``FOLDER/tally.json`` counts. ``python -m tests.fuzz campaign`` runs every target this way.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.harness import Slow
from tests.fuzz.mutate import mutate_data, mutate_text

__all__ = ["Watch", "main", "mutator"]

_BOUND = 20.0
"""Seconds of processor time, under instrumentation, after which an input counts as a hang."""


class Watch:
    """Runs a check on inputs, and keeps count and what went wrong.

    Attributes:
        findings: by place, the first input that failed there with its traceback.
    """

    def __init__(self, check: Callable[[bytes], bool], folder: Path, bound: float = _BOUND) -> None:
        """Write to ``folder``; ``bound`` is the processor time an input may take."""
        self.check, self.folder, self.bound = check, folder, bound
        self.runs = self.valid = 0
        self.slowest, self.begun, self.written = 0.0, time.monotonic(), 0.0
        self.began_at = time.process_time()
        self.slow_input = b""
        self.findings: dict[str, str] = {}
        (folder / "findings").mkdir(parents=True, exist_ok=True)
        signal.signal(signal.SIGVTALRM, _too_slow)

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        self.runs += 1
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, self.bound)
        try:
            self.valid += self.check(data)
        except (Exception, RecursionError) as error:
            self._note(error, data)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        spent = time.process_time() - begun
        if spent > self.slowest:
            self.slowest, self.slow_input = spent, data
        if time.monotonic() - self.written > 5:
            self.write()

    def _note(self, error: BaseException, data: bytes) -> None:
        frames = [
            f for f in traceback.extract_tb(error.__traceback__) if "/vgspec/" in f.filename or "fuzz" in f.filename
        ]
        last = frames[-1]
        place = f"{type(error).__name__}-{Path(last.filename).name}-{last.lineno}"
        if place in self.findings:
            return
        text = "".join(traceback.format_exception(error))
        self.findings[place] = text
        (self.folder / "findings" / f"{place}.bin").write_bytes(data)
        (self.folder / "findings" / f"{place}.txt").write_text(text, encoding="utf-8", errors="replace")
        self.write()

    def write(self) -> None:
        """Write the count."""
        self.written = time.monotonic()
        tally = {
            "runs": self.runs,
            "valid": self.valid,
            "seconds": round(self.written - self.begun, 1),
            "processor": round(time.process_time() - self.began_at, 1),
            "slowest": round(self.slowest, 2),
            "findings": sorted(self.findings),
        }
        (self.folder / "tally.json").write_text(json.dumps(tally, indent=1) + "\n")
        (self.folder / "slowest.bin").write_bytes(self.slow_input)


def _too_slow(*_: object) -> None:
    raise Slow("over the bound")


def mutator(seeds: list[bytes], kind: str, plain: Callable[[bytes, int], bytes]) -> Callable[[bytes, int, int], bytes]:
    """A mutation that knows what specs and configs look like, beside libFuzzer's own.

    Args:
        seeds: texts to take parts from.
        kind: ``text``, ``data`` or ``both``.
        plain: libFuzzer's mutation.
    """
    texts = [seed.decode("utf-8", "replace") for seed in seeds]
    data = [found for text in texts if isinstance(found := _data(text), dict)]

    def mutate(given: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        pick = chance.random()
        if pick < 0.2:
            return plain(given, most)
        if kind == "data" or (kind == "both" and pick < 0.6):
            found = _data(given.decode("utf-8", "replace")) if chance.random() < 0.8 else None
            found = found if isinstance(found, dict) else chance.choice(data or [{}])
            made = json.dumps(mutate_data(found, chance, data or [{}]), default=str).encode()
        else:
            text = given.decode("utf-8", "replace") or chance.choice(texts)
            made = mutate_text(text, chance, texts).encode("utf-8", "replace")
        return made[:most]

    return mutate


def _data(text: str) -> Any:
    from vgspec.source import parse_text

    try:
        if text.startswith("{"):
            return json.loads(text)
        root = parse_text(text)[0].root
        return root.to_python() if root is not None else None
    except (ValueError, RecursionError):
        return None


def main() -> None:
    """Run atheris on the target that the first argument names, in the folder that the second names."""
    import atheris

    with atheris.instrument_imports(include=["vgspec"]):
        import vgspec

        for module in pkgutil.walk_packages(vgspec.__path__, "vgspec."):
            if not module.name.startswith(("vgspec.backends", "vgspec.dev", "vgspec.testing", "vgspec.__main__")):
                importlib.import_module(module.name)
    from tests.fuzz.targets import TARGETS

    target, folder = TARGETS[sys.argv.pop(1)], Path(sys.argv.pop(1))
    corpus, started = folder / "corpus", folder / "seeds"
    for place in (corpus, started):
        place.mkdir(parents=True, exist_ok=True)
    seeds = list(target.seeds())
    for number, seed in enumerate(seeds):
        (started / f"{number:03}").write_bytes(seed)
    options = [*sys.argv, str(corpus), str(started), "-max_len=20000", "-timeout=120", "-rss_limit_mb=4096"]
    atheris.Setup(
        options,
        Watch(target.check, folder),
        custom_mutator=mutator(seeds, target.kind, lambda data, most: atheris.Mutate(data, most)),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
