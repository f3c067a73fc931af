"""The config inside a model file, and nothing else of it: no weights are read, nothing is unpacked to disk.

``.keras``
    a zip archive whose ``config.json`` is read. Sizes, ratios and names are checked first.
``.json``
    a config by itself, as ``model.to_json()`` gives it.
``.h5``, ``.hdf5``
    the attributes ``model_config`` and ``training_config``; needs h5py.
a SavedModel folder
    ``keras_metadata.pb``, which Keras 2 wrote there.

Pickles and marshalled functions are never loaded: what a config holds of them stays text.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vgspec import codes
from vgspec.importers.problem import ImportProblem
from vgspec.limits import DEFAULT_LIMITS, Limits

__all__ = ["MODEL_SUFFIXES", "NO_WEIGHTS", "is_model_file", "looks_like_config", "read_model_file"]

MODEL_SUFFIXES = frozenset({".keras", ".h5", ".hdf5"})
NO_WEIGHTS = "vgspec_no_weights"
"""The key beside the config of a ``.keras`` file that holds no weights."""

_SNIFFED = 64 * 1024
_CONFIG = "config.json"
_ABOUT = "metadata.json"
_WEIGHTS = "model.weights.h5"
_LONGEST_ABOUT = 64 * 1024
_METADATA = "keras_metadata.pb"


def is_model_file(path: Path) -> bool:
    """Whether a path is a model of Keras rather than a spec: by its suffix, and for JSON by its content."""
    suffix = path.suffix.lower()
    if suffix in MODEL_SUFFIXES:
        return True
    if suffix == ".json":
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as stream:
                return looks_like_config(stream.read(_SNIFFED))
        except OSError:
            return False
    return path.is_dir() and (path / "saved_model.pb").is_file()


def looks_like_config(text: str) -> bool:
    """Whether JSON text is a Keras config: it names a model's class, and is no spec."""
    head = text.lstrip("\ufeff \t\r\n")
    return head.startswith("{") and '"class_name"' in head and '"vgspec"' not in head[:200] and '"config"' in head


def read_model_file(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The config in a model file, as plain data.

    Raises:
        ImportProblem: if there is none, or it cannot be read safely.
    """
    try:
        if path.is_dir():
            return _saved_model(path, limits)
        if path.exists() and not path.is_file():
            raise ImportProblem(codes.UNREADABLE_FILE, f"`{path}` is not a regular file", "")
        suffix = path.suffix.lower()
        if suffix in (".yaml", ".yml"):
            message = f"`{path.name}` is YAML and no model of Keras; a spec needs no import"
            raise ImportProblem(codes.BAD_CONFIG, message, "")
        if suffix == ".keras":
            return _archive(path, limits)
        if suffix in (".h5", ".hdf5"):
            return _hdf5(path, limits)
        with path.open("rb") as stream:
            data = stream.read(limits.max_config_bytes + 1)
        return _parsed(data, limits, path.name)
    except FileNotFoundError:
        raise ImportProblem(codes.UNREADABLE_FILE, f"there is no file `{path}`", "") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImportProblem(codes.UNREADABLE_FILE, f"`{path}` cannot be read: {reason}", "") from None


def _parsed(data: bytes | str, limits: Limits, what: str) -> Any:
    if len(data) > limits.max_config_bytes:
        message = f"{what} has more than {limits.max_config_bytes} bytes"
        raise ImportProblem(codes.LIMIT_EXCEEDED, message, "")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text)
    except UnicodeDecodeError:
        raise ImportProblem(codes.UNREADABLE_FILE, f"{what} is not UTF-8 text", "") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        cut = "; it is cut short" if error.pos >= len(text.rstrip()) - 1 else ""
        raise ImportProblem(codes.SYNTAX_ERROR, f"{what} is not valid JSON at {place}: {error.msg}{cut}", "") from None
    except RecursionError:
        raise ImportProblem(codes.LIMIT_EXCEEDED, f"{what} is nested too deep", "") from None
    except ValueError as error:  # a number with too many digits
        raise ImportProblem(codes.LIMIT_EXCEEDED, f"{what}: {error}", "") from None


def _archive(path: Path, limits: Limits) -> Any:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            start = stream.read(8)
        hint = "it is an HDF5 file; call it .h5" if start == b"\x89HDF\r\n\x1a\n" else "it may be cut short"
        raise ImportProblem(codes.BAD_CONFIG, f"`{path.name}` is not a zip archive, as .keras files are: {hint}", "")
    try:
        with zipfile.ZipFile(path) as archive:
            data = _parsed(_config_bytes(archive, limits), limits, f"{_CONFIG} in `{path.name}`")
            return {**_about(archive), **data} if isinstance(data, Mapping) else data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ImportProblem(codes.BAD_CONFIG, f"`{path.name}` is a damaged archive: {error}", "") from None


def _about(archive: zipfile.ZipFile) -> dict[str, Any]:
    """What other files of an archive tell: which version of Keras wrote it, and whether there are weights."""
    names = {entry.filename: entry for entry in archive.infolist()}
    found: dict[str, Any] = {} if _WEIGHTS in names else {NO_WEIGHTS: True}
    entry = names.get(_ABOUT)
    if entry is None or entry.flag_bits & 1:
        return found
    with archive.open(entry) as stream:
        text = stream.read(_LONGEST_ABOUT)
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):  # nothing depends on it
        return found
    version = about.get("keras_version") if isinstance(about, Mapping) else None
    return found | ({"keras_version": version} if isinstance(version, str) else {})


def _config_bytes(archive: zipfile.ZipFile, limits: Limits) -> bytes:
    entries = archive.infolist()
    if len(entries) > limits.max_archive_entries:
        message = f"the archive has {len(entries)} files; at most {limits.max_archive_entries} are allowed"
        raise ImportProblem(codes.UNSAFE_ARCHIVE, message, "")
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if entry.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            message = f"the archive names a place outside itself: {entry.filename!r:.80}"
            raise ImportProblem(codes.UNSAFE_ARCHIVE, message, "")
    found = [entry for entry in entries if entry.filename == _CONFIG]
    if not found:
        raise ImportProblem(
            codes.NO_CONFIG, f"the archive has no {_CONFIG}", "", help="save the whole model: model.save('model.keras')"
        )
    entry = found[0]
    if len(found) > 1:
        raise ImportProblem(codes.UNSAFE_ARCHIVE, f"the archive has {_CONFIG} {len(found)} times", "")
    if entry.flag_bits & 1:
        raise ImportProblem(codes.UNSAFE_ARCHIVE, f"{_CONFIG} is encrypted", "")
    if entry.file_size > limits.max_config_bytes:
        message = f"{_CONFIG} has {entry.file_size} bytes; at most {limits.max_config_bytes} are allowed"
        raise ImportProblem(codes.UNSAFE_ARCHIVE, message, "")
    if entry.file_size > limits.max_config_ratio * max(entry.compress_size, 1):
        message = f"{_CONFIG} unpacks to more than {limits.max_config_ratio} times its size"
        raise ImportProblem(codes.UNSAFE_ARCHIVE, message, "")
    with archive.open(entry) as stream:  # a header may lie about the size
        data = stream.read(limits.max_config_bytes + 1)
    if len(data) > limits.max_config_bytes:
        raise ImportProblem(codes.UNSAFE_ARCHIVE, f"{_CONFIG} is larger than it says", "")
    return data


def _hdf5(path: Path, limits: Limits) -> Any:
    from vgspec.importers.hdf5 import HdfProblem, read_attributes

    os.stat(path)
    try:
        config, training, version = read_attributes(path, limits.max_config_bytes)
    except HdfProblem as problem:
        if problem.missing:
            raise ImportProblem(
                codes.UNREADABLE_FILE,
                "reading an HDF5 file needs h5py, which is not installed",
                "",
                help="install it with: pip install h5py",
            ) from None
        raise ImportProblem(codes.BAD_CONFIG, f"`{path.name}`: {problem}", "") from None
    if config is None:
        raise ImportProblem(
            codes.NO_CONFIG,
            f"`{path.name}` holds weights only: it has no attribute model_config",
            "",
            help="save the whole model: model.save('model.keras')",
        )
    data = _parsed(config, limits, "model_config")
    if not isinstance(data, Mapping):
        return data
    found = {} if version is None else {"keras_version": version[:40].decode("utf-8", "replace")}
    if training is not None:
        found["training_config"] = _parsed(training, limits, "training_config")
    return {**found, **data}


def _saved_model(path: Path, limits: Limits) -> Any:
    metadata = path / _METADATA
    if not metadata.is_file():
        raise ImportProblem(
            codes.NO_CONFIG,
            f"`{path.name}` is a SavedModel without {_METADATA}: it holds compiled functions and no config",
            "",
            help="save the model in Keras's own format: model.save('model.keras')",
        )
    with metadata.open("rb") as stream:
        data = stream.read(limits.max_config_bytes + 1)
    if len(data) > limits.max_config_bytes:
        message = f"{_METADATA} has more than {limits.max_config_bytes} bytes"
        raise ImportProblem(codes.LIMIT_EXCEEDED, message, "")
    for node in (value for number, value in _fields(data) if number == 1):
        parts = dict(_fields(node))
        if parts.get(3) == b"root" and parts.get(5):
            found = _parsed(parts[5], limits, _METADATA)
            if isinstance(found, Mapping) and "class_name" in found:
                return found
    raise ImportProblem(codes.NO_CONFIG, f"{_METADATA} has no config of the model at its root", "")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a protocol buffer message; others are passed over.

    ``SavedMetadata`` has its nodes under 1; a node has its path under 3 and its metadata, JSON text, under 5.

    Raises:
        ImportProblem: if the message is cut short.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(data, at)
        elif kind == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ImportProblem(codes.BAD_CONFIG, f"{_METADATA} is cut short", "")
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ImportProblem(codes.BAD_CONFIG, f"{_METADATA} is no protocol buffer message", "")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
    raise ImportProblem(codes.BAD_CONFIG, f"{_METADATA} is cut short", "")
