"""Loading a spec: read, parse, check the form, bind parameters, expand, infer shapes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vgspec import codes
from vgspec.collection import uncollected
from vgspec.diagnostics import Diagnostic, nearest
from vgspec.frontend.builder import Builder
from vgspec.frontend.expand import Expander
from vgspec.frontend.findings import Findings, TooMuch
from vgspec.frontend.library import Library, load_includes, project_root
from vgspec.frontend.outputs import read_outputs
from vgspec.frontend.parameters import bind_parameters
from vgspec.frontend.published import published_schema
from vgspec.frontend.scope import Scope, suppressions
from vgspec.frontend.structure import check_structure
from vgspec.frontend.values import FAILED, Environment, evaluate_node
from vgspec.ir import BATCH, Graph, Input, Origin, Ref, Sym, Tensor
from vgspec.ir.structure import input_structure
from vgspec.layers.registry import REGISTRY
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.source import (
    Document,
    MappingNode,
    ScalarNode,
    SequenceNode,
    SNode,
    SourceMap,
    parse_data,
    parse_text,
    pointer_join,
    read_file,
)
from vgspec.spec import Spec

__all__ = ["SpecSource", "load", "load_document", "published_schema"]

SpecSource = str | Path | Mapping[str, Any]

_KEY_LINE = re.compile(r"^\s*(\w+\s*:(\s|$)|\{|#|---|%YAML)")
_DTYPES = (
    *("float16", "bfloat16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "string", "complex64", "complex128"),
)


@uncollected()
def load(
    source: SpecSource,
    *,
    params: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    file: str | None = None,
) -> Spec:
    """Load a spec from a path, YAML or JSON text, or a ``dict``.

    Args:
        source: the spec. A string with a line break, or one that reads like a mapping, is text; any
            other string is a path.
        params: values for the spec's parameters.
        limits: bounds on what the document may cost.
        file: the name that places in the text are reported with.

    Returns:
        The spec with everything found; its graph is None where there are errors.

    Raises:
        TypeError: if ``source`` is none of these.
    """
    if isinstance(source, Mapping):
        document, problems = parse_data(source, file or "<dict>", limits)
        path = None
    elif isinstance(source, Path) or (isinstance(source, str) and not _is_text(source)):
        path = Path(source)
        document, problems = read_file(path, limits, name=file or str(source))
    elif isinstance(source, str):
        document, problems = parse_text(source, file or "<string>", limits)
        path = None
    else:
        raise TypeError(f"a spec is a path, text or a mapping, got {type(source).__name__}")
    return load_document(document, problems, path=path, params=params, limits=limits)


def _is_text(source: str) -> bool:
    if "\n" in source:
        return True
    if not _KEY_LINE.match(source):
        return False
    try:
        return not Path(source).exists()
    except (OSError, ValueError):  # too long for a path, or a NUL in it
        return True


@uncollected()
def load_document(
    document: Document,
    problems: list[Diagnostic],
    *,
    path: Path | None = None,
    params: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Spec:
    """Load a parsed document; ``problems`` is what parsing found."""
    findings = Findings(limits.max_findings)
    documents = [document]
    graph: Graph | None = None
    names: Mapping[str, Any] = {}
    facts: dict[str, Any] = {}
    try:
        findings.extend(problems)
        loader = _Loader(findings, limits, documents, project_root(path) if path is not None else Path.cwd().resolve())
        library = loader.library(document, "", path, (Path(os.path.realpath(path)),) if path is not None else ())
        if library is not None and library.root is not None:
            given = {name: (value, None, pointer_join("", "params", name)) for name, value in (params or {}).items()}
            names = loader.bind(library, given)
            facts = {"library": library}
            if "layers" in library.root:
                graph = _build_graph(library, findings, limits)
        if graph is not None and any(layer.type_name == "Opaque" for layer in graph.layers.values()):
            from vgspec.frontend.opaque import opaque_findings

            findings.extend(opaque_findings(graph))
    except TooMuch:
        graph = None
    ok_graph = None if findings.failed else graph
    ordered = sorted(findings.result(), key=lambda d: (d.file != document.file, d.file, _start(d)))
    return Spec(document, SourceMap.of(documents), ok_graph, (*ordered, *findings.last), names, path, limits, facts)


def _start(diagnostic: Diagnostic) -> int:
    return diagnostic.span.start if diagnostic.span is not None else -1


def _no_spec(document: Document, root: MappingNode) -> Diagnostic:
    """One finding for a mapping that is something else altogether, instead of one for each of its keys."""
    shown = ", ".join(f"'{key[:30]}'" for key in root.keys()[:3]) + (", …" if len(root) > 3 else "")
    return codes.NOT_A_SPEC.diagnostic(
        f"this is no spec: it has none of a spec's keys, but {shown}",
        span=root.entries[0][0].span,
        file=document.file,
        help='a spec begins with `vgspec: "1"`, and has `inputs` and `layers`',
    )


class _Loader:
    """Reads a document and what it includes."""

    def __init__(self, findings: Findings, limits: Limits, documents: list[Document], root: Path) -> None:
        self.findings, self.limits, self.documents, self.root = findings, limits, documents, root
        self._seen: dict[tuple[Path, str], Library | None] = {}

    def library(self, document: Document, prefix: str, path: Path | None, trail: tuple[Path, ...]) -> Library | None:
        """Check the form of a document and read its includes."""
        root = document.root
        if root is None:
            return None
        if not isinstance(root, MappingNode):
            return None  # parsing has said so
        if len(root) and not any(key in published_schema()["properties"] for key in root):
            if not self.findings.failed:  # else what is wrong with the text says enough
                self.findings.add(_no_spec(document, root))
            return None
        limit = self.limits.max_findings + 1
        found = check_structure(root, published_schema(), file=document.file, limit=limit)
        if any(d.code == codes.UNKNOWN_LAYER.code for d in found) and REGISTRY.names():
            from vgspec.frontend.registered import extended_schema

            schema = extended_schema(published_schema(), root)
            found = check_structure(root, schema, file=document.file, limit=limit)
        self.findings.extend(found)
        bad = frozenset(d.pointer for d in found)
        library = Library(document, bad=bad, prefix=prefix)
        load_includes(library, path, self.root, self.findings, self.limits, self.read, trail)
        return library

    def read(self, path: Path, shown: str, prefix: str, trail: tuple[Path, ...]) -> Library | None:
        """Read an included document."""
        key = (path, prefix)
        if key in self._seen:
            return self._seen[key]
        if len(self._seen) >= self.limits.max_includes:
            message = f"there are more than {self.limits.max_includes} includes"
            self.findings.stop(codes.LIMIT_EXCEEDED.diagnostic(message, file=shown))
        self._seen[key] = None
        document, problems = read_file(path, self.limits, name=shown, regular_only=True)
        self.documents.append(document)
        self.findings.extend(problems)
        library = self.library(document, prefix, path, (*trail, path))
        if library is not None:
            self.bind(library, {})
        self._seen[key] = library
        return library

    def bind(self, library: Library, given: Mapping[str, tuple[Any, SNode | None, str]]) -> Mapping[str, Any]:
        """Give the document's own parameters their values."""
        env = Environment(library.document.file, {}, self.findings, self.limits)
        node = library.root.get("params") if library.root is not None else None
        declared = node if "/params" not in library.bad else None
        library.names = bind_parameters(
            declared, "/params", env, given, owner="the model", caller=env, at=node, bad=library.tainted
        )
        return library.names


def _build_graph(library: Library, findings: Findings, limits: Limits) -> Graph | None:
    root = library.root
    assert root is not None
    env = Environment(library.document.file, library.names, findings, limits)
    builder = Builder(findings, limits)
    scope = Scope(library, env, lint=suppressions(root.get("lint"), "/lint"))
    inputs = library.section("inputs")
    failed_inputs = False
    for name, node in inputs.items() if inputs is not None else ():
        item = _input(name, node, pointer_join("", "inputs", name), env, library, inputs)
        if item is None:
            scope.ids[name] = None
            failed_inputs = True
        else:
            builder.add_input(item)
            scope.ids[name] = (Ref(name),)
    if not failed_inputs:
        try:
            input_structure(builder.inputs)
        except ValueError as error:
            _report_at(env, codes.OUT_OF_RANGE, str(error), inputs, "/inputs")
            failed_inputs = True
    current, missing = None, ""
    if len(scope.ids) == 1:
        current = next(iter(scope.ids.values()))
    elif scope.ids:
        missing = f"the model has {len(scope.ids)} inputs; say with 'in' which one this layer is applied to"
    expander = Expander(builder)
    last = expander.items(root.get("layers"), "/layers", scope, current, missing)
    ends = None if _tainted(library, "/outputs") else read_outputs(root, expander, scope, last)
    compile_node = root.get("compile")
    compiled = None
    if isinstance(compile_node, MappingNode) and ends is not None and not _tainted(library, "/compile"):
        compiled = _compile(compile_node, [output.name for output in ends.outputs], env)
    if ends is None or failed_inputs or findings.failed:
        return None
    name_node = root.get("name")
    name = name_node.value if isinstance(name_node, ScalarNode) and isinstance(name_node.value, str) else "model"
    used = {node.layer for node in builder.nodes}
    layers = {key: layer for key, layer in builder.layers.items() if key in used}
    meta = {"lint": scope.lint}
    graph = Graph(name, tuple(builder.inputs), layers, tuple(builder.nodes), ends.outputs, compiled, meta, ends.returns)
    return graph.verify()


def _tainted(library: Library, pointer: str) -> bool:
    return pointer in library.bad or pointer in library.above_bad


def _input(
    name: str, node: SNode, pointer: str, env: Environment, library: Library, inputs: MappingNode | None
) -> Input | None:
    if _tainted(library, pointer):
        return None
    value = evaluate_node(node, pointer, env)
    options = value if isinstance(value, dict) else {"shape": value}
    shape = options.get("shape")
    where = pointer_join(pointer, "shape") if isinstance(value, dict) else pointer
    if shape is FAILED or any(item is FAILED for item in options.values()):
        return None
    dims: list[Any] = []
    elements = 1
    for i, size in enumerate(shape if isinstance(shape, tuple) else ()):
        if size is FAILED:
            return None
        if isinstance(size, str):
            dims.append(Sym.named(size))
        elif size is None or (isinstance(size, int) and not isinstance(size, bool) and size >= 1):
            if isinstance(size, int):
                elements *= size
            if elements > env.limits.max_elements:
                message = f"an input has at most {env.limits.max_elements} elements"
                _report_at(env, codes.OUT_OF_RANGE, message, node, pointer_join(where, i))
                return None
            dims.append(size)
        else:
            message = f"a size is a whole number of at least 1, a name or null, got {size!r}"
            _report_at(env, codes.OUT_OF_RANGE, message, node, pointer_join(where, i))
            return None
    if not isinstance(shape, tuple):
        _report_at(env, codes.WRONG_TYPE, f"expected a list of sizes, got {shape!r}", node, where)
        return None
    dtype = options.get("dtype", "float32")
    if dtype not in _DTYPES:
        near = nearest(str(dtype), _DTYPES)
        dtype_node = node.get("dtype") if isinstance(node, MappingNode) else node
        _report_at(
            env,
            codes.UNKNOWN_CHOICE,
            f"unknown dtype {dtype!r}",
            dtype_node,
            pointer_join(pointer, "dtype"),
            help=f"did you mean {near!r}?" if near else "",
        )
        return None
    batch = options.get("batch_size")
    key_node = inputs.key_node(name) if inputs is not None else None
    extra = tuple((key, options[key]) for key in ("sparse", "optional", "at", "statistics") if options.get(key))
    origin = Origin(pointer, env.file, key_node.span if key_node is not None else None)
    return Input(name, Tensor((BATCH if batch is None else batch, *dims), dtype), origin, extra)


def _report_at(
    env: Environment, code: codes.Code, message: str, node: SNode | None, pointer: str, help: str = ""
) -> None:
    span = None if node is None else node.span
    env.findings.add(code.diagnostic(message, span=span, pointer=pointer, file=env.file, help=help))


def _compile(node: MappingNode, output_names: list[str], env: Environment) -> Any:
    from vgspec.frontend.arguments import contains_failed
    from vgspec.frontend.compile_section import build_compile

    data = evaluate_node(node, "/compile", env)
    if contains_failed(data):
        return None
    compiled, problems = build_compile(data, tuple(output_names))
    for problem in problems:
        tokens, message, _given, near = problem
        place: SNode | None = node
        for token in tokens:
            inner: SNode | None = None
            if isinstance(place, MappingNode):
                inner = place.get(str(token))
            elif isinstance(place, SequenceNode) and isinstance(token, int) and token < len(place):
                inner = place.items[token]
            place = inner or place
        pointer = pointer_join("/compile", *tokens)
        help = f"did you mean {near!r}?" if near else ""
        _report_at(env, codes.BAD_COMPILE, message, place, pointer, help=help)
    return compiled
