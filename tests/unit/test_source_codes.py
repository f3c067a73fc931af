"""The table of codes is consistent."""

from __future__ import annotations

import re

from vgspec import codes
from vgspec.diagnostics import Severity, Span


def test_codes_and_names_are_unique_and_well_formed() -> None:
    assert len({row.code for row in codes.CODES}) == len(codes.CODES)
    assert len({row.name for row in codes.CODES}) == len(codes.CODES)
    for row in codes.CODES:
        assert re.fullmatch(r"VG[0-9]{3}", row.code)
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name)
        assert row.summary.endswith(".")
        assert codes.by_code(row.code) is row
        assert codes.by_name(row.name) is row
    assert codes.by_code("VG999") is None


def test_a_diagnostic_takes_its_file_from_its_span() -> None:
    diagnostic = codes.SYNTAX_ERROR.diagnostic("m", span=Span("f", 1, 2), label="here", notes=["n"])
    assert (diagnostic.code, diagnostic.name, diagnostic.severity) == ("VG002", "syntax-error", Severity.ERROR)
    assert (diagnostic.file, diagnostic.span, diagnostic.notes) == ("f", Span("f", 1, 2), ("n",))
    assert diagnostic.labels[0].message == "here"
    assert codes.SYNTAX_ERROR.diagnostic("m", severity=Severity.INFO).severity is Severity.INFO
