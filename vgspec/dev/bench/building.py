"""Three ways to the same Keras model: a spec, hand-written functional code, and Keras's own JSON.

::

    python -m vgspec.dev.bench.building BUILDER ROUNDS

The hand-written code is that of ``keras.applications``. The spec is the zoo's where it has one, otherwise the one that
importing the model gives; it is compiled from its text.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from vgspec.dev.bench.clock import ROOT, Timing, child, in_turn

__all__ = ["MODELS", "Building", "measure", "measure_apart"]

MODELS = {"ResNet50": "specs/resnet50.yaml", "DenseNet121": "specs/densenet121.yaml", "EfficientNetB0": ""}
"""Builders of ``keras.applications``, each with its spec in the zoo."""

WAYS = ("compile_spec", "functional code", "model_from_json")


@dataclass(frozen=True, slots=True)
class Building:
    """What building one model took, by the way it was built, in `WAYS`'s order."""

    name: str
    ways: tuple[Timing, ...]

    def ratio(self, other: int) -> float:
        """The median over rounds of the spec's processor time over another way's of the same round."""
        return median(a / b for a, b in zip(self.ways[0].cpu, self.ways[other].cpu, strict=True))


def measure(name: str, rounds: int, path: str | None = None) -> Building:
    """Build a model in three ways in turn, in this process."""
    from vgspec.api import compile_spec, from_keras
    from vgspec.backends.runtime import load_keras

    keras: Any = load_keras()
    builder = getattr(keras.applications, name)
    given = builder(weights=None)
    text = from_keras(given).to_yaml() if not path else (ROOT / path).read_text(encoding="utf-8")
    config = given.to_json()
    del given
    calls: dict[str, Callable[[], Any]] = {
        WAYS[0]: lambda: compile_spec(text),
        WAYS[1]: lambda: builder(weights=None),
        WAYS[2]: lambda: keras.models.model_from_json(config),
    }

    def clear() -> None:
        keras.backend.clear_session()
        gc.collect()

    return Building(name, tuple(in_turn(calls, rounds, clear)))


def measure_apart(name: str, rounds: int) -> Building:
    """The same in a process of its own."""
    rows = child("building", name, str(rounds), MODELS[name])
    return Building(name, tuple(Timing(row["name"], tuple(row["wall"]), tuple(row["cpu"])) for row in rows))


def main(arguments: Sequence[str]) -> int:
    """Measure one model and print the result as JSON."""
    found = measure(arguments[0], int(arguments[1]), arguments[2] if len(arguments) > 2 else "")
    print(json.dumps([{"name": way.name, "wall": way.wall, "cpu": way.cpu} for way in found.ways]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
