"""Carry models that others have published through a spec and back, and write the table.

The models are not part of vgspec; the command takes paths::

    python -m vgspec.dev.public owner+repository/model.json … --models builders.py --write

A file is a config that Keras wrote (``.json``, ``.h5``, ``.keras``; TensorFlow.js's ``model.json``). What Keras 2 wrote
is built with Keras 2 for the comparison, where ``tf_keras`` is installed, and by way of the spec with Keras 3.
``builders.py`` is a Python file with ``MODELS``, a mapping of names to functions that make a Keras model.
"""

from __future__ import annotations

import argparse
import gc
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vgspec
from vgspec.backends.gate import GateRow, built_directly, check_model
from vgspec.backends.runtime import load_keras
from vgspec.codes import OPAQUE_LAYER
from vgspec.dev.gate import rebuilt
from vgspec.importers.envelope import open_envelope
from vgspec.importers.files import read_model_file
from vgspec.importers.problem import ImportProblem
from vgspec.importers.specs import spec_of_config

__all__ = ["main", "page"]

TARGET = Path(__file__).resolve().parents[2] / "docs" / "reference" / "public-models.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        written: what wrote it: a version of Keras, or ``live``.
        result: what was measured.
        refused: why it cannot be imported, or not be built directly.
        told: what the import says will differ.
    """

    written: str
    result: GateRow
    refused: str = ""
    told: str = ""


def _label(path: Path) -> str:
    """The file with the folder that names its repository."""
    return f"{path.parent.name.replace('+', '/')}: {path.name}" if "+" in path.parent.name else path.name


def check_file(path: Path) -> Row:
    """Build the config of a file directly, and by way of a spec."""
    name = _label(path)
    nothing = GateRow(name, 0, 0, 0, same_shapes=False, matched=False, difference=float("nan"), lines=0)
    try:
        data = read_model_file(path)
        config = open_envelope(data).config
    except ImportProblem as problem:
        return Row("", nothing, problem.message)
    spec = spec_of_config(data, file=str(path))
    if spec.graph is None:
        first = spec.diagnostics[0]
        return Row(_written_by(data), nothing, f"{first.code} at {first.pointer or '/'}: {first.message}")
    text = spec.to_yaml()

    def by_spec(model: Any) -> tuple[Any, int]:
        return vgspec.compile_spec(text), len(text.splitlines())

    model = built_directly(config)
    if isinstance(model, str):
        return Row(_written_by(data), nothing, model)
    told = " ".join(item.message for item in spec.diagnostics if "Keras 2" in item.message)
    return Row(_written_by(data), check_model(name, model, by_spec), told=told)


def _written_by(data: Any) -> str:
    """The version of Keras that a file names."""
    while isinstance(data, Mapping):
        version = data.get("keras_version")
        if isinstance(version, str):
            return f"Keras {version}"
        data = data.get("modelTopology", data.get("model_config"))
    return "Keras 2 or 3"


def check_builder(name: str, build: Callable[[], Any]) -> Row:
    """Carry a live model through a spec."""
    keras = load_keras()
    keras.utils.set_random_seed(0)
    model = build()
    opaque = [item.message for item in vgspec.from_keras(model).diagnostics if item.code == OPAQUE_LAYER.code]
    if opaque:
        nothing = GateRow(name, 0, 0, 0, same_shapes=False, matched=False, difference=float("nan"), lines=0)
        return Row("live", nothing, f"{OPAQUE_LAYER.code}: {opaque[0]}")
    return Row("live", check_model(name, model, rebuilt))


def line(row: Row) -> str:
    """A row of the table."""
    written, result = row.written, row.result
    if row.refused or result.error:
        text = " ".join((row.refused or result.error).split()).replace("|", "/")
        return f"| {result.name} | {written} | | | {text} | | |"
    order = "yes" if result.same_shapes else ("no" if result.matched else "**differs**")
    difference = "0" if result.difference == 0 else f"{result.difference:.1g}"
    difference += f" ({row.told})" if row.told else ""
    return (
        f"| {result.name} | {written} | {result.layers} | {result.parameters:,} | {order} | {difference} "
        f"| {result.lines} |"
    )


def is_equal(row: Row) -> bool:
    """Whether a model came back: all weights, and outputs that differ by rounding at most."""
    result = row.result
    return not row.refused and not result.error and result.matched and result.difference <= 1e-5


def page(rows: Iterable[Row]) -> str:
    """The page."""
    rows = list(rows)
    live = [row for row in rows if row.written == "live"]
    files = [row for row in rows if row.written != "live"]
    refused = [row for row in files if row.refused]
    return "\n".join(
        (
            "# Public models, into a spec and back",
            "",
            "Written by `python -m vgspec.dev.public`, which takes the paths of models that others have published;",
            "they are no part of vgspec. A live model goes through `from_keras`, YAML text and `compile_spec`;",
            "a config file through `vgspec import`, YAML text and `compile_spec`, and beside that it is built by",
            "Keras directly, what Keras 2 wrote by Keras 2 (`tf_keras`). All weights are disturbed and carried over,",
            "then both models run on the same random input.",
            "",
            f"Live models: {sum(map(is_equal, live))} of {len(live)} come back equal, "
            f"{sum(bool(row.refused) for row in live)} have layers that hold Python code and are imported as opaque. "
            "Config files: "
            f"{sum(map(is_equal, files))} of {len(files)} equal, "
            f"{sum(bool(row.told) for row in files)} different as the import says, "
            f"{len(refused)} refused with the reason.",
            "",
            "*Order*: whether the weights have the same shapes in the same order. *Difference*: the largest absolute",
            "difference of the outputs; between Keras 2 and Keras 3 that of their rounding.",
            "",
            "| model | written by | layers | parameters | order | difference | lines of YAML |",
            "|---|---|---:|---:|---|---:|---:|",
            *(line(row) for row in sorted(rows, key=lambda row: (row.written != "live", row.result.name.lower()))),
            "",
        )
    )


def results(files: Sequence[str], builders: Sequence[str]) -> Iterator[Row]:
    """Every row, as it is measured."""
    keras = load_keras()
    for file in files:
        yield check_file(Path(file))
        keras.backend.clear_session()
        gc.collect()
    for path in builders:
        for name, build in runpy.run_path(path)["MODELS"].items():
            yield check_builder(name, build)
            keras.backend.clear_session()
            gc.collect()


def main(argv: Sequence[str] | None = None) -> int:
    """Compare every model; exit status 1 if one comes back different."""
    parser = argparse.ArgumentParser(
        prog="python -m vgspec.dev.public", description="Carry public models through specs."
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="configs that Keras wrote")
    parser.add_argument("--models", nargs="+", default=[], metavar="FILE.py", help="Python files with MODELS")
    parser.add_argument("--write", action="store_true", help="write the page")
    args = parser.parse_args(argv)
    rows = []
    for row in results(args.files, args.models):
        rows.append(row)
        print(line(row), file=sys.stderr, flush=True)
    if args.write:
        TARGET.write_text(page(rows), encoding="utf-8")
    return 0 if all(row.refused or row.told or is_equal(row) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
