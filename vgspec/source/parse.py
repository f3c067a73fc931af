"""The entry points: text, Python data or a file → document and findings."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike, fspath, scandir
from pathlib import Path

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Span, nearest
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.source.aliases import expand_aliases
from vgspec.source.builder import Builder, Stop
from vgspec.source.document import Document
from vgspec.source.json_text import NotJson, build_json
from vgspec.source.nodes import MappingNode, ScalarNode, SNode, kind_of
from vgspec.source.yaml_text import build_yaml

__all__ = ["parse_bytes", "parse_text", "read_file"]

_MOST_NAMES = 1000  # names of a folder that are looked at for one that is alike
_START = re.compile(r"[ \t\r\n]*[{\[]")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def parse_text(
    text: str, file: str = "<string>", limits: Limits = DEFAULT_LIMITS, *, pure: bool = False
) -> tuple[Document, list[Diagnostic]]:
    """Parse YAML 1.2 or JSON text.

    Text that begins with a brace or bracket is tried as JSON first; a ``file`` that ends with ``.json`` must
    be JSON. The document's root is None where the text cannot be parsed at all; findings that leave a tree
    (a duplicate key, a tag) are reported and the rest is kept.

    Args:
        text: the text; a byte order mark and CRLF are kept, so that offsets hold.
        file: the name of the file, for spans.
        limits: bounds on size and depth.
        pure: parse YAML without the C parser even where it is installed (slower; the same result).
    """
    if len(text) > limits.max_bytes:
        message = f"the text has {len(text)} characters; at most {limits.max_bytes} are allowed"
        return Document(file, text, None), [codes.LIMIT_EXCEEDED.diagnostic(message, file=file)]
    shift = 1 if text.startswith("\ufeff") else 0
    body = text[shift:]
    new_builder = partial(Builder, file, shift, limits)
    with _collector_paused(len(text)):
        root, diagnostics = _parse(body, file, new_builder, pure)
    document = Document(file, text, root)
    if not diagnostics or root is not None:
        diagnostics = [*diagnostics, *_check_root(document)]
    if isinstance(root, ScalarNode) and root.value is None:
        document = Document(file, text, None)
    return document, diagnostics


@contextmanager
def _collector_paused(size: int) -> Iterator[None]:
    """Pause the cyclic garbage collector while a large text is parsed.

    A tree of some 100,000 nodes holds no cycles, but makes the collector traverse all of it again and
    again: more than half of the time to parse it was spent there.
    """
    pause = size > 50_000 and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


def _parse(body: str, file: str, new_builder: partial[Builder], pure: bool) -> tuple[SNode | None, list[Diagnostic]]:
    must_be_json = file.lower().endswith(".json")
    if must_be_json or _START.match(body):
        builder = new_builder()
        try:
            build_json(body, builder)
        except Stop:
            return None, builder.diagnostics
        except NotJson as error:
            if must_be_json and body.strip():
                return None, [*builder.diagnostics, _json_error(error, body, builder)]
            if not error.maybe_yaml:
                return None, [_json_error(error, body, builder)]
        else:
            return builder.root, builder.diagnostics
    built = build_yaml(body, new_builder, pure)
    builder = built.builder
    if not built.complete or builder.root is None:
        return None, builder.diagnostics
    if not built.aliases:
        return builder.root, builder.diagnostics
    try:
        return expand_aliases(builder.root, built.aliases, builder), builder.diagnostics
    except Stop:
        return None, builder.diagnostics


def _json_error(error: NotJson, body: str, builder: Builder) -> Diagnostic:
    match = re.compile(r"[-+.\w]{1,40}|").match(body, error.at)
    end = max(min(error.at + 1, len(body)), match.end() if match else 0)
    return codes.SYNTAX_ERROR.diagnostic(
        f"not valid JSON: {error.message}", span=builder.span(min(error.at, len(body)), end)
    )


def _check_root(document: Document) -> list[Diagnostic]:
    root = document.root
    if isinstance(root, MappingNode):
        return []
    help = 'a spec is a mapping that begins with `vgspec: "1"`'
    if root is None or (isinstance(root, ScalarNode) and root.value is None):
        span = None if document.text is None else Span(document.file, 0, 0)
        return [codes.NOT_A_SPEC.diagnostic("the document is empty", span=span, help=help, file=document.file)]
    message = f"a spec must be a mapping, not {kind_of(root)}"
    return [codes.NOT_A_SPEC.diagnostic(message, span=root.span, help=help, file=document.file)]


def parse_bytes(data: bytes, file: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Document, list[Diagnostic]]:
    """Decode and parse the content of a file: UTF-8, or what its byte order mark says."""

    def unreadable(message: str, help: str = "") -> tuple[Document, list[Diagnostic]]:
        found = codes.UNREADABLE_FILE.diagnostic(message, file=file, help=help)
        return Document(file, None, None), [found]

    if len(data) > limits.max_bytes:
        message = f"the file has more than {limits.max_bytes} bytes"
        found = codes.LIMIT_EXCEEDED.diagnostic(message, file=file)
        return Document(file, None, None), [found]
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\x00" in data:
        return unreadable(f"not a text file: it has a zero byte at position {data.index(0)}")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        what = f"byte 0x{data[error.start]:02x}" if error.start < len(data) else "the end"
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not {encoding.upper()} text: {what} at position {error.start} (line {line})"
        return unreadable(message, "save the file as UTF-8")
    return parse_text(text, file, limits)


def _similar(path: Path) -> str:
    """The file beside a missing one that was most likely meant."""
    try:
        with scandir(path.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
    except (OSError, ValueError):
        return f"there is no folder `{path.parent}`" if not path.parent.is_dir() else ""
    close = nearest(path.name, names)
    return f"did you mean `{path.with_name(close)}`?" if close else ""


def read_file(
    path: str | PathLike[str],
    limits: Limits = DEFAULT_LIMITS,
    *,
    name: str | None = None,
    regular_only: bool = False,
) -> tuple[Document, list[Diagnostic]]:
    """Read and parse a file. What hinders reading it is a diagnostic too.

    Args:
        path: the file.
        limits: bounds on size and depth.
        name: how spans name the file; as ``path`` is given by default.
        regular_only: refuse pipes and devices, which could block for ever (for paths from a spec).
    """
    name = fspath(path) if name is None else name

    def unreadable(message: str, help: str = "") -> tuple[Document, list[Diagnostic]]:
        return Document(name, None, None), [codes.UNREADABLE_FILE.diagnostic(message, file=name, help=help)]

    try:
        place = Path(path)
        if place.is_dir():
            return unreadable(f"`{name}` is a directory, not a file")
        if regular_only and place.exists() and not place.is_file():
            return unreadable(f"`{name}` is not a regular file")
        with place.open("rb") as stream:
            data = stream.read(limits.max_bytes + 1)
    except FileNotFoundError:
        return unreadable(f"there is no file `{name}`", _similar(place))
    except PermissionError:
        return unreadable(f"no permission to read `{name}`")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return unreadable(f"`{name}` cannot be read: {reason}")
    return parse_bytes(data, name, limits)
