"""Carry every network of ``keras.applications`` through a spec and back, and write the table.

::

    python -m vgspec.dev.gate                     # all 40 builders → docs/reference/gate.md
    python -m vgspec.dev.gate ResNet50 VGG16      # these, shown only; with --write their rows are renewed
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vgspec.backends.gate import GateRow, application_builders, build_application, check_model
from vgspec.backends.runtime import load_keras
from vgspec.ir import Graph

__all__ = ["graph_of_config", "main", "table"]

TARGET = Path(__file__).resolve().parents[2] / "docs" / "reference" / "gate.md"


def graph_of_config(config: Any) -> tuple[Graph, int]:
    """The graph of a config by way of YAML text, and the lines of that text.

    Raises:
        SpecError: if the text does not load without errors.
    """
    from vgspec.frontend.load import load
    from vgspec.importers.specs import spec_of_config

    spec = spec_of_config(config, file="<model>")
    spec.require_graph()
    text = spec.to_yaml()
    return load(text).require_graph(), len(text.splitlines())


def line(row: GateRow) -> str:
    """A row of the table."""
    start = f"| {row.name} | {row.size} | {row.layers} | {row.parameters:,} |"
    if row.error:
        return f"{start} {row.error} | | |"
    order = "yes" if row.same_shapes else ("no" if row.matched else "**differs**")
    difference = "0" if row.difference == 0 else f"{row.difference:.3g}"
    return f"{start} {order} | {difference} | {row.lines} |"


def table(lines: Mapping[str, str], version: str) -> str:
    """The page, from the table's lines by network."""
    passed = sum(
        text.split("|")[5].strip() in ("yes", "no") and text.split("|")[6].strip() == "0" for text in lines.values()
    )
    head = [
        "# Models of keras.applications, into a spec and back",
        "",
        "Written by `python -m vgspec.dev.gate`. Each network is built with random weights and a small input,",
        "imported with `vgspec.from_keras`, written as YAML, read again and built with `compile_spec`; then the",
        "weights, all of them disturbed a little, are carried over and both models run on the same random image.",
        "",
        f"Keras {version}. {passed} of {len(lines)} networks come back with all weights and equal outputs.",
        "",
        "*Order*: whether the weights have the same shapes in the same order, so that `set_weights(get_weights())`",
        "works; where not, they are carried over layer by layer. *Difference*: the largest absolute difference of",
        "the outputs. *Lines*: of the spec, with repeated structure as blocks and repeats.",
        "",
        "| network | input | layers | parameters | order | difference | lines of YAML |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    return "\n".join([*head, *(lines[name] for name in sorted(lines))]) + "\n"


def known_lines() -> dict[str, str]:
    """The lines of the page as it is, by network."""
    if not TARGET.is_file():
        return {}
    rows = [text for text in TARGET.read_text(encoding="utf-8").splitlines() if text.startswith("| ")]
    return {name: text for text in rows if (name := text.split("|")[1].strip()) != "network"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gate; exit status 1 if a network does not come back equal."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.gate", description="Run the import gate.")
    parser.add_argument("names", nargs="*", metavar="BUILDER", help="builders of keras.applications; default: all")
    parser.add_argument("--write", action="store_true", help="write the rows of these builders into the page")
    args = parser.parse_args(argv)
    keras = load_keras()
    rows = []
    for name in args.names or application_builders():
        keras.utils.set_random_seed(0)
        row = check_model(name, build_application(name), graph_of_config)
        rows.append(row)
        state = row.error or f"order {row.same_shapes}, difference {row.difference:g}, {row.lines} lines"
        print(f"{name}: {state}", file=sys.stderr, flush=True)
        keras.backend.clear_session()
        gc.collect()
    found = {row.name: line(row) for row in rows}
    if args.names and not args.write:
        print("\n".join(found.values()))
    else:
        kept = {name: text for name, text in known_lines().items() if args.names}
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(table(kept | found, keras.__version__), encoding="utf-8")
    return 0 if all(not row.error and row.matched and row.difference == 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
