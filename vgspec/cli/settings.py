"""Settings on the command line: which file they are read from, and the options that come before them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vgspec.cli.exits import Exit, Reported, UsageError

if TYPE_CHECKING:
    from vgspec.cli.output import Output
    from vgspec.report.model import Rule
    from vgspec.settings import Settings, SettingsError
    from vgspec.settings.selection import Selection

__all__ = [
    "Chooser",
    "add_assumptions",
    "add_file_choice",
    "add_settings",
    "at_least_one",
    "chooser_of",
    "settings_for",
    "split",
]


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Options that say where settings come from."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="use this settings file; default: the nearest vgspec.toml or pyproject.toml above each spec",
    )
    parser.add_argument(
        "--isolated", "--no-config", dest="isolated", action="store_true", help="use no settings file at all"
    )


def add_file_choice(parser: argparse._ActionsContainer) -> None:
    """Options that leave out files."""
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="PATTERNS", help="leave these out when searching folders"
    )
    parser.add_argument("--force-exclude", action="store_true", help="leave excluded files out even if they are named")
    parser.add_argument(
        "--specs-only", action="store_true", help="leave out named files that are no specs by their content"
    )


def add_assumptions(parser: argparse._ActionsContainer) -> None:
    """Options for sizes that a spec leaves open."""
    parser.add_argument("--time", type=at_least_one, metavar="N", help="steps of sequences of open length (128)")
    parser.add_argument(
        "--positions", type=at_least_one, metavar="N", help="open positions along an axis of an image (32)"
    )
    parser.add_argument(
        "--size", action="append", default=[], metavar="NAME=N", help="the number for a symbolic size; repeatable"
    )


def at_least_one(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got '{text}'")
    return int(text)


def split(values: Iterable[str]) -> list[str]:
    """The items of options that take several, separated by commas."""
    return [part for value in values for item in value.split(",") if (part := item.strip())]


def chooser_of(args: argparse.Namespace, out: Output, rules: Sequence[Rule] | None = None) -> Chooser:
    """The settings for the specs of a call.

    Raises:
        UsageError: if an option names a rule that there is not, or asks for both a file and none.
        Reported: if the settings file that is named is wrong; it has been said.
    """
    from vgspec.settings import Finder, SettingsError
    from vgspec.settings.selection import known_rules

    if args.isolated and args.config is not None:
        raise UsageError("--isolated and --config exclude each other: use one of them")
    known = rules if rules is not None else known_rules()
    overrides = _Overrides.of(args, known)
    form = _ReportForm.of(args)
    try:
        return Chooser(Finder(known, args.config, isolated=args.isolated), overrides, out, form)
    except SettingsError as error:
        raise report_error(error, out, form) from error


@dataclass(frozen=True, slots=True)
class _ReportForm:
    """How a call reports.

    Attributes:
        wanted: whether its result is a report, as that of ``lint`` is unless it does something else.
        output_format: what ``--output-format`` says; empty without it.
        statistics: whether findings are counted only.
    """

    wanted: bool = False
    output_format: str = ""
    statistics: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace) -> _ReportForm:
        if getattr(args, "command", "") != "lint" or args.diff or args.show_settings or args.watch:
            return cls()
        return cls(True, args.output_format or "", args.statistics)


def report_error(error: SettingsError, out: Output, form: _ReportForm = _ReportForm()) -> Reported:
    """Show what is wrong with a settings file; the exception that ends the call.

    People read it on standard error. A program that waits for a report gets one, in its format, of no file but the
    settings.
    """
    from vgspec.report.text import render_diagnostic

    if form.output_format not in ("", "text", "concise"):
        from vgspec.cli.catalog import all_rules
        from vgspec.cli.checking import write_report
        from vgspec.report.model import Report

        report = Report((), error.diagnostics, error.sources, all_rules(pages=form.output_format == "sarif"))
        write_report(report, form.output_format, form.statistics, out)
    else:
        for diagnostic in error.diagnostics:
            out.stderr.write(render_diagnostic(diagnostic, error.sources, out.error_look) + "\n")
    count = len(error.diagnostics)
    out.problem("error", f"{count} mistake{'s' if count > 1 else ''} in the settings; nothing was done")
    return Reported(Exit.USAGE)


def settings_for(args: argparse.Namespace, path: Path | None, out: Output) -> Settings:
    """The settings for the one spec of a call.

    Raises:
        UsageError: for options that make no sense.
        Reported: if the settings file is wrong; it has been said.
    """
    return chooser_of(args, out).of(path)


@dataclass(frozen=True, slots=True)
class _Overrides:
    """What the options of a call say."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    values: tuple[tuple[str, str, Any], ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, args: argparse.Namespace, rules: Sequence[Rule]) -> _Overrides:
        from vgspec.settings.read import severity_of
        from vgspec.settings.selection import word_problem

        words: dict[str, tuple[str, ...]] = {}
        for name in ("select", "extend_select", "ignore"):
            words[name] = tuple(split(getattr(args, name, ())))
            for word in words[name]:
                wrong = word_problem(word, rules, ignoring=name == "ignore")
                if wrong is not None:
                    raise UsageError(f"--{name.replace('_', '-')} {word}: {wrong[0]}; {wrong[1]}")
        values: list[tuple[str, str, Any]] = []
        if getattr(args, "strict", False):
            values.append(("fail_on", "--strict", severity_of("info")))
        elif getattr(args, "fail_on", None) is not None:
            values.append(("fail_on", "--fail-on", severity_of(args.fail_on)))
        if getattr(args, "command", "") == "lint" and args.output_format is not None:
            values.append(("output_format", "--output-format", args.output_format))
        for name in ("time", "positions"):
            if getattr(args, name, None) is not None:
                values.append((name, f"--{name}", getattr(args, name)))
        sizes = tuple(_size(item) for item in getattr(args, "size", ()))
        return cls(**words, exclude=tuple(split(getattr(args, "exclude", ()))), values=tuple(values), sizes=sizes)

    def over(self, settings: Settings) -> Settings:
        """The settings with the options before them."""
        changed: dict[str, Any] = {name: value for name, _, value in self.values}
        origins = dict(settings.origins)
        for name, option, _ in self.values:
            origins[name.replace("_", "-") if name not in ("time", "positions") else f"assumptions.{name}"] = option
        if self.select:
            changed |= {"select": self.select, "extend_select": (), "ignore": ()}
            origins |= {"select": "--select"}
            origins.pop("extend-select", None)
            origins.pop("ignore", None)
        base = replace(settings, **changed)
        if self.extend_select:
            base = replace(base, extend_select=(*base.extend_select, *self.extend_select))
            origins["extend-select"] = _joined(origins.get("extend-select"), "--extend-select")
        if self.ignore:
            base = replace(base, ignore=(*base.ignore, *self.ignore))
            origins["ignore"] = _joined(origins.get("ignore"), "--ignore")
        if self.sizes:
            base = replace(base, sizes={**base.sizes, **dict(self.sizes)})
            origins["assumptions.sizes"] = _joined(origins.get("assumptions.sizes"), "--size")
        return replace(base, origins=origins)


def _joined(first: str | None, second: str) -> str:
    return second if first is None else f"{first}, {second}"


def _size(item: str) -> tuple[str, int]:
    name, equals, number = item.partition("=")
    if not equals or not number.isdigit() or int(number) < 1:
        raise UsageError(f"--size {item}: write NAME=N with a whole number of at least 1")
    return name, int(number)


@dataclass
class Chooser:
    """The settings and the selection for each spec, options included.

    Attributes:
        finder: finds the settings files.
        overrides: what the options say.
        out: where a wrong settings file is reported.
        form: how it is reported.
    """

    finder: Any
    overrides: _Overrides
    out: Output
    form: _ReportForm = _ReportForm()
    _over: dict[int, tuple[Settings, Settings]] = field(default_factory=dict)
    _selections: dict[tuple[int, tuple[str, ...]], Selection] = field(default_factory=dict)

    def of(self, path: str | os.PathLike[str] | None) -> Settings:
        """The settings of a spec or folder; of the current folder for None.

        Raises:
            Reported: if its settings file is wrong; it has been said.
        """
        from vgspec.settings import SettingsError

        try:
            found: Settings = self.finder.of(path)
        except SettingsError as error:
            raise report_error(error, self.out, self._form()) from error
        if id(found) not in self._over:
            self._over[id(found)] = (found, self.overrides.over(found))  # kept, so that the id stays taken
        return self._over[id(found)][1]

    def _form(self) -> _ReportForm:
        """The form of a report; without an option, that of the settings for the current folder, if these are right."""
        from vgspec.settings import SettingsError

        if not self.form.wanted or self.form.output_format:
            return self.form
        try:
            return replace(self.form, output_format=self.finder.of(None).output_format)
        except SettingsError:
            return self.form

    def selection(self, settings: Settings, path: str | os.PathLike[str] | None) -> Selection:
        """Which findings of a spec are shown."""
        from vgspec.settings.selection import select

        key = (id(settings), settings.ignored_at(path))
        if key not in self._selections:
            self._selections[key] = select(settings, path, self.finder.rules)
        return self._selections[key]

    def excluded(self, path: Path) -> bool:
        """Whether a search leaves out a file or folder: patterns of its settings, and of ``--exclude``."""
        from vgspec.settings.patterns import matches

        if self.of(path.parent).excludes(path):
            return True
        return any(matches(pattern, path, Path.cwd()) for pattern in self.overrides.exclude)

    @property
    def watched(self) -> set[Path]:
        """The settings files that were looked for, whether they exist or not."""
        found: set[Path] = self.finder.watched
        return found
