# SPDX-License-Identifier: MIT
"""Files that appear whole or not at all, where a system refuses to rename, remove or flush them.

Windows refuses what is open.  Here its refusals are simulated; on Windows some are real.
"""

import errno
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

import mic
from mic import atomic, paths
from mic.atomic import remove_leftovers, replacing

ACCESS_DENIED, SHARING_VIOLATION = 5, 32


def refusal(winerror=None):
    error = PermissionError(errno.EACCES, "the file is being used by another process")
    if winerror is not None and os.name != "nt":
        error.winerror = winerror
    return error if os.name != "nt" else PermissionError(errno.EACCES, "in use", "x", winerror)


@pytest.fixture
def waits(monkeypatch):
    """Collect the waits instead of waiting."""
    waited = []
    monkeypatch.setattr(atomic.time, "sleep", waited.append)
    return waited


@pytest.fixture
def refuse(monkeypatch):
    """Let the system refuse the first renames, as long as somebody has the file open."""
    replace = os.replace

    def plan(times, error):
        left = [error] * times

        def refusing(*names):
            if left:
                raise left.pop()
            replace(*names)

        monkeypatch.setattr(os, "replace", refusing)

    return plan


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, content=b"new"):
    with replacing(path) as file:
        file.write(content)


def test_waits_for_a_scanner(tmp_path, waits, refuse):
    refuse(3, refusal(SHARING_VIOLATION))
    write(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"new"
    assert waits == [0.05, 0.1, 0.2]


@pytest.mark.parametrize("winerror", [ACCESS_DENIED, SHARING_VIOLATION])
def test_gives_up_on_a_file_that_stays_open(tmp_path, waits, refuse, winerror):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    refuse(1000, refusal(winerror))
    with pytest.raises(mic.MicError) as caught:
        write(path)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be written while a program has it open")
    assert message.endswith("close it there and try again")
    assert isinstance(caught.value.__cause__, PermissionError)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["x"]
    assert 1 < sum(waits) < 2


def test_a_read_only_file_is_no_reason_to_wait(tmp_path, waits, refuse):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(stat.S_IREAD)
    refuse(1000, refusal(ACCESS_DENIED))
    with pytest.raises(mic.MicError, match=r"is read-only.*; clear that attribute, or choose"):
        write(path)
    assert path.read_bytes() == b"old" and names(tmp_path) == ["x"] and waits == []
    path.chmod(stat.S_IREAD | stat.S_IWRITE)


def test_refusals_of_other_kinds_come_at_once(tmp_path, waits, refuse):
    refuse(1000, PermissionError(errno.EPERM, "Operation not permitted"))
    with pytest.raises(PermissionError, match="not permitted"):
        write(tmp_path / "x")
    assert names(tmp_path) == [] and waits == []


def test_a_temporary_file_that_cannot_be_removed_hides_no_error(tmp_path, monkeypatch):
    def refuse_removal(*names, **options):
        raise refusal(SHARING_VIOLATION)

    monkeypatch.setattr(os, "unlink", refuse_removal)
    with pytest.raises(ValueError, match="the real reason"), replacing(tmp_path / "x"):
        raise ValueError("the real reason")
    (left,) = tmp_path.iterdir()
    remove_leftovers(tmp_path, {"x"})  # somebody still has it open
    assert left.exists()
    monkeypatch.undo()
    remove_leftovers(tmp_path, {"x"})
    assert not left.exists()


def test_folders_need_not_open(tmp_path, monkeypatch):
    """Windows has no descriptors of folders."""
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    opened = os.open

    def refuse_folders(path, *rest, **options):
        if Path(path).is_dir():
            raise refusal(ACCESS_DENIED)
        return opened(path, *rest, **options)

    monkeypatch.setattr(os, "open", refuse_folders)
    write(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["nul.mic", "COM1", "scan.", "a?b.mic"])
def test_names_that_windows_would_change(tmp_path, monkeypatch, name):
    monkeypatch.setattr(paths, "WINDOWS", True)
    monkeypatch.setattr(atomic, "for_system", lambda path: path)
    with pytest.raises(mic.UnsupportedError, match=r"which Windows does not allow; choose another"):
        write(tmp_path / name)
    assert names(tmp_path) == []


def test_a_file_that_this_process_reads(tmp_path):
    """A reader keeps its content; Windows refuses to replace the file as long as it is open."""
    path = tmp_path / "x.mic"
    first, second = np.zeros((2, 8, 8), "uint16"), np.ones((2, 8, 8), "uint16")

    def store(image):
        with mic.create(path, image.shape, image.dtype) as writer:
            for frame in image:
                writer.append(frame)

    store(first)
    with mic.open(path) as reader:
        if sys.platform == "win32":
            with pytest.raises(mic.MicError, match="cannot be written while a program has it open"):
                store(second)
        else:
            store(second)
        assert (reader[...] == first).all()
    store(second)
    with mic.open(path) as reader:
        assert (reader[...] == second).all()
    assert names(tmp_path) == ["x.mic"]
