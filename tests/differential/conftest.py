"""On a Keras older than the newest supported one, tests of what it lacks or does otherwise are skipped, with the reason."""

from __future__ import annotations

import re
from collections.abc import Generator
from importlib import metadata

import pytest

from tests.differential.older_keras import DIFFERENCES
from vgspec.dev.versions import NEWEST

_MISSING = re.compile(
    r"module '(keras[\w.]*)' has no attribute '(\w+)'"
    r"|Keras [\d.]+ has no (?:module )?'(\w+)'"
    r"|(\w+) of Keras [\d.]+ has no arguments? '(\w+)'"
)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


INSTALLED = metadata.version("keras")
OLD = _version(INSTALLED) < _version(NEWEST)


def _reason(item: pytest.Item, error: BaseException) -> str:
    """Why a test may fail with the installed version; empty if it may not."""
    found: BaseException | None = error
    texts = []
    while found is not None:
        texts.append(f"{type(found).__name__}: {found}")
        found = found.__cause__ or found.__context__
    text = "\n".join(texts)
    if match := _MISSING.search(text):
        return match[0]
    for row in DIFFERENCES:
        if (
            _version(INSTALLED) < _version(row.until)
            and re.search(row.tests, item.nodeid)
            and re.search(row.error, text)
        ):
            return row.why
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test that fails because of what the installed Keras lacks, or is known to do otherwise."""
    try:
        return (yield)
    except BaseException as error:  # what pytest.fail raises is no Exception
        failed = not isinstance(error, KeyboardInterrupt | SystemExit | pytest.skip.Exception)
        if OLD and failed and (reason := _reason(item, error)):
            pytest.skip(f"Keras {INSTALLED}: {reason}")
        raise
