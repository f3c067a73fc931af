"""Speed of the phases for pytest-benchmark: ``pytest tests/bench --benchmark-enable --benchmark-only``.

In the default run each is called once, to see that it works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vgspec.analysis.signal import profile
from vgspec.dev.bench.documents import SHAPES, residual
from vgspec.frontend.load import load
from vgspec.lint.engine import lint
from vgspec.source import parse_text

ROOT = Path(__file__).parents[2]
TEXTS = {"resnet50": (ROOT / "specs" / "resnet50.yaml").read_text(encoding="utf-8"), "1,000 layers": residual(1000)}


@pytest.fixture(params=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


def test_parse(benchmark: Any, text: str) -> None:
    document, _ = benchmark(parse_text, text, "bench.yaml")
    assert document.root is not None


def test_load(benchmark: Any, text: str) -> None:
    assert benchmark(load, text).ok


def test_profile(benchmark: Any, text: str) -> None:
    assert not benchmark(profile, load(text).require_graph()).unknown


def test_lint(benchmark: Any, text: str) -> None:
    assert benchmark(lint, load(text)).ok


@pytest.mark.parametrize("name", SHAPES)
def test_load_and_lint_of_every_shape(benchmark: Any, name: str) -> None:
    text = SHAPES[name](200)
    assert benchmark(lambda: lint(load(text))).spec.ok
