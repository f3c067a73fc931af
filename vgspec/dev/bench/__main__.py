"""The command: measure, and print or write the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vgspec.dev.bench import building, phases, processes, shapes
from vgspec.dev.bench.clock import ROOT, child
from vgspec.dev.bench.documents import SHAPES
from vgspec.dev.bench.page import Measured, render

__all__ = ["PARTS", "main"]

TARGET = "docs/reference/performance.md"
FLAT = "DenseNet201"
"""The network of ``keras.applications`` that is measured as a flat spec, one item a layer."""


class _Run:
    """One run of the suite."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.found = Measured()
        self.start = time.perf_counter()
        self._configs: dict[str, Path] | None = None

    def tell(self, text: str) -> None:
        """Progress on standard error."""
        print(f"{time.perf_counter() - self.start:5.0f} s  {text}", file=sys.stderr, flush=True)

    def configs(self) -> dict[str, Path]:
        """The configs of ``keras.applications`` by name, written once."""
        if self._configs is None:
            self.tell("Keras writes the configs of keras.applications")
            names = child("configs", str(self.folder), *self.options.networks)
            self._configs = {name: self.folder / f"{name}.json" for name in names}
        return self._configs

    def processes(self) -> None:
        self.found.commands = processes.measure_commands(self.options.rounds, tell=self.tell)

    def networks(self) -> None:
        self.tell("phases of ResNet-50")
        self.found.networks.append(phases.measure_apart(processes.SPEC, 15, "ResNet-50, as blocks"))
        path = self.configs().get(FLAT)
        if path is not None:
            from vgspec.importers.files import read_model_file
            from vgspec.importers.specs import spec_of_config

            self.tell(f"phases of {FLAT}")
            text = spec_of_config(read_model_file(path), file=path.name, flat=True).to_yaml()
            flat = self.folder / "flat.yaml"
            flat.write_text(text, encoding="utf-8")
            self.found.networks.append(phases.measure_apart(str(flat), 5, f"{FLAT}, flat"))

    def sizes(self) -> None:
        for size in phases.SIZES:
            if size <= self.options.largest:
                self.tell(f"phases of {size:,} layers")
                self.found.sizes.append(phases.measure_apart(str(size), 1 if size >= 10_000 else 5))

    def shapes(self) -> None:
        for name in SHAPES:
            self.tell(f"growth of {name}")
            self.found.shapes.append(shapes.measure_apart(name))

    def many(self) -> None:
        self.tell(f"{self.options.many:,} specs in one call")
        folder = self.folder / "many"
        folder.mkdir()
        self.found.many = processes.measure_many(folder, self.options.many)

    def building(self) -> None:
        for name in building.MODELS:
            self.tell(f"building {name}")
            self.found.building.append(building.measure_apart(name, self.options.rounds))

    def imports(self) -> None:
        self.found.imports = processes.measure_imports(self.configs(), self.tell)


PARTS: dict[str, Callable[[_Run], None]] = {
    "processes": _Run.processes,
    "networks": _Run.networks,
    "sizes": _Run.sizes,
    "shapes": _Run.shapes,
    "many": _Run.many,
    "building": _Run.building,
    "imports": _Run.imports,
}
"""What can be measured, in the page's order."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print or write the page; exit status 1 if a part could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m vgspec.dev.bench", description="Measure how fast vgspec is.")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="measure these parts")
    parser.add_argument("--rounds", type=int, default=5, help="how often each command is run and each model built (5)")
    parser.add_argument("--largest", type=int, default=phases.SIZES[-1], help="largest number of layers (100,000)")
    parser.add_argument("--many", type=int, default=1000, help="how many specs are linted in one call (1,000)")
    parser.add_argument("--networks", nargs="*", default=[], metavar="BUILDER", help="import these networks only")
    parser.add_argument("--write", action="store_true", help=f"write {TARGET} instead of printing")
    options = parser.parse_args(argv)
    if options.write and set(options.only) != set(PARTS):
        parser.error("--write needs all parts: leave --only out")
    with tempfile.TemporaryDirectory(prefix="vgspec-bench-") as folder:
        run = _Run(options, Path(folder))
        for name, part in PARTS.items():
            if name not in options.only:
                continue
            try:
                part(run)
            except Exception as error:  # the other parts are still worth having
                reason = " ".join(str(error).split())[:300] or type(error).__name__
                run.found.missing[name] = reason
                run.tell(f"{name}: {reason}")
        text = render(run.found)
        if options.write:
            (ROOT / TARGET).write_text(text, encoding="utf-8")
            run.tell(f"wrote {TARGET}")
        else:
            sys.stdout.write(text)
    return 1 if run.found.missing else 0


if __name__ == "__main__":
    sys.exit(main())
