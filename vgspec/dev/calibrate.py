"""Compare predicted with measured signal sizes, and write ``docs/reference/calibration.md``.

::

    python -m vgspec.dev.calibrate measure drawn       # slow: with Keras; goes on where it was interrupted
    python -m vgspec.dev.calibrate table --write       # seconds: predicts, compares, writes the page and its pictures
    python -m vgspec.dev.calibrate explain vit         # one network, where its errors arise

Measuring builds each network several times with different seeds and measures it by autodiff; the results are kept in
``tests/data/calibration``. The table needs no Keras.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vgspec.dev import calibration_page, calibration_plots
from vgspec.dev.calibration_compare import Comparison, compare, percentile
from vgspec.dev.calibration_data import FOLDER, GROUPS, NAMED, ROOT, Record, read_group, write_group

if TYPE_CHECKING:
    from vgspec.dev.calibration_networks import Job

__all__ = ["FIGURES", "comparisons", "figures", "main", "records"]

PAGE = ROOT / "docs" / "reference" / "calibration.md"
PICTURES = ROOT / "docs" / "explanation"
FIGURES = FOLDER / "figures.json"
"""What `figures` gave for every network when the page was written: the bound that a test holds the analysis to."""


def records(groups: Sequence[str] = GROUPS) -> list[Record]:
    """All that was measured in these groups."""
    return [record for group in groups for record in read_group(group)]


def comparisons(found: Sequence[Record]) -> list[Comparison]:
    """Each record compared with the prediction."""
    return [compare(record) for record in found]


def figures(item: Comparison) -> dict[str, list[float]]:
    """Median and 95th percentile of the absolute errors, by kind of size; empty where nothing was measured."""
    return {
        kind: [round(percentile(errors.values(), share), 4) for share in (0.5, 0.95)] if errors else []
        for kind in calibration_page.TARGETS
        for errors in (getattr(item, kind),)
    }


def _figures_text(found: Sequence[Comparison]) -> str:
    """The figures of all networks as JSON, one network a line."""
    groups = []
    for group in dict.fromkeys(item.group for item in found):
        rows = [
            f"  {json.dumps(item.name)}: {json.dumps(figures(item), separators=(',', ':'))}"
            for item in found
            if item.group == group
        ]
        groups.append(f"{json.dumps(group)}: {{\n" + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(groups) + "\n}\n"


def _plain(text: str) -> str:
    """One line without the codes that colour a terminal."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(prog="python -m vgspec.dev.calibrate", description="Measure the prediction.")
    commands = found.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("measure", help="measure networks with Keras and keep the results")
    measure.add_argument("group", choices=GROUPS)
    measure.add_argument("names", nargs="*", help="networks of the group; default: all that are not measured yet")
    measure.add_argument("--again", action="store_true", help="measure also what is measured already")
    measure.add_argument(
        "--seeds", type=int, metavar="N", help="initialisations; what was measured with fewer is measured again"
    )
    measure.add_argument(
        "--budget", type=float, metavar="SECONDS", help="of computing, after which no further initialisation is begun"
    )
    table = commands.add_parser("table", help="compare what was measured with the prediction")
    table.add_argument("groups", nargs="*", help=f"groups to compare, of {', '.join(GROUPS)}; default: all")
    table.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}, not standard output")
    explain = commands.add_parser("explain", help="list the errors of one network, tensor by tensor")
    explain.add_argument("names", nargs="+")
    explain.add_argument("--least", type=float, default=0.02, help="leave out edges with less error; default: 0.02")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit status 1 if a network could not be measured."""
    given = parser().parse_args(arguments)
    if given.command == "measure":
        return _measure(given)
    if given.command == "explain":
        return _explain(given.names, given.least)
    if given.write and given.groups:
        print("--write writes the page of all groups: name none", file=sys.stderr)
        return 2
    if unknown := set(given.groups) - set(GROUPS):
        print(f"no group {min(unknown)!r}; there are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    found = records(given.groups or GROUPS)
    compared = comparisons(found)
    text = calibration_page.page(found, compared)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
        FIGURES.write_text(_figures_text(compared), encoding="utf-8")
        calibration_plots.draw(compared, PICTURES)
    else:
        print(text, end="")
    return 0


def _measure(given: argparse.Namespace) -> int:
    from vgspec.dev.calibration_measure import BUDGET, measure_job
    from vgspec.dev.calibration_networks import jobs

    group, names = given.group, given.names
    wanted = [job if given.seeds is None else replace(job, seeds=given.seeds) for job in jobs(group)]
    if strangers := set(names) - {job.name for job in wanted}:
        print(f"no network {min(strangers)!r} in {group}", file=sys.stderr)
        return 2
    order = {job.name: index for index, job in enumerate(wanted)}
    known = {record.name: record for record in read_group(group) if record.name in order}

    def due(job: Job) -> bool:
        record = known.get(job.name)
        return given.again or record is None or (given.seeds is not None and record.seeds < given.seeds)

    todo = [job for job in wanted if (not names or job.name in names) and due(job)]
    failed = 0
    saved = time.monotonic()

    def save() -> None:
        if group not in NAMED:
            write_group(group, sorted(known.values(), key=lambda record: order[record.name]))

    for count, job in enumerate(todo, 1):
        start = time.monotonic()
        try:
            known[job.name] = measure_job(job, budget=BUDGET if given.budget is None else given.budget)
            if group in NAMED:
                write_group(group, [known[job.name]])
            what = f"{time.monotonic() - start:.1f} s"
        except Exception as error:  # the others are still measured
            failed += 1
            what = f"{type(error).__name__}: {_plain(str(error))[:160]}"
        print(f"[{count}/{len(todo)}] {job.name}: {what}", file=sys.stderr, flush=True)
        if time.monotonic() - saved > 20.0:
            save()
            saved = time.monotonic()
    save()
    return 1 if failed else 0


def _explain(names: Sequence[str], least: float) -> int:
    found = [record for record in records() if record.name in names]
    for record in found:
        item = compare(record)
        print(f"{record.group}: {record.name}")
        for kind in ("activation", "gradient", "kernel"):
            errors = getattr(item, kind)
            three = " / ".join(f"{percentile(errors.values(), share):.3f}" for share in (0.5, 0.95, 1.0))
            print(f"  {kind}: {three} over {len(errors)}")
        edges = {(edge.direction, edge.node): edge.value for edge in item.edges}
        for node in record.graph.nodes:
            marks = [
                f"{direction} {edges[(direction, node.id)]:+.3f}"
                for direction in ("forward", "backward")
                if abs(edges.get((direction, node.id), 0.0)) >= least
            ]
            weights = [
                f"{key.rpartition('/')[2]} {item.kernel[key]:+.3f}" for key in item.kernel if _is_of(key, node.id)
            ]
            sizes = [f"{getattr(item, kind).get(node.id, float('nan')):+.3f}" for kind in ("activation", "gradient")]
            kind = record.graph.operator(node).type_name
            print(f"  {' '.join(sizes)}  {kind:24s} {node.id}  {'; '.join([*marks, *weights])}")
    if missing := set(names) - {record.name for record in found}:
        print(f"not measured: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    return 0


def _is_of(key: str, node: str) -> bool:
    return key.startswith(f"{node}/")


if __name__ == "__main__":
    sys.exit(main())
