"""Hostile input, on demand: ``python -m tests.fuzz campaign --seconds 600``, ``attacks``, ``kill``, ``specs``.

``campaign``, ``attacks`` and ``kill`` add what they did to a ledger, and write docs/reference/hostile-input.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

write = sys.stdout.write


def main() -> int:
    """Run one of the harnesses and print what it found; the exit status is 1 if that is anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    campaign = commands.add_parser("campaign", help="every target in turn, with atheris where it is installed")
    campaign.add_argument("--seconds", type=float, default=600.0, help="for each target")
    campaign.add_argument("--folder", type=Path, help="where the corpus grows; a temporary one by default")
    campaign.add_argument("targets", nargs="*", help="their names; all by default")
    attacks = commands.add_parser("attacks", help="attacks by hand, measured")
    attacks.add_argument("names", nargs="*", help="parts of names; all by default")
    kill = commands.add_parser("kill", help="kill commands while they write")
    kill.add_argument("--times", type=int, default=30, help="for each command")
    kill.add_argument("--seed", type=int, default=0)
    kill.add_argument("what", nargs="*", help="names of commands; all by default")
    specs = commands.add_parser("specs", help="mutated specs and expressions through loading and linting, unguided")
    specs.add_argument("--seconds", type=float, default=60.0)
    specs.add_argument("--seed", type=int, default=0)
    specs.add_argument("--no-lint", action="store_true", help="load only")
    specs.add_argument("--keep", action="store_true", help="write inputs that fail into the corpus")
    commands.add_parser("page", help="write the page from the ledger")
    args = parser.parse_args()
    from tests.fuzz import ledger

    failed = False
    if args.command == "kill":
        failed = _kill(args.what, args.times, args.seed)
    elif args.command == "attacks":
        failed = _attacks(args.names)
    elif args.command == "campaign":
        from tests.fuzz.campaign import campaign as run
        from tests.fuzz.targets import TARGETS

        with tempfile.TemporaryDirectory() as temporary:
            done = run(args.folder or Path(temporary), args.seconds, args.targets or TARGETS)
        for name, tally in done.items():
            write(f"{name}: {tally['runs']} inputs, {tally['edges']} edges, new findings: {tally['new'] or 'none'}\n")
        failed = any(tally["new"] for tally in done.values())
    elif args.command == "specs":
        return _specs(args)
    ledger.write_page()
    return 1 if failed else 0


def _kill(names: list[str], times: int, seed: int) -> bool:
    from tests.fuzz import ledger
    from tests.fuzz.kill import COMMANDS, kill_runs

    failed = False
    for name in names or COMMANDS:
        with tempfile.TemporaryDirectory() as folder:
            result = kill_runs(name, times, Path(folder), seed)
        write(f"{name}: {result.killed} killed; old {result.old}, new {result.new}, left beside {result.left}\n")
        write("".join(f"broken: {what}\n" for what in result.broken))
        sys.stdout.flush()
        ledger.add_kills(name, result)
        failed |= bool(result.broken)
    return failed


def _attacks(names: list[str]) -> bool:
    from tests.fuzz import ledger
    from tests.fuzz.attacks import ATTACKS, measure

    failed = False
    for attack in ATTACKS:
        if names and not any(name in attack.name for name in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = measure(attack, Path(folder))
        held = found.status in (0, 1) and attack.finds in found.output and "Traceback" not in found.output
        write(f"{attack.name:48} {found.seconds:6.2f} s {found.mebibytes:5} MiB {attack.finds or '-':6} ")
        write("\n" if held else f"FAILED, status {found.status}: {found.output[:300]}\n")
        sys.stdout.flush()
        ledger.add_attack(attack, found)
        failed |= not held
    return failed


def _specs(args: argparse.Namespace) -> int:
    from tests.fuzz.harness import fuzz

    tally = fuzz(args.seconds, args.seed, lint=not args.no_lint, keep=args.keep)
    write(f"{tally.runs} inputs, {tally.valid} valid, {len(tally.codes)} kinds of finding, ")
    write(f"slowest {tally.slowest:.2f} s, {len(tally.failures)} failures\n")
    for place, (source, trace) in tally.failures.items():
        write(f"\n== {place}\n{trace}\n{str(source)[:1500]}\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
