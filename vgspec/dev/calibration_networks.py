"""The networks that the prediction is measured on: the zoo, keras.applications, and specs drawn at random."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vgspec.dev.calibration_data import ROOT

__all__ = ["Job", "drawn", "jobs"]

SMALLER: Mapping[str, Mapping[str, Any]] = {
    "autoencoder": {},
    "densenet121": {"size": 32},
    "gpt": {"vocabulary": 500, "context": 32},
    "gru_seq2seq": {"source_vocabulary": 500, "target_vocabulary": 500},
    "inception_v3": {"size": 75},
    "lstm_classifier": {"vocabulary": 500, "length": 32},
    "mobilenet_v2": {"size": 32},
    "resnet50": {"size": 32},
    "transformer_encoder": {"vocabulary": 500, "length": 32},
    "u_net": {"size": 64},
    "vgg16": {"size": 32},
    "vit": {"size": 64},
}
"""Parameters that make a spec of the zoo quick to measure; those that it does not have are left out."""
STEPS = 16
"""Steps of a sequence where a spec leaves them open."""
SIDES = (32, 64, 75, 96)
BYTES: Mapping[str, float] = {"mean": 127.5, "std": 73.9}
"""Mean and deviation of bytes, for applications that rescale their input."""


@dataclass(frozen=True, slots=True)
class Job:
    """A network to measure.

    Attributes:
        name: the network's.
        group: which it belongs to.
        source: makes what a record keeps, when its turn comes.
        seeds: how many initialisations at most; large networks have fewer.
        double: whether in float64.
    """

    name: str
    group: str
    source: Callable[[], Mapping[str, Any]]
    seeds: int
    double: bool = False


def jobs(group: str) -> list[Job]:
    """The networks of a group, in order."""
    return list(_MAKERS[group]())


def _zoo(group: str, folder: str, seeds: int) -> Iterator[Job]:
    from ruamel.yaml import YAML

    for path in sorted((ROOT / folder).glob("*.yaml")):
        declared = (YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}).get("params") or {}
        params = {key: value for key, value in SMALLER.get(path.stem, {}).items() if key in declared}
        source = {"path": path.relative_to(ROOT).as_posix(), "params": params}
        yield Job(path.stem, group, lambda source=source: source, seeds)  # type: ignore[misc]


def _applications() -> Iterator[Job]:
    from vgspec.backends.gate import application_builders

    for name in application_builders():
        yield Job(name, "applications", lambda name=name: _application(name), 2)  # type: ignore[misc]
    for name in ("EfficientNetB0", "EfficientNetV2B0", "MobileNetV3Large", "MobileNetV3Small"):
        yield Job(f"{name} (bytes)", "applications", lambda name=name: _application(name, True), 2)  # type: ignore[misc]


def _application(name: str, bytes_: bool = False) -> Mapping[str, Any]:
    """The document of a network of ``keras.applications``, at 64 pixels or the least above that it takes."""
    from vgspec.backends.model_config import model_config
    from vgspec.backends.runtime import load_keras
    from vgspec.importers.specs import spec_of_config

    keras = load_keras()
    big = re.search("Large|XLarge|[LM]$|152|201|B[4-7]$|169", name)
    model = None
    for side in SIDES if big else SIDES[1:]:
        try:
            model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
            break
        except ValueError:
            continue
    if model is None:
        model = getattr(keras.applications, name)(weights=None)
    document = spec_of_config(model_config(model), file=f"<{name}>").to_dict()
    del model
    keras.backend.clear_session()
    gc.collect()
    if bytes_:
        inputs = {
            key: {**(item if isinstance(item, Mapping) else {"shape": item}), "statistics": dict(BYTES)}
            for key, item in document["inputs"].items()
        }
        document = {**document, "inputs": inputs}
    return {"document": document}


def drawn(number: int, seed: int, strategy: Any) -> list[Any]:
    """So many different documents of a strategy, the same for the same seed and version of Hypothesis.

    Each comes from random bytes of its own: Hypothesis's usual search tries many slight changes of one example.
    """
    import numpy as np
    from hypothesis import HealthCheck, given, settings

    found: dict[str, Any] = {}

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(document: Any) -> None:
        found.setdefault(json.dumps(document, sort_keys=True), document)

    rng = np.random.default_rng(seed)
    while len(found) < number:
        draw.hypothesis.fuzz_one_input(rng.bytes(4096))
    return list(found.values())


def _random(group: str, documents: Sequence[Any], seeds: int) -> Iterator[Job]:
    for index, document in enumerate(documents):
        single = "Pooling3D" in json.dumps(document)  # no float64 kernel on the CPU
        source = {"document": document}
        yield Job(f"{group} {index}", group, lambda source=source: source, seeds, not single)  # type: ignore[misc]


def _drawn() -> Iterator[Job]:
    from vgspec.testing import specs

    return _random("drawn", drawn(500, 1, specs(scale=16)), 4)


def _narrow() -> Iterator[Job]:
    from vgspec.testing import specs

    return _random("narrow", drawn(200, 1, specs()), 12)


def _deep() -> Iterator[Job]:
    from vgspec.dev.calibration_deep import deep_specs

    return _random("deep", drawn(300, 1, deep_specs()), 3)


_MAKERS: Mapping[str, Callable[[], Iterator[Job]]] = {
    "specs": lambda: _zoo("specs", "specs", 16),
    "techniques": lambda: _zoo("techniques", "specs/techniques", 16),
    "applications": _applications,
    "drawn": _drawn,
    "narrow": _narrow,
    "deep": _deep,
}
