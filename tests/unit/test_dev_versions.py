"""The page of Keras versions: what a results file says, and how it is shown."""

from __future__ import annotations

from pathlib import Path

from vgspec.dev.versions import Run, page, read_results


def test_results_are_counted_and_failures_named(tmp_path: Path) -> None:
    path = tmp_path / "results.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="tests.test_a" name="one"/>'
        '<testcase classname="tests.test_a" name="two"><failure message="x"/></testcase>'
        '<testcase classname="tests.test_b" name="three"><skipped/></testcase></testsuite></testsuites>'
    )
    assert read_results(path) == ({"passed": 1, "failed": 1, "skipped": 1}, ("test_a::two",))


def test_versions_are_in_order() -> None:
    text = page([Run("3.11", "3.15.1", "2.21", "2.4", {"passed": 5000}), Run("3.12", "3.4.1", "2.17", "1.26", {})])
    assert text.index("| 3.4.1 ") < text.index("| 3.15.1 |")
    assert "| 5,000 | 0 | 0 |" in text
