"""``vgspec fmt``: write specs in their canonical form."""

from __future__ import annotations

import argparse
from pathlib import Path

from vgspec.cli.exits import Exit
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers
from vgspec.cli.settings import add_file_choice, add_settings, chooser_of

__all__ = ["add_parser", "canonical_text", "run"]


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "fmt",
        help="write specs in their canonical form; comments stay",
        description="Write specs in their canonical form. Comments stay where they are; what the spec means does not "
        "change.",
        examples=(
            ("vgspec fmt specs/", "write"),
            ("vgspec fmt --check specs/", "only ask, for CI"),
        ),
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="specs, folders, or - from standard input to standard output"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something would change")
    add_settings(parser)
    add_file_choice(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, out: Output) -> int:
    """Format every file, or say which would change."""
    from vgspec.cli.checking import load_target, show_diagnostics
    from vgspec.cli.discover import find_targets
    from vgspec.diagnostics import Severity
    from vgspec.files import OutputError, atomic_write

    failed = changed = count = 0
    chooser = chooser_of(args, out)
    targets = find_targets(
        args.paths,
        excluded=chooser.excluded,
        force_exclude=args.force_exclude,
        specs_only=args.specs_only,
        unreadable=lambda why: out.problem("warning", f"{why}; it is left out"),
    )
    for target in targets:
        spec = load_target(target, {}, chooser.of(target.path).limits)
        broken = [d for d in spec.diagnostics if d.severity is Severity.ERROR and d.code.startswith("VG00")]
        if broken or spec.document.text is None:
            show_diagnostics(broken or spec.diagnostics, out, spec.sources)
            failed += 1
            continue
        old = spec.document.text
        try:
            new = canonical_text(spec.document)
        except ValueError as error:
            out.problem("error", f"{target.name}: not formatted: {error}")
            failed += 1
            continue
        count += 1
        if target.path is None and not args.check:
            out.write_data(new)
            continue
        if new == old:
            continue
        changed += 1
        if args.check:
            out.say(f"would change {target.name}")
            continue
        if target.path is None or _changed(target.path, old):
            out.problem("warning", f"{target.name}: changed meanwhile, so it is left alone")
            failed += 1
            continue
        try:
            atomic_write(target.path, new, force=True)
            out.say(f"formatted {target.name}")
        except OutputError as error:
            show_diagnostics(error.diagnostics, out)
            failed += 1
    if args.check and changed:
        out.say(f"{changed} of {count} files would change; 'vgspec fmt' without --check writes them")
    else:
        out.say(f"{changed} of {count} files changed", level=1)
    return Exit.FAILED if failed or (args.check and changed) else Exit.OK


def _changed(path: Path, text: str) -> bool:
    """Whether a file holds something else than the text that was read from it; another encoding is no change."""
    from vgspec.source import parse_bytes

    try:
        return parse_bytes(path.read_bytes(), str(path))[0].text != text
    except OSError:
        return True


def canonical_text(document: object) -> str:
    """The canonical text of a document; a check makes sure that it says the same.

    Raises:
        ValueError: if it has none.
    """
    import json

    from vgspec.source import Document, parse_text
    from vgspec.source.format import format_document

    assert isinstance(document, Document)
    assert document.text is not None
    before = document.root.to_python() if document.root is not None else None
    if document.text.lstrip("\ufeff \t\r\n").startswith("{") and document.file.endswith(".json"):
        return json.dumps(before, indent=2, ensure_ascii=False) + "\n"
    if (length := _longest_key(before)) > _KEY:
        raise ValueError(f"it has a key of {length:,} characters; YAML takes {_KEY:,} on a line")
    text = format_document(document)
    again, problems = parse_text(text)
    after = again.root.to_python() if again.root is not None else None
    if problems or _meaning(before) != _meaning(after):
        raise ValueError("its canonical text would not read back as the same document")
    return text


_KEY = 1_000
"""Characters of a key that are sure to be read as one (YAML 1.2.2, 7.4.2: 1,024, with its quotes and escapes)."""


def _longest_key(value: object) -> int:
    """The number of characters of the longest key as it may be written, at any depth."""
    if isinstance(value, dict):
        return max((max(len(repr(key)) - 2, _longest_key(item)) for key, item in value.items()), default=0)
    return max(map(_longest_key, value), default=0) if isinstance(value, list) else 0


def _meaning(value: object) -> object:
    """A document with layers without arguments in one form."""
    if isinstance(value, dict):
        return {key: _meaning(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_meaning(_named(item)) for item in value]
    return value


def _named(item: object) -> object:
    if isinstance(item, dict) and len(item) == 1:
        key, value = next(iter(item.items()))
        if key[:1].isupper() and value in ({}, None):
            return key
    return item
