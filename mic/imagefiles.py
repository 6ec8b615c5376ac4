# SPDX-License-Identifier: MIT
"""Image files as arrays and back, by suffix: .npy, .dcm, .raw/.bin, .png, .tif.

Reading gives the *stored* samples: nothing is scaled, inverted or converted to
RGB.  Every reader refuses what it could only return changed.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .errors import CorruptDataError, MicError, UnsupportedError
from .transcode_syntaxes import DEFLATED, NATIVE, RLE, syntax_of

SUFFIXES = {
    ".npy": "npy",
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".raw": "raw",
    ".bin": "raw",
    ".png": "png",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".mic": "mic",
}
"""Kind of file for each suffix that mic knows."""

WRITABLE = ("npy", "raw", "png", "tiff")
"""Kinds that `write_image` writes."""

_DICOM_MAGIC_AT = 128
# Syntaxes whose file holds every allocated bit as it is.  In the others the
# codestream has its own precision, and pydicom must extend its sign.
_STORED_BIT_FOR_BIT = NATIVE | {RLE}
_NPY_MAGIC = b"\x93NUMPY"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = 26
_PNG_GREY, _PNG_RGB = 0, 2


class NoPixelsError(UnsupportedError):
    """A DICOM file of another sort: a report, a plan, a directory."""


@dataclass(frozen=True)
class RawLayout:
    """What a raw file does not say about itself.

    Attributes
    ----------
    shape : tuple of int
        (rows, columns), or (frames, rows, columns), or with a trailing 3.
    dtype : numpy.dtype
        Sample type with its byte order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def require(module: str, extra: str = "cli") -> ModuleType:
    """Import a module that an extra brings, or say how to get it.

    Raises
    ------
    UnsupportedError
        The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name != module.partition(".")[0]:
            raise
        raise UnsupportedError(
            f'{module.partition(".")[0]} is not installed; pip install "mic-codec[{extra}]"'
        ) from None


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Neither warnings nor log of pydicom, for commands whose messages say what matters.

    Not for libraries: it concerns the whole process, and threads that do it at the
    same time may undo one another's work.
    """
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def files_below(folder: Path) -> list[Path]:
    """All files of a tree, sorted; and links to nothing, for their reader to report."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() or (path.is_symlink() and not path.exists())
    )


def is_dicom(path: Path) -> bool:
    """Does the file carry the DICOM preamble?"""
    try:
        with path.open("rb") as file:
            return file.read(_DICOM_MAGIC_AT + 4)[_DICOM_MAGIC_AT:] == b"DICM"
    except OSError:
        return False


def kind_of(path: Path) -> str | None:
    """Kind of an existing file: by suffix, DICOM also by content; None if unknown."""
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None and is_dicom(path):
        return "dicom"
    return kind


def target_kind(path: Path) -> str:
    """Kind of a file to write, by suffix.

    Raises
    ------
    UnsupportedError
        A suffix that mic does not write.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind in WRITABLE:
        return kind
    if kind == "dicom":
        raise UnsupportedError(
            f"{path.name}: mic keeps pixels only and writes no DICOM; "
            "choose .npy, .raw, .png or .tif"
        )
    raise UnsupportedError(
        f"{path.name}: the suffix {path.suffix!r} is none that mic decodes to; "
        "choose .npy, .raw, .png or .tif"
    )


def read_image(path: Path, raw: RawLayout | None = None, frame: int | None = None) -> NDArray[Any]:
    """Stored samples of an image file.

    Parameters
    ----------
    path : Path
        File of any kind of `SUFFIXES` but ``.mic``.
    raw : RawLayout, optional
        Needed for raw files, ignored for others.
    frame : int, optional
        Take this frame only.

    Returns
    -------
    ndarray of uint8, int8, uint16 or int16
        (rows, columns), with leading frames and a trailing colour axis where
        the file has them.

    Raises
    ------
    UnsupportedError
        A kind, a sample type or a variant that cannot be read unchanged.
    CorruptDataError
        The library that reads this kind cannot make sense of the file.
    """
    kind = kind_of(path)
    if kind == "dicom":
        array = _read_dicom(path, frame)
    elif kind in _READERS:
        with path.open("rb") as file:
            array = take_frame(read_file(file, kind, path.name, raw), frame, path.name)
    else:
        path.stat()  # which raises if there is no such file
        if kind == "mic":
            raise UnsupportedError(f"{path.name} is compressed already; mic decode decompresses it")
        raise UnsupportedError(
            f"{path.name} is no image that mic reads; it reads .npy, .dcm, .png, .tif, "
            "and .raw or .bin with --shape and --dtype"
        )
    return check_samples(array, path.name)


def read_samples(path: Path, threads: int = 1, max_pixels: int = 2**30) -> NDArray[Any]:
    """`read_image` that reads ``.mic`` files too: all frames, of a slide the largest level."""
    if kind_of(path) != "mic":
        return read_image(path)
    from .files import MicFile

    with MicFile(path, threads=threads, max_pixels=max_pixels) as stream:
        samples: NDArray[Any] = stream[...]
    return samples


def as_frames(array: NDArray[Any]) -> NDArray[Any]:
    """(frames, rows, columns[, 3]): leading axes joined, a trailing 3 taken as colour."""
    n_image = 3 if array.ndim > 2 and array.shape[-1] == 3 else 2
    return array.reshape(-1, *array.shape[-n_image:])


def take_frame(array: NDArray[Any], frame: int | None, name: str) -> NDArray[Any]:
    """One frame, counted over all leading axes, or the array if `frame` is None."""
    if frame is None or array.ndim < 2:
        return array
    frames = as_frames(array)
    if not 0 <= frame < len(frames):
        raise UnsupportedError(
            f"{name}: frame {frame} is asked for, it has frames 0 to {len(frames) - 1}"
        )
    one: NDArray[Any] = frames[frame]
    return one


def check_samples(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Refuse sample types of more than 16 bits and those that are no integers."""
    if array.dtype.kind in "ui" and array.dtype.itemsize <= 2:
        return array
    remedy = "mic does not code floating-point or 32-bit data"
    if array.dtype.kind == "b":
        remedy = "save them as uint8"
    raise UnsupportedError(
        f"{name}: the samples are {array.dtype}, integers of 8 or 16 bits are expected; {remedy}"
    )


def read_file(file: BinaryIO, kind: str, name: str, raw: RawLayout | None = None) -> NDArray[Any]:
    """Samples of an open file of a kind of `WRITABLE`; see `read_image`."""
    try:
        return _READERS[kind](file, name, raw)
    except MicError:
        raise
    except OSError as error:
        if error.errno is not None:  # of the system, not of a parser
            raise
        raise _unreadable(name, kind.upper(), error) from error
    except Exception as error:  # the parsers of third parties raise what they like
        raise _unreadable(name, kind.upper(), error) from error


def _unreadable(name: str, kind: str, error: Exception) -> CorruptDataError:
    return CorruptDataError(f"{name} cannot be read as {kind}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__


def _read_npy(file: BinaryIO, name: str, raw: RawLayout | None) -> NDArray[Any]:
    if file.read(len(_NPY_MAGIC)) != _NPY_MAGIC:  # np.load would try archives and pickles
        raise CorruptDataError(f"{name} is not a .npy file")
    file.seek(0)
    try:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise UnsupportedError(
            f"{name} holds Python objects, an array of integers of 8 or 16 bits is expected"
        ) from None
    return array


def _read_raw(file: BinaryIO, name: str, raw: RawLayout | None) -> NDArray[Any]:
    if raw is None:
        raise UnsupportedError(
            f"{name}: a raw file does not say its shape; "
            "pass --shape ROWS,COLUMNS and --dtype uint16"
        )
    data = file.read()
    expected = int(np.prod(raw.shape, dtype=object)) * raw.dtype.itemsize
    if len(data) != expected:
        shape = ",".join(map(str, raw.shape))
        raise UnsupportedError(
            f"{name} has {len(data)} bytes, shape {shape} of {raw.dtype.name} needs {expected}; "
            "check --shape and --dtype"
        )
    return np.frombuffer(data, raw.dtype).reshape(raw.shape)


def _read_png(file: BinaryIO, name: str, raw: RawLayout | None) -> NDArray[Any]:
    image = require("PIL.Image")
    head = file.read(_PNG_HEAD)
    file.seek(0)
    if not head.startswith(_PNG_MAGIC) or len(head) < _PNG_HEAD:
        raise CorruptDataError(f"{name} is not a PNG file")
    depth, colour = head[24], head[25]
    # Pillow would hand other variants over changed: 16-bit colour cut to 8 bits,
    # palettes as indices, 1 to 4 bits as whatever mode it chooses.
    if (depth, colour) not in {(8, _PNG_GREY), (16, _PNG_GREY), (8, _PNG_RGB)}:
        raise UnsupportedError(
            f"{name}: a PNG of {depth} bits and colour type {colour} cannot be read unchanged; "
            "8- or 16-bit grey and 8-bit RGB can (convert it to .tif or .npy)"
        )
    with image.open(file) as picture:
        array = np.asarray(picture)
    return array if depth == 8 else array.astype(np.uint16, casting="same_kind", copy=False)


def _read_tiff(file: BinaryIO, name: str, raw: RawLayout | None) -> NDArray[Any]:
    tifffile = require("tifffile")
    array: NDArray[Any] = tifffile.imread(io.BytesIO(file.read()))
    return array


_READERS: dict[str, Callable[[BinaryIO, str, RawLayout | None], NDArray[Any]]] = {
    "npy": _read_npy,
    "raw": _read_raw,
    "png": _read_png,
    "tiff": _read_tiff,
}


def _read_dicom(path: Path, frame: int | None) -> NDArray[Any]:
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array

    from .dicom_pixels import MICLossless

    try:
        # pydicom warns of many oddities that do not touch the stored samples.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            head = dcmread(path, stop_before_pixels=True, force=path.suffix.lower() == ".dcm")
            _check_dicom_head(head, path)
            _check_frame(head, path, frame)
            options: dict[str, Any] = {"raw": True, "index": frame}
            syntax = syntax_of(head)
            if syntax == MICLossless:
                return _read_mic_lossless(path, frame)
            if syntax in _STORED_BIT_FOR_BIT:
                options["correct_unused_bits"] = False
            if "TransferSyntaxUID" not in head.file_meta:
                options["transfer_syntax_uid"] = syntax
            # Of deflated files pydicom finds the pixels only through a data set.
            return pixel_array(dcmread(path) if syntax == DEFLATED else path, **options)
    except (MicError, OSError):
        raise
    except Exception as error:  # pydicom and its plugins raise what they like
        raise dicom_error(path.name, error) from error


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Make mic's errors of whatever pydicom and its plugins raise about a file.

    Elements are parsed when they are first touched, so that any access may find
    the damage.
    """
    try:
        yield
    except (MicError, OSError, MemoryError):
        raise
    except Exception as error:
        raise dicom_error(name, error) from error
    except BaseException as error:  # decoders written in Rust panic with such
        if type(error).__name__ != "PanicException":
            raise
        raise dicom_error(name, ValueError(str(error))) from error


def _read_mic_lossless(path: Path, frame: int | None) -> NDArray[Any]:
    """Of our own syntax, which pydicom need not know: all bits, as of native files."""
    from .dicom import decode_frames

    frames = decode_frames(path, frame, correct_unused_bits=False)
    one: NDArray[Any] = frames[0]
    return one if frame is None and len(frames) == 1 else frames


def _check_frame(head: Any, path: Path, frame: int | None) -> None:
    n_frames = int(head.get("NumberOfFrames") or 1)
    if frame is not None and not 0 <= frame < n_frames:
        raise UnsupportedError(
            f"{path.name}: frame {frame} is asked for, it has frames 0 to {n_frames - 1}"
        )


def dicom_error(name: str, error: Exception) -> MicError:
    """What to raise where pydicom could not decode a file."""
    if type(error).__name__ == "InvalidDicomError":
        return CorruptDataError(f"{name} is not a DICOM file")
    if "missing dependencies" in str(error):
        return UnsupportedError(
            f"{name}: no decoder for its transfer syntax is installed; "
            'pip install "mic-codec[dicom]"'
        )
    if str(error).startswith("cannot reshape array"):  # numpy's words, out of pydicom
        return CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) are not as long as Rows, Columns and Number of Frames "
            f"say: {error} (truncated file?)"
        )
    return _unreadable(name, "DICOM", error)


def _check_dicom_head(head: Any, path: Path) -> None:
    """Refuse DICOM files whose samples mic cannot take."""
    bits = head.get("BitsAllocated")
    if "Rows" not in head or bits is None:
        if not is_dicom(path):
            raise CorruptDataError(f"{path.name} is not a DICOM file")
        raise NoPixelsError(f"{path.name} is DICOM without pixel data")
    if bits > 16:
        raise UnsupportedError(
            f"{path.name}: the samples have {bits} bits, 8 or 16 are expected; "
            "mic does not code floating-point or 32-bit data"
        )


def write_image(file: BinaryIO, kind: str, array: NDArray[Any], name: str) -> None:
    """Write samples to an open file.

    Parameters
    ----------
    file : binary file
    kind : {"npy", "raw", "png", "tiff"}
        Raw samples are written little-endian.
    array : ndarray of uint8, int8, uint16 or int16
    name : str
        Name of the file, for messages.

    Raises
    ------
    UnsupportedError
        The kind cannot hold this array.
    """
    if kind == "npy":
        np.save(file, array, allow_pickle=False)
    elif kind == "raw":
        file.write(sample_bytes(array))
    elif kind == "png":
        _write_png(file, array, name)
    elif kind == "tiff":
        photometric = "rgb" if array.ndim > 2 and array.shape[-1] == 3 else "minisblack"
        # Not into `file` itself: tifffile trips over files whose name is a number.
        buffer = io.BytesIO()
        require("tifffile").imwrite(buffer, array, photometric=photometric)
        file.write(buffer.getbuffer())
    else:
        raise UnsupportedError(f"{name}: {kind} is not one of {', '.join(WRITABLE)}")


def _write_png(file: BinaryIO, array: NDArray[Any], name: str) -> None:
    colour = array.ndim == 3 and array.shape[-1] == 3
    if array.dtype.kind != "u" or (colour and array.dtype != np.uint8):
        raise UnsupportedError(
            f"{name}: PNG holds uint8 and uint16 grey and uint8 colour, not {array.dtype} of shape "
            f"{array.shape}; choose .tif or .npy"
        )
    if array.ndim != 2 and not colour:
        raise UnsupportedError(
            f"{name}: PNG holds one frame, the array has shape {array.shape}; "
            "pass --frame, or choose .tif or .npy"
        )
    require("PIL.Image").fromarray(np.ascontiguousarray(array)).save(file, format="PNG")


def sample_bytes(array: NDArray[Any]) -> memoryview:
    """The samples little-endian, in C order: the form that hashes and raw files use."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def pixel_sha256(array: NDArray[Any]) -> str:
    """SHA-256 of samples, little-endian, C order."""
    return hashlib.sha256(sample_bytes(array)).hexdigest()
