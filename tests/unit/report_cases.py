"""Findings of every form, for the tests of the reports: one text, and diagnostics about places in it."""

from __future__ import annotations

from vgspec.diagnostics import Applicability, Diagnostic, Edit, Evidence, Fix, Label, Severity, Span
from vgspec.report.model import Report, Rule
from vgspec.source import Document, SourceMap

FILE = "specs/a model.yaml"
TEXT = """vgspec: "1"
inputs: {image: {shape: [H, W, 3]}}
layers:
  - Dens: {units: 10, activation: sigmoid}
  - id: 模型😀
\tin: [a, b]   # tabs
  - residual:
      body:
        - Dense: {units: 4}
        - Dense: {units: 5}
        - Dense: {units: 6}
  - Conv2D: {filters: 3}
"""
LONG_FILE = "long.yaml"
LONG = "x: [" + ", ".join(str(i) for i in range(200)) + "]\r\n"
DOCUMENTS = {FILE: Document(FILE, TEXT, None), LONG_FILE: Document(LONG_FILE, LONG, None)}
SOURCES = SourceMap.of(DOCUMENTS.values())


def place(text: str, file: str = FILE, until: str = "") -> Span:
    """The first place of ``text`` in a file, or from there to the end of ``until``."""
    whole = DOCUMENTS[file].text or ""
    start = whole.index(text)
    end = whole.index(until, start) + len(until) if until else start + len(text)
    return Span(file, start, end)


def finding(message: str, *labels: Label, severity: Severity = Severity.ERROR, **more: object) -> Diagnostic:
    """A diagnostic with these labels."""
    given = {"code": "VG023", "name": "unknown-layer", "file": labels[0].span.file if labels else FILE, **more}
    return Diagnostic(severity=severity, message=message, labels=labels, **given)  # type: ignore[arg-type]


def at(text: str, message: str = "", *, primary: bool = False, file: str = FILE, until: str = "") -> Label:
    """A label at a text."""
    return Label(place(text, file, until), message, primary)


CASES: dict[str, Diagnostic] = {
    "simple": finding("unknown layer 'Dens'", at("Dens", primary=True), help="did you mean 'Dense'?"),
    "all_parts": finding(
        "gradient vanishes",
        at("sigmoid", "squashes", primary=True),
        severity=Severity.WARNING,
        code="VG101",
        name="gradient-vanishes",
        notes=("expanded from block residual → conv_bn (i=2)", "two\nlines"),
        help="use relu",
        evidence=Evidence("gradient at 'dense'", 3.1e-20, 1e-7, tuple(f"dense_{i}" for i in range(8))),
        fix=Fix(
            "use relu with he_normal",
            (
                Edit(place("sigmoid"), "relu"),
                Edit(place("{units: 10, "), "{kernel_initializer: he_normal,\n    units: 10, "),
            ),
            Applicability.UNSAFE,
            "gradient rises to 0.41",
        ),
    ),
    "one_line_several": finding(
        "several places",
        at("b]", "this", primary=True),
        at("in:", "key"),
        at("a, b"),
    ),
    "wide_characters": finding("ids are names", at("模型😀", "not a name", primary=True), at("in:", "used here")),
    "tabs": finding("a tab", at("\tin", "here", primary=True)),
    "many_lines": finding(
        "all of it", at("- residual", "this", primary=True, until="{units: 6}\n"), at("{units: 4}", "first")
    ),
    "brackets_side_by_side": finding(
        "crossing",
        at("[a, b]", "one", primary=True, until="{units: 4}"),
        at("body", "other", until="Conv2D"),
    ),
    "elided": finding("the model", at("vgspec", "begins here", primary=True, until="Conv2D")),
    "nested": finding("inside", at("{units: 10, activation: sigmoid}", "outer", primary=True), at("sigmoid", "inner")),
    "end_of_file": finding("unexpected end", Label(Span(FILE, len(TEXT), len(TEXT)), "here", True)),
    "long_line": finding("cropped", at("100, 101", "here", primary=True, file=LONG_FILE)),
    "long_mark": finding("cropped mark", at("x:", "all", primary=True, file=LONG_FILE, until="]")),
    "two_files": finding("defined twice", at("150", "here", primary=True, file=LONG_FILE), at("Conv2D", "and here")),
    "no_text": finding("bad value", pointer="/layers/0/Dense/units", file="<dict>", notes=("got text",)),
    "unknown_text": finding("gone", Label(Span("gone.yaml", 3, 9), "here", True), pointer="/layers"),
    "unreadable": finding("there is no file `x.yaml`", file="x.yaml", code="VG001", name="unreadable-file"),
    "control_characters": finding("evil \x1b[31mred\x1b[0m \u202eabc", at("Dens", "\x07bell", primary=True)),
}

RULES = (
    Rule("VG023", "unknown-layer", Severity.ERROR, "No layer has this name."),
    Rule("VG101", "gradient-vanishes", Severity.WARNING, "The gradient is too small.", "# Page\n\nLong."),
)


def full_report() -> Report:
    """A report of all cases and a clean file."""
    return Report((FILE, LONG_FILE, "clean.yaml"), tuple(CASES.values()), SOURCES, RULES)
