"""Text or Python data → a node tree with spans. See `parse_text`, `parse_data` and `read_file`."""

from vgspec.source.data import parse_data
from vgspec.source.document import Document, Position, SourceMap, pointer_join, pointer_split
from vgspec.source.nodes import (
    MappingNode,
    ScalarNode,
    ScalarValue,
    SequenceNode,
    SNode,
    children,
    kind_of,
)
from vgspec.source.parse import parse_bytes, parse_text, read_file
from vgspec.source.scalars import needs_quotes, quote

__all__ = [
    "Document",
    "MappingNode",
    "Position",
    "SNode",
    "ScalarNode",
    "ScalarValue",
    "SequenceNode",
    "SourceMap",
    "children",
    "kind_of",
    "needs_quotes",
    "parse_bytes",
    "parse_data",
    "parse_text",
    "pointer_join",
    "pointer_split",
    "quote",
    "read_file",
]
