"""Whole documents: chains and branches, blocks, repeats, residuals, shared layers, several inputs and outputs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from vgspec.frontend.load import load
from vgspec.ir import Tensor
from vgspec.testing.layers import items

__all__ = ["mutated", "specs", "widened"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_DIM = st.integers(2, 6)
_SYMBOLIC = st.sampled_from(["T", "S"])
_INPUTS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda d: [d], _DIM),
    st.builds(lambda t, d: [t, d], _DIM | _SYMBOLIC, _DIM),
    st.builds(lambda h, w, c: [h, w, c], st.integers(3, 6), st.integers(3, 6), st.integers(1, 3)),
    st.builds(lambda h, c: [h, h, h, c], st.integers(2, 4), st.integers(1, 2)),
    st.builds(lambda t: {"shape": [t], "dtype": "int32"}, _DIM),
)
MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate")


class _Document:
    """A document that grows item by item and stays valid."""

    def __init__(self, draw: Draw, inputs: dict[str, Any]) -> None:
        self.draw = draw
        self.document: dict[str, Any] = {"vgspec": "1", "name": "drawn", "inputs": inputs, "layers": []}
        self.values: list[tuple[str, Tensor]] = []
        self.count = 0

    def tensor_of(self, document: dict[str, Any], name: str) -> Tensor | None:
        """The type of a value, or None if the document is not valid."""
        graph = load({**document, "outputs": name}).graph
        return None if graph is None else graph.tensor(graph.outputs[0].ref)

    def add(self, item: dict[str, Any], **sections: dict[str, Any]) -> bool:
        """Append an item if the document stays valid with it."""
        name = f"v{self.count}"
        trial = copy.deepcopy(self.document)
        trial["layers"].append({"id": name, **item})
        for section, entries in sections.items():
            trial.setdefault(section, {}).update(entries)
        tensor = self.tensor_of(trial, name)
        if tensor is None or any(isinstance(size, int) and size > 200 for size in tensor.shape):
            return False
        self.count += 1
        self.document = trial
        self.values.append((name, tensor))
        return True

    def pick(self) -> tuple[str, Tensor]:
        """A value, a recent one more often."""
        recent = self.values[-3:]
        return self.draw(st.sampled_from([*self.values, *recent, *recent]))  # type: ignore[no-any-return]

    def layer(self, tensor: Tensor, source: str) -> dict[str, Any]:
        """An item that applies a layer to a value."""
        template, arguments = self.draw(items(tensor))
        if template.call == "self":
            return {"in": {"query": source, "value": source}, template.layer: arguments}
        if template.call == "pair":
            return {"in": [source, source], template.layer: arguments}
        return {"in": source, template.layer: arguments}

    def shape_keeping(self, tensor: Tensor) -> list[dict[str, Any]]:
        """A short chain that keeps the shape of a tensor, for residual branches and repeats."""
        width = tensor.shape[-1]
        simple: list[dict[str, Any]] = [
            {"Activation": {"activation": "tanh"}},
            {"Dropout": {"rate": 0.1}},
            {"LayerNormalization": {}},
        ]
        if isinstance(width, int):
            simple.append({"Dense": {"units": width}})
            if tensor.rank == 4:
                simple.append({"Conv2D": {"filters": width, "kernel_size": 3, "padding": "same"}})
            if tensor.rank == 3:
                simple.append({"Conv1D": {"filters": width, "kernel_size": 3, "padding": "same"}})
        return self.draw(st.lists(st.sampled_from(simple), min_size=1, max_size=3))  # type: ignore[no-any-return]

    def grow(self) -> None:
        """Add one thing."""
        name, tensor = self.pick()
        floating = not tensor.dtype.startswith("int") and tensor.rank >= 2
        kinds = ["layer"] * 6
        if floating:
            kinds += ["merge", "residual", "repeat", "block", "shared", "parallel"]
        kind = self.draw(st.sampled_from(kinds))
        if kind == "layer":
            self.add(self.layer(tensor, name))
        elif kind == "merge":
            partners = [other for other, t in self.values if t == tensor]
            chosen = self.draw(st.lists(st.sampled_from(partners), min_size=2, max_size=2))
            self.add({"in": chosen, self.draw(st.sampled_from(MERGES)): {}})
        elif kind == "residual":
            shortcut = self.draw(st.sampled_from(["identity", "auto"]))
            self.add({"in": name, "residual": {"body": self.shape_keeping(tensor), "shortcut": shortcut}})
        elif kind == "repeat":
            self.add({"in": name, "repeat": self.draw(st.integers(1, 3)), "body": self.shape_keeping(tensor)})
        elif kind == "parallel":
            branches = {"a": self.shape_keeping(tensor), "b": self.shape_keeping(tensor)}
            merge = self.draw(st.sampled_from(["Add", "Average", "Concatenate"]))
            self.add({"in": name, "parallel": {"branches": branches, "merge": merge}})
        elif kind == "block":
            units = self.draw(st.integers(1, 5))
            block = {
                "params": {"n": {"type": "int"}, "act": {"type": "activation", "default": "relu"}},
                "layers": [*self.shape_keeping(tensor), {"Dense": {"units": "$n", "activation": "$act"}}],
            }
            self.add({"in": name, "use": f"b{self.count}", "with": {"n": units}}, blocks={f"b{self.count}": block})
        else:
            template, arguments = self.draw(items(tensor))
            if template.call == "inputs":
                key = f"s{self.count}"
                if self.add({"in": name, "call": key}, shared={key: {template.layer: arguments}}):
                    same = [other for other, t in self.values if t == tensor]
                    self.add({"in": self.draw(st.sampled_from(same)), "call": key})


@st.composite
def specs(
    draw: Draw,
    *,
    min_items: int = 1,
    max_items: int = 8,
    max_inputs: int = 3,
    compiled: bool | None = None,
    scale: int = 1,
) -> dict[str, Any]:
    """Valid documents, as plain data.

    Args:
        draw: given by Hypothesis.
        min_items: the least number of growth steps that are tried.
        max_items: the greatest number.
        max_inputs: how many inputs at most.
        compiled: whether there is a compile section; None draws it.
        scale: multiplies every width. Widths are drawn from 1 to 6, so that 16 gives those of small real models.
    """
    shapes = draw(st.lists(_INPUTS, min_size=1, max_size=max_inputs))
    grown = _Document(draw, {f"x{i}": shape for i, shape in enumerate(shapes)})
    for name in grown.document["inputs"]:
        sizes = grown.document["inputs"][name]
        dtype = sizes["dtype"] if isinstance(sizes, dict) else "float32"
        dims = sizes["shape"] if isinstance(sizes, dict) else sizes
        graph_input = load({**grown.document, "layers": [{"in": name, "Identity": {}}]}).graph
        assert graph_input is not None, (name, dtype, dims)
        grown.values.append((name, graph_input.input_by_name[name].tensor))
    inputs = [name for name, _ in grown.values]
    for name in inputs:  # every input is used
        tensor = dict(grown.values)[name]
        while not grown.add(grown.layer(tensor, name)):
            pass
    for _ in range(draw(st.integers(min_items, max_items))):
        grown.grow()
    document = grown.document
    produced = [name for name, _ in grown.values if name not in inputs]
    used: set[str] = set()
    for item in document["layers"]:
        source = item["in"]
        used |= {source} if isinstance(source, str) else set(source if isinstance(source, list) else source.values())
    # What nothing reads becomes an output, so that no part of the graph is dead.
    ends = [name for name in produced if name not in used]
    form = draw(st.sampled_from(["list", "mapping"])) if len(ends) > 1 else "single"
    document["outputs"] = ends[0] if form == "single" else ends
    if form == "mapping":
        document["outputs"] = {f"out_{name}": name for name in ends}
    if draw(st.booleans()) if compiled is None else compiled:
        optimizer = draw(st.sampled_from(["adam", "sgd", {"AdamW": {"clipnorm": 1.0}}, {"RMSprop": {"rho": 0.8}}]))
        document["compile"] = {"optimizer": optimizer, "loss": "mse"}
        if form == "mapping":
            document["compile"]["loss"] = {f"out_{name}": "mse" for name in ends}
        elif form == "list":
            document["compile"]["loss"] = ["mse"] * len(ends)
    if scale == 1:
        return document
    wide = widened(document, scale)
    assume(wide is not None)
    assert wide is not None
    return wide


_WIDTHS = frozenset({"units", "filters", "output_dim", "key_dim", "value_dim", "head_dim", "n"})


def widened(document: dict[str, Any], scale: int) -> dict[str, Any] | None:
    """A document of `specs` with every width (units, filters, channels of inputs) multiplied.

    None where the wide document is not valid: where positions and channels changed places, say.
    """

    def wide(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            # of a RepeatVector, n is a number of positions
            return {k: v if key == "RepeatVector" else wide(v, k) for k, v in value.items()}
        if key in ("output_shape", "target_shape"):
            parts = value if isinstance(value, list) else [value]
            last = parts[-1] if parts[-1] is None or parts[-1] < 0 else parts[-1] * scale
            return [*parts[:-1], last] if isinstance(value, list) else last
        if isinstance(value, list):
            return [wide(item, key) for item in value]
        return value * scale if key in _WIDTHS and type(value) is int else value

    inputs = {}
    for name, given in document["inputs"].items():
        inputs[name] = given if isinstance(given, dict) else [*given[:-1], given[-1] * scale]
    found = {**wide(document, ""), "inputs": inputs}
    return found if load(found).graph is not None else None


_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["$x", "$(1/0)", "$(a.b)", "Dense", "Lambda", "in", "..", "v0:7", "$(2**62)", "$" * 3]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
)


@st.composite
def mutated(draw: Draw, *, changes: int = 2) -> Any:
    """A valid document in which one to ``changes`` things were replaced, removed, renamed or moved."""
    document: Any = draw(specs(max_items=5))
    for _ in range(draw(st.integers(1, changes))):
        path = draw(st.sampled_from(_places(document)))
        parent = document
        for token in path[:-1]:
            parent = parent[token]
        last = path[-1]
        action = draw(st.sampled_from(["replace", "remove", "rename", "wrap", "swap"]))
        if action == "replace":
            parent[last] = draw(_JUNK)
        elif action == "remove":
            del parent[last]
        elif action == "rename" and isinstance(parent, dict):
            parent[draw(st.text(max_size=6) | st.sampled_from(["units", "Dense", "repeat"]))] = parent.pop(last)
        elif action == "wrap":
            parent[last] = [parent[last]]
        else:
            other = draw(st.sampled_from(_places(document)))
            value = document
            for token in other:
                value = value[token]
            parent[last] = copy.deepcopy(value)
        if not isinstance(document, dict) or not document:
            break
    return document


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += _places(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            found += _places(item, (*path, i))
    return found
