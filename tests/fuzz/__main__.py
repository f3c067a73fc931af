"""``python -m tests.fuzz specs --seconds 600`` and ``python -m tests.fuzz kill --times 200``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run one of the harnesses and print what it found; the exit status is 1 if that is anything."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    specs = commands.add_parser("specs", help="mutated specs and expressions through loading and linting")
    specs.add_argument("--seconds", type=float, default=60.0)
    specs.add_argument("--seed", type=int, default=0)
    specs.add_argument("--no-lint", action="store_true", help="load only")
    specs.add_argument("--keep", action="store_true", help="write inputs that fail into the corpus")
    kill = commands.add_parser("kill", help="kill commands while they write")
    kill.add_argument("--times", type=int, default=200)
    kill.add_argument("--seed", type=int, default=0)
    kill.add_argument("--what", choices=("build", "build-keras", "init"), default="build")
    args = parser.parse_args()
    write = sys.stdout.write
    if args.command == "kill":
        from tests.fuzz.kill import kill_runs

        with tempfile.TemporaryDirectory() as folder:
            result = kill_runs(args.what, args.times, Path(folder), args.seed)
        write(f"{args.what}: {result.killed} killed; old file {result.old}, new file {result.new}\n")
        write("".join(f"broken: {what}\n" for what in result.broken))
        return 1 if result.broken else 0
    from tests.fuzz.harness import fuzz

    tally = fuzz(args.seconds, args.seed, lint=not args.no_lint, keep=args.keep)
    write(f"{tally.runs} inputs, {tally.valid} valid, {len(tally.codes)} kinds of finding, ")
    write(f"slowest {tally.slowest:.2f} s, {len(tally.failures)} failures\n")
    for place, (source, trace) in tally.failures.items():
        write(f"\n== {place}\n{trace}\n{str(source)[:1500]}\n")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
