"""Graph → a document as a person would write it."""

from __future__ import annotations

from typing import Any

from vgspec.importers.document import flat_document
from vgspec.ir import Graph

__all__ = ["decompile"]


def decompile(graph: Graph) -> dict[str, Any]:
    """The document of a graph."""
    return flat_document(graph)
