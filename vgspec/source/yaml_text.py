"""YAML 1.2 text → node tree with spans, from parsing events: nothing here recurses on the document."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Label, Span
from vgspec.source.builder import Builder, Stop, shorten
from vgspec.source.nodes import ScalarNode, ScalarValue, SNode
from vgspec.source.scalars import NumberTooLong, resolve_plain
from vgspec.source.yaml_errors import explain
from vgspec.source.yaml_mask import MASKED, closing_parenthesis, cut_diagnostic, enclosing_expression, mask

__all__ = ["Built", "build_yaml"]

_CORE = "tag:yaml.org,2002:"
_KINDS: dict[str, tuple[type, ...]] = {
    _CORE + "int": (int,),
    _CORE + "float": (float, int),
    _CORE + "bool": (bool,),
    _CORE + "null": (type(None),),
}
_PROPERTIES = re.compile(r"(?:[&!]\S*|#[^\r\n]*|\s+)*")
_COLON = re.compile(r"\s*:")
_DIRECTIVE = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*(%[^\r\n]*)")
_BAD_ASCII = re.compile(r"[^\t\n\r\x20-\x7e]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MAX_PASSES = 20


@cache
def _bad_character() -> re.Pattern[str]:
    """What YAML allows nowhere in its text; slow to compile, and seldom needed."""
    return re.compile(r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Built:
    """What came of parsing.

    Attributes:
        builder: holds the tree and the findings.
        aliases: `id` of each placeholder scalar in the tree → the placeholder and the node it stands for.
        complete: whether the text was parsed to its end.
    """

    builder: Builder
    aliases: dict[int, tuple[ScalarNode, SNode]]
    complete: bool


def build_yaml(text: str, new_builder: Callable[[], Builder], pure: bool = False) -> Built:
    """Parse ``text`` into a builder that ``new_builder`` makes; ``pure`` keeps the C parser out.

    An expression that stands unquoted inside ``{...}`` or ``[...]`` and would be cut at its comma is hidden
    from YAML by replacing its special characters one for one, and the text parsed again: the expression is
    reported, the rest of the document is still understood, and every span holds.
    """
    masks: dict[int, int] = {}
    for _ in range(_MAX_PASSES):
        composer = _Composer(text, new_builder(), masks)
        complete = composer.run(pure)
        if not composer.cut or composer.cut.keys() <= masks.keys():
            break
        masks = {**masks, **composer.cut}
    return Built(composer.builder, composer.aliases, complete)


def _events(text: str, pure: bool) -> Generator[Any, None, None]:
    """Parsing events of ``text``: by the C parser where it is installed and ``pure`` is false."""
    from ruamel.yaml import YAML

    yield from YAML(typ="safe", pure=pure).parse(text)


class _Composer:
    """Turns parsing events into calls of a builder.

    Attributes:
        cut: start → end of unquoted expressions that YAML cut short in this pass.
    """

    def __init__(self, text: str, builder: Builder, masks: dict[int, int]) -> None:
        self.text = text
        self.builder = builder
        self.aliases: dict[int, tuple[ScalarNode, SNode]] = {}
        self.cut: dict[int, int] = {}
        self._masks = masks
        self._anchors: dict[str, SNode] = {}
        self._flow = 0

    def run(self, pure: bool) -> bool:
        """Parse; whether it went to the end."""
        from ruamel.yaml.error import MarkedYAMLError

        try:
            self._check_characters()
            parsed = mask(self._without_directives(), self._masks)
            with closing(_events(parsed, pure)) as events:
                self._compose(events)
        except Stop:
            return False
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            context = error.context_mark
            at = len(self.text) if mark is None else mark.index
            self._syntax_error(
                str(error.problem or ""), str(error.context or ""), at, None if context is None else context.index
            )
            return False
        except Exception as error:
            # The parsers are not ours and were given any text at all: some malformed escapes, directives
            # and the like make them fail with an IndexError or a ValueError instead of a YAML error.
            message = f"not valid YAML ({type(error).__name__} in the YAML parser)"
            self.builder.report(codes.SYNTAX_ERROR.diagnostic(message, file=self.builder.file))
            return False
        return True

    def _check_characters(self) -> None:
        match = (_BAD_ASCII if self.text.isascii() else _bad_character()).search(self.text)
        if match is None:
            return
        code = ord(match.group())
        help = "remove it, or write it as an escape in a double-quoted string"
        message = f"the character U+{code:04X} is not allowed in YAML text"
        if code in (0x85, 0x2028, 0x2029):
            message = f"the line separator U+{code:04X} is not supported in YAML text"
        raise self.builder.stop(
            codes.SYNTAX_ERROR.diagnostic(message, span=self.builder.span(match.start(), match.end()), help=help)
        )

    def _without_directives(self) -> str:
        """The text with its directives turned into comments; others than ``%YAML 1.2`` are reported."""
        text, at = self.text, 0
        while (match := _DIRECTIVE.match(text, at)) is not None:
            line = match.group(1)
            if not re.fullmatch(r"%YAML[ \t]+1\.2[ \t]*(?:#.*)?", line):
                self.builder.report(
                    codes.UNSUPPORTED_YAML.diagnostic(
                        f"the directive `{shorten(line, 30)}` is not supported",
                        span=self.builder.span(match.start(1), match.end(1)),
                        help="a spec is YAML 1.2 and needs no directive",
                    )
                )
            text = f"{text[: match.start(1)]}#{text[match.start(1) + 1 :]}"
            at = match.end()
        return text

    def _syntax_error(self, problem: str, context: str, at: int, context_at: int | None) -> None:
        expression = enclosing_expression(self.text, at)
        if expression is not None and expression[0] not in self._masks:
            self.cut[expression[0]] = expression[1]
            return
        found = explain(self.text, problem, context, at, context_at)
        labels: tuple[Label, ...] = ()
        if found.other is not None:
            labels = (Label(self._span(found.other, found.other + 1), found.other_message),)
        self.builder.report(
            codes.SYNTAX_ERROR.diagnostic(
                found.message,
                span=self._span(found.start, found.end),
                labels=labels,
                help=found.help,
            )
        )

    def _span(self, start: int, end: int) -> Span:
        """A span kept inside the text; the parsers' marks can lie one behind its end."""
        start = min(start, len(self.text))
        return self.builder.span(start, max(start, min(end, len(self.text))))

    def _compose(self, events: Iterator[Any]) -> None:
        from ruamel.yaml import events as kinds

        builder = self.builder
        documents = 0
        scalar_event, scalar = kinds.ScalarEvent, self._scalar
        for event in events:
            cls = type(event)
            if cls is scalar_event:
                scalar(event)
            elif cls is kinds.MappingStartEvent or cls is kinds.SequenceStartEvent:
                self._open(event, cls is kinds.MappingStartEvent)
            elif cls is kinds.MappingEndEvent or cls is kinds.SequenceEndEvent:
                top = builder.top
                assert top is not None, "the parser balances its events"
                self._flow -= top.flow
                node = builder.close(event.end_mark.index if top.flow else None)
                if top.anchor is not None:
                    self._anchors[top.anchor] = node
            elif cls is kinds.AliasEvent:
                self._alias(event)
            elif cls is kinds.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    start, end = event.start_mark.index, event.end_mark.index
                    builder.report(
                        codes.UNSUPPORTED_YAML.diagnostic(
                            "the file holds several documents",
                            span=builder.span(start, max(end, start)),
                            label="the second begins here",
                            help="a spec is one document; put each into a file of its own",
                        )
                    )
                    return

    def _content_start(self, event: Any) -> int:
        """Where a node begins behind its anchor and tag."""
        start = int(event.start_mark.index)
        if event.anchor is None and event.tag is None:
            return start
        match = _PROPERTIES.match(self.text, start)
        return start if match is None else match.end()

    def _open(self, event: Any, mapping: bool) -> None:
        start = self._content_start(event)
        flow = bool(event.flow_style)
        expected = _CORE + ("map" if mapping else "seq")
        if event.tag is not None and str(event.tag) not in (expected, "!"):
            self._refuse_tag(event, start)
        self.builder.open(mapping, start, flow, event.anchor)
        self._flow += flow

    def _refuse_tag(self, event: Any, end: int) -> None:
        tag = str(event.tag)
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        start = int(event.start_mark.index)
        self.builder.report(
            codes.UNSUPPORTED_YAML.diagnostic(
                f"the tag `{shorten(shown)}` is not supported",
                span=self.builder.span(start, max(start, start + len(self.text[start:end].rstrip()))),
                pointer=self.builder.pointer(),
                help="a spec is plain data; only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq are known",
            )
        )

    def _alias(self, event: Any) -> None:
        builder, name = self.builder, str(event.anchor)
        start, end = event.start_mark.index, event.end_mark.index
        span = builder.span(start, end)
        builder.count(start)
        problem: Diagnostic | None = None
        target = self._anchors.get(name)
        pointer = builder.pointer()
        if builder.expects_key:
            message = "an alias cannot be a key"
            problem = codes.UNSUPPORTED_YAML.diagnostic(message, span=span, pointer=pointer)
        elif name in builder.open_anchors:
            message = f"the alias `*{name}` stands inside the very thing it refers to"
            problem = codes.UNSUPPORTED_YAML.diagnostic(message, span=span, pointer=pointer)
        elif target is None:
            message = f"the alias `*{name}` has no anchor `&{name}` before it"
            help = f"set the anchor `&{name}` first, or quote the value if the `*` belongs to it"
            problem = codes.SYNTAX_ERROR.diagnostic(message, span=span, pointer=pointer, help=help)
        placeholder = ScalarNode(None, span, self.text[start:end])
        if problem is not None:
            builder.report(problem)
        elif target is not None:
            self.aliases[id(placeholder)] = (placeholder, target)
        if builder.expects_key:
            builder.refuse_entry(end)
        else:
            builder.add(placeholder, end)

    def _scalar(self, event: Any) -> None:
        builder, text = self.builder, self.text
        start, end = event.start_mark.index, event.end_mark.index
        value: Any = event.value
        plain = not event.style
        properties = event.anchor is not None or event.tag is not None
        if properties:
            start = min(self._content_start(event), end)
        if plain:
            if start >= end:
                start = end = self._empty_place(start)
            if start in self._masks:
                end = self._masks[start]
                value = text[start:end]
                whole = cut_diagnostic(value, builder.span(start, end), builder.pointer(), whole=True)
                builder.report(whole)
            elif self._masks and MASKED.search(value):
                value = text[start:end]
            elif not properties or event.tag is None:
                if self._flow and value[:2] == "$(":
                    self._find_cut(start, end)
                value = self._resolve(value, start, end)
        elif event.style in "|>":
            end = start + len(text[start:end].rstrip())
        elif not value.isascii() and _SURROGATE.search(value):
            value = _SURROGATE.sub("\ufffd", value)
            message = "an escape makes half of a surrogate pair, which is no character"
            help = "write the character itself, or \\U and eight digits"
            builder.report(
                codes.SYNTAX_ERROR.diagnostic(
                    message, span=builder.span(start, end), pointer=builder.pointer(), help=help
                )
            )
        if properties and event.tag is not None:
            value = self._tagged(event, start, end)
        node = builder.leaf(value, start, end, text[start:end], plain)
        if properties and event.anchor is not None:
            self._anchors[event.anchor] = node

    def _empty_place(self, start: int) -> int:
        """The place of an empty value: right behind the colon of its key, whatever the parser says."""
        frame = self.builder.top
        if frame is not None and frame.key is not None:
            match = _COLON.match(self.text, frame.end)
            if match is not None:
                return match.end()
        return min(start, len(self.text))

    def _find_cut(self, start: int, end: int) -> None:
        """Note an expression whose closing parenthesis lies behind the end that YAML sees."""
        close = closing_parenthesis(self.text, start)
        if close is not None and close > end:
            self.cut[start] = close
        elif close is None:
            span = self.builder.span(start, end)
            self.builder.report(cut_diagnostic(self.text[start:end], span, self.builder.pointer(), whole=False))

    def _resolve(self, value: str, start: int, end: int) -> ScalarValue:
        try:
            return resolve_plain(value, self.builder.limits.max_number_length)
        except NumberTooLong as error:
            self.builder.report(
                codes.LIMIT_EXCEEDED.diagnostic(
                    str(error), span=self.builder.span(start, end), pointer=self.builder.pointer()
                )
            )
            return value

    def _tagged(self, event: Any, start: int, end: int) -> ScalarValue:
        """The value of a scalar with a tag: the core tags mean what YAML says, others are refused."""
        tag, value = str(event.tag), str(event.value)
        if tag in ("!", _CORE + "str"):
            return value
        wanted = _KINDS.get(tag)
        if wanted is None:
            self._refuse_tag(event, start)
            return value
        resolved = self._resolve(value, start, end)
        if not isinstance(resolved, wanted) or (isinstance(resolved, bool) and bool not in wanted):
            self.builder.report(
                codes.UNSUPPORTED_YAML.diagnostic(
                    f"`{shorten(value)}` is not what the tag `!!{tag.removeprefix(_CORE)}` says",
                    span=self.builder.span(start, end),
                    pointer=self.builder.pointer(),
                )
            )
            return value
        return float(resolved) if tag == _CORE + "float" and isinstance(resolved, int) else resolved
