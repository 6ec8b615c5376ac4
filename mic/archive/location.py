# SPDX-License-Identifier: MIT
"""Files and folders anywhere that fsspec reaches: listed, fetched, stored whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..atomic import TEMPORARY, discard
from ..errors import MicError, UnsupportedError, one_sentence
from ..extras import require
from ..images.kinds import files_below
from ..paths import WINDOWS, refuse_name, relative
from ..transcode.report import digest_of_file

# In these stores a file appears only when it is complete, so it needs no temporary name.
_OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "ocilake", "obs", "tos"}
)
# Keys that identify a version of the content, best first; names differ between file systems.
_STAMPS = (
    *("ETag", "etag", "content_md5", "md5Hash", "md5", "crc32c", "generation", "VersionId"),
    *("mtime", "LastModified", "last_modified", "modified", "updated", "created"),
)
_MD5 = ("ETag", "etag", "content_md5", "md5Hash", "md5")

Info = Mapping[str, Any]


@dataclass(frozen=True)
class Location:
    """A file or folder in an fsspec file system; can be sent to other processes.

    Attributes
    ----------
    url : str
        The user's name for it, used in messages and reports.
    fs : fsspec.AbstractFileSystem
    path : str
        The file system's name for it.
    """

    url: str
    fs: Any
    path: str

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def key(self) -> str:
        """The path in the one spelling that compares: on Windows there are several."""
        path = self.path.rstrip("/")
        return os.path.normcase(path).replace(os.sep, "/") if self.is_local else path

    @property
    def is_local(self) -> bool:
        """Whether Python's own functions can open it as a file or folder of this machine."""
        return "file" in _protocols(self.fs)

    @property
    def is_object_store(self) -> bool:
        """Whether files appear whole, and folders exist only while they contain something."""
        return not _OBJECT_STORES.isdisjoint(_protocols(self.fs))

    @property
    def is_in_process(self) -> bool:
        """Whether it exists only in the memory of this process."""
        return "memory" in _protocols(self.fs)

    def child(self, relative: str) -> Location:
        """Return the location at a relative path below this one.

        Raises
        ------
        UnsupportedError
            The path leads out of this folder, or this system does not allow a name in
            it, as may be in object stores.
        """
        if self.is_local:
            for part in relative.split("/"):
                refuse_name(part, f"{relative!r} below {self.url}")
        if any(part in ("", ".", "..") for part in relative.split("/")) or (
            self.is_local and not _stays_inside(relative)
        ):
            raise UnsupportedError(f"{relative!r} below {self.url} is no path of a file; rename it")
        # In a chained URL, such as zip://folder::s3://bucket/a.zip, the path comes first.
        head, chain, rest = self.url.partition("::")
        return Location(
            f"{_joined(head, relative)}{chain}{rest}", self.fs, _joined(self.path, relative)
        )

    def parent(self) -> Location:
        """Return the folder that contains it; the `url` of the folder is only a path."""
        folder = self.path.rstrip("/").rpartition("/")[0]
        return Location(folder, self.fs, folder)

    def files(self) -> dict[str, Info]:
        """Return the file system's facts about each file below, by relative path, sorted.

        Raises
        ------
        UnsupportedError
            A file lies deeper than Windows takes paths; fsspec would leave it out.
        """
        self.fs.invalidate_cache()
        root = self.path.rstrip("/")
        found = self.fs.find(self.path, detail=True)
        files = {
            path[len(root) :].lstrip("/"): info
            for path, info in sorted(found.items())
            if path.startswith(root) and info.get("type") == "file"
        }
        if WINDOWS and self.is_local:
            _refuse_omissions(Path(self.path), files)
        return files

    def info(self) -> Info:
        """Return the file system's facts about it; raise FileNotFoundError if it does not exist."""
        self.fs.invalidate_cache()
        info: Info = self.fs.info(self.path)
        return info

    def state(self) -> Info | None:
        """Return `info`, or None if it does not exist."""
        try:
            return self.info()
        except FileNotFoundError:
            return None

    def make_folder(self) -> None:
        """Create it as a folder, with its parents, if the file system has folders."""
        if not self.is_object_store:
            self.fs.makedirs(self.path, exist_ok=True)


def open_location(url: str, options: Mapping[str, Any] | None = None) -> Location:
    """Find the file system of a URL, or of a path on this machine.

    Parameters
    ----------
    url : str
    options : mapping, optional
        Options for the file system, such as credentials.

    Raises
    ------
    UnsupportedError
        fsspec does not know the protocol, or a package that it needs is missing.
    """
    fsspec = require("fsspec", "dask")
    protocol = url.partition("::")[0].partition("://")[0] if "://" in url else "file"
    try:
        fs, path = fsspec.core.url_to_fs(url, **(options or {}))
    except ImportError as error:
        raise UnsupportedError(
            f"{url} needs a package that is not installed: {one_sentence(error)}"
        ) from None
    except ValueError as error:
        if protocol in fsspec.available_protocols():
            raise UnsupportedError(f"{url} cannot be opened: {one_sentence(error)}") from None
        raise UnsupportedError(
            f"{url} has the protocol {protocol!r}, which fsspec does not know; "
            "use one such as file, s3, gs, abfs or sftp, or install its plugin for fsspec"
        ) from None
    return Location(url if "://" in url else path, fs, path)


def stamp_of(info: Info) -> str:
    """Return size and identity of a file's content; "" if the file system gives no identity.

    If two stamps are equal and not empty, the file was not written in between.
    """
    for key in _STAMPS:
        value = info.get(key)
        if isinstance(value, datetime):  # some file systems give the time in two forms
            value = value.timestamp()
        if isinstance(value, float):
            value = f"{value:.6f}"
        if value not in (None, ""):
            return f"{info.get('size')} {str(value).strip(chr(34))}"
    return ""


def fetch(location: Location, info_size: int | None, folder: Path) -> Path:
    """Return the file on this machine: itself, or a copy in `folder` with the same name.

    Raises
    ------
    OSError
        The file could not be read, or did not arrive whole.
    """
    if location.is_local:
        return Path(location.path)
    copy = folder / "source" / location.name
    copy.parent.mkdir(exist_ok=True)
    location.fs.get_file(location.path, str(copy))
    size = copy.stat().st_size
    if info_size is not None and size != info_size:
        raise OSError(f"{location.url} came with {size} bytes, {info_size} were listed")
    return copy


def store(file: Path, location: Location, sha256: str) -> None:
    """Upload a file and verify it, before it gets its final name where that is possible.

    Parameters
    ----------
    file : Path
    location : Location
        Replaced if it exists.
    sha256 : str
        Digest of the file, in hex.

    Raises
    ------
    OSError
        The upload failed, or the stored bytes differ; they are removed again.
    """
    fs, target = location.fs, location
    if not location.is_object_store:
        folder = location.parent()
        folder.make_folder()
        target = folder.child(f".{location.name}.{secrets.token_hex(4)}.part")
    try:
        fs.put_file(str(file), target.path)
        if not _arrived(target, file, sha256):
            raise OSError(f"{location.url}: what the file system stored is not what was sent")
        if target is not location:
            _rename(fs, target.path, location.path)
    except BaseException:
        with contextlib.suppress(Exception):
            fs.rm_file(target.path)
        raise


def _arrived(target: Location, file: Path, sha256: str) -> bool:
    """Compare with the file system's own MD5 if there is one; otherwise read the file back."""
    info = target.info()
    if info.get("size") not in (None, file.stat().st_size):
        return False
    md5 = digest_of_file(file, "md5")
    forms = (md5, base64.b64encode(bytes.fromhex(md5)).decode())
    if any(str(info.get(key, "")).strip('"') in forms for key in _MD5):
        return True
    again = file.with_name(f"{file.name}.again")
    target.fs.get_file(target.path, str(again))
    try:
        return digest_of_file(again) == sha256
    finally:
        discard(again)


def _rename(fs: Any, old: str, new: str) -> None:
    from fsspec import AbstractFileSystem

    if type(fs).mv is AbstractFileSystem.mv:
        # The default `mv` copies and deletes, and takes brackets in names for patterns.
        fs.cp_file(old, new)
        fs.rm_file(old)
    else:
        fs.mv(old, new)


def remove_leftovers(folders: Iterable[Location], names: set[str]) -> None:
    """Remove temporary files for `names` (paths) that dead processes left in the folders."""
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            folder.fs.invalidate_cache()
            for path in folder.fs.ls(folder.path, detail=False):
                parent, _, name = path.rpartition("/")
                match = TEMPORARY.fullmatch(name)
                if match is not None and f"{parent}/{match[1]}" in names:
                    with contextlib.suppress(FileNotFoundError):
                        folder.fs.rm_file(path)


@contextlib.contextmanager
def mark(folder: Location) -> Iterator[Location]:
    """Keep a small file in a folder during the block, to check that workers see the folder."""
    sign = folder.child(f".mic.{secrets.token_hex(4)}.part")
    with reaching(folder, "written"):
        folder.make_folder()
        sign.fs.pipe_file(sign.path, b"mic")
    try:
        yield sign
    finally:
        with contextlib.suppress(FileNotFoundError):
            sign.fs.rm_file(sign.path)


@contextlib.contextmanager
def reaching(location: Location, purpose: str = "read") -> Iterator[None]:
    """Turn whatever a file system raises into an error that names the location."""
    try:
        yield
    except MicError:
        raise
    except Exception as error:
        raise MicError(f"{location.url} cannot be {purpose}: {one_sentence(error)}") from error


def is_temporary(name: str) -> bool:
    """Whether this is the name of a file that is not complete yet."""
    return TEMPORARY.fullmatch(name.rpartition("/")[2]) is not None


def _refuse_omissions(folder: Path, listed: Iterable[str]) -> None:
    known = set(listed)
    for path in files_below(folder):
        name = relative(path, folder).as_posix()
        if name not in known and path.is_file():
            raise UnsupportedError(
                f"{folder / name} is a longer path than Windows takes here; enable long paths on "
                "this machine, or use mic transcode without URLs and without a scheduler"
            )


def _protocols(fs: Any) -> tuple[str, ...]:
    protocol = fs.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _joined(folder: str, relative: str) -> str:
    return folder + relative if not folder or folder.endswith("/") else f"{folder}/{relative}"


def _stays_inside(relative: str) -> bool:
    # By the rules of this system: on Windows there are more ways out of a folder.
    path = Path(relative)
    return not path.drive and not path.is_absolute() and ".." not in path.parts
