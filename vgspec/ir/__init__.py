"""The intermediate graph and its shapes. See `vgspec.ir.graph` and `vgspec.ir.dims`."""

from vgspec.ir.dims import BATCH, Dim, Shape, Sym, format_dim, format_shape
from vgspec.ir.graph import (
    Argument,
    Frame,
    Graph,
    GraphError,
    Input,
    Node,
    Operator,
    Origin,
    Output,
    Ref,
    Returns,
    Tensor,
    refs_of,
    with_refs,
)

__all__ = [
    "BATCH",
    "Argument",
    "Dim",
    "Frame",
    "Graph",
    "GraphError",
    "Input",
    "Node",
    "Operator",
    "Origin",
    "Output",
    "Ref",
    "Returns",
    "Shape",
    "Sym",
    "Tensor",
    "format_dim",
    "format_shape",
    "refs_of",
    "with_refs",
]
