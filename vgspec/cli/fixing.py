"""``vgspec lint --fix`` and ``--diff``: making fixes in files, or showing what they would change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vgspec.cli.bugs import describe
from vgspec.cli.checking import Job, load_target
from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output

if TYPE_CHECKING:
    from vgspec.lint.fixes import Fixed

__all__ = ["diff_targets", "fix_targets"]


def fix_targets(jobs: Sequence[Job], unsafe: bool, out: Output) -> tuple[int, Exit]:
    """Make fixes in every file; each is written aside and renamed, and left alone if it has changed meanwhile.

    Returns:
        How many findings were mended, and `Exit.OK` unless a file could not be fixed, whatever is found in it.
    """
    from vgspec.cli.checking import show_diagnostics
    from vgspec.files import OutputError, atomic_write

    total, status = 0, Exit.OK
    for job in jobs:
        target = job.target
        if target.path is None or target.standard_input:
            raise UsageError("--fix: standard input cannot be changed; use --diff, or name a file")
        found = _tried(job, unsafe, out)
        if found is None:
            continue
        if isinstance(found, Exit):
            status = max(status, found)
            continue
        fixed, before = found
        if _bytes(target.path) != before:
            out.problem("warning", f"{target.name}: changed meanwhile, so it is left alone")
            status = max(status, Exit.FAILED)
            continue
        if not _reads_back(fixed.text, job):
            out.problem("error", f"{target.name}: left alone, since its fixes together would break it; this is a bug")
            status = Exit.BUG
            continue
        try:
            atomic_write(target.path, fixed.text, force=True)
        except OutputError as error:
            show_diagnostics(error.diagnostics, out)
            status = max(status, Exit.FAILED)
            continue
        total += len(fixed.applied)
        for item in fixed.applied:
            title = item.fix.title if item.fix is not None else ""
            out.say(f"{target.name}: {item.code} {item.name}: {title}")
    return total, status


def diff_targets(jobs: Sequence[Job], unsafe: bool, out: Output) -> str:
    """What fixing would change, as a unified diff; empty where there is nothing to fix."""
    import difflib

    parts = []
    for job in jobs:
        target = job.target
        found = _tried(job, unsafe, out)
        if found is None or isinstance(found, Exit):
            continue
        fixed, before = found
        old, new = before.decode("utf-8").splitlines(keepends=True), fixed.text.splitlines(keepends=True)
        lines = difflib.unified_diff(old, new, target.name, target.name)
        parts.append(
            "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        )
    return "".join(parts)


def _tried(job: Job, unsafe: bool, out: Output) -> tuple[Fixed, bytes] | Exit | None:
    """`_fixed`; a bug that a target brings to light is said, and does not keep others from being fixed."""
    try:
        return _fixed(job, unsafe, out)
    except Exception as error:
        out.problem("error", f"{job.target.name}: not fixed, because of a bug in vgspec: {describe(error)}")
        return Exit.BUG


def _fixed(job: Job, unsafe: bool, out: Output) -> tuple[Fixed, bytes] | None:
    """A target's text with all fixes, and the bytes it was read from; None if there is nothing to write."""
    from vgspec.lint.engine import Selection as RuleSelection
    from vgspec.lint.fixes import fix_spec

    target, selection, settings = job.target, job.selection, job.settings
    before = job.data if target.standard_input else _bytes(target.path)
    with out.progress(f"fixing {target.name}"):
        spec = load_target(target, job.params, settings.limits, job.data)
        text = spec.document.text
        if text is None or spec.graph is None:
            return None
        if before is None or before != text.encode("utf-8"):
            return None  # a model file, or another encoding than UTF-8
        chosen = RuleSelection(tuple(sorted(selection.selected or ())), tuple(sorted(selection.ignored)))
        fixed = fix_spec(
            spec,
            unsafe=unsafe,
            selection=chosen,
            settings=settings.thresholds,
            assumptions=settings.assumptions,
        )
    return (fixed, before) if fixed.text != text else None


def _reads_back(text: str, job: Job) -> bool:
    """Whether what is about to be written is a spec without errors."""
    from vgspec.diagnostics import has_errors
    from vgspec.frontend.load import load_document
    from vgspec.source import parse_text

    limits = job.settings.limits
    document, problems = parse_text(text, job.target.name, limits)
    spec = load_document(document, problems, path=job.target.path, params=job.params, limits=limits)
    return not has_errors(spec.diagnostics)


def _bytes(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError:
        return None  # linting says why
