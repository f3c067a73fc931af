"""`Spec`: a document with everything the frontend made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vgspec.diagnostics import Diagnostic, Severity, has_errors
from vgspec.ir import Graph
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.source import Document, SourceMap

__all__ = ["Spec", "SpecError"]


class SpecError(ValueError):
    """A spec that a model was asked of has errors. ``diagnostics`` holds all of them."""

    def __init__(self, diagnostics: Iterable[Diagnostic], sources: SourceMap | None = None) -> None:
        """Keep the findings; the message lists the errors with their places."""
        self.diagnostics = tuple(diagnostics)
        lines = []
        for item in self.diagnostics:
            if item.severity is Severity.ERROR:
                place = sources.describe(item.span) if sources is not None and item.span is not None else item.file
                at = f" at {item.pointer}" if item.span is None and item.pointer else ""
                lines.append(f"{place}{at}: {item.message} [{item.code}]")
        count = f"{len(lines)} error{'s' if len(lines) != 1 else ''}"
        super().__init__("\n".join([f"the spec has {count}:", *lines]))


@dataclass(frozen=True)
class Spec:
    """A model spec after loading.

    Attributes:
        document: the text and its tree.
        sources: every document that was read, by file name, for showing places.
        graph: the expanded graph with shapes; None if there are errors, or only definitions.
        diagnostics: everything found while loading, in document order.
        params: the values of the document's parameters.
        path: the file it was read from, if it was.
        limits: the bounds it was loaded with.
        facts: what rules want to know of the document beside the graph (unused definitions …).
    """

    document: Document
    sources: SourceMap
    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    limits: Limits = DEFAULT_LIMITS
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not has_errors(self.diagnostics)

    @property
    def is_library(self) -> bool:
        """Whether the document has only definitions for other specs to include."""
        return self.ok and self.graph is None

    def require_graph(self) -> Graph:
        """The graph.

        Raises:
            SpecError: if the spec has errors or describes no model.
        """
        if self.graph is not None and self.ok:
            return self.graph
        if self.ok:
            from vgspec import codes

            message = "this spec has only definitions: a model needs 'inputs' and 'layers'"
            raise SpecError((codes.NOT_A_MODEL.diagnostic(message, file=self.document.file),), self.sources)
        raise SpecError(self.diagnostics, self.sources)

    def to_dict(self) -> dict[str, Any]:
        """The document as plain Python data."""
        root = self.document.root
        value = root.to_python() if root is not None else {}
        return value if isinstance(value, dict) else {}

    def to_json(self, *, indent: int | None = 2) -> str:
        """The document as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False) + "\n"

    def to_yaml(self) -> str:
        """The document as YAML: its own text where it has one in YAML."""
        text = self.document.text
        if text is not None and not text.lstrip("\ufeff \t\r\n").startswith("{"):
            return text
        from vgspec.source.dump import dump_yaml

        return dump_yaml(self.to_dict())
