"""Saving a model, in the format that the name of the output says.

============== ==============================================================================
``NAME.keras`` Keras's own file: architecture, weights, compile settings; equal models, equal bytes
``NAME.py``    source that builds the model
``NAME``       a TensorFlow SavedModel directory, made by ``keras.Model.export``
============== ==============================================================================

A SavedModel is exported rather than saved with ``tf.saved_model.save``: with Keras 3 only the export has
signatures (``serving_default`` and ``serve``, inputs and outputs by name) that a server can call.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from vgspec.backends.archive import make_reproducible
from vgspec.backends.errors import BuildError, about, first_lines
from vgspec.backends.runtime import load_keras, load_tensorflow
from vgspec.codes import SAVE_FAILED, UNKNOWN_FORMAT
from vgspec.files import OutputError, atomic_directory, atomic_file, atomic_write, check_target
from vgspec.ir import Graph

__all__ = ["Format", "format_of", "is_saved_model", "save"]

Format = Literal["keras", "python", "saved_model"]


def save(model: Any, path: str | os.PathLike[str], *, force: bool = False, seed: int | None = None) -> Format:
    """Build a graph, if it is one, and save it whole or not at all.

    Args:
        model: a `Graph`, or a ``keras.Model`` (which cannot be saved as source).
        path: where; its suffix says the format.
        force: replace an existing output of the same format.
        seed: see `build_model`; only for a graph.

    Returns:
        The format.

    Raises:
        OutputError: if the target exists, cannot be written, or is of no known format.
        BuildError: if the graph cannot be built, or Keras cannot save it in this format.
    """
    kind = format_of(path)
    if kind == "saved_model":
        check_target(path, force=force, directory=True, replaceable=is_saved_model)
    else:
        check_target(path, force=force)
    if kind == "python":
        _save_source(model, path, force=force)
        return kind
    if isinstance(model, Graph):
        from vgspec.backends.keras_model import build_model

        model = build_model(model, seed=seed)
    if kind == "keras":
        with atomic_file(path, force=force) as file, _diagnosed(path):
            model.save(file)
            make_reproducible(file)
    else:
        _check_can_export(model, path)
        with atomic_directory(path, force=force, replaceable=is_saved_model) as folder, _diagnosed(path):
            _export(model, folder)
    return kind


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a name says: ``.keras``, ``.py``, or a directory.

    Raises:
        OutputError: for any other suffix, so that ``model.h5`` does not become a directory of that name.
    """
    shown = os.fspath(path)
    suffix = Path(shown).suffix.lower()
    if shown.endswith((os.sep, "/")) or os.path.isdir(shown):
        return "saved_model"
    if suffix == ".keras":
        return "keras"
    if suffix == ".py":
        return "python"
    if suffix == "" or suffix[1:].isdecimal() or suffix in (".savedmodel", ".saved_model"):
        return "saved_model"
    raise OutputError(
        UNKNOWN_FORMAT.diagnostic(
            f"{shown!r}: cannot save a model as {suffix!r}",
            file=shown,
            help="use NAME.keras for Keras's file, NAME.py for source, or a NAME without suffix for a SavedModel",
        )
    )


def is_saved_model(folder: Path) -> bool:
    """Whether a directory is a SavedModel, so that it may be replaced by another one."""
    return (folder / "saved_model.pb").is_file()


def _save_source(model: Any, path: str | os.PathLike[str], *, force: bool) -> None:
    if not isinstance(model, Graph):
        message = "source is written from a spec's graph, and this is a Keras model"
        raise BuildError([about(SAVE_FAILED, message, help="import the model into a spec first")])
    from vgspec.backends.keras_source import emit_source

    atomic_write(path, emit_source(model), force=force)


def _check_can_export(model: Any, path: str | os.PathLike[str]) -> None:
    """Refuse what would give no SavedModel, or one that computes something else than the model.

    It is TensorFlow's format, so it needs TensorFlow, and a Keras backend that can become TensorFlow code.
    """
    tensorflow, keras = load_tensorflow(), load_keras()
    backend = keras.backend.backend()
    if backend == "torch":
        message = f"{os.fspath(path)!r}: a model of the {backend} backend cannot become a TensorFlow SavedModel"
        raise BuildError([about(SAVE_FAILED, message, help="set KERAS_BACKEND=tensorflow, or save as NAME.keras")])

    for layer in model.layers:
        if isinstance(layer, keras.layers.TimeDistributed) and _miscounts_steps(layer, tensorflow):
            message = f"{os.fspath(path)!r}: the SavedModel would compute the TimeDistributed {layer.name!r} wrongly"
            note = "where the number of time steps is open, this version of Keras takes the batch size for it"
            help = (
                "give the sequence a fixed length, save as NAME.keras, or apply a layer that needs no TimeDistributed"
            )
            raise BuildError([about(SAVE_FAILED, message, node=layer.name, notes=[note], help=help)])


def _miscounts_steps(layer: Any, tensorflow: Any) -> bool:
    """Whether a TimeDistributed gives a wrong number of steps when its code is traced for an open one."""
    shape = layer.input.shape
    if shape[1] is not None:
        return False
    batch, steps = 2, 3
    traced = tensorflow.function(layer, input_signature=[tensorflow.TensorSpec(shape, layer.input.dtype)])
    sample = tensorflow.zeros([shape[0] or batch, steps, *(size or 1 for size in shape[2:])], layer.input.dtype)
    try:
        return int(traced(sample).shape[1]) != steps
    except tensorflow.errors.OpError:
        return True


def _export(model: Any, folder: Path) -> None:
    options = {"verbose": False} if "verbose" in inspect.signature(model.export).parameters else {}
    with _silenced():
        model.export(str(folder), **options)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Hold back the progress that Keras, absl and TensorFlow print while they export."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _diagnosed(path: str | os.PathLike[str]) -> Iterator[None]:
    """What Keras or TensorFlow refuses to save becomes a diagnostic; system errors are left to the file layer."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
            if os.strerror(code) in str(error):  # TensorFlow says it in words of its own
                raise OSError(code, os.strerror(code)) from error
        message = f"Keras cannot save the model as {os.fspath(path)!r}"
        raise BuildError([about(SAVE_FAILED, message, notes=[f"Keras says: {first_lines(error)}"])]) from error
