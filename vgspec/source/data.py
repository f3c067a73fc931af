"""Python data (a ``dict``, as from JSON) → the same node tree as text gives, without spans."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vgspec import codes
from vgspec.diagnostics import Diagnostic
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.source.document import Document, pointer_join
from vgspec.source.nodes import MappingNode, ScalarNode, ScalarValue, SequenceNode, SNode, kind_of

__all__ = ["parse_data"]

_SURROGATE = re.compile(r"[\ud800-\udfff]")


class _Stop(Exception):
    """The data is too large; the reason has been recorded."""


def parse_data(
    data: object, file: str = "<dict>", limits: Limits = DEFAULT_LIMITS
) -> tuple[Document, list[Diagnostic]]:
    """The document that ``data`` describes: mappings with string keys, lists, tuples, scalars.

    Scalars of NumPy and the like are taken by their ``item()``. Anything else (a function, a layer, an
    array), a container that holds itself, and a key that is not a string are diagnostics at their pointer.
    """
    reader = _Reader(file, limits)
    try:
        root: SNode | None = reader.read(data, "", ())
    except _Stop:
        root = None
    if root is not None and not isinstance(root, MappingNode):
        help = 'a spec is a mapping that begins with `vgspec: "1"`'
        message = f"a spec must be a mapping, not {kind_of(root)}"
        if root == ScalarNode(None, raw="null") and not reader.diagnostics:
            message, root = "the document is empty", None
        if not reader.diagnostics:
            reader.diagnostics.append(codes.NOT_A_SPEC.diagnostic(message, help=help, file=file))
    return Document(file, None, root), reader.diagnostics


class _Reader:
    def __init__(self, file: str, limits: Limits) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._file = file
        self._limits = limits
        self._nodes = 0

    def _report(self, code: codes.Code, message: str, pointer: str, help: str = "") -> None:
        self.diagnostics.append(code.diagnostic(message, pointer=pointer, help=help, file=self._file))

    def read(self, value: object, pointer: str, above: tuple[int, ...]) -> SNode:
        """The node of ``value``; ``above`` holds the ids of the containers it lies in, so it is bounded."""
        self._nodes += 1
        if self._nodes > self._limits.max_nodes:
            self._report(codes.LIMIT_EXCEEDED, f"the data has more than {self._limits.max_nodes} nodes", pointer)
            raise _Stop
        if isinstance(value, (Mapping, list, tuple)):
            if id(value) in above:
                self._report(codes.NOT_A_SPEC, "the data contains itself here", pointer)
                return _scalar(None)
            if len(above) >= self._limits.max_depth:
                message = f"the data is nested more than {self._limits.max_depth} deep"
                self._report(codes.LIMIT_EXCEEDED, message, pointer)
                raise _Stop
            inside = (*above, id(value))
            if isinstance(value, Mapping):
                return self._mapping(value, pointer, inside)
            items = (self.read(item, pointer_join(pointer, i), inside) for i, item in enumerate(value))
            return SequenceNode(tuple(items))
        return self._scalar(value, pointer)

    def _mapping(self, value: Mapping[object, object], pointer: str, inside: tuple[int, ...]) -> SNode:
        entries: dict[str, tuple[ScalarNode, SNode]] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"a key must be a string, not {key!r:.60} ({type(key).__name__})"
                self._report(codes.UNSUPPORTED_YAML, message, pointer)
                continue
            node = self._scalar(key, pointer)
            word = str(node.value)
            if word in entries:
                self._report(codes.DUPLICATE_KEY, f"the key `{word}` is given twice", pointer)
                continue
            entries[word] = (node, self.read(item, pointer_join(pointer, word), inside))
        return MappingNode(tuple(entries.values()))

    def _scalar(self, value: object, pointer: str) -> ScalarNode:
        # Subclasses (enums, say) become the plain type that they hold.
        if isinstance(value, str):
            text = str.__str__(value)
            if _SURROGATE.search(text):
                self._report(codes.SYNTAX_ERROR, "half of a surrogate pair is no character", pointer)
                text = _SURROGATE.sub("\ufffd", text)
            return _scalar(text)
        if value is None or isinstance(value, bool):
            return _scalar(value)
        if isinstance(value, int):
            return self._int(int(value), pointer)
        if isinstance(value, float):
            return _scalar(float(value))
        item = getattr(value, "item", None)
        if callable(item) and getattr(value, "shape", None) == ():
            held = item()
            if held is None or type(held) in (bool, int, float, str):
                return self._scalar(held, pointer)
        kind = type(value).__name__
        help = "use plain data: mappings, lists, text, numbers, booleans and None"
        if callable(getattr(value, "tolist", None)):
            help = "convert it with `.tolist()`"
        self._report(codes.NOT_A_SPEC, f"a spec cannot hold a Python object of type `{kind}`", pointer, help)
        return _scalar(None)

    def _int(self, value: int, pointer: str) -> ScalarNode:
        # Counted in bits, since writing a huge number out takes quadratic time; 10 digits need 34 bits.
        if value.bit_length() > self._limits.max_number_length * 3.33:
            message = f"a number of more than {self._limits.max_number_length} digits"
            self._report(codes.LIMIT_EXCEEDED, message, pointer)
            return _scalar(None)
        return _scalar(value)


def _scalar(value: ScalarValue) -> ScalarNode:
    if isinstance(value, str):
        return ScalarNode(value, raw=value, plain=True)
    raw = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return ScalarNode(value, raw=raw, plain=True)
