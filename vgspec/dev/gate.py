"""Carry every network of ``keras.applications`` through a spec and back, and write the table.

::

    python -m vgspec.dev.gate                     # all 40 builders → docs/reference/gate.md
    python -m vgspec.dev.gate ResNet50 VGG16      # these, shown only
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
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


def table(rows: Sequence[GateRow], version: str) -> str:
    """The page."""
    passed = [row for row in rows if not row.error and row.matched and row.difference == 0.0]
    lines = [
        "# Models of keras.applications, into a spec and back",
        "",
        "Written by `python -m vgspec.dev.gate`. Each network is built with random weights and a small input,",
        "imported with `vgspec.from_keras`, written as YAML, read again and built with `compile_spec`; then the",
        "weights are carried over and both models run on the same random image.",
        "",
        f"Keras {version}. {len(passed)} of {len(rows)} networks come back with all weights and equal outputs.",
        "",
        "*Order*: whether the weights have the same shapes in the same order, so that `set_weights(get_weights())`",
        "works. Where it says no, a nested model was flattened and its weights stand elsewhere in the list; they",
        "were carried over layer by layer. *Difference*: the largest absolute difference of the outputs.",
        "",
        "| network | input | layers | parameters | order | difference | lines of YAML |",
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for row in rows:
        if row.error:
            lines.append(f"| {row.name} | {row.size} | {row.layers} | {row.parameters:,} | {row.error} | | |")
            continue
        order = "yes" if row.same_shapes else ("no" if row.matched else "**differs**")
        difference = "0" if row.difference == 0 else f"{row.difference:.3g}"
        lines.append(
            f"| {row.name} | {row.size} | {row.layers} | {row.parameters:,} | {order} | {difference} | {row.lines} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the gate; exit status 1 if a network does not come back equal."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.gate", description="Run the import gate.")
    parser.add_argument("names", nargs="*", metavar="BUILDER", help="builders of keras.applications; default: all")
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
    text = table(rows, keras.__version__)
    if args.names:
        print(text)
    else:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
    return 0 if all(not row.error and row.matched and row.difference == 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
