"""Coverage-guided fuzzing with atheris, which is not among the dependencies: ``pip install atheris`` first.

``python -m tests.fuzz.coverage_guided specs FOLDER -max_total_time=3600`` grows a corpus in FOLDER from the texts of
documents; ``expressions`` does the same for the expression language. The options are libFuzzer's.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run atheris on the target that the first argument names."""
    import atheris

    with atheris.instrument_imports(include=["vgspec"]):
        import vgspec.expressions
        import vgspec.frontend.load
        import vgspec.layers.core
        import vgspec.source  # noqa: F401
    from tests.fuzz.harness import check_expression, check_spec

    target = sys.argv.pop(1)

    def one(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if target == "expressions":
            check_expression(text)
        else:
            check_spec(text, lint=False)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
