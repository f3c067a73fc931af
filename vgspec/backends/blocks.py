"""Repeated structure in the sequence of calls, so that generated source has a function per block.

Where blocks or repeats of the spec were expanded into calls that differ only in names, in the tensors they read
and in literal layer arguments, these calls become one `Template` and several `BlockCall`; inner blocks
first, so that templates call templates. The expansion chains of the nodes only suggest where to look: what
is one template is decided by comparison, so a wrong chain can make the source longer, never different.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vgspec.backends.construct import Construct, Expr, TensorUse, describe_value, parts
from vgspec.backends.program import CallStep, InputStep, LayerStep, Program, Step
from vgspec.ir import Frame, Graph, Ref

__all__ = ["BlockCall", "Parameter", "Suffixed", "Template", "Unit", "find_blocks", "given_by", "read_by"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """In a template: the value of the parameter with this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Suffixed:
    """In a template: the occurrence's own name followed by this text."""

    text: str


@dataclass(frozen=True, slots=True)
class BlockCall:
    """One occurrence of a template.

    Attributes:
        template: its number.
        name: what the names of the occurrence's layers begin with; a string, or `Suffixed` inside a template.
        inputs: the values that it reads from outside.
        outputs: its values that are read outside.
        values: the literals in which it differs from the others.
    """

    template: int
    name: Expr
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    values: tuple[Expr, ...]


Unit = Step | BlockCall


@dataclass(frozen=True, slots=True)
class Template:
    """Calls that occur several times.

    Attributes:
        block: the name of the block or repeat that they come from.
        prefix: what the names of the first occurrence's nodes begin with.
        units: those of the first occurrence, with `Parameter` and `Suffixed` where the others differ.
        inputs: the values that come from outside, as the first occurrence names them.
        outputs: the values that are read outside, likewise.
        parameters: the names of the literals that differ.
    """

    block: str
    prefix: str
    units: tuple[Unit, ...]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    parameters: tuple[str, ...]


def given_by(unit: Unit) -> tuple[Ref, ...]:
    """The values that a step makes."""
    if isinstance(unit, InputStep):
        return (Ref(unit.input.name),)
    if isinstance(unit, BlockCall):
        return unit.outputs
    return () if isinstance(unit, LayerStep) else tuple(Ref(unit.node.id, i) for i in range(len(unit.node.outputs)))


def read_by(unit: Unit) -> tuple[Ref, ...]:
    """The values that a step reads, each once, in order."""
    if isinstance(unit, BlockCall):
        return unit.inputs
    return tuple(dict.fromkeys(unit.node.refs())) if isinstance(unit, CallStep) else ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A call, of a layer, an operation or a template.

    Attributes:
        name: the node's id, or what the names of the block's nodes begin with.
        unit: the call.
        layer: the making of its layer.
        alone: whether the layer is called only here and has the node's name.
        nodes: the nodes in it.
        chain: the frames that all of them have.
    """

    name: str
    unit: CallStep | BlockCall
    layer: LayerStep | None
    alone: bool
    nodes: tuple[str, ...]
    chain: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive items from one turn of a block or repeat, that could be a function's body.

    Attributes:
        start: the number of the first item.
        prefix: what the names of all nodes begin with.
        inputs: values from outside, in order of use.
        outputs: values that are read outside, in order.
        form: what is equal for occurrences of one template, as text.
    """

    start: int
    items: tuple[_Item, ...]
    prefix: str
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    form: str

    @property
    def chain(self) -> tuple[Frame, ...]:
        """The frames that all items have."""
        steps = zip(*(item.chain for item in self.items), strict=False)
        return tuple(step[0] for step in itertools.takewhile(lambda step: all(f == step[0] for f in step), steps))


def find_blocks(graph: Graph, program: Program) -> tuple[tuple[Template, ...], tuple[Unit, ...]]:
    """The templates, inner ones first, and the program's steps with calls of them put in."""
    items = list(_items(graph, program))
    templates: list[Template] = []
    alone: set[tuple[str, ...]] = set()
    """The names of the items of groups that have no like: they are not looked at again."""
    while runs := _innermost(items, alone):
        alike: dict[str, list[_Group]] = {}
        for start, end in runs:
            group = _group(graph, start, tuple(items[start:end]))
            alike.setdefault(group.form, []).append(group)
        calls: list[tuple[_Group, BlockCall]] = []
        for groups in alike.values():
            made = _template(graph, groups, templates) if len(groups) > 1 and _is_body(groups[0]) else None
            if made is None:
                alone |= {_key(group.items) for group in groups}
                continue
            template, values = made
            for group, own in zip(groups, values, strict=True):
                calls.append((group, BlockCall(len(templates), group.prefix, group.inputs, group.outputs, own)))
            templates.append(template)
        for group, call in sorted(calls, key=lambda pair: -pair[0].start):
            nodes = tuple(name for item in group.items for name in item.nodes)
            items[group.start : group.start + len(group.items)] = [
                _Item(group.prefix, call, None, True, nodes, group.chain)
            ]
    inputs = [step for step in program.steps if isinstance(step, InputStep)]
    return tuple(templates), (*inputs, *(unit for item in items for unit in _units(item)))


def _items(graph: Graph, program: Program) -> Iterator[_Item]:
    calls: dict[str, int] = {}
    for node in graph.nodes:
        calls[node.layer] = calls.get(node.layer, 0) + 1
    layer: LayerStep | None = None
    for step in program.steps:
        if isinstance(step, LayerStep):
            layer = step
        elif isinstance(step, CallStep):
            node = step.node
            alone = step.is_operation or (calls[node.layer] == 1 and node.layer == node.id)
            yield _Item(node.id, step, layer, alone, (node.id,), node.origin.chain)
            layer = None


def _units(item: _Item) -> tuple[Unit, ...]:
    return (item.unit,) if item.layer is None else (item.layer, item.unit)


def _key(items: Sequence[_Item]) -> tuple[str, ...]:
    return tuple(item.name for item in items)


def _innermost(items: Sequence[_Item], alone: set[tuple[str, ...]]) -> list[tuple[int, int]]:
    """The ranges of items from one turn of a block or repeat that hold no other such range."""
    found: set[tuple[int, int]] = set()
    deepest = max((len(item.chain) for item in items), default=0)
    for depth in range(1, deepest + 1):
        for _, run in itertools.groupby(range(len(items)), key=lambda i: _Turn(items[i].chain[:depth])):
            numbers = list(run)
            start, end = numbers[0], numbers[-1] + 1
            if len(items[start].chain) >= depth and end - start > 1 and _key(items[start:end]) not in alone:
                found.add((start, end))
    ordered = sorted(found, key=lambda pair: (pair[0], -pair[1]))
    return [a for a, b in itertools.zip_longest(ordered, ordered[1:]) if b is None or b[0] >= a[1]]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Frames, compared and never hashed: their bindings may hold lists."""

    frames: tuple[Frame, ...]


def _is_body(group: _Group) -> bool:
    return bool(group.outputs and group.prefix) and all(item.alone for item in group.items)


def _group(graph: Graph, start: int, items: tuple[_Item, ...]) -> _Group:
    steps = zip(*(item.name.split(".") for item in items), strict=False)
    prefix = ".".join(same[0] for same in itertools.takewhile(lambda step: len(set(step)) == 1, steps))
    places = {ref: (i, j) for i, item in enumerate(items) for j, ref in enumerate(given_by(item.unit))}
    inputs = tuple(dict.fromkeys(ref for item in items for ref in read_by(item.unit) if ref not in places))
    inside = {name for item in items for name in item.nodes}
    results = {output.ref for output in graph.outputs}
    outputs = tuple(
        ref
        for ref in places
        if ref in results
        or any(ref in graph.by_id[name].refs() for name in graph.consumers[ref.node] if name not in inside)
    )

    def place(ref: Ref) -> tuple[int, int]:
        return places.get(ref) or (-1, inputs.index(ref))

    form = [(item.name[len(prefix) :], _form(item, place)) for item in items]
    return _Group(start, items, prefix, inputs, outputs, repr((form, [place(ref) for ref in outputs])))


def _form(item: _Item, place: Expr) -> Expr:
    """What two calls have in common that differ only in names, sources and literals of layers."""
    unit = item.unit
    if isinstance(unit, BlockCall):
        return (unit.template, [place(ref) for ref in unit.inputs], [place(ref) for ref in unit.outputs])
    make = None if item.layer is None else item.layer.make
    return (
        unit.function if make is None else make.function,
        None if make is None else [pair for pair in make.kwargs if not _is_literal(pair[1])],
        _placed(unit.args, place),
        [(name, _placed(value, place)) for name, value in unit.kwargs],
        len(unit.node.outputs),
    )


def _placed(expr: Expr, place: Expr) -> Expr:
    """An expression with tensors replaced by where they come from."""
    if isinstance(expr, TensorUse):
        return ("from", place(expr.ref))
    if isinstance(expr, tuple | list):
        return [_placed(item, place) for item in expr]
    if isinstance(expr, dict):
        return {key: _placed(item, place) for key, item in expr.items()}
    return expr


def _is_literal(expr: Expr) -> bool:
    return next(parts(expr), None) is None


class _Columns:
    """The literals that differ between groups, by parameter: those that differ alike are one."""

    def __init__(self, groups: Sequence[_Group]) -> None:
        self.bound = [dict(pair for frame in group.chain for pair in frame.bindings) for group in groups]
        self.names: list[str] = []
        self.columns: list[tuple[Expr, ...]] = []

    def expr(self, name: str, column: tuple[Expr, ...]) -> Expr | None:
        """The value if it is the same for all groups, else a parameter; None if it is no literal."""
        if all(_same(value, column[0]) for value in column):
            return (column[0],)
        if not all(map(_is_literal, column)):
            return None
        for known, values in zip(self.names, self.columns, strict=True):
            if _same(values, column):
                return (Parameter(known),)
        own = (key for key in self.bound[0] if self._binds(key, column))
        wanted = next(own, name)
        candidate = next(
            text for n in itertools.count(1) if (text := wanted if n == 1 else f"{wanted}_{n}") not in self.names
        )
        self.names.append(candidate)
        self.columns.append(column)
        return (Parameter(candidate),)

    def _binds(self, key: str, column: tuple[Expr, ...]) -> bool:
        """Whether the block's own parameter ``key`` has these values."""
        return all(key in own and _same(own[key], value) for own, value in zip(self.bound, column, strict=True))


def _template(
    graph: Graph, groups: Sequence[_Group], templates: Sequence[Template]
) -> tuple[Template, list[tuple[Expr, ...]]] | None:
    """The template of groups of one form, and the literals of each group; None if they cannot share one."""
    first = groups[0]
    table = _Columns(groups)
    units: list[Unit] = []
    for i, item in enumerate(first.items):
        like = [group.items[i] for group in groups]
        name = Suffixed(item.name[len(first.prefix) :])
        if isinstance(item.unit, BlockCall):
            own = [one.unit.values for one in like if isinstance(one.unit, BlockCall)]
            names = templates[item.unit.template].parameters
            found = [table.expr(name, column) for name, column in zip(names, zip(*own, strict=True), strict=True)]
            if None in found:
                return None
            units.append(replace(item.unit, name=name, values=tuple(value[0] for value in found if value)))
        elif item.layer is None:
            units.append(replace(item.unit, name=name))
        else:
            kwargs: list[tuple[str, Expr]] = []
            for argument in _argument_names(graph, like):
                value = table.expr(argument, tuple(_value(graph, one, argument) for one in like))
                if value is None:
                    return None
                kwargs.append((argument, value[0]))
            make = Construct(item.layer.make.function, (*kwargs, ("name", name)))
            units += [replace(item.layer, make=make), item.unit]
    words = first.chain[-1].what.split() if first.chain else []
    template = Template(
        block=words[1] if len(words) > 1 else "block",
        prefix=first.prefix,
        units=tuple(units),
        inputs=first.inputs,
        outputs=first.outputs,
        parameters=tuple(table.names),
    )
    return template, [tuple(column[i] for column in table.columns) for i in range(len(groups))]


def _same(a: Expr, b: Expr) -> bool:
    return repr(a) == repr(b)  # True and 1 are equal, and not the same


def _argument_names(graph: Graph, items: Sequence[_Item]) -> list[str]:
    """The layer arguments that any of the items gives, in the order of the descriptor."""
    given = {name for item in items if item.layer for name, _ in item.layer.make.kwargs}
    fields = type(graph.layers[items[0].name]).model_fields  # type: ignore[attr-defined]
    return [name for name in fields if name in given]


def _value(graph: Graph, item: _Item, name: str) -> Expr:
    """A layer argument, its default where it is not given."""
    assert item.layer is not None
    for given, value in item.layer.make.kwargs:
        if given == name:
            return value
    return describe_value(getattr(graph.layers[item.name], name))
