"""Carry every network of ``keras.applications`` through a spec and back, and write the table.

::

    python -m vgspec.dev.gate                     # all 40 builders → docs/reference/gate.md
    python -m vgspec.dev.gate ResNet50 VGG16      # these, shown only; with --write their rows are renewed
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import vgspec
from vgspec.backends.gate import GateRow, application_builders, build_application, check_model
from vgspec.backends.runtime import load_keras

__all__ = ["main", "page", "rebuilt"]

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "reference" / "gate.md"


def rebuilt(model: Any) -> tuple[Any, int]:
    """The model built again, as a user would: ``from_keras``, YAML text, ``compile_spec``; and the lines of the text.

    Raises:
        SpecError: if the model cannot be imported, or its text does not load without errors.
    """
    text = vgspec.from_keras(model).to_yaml()
    return vgspec.compile_spec(text), len(text.splitlines())


def line(row: GateRow) -> str:
    """A row of the table."""
    start = f"| {row.name} | {row.size} | {row.layers} | {row.parameters:,} |"
    if row.error:
        return f"{start} {row.error} | | |"
    order = "yes" if row.same_shapes else ("no" if row.matched else "**differs**")
    difference = "0" if row.difference == 0 else f"{row.difference:.3g}"
    return f"{start} {order} | {difference} | {row.lines} |"


def page(lines: Mapping[str, str]) -> str:
    """The page, from the table's lines by network."""
    passed = sum(
        text.split("|")[5].strip() in ("yes", "no") and text.split("|")[6].strip() == "0" for text in lines.values()
    )
    versions = f"Keras {load_keras().__version__}, TensorFlow {metadata.version('tensorflow')}"
    head = [
        "# Models of keras.applications, into a spec and back",
        "",
        "Written by `python -m vgspec.dev.gate`. Each network is built with random weights and a small input,",
        "imported live with `vgspec.from_keras`, written as YAML, read again and built with `compile_spec`; then the",
        "weights, all of them disturbed a little, are carried over and both models run on the same random image.",
        "",
        f"{versions}. {passed} of {len(lines)} networks come back with all weights and equal outputs.",
        "",
        "*Order*: whether the weights have the same shapes in the same order, so that `set_weights(get_weights())`",
        "works; where not, they are carried over layer by layer. *Difference*: the largest absolute difference of",
        "the outputs. *Lines*: of the spec, with repeated structure as blocks and repeats.",
        "",
        "| network | input | layers | parameters | order | difference | lines of YAML |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    sizes = [
        "",
        "## Beside specs written by hand",
        "",
        "Lines of the decompiled spec and of the one in `specs/`, comments and empty lines aside.",
        "",
        "| network | decompiled | by hand | ratio |",
        "|---|---:|---:|---:|",
        *by_hand(lines),
    ]
    return "\n".join([*head, *(lines[name] for name in sorted(lines)), *sizes]) + "\n"


HAND: Mapping[str, str] = {
    "DenseNet121": "densenet121.yaml",
    "InceptionV3": "inception_v3.yaml",
    "MobileNetV2": "mobilenet_v2.yaml",
    "ResNet50": "resnet50.yaml",
    "VGG16": "vgg16.yaml",
}
"""Specs of the zoo that are one of these networks."""


def by_hand(lines: Mapping[str, str]) -> Iterator[str]:
    """The rows of the second table."""
    for name, file in sorted(HAND.items()):
        path = ROOT / "specs" / file
        if name in lines and path.is_file():
            text = path.read_text(encoding="utf-8").splitlines()
            own = sum(1 for line in text if line.strip() and not line.strip().startswith("#"))
            count = int(lines[name].split("|")[7])
            yield f"| {name} | {count} | {own} | {count / own:.2f} |"


def known_lines() -> dict[str, str]:
    """The lines of the page as it is, by network."""
    if not TARGET.is_file():
        return {}
    text, _, _ = TARGET.read_text(encoding="utf-8").partition("## Beside")
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    return {name: row for row in rows if (name := row.split("|")[1].strip()) != "network"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gate; exit status 1 if a network does not come back equal."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.gate", description="Run the import gate.")
    parser.add_argument("names", nargs="*", metavar="BUILDER", help="builders of keras.applications; default: all")
    parser.add_argument("--write", action="store_true", help="write the rows of these builders into the page")
    args = parser.parse_args(argv)
    keras = load_keras()
    rows = []
    kept = known_lines() if args.names else {}
    for name in args.names or application_builders():
        keras.utils.set_random_seed(0)
        row = check_model(name, build_application(name), rebuilt)
        rows.append(row)
        kept[row.name] = line(row)
        state = row.error or f"order {row.same_shapes}, difference {row.difference:g}, {row.lines} lines"
        print(f"{name}: {state}", file=sys.stderr, flush=True)
        if args.write or not args.names:  # after each: a run takes long
            TARGET.parent.mkdir(parents=True, exist_ok=True)
            TARGET.write_text(page(kept), encoding="utf-8")
        keras.backend.clear_session()
        gc.collect()
    if args.names and not args.write:
        print("\n".join(line(row) for row in rows))
    return 0 if all(not row.error and row.matched and row.difference == 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
