"""Writes the configs of all networks of ``keras.applications``, for measuring their import without Keras.

::

    python -m vgspec.dev.bench.configs FOLDER [BUILDER...]
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Write NAME.json for each builder, and print the names as JSON."""
    from vgspec.backends.gate import application_builders, build_application
    from vgspec.backends.runtime import load_keras

    keras = load_keras()
    folder = Path(arguments[0])
    names = list(arguments[1:]) or list(application_builders())
    for name in names:
        # A config needs no weights: variables that are made in this scope are not filled.
        with keras.StatelessScope(initialize_variables=False):
            model = build_application(name)
        (folder / f"{name}.json").write_text(model.to_json(), encoding="utf-8")
        del model
        keras.backend.clear_session()
        gc.collect()
        print(name, file=sys.stderr, flush=True)
    print(json.dumps(names))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
