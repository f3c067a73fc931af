"""A Keras model's JSON config → graph, without Keras.

The config is data of unknown origin: nothing in it is imported or run. Nested models are flattened, the keys of
their layers prefixed with the nested model's name; `Graph.meta` keeps under ``nested`` what is needed to write
them as blocks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic, has_errors
from vgspec.frontend.builder import Builder
from vgspec.frontend.findings import Findings
from vgspec.frontend.opaque import opaque_findings
from vgspec.frontend.outputs import output_name
from vgspec.importers.calls import ConfigCall, TensorRef, keras_tensor, tensors
from vgspec.importers.ends import input_keys, input_places, is_nested, model_input, named_tensors, returned
from vgspec.importers.envelope import Envelope, open_envelope
from vgspec.importers.files import NO_WEIGHTS
from vgspec.importers.given import Bound, call_arguments, nested_inputs
from vgspec.importers.keras2 import changed_functions
from vgspec.importers.model_config import Entry, ModelConfig, read_model
from vgspec.importers.names import spec_name
from vgspec.importers.opaque import live_notes
from vgspec.importers.problem import ImportProblem
from vgspec.ir import Argument, Graph, Origin, Output, Ref
from vgspec.layers.base import ShapeError
from vgspec.layers.inner import InnerModel, settled
from vgspec.layers.opaque import is_opaque
from vgspec.limits import DEFAULT_LIMITS, Limits

__all__ = ["Imported", "NestedCall", "read_config", "read_network"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a config gave: the graph, or None where there are errors; and everything to be said."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class NestedCall:
    """A call of a nested model that was flattened.

    Attributes:
        name: the nested model's name in the graph.
        id: the path of the call: what the ids of its nodes begin with.
        key: the path of the model: what the keys of its layers begin with.
        calls: how often the model is called.
        inputs: the values that it was given, in order.
        outputs: the values that came out, in order.
        nodes: the ids of its nodes.
    """

    name: str
    id: str
    key: str
    calls: int
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    nodes: tuple[str, ...]


def read_config(data: Any, *, file: str = "<config>", limits: Limits = DEFAULT_LIMITS) -> Imported:
    """Read the config of a functional or sequential model, of Keras 3 or Keras 2.

    Args:
        data: the config as ``model.to_json()`` gives it, parsed; ``{"class_name", "config", …}``.
        file: the name that findings show.
        limits: bounds on the number of layers.
    """
    problems: list[ImportProblem] = []
    try:
        around = open_envelope(data)
        model = read_model(around.config, around.pointer, problems)
        if problems:
            raise problems.pop()
        imported = _Reader(model, file, limits).run(around)
        if imported.graph is not None and (notes := live_notes(data, imported.graph, file)):
            imported = replace(imported, diagnostics=(*imported.diagnostics, *notes))
        if imported.graph is None or not data.get(NO_WEIGHTS):
            return imported
        message = "the file holds no weights: the spec needs none, but Keras will not load the model from it"
        return replace(
            imported, diagnostics=(*imported.diagnostics, codes.IMPORT_CHANGED.diagnostic(message, file=file))
        )
    except ImportProblem as problem:
        problems.append(problem)
    except RecursionError:
        problems.append(ImportProblem(codes.LIMIT_EXCEEDED, "the config is nested too deep", ""))
    return Imported(None, tuple(problem.diagnostic(file) for problem in problems))


def read_network(data: Mapping[str, Any], pointer: str) -> InnerModel:
    """A model in the place of a layer: inside ``TimeDistributed``.

    Raises:
        ImportProblem: if it cannot be read, or has not one input and one output.
    """
    problems: list[ImportProblem] = []
    model = read_model(data, pointer, problems)
    if problems:
        raise problems[0]
    if len(list(tensors(model.inputs))) != 1 or len(list(tensors(model.outputs))) != 1:
        message = "a network inside a layer needs one input and one output"
        raise ImportProblem(codes.BAD_CONFIG_VALUE, message, pointer)
    found = _Reader(model, "", DEFAULT_LIMITS, start="input").run(Envelope(data, pointer, None, ""))
    if found.graph is None:
        first = found.diagnostics[0]
        raise ImportProblem(codes.BAD_CONFIG, first.message, first.pointer)
    return InnerModel(graph=replace(found.graph, meta={"nested": found.graph.meta["nested"]}))


@dataclass(slots=True)
class _Reader:
    model: ModelConfig
    file: str
    limits: Limits
    start: str = ""
    """What the one input shall be called, instead of its own name."""
    findings: Findings = field(default_factory=Findings)
    nested: list[NestedCall] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    masks: dict[str, Ref] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    """The key of each layer of a live model that has several entries."""
    training: bool | None = None
    """What the calls of nested models around say of ``training``, which holds for every call inside."""
    builder: Builder = field(init=False)
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.builder = Builder(self.findings, self.limits)

    def run(self, around: Envelope) -> Imported:
        """The whole model.

        Raises:
            ImportProblem: at the first thing that hinders going on.
        """
        model = self.model
        bound: dict[str, Ref] = {}
        keys, notes = input_keys(model, self.file)
        places = input_places(model.inputs)
        for ref in tensors(model.inputs):
            entry = self._entry(model, ref)
            item = model_input(entry, self.start or self._name(keys.get(entry.name, entry.name)), self.file)
            if place := places.get(entry.name):
                item = replace(item, options=(*item.options, ("at", place)))
            self.taken.add(item.name)
            self.builder.add_input(item)
            bound[entry.name] = Ref(item.name)
        outputs = self._expand(model, bound, "", "")
        if has_errors(self.findings.result()):
            return Imported(None, tuple(self.findings.result()))
        names = [name for name, _ in named_tensors(model.outputs)]
        found: list[Output] = []
        for name, value in zip(names, outputs, strict=True):
            label = self._name(name) if name else output_name(value)
            while any(label == other.name for other in found):
                label += "_"
            found.append(Output(label, value, Origin(model.pointer, self.file)))
        compiled, left_out = self._compile(around, tuple(found), model)
        notes += left_out
        if is_nested(model.outputs):
            message = f"the model returns a structure of structures; here it is a list of its {len(found)} outputs"
            notes.append(codes.IMPORT_CHANGED.diagnostic(message, file=self.file, pointer=model.pointer))
        notes += [
            codes.IMPORT_CHANGED.diagnostic(
                f"the model {item.name!r} is of the class {item.own_class}, and is read as its config describes it; "
                "what the class's code changes is not seen",
                pointer=item.pointer,
                file=self.file,
            )
            for item in model.own_classes()
        ]
        notes += [
            codes.IMPORT_CHANGED.diagnostic(
                f"the Keras name {old!r} cannot be an id of a spec; it is {new!r} here", file=self.file, node=new
            )
            for old, new in self.renamed.items()
        ]
        graph = Graph(
            self._name(model.name, note=False),
            tuple(self.builder.inputs),
            dict(self.builder.layers),
            tuple(self.builder.nodes),
            tuple(found),
            compiled,
            {"nested": tuple(self.nested), "source": "keras"},
            returned(model.outputs),
        )
        from vgspec.importers.cleaning import clean

        graph, unresolved = clean(graph, self.masks)
        for node in unresolved:
            raise ImportProblem(
                codes.BAD_CONFIG_VALUE,
                "gets a mask that Keras does not make by itself, and its call takes no mask here",
                graph.by_id[node].origin.pointer,
                layer=node,
            )
        if around.old:
            notes += changed_functions(graph, self.file)
        return Imported(graph.verify(), (*self.findings.result(), *notes, *opaque_findings(graph)))

    # --- names -------------------------------------------------------------------------------------

    def _name(self, name: str, *, note: bool = True) -> str:
        found = spec_name(name)
        if found != name and note:
            self.renamed[name] = found
        return found

    def _free(self, name: str) -> str:
        while name in self.taken or name in self.builder.layers:
            name += "_"
        self.taken.add(name)
        return name

    # --- a model, call by call -----------------------------------------------------------------------

    def _entry(self, model: ModelConfig, ref: TensorRef) -> Entry:
        entry = model.entries.get(ref.layer)
        if entry is None:
            raise ImportProblem(codes.DANGLING_TENSOR, f"there is no layer {ref.layer!r}", ref.pointer)
        return entry

    def _call_index(self, model: ModelConfig, ref: TensorRef) -> int:
        """The number of the call in the entry's list."""
        entry = self._entry(model, ref)
        if entry.is_input:
            return 0
        index = ref.call
        if entry.model is not None and ref.old and (entry.model.functional or index >= len(entry.calls)):
            index = max(index - 1, 0)  # the first call is the one that made the nested model
        elif is_opaque(entry.layer) and ref.old and index == len(entry.calls):
            index -= 1  # it is a model of a class of the user's own, which Keras counts in the same way
        if not 0 <= index < len(entry.calls):
            raise ImportProblem(
                codes.DANGLING_TENSOR,
                f"layer {ref.layer!r} has {len(entry.calls)} calls; there is no number {ref.call}",
                ref.pointer,
            )
        return index

    def _expand(self, model: ModelConfig, bound: Mapping[str, Ref], node_prefix: str, key_prefix: str) -> list[Ref]:
        """Add the calls of a model, each after those it reads; the values of its outputs.

        Calls are followed from the outputs, so that a branch comes out in one piece.
        """
        values: dict[tuple[str, int], tuple[Ref, ...]] = {(name, 0): (ref,) for name, ref in bound.items()}
        stack: list[tuple[tuple[str, int], Iterator[TensorRef]]] = []
        active: set[tuple[str, int]] = set()
        for target in tensors(model.outputs):
            self._enter(model, target, values, stack, active)
            while stack:
                key, pending = stack[-1]
                following = next(pending, None)
                if following is not None:
                    self._enter(model, following, values, stack, active)
                    continue
                stack.pop()
                active.discard(key)
                values[key] = self._call(model, key, values, node_prefix, key_prefix)
        return [self._value(model, ref, values) for ref in tensors(model.outputs)]

    def _enter(
        self,
        model: ModelConfig,
        ref: TensorRef,
        values: Mapping[tuple[str, int], tuple[Ref, ...]],
        stack: list[tuple[tuple[str, int], Iterator[TensorRef]]],
        active: set[tuple[str, int]],
    ) -> None:
        """Put the call that gives a tensor on the stack, unless it has been added."""
        key = (ref.layer, self._call_index(model, ref))
        if key in values:
            return
        entry = self._entry(model, ref)
        if entry.is_input:
            message = f"{ref.layer!r} is an input that the model does not list"
            raise ImportProblem(codes.DANGLING_TENSOR, message, ref.pointer)
        call = entry.calls[key[1]]
        if key in active:
            raise ImportProblem(codes.CYCLIC_CONFIG, "waits for its own output", call.pointer, layer=ref.layer)
        active.add(key)
        stack.append((key, call.tensors()))

    def _value(self, model: ModelConfig, ref: TensorRef, values: Mapping[tuple[str, int], tuple[Ref, ...]]) -> Ref:
        found = values[(ref.layer, self._call_index(model, ref))]
        if not 0 <= ref.output < len(found):
            raise ImportProblem(
                codes.DANGLING_TENSOR,
                f"layer {ref.layer!r} has {len(found)} outputs; there is no number {ref.output}",
                ref.pointer,
            )
        return found[ref.output]

    def _call(
        self,
        model: ModelConfig,
        key: tuple[str, int],
        values: Mapping[tuple[str, int], tuple[Ref, ...]],
        node_prefix: str,
        key_prefix: str,
    ) -> tuple[Ref, ...]:
        entry = model.entries[key[0]]
        call = entry.calls[key[1]]
        name = self._name(entry.name)
        several = len(entry.calls) > 1 or bool(entry.same)
        layer_key = key_prefix + name
        node_id = node_prefix + (f"{name}_call{key[1] + 1}" if several else name)
        origin = Origin(call.pointer, self.file)

        def bound(ref: TensorRef) -> Ref:
            return self._value(model, ref, values)

        if entry.model is not None:
            return self._nested(entry, entry.model, call, bound, node_id, layer_key)
        node_id = self._free(node_id) if node_id != layer_key else self._free_key(node_id)
        layer_key = node_id if not several and node_prefix == key_prefix else layer_key
        if entry.same:
            layer_key = self.same.setdefault(entry.same, layer_key)
        if entry.operation:
            layer, args = self._operation(entry, key[1], call, bound)
            layer_key = node_id
        else:
            layer = entry.layer
            args, mask = call_arguments(entry, call, bound, self.training)
            if mask is not None:
                self.masks[node_id] = mask
        try:
            layer = settled(layer, self.builder.call(args))
        except ShapeError as error:
            raise ImportProblem(codes.SHAPE_ERROR, error.message, call.pointer, layer=entry.name) from None
        before = len(self.findings.result())
        outputs = self.builder.add(layer_key, layer, args, node_id, origin)
        if outputs is None:
            found = self.findings.result()[before:]
            message = found[0].message if found else "cannot be added"
            notes = "; ".join(found[0].notes) if found else ""
            self.findings = Findings()
            code = next((row for row in codes.CODES if found and row.code == found[0].code), codes.SHAPE_ERROR)
            raise ImportProblem(code, f"{message}{f' ({notes})' if notes else ''}", call.pointer, layer=entry.name)
        return outputs

    def _free_key(self, name: str) -> str:
        if name in self.taken:
            return self._free(name)
        self.taken.add(name)
        return name

    def _nested(
        self, entry: Entry, model: ModelConfig, call: ConfigCall, bound: Bound, node_id: str, key: str
    ) -> tuple[Ref, ...]:
        wanted = [self._entry(model, ref) for ref in tensors(model.inputs)]
        given = [bound(ref) for ref in nested_inputs(entry, model, call)]
        for item, ref in zip(wanted, given, strict=True):
            self._check_rank(item, ref, call, entry.name)
        start = len(self.builder.nodes)
        here = len(self.nested)
        values = {item.name: value for item, value in zip(wanted, given, strict=True)}
        before, literal = self.training, call.kwargs.get("training")
        self.training = literal if before is None and isinstance(literal, bool) else before
        outputs = tuple(self._expand(model, values, node_id + ".", key + "."))
        self.training = before
        nodes = tuple(node.id for node in self.builder.nodes[start:])
        name = key.rpartition(".")[2]
        self.nested.insert(here, NestedCall(name, node_id, key, len(entry.calls), tuple(given), outputs, nodes))
        return outputs

    def _check_rank(self, wanted: Entry, ref: Ref, call: ConfigCall, name: str) -> None:
        """Keras drops or adds a last axis of size one where a nested model is called so; a spec would not."""
        expected = model_input(wanted, wanted.name, self.file).tensor
        found = self.builder.tensors[ref]
        if found.rank != expected.rank:
            message = (
                f"its input {wanted.name!r} has {expected.rank} axes, and a call gives it a tensor of {found.rank}"
            )
            raise ImportProblem(codes.BAD_CONFIG_VALUE, message, call.pointer, layer=name)

    def _operation(
        self, entry: Entry, index: int, call: ConfigCall, bound: Bound
    ) -> tuple[Any, tuple[tuple[str, Argument], ...]]:
        from vgspec.layers.operations.config import OperationConfigError, read_operation

        def tensor(value: Any) -> Ref | None:
            if isinstance(value, TensorRef):
                return bound(value)
            if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
                return bound(keras_tensor(value, call.pointer))
            return None

        args, kwargs = call.raw.get("args", ()), call.raw.get("kwargs", {})
        try:
            return read_operation(entry.operation, entry.config, args, kwargs, tensor, node=index)
        except OperationConfigError as error:
            code = codes.UNKNOWN_CLASS if error.path == "/class_name" else codes.BAD_CONFIG_VALUE
            raise ImportProblem(code, str(error), entry.pointer + error.path, layer=entry.name) from None

    def _compile(
        self, around: Envelope, outputs: tuple[Output, ...], model: ModelConfig
    ) -> tuple[Any, list[Diagnostic]]:
        config, where = around.compiled, around.compiled_at
        if config is None:
            return None, []
        from vgspec.importers.compile_config import read_compile

        names = [ref.layer for _, ref in named_tensors(model.outputs)]
        return read_compile(config, tuple(item.name for item in outputs), tuple(names), where, self.file)
