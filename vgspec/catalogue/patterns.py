"""Regular expressions in documents: checked so that matching one cannot take long.

Keras matches them against the paths of variables. A document may come from anybody, and Python's matcher
needs exponential time for nested repetition; so only expressions without it are taken.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator

__all__ = ["MAX_LENGTH", "MAX_REPETITIONS", "Pattern", "check_pattern"]

MAX_LENGTH = 200
MAX_REPETITIONS = 3
"""Repetitions in one expression: matching a path of n characters takes at most about n**3 steps."""


def check_pattern(text: str) -> str:
    """The expression itself, if it is valid and quick to match.

    Raises:
        ValueError: with the reason if it is not.
    """
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if re.search(r"\)[*+?{]", text):
        raise ValueError("a group may not be repeated, because matching it could take very long")
    if len(re.findall(r"[*+{]", text)) > MAX_REPETITIONS:
        raise ValueError(f"more than {MAX_REPETITIONS} repetitions, so that matching could take very long")
    return text


Pattern: TypeAlias = Annotated[str, MinLen(1), MaxLen(MAX_LENGTH), AfterValidator(check_pattern)]
