"""What a fuzzer asks of vgspec: any input gives diagnostics or a graph, in bounded time, and no exception."""

from __future__ import annotations

import hashlib
import random
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.mutate import CORPUS, EXPRESSIONS, mutate_data, mutate_text, seeds

__all__ = ["Tally", "check_expression", "check_spec", "fuzz"]

_SLOW = 20.0  # seconds of processor time after which an input counts as a hang
_LINTED = 400  # nodes up to which the graph is linted too


class Slow(Exception):
    """An input took too long."""


@dataclass
class Tally:
    """What was tried and found: number of inputs, of valid ones, of findings by code; failures by place."""

    runs: int = 0
    valid: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, Any] = field(default_factory=dict)
    slowest: float = 0.0


def check_spec(source: Any, *, lint: bool = True) -> tuple[bool, list[str]]:
    """Load a text or data, and lint and print what comes of it.

    Returns:
        Whether it is valid (a model, or definitions alone), and the codes of its findings.

    Raises:
        Exception: whatever escapes, which is a bug.
        Slow: if it takes too long.
    """
    from vgspec.frontend.load import load
    from vgspec.report.model import Report
    from vgspec.report.style import Look
    from vgspec.report.text import render_text
    from vgspec.source import MappingNode

    begun = time.process_time()
    if isinstance(source, str) and "\n" not in source:
        source += "\n"  # a text without a line break would be taken for a path
    spec = load(source)
    found = spec.diagnostics
    if spec.graph is not None:
        spec.graph.verify().canonical()
        if lint and len(spec.graph.nodes) <= _LINTED:
            from vgspec.lint.engine import lint as run

            found = run(spec).diagnostics
    render_text(Report(("x",), tuple(found), spec.sources), Look(100, False, "utf-8"))
    if time.process_time() - begun > _SLOW:
        raise Slow(f"{time.process_time() - begun:.1f} s")
    root = spec.document.root
    definitions = isinstance(root, MappingNode) and "layers" not in root
    assert spec.graph is not None or definitions or found, "no model, and nothing that says why"
    return spec.graph is not None or (definitions and not found), [d.code for d in found]


def check_expression(text: str) -> None:
    """Parse and evaluate a text as an expression.

    Raises:
        Exception: whatever escapes, which is a bug.
    """
    from vgspec.expressions import ExpressionError, evaluate, parse
    from vgspec.limits import DEFAULT_LIMITS

    names = {"i": 3, "w": 16, "f": 0.5, "s": "same", "xs": (1, 2, 3), "b": True, "n": None}
    expression = parse(f"$({text})", DEFAULT_LIMITS)
    if not isinstance(expression, ExpressionError):
        evaluate(expression, names, DEFAULT_LIMITS)


def fuzz(seconds: float, seed: int, *, lint: bool = True, keep: bool = False) -> Tally:
    """Try mutations of the seeds and the corpus for a while.

    Args:
        seconds: of processor time.
        seed: of the mutations.
        lint: also run the linter on what is valid.
        keep: write inputs that fail into the corpus.
    """
    from vgspec.source import parse_text

    signal.signal(signal.SIGVTALRM, _too_slow)
    chance, tally = random.Random(seed), Tally()
    kept = sorted(CORPUS.glob("*.txt")) if CORPUS.is_dir() else []
    texts = [path.read_text(encoding="utf-8") for path in [*seeds(), *kept]]
    data = [root.to_python() for text in texts if (root := parse_text(text)[0].root) is not None]
    data = [item for item in data if isinstance(item, dict)]
    expressions = list(EXPRESSIONS)
    end = time.process_time() + seconds
    while time.process_time() < end:
        tally.runs += 1
        begun = time.process_time()
        source: Any
        signal.setitimer(signal.ITIMER_VIRTUAL, _SLOW)
        try:
            match chance.randrange(5):
                case 0:
                    source = mutate_text(chance.choice(expressions), chance, expressions)
                    check_expression(source)
                    continue
                case 1 | 2:
                    source = mutate_text(chance.choice(texts), chance, texts)
                case _:
                    source = mutate_data(chance.choice(data), chance, data)
                    if not isinstance(source, dict):
                        continue
            valid, codes = check_spec(source, lint=lint)
            tally.valid += valid
            tally.codes.update(set(codes))
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            if place not in tally.failures:
                tally.failures[place] = (source, "".join(traceback.format_exception(error)[-6:]))
                if keep:
                    _keep(source)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        tally.slowest = max(tally.slowest, time.process_time() - begun)
    return tally


def _too_slow(*_: object) -> None:
    raise Slow(f"more than {_SLOW} s")


def _keep(source: Any) -> None:
    """Write an input into the corpus, as text."""
    import json

    CORPUS.mkdir(exist_ok=True)
    text = source if isinstance(source, str) else json.dumps(source, indent=1)
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    (CORPUS / f"{name}.txt").write_text(text, encoding="utf-8", errors="replace", newline="")
