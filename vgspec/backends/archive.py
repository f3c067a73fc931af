"""The bytes of a ``.keras`` file, made to depend on the model alone.

Keras writes the time into it twice (the entries of the archive, ``date_saved`` in ``metadata.json``), and numbers the
parts that layers share by their addresses in memory (``shared_object_id`` in ``config.json``).
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["make_reproducible"]

_FIRST = 315532800.0
"""1 January 1980, the first time that an archive can say, in seconds since 1970."""


def make_reproducible(file: Path) -> None:
    """Rewrite a ``.keras`` file so that the same model gives the same bytes.

    Times become that of ``SOURCE_DATE_EPOCH`` (https://reproducible-builds.org/specs/source-date-epoch/), or
    1 January 1980; shared parts are numbered from 1 in the order in which the config names them. All else is kept.

    Raises:
        OSError: if it cannot be written; the file is whole then, and nothing is left beside it.
    """
    moment = time.gmtime(_moment())
    beside = file.with_name(f"{file.name}.again")
    try:
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(beside, "x") as new:
            for entry in old.infolist():
                made = zipfile.ZipInfo(entry.filename, moment[:6])
                made.external_attr, made.compress_type = entry.external_attr, entry.compress_type
                made.file_size = entry.file_size  # so that more than 4 GiB are announced as such
                with new.open(made, "w") as target, old.open(entry) as source:
                    if entry.filename == "config.json":
                        target.write(json.dumps(_numbered(json.load(source), {})).encode())
                    elif entry.filename == "metadata.json":
                        saved = {"date_saved": time.strftime("%Y-%m-%d@%H:%M:%S", moment)}
                        target.write(json.dumps({**json.load(source), **saved}).encode())
                    else:
                        shutil.copyfileobj(source, target, 1 << 20)
        os.replace(beside, file)
    finally:
        beside.unlink(missing_ok=True)


def _moment() -> float:
    """Seconds since 1970, from the first to the last that an archive can say."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return min(max(float(given), _FIRST), 4354819198.0) if given.isascii() and given.isdecimal() else _FIRST


def _numbered(value: Any, numbers: dict[int, int]) -> Any:
    """A config with its shared parts numbered in order; ``numbers`` holds those so far, by what Keras calls them."""
    if isinstance(value, list):
        return [_numbered(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _numbered(item, numbers) for key, item in value.items() if key != "shared_object_id"}
    if "shared_object_id" in value:
        name = value["shared_object_id"]
        made["shared_object_id"] = numbers.setdefault(name, len(numbers) + 1) if type(name) is int else name
    return made
