"""Mutations of real specs: of their bytes, and of their data."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

__all__ = ["CONFIGS", "CORPUS", "EXPRESSIONS", "FOUND", "SEEDS", "WORDS", "mutate_data", "mutate_text", "seeds"]

_ROOT = Path(__file__).parents[2]
SEEDS = _ROOT / "specs"
CORPUS = Path(__file__).with_name("corpus")
"""Inputs that once did harm; each is run again by the tests."""

FOUND = Path(__file__).with_name("found")
"""Inputs of single targets that once did harm, in a folder for each."""
CONFIGS = Path(__file__).with_name("configs")
"""Configs of small Keras models, as ``model.to_json()`` gives them."""
EXPRESSIONS = ("w * 2 ** i", "make_divisible(w * f, 8)", "min(xs[0], len(xs)) // 2 if b else 1 / i", "not n == s")
"""Expressions to start from."""

WORDS = (
    *("null", "~", "true", "no", "0", "-1", "1e309", ".nan", ".inf", "0x7f", "1_000", "9" * 30, "''", '""', "[]", "{}"),
    *("&a", "*a", "<<", "!!str", "!t", "? ", "- ", "|", ">", "%YAML 1.1\n", "---\n", "...\n", "#", ": ", ",", "\t"),
    *("$x", "$(1/0)", "$(2**64)", "$(xs[0])", "$(", ")", "$$", "\\", "\x00", "\ufeff", "\u2028", "é", "\U0001f600"),
    *("Dense", "Conv2D", "LSTM", "Lambda", "ops.add", "use", "call", "repeat", "residual", "parallel", "include"),
    *("blocks", "shared", "params", "inputs", "outputs", "compile", "lint", "in", "id", "with", "body", "layers"),
)
"""What a text is broken with."""
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 0.0, -0.5, 1e308, float("inf"), float("nan")),
    *("", "x", "relu", "Dense", "$i", "$(1)", "$(", "input", "a.b", "a:1", "a:99", "/", "~", "é", "a" * 3000),
    *([], {}, [None], [[]], {"": ""}, {"Dense": {}}, {"Dense": None}, {"use": "x"}, {"repeat": 2, "body": []}),
)


def seeds() -> list[Path]:
    """The specs to start from."""
    return sorted(SEEDS.rglob("*.yaml"))


def mutate_text(text: str, chance: random.Random, others: list[str]) -> str:
    """``text`` with a few places cut, doubled, moved or replaced."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        lines = text.split("\n")
        at = chance.randrange(len(text) + 1)
        row = chance.randrange(len(lines))
        match chance.randrange(9):
            case 0:
                text = text[:at] + chance.choice(WORDS) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randrange(1, 12) :]
            case 2:
                text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x110000)))) + text[at:]
            case 3:
                lines.insert(row, lines[chance.randrange(len(lines))])
                text = "\n".join(lines)
            case 4:
                del lines[row]
                text = "\n".join(lines)
            case 5:
                lines[row] = " " * chance.randrange(9) + lines[row].strip()
                text = "\n".join(lines)
            case 6:
                words = text.split(" ")
                words[chance.randrange(len(words))] = chance.choice(WORDS)
                text = " ".join(words)
            case 7:
                other = chance.choice(others).split("\n")
                start = chance.randrange(len(other))
                lines[row:row] = other[start : start + chance.randrange(1, 6)]
                text = "\n".join(lines)
            case _:
                text = text[:at]
    return text


def mutate_data(data: Any, chance: random.Random, others: list[Any]) -> Any:
    """Plain data like ``data`` with a few values replaced, dropped, doubled or taken from elsewhere."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = _changed(data, chance, others)
    return data


def _changed(data: Any, chance: random.Random, others: list[Any]) -> Any:
    if isinstance(data, dict) and data and chance.random() < 0.9:
        key = chance.choice(list(data))
        match chance.randrange(8):
            case 0:
                return {k: v for k, v in data.items() if k != key}
            case 1:
                return {(k if k != key else str(chance.choice(_VALUES))): v for k, v in data.items()}
            case 2:
                return {**data, chance.choice(WORDS): chance.choice(_VALUES)}
            case _:
                return {**data, key: _changed(data[key], chance, others)}
    if isinstance(data, list) and data and chance.random() < 0.9:
        at = chance.randrange(len(data))
        match chance.randrange(8):
            case 0:
                return data[:at] + data[at + 1 :]
            case 1:
                return [*data[:at], data[at], *data[at:]]
            case 2:
                return [*data[:at], chance.choice(_VALUES), *data[at:]]
            case _:
                return [*data[:at], _changed(data[at], chance, others), *data[at + 1 :]]
    if chance.random() < 0.3:
        other: Any = chance.choice(others)
        while isinstance(other, dict | list) and other and chance.random() < 0.8:
            other = chance.choice(list(other.values()) if isinstance(other, dict) else other)
        return other
    return chance.choice(_VALUES)
