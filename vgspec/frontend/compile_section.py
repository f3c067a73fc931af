"""The ``compile`` section of a spec: optimizer, losses and metrics, as ``model.compile`` of Keras takes them.

Losses, loss weights and metrics may be written for the one output, by output name, or as a list with an item
an output. `CompileSpec` holds one form: plain for a model with one output, else mappings by output name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from vgspec.catalogue.base import find
from vgspec.catalogue.compile_spec import CompileSpec
from vgspec.catalogue.problems import Problem, Token, attempt
from vgspec.diagnostics import nearest

__all__ = ["CompileSpec", "build_compile"]


def build_compile(data: Any, output_names: Sequence[str]) -> tuple[CompileSpec | None, list[Problem]]:
    """The compile settings that a section describes.

    Args:
        data: the section as plain data, expressions evaluated.
        output_names: the names of the model's outputs, in order.

    Returns:
        The settings, or None and what is wrong: path in the section, message, given part, near name.
    """
    names = tuple(item.name for item in fields(CompileSpec))
    if not isinstance(data, Mapping):
        return None, [Problem((), f"expected a mapping with the keys {', '.join(names)}", data)]
    section = _Section(tuple(output_names), [])
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in names:
            section.report((key,), f"compile has no argument {key!r}", value, nearest(str(key), names))
        else:
            values[key] = _READERS[key](section, value, (key,))
    weights = values.get("loss_weights")
    if isinstance(weights, Mapping) and isinstance(values.get("loss"), Mapping):
        values["loss_weights"] = {name: weights.get(name, 1.0) for name in values["loss"]}
    if values.get("loss_weights") is not None and values.get("loss") is None and not section.problems:
        section.report(("loss_weights",), "there are loss weights, but no loss", data["loss_weights"])
    return (None if section.problems else CompileSpec(**values)), section.problems


@dataclass(frozen=True, slots=True)
class _Section:
    """What reading a section needs: the outputs, and a place for problems."""

    outputs: tuple[str, ...]
    problems: list[Problem]

    def report(self, path: tuple[Token, ...], message: str, given: Any, near: str | None = None) -> None:
        self.problems.append(Problem(path, message, given, near))

    def object(self, kind: str, value: Any, path: tuple[Token, ...]) -> Any:
        """An object of a kind; None after reporting what is wrong."""
        if value is None:
            self.report(path, f"expected {_article(kind)}, got null", value)
            return None
        found, problems = attempt(kind, value, path)
        self.problems.extend(problems)
        return found

    def by_output(self, value: Any, path: tuple[Token, ...], read: Callable[[Any, tuple[Token, ...]], Any]) -> Any:
        """A mapping by output name, read item by item; a plain value if there is one output. Nulls are dropped."""
        found: dict[str, Any] = {}
        for token, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            name = self.outputs[token] if isinstance(token, int) else token
            if name not in self.outputs:
                message = f"the model has no output {name!r}; its outputs are {', '.join(self.outputs)}"
                self.report((*path, token), message, item, nearest(str(name), self.outputs))
            elif item is not None:
                found[name] = read(item, (*path, token))
        if len(self.outputs) == 1:
            return found.get(self.outputs[0])
        return found

    def counted(self, what: str, value: Sequence[Any], path: tuple[Token, ...]) -> bool:
        """Whether a list has an item for each output; reports it if not."""
        if len(value) == len(self.outputs):
            return True
        outputs = "one output" if len(self.outputs) == 1 else f"{len(self.outputs)} outputs"
        hint = "" if len(self.outputs) == 1 else f"; give {what} by output name: {', '.join(self.outputs)}"
        items = "one item" if len(value) == 1 else f"{len(value)} items"
        self.report(path, f"the model has {outputs}, but the list has {items}{hint}", value)
        return False


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _optimizer(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    return section.object("optimizer", value, path)


def _loss(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    if value is None:
        return None

    def read(item: Any, where: tuple[Token, ...]) -> Any:
        return section.object("loss", item, where)

    if isinstance(value, list | tuple):
        return section.by_output(value, path, read) if section.counted("losses", value, path) else None
    if isinstance(value, Mapping) and not _is_object("loss", value, section.outputs):
        return section.by_output(value, path, read)
    loss = read(value, path)
    return loss if len(section.outputs) == 1 or loss is None else dict.fromkeys(section.outputs, loss)


def _is_object(kind: str, value: Mapping[str, Any], outputs: Sequence[str]) -> bool:
    """Whether a mapping is ``{Name: arguments}`` rather than objects by output name."""
    if len(value) != 1:
        return False
    name = next(iter(value))
    return name not in outputs and (find(kind, name) is not None or name[:1].isupper())


def _weights(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    def read(item: Any, where: tuple[Token, ...]) -> Any:
        if isinstance(item, bool) or not isinstance(item, int | float):
            section.report(where, "expected a number", item)
            return None
        return float(item)

    if value is None:
        return None
    if isinstance(value, list | tuple):
        return section.by_output(value, path, read) if section.counted("loss weights", value, path) else None
    if isinstance(value, Mapping):
        return section.by_output(value, path, read)
    weight = read(value, path)
    if weight is not None and len(section.outputs) > 1:
        outputs = ", ".join(section.outputs)
        section.report(path, f"the model has several outputs; give loss weights by output name: {outputs}", value)
    return weight


def _metrics(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    read = partial(_metrics_at, section)
    if value is None:
        return None
    if isinstance(value, Mapping):
        return section.by_output(value, path, read) or None
    if not isinstance(value, list | tuple):
        section.report(path, "expected a list of metrics, or a mapping from output names to such lists", value)
        return None
    if len(section.outputs) == 1:
        return read(value, path) or None
    if not value or not section.counted("metrics", value, path):
        return None
    return section.by_output(value, path, read) or None


def _metrics_at(section: _Section, item: Any, where: tuple[Token, ...]) -> Any:
    """The metrics that an item of the list is or holds."""
    if isinstance(item, list | tuple):
        return tuple(metric for i, inner in enumerate(item) for metric in _metrics_at(section, inner, (*where, i)))
    metric = section.object("metric", item, where)
    return () if metric is None else (metric,)


def _flag(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    if not isinstance(value, bool):
        section.report(path, "expected true or false", value)
    return value


def _jit(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    if value != "auto" and not isinstance(value, bool):
        section.report(path, "expected true, false or auto", value)
    return value


def _steps(section: _Section, value: Any, path: tuple[Token, ...]) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        section.report(path, "expected a whole number of at least 1", value)
    return value


_READERS: Mapping[str, Callable[[_Section, Any, tuple[Token, ...]], Any]] = {
    "optimizer": _optimizer,
    "loss": _loss,
    "loss_weights": _weights,
    "metrics": _metrics,
    "weighted_metrics": _metrics,
    "run_eagerly": _flag,
    "steps_per_execution": _steps,
    "jit_compile": _jit,
    "auto_scale_loss": _flag,
}
