"""On a Keras older than the newest supported one, tests of what it does not have are skipped, with the reason."""

from __future__ import annotations

import re
from collections.abc import Generator
from importlib import metadata

import pytest

from vgspec.dev.versions import NEWEST

_MISSING = re.compile(
    r"module '(keras[\w.]*)' has no attribute '(\w+)'"
    r"|Keras [\d.]+ has no (?:module )?'(\w+)'"
    r"|(\w+) of Keras [\d.]+ has no arguments? '(\w+)'"
)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


OLD = _version(metadata.version("keras")) < _version(NEWEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test that fails because the installed Keras lacks a class, function or argument."""
    try:
        return (yield)
    except Exception as error:
        found: BaseException | None = error
        while OLD and found is not None:
            if match := _MISSING.search(str(found)):
                pytest.skip(f"Keras {metadata.version('keras')}: {match[0]}")
            found = found.__cause__ or found.__context__
        raise
