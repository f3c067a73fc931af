"""``vgspec init``: write a spec to start from."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output
from vgspec.cli.parser import Subparsers

__all__ = ["DEFAULT_TEMPLATE", "add_parser", "run", "templates"]

DEFAULT_TEMPLATE = "starter"
_MODELINE = re.compile(r"\A(#[ \t]*yaml-language-server:[ \t]*\$schema=)(?P<path>\S+)[^\n]*\n")
_DESCRIPTION = re.compile(r"^description:[ \t]*(?P<text>[^\s|>].*?)[ \t]*$", re.M)
_COMMENT = re.compile(r"^#[ \t]*(?P<text>\S.*?)[ \t]*$")


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "init",
        help="write a spec to start from",
        description="Write a spec to start from: a commented starter, or one of the specs that come with vgspec.",
        examples=(
            ("vgspec init model.yaml", "a commented starter"),
            ("vgspec init model.yaml --template resnet50", ""),
        ),
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the file to write, such as model.yaml")
    parser.add_argument("--template", default=DEFAULT_TEMPLATE, metavar="NAME", help="which spec; --list names them")
    parser.add_argument("--list", action="store_true", help="list the templates")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.set_defaults(run=run)


def templates() -> dict[str, Path]:
    """The specs that can be started from, by name; those that show a mistake and mere libraries are left out."""
    from vgspec.cli.discover import looks_like_spec
    from vgspec.resources import resource_path

    folder = resource_path("specs")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yaml")):
        parts = path.relative_to(folder).parts
        if "faulty" not in parts and "blocks" not in parts and looks_like_spec(path.read_text(encoding="utf-8")):
            found["/".join((*parts[:-1], path.stem))] = path
    return found


def run(args: argparse.Namespace, out: Output) -> int:
    """List the templates or write one."""
    from vgspec.cli.checking import show_diagnostics
    from vgspec.diagnostics import nearest
    from vgspec.files import OutputError, atomic_write, check_target

    known = templates()
    if args.list:
        return _list(known, out)
    if args.model is None:
        raise UsageError("init needs the name of the file to write, such as model.yaml")
    if Path(args.model).suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(f"templates are YAML; write to a file that ends with .yaml, not to '{args.model}'")
    source = known.get(args.template)
    if source is None:
        close = nearest(args.template, known)
        hint = f"; did you mean '{close}'?" if close else "; --list names them"
        raise UsageError(f"there is no template '{args.template}'{hint}")
    target = Path(args.model)
    try:
        files = list(_files(source, target))
        for path, _ in files:  # all or none, as far as can be seen
            check_target(path, force=args.force)
        for path, text in files:
            atomic_write(path, text, force=args.force)
            out.say(f"wrote {path}")
    except OutputError as error:
        show_diagnostics(error.diagnostics, out)
        return Exit.FAILED
    out.say(f"next: vgspec lint {target}")
    return Exit.OK


def _list(known: dict[str, Path], out: Output) -> int:
    from textwrap import shorten

    from vgspec.report.cells import printable

    width = max((len(name) for name in known), default=0)
    look = out.look
    for name, path in known.items():
        text = shorten(_summary(path.read_text(encoding="utf-8")), max(look.width - width - 2, 20), placeholder=" …")
        out.write(printable(f"{name:<{width}}  {text}", look.encoding).rstrip() + "\n")
    return Exit.OK


def _summary(text: str) -> str:
    """What a spec says of itself: its description, or its first comment up to a line that ends a sentence."""
    if match := _DESCRIPTION.search(text):
        return match["text"].strip("\"'")
    words: list[str] = []
    for line in text.splitlines():
        if _MODELINE.match(line + "\n"):
            continue
        match = _COMMENT.match(line)
        if match is None:
            break
        words.append(match["text"])
        if match["text"].endswith("."):
            break
    return " ".join(words)


def _files(source: Path, target: Path) -> Iterator[tuple[Path, str]]:
    """What to write: the files that the template includes, then the template itself."""
    text = source.read_text(encoding="utf-8")
    for name in _includes(text):
        yield target.parent / name, (source.parent / name).read_text(encoding="utf-8")
    match = _MODELINE.match(text)
    if match and not (target.parent / match["path"]).is_file():  # it is for where the template lies
        text = text[match.end() :]
    yield target, text


def _includes(text: str) -> tuple[str, ...]:
    """The paths of the specs that a spec includes."""
    from vgspec.source import parse_text

    document, _ = parse_text(text)
    data = document.root.to_python() if document.root is not None else None
    entries = data.get("include") if isinstance(data, dict) else None
    listed = entries if isinstance(entries, list) else []
    paths = [entry.get("from") for entry in listed if isinstance(entry, dict)]
    return tuple(os.path.normpath(path) for path in paths if isinstance(path, str))
