"""Output files and directories: whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from vgspec import files
from vgspec.files import OutputError, atomic_directory, atomic_file, atomic_write, check_target

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")


def code(caught: pytest.ExceptionInfo[OutputError]) -> str:
    (diagnostic,) = caught.value.diagnostics
    return diagnostic.name


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFile:
    def test_writes_text_as_utf8(self, tmp_path: Path) -> None:
        atomic_write(tmp_path / "a.txt", "é\r\n")
        assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\r\n"
        assert left(tmp_path) == ["a.txt"]

    def test_existing_needs_force(self, tmp_path: Path) -> None:
        target = tmp_path / "a.txt"
        target.write_text("old")
        with pytest.raises(OutputError) as caught:
            atomic_write(target, "new")
        assert code(caught) == "target-exists"
        assert "--force" in caught.value.diagnostics[0].help
        assert target.read_text() == "old"
        atomic_write(target, "new", force=True)
        assert target.read_text() == "new"
        assert left(tmp_path) == ["a.txt"]

    def test_force_on_a_new_name(self, tmp_path: Path) -> None:
        atomic_write(tmp_path / "a.txt", "new", force=True)
        assert (tmp_path / "a.txt").read_text() == "new"

    @pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(1)])
    @pytest.mark.parametrize("existing", [True, False])
    def test_failure_leaves_the_old_file(self, tmp_path: Path, error: BaseException, existing: bool) -> None:
        target = tmp_path / "a.txt"
        if existing:
            target.write_text("old")

        def write_half() -> None:
            with atomic_file(target, force=True) as temporary:
                temporary.write_text("half")
                raise error

        with pytest.raises(type(error)):
            write_half()
        assert left(tmp_path) == (["a.txt"] if existing else [])
        assert not existing or target.read_text() == "old"

    def test_the_old_file_is_there_until_the_end(self, tmp_path: Path) -> None:
        target = tmp_path / "a.keras"
        target.write_text("old")
        with atomic_file(target, force=True) as temporary:
            temporary.write_text("new")
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".keras"
            assert target.read_text() == "old"
        assert target.read_text() == "new"

    def test_someone_else_was_faster(self, tmp_path: Path) -> None:
        target = tmp_path / "a.txt"
        with pytest.raises(OutputError) as caught, atomic_file(target):
            target.write_text("theirs")
        assert code(caught) == "target-exists"
        assert target.read_text() == "theirs"
        assert left(tmp_path) == ["a.txt"]

    @pytest.mark.parametrize("there", [True, False])
    def test_without_hard_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(errno.EPERM, "no links here")

        monkeypatch.setattr(files.os, "link", refuse)
        target = tmp_path / "a.txt"
        if there:
            with pytest.raises(OutputError) as caught, atomic_file(target):
                target.write_text("theirs")
            assert code(caught) == "target-exists"
        else:
            atomic_write(target, "new")
            assert target.read_text() == "new"
        assert left(tmp_path) == ["a.txt"]

    def test_full_disk(self, tmp_path: Path) -> None:
        target = tmp_path / "a.txt"
        with pytest.raises(OutputError) as caught, atomic_file(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        assert code(caught) == "cannot-write"
        assert "space" in caught.value.diagnostics[0].help
        assert left(tmp_path) == []

    def test_missing_directory(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError) as caught:
            atomic_write(tmp_path / "no" / "a.txt", "x")
        assert code(caught) == "cannot-write"
        assert "does not exist" in caught.value.diagnostics[0].message

    def test_parent_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("")
        with pytest.raises(OutputError) as caught:
            atomic_write(tmp_path / "f" / "a.txt", "x")
        assert code(caught) == "cannot-write"

    @posix
    @pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
    def test_read_only_directory(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(OutputError) as caught:
                atomic_write(tmp_path / "a.txt", "x")
        finally:
            tmp_path.chmod(0o700)
        assert code(caught) == "cannot-write"

    @pytest.mark.parametrize("name", ["a\0b", "a" * 300])
    def test_impossible_name(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(OutputError) as caught:
            atomic_write(f"{tmp_path}/{name}", "x")
        assert code(caught) == "cannot-write"
        assert left(tmp_path) == []

    def test_long_name(self, tmp_path: Path) -> None:
        atomic_write(tmp_path / ("é" * 120 + ".txt"), "x")
        assert len(left(tmp_path)) == 1

    @pytest.mark.parametrize("force", [True, False])
    def test_directory_in_the_way(self, tmp_path: Path, force: bool) -> None:
        (tmp_path / "d").mkdir()
        with pytest.raises(OutputError) as caught:
            atomic_write(tmp_path / "d", "x", force=force)
        assert code(caught) == "target-exists"

    @posix
    def test_permissions(self, tmp_path: Path) -> None:
        target = tmp_path / "a.sh"
        before = os.umask(0o027)
        try:
            atomic_write(target, "1")
        finally:
            os.umask(before)
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        target.chmod(0o751)
        atomic_write(target, "2", force=True)
        assert stat.S_IMODE(target.stat().st_mode) == 0o751

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
    def test_two_names_change_places_in_one_step(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        target = tmp_path / "d"
        target.mkdir()
        (target / "old").write_text("")
        if not files._exchange(target, target):
            pytest.skip("this disk cannot")
        monkeypatch.setattr(files.os, "rename", None)  # there is no moment without a target
        with atomic_directory(target, force=True) as folder:
            (folder / "new").write_text("")
        assert left(tmp_path) == ["d"]
        assert left(target) == ["new"]

    @posix
    def test_follows_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link.txt").symlink_to("real/a.txt")
        atomic_write(tmp_path / "link.txt", "1")  # dangling
        atomic_write(tmp_path / "link.txt", "2", force=True)
        assert (tmp_path / "link.txt").is_symlink()
        assert (tmp_path / "real" / "a.txt").read_text() == "2"
        assert left(tmp_path / "real") == ["a.txt"]

    @posix
    def test_link_loop(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OutputError) as caught:
            atomic_write(tmp_path / "a", "x", force=True)
        assert code(caught) == "cannot-write"

    @posix
    def test_device_is_not_replaced(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OutputError) as caught:
            atomic_write(tmp_path / "pipe", "x", force=True)
        assert code(caught) == "target-exists"
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


class TestDirectory:
    def test_writes(self, tmp_path: Path) -> None:
        with atomic_directory(tmp_path / "d") as folder:
            (folder / "sub").mkdir()
            (folder / "sub" / "a").write_text("1")
            assert not (tmp_path / "d").exists()
        assert (tmp_path / "d" / "sub" / "a").read_text() == "1"
        assert left(tmp_path) == ["d"]

    def test_existing(self, tmp_path: Path) -> None:
        target = tmp_path / "d"
        target.mkdir(mode=0o700)
        (target / "old").write_text("")
        with pytest.raises(OutputError) as caught, atomic_directory(target):
            pass
        assert code(caught) == "target-exists"
        with atomic_directory(target, force=True) as folder:
            (folder / "new").write_text("")
            assert left(target) == ["old"]
        assert left(target) == ["new"]
        assert left(tmp_path) == ["d"]
        assert os.name == "nt" or stat.S_IMODE(target.stat().st_mode) == 0o700

    def test_only_its_own_kind_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "thesis").write_text("")
        own = atomic_directory(tmp_path, force=True, replaceable=lambda path: (path / "pb").exists())
        with pytest.raises(OutputError) as caught, own:
            pass
        assert code(caught) == "target-exists"
        assert left(tmp_path) == ["thesis"]

    def test_empty_one_may_be_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        with atomic_directory(tmp_path / "d", force=True, replaceable=lambda path: False) as folder:
            (folder / "new").write_text("")
        assert left(tmp_path / "d") == ["new"]

    def test_current_directory_is_not_replaced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(OutputError) as caught, atomic_directory(".", force=True):
            pass
        assert code(caught) == "target-exists"

    def test_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "d").write_text("keep")
        with pytest.raises(OutputError) as caught, atomic_directory(tmp_path / "d", force=True):
            pass
        assert code(caught) == "target-exists"
        assert (tmp_path / "d").read_text() == "keep"

    @pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
    def test_failure_leaves_the_old_one(self, tmp_path: Path, error: BaseException) -> None:
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "old").write_text("")

        def write_half() -> None:
            with atomic_directory(tmp_path / "d", force=True) as folder:
                (folder / "half").write_text("")
                raise error

        with pytest.raises(type(error)):
            write_half()
        assert left(tmp_path) == ["d"]
        assert left(tmp_path / "d") == ["old"]

    @pytest.mark.parametrize("failing", [1, 2])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
    def test_failing_swap_brings_the_old_one_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, error: BaseException
    ) -> None:
        target = tmp_path / "d"
        target.mkdir()
        (target / "old").write_text("")
        rename, calls = os.rename, 0

        def fails(source: Path, goal: Path) -> None:
            nonlocal calls
            calls += 1
            if calls == failing:
                raise error
            rename(source, goal)

        monkeypatch.setattr(files.os, "rename", fails)
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
        with (
            pytest.raises(OutputError if isinstance(error, OSError) else KeyboardInterrupt),
            atomic_directory(target, force=True) as folder,
        ):
            (folder / "new").write_text("")
        assert left(tmp_path) == ["d"]
        assert left(target) == ["old"]

    @posix
    def test_follows_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        with atomic_directory(tmp_path / "link", force=True) as folder:
            (folder / "new").write_text("")
        assert (tmp_path / "link").is_symlink()
        assert left(tmp_path / "real") == ["new"]


def test_check_target_resolves(tmp_path: Path) -> None:
    assert check_target(tmp_path / "x" / ".." / "a") == tmp_path.resolve() / "a"
    assert left(tmp_path) == []
