"""What is fuzzed: for each way that a stranger's bytes come in, what must hold of them.

Every target takes bytes and raises only for a bug: an exception that escapes, an input that takes too long, or a
promise that is broken (a fix that adds findings, a form that is not stable).
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.harness import check_expression, check_spec
from tests.fuzz.mutate import CONFIGS, CORPUS, EXPRESSIONS, seeds

__all__ = ["TARGETS", "Target", "archive_of"]

_SIZE = 200_000
"""Bytes of an input that are looked at."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way in.

    Attributes:
        name: what it is called.
        check: raises where a promise is broken; whether the input was a valid one.
        seeds: inputs to start from.
        kind: how inputs are mutated: ``text``, ``data`` (JSON text of mutated data), or ``both``.
    """

    name: str
    check: Callable[[bytes], bool]
    seeds: Callable[[], Iterator[bytes]]
    kind: str


def _text(data: bytes) -> str:
    return data[:_SIZE].decode("utf-8", "replace")


# --- text ----------------------------------------------------------------------------------------------


def check_yaml(data: bytes) -> bool:
    """Any text loads or gives findings, and prints."""
    return check_spec(_text(data), lint=False)[0]


def check_bytes(data: bytes) -> bool:
    """Any bytes of a file give a document or findings, whatever their encoding; as JSON text too."""
    from vgspec.frontend.load import load_document
    from vgspec.source import parse_bytes

    ok = False
    for name in ("f.yaml", "f.json"):
        document, problems = parse_bytes(data, name)
        spec = load_document(document, problems)
        assert spec.graph is not None or spec.diagnostics or (document.root is not None)
        ok = ok or spec.graph is not None
    return ok


def check_expressions(data: bytes) -> bool:
    """Any text between the brackets of an expression."""
    check_expression(_text(data))
    return True


# --- models --------------------------------------------------------------------------------------------


def archive_of(config: bytes, name: str = "config.json") -> bytes:
    """A ``.keras`` file with this config."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), config)
        archive.writestr(zipfile.ZipInfo("metadata.json"), b"{}")
    return buffer.getvalue()


def check_import(data: bytes) -> bool:
    """A file that claims to be a model: an archive, metadata of a SavedModel, or a config.

    What is imported is written as a spec, rolled and flat, and both say the same model.
    """
    from vgspec.importers.files import read_model_file
    from vgspec.importers.problem import ImportProblem

    if data[:4] == b"PK\x03\x04" or data[:1] == b"\x0a":
        with tempfile.TemporaryDirectory() as folder:
            if data[:1] == b"\x0a":
                path = Path(folder, "saved")
                path.mkdir()
                (path / "saved_model.pb").write_bytes(b"")
                (path / "keras_metadata.pb").write_bytes(data)
            else:
                path = Path(folder, "m.keras")
                path.write_bytes(data)
            try:
                config = read_model_file(path)
            except ImportProblem as problem:
                return not problem.diagnostic("m").message
    else:
        try:
            config = json.loads(_text(data))
        except (ValueError, RecursionError):
            return False
    return check_config(config)


def check_config(config: Any) -> bool:
    """A config, of whatever form, gives a spec or findings; a spec that loads again as the same model."""
    from vgspec.frontend.load import load
    from vgspec.importers.keras_config import read_config
    from vgspec.importers.order import same_model
    from vgspec.importers.specs import spec_of_config
    from vgspec.report.model import Report
    from vgspec.report.style import Look
    from vgspec.report.text import render_text
    from vgspec.source import SourceMap

    imported = read_config(config, file="m.json")
    render_text(Report(("m.json",), imported.diagnostics, SourceMap()), Look(100, False, "utf-8"))
    if imported.graph is None:
        assert imported.diagnostics, "no model, and nothing that says why"
        return False
    for flat in (False, True):
        spec = spec_of_config(config, file="m.json", flat=flat)
        if spec.graph is None:
            assert spec.diagnostics, "no spec, and nothing that says why"
            continue
        text = spec.to_yaml()
        again = load(text)
        assert again.graph is not None, f"what was written does not load: {again.diagnostics[:2]}"
        assert same_model(again.graph, imported.graph), "another model"
    return True


# --- lint, fmt, --fix ----------------------------------------------------------------------------------

_SMALL = 150
"""Layers up to which a model is linted and fixed."""


def _small(data: bytes) -> Any:
    from vgspec.frontend.load import load

    text = _text(data)
    spec = load(text if "\n" in text else text + "\n", file="m.yaml")
    return spec if spec.graph is not None and len(spec.graph.nodes) <= _SMALL else None


def check_lint(data: bytes) -> bool:
    """A model that loads is linted, and the findings have every form of output."""
    from vgspec.cli.catalog import all_rules
    from vgspec.lint.engine import lint
    from vgspec.report.formats import render
    from vgspec.report.model import Report
    from vgspec.report.style import Look

    spec = _small(data)
    if spec is None:
        return False
    found = lint(spec).diagnostics
    report = Report(("m.yaml",), tuple(found), spec.sources, rules=all_rules(pages=False))
    for form in ("text", "json", "sarif", "github", "junit"):
        text = render(report, form, look=Look(100, False, "utf-8"), base="/", tool_version="0")
        if form in ("json", "sarif"):
            json.loads(text)
    return True


def check_fmt(data: bytes) -> bool:
    """The canonical form is one: formatting it again changes nothing, and it means the same model."""
    from vgspec.cli.fmt import canonical_text
    from vgspec.frontend.load import load
    from vgspec.source import parse_text

    text = _text(data)
    document, problems = parse_text(text, "m.yaml")
    if problems or document.root is None:
        return False
    try:
        once = canonical_text(document)
    except ValueError as refused:
        moved = "&" in text and "would not read back" in str(refused)  # an alias before its anchor
        if "it has a key of" not in str(refused) and not moved:
            raise
        return False
    again, problems = parse_text(once, "m.yaml")
    assert not problems
    assert canonical_text(again) == once, "not stable"
    assert _comments(text) in (_comments(once), None) or _comments(once) is None, "a comment is lost"
    before, after = (load(item if "\n" in item else item + "\n") for item in (text, once))
    assert (before.graph is None) == (after.graph is None)
    if before.graph is None or after.graph is None:
        return False
    assert before.graph.hash() == after.graph.hash(), "another model"
    return True


def _comments(text: str) -> list[str] | None:
    """The comments on lines of their own; None for a text with quotes or blocks, where a `#` may be something else."""
    if any(sign in text for sign in "\"'|>{[\\\x85\u2028\u2029\ufeff\r\t"):
        return None
    return sorted(line.strip() for line in text.split("\n") if line.strip().startswith("#"))


def check_fix(data: bytes) -> bool:
    """Fixing ends, gives a text that loads, and brings no finding that was not there."""
    from vgspec.diagnostics import Severity
    from vgspec.lint.engine import lint
    from vgspec.lint.fixes import ROUNDS, fix_spec

    spec = _small(data)
    if spec is None or len(spec.graph.nodes) > 60:
        return False
    before = lint(spec, fixes=None)
    for unsafe in (False, True):
        fixed = fix_spec(spec, unsafe=unsafe)
        assert fixed.rounds <= ROUNDS
        again = _small(fixed.text.encode())
        assert again is not None, "the text with its fixes does not load"
        if not unsafe:
            assert _weights(again) == _weights(spec), "a safe fix changed the weights"
        after = lint(again, fixes=None)
        grave = [[d for d in found.diagnostics if d.severity is not Severity.INFO] for found in (before, after)]
        assert len(after.diagnostics) <= len(before.diagnostics), "more findings than before"
        assert len(grave[1]) <= len(grave[0]) or fixed.text == spec.document.text, "graver findings than before"
    return True


def _weights(spec: Any) -> list[Any]:
    return [tuple(w.shape for w in node_weights) for node_weights in _weight_specs(spec)]


def _weight_specs(spec: Any) -> Iterator[Any]:
    from vgspec.lint.facts import Facts

    facts = Facts(spec)
    return (facts.weights(node) for node in facts.nodes)


# --- the table -----------------------------------------------------------------------------------------


def _specs() -> Iterator[bytes]:
    return (path.read_bytes() for path in [*seeds(), *sorted(CORPUS.glob("*.txt"))])


def _json_specs() -> Iterator[bytes]:
    from vgspec.source import parse_text

    for path in seeds():
        root = parse_text(path.read_text(encoding="utf-8"))[0].root
        if root is not None:
            yield json.dumps(root.to_python()).encode()
            yield path.read_bytes()


def _configs() -> Iterator[bytes]:
    for path in sorted(CONFIGS.glob("*.json")):
        yield path.read_bytes()
        yield archive_of(path.read_bytes())


def _expressions() -> Iterator[bytes]:
    return (text.encode() for text in EXPRESSIONS)


TARGETS = {
    target.name: target
    for target in (
        Target("yaml", check_yaml, _specs, "text"),
        Target("json", check_bytes, _json_specs, "both"),
        Target("expressions", check_expressions, _expressions, "text"),
        Target("import", check_import, _configs, "data"),
        Target("lint", check_lint, _specs, "both"),
        Target("fmt", check_fmt, _specs, "both"),
        Target("fix", check_fix, _specs, "both"),
    )
}
"""By name."""
