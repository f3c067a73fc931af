"""Text or Python data → a node tree with spans. See `parse_text`, `parse_data` and `read_file`."""

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
    "pointer_join",
    "pointer_split",
]
