"""Every diagnostic code of the language, in one table.

A code is stable for ever: a retired one keeps its row and its number is never given again. Lint rules
carry their own codes (``VG1xx`` and up) in their classes; everything a document can get wrong *before*
linting is listed here, by the stage that finds it.

======== =================================================
VG00x    reading and parsing the text
VG01x    expressions
VG02x    the form of a document (schema)
VG03x    references, blocks, parameters, includes
VG04x    layer arguments, compile section
VG05x    shapes and dtypes
VG06x    building with a backend
VG07x    suppressions and configuration
VG08x    importing models of Keras
VG09x    what cannot be analysed
======== =================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vgspec.diagnostics import Diagnostic, Evidence, Fix, Label, Severity, Span

__all__ = [
    "BACKEND_MISSING",
    "BAD_SETTING",
    "BUILD_FAILED",
    "CANNOT_WRITE",
    "CODES",
    "DUPLICATE_KEY",
    "EXPRESSION_SYNTAX",
    "EXPRESSION_TYPE",
    "EXPRESSION_VALUE",
    "LIMIT_EXCEEDED",
    "NOT_A_SPEC",
    "NOT_LINTED",
    "SAVE_FAILED",
    "SHAPE_DISAGREES",
    "SYNTAX_ERROR",
    "TARGET_EXISTS",
    "TOO_LARGE",
    "UNKNOWN_FORMAT",
    "UNKNOWN_NAME",
    "UNQUOTED_EXPRESSION",
    "UNREADABLE_FILE",
    "UNREADABLE_SETTINGS",
    "UNSUPPORTED_BY_KERAS",
    "UNSUPPORTED_YAML",
    "Code",
    "by_code",
    "by_name",
]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding.

    Attributes:
        code: stable identifier, ``VG`` and three digits.
        name: stable name of the bad pattern, in kebab case.
        severity: what it counts as unless configured otherwise.
        summary: one sentence that says what it means, for the reference and ``vgspec rule``.
    """

    code: str
    name: str
    severity: Severity
    summary: str

    def diagnostic(
        self,
        message: str,
        *,
        span: Span | None = None,
        label: str = "",
        labels: Iterable[Label] = (),
        pointer: str = "",
        notes: Iterable[str] = (),
        help: str = "",
        evidence: Evidence | None = None,
        fix: Fix | None = None,
        file: str = "",
        node: str = "",
        severity: Severity | None = None,
    ) -> Diagnostic:
        """A finding of this kind.

        Args:
            message: one sentence in plain words, without a final full stop.
            span: the primary place, if the document has text; ``label`` is what is to be seen there.
            label: the words at the primary place.
            labels: further places.
            pointer: JSON pointer of the document node it is about.
            notes: further facts, one a line.
            help: the next step to take.
            evidence: the measured number, if there is one.
            fix: a change that mends it.
            file: the file; that of ``span`` where it is not given.
            node: the id of the graph node it is about.
            severity: overrides the severity of the code.
        """
        primary = () if span is None else (Label(span, label, primary=True),)
        return Diagnostic(
            code=self.code,
            name=self.name,
            severity=self.severity if severity is None else severity,
            message=_shortened(message),
            pointer=pointer,
            labels=(*primary, *labels),
            notes=tuple(_shortened(note) for note in notes),
            help=_shortened(help),
            evidence=evidence,
            fix=fix,
            file=file or ("" if span is None else span.file),
            node=node,
        )


def _shortened(text: str, limit: int = 1000) -> str:
    """``text`` with its middle left out if it quotes something far too long to read."""
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 4 :]}"


_ERROR = Severity.ERROR

# --- VG00x: reading and parsing the text ----------------------------------------------------------------

UNREADABLE_FILE = Code("VG001", "unreadable-file", _ERROR, "The file cannot be read or is not text.")
SYNTAX_ERROR = Code("VG002", "syntax-error", _ERROR, "The text is neither valid YAML 1.2 nor valid JSON.")
DUPLICATE_KEY = Code("VG003", "duplicate-key", _ERROR, "A mapping has the same key twice.")
UNSUPPORTED_YAML = Code(
    "VG004",
    "unsupported-yaml",
    _ERROR,
    "A YAML feature that a spec does not use: tags, merge keys, several documents, keys that are not text.",
)
LIMIT_EXCEEDED = Code("VG005", "limit-exceeded", _ERROR, "The document is larger or deeper than the limits allow.")
UNQUOTED_EXPRESSION = Code(
    "VG006",
    "unquoted-expression",
    _ERROR,
    "An unquoted expression inside `{...}` or `[...]` is cut short by YAML.",
)
NOT_A_SPEC = Code("VG007", "not-a-spec", _ERROR, "The document is empty, or is not a mapping.")
NOT_LINTED = Code(
    "VG008", "not-linted", _ERROR, "The file could not be linted: vgspec failed on it, or its process was killed."
)

# --- VG01x: expressions ---------------------------------------------------------------------------------

EXPRESSION_SYNTAX = Code("VG010", "expression-syntax", _ERROR, "The expression cannot be parsed.")
UNKNOWN_NAME = Code("VG011", "unknown-name", _ERROR, "The expression uses a name that is not defined here.")
EXPRESSION_TYPE = Code("VG012", "expression-type", _ERROR, "An operator or function gets the wrong type.")
EXPRESSION_VALUE = Code(
    "VG013",
    "expression-value",
    _ERROR,
    "The expression has no value: a division by zero, an overflow, an index out of range, a limit.",
)

# --- VG02x: the form of a document (schema) -------------------------------------------------------------

WRONG_TYPE = Code("VG020", "wrong-type", _ERROR, "A value has not the type that its place takes.")
UNKNOWN_KEY = Code("VG021", "unknown-key", _ERROR, "A mapping has a key that means nothing there.")
MISSING_KEY = Code("VG022", "missing-key", _ERROR, "A mapping lacks a key that it needs.")
UNKNOWN_LAYER = Code("VG023", "unknown-layer", _ERROR, "No layer of Keras, and none registered, has this name.")
UNKNOWN_CHOICE = Code("VG024", "unknown-choice", _ERROR, "A value is none of those that its place takes.")
OUT_OF_RANGE = Code("VG025", "out-of-range", _ERROR, "A number is too small or too large, or a list too short or long.")
NOT_ONE_ACTION = Code("VG026", "not-one-action", _ERROR, "A list item does nothing, or more than one thing.")
UNSUPPORTED_VERSION = Code(
    "VG027", "unsupported-version", _ERROR, "The document is of a language version not known here."
)

# --- VG03x: references, blocks, parameters, includes ----------------------------------------------------

UNKNOWN_REFERENCE = Code("VG030", "unknown-reference", _ERROR, "No input or layer that is visible here has this id.")
DUPLICATE_ID = Code("VG031", "duplicate-id", _ERROR, "Two things in the same list have the same id.")
UNKNOWN_BLOCK = Code("VG032", "unknown-block", _ERROR, "No block has this name.")
UNKNOWN_SHARED = Code("VG033", "unknown-shared", _ERROR, "Nothing under 'shared' has this name.")
BAD_PARAMETER = Code(
    "VG034", "bad-parameter", _ERROR, "A parameter is unknown, missing, or has a value it does not take."
)
BAD_INCLUDE = Code("VG035", "bad-include", _ERROR, "An included file cannot be used.")
RECURSIVE_BLOCK = Code("VG036", "recursive-block", _ERROR, "A block uses itself.")
NO_INPUT = Code("VG037", "no-input", _ERROR, "There is nothing that this layer could be applied to.")
NOT_A_MODEL = Code("VG038", "not-a-model", _ERROR, "The document has only definitions, and a model was asked for.")
AMBIGUOUS_OUTPUT = Code(
    "VG039", "ambiguous-output", _ERROR, "A reference to a layer with several outputs does not say which."
)

# --- VG04x: layer arguments, compile section ------------------------------------------------------------

BAD_ARGUMENT = Code(
    "VG040", "bad-argument", _ERROR, "An argument of a layer, initializer, optimizer … has a wrong value."
)
BAD_CALL = Code(
    "VG041", "bad-call", _ERROR, "A call gives an argument that the layer's call does not take, or lacks one."
)
BAD_COMPILE = Code("VG042", "bad-compile", _ERROR, "The compile section does not fit the model.")

# --- VG05x: shapes and dtypes ---------------------------------------------------------------------------

SHAPE_ERROR = Code("VG050", "shape-error", _ERROR, "A layer cannot be applied to the shapes that reach it.")

# --- VG06x: building with a backend ---------------------------------------------------------------------

BACKEND_MISSING = Code(
    "VG060", "backend-missing", _ERROR, "Building needs Keras, which is not installed or does not start."
)
UNSUPPORTED_BY_KERAS = Code(
    "VG061",
    "unsupported-by-keras",
    _ERROR,
    "The installed Keras lacks a class, function or argument that the model uses.",
)
BUILD_FAILED = Code("VG062", "build-failed", _ERROR, "Keras refuses to build a layer that passed every check.")
SHAPE_DISAGREES = Code("VG063", "shape-disagrees", _ERROR, "Keras gives a tensor another shape than was inferred.")
TARGET_EXISTS = Code("VG064", "target-exists", _ERROR, "The output exists already.")
CANNOT_WRITE = Code("VG065", "cannot-write", _ERROR, "The output cannot be written.")
UNKNOWN_FORMAT = Code("VG066", "unknown-format", _ERROR, "The output's name does not say a known format.")
SAVE_FAILED = Code("VG067", "save-failed", _ERROR, "Keras cannot save the model in this format.")
TOO_LARGE = Code("VG068", "too-large", _ERROR, "The model would need more memory than it may take.")

# --- VG07x: suppressions and configuration --------------------------------------------------------------

UNUSED_SUPPRESSION = Code(
    "VG070", "unused-suppression", Severity.WARNING, "A suppression allows a finding that there is not."
)
UNKNOWN_RULE = Code("VG071", "unknown-rule", Severity.WARNING, "A suppression names a rule that does not exist.")
UNREADABLE_SETTINGS = Code(
    "VG072", "unreadable-settings", _ERROR, "A settings file cannot be read, or is no valid TOML."
)
BAD_SETTING = Code(
    "VG073",
    "bad-setting",
    _ERROR,
    "A settings file names a setting, rule or threshold that does not exist, or gives it a wrong value.",
)

# --- VG08x: importing models of Keras -------------------------------------------------------------------

BAD_CONFIG = Code(
    "VG080", "bad-config", _ERROR, "A Keras config is not of the form that Keras writes, or is cut short."
)
UNKNOWN_CLASS = Code("VG081", "unknown-class", _ERROR, "A Keras config names a class that is not known here.")
CODE_IN_CONFIG = Code("VG082", "code-in-config", _ERROR, "A Keras config holds code, which is never run.")
UNKNOWN_CONFIG_KEY = Code("VG083", "unknown-config-key", _ERROR, "A layer's config has an argument not known here.")
BAD_CONFIG_VALUE = Code("VG084", "bad-config-value", _ERROR, "An argument in a Keras config has a wrong value.")
DANGLING_TENSOR = Code(
    "VG085", "dangling-tensor", _ERROR, "A Keras config refers to a layer, call or output that it does not have."
)
CYCLIC_CONFIG = Code("VG086", "cyclic-config", _ERROR, "The layers of a Keras config wait for each other's outputs.")
UNSAFE_ARCHIVE = Code(
    "VG087", "unsafe-archive", _ERROR, "A model file is too large, packed too tightly, or names places outside itself."
)
NO_CONFIG = Code("VG088", "no-config", _ERROR, "A model file holds no config of a model.")
IMPORT_CHANGED = Code(
    "VG089", "import-changed", Severity.INFO, "Something of the model was left out of the spec or renamed."
)

# --- VG09x: what cannot be analysed ---------------------------------------------------------------------

OPAQUE_LAYER = Code(
    "VG090",
    "opaque-layer",
    Severity.INFO,
    "A layer's class is not known here: its shapes and weights are as Keras told them, and it is not analysed.",
)
OPAQUE_NOT_BUILT = Code("VG091", "opaque-not-built", _ERROR, "A layer whose class is not known here cannot be built.")

CODES: tuple[Code, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Code))
"""Every row above, in order: a constant is a row, so none can be forgotten."""


def by_code(code: str) -> Code | None:
    """The row with this code, such as ``VG003``, or None."""
    return next((row for row in CODES if row.code == code), None)


def by_name(name: str) -> Code | None:
    """The row with this name, such as ``duplicate-key``, or None."""
    return next((row for row in CODES if row.name == name), None)
