"""``vgspec lint``: check specs and say what is wrong with them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Parser, Subparsers, add_params
from vgspec.cli.settings import add_assumptions, add_file_choice, add_settings, at_least_one

if TYPE_CHECKING:
    from vgspec.cli.checking import Job, Linted
    from vgspec.cli.discover import Target
    from vgspec.cli.settings import Chooser

__all__ = ["Run", "add_parser", "run"]

_FORMATS = ("text", "concise", "json", "sarif", "github", "junit")
_FAIL_ON = ("error", "warning", "info", "never")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser: Parser = subparsers.add_parser(
        "lint",
        help="check specs: errors in the document, shapes, signal propagation",
        description="Check specs; TensorFlow is not needed. Exit status: 0 nothing found that counts, 1 errors or "
        "warnings, 2 a bad call or bad settings.",
        examples=(
            ("vgspec lint", "all specs below this folder"),
            ("vgspec lint specs/ --watch", "again at every change"),
            ("vgspec lint model.yaml --fix", "mend what can be mended safely"),
            ("vgspec lint . --output-format sarif > vgspec.sarif", "for code scanning"),
        ),
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="specs, Keras model files, folders in which specs are found by their content, - for standard input; "
        "default: this folder",
    )
    add_params(parser)
    which = parser.add_argument_group("what is shown")
    which.add_argument(
        "--select", action="append", default=[], metavar="RULES", help="only these rules, by code or name, with commas"
    )
    which.add_argument(
        "--extend-select", action="append", default=[], metavar="RULES", help="these too, beside those selected"
    )
    which.add_argument("--ignore", action="append", default=[], metavar="RULES", help="not these, by code or name")
    which.add_argument("--statistics", action="store_true", help="count findings by rule instead of showing them")
    which.add_argument(
        "--output-format",
        choices=_FORMATS,
        default=None,
        help="text for people (default), concise: a line a finding, or one for tools",
    )
    fixes = parser.add_argument_group("fixes")
    fixes.add_argument("--fix", action="store_true", help="make the fixes that keep the model's function")
    fixes.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix or --diff: also those that change the function"
    )
    fixes.add_argument("--diff", action="store_true", help="show what fixing would change, and write nothing")
    status = parser.add_argument_group("exit status")
    status.add_argument(
        "--fail-on", choices=_FAIL_ON, default=None, help="exit with 1 from this severity on (default: warning)"
    )
    status.add_argument("--strict", action="store_true", help="the same as --fail-on info")
    status.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    files = parser.add_argument_group("files and settings")
    add_settings(files)
    files.add_argument("--show-settings", action="store_true", help="show which settings apply to the specs and stop")
    add_file_choice(files)
    files.add_argument("--stdin-filename", metavar="NAME", help="the file that standard input stands for")
    analysis = parser.add_argument_group("sizes that a spec leaves open")
    add_assumptions(analysis)
    running = parser.add_argument_group("running")
    running.add_argument(
        "-j",
        "--jobs",
        type=at_least_one,
        metavar="N",
        help="processes to use; default: as many as pay, up to the cores",
    )
    running.add_argument("--watch", action="store_true", help="check again whenever a file changes, until Ctrl-C")
    parser.set_defaults(run=run)


def _check_call(args: argparse.Namespace, output_format: str) -> None:
    """Refuse options that do not go together."""
    if args.statistics and output_format not in ("text", "concise", "json"):
        raise UsageError(f"--statistics: there is no form of it for --output-format {output_format}")
    if args.unsafe_fixes and not (args.fix or args.diff):
        raise UsageError("--unsafe-fixes: add --fix to make the fixes, or --diff to see them")
    if args.stdin_filename is not None and "-" not in args.paths:
        raise UsageError("--stdin-filename: it names standard input, which is not among the paths; add -")
    if args.watch:
        for option in ("fix", "diff", "show_settings"):
            if getattr(args, option):
                raise UsageError(f"--watch: it does not go with --{option.replace('_', '-')}; run that once by itself")
        if "-" in args.paths:
            raise UsageError("--watch: standard input cannot be watched; name a file")
        if output_format not in ("text", "concise"):
            raise UsageError(f"--watch: it is for people, not for --output-format {output_format}")


def run(args: argparse.Namespace, out: Output) -> int:
    """Lint all targets and report."""
    _check_call(args, args.output_format or "text")
    linting = Run.begin(args, out)
    _check_call(args, linting.output_format)
    if args.watch:
        from vgspec.cli.watch import watch

        return watch(linting)
    targets = linting.targets()
    if args.show_settings:
        from vgspec.cli.show_settings import show_settings

        return show_settings(linting.chooser, targets, linting.output_format, out)
    if args.diff:
        from vgspec.cli.fixing import diff_targets

        difference = diff_targets(linting.jobs(targets), args.unsafe_fixes, out, args.jobs)
        out.write_data(difference)
        return Exit.FAILED if difference and not args.exit_zero else Exit.OK
    status = Exit.OK
    if args.fix:
        from vgspec.cli.fixing import fix_targets

        mended, status = fix_targets(linting.jobs(targets), args.unsafe_fixes, out, args.jobs)
        if mended:
            out.say(f"Fixed {mended} finding{'s' if mended > 1 else ''}")
    return max(status, linting.finish(linting.lint(linting.jobs(targets))))


@dataclass
class Run:
    """One call of the linter: its options and settings.

    Attributes:
        args: the options.
        out: where to write.
        chooser: the settings for each spec.
        params: values of the specs' parameters.
    """

    args: argparse.Namespace
    out: Output
    chooser: Chooser
    params: dict[str, object]

    @classmethod
    def begin(cls, args: argparse.Namespace, out: Output) -> Run:
        """Read the settings that hold for the whole call."""
        from vgspec.cli.params import parse_params
        from vgspec.cli.settings import chooser_of

        return cls(args, out, chooser_of(args, out), parse_params(args.params))

    def again(self) -> Run:
        """The same call with the settings read anew."""
        return Run.begin(self.args, self.out)

    @property
    def output_format(self) -> str:
        """The format of the report: that of the settings for the current folder."""
        return self.chooser.of(None).output_format

    def targets(self) -> list[Target]:
        """What there is to lint."""
        found = self.quiet_targets(lambda why: self.out.problem("warning", f"{why}; it is left out"))
        if not found and not (self.args.specs_only or self.args.force_exclude):
            where = ", ".join(self.args.paths or ["."])
            self.out.problem("warning", f"no spec found in {where}; 'vgspec init model.yaml' writes one to start from")
        return found

    def quiet_targets(self, unreadable: Callable[[str], None] | None = None) -> list[Target]:
        """What there is to lint, whether that is something or nothing."""
        from vgspec.cli.discover import find_targets

        return find_targets(
            self.args.paths or ["."],
            excluded=self.chooser.excluded,
            force_exclude=self.args.force_exclude,
            specs_only=self.args.specs_only,
            stdin_filename=self.args.stdin_filename,
            unreadable=unreadable,
        )

    def jobs(self, targets: Sequence[Target]) -> list[Job]:
        """The targets with what linting them depends on."""
        from vgspec.cli.checking import Job, read_standard_input

        own = self.args.fail_on is None and not self.args.strict
        jobs = []
        for target in targets:
            settings = self.chooser.of(target.path)
            selection = self.chooser.selection(settings, target.path)
            data = None
            if target.standard_input:
                try:
                    data = read_standard_input(settings.limits)
                except OSError:
                    data = None  # linting says why
            jobs.append(Job(target, self.params, selection, settings, own, data))
        return jobs

    def lint(self, jobs: Sequence[Job]) -> list[Linted]:
        """Lint, in as many processes as pay."""
        from vgspec.cli.pool import lint_all, workers_for
        from vgspec.cli.progress import bar

        if len(jobs) == 1:
            with self.out.progress(f"checking {jobs[0].target.name}"):
                return lint_all(jobs, 1)
        with bar(self.out, len(jobs), "checking") as shown:
            return lint_all(jobs, workers_for(jobs, self.args.jobs), shown.step)

    def finish(self, results: Sequence[Linted]) -> int:
        """Show what was found; the exit status."""
        from vgspec.cli.bugs import wants_traceback
        from vgspec.cli.catalog import all_rules
        from vgspec.cli.checking import make_report, write_report

        for item in results:
            if item.traceback and wants_traceback():
                self.out.stderr.write(item.traceback)
        report = make_report(results, all_rules(pages=self.output_format == "sarif"))
        write_report(report, self.output_format, self.args.statistics, self.out)
        if any(item.traceback for item in results):
            return Exit.BUG
        return Exit.FAILED if report.failed and not self.args.exit_zero else Exit.OK
