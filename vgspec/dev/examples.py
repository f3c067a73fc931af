"""The examples in the documentation: executed by the tests, refreshed by ``python -m vgspec.dev.generate``.

A page is a Markdown file. Its fenced blocks are examples if they are one of these:

* a block after ``<!-- file: NAME -->`` is written to NAME before the commands below it run;
* a ``console`` block holds commands (``$ vgspec …``, ``$ cat FILE``, ``$ python FILE``), each followed by what
  it prints;
* a ``yaml`` or ``json`` block with the key ``vgspec`` at its top is a spec, and has no error.

All commands of a page run in one temporary folder, with a copy of the repository's ``specs``.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "blocks", "is_slow", "pages", "refreshed", "run"]

ROOT = Path(__file__).resolve().parents[2]
WIDTH = "100"
_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.M | re.S)
_FILE = re.compile(r"<!-- file: (?P<name>[\w./-]+) -->\s*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: the word after the fence.
        text: what it holds.
        start: where ``text`` begins in the page.
        end: where it ends.
        file: the file that it is, or an empty string.
        line: the line of its first line, from 1.
    """

    language: str
    text: str
    start: int
    end: int
    file: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for match in _FENCE.finditer(page):
        named = _FILE.search(page, 0, match.start())
        line = page.count("\n", 0, match.start("text")) + 1
        language = match["info"].strip().partition(" ")[0]
        yield Block(
            language, match["text"], match.start("text"), match.end("text"), named["name"] if named else "", line
        )


def pages() -> list[Path]:
    """The README and every page below ``docs``, generated ones too."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def is_slow(text: str) -> bool:
    """Whether a console block starts TensorFlow."""
    return any(re.match(r"\$ (python |vgspec build (?!.*\.py\b))", line) for line in text.splitlines())


def run(command: str) -> str:
    """What a command of a console block prints in the current folder, errors among it.

    Raises:
        ValueError: if it is none of the commands that a page may use.
    """
    words = shlex.split(command)
    if words[0] == "vgspec":
        return _run_vgspec(words[1:])
    if words[0] == "cat" and len(words) == 2:
        return Path(words[1]).read_text(encoding="utf-8")
    if words[0] == "python" and len(words) == 2:
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "TF_ENABLE_ONEDNN_OPTS": "0"}
        paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path)
        environ = {**os.environ, **quiet, "PYTHONPATH": paths}
        done = subprocess.run([sys.executable, words[1]], capture_output=True, text=True, encoding="utf-8", env=environ)
        return done.stdout if done.returncode == 0 else done.stdout + done.stderr
    raise ValueError(f"a page may run vgspec, cat FILE and python FILE, not {command!r}")


def _run_vgspec(argv: list[str]) -> str:
    from vgspec.cli import main
    from vgspec.cli.output import Output

    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="utf-8", write_through=True)
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        main(argv, Output(stream, stream, color="never"))
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return buffer.getvalue().decode("utf-8")


def refreshed(page: str, *, slow: bool = False) -> str:
    """The page with the output of its console blocks as it is now; those that start TensorFlow only if asked for."""
    made: list[str] = []
    position = 0
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        shutil.copytree(ROOT / "specs", "specs")
        for block in blocks(page):
            if block.file:
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.text, encoding="utf-8")
            if block.language == "console" and (slow or not is_slow(block.text)):
                made += [page[position : block.start], _console(block.text)]
                position = block.end
    return "".join([*made, page[position:]])


def _console(text: str) -> str:
    """A console block with fresh output: the lines that are commands are kept, all others written anew."""
    parts: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            command = line.removeprefix("$ ").partition("  #")[0]
            output = "\n".join(row.rstrip() for row in run(command).splitlines()).strip("\n")
            gap = "\n" if parts else ""
            parts.append(f"{gap}{line}\n" + (f"{output}\n" if output else ""))
    return "".join(parts)
