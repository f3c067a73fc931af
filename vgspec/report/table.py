"""The table of ``vgspec show``: each call with its shape, weights and operations, then the totals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vgspec.analysis.cost import NodeCost, Totals, graph_cost, node_costs
from vgspec.ir import Dim, Graph, format_dim, format_shape
from vgspec.report.cells import printable, text_width
from vgspec.report.style import PLAIN, Look, Segment, paint

__all__ = ["grouped", "metric", "render_show", "render_show_json", "show_data", "table_lines"]

_LEAST = 8  # columns that a shortened column keeps
_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def metric(value: Dim) -> str:
    """A number of operations with a metric prefix: ``3.86 G``; symbolic ones as formulas."""
    if not isinstance(value, int):
        return format_dim(value)
    for size, prefix in _PREFIXES:
        if value >= size:
            return f"{value / size:.3g} {prefix}" if value / size < 999.5 else f"{value / size:.0f} {prefix}"
    return str(value)


def grouped(value: Dim) -> str:
    """A number of weights with thousands separated; symbolic ones as formulas."""
    return f"{value:,}" if isinstance(value, int) else format_dim(value)


def _shapes(cost: NodeCost) -> str:
    return " ".join(format_shape(tensor.shape) for tensor in cost.node.outputs)


def _inputs(cost: NodeCost) -> str:
    return ", ".join(dict.fromkeys(str(ref) for ref in cost.node.refs()))


def _dtypes(cost: NodeCost) -> str:
    return " ".join(dict.fromkeys(tensor.dtype for tensor in cost.node.outputs))


def render_show(graph: Graph, look: Look = PLAIN, *, connections: bool = False, dtypes: bool = False) -> str:
    """The table as text, fitted to the width of ``look``.

    Args:
        graph: the model.
        look: how text is shown.
        connections: with a column that names what each call reads.
        dtypes: with a column of output dtypes.
    """
    costs = node_costs(graph)
    header = ["node", "layer", "output shape", "parameters", "FLOPs"]
    rows = [[item.name, "input", format_shape(item.tensor.shape), "", ""] for item in graph.inputs]
    rows += [
        [
            cost.node.id,
            graph.operator(cost.node).title,
            _shapes(cost),
            "shared" if cost.again else grouped(cost.parameters),
            metric(cost.flops),
        ]
        for cost in costs
    ]
    right = {3, 4}
    if dtypes:
        header.append("dtype")
        for row, text in zip(rows, [*(i.tensor.dtype for i in graph.inputs), *map(_dtypes, costs)], strict=True):
            row.append(text)
    if connections:
        header.append("inputs")
        for row, text in zip(rows, [*("" for _ in graph.inputs), *map(_inputs, costs)], strict=True):
            row.append(text)
    lines = table_lines(header, rows, right, look)
    return "\n".join([paint([(printable(graph.name, look.encoding), "strong")], look.color), *lines, ""]) + (
        _totals(graph_cost(costs), len(graph.nodes), look)
    )


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], right: set[int], look: Look) -> list[str]:
    """A table as lines, fitted to the width of ``look``; the columns in ``right`` are numbers and stay whole."""
    cells = [[printable(cell, look.encoding) for cell in row] for row in (header, *rows)]
    widths = [max(text_width(row[i]) for row in cells) for i in range(len(header))]
    widths = _fitted(widths, look.width - 2 * (len(widths) - 1), fixed=right)
    dots = printable("…", look.encoding)
    lines: list[str] = []
    for number, row in enumerate(cells):
        segments: list[Segment] = []
        for i, cell in enumerate(row):
            text = _shortened(cell, widths[i], dots)
            pad = " " * (widths[i] - text_width(text))
            shown = pad + text if i in right else text + pad
            segments += [(shown, "strong" if number == 0 else ""), ("  ", "")]
        lines.append(paint(segments, look.color))
        if number == 0:
            rule = printable("─", look.encoding) * (sum(widths) + 2 * (len(widths) - 1))
            lines.append(paint([(rule, "faint")], look.color))
    return lines


def _fitted(widths: Sequence[int], room: int, fixed: set[int]) -> list[int]:
    """Widths made to fit by taking from the widest column first; number columns and small ones stay whole."""
    fitted = list(widths)
    while sum(fitted) > room:
        candidates = [i for i in range(len(fitted)) if i not in fixed and fitted[i] > _LEAST]
        if not candidates:
            break
        fitted[max(candidates, key=lambda i: fitted[i])] -= 1
    return fitted


def _shortened(text: str, width: int, dots: str) -> str:
    """``text`` in ``width`` columns, shortened in the middle, since ids differ at both ends."""
    if text_width(text) <= width:
        return text
    room = width - len(dots)
    head, tail = text, text
    while text_width(head) > room // 2:
        head = head[:-1]
    while text_width(tail) > room - room // 2:
        tail = tail[1:]
    return head + dots + tail


def _totals(totals: Totals, calls: int, look: Look) -> str:
    flops = metric(totals.flops)
    if totals.unknown_flops:
        layers = f"{totals.unknown_flops} layer{'' if totals.unknown_flops == 1 else 's'}"
        flops += f" for one sample, without {layers} whose operations are not known"
    else:
        flops += " for one sample"
    rows = [
        ("layer calls", str(calls)),
        ("parameters", grouped(totals.parameters)),
        ("trainable", grouped(totals.trainable)),
        ("non-trainable", grouped(totals.frozen)),
        ("FLOPs", flops),
    ]
    width = max(len(name) for name, _ in rows) + 2
    lines = [
        paint([(f"{name + ':':<{width}}", "strong"), (printable(text, look.encoding), "")], look.color)
        for name, text in rows
    ]
    return "\n" + "\n".join(lines) + "\n"


def _size(dim: Dim) -> int | str | None:
    return dim if isinstance(dim, int) or dim is None else str(dim)


def show_data(graph: Graph) -> dict[str, Any]:
    """The table as data: sizes are numbers, formulas of symbolic sizes as text, or null where unknown."""
    costs = node_costs(graph)
    totals = graph_cost(costs)
    return {
        "version": 1,
        "name": graph.name,
        "hash": graph.hash(),
        "inputs": [
            {"name": i.name, "shape": [_size(d) for d in i.tensor.shape], "dtype": i.tensor.dtype} for i in graph.inputs
        ],
        "nodes": [
            {
                "id": cost.node.id,
                "layer": graph.operator(cost.node).type_name,
                "shared": None if cost.node.layer == cost.node.id else cost.node.layer,
                "inputs": list(dict.fromkeys(str(ref) for ref in cost.node.refs())),
                "outputs": [{"shape": [_size(d) for d in t.shape], "dtype": t.dtype} for t in cost.node.outputs],
                "parameters": _size(cost.parameters),
                "trainable": _size(cost.trainable),
                "non_trainable": _size(cost.frozen),
                "flops": _size(cost.flops),
            }
            for cost in costs
        ],
        "outputs": [{"name": output.name, "value": str(output.ref)} for output in graph.outputs],
        "returns": graph.returns.value,
        "totals": {
            "parameters": _size(totals.parameters),
            "trainable": _size(totals.trainable),
            "non_trainable": _size(totals.frozen),
            "flops": _size(totals.flops),
            "calls_without_flops": totals.unknown_flops,
        },
    }


def render_show_json(graph: Graph) -> str:
    """`show_data` as indented JSON."""
    return json.dumps(show_data(graph), indent=2, ensure_ascii=False) + "\n"
