"""``vgspec lint --fix`` and ``--diff``: making fixes in files, or showing what they would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vgspec.cli.checking import load_target
from vgspec.cli.discover import Target
from vgspec.cli.exits import UsageError
from vgspec.cli.output import Output
from vgspec.cli.selection import Selection

if TYPE_CHECKING:
    from vgspec.lint.fixes import Fixed

__all__ = ["diff_targets", "fix_targets"]


def fix_targets(
    targets: Sequence[Target], params: Mapping[str, object], selection: Selection, unsafe: bool, out: Output
) -> int:
    """Make fixes in every file; each is written aside and renamed, and left alone if it has changed meanwhile.

    Returns:
        How many findings were mended.
    """
    from vgspec.files import OutputError, atomic_write

    total = 0
    for target in targets:
        if target.path is None:
            raise UsageError("--fix: standard input cannot be changed; use --diff, or name a file")
        found = _fixed(target, params, selection, unsafe, out)
        if found is None:
            continue
        fixed, before = found
        if target.path.read_bytes() != before:
            out.problem("warning", f"{target.name}: changed meanwhile, so it is left alone")
            continue
        try:
            atomic_write(target.path, fixed.text, force=True)
        except OutputError as error:
            out.problem("error", str(error))
            continue
        total += len(fixed.applied)
        for item in fixed.applied:
            title = item.fix.title if item.fix is not None else ""
            out.say(f"{target.name}: {item.code} {item.name}: {title}")
    return total


def diff_targets(
    targets: Sequence[Target], params: Mapping[str, object], selection: Selection, unsafe: bool, out: Output
) -> str:
    """What fixing would change, as a unified diff; empty where there is nothing to fix."""
    import difflib

    parts = []
    for target in targets:
        found = _fixed(target, params, selection, unsafe, out)
        if found is None:
            continue
        fixed, before = found
        old, new = before.decode("utf-8").splitlines(keepends=True), fixed.text.splitlines(keepends=True)
        lines = difflib.unified_diff(old, new, target.name, target.name)
        parts.append(
            "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        )
    return "".join(parts)


def _fixed(
    target: Target, params: Mapping[str, object], selection: Selection, unsafe: bool, out: Output
) -> tuple[Fixed, bytes] | None:
    """A target's text with all fixes, and the bytes it was read from; None if there is nothing to write."""
    from vgspec.lint.engine import Selection as RuleSelection
    from vgspec.lint.fixes import fix_spec

    before = _bytes(target.path)
    with out.progress(f"fixing {target.name}"):
        spec = load_target(target, params)
        text = spec.document.text
        if text is None or spec.graph is None:
            return None
        if target.path is None:
            before = text.encode("utf-8")
        if before is None or before != text.encode("utf-8"):
            return None  # a model file, or another encoding than UTF-8
        chosen = RuleSelection(tuple(selection.selected or ()), tuple(selection.ignored))
        fixed = fix_spec(spec, unsafe=unsafe, selection=chosen)
    return (fixed, before) if fixed.text != text else None


def _bytes(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError:
        return None  # linting says why
