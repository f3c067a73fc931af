"""YAML text → tree: values, spans, refusals, limits. Everything with both parsers, C and pure Python."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vgspec.diagnostics import Applicability, Diagnostic
from vgspec.limits import Limits
from vgspec.source import Document, ScalarNode, needs_quotes, parse_text, quote


@pytest.fixture(params=[False, True], ids=["default", "pure"])
def parse(request: pytest.FixtureRequest) -> Any:
    def call(text: str, limits: Limits | None = None) -> tuple[Document, list[Diagnostic]]:
        return parse_text(text, "m.yaml", limits or Limits(), pure=request.param)

    return call


def values(parse: Any, text: str) -> Any:
    document, found = parse(text)
    assert found == []
    return document.root.to_python()


def only(found: list[Diagnostic], code: str) -> Diagnostic:
    assert [d.code for d in found] == [code], found
    return found[0]


def shown(document: Document, diagnostic: Diagnostic) -> str | None:
    return None if diagnostic.span is None else document.slice(diagnostic.span)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nUll", "nUll"), ("", None),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRue", "tRue"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("N", "N"),
        ("0", 0), ("-0", 0), ("12", 12), ("012", 12), ("+12", 12), ("-3", -3), ("0o17", 15), ("0x1F", 31),
        ("0b1", "0b1"), ("1_000", "1_000"), ("1:30", "1:30"), ("0x", "0x"), ("-0x1", "-0x1"),
        ("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-1.5e+2", -150.0), ("+.5", 0.5),
        ("e3", "e3"), ("1e", "1e"), (".", "."), ("1.2.3", "1.2.3"), ("-", "-"),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("inf", "inf"), ("NaN", "NaN"),
        ("2001-12-14", "2001-12-14"), ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("9223372036854775808", 2**63), ("'1'", "1"), ('"true"', "true"), ("=", "="),
        ("$(a + 1)", "$(a + 1)"), ("$$x", "$$x"), ("!!str 1", "1"), ("! 1", "1"), ("!!int 1", 1),
        ("!!float 1", 1.0), ("!!null ''", None), ("!!bool true", True), ("٣", "٣"), ("1٣", "1٣"),
    ],
)  # fmt: skip
def test_scalars_by_the_core_schema(parse: Any, text: str, value: object) -> None:
    if text == "-":
        text = "'-'"
    got = values(parse, f"a: {text}\n")["a"]
    assert (type(got), got) == (type(value), value)


def test_not_a_number(parse: Any) -> None:
    assert math.isnan(values(parse, "a: .nan")["a"])


def test_spans_in_text_with_wide_characters_crlf_and_bom(parse: Any) -> None:
    text = "\ufeffé: 'ü😀'\r\nb:   \r\n  - |\r\n    foo\r\n\r\n  - x y # c\r\nc: &a !!str  5\r\nd: *a\r\n"
    document, found = parse(text)
    assert found == []
    assert document.text == text
    shown = {pointer: None if node.span is None else document.slice(node.span) for pointer, node in document.walk()}
    assert shown["/é"] == "'ü😀'"
    assert shown["/b"] == "- |\r\n    foo\r\n\r\n  - x y"
    assert shown["/b/0"] == "|\r\n    foo"
    assert shown["/b/1"] == "x y"
    assert shown["/c"] == "5"
    assert [document.slice(span) for span in document.locate("/é") if span] == ["é", "'ü😀'"]
    assert document.root.to_python() == {"é": "ü😀", "b": ["foo\n", "x y"], "c": "5", "d": "5"}


def test_an_empty_value_stands_behind_its_colon(parse: Any) -> None:
    document, _ = parse("a:\n\nb :   # c\nc: {d: , e}\n")
    spans = [document.find(p).span for p in ("/a", "/b", "/c/d")]
    assert [(span.start, span.end) for span in spans] == [(2, 2), (7, 7), (20, 20)]


def test_duplicate_keys_keep_the_first_and_show_both(parse: Any) -> None:
    document, found = parse("a:\n  b: 1\n  c: 2\n  b: 3\n  'b': 4\n")
    assert [d.code for d in found] == ["VG003", "VG003"]
    assert found[0].pointer == "/a/b"
    assert [(label.span.start, label.primary) for label in found[0].labels] == [(19, True), (5, False)]
    assert document.root.to_python() == {"a": {"b": 1, "c": 2}}


def test_keys_that_are_not_text(parse: Any) -> None:
    document, found = parse("1: a\ntrue: b\n~: c\n[x]: d\n? {y: z}\n: e\nf: g\n")
    assert [d.code for d in found] == ["VG004"] * 5
    assert document.root.to_python() == {"1": "a", "true": "b", "~": "c", "f": "g"}
    fix = found[0].fix
    assert fix is not None
    assert [(document.slice(e.span), e.replacement) for e in fix.edits] == [("1", '"1"')]


@pytest.mark.parametrize("text", ["!!python/object:os.system {a: b}", "!foo bar", "!!binary aGk=", "!!set {a}"])
def test_tags_are_refused_and_the_rest_is_kept(parse: Any, text: str) -> None:
    document, found = parse(f"x: {text}\ny: 1\n")
    diagnostic = only(found, "VG004")
    assert diagnostic.pointer == "/x"
    assert shown(document, diagnostic) == text.split()[0]
    assert document.root.to_python()["y"] == 1


def test_a_core_tag_must_fit_its_value(parse: Any) -> None:
    document, found = parse("x: !!int abc\ny: !!int true\n")
    assert [d.code for d in found] == ["VG004", "VG004"]
    assert document.root.to_python() == {"x": "abc", "y": "true"}


def test_merge_keys_are_refused_but_not_when_quoted(parse: Any) -> None:
    document, found = parse("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {'<<': 3}\n")
    assert "merge" in only(found, "VG004").message
    assert document.root.to_python() == {"a": {"x": 1}, "b": {"y": 2}, "c": {"<<": 3}}


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "---\na: 1\n---\n", "a: 1\n...\n---\nb: 2\n"])
def test_several_documents_are_refused(parse: Any, text: str) -> None:
    document, found = parse(text)
    assert "several documents" in only(found, "VG004").message
    assert document.root.to_python() == {"a": 1}


def test_one_document_with_markers_is_fine(parse: Any) -> None:
    assert values(parse, "# c\n%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize("line", ["%YAML 1.1", "%TAG ! tag:example.com,2000:", "%FOO"])
def test_other_directives_are_refused(parse: Any, line: str) -> None:
    document, found = parse(f"{line}\n---\na: 1\n")
    assert shown(document, only(found, "VG004")) == line
    assert document.root.to_python() == {"a": 1}


def test_aliases_are_copies_that_know_it(parse: Any) -> None:
    document, found = parse("a: &x {k: [1]}\nb: *x\nc: {d: *x}\ne: 1\n")
    assert found == []
    assert document.root.to_python() == {"a": {"k": [1]}, "b": {"k": [1]}, "c": {"d": {"k": [1]}}, "e": 1}
    assert all(document.is_aliased(p) for p in ("/a", "/a/k/0", "/b", "/b/k/0", "/c/d/k"))
    assert not any(document.is_aliased(p) for p in ("", "/c", "/e", "/none"))
    inner = document.find("/b/k/0")
    assert document.slice(inner.span) == "1"
    assert document.slice(inner.via) == "*x"
    assert document.find("/a").via is None


def test_an_anchor_that_is_not_used_is_not_aliased(parse: Any) -> None:
    document, _ = parse("a: &x 1\nb: &x 2\nc: *x\n")
    assert document.root.to_python() == {"a": 1, "b": 2, "c": 2}
    assert not document.is_aliased("/a")
    assert document.is_aliased("/b")


def test_recursive_and_unknown_aliases(parse: Any) -> None:
    document, found = parse("a: &a [*a, 1]\nb: *nope\nc: 2\n")
    assert [(d.code, d.pointer) for d in found] == [("VG004", "/a/0"), ("VG002", "/b")]
    assert document.root.to_python() == {"a": [None, 1], "b": None, "c": 2}


def test_an_alias_cannot_be_a_key(parse: Any) -> None:
    document, found = parse("a: &x k\n*x : 1\nb: 2\n")
    only(found, "VG004")
    assert document.root.to_python() == {"a": "k", "b": 2}


def test_an_alias_bomb_is_stopped(parse: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    document, found = parse("\n".join(lines))
    assert document.root is None
    assert "alias" in only(found, "VG005").message


def test_depth_through_aliases_is_limited(parse: Any) -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 300))]
    assert "deep" in only(parse("\n".join(lines))[1], "VG005").message


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{" * 100_000, "{a: " * 50_000, "- " * 50_000, "? " * 50_000, '{"a":' * 50_000,
     "".join(" " * i + "a:\n" for i in range(500)), "[" * 500 + "]" * 500],
    ids=range(8),
)  # fmt: skip
def test_depth_is_limited_without_recursion(parse: Any, text: str) -> None:
    document, found = parse(text)
    assert document.root is None
    assert "100 deep" in only(found, "VG005").message


def test_a_depth_at_the_limit_is_fine(parse: Any) -> None:
    limits = Limits(max_depth=4)
    assert parse("a: [[[1]]]", limits)[1] == []
    assert [d.code for d in parse("a: [[[[1]]]]", limits)[1]] == ["VG005"]


def test_nodes_size_and_numbers_are_limited(parse: Any) -> None:
    limits = Limits(max_nodes=5, max_bytes=40, max_number_length=10)
    assert parse("a: [1, 2]", limits)[1] == []
    assert "5 nodes" in only(parse("a: [1, 2, 3]", limits)[1], "VG005").message
    assert "40" in only(parse("a: " + "b" * 40, limits)[1], "VG005").message
    document, found = parse("a: 12345678901", limits)
    assert only(found, "VG005").pointer == "/a"
    assert document.root.to_python() == {"a": "12345678901"}


def test_a_float_out_of_range(parse: Any) -> None:
    assert ".inf" in only(parse("a: 1e999")[1], "VG005").message


def test_unquoted_expressions_are_reported_and_still_understood(parse: Any) -> None:
    text = "é: {a: $(max(a, b)), b: [$(xs[0]), $(min(c, d))]}\nf: {g: $(h), i: $j}\n"
    document, found = parse(text)
    assert [(d.code, d.pointer, shown(document, d)) for d in found] == [
        ("VG006", "/é/a", "$(max(a, b))"),
        ("VG006", "/é/b/0", "$(xs[0])"),
        ("VG006", "/é/b/1", "$(min(c, d))"),
    ]
    assert document.root.to_python() == {
        "é": {"a": "$(max(a, b))", "b": ["$(xs[0])", "$(min(c, d))"]},
        "f": {"g": "$(h)", "i": "$j"},
    }
    fixed = text
    for diagnostic in reversed(found):
        assert diagnostic.fix is not None
        assert diagnostic.fix.applicability is Applicability.SAFE
        for edit in diagnostic.fix.edits:
            fixed = fixed[: edit.span.start] + edit.replacement + fixed[edit.span.end :]
    again, rest = parse(fixed)
    assert rest == []
    assert again.root.to_python() == document.root.to_python()


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a: $('x: y')\n", "\"$('x: y')\""),
        ("a: {b: $('p, q')}\n", "\"$('p, q')\""),
        ('a: {b: $("p, q")}\n', "'$(\"p, q\")'"),
        ("a: {b: $(max(\"p\", 'q'))}\n", "'$(max(\"p\", ''q''))'"),
    ],
)
def test_the_quotes_of_a_fix_fit_the_expression(parse: Any, text: str, quoted: str) -> None:
    found = parse(text)[1]
    fix = only(found, "VG006").fix
    assert fix is not None
    assert fix.edits[0].replacement == quoted


def test_a_cut_expression_that_never_closes_has_no_fix(parse: Any) -> None:
    diagnostic = only(parse("x: {a: $(max(a, b}\n")[1], "VG006")
    assert diagnostic.fix is None


def test_quoted_and_block_expressions_are_fine(parse: Any) -> None:
    assert values(parse, "a: $(max(a, b))\nb: {c: \"$(max(a, b))\", d: '$(x[0])'}\n") == {
        "a": "$(max(a, b))",
        "b": {"c": "$(max(a, b))", "d": "$(x[0])"},
    }


@pytest.mark.parametrize(
    ("text", "words", "at"),
    [
        ("a:\n\tb: c", "tab", "\t"),
        ("\ta: b", "tab", "\t"),
        ("a: @b", "`@`", "@"),
        ("a: `b", "backtick", "`"),
        ("a: %b", "`%`", "%"),
        ("a: b: c", "second", ":"),
        ("a: [1, 2", "never closed", "["),
        ("a: {b: [1, 2}", "does not close the `[`", "}"),
        ("a:\n  b: {c: 1\n", "never closed", "{"),
        ('a: "xx', "never closed", '"'),
        ("a: 'xx\nb: c", "never closed", "'"),
        ("a: \"x\\qy\"", "not an escape", "\\q"),
        ('a: "\\xzz"', "does not make a character", "\\x"),
        ("a:\n  b: 1\n c: 2", "indentation", " "),
        ("a:\n  - b\n   - c: d\n e: f", "", None),
        ("a: 1\nfoo\nb: 2", "no `:`", "foo"),
        ("key:value\nb: c", "space after the colon", "key:value"),
        ("- a\n-b\n- c", "space after the dash", "-b"),
        ("a: 1\n  b: 2", "deeper", "  b:"),
        ("a:\n- b\n  c: d", "list item", "  c:"),
        ("a: - b", "a list cannot begin", "-"),
        ("a: \"b\" c", "after the closing quote", "c"),
        ("a: 'it's'", "after the closing quote", "s'"),
        ("a: [b]c", "after the closing `]`", "c"),
        ("a: ]", "closes nothing", "]"),
        ("{a: 1}}", "closes nothing", "}"),
        ("a: [}", "closes nothing", "}"),
        ("a: [,]", "a value is expected", ","),
        ("{a: 1 b: 2}", "expected `,` or `}`", ":"),
        ("- a\nb: c", "level of a list", "b: c"),
        ("x: {a: ${b}}", "`${...}`", "${"),
        ("a: |x\n b", "may follow `|`", "x"),
        ("a: \x01", "U+0001", "\x01"),
        ("a: b\u2028c", "line separator", "\u2028"),
        ("a: \ud800", "U+D800", "\ud800"),
        ("a: b\ufeff", "U+FEFF", "\ufeff"),
        ("a: \x00", "U+0000", "\x00"),
    ],
)  # fmt: skip
def test_syntax_errors_in_plain_words(parse: Any, text: str, words: str, at: str | None) -> None:
    for shift, whole in ((0, text), (1, "\ufeff" + text)):
        document, found = parse(whole)
        diagnostic = only(found, "VG002")
        assert document.root is None
        assert words in diagnostic.message
        if at is not None:
            assert shown(document, diagnostic) == at
            assert diagnostic.span is not None
            assert diagnostic.span.start >= shift


def test_the_opening_bracket_is_labelled(parse: Any) -> None:
    document, found = parse("a: {b: 1\n  c: 2}")
    assert [document.slice(label.span) for label in only(found, "VG002").labels] == [":", "{"]


@pytest.mark.parametrize("text", ["", "   \n", "# only a comment\n", "---\n", "~", "\ufeff"])
def test_an_empty_document(parse: Any, text: str) -> None:
    document, found = parse(text)
    assert document.root is None
    assert "empty" in only(found, "VG007").message


@pytest.mark.parametrize(("text", "what"), [("- 1", "a list"), ("hello", "text"), ("3", "a whole number")])
def test_a_root_that_is_no_mapping(parse: Any, text: str, what: str) -> None:
    assert what in only(parse(text)[1], "VG007").message


def test_plain_and_raw(parse: Any) -> None:
    document, _ = parse("a: b c\nd: 'e''f'\ng: 1.50\nh: \"i\\tj\"\n")
    nodes = [document.find(p) for p in ("/a", "/d", "/g", "/h")]
    assert all(isinstance(node, ScalarNode) for node in nodes)
    assert [(n.raw, n.plain) for n in nodes] == [
        ("b c", True), ("'e''f'", False), ("1.50", True), ('"i\\tj"', False),
    ]  # fmt: skip


def test_an_escaped_surrogate_half_is_no_character(parse: Any) -> None:
    assert [d.code for d in parse('a: "\\ud800"')[1]] == ["VG002"]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "$(x + 1)",
        "1",
        "true",
        "",
        " a",
        "a: b",
        "a,b",
        "#a",
        "-a",
        "*a",
        "é",
        "x\ny",
        "'",
        '"\\',
        "😀",
        "0x1",
        "\u2028",
        "a\u2029b",
        "\x85",
    ],
)
def test_quote_and_needs_quotes(parse: Any, text: str) -> None:
    assert values(parse, f"{{a: {quote(text)}}}") == {"a": text}
    if not needs_quotes(text):
        assert values(parse, f"{{a: {text}}}") == {"a": text}
