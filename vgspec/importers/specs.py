"""Imported models as specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vgspec import codes
from vgspec.frontend.load import load
from vgspec.importers.document import Unwritable, flat_document
from vgspec.importers.files import read_model_file
from vgspec.importers.keras_config import Imported, read_config
from vgspec.importers.networks import with_distinct_names
from vgspec.importers.problem import ImportProblem
from vgspec.ir import Graph
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.source import Document, SourceMap, parse_data
from vgspec.spec import Spec

__all__ = ["load_model_file", "spec_of_config", "to_document"]


def to_document(graph: Graph, *, flat: bool = False) -> dict[str, Any]:
    """The document of a graph.

    Args:
        graph: any graph of layer descriptors.
        flat: one item a call, instead of blocks and repeats where the graph repeats itself.

    Raises:
        Unwritable: if the language has no form for something in it.
    """
    graph = with_distinct_names(graph)
    if flat:
        return flat_document(graph)
    from vgspec.importers.decompile import decompile

    return decompile(graph)


def spec_of_config(data: Any, *, file: str, flat: bool = False, limits: Limits = DEFAULT_LIMITS) -> Spec:
    """The spec of a model's config: a document with the graph that it expands to.

    Its diagnostics are what importing found; with an error among them it has no graph.
    """
    imported = read_config(data, file=file, limits=limits)
    if imported.graph is None:
        return _failed(imported, file)
    try:
        document = to_document(imported.graph, flat=flat)
    except Unwritable as error:
        found = codes.BAD_CONFIG_VALUE.diagnostic(str(error), file=file)
        return _failed(Imported(None, (*imported.diagnostics, found)), file)
    spec = load(document, file=file, limits=limits)
    own = tuple(item for item in spec.diagnostics if item.code != codes.OPAQUE_LAYER.code)  # said of the config
    return replace(spec, diagnostics=(*imported.diagnostics, *own))


def load_model_file(path: Path, *, file: str | None = None, limits: Limits = DEFAULT_LIMITS) -> Spec:
    """A model file as it is, for looking at: its document is the config, its places are places in the config."""
    name = str(path) if file is None else file
    try:
        data = read_model_file(path, limits=limits)
    except ImportProblem as problem:
        return _failed(Imported(None, (problem.diagnostic(name),)), name)
    imported = read_config(data, file=name, limits=limits)
    if imported.graph is None:
        return _failed(imported, name)
    document, problems = parse_data(data if isinstance(data, Mapping) else {}, name, limits)
    return Spec(document, SourceMap.of([document]), imported.graph, (*problems, *imported.diagnostics), path=path)


def _failed(imported: Imported, file: str) -> Spec:
    document = Document(file, None, None)
    return Spec(document, SourceMap.of([document]), None, imported.diagnostics)
