"""Writing output so that a name never leads to half a file.

Output is written under a temporary name in the same directory, flushed to the disk, and then renamed. Until
then the old target is untouched; after a failure or an interrupt the temporary name is gone.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vgspec.codes import CANNOT_WRITE, TARGET_EXISTS
from vgspec.diagnostics import Diagnostic

__all__ = ["OutputError", "atomic_directory", "atomic_file", "atomic_write", "check_target"]


class OutputError(Exception):
    """The output cannot be written.

    Attributes:
        diagnostics: why.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        """Keep the diagnostics."""
        self.diagnostics = diagnostics
        super().__init__("; ".join(d.message for d in diagnostics))


def atomic_write(path: str | os.PathLike[str], data: str | bytes, *, force: bool = False) -> None:
    """Write ``data`` to ``path``, all or nothing; text as UTF-8 with the line ends it has.

    Args:
        path: the file; a symbolic link is followed and stays.
        data: what it shall hold.
        force: replace an existing file.

    Raises:
        OutputError: if there is such a file and ``force`` is not set, or it cannot be written.
    """
    with atomic_file(path, force=force) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def atomic_file(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """A temporary file, with the suffix of ``path``, that becomes ``path`` when the block ends well.

    An existing file's permissions are kept. Without ``force``, a file that somebody makes in the meantime
    is not replaced either.

    Raises:
        OutputError: as `atomic_write`; also for an `OSError` out of the block.
    """
    with _diagnosed(path):
        target = check_target(path, force=force)
        temporary = target.with_name(f".{target.stem[:100]}.{secrets.token_hex(6)}{target.suffix}")
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            yield temporary
            _flush(temporary)
            if force:
                _keep_permissions(target, temporary)
                os.replace(temporary, target)
            else:
                _rename_new(temporary, target)
            _flush(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(
    path: str | os.PathLike[str], *, force: bool = False, replaceable: Callable[[Path], bool] | None = None
) -> Iterator[Path]:
    """A temporary directory that becomes ``path`` when the block ends well.

    Args:
        path: the directory; a symbolic link is followed and stays.
        force: replace an existing directory, with all it holds.
        replaceable: says whether an existing directory is of the kind that may be replaced. An empty one
            always is.

    Raises:
        OutputError: if it exists and must not be replaced, or cannot be written; also for an `OSError`
            out of the block.
    """
    with _diagnosed(path):
        target = check_target(path, force=force, directory=True, replaceable=replaceable)
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}")
        try:
            temporary.mkdir()
            yield temporary
            for folder, _, files in os.walk(temporary):
                for name in files:
                    _flush(Path(folder, name))
                _flush(Path(folder))
            if force and target.exists():
                _keep_permissions(target, temporary)
                _swap(temporary, target)
            else:
                os.rename(temporary, target)
            _flush(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_target(
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    directory: bool = False,
    replaceable: Callable[[Path], bool] | None = None,
) -> Path:
    """Check that ``path`` can be written, before long work begins; the path with links resolved.

    Raises:
        OutputError: if it exists and must not be replaced, or its directory does not exist or is read-only.
    """
    shown = os.fspath(path)
    with _diagnosed(path):
        target = Path(os.path.realpath(path, strict=False))
        if os.path.islink(target):  # realpath gives up on a loop
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if os.path.lexists(target):
            _check_existing(target, shown, force=force, directory=directory, replaceable=replaceable)
        parent = target.parent
        if not parent.exists():
            raise _cannot(shown, f"the directory {str(parent)!r} does not exist", "create it first")
        if not parent.is_dir():
            raise _cannot(shown, f"{str(parent)!r} is not a directory")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise _cannot(shown, f"the directory {str(parent)!r} is not writable")
    return target


def _check_existing(
    target: Path, shown: str, *, force: bool, directory: bool, replaceable: Callable[[Path], bool] | None
) -> None:
    mode = target.lstat().st_mode
    if directory and not stat.S_ISDIR(mode):
        raise _exists(shown, "is not a directory, and a directory would replace it", "remove it or choose another name")
    if not directory and stat.S_ISDIR(mode):
        raise _exists(shown, "is a directory, and a file would replace it", "choose another name")
    if not directory and not stat.S_ISREG(mode):
        raise _exists(shown, "is not a regular file", "choose another name")
    if directory:
        holds = next(target.iterdir(), None) is not None
        if holds and replaceable is not None and not replaceable(target):
            raise _exists(shown, "holds other things than such output, and is not replaced", "choose another name")
        if os.path.ismount(target) or Path.cwd().is_relative_to(target):
            raise _exists(
                shown, "is a mount point or the current directory, and is not replaced", "choose another name"
            )
    if not force:
        raise _exists(shown, "exists already", "pass --force to replace it")


def _exists(shown: str, what: str, help: str) -> OutputError:
    return OutputError(TARGET_EXISTS.diagnostic(f"{shown!r} {what}", file=shown, help=help))


def _cannot(shown: str, why: str, help: str = "") -> OutputError:
    return OutputError(CANNOT_WRITE.diagnostic(f"cannot write {shown!r}: {why}", file=shown, help=help))


_HELP = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some of your disk quota",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def _diagnosed(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the operating system refuses into a diagnostic."""
    try:
        yield
    except FileExistsError as error:
        raise _exists(os.fspath(path), "exists already", "pass --force to replace it") from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise _cannot(os.fspath(path), reason, _HELP.get(error.errno or 0, "")) from error
    except ValueError as error:  # a null character in the name
        if "null" not in str(error):
            raise
        raise _cannot(os.fspath(path), str(error)) from error


def _flush(path: Path) -> None:
    """Have the operating system write a file or directory to the disk, where it can."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


def _keep_permissions(old: Path, new: Path) -> None:
    with suppress(OSError):
        state = old.stat()
        if hasattr(os, "chown") and (state.st_uid, state.st_gid) != (new.stat().st_uid, new.stat().st_gid):
            with suppress(OSError):
                os.chown(new, state.st_uid, state.st_gid)
        os.chmod(new, stat.S_IMODE(state.st_mode))


def _rename_new(temporary: Path, target: Path) -> None:
    """Rename to a name that must not exist."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here: check, then rename
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.rename(temporary, target)


def _swap(temporary: Path, target: Path) -> None:
    """Put ``temporary`` in the place of the directory ``target``.

    In one step where the system can exchange two names, so that there is no moment without a target; else the old
    one is put aside first, and comes back if something fails.
    """
    if _exchange(temporary, target):
        shutil.rmtree(temporary, ignore_errors=True)
        return
    aside = target.with_name(f".{target.name[:100]}.old-{secrets.token_hex(6)}")
    try:
        os.rename(target, aside)
        os.rename(temporary, target)
    except BaseException:
        if not target.exists() and aside.exists():
            os.rename(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def _exchange(first: Path, second: Path) -> bool:
    """Have two names change places in one step (``renameat2``); False where the system or the disk cannot."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):  # another C library, or one before 2.28
        return False
    done: int = call(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return done == 0
