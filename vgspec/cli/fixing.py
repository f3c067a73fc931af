"""``vgspec lint --fix`` and ``--diff``: making fixes in files, or showing what they would change.

Fixes are worked out in as many processes as pay. This one alone writes, in the order of the files, so that neither
the files nor what is said depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vgspec.cli.bugs import describe
from vgspec.cli.checking import Job, load_target
from vgspec.cli.exits import Exit, UsageError
from vgspec.cli.output import Output

if TYPE_CHECKING:
    from vgspec.diagnostics import Diagnostic
    from vgspec.lint.fixes import Fixed

__all__ = ["Proposed", "diff_targets", "fix_targets", "propose"]

_FILES_A_WORKER = 2  # fixing a file takes many times as long as linting it


@dataclass(frozen=True, slots=True)
class Proposed:
    """What fixing would make of a target.

    Attributes:
        text: its text with all fixes; None if there is nothing to write.
        before: the bytes it was read from.
        applied: the findings that are mended, each with its fix.
        problem: why it could not be worked out; empty if it could.
        status: the exit status that this brings with it.
    """

    text: str | None = None
    before: bytes = b""
    applied: tuple[Diagnostic, ...] = ()
    problem: str = ""
    status: Exit = Exit.OK


def fix_targets(jobs: Sequence[Job], unsafe: bool, out: Output, most: int | None = None) -> tuple[int, Exit]:
    """Make fixes in every file; each is written aside and renamed, and left alone if it has changed meanwhile.

    Args:
        jobs: the files.
        unsafe: also fixes that change the function.
        out: where to say what was done.
        most: the number of processes if the user has named one.

    Returns:
        How many findings were mended, and `Exit.OK` unless a file could not be fixed, whatever is found in it.

    Raises:
        UsageError: if standard input is among the files.
    """
    from vgspec.cli.checking import show_diagnostics
    from vgspec.files import OutputError, atomic_write

    if any(job.target.path is None or job.target.standard_input for job in jobs):
        raise UsageError("--fix: standard input cannot be changed; use --diff, or name a file")
    total, status = 0, Exit.OK
    for job, found in zip(jobs, _worked_out(jobs, unsafe, out, most), strict=True):
        target = job.target
        status = max(status, found.status)
        if found.text is None or target.path is None:
            continue
        if _bytes(target.path) != found.before:
            out.problem("warning", f"{target.name}: changed meanwhile, so it is left alone")
            status = max(status, Exit.FAILED)
            continue
        if not _reads_back(found.text, job):
            out.problem("error", f"{target.name}: left alone, since its fixes together would break it; this is a bug")
            status = Exit.BUG
            continue
        try:
            atomic_write(target.path, found.text, force=True)
        except OutputError as error:
            show_diagnostics(error.diagnostics, out)
            status = max(status, Exit.FAILED)
            continue
        total += len(found.applied)
        for item in found.applied:
            title = item.fix.title if item.fix is not None else ""
            out.say(f"{target.name}: {item.code} {item.name}: {title}")
    return total, status


def diff_targets(jobs: Sequence[Job], unsafe: bool, out: Output, most: int | None = None) -> str:
    """What fixing would change, as a unified diff; empty where there is nothing to fix."""
    import difflib

    parts = []
    for job, found in zip(jobs, _worked_out(jobs, unsafe, out, most), strict=True):
        if found.text is None:
            continue
        old, new = found.before.decode("utf-8").splitlines(keepends=True), found.text.splitlines(keepends=True)
        lines = difflib.unified_diff(old, new, job.target.name, job.target.name)
        parts.append(
            "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
        )
    return "".join(parts)


def _worked_out(jobs: Sequence[Job], unsafe: bool, out: Output, most: int | None) -> list[Proposed]:
    """What fixing would make of every target, in the order of the jobs; what went wrong is said."""
    from vgspec.cli.pool import run_all, workers_for
    from vgspec.cli.progress import bar

    work = partial(propose, unsafe=unsafe)
    if len(jobs) == 1:
        with out.progress(f"fixing {jobs[0].target.name}"):
            found = run_all(jobs, 1, work, _killed)
    else:
        with bar(out, len(jobs), "fixing") as shown:
            found = run_all(jobs, workers_for(jobs, most, paying=_FILES_A_WORKER), work, _killed, shown.step)
    for job, item in zip(jobs, found, strict=True):
        if item.problem:
            out.problem("error", f"{job.target.name}: not fixed, because {item.problem}")
    return found


def propose(job: Job, unsafe: bool) -> Proposed:
    """What fixing would make of a target; a bug that it brings to light does not keep others from being fixed."""
    try:
        made = _fixed(job, unsafe)
    except Exception as error:
        return Proposed(problem=f"of a bug in vgspec: {describe(error)}", status=Exit.BUG)
    return Proposed() if made is None else Proposed(made[0].text, made[1], made[0].applied)


def _killed(job: Job, status: int | None) -> Proposed:
    """The result for a file on which a process died."""
    from vgspec.cli.pool import ended

    how, help = ended(status)
    problem = f"the process that worked on it was ended {how}{f'; {help}' if help else ''}"
    return Proposed(problem=problem, status=Exit.FAILED)


def _fixed(job: Job, unsafe: bool) -> tuple[Fixed, bytes] | None:
    """A target's text with all fixes, and the bytes it was read from; None if there is nothing to write."""
    from vgspec.lint.engine import Selection as RuleSelection
    from vgspec.lint.fixes import fix_spec

    target, selection, settings = job.target, job.selection, job.settings
    before = job.data if target.standard_input else _bytes(target.path)
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
