# SPDX-License-Identifier: MIT
"""Read and write image files, by suffix: .npy, .dcm, .raw/.bin, .png, .tif.

Reading returns the *stored* samples: nothing is scaled, inverted or converted to RGB.
Every reader refuses what it could only return changed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import Argument, CorruptDataError, Remedy, UnsupportedError, is_expected, unreadable
from ..extras import require
from .dicom import read_dicom_samples
from .kinds import WRITABLE, RawLayout, kind_of
from .samples import check_samples, sample_bytes, take_frame

_NPY_MAGIC = b"\x93NUMPY"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD = 26
_PNG_GREY, _PNG_RGB = 0, 2


def read_image(path: Path, raw: RawLayout | None = None, frame: int | None = None) -> NDArray[Any]:
    """Read the stored samples of an image file.

    Parameters
    ----------
    path : Path
        A file of any kind in `SUFFIXES` except ``.mic``.
    raw : RawLayout, optional
        Required for raw files, ignored for others.
    frame : int, optional
        Read only this frame.

    Returns
    -------
    ndarray of uint8, int8, uint16 or int16
        (rows, columns), with leading frames and a trailing colour axis if the file has
        them.

    Raises
    ------
    UnsupportedError
        The kind, the sample type or the variant cannot be read unchanged.
    CorruptDataError
        The library that reads this kind cannot parse the file.
    """
    kind = kind_of(path)
    if kind == "dicom":
        array = read_dicom_samples(path, frame)
    elif kind in _READERS:
        with path.open("rb") as file:
            array = take_frame(read_file(file, kind, path.name, raw), frame, path.name)
    else:
        path.stat()  # raises if there is no such file
        if kind == "mic":
            raise UnsupportedError(f"{path.name} is compressed already; ", Remedy("decompress"))
        raise UnsupportedError(
            f"{path.name} is no image that mic reads; it reads .npy, .dcm, .png, .tif, "
            "and .raw or .bin with ",
            Argument("shape"),
            " and ",
            Argument("dtype"),
        )
    return check_samples(array, path.name)


def read_samples(path: Path, threads: int = 1, max_pixels: int = 2**30) -> NDArray[Any]:
    """Read any image file, also ``.mic``: all frames, or the largest level of a slide."""
    if kind_of(path) != "mic":
        return read_image(path)
    from ..files import MicFile

    with MicFile(path, threads=threads, max_pixels=max_pixels) as stream:
        samples: NDArray[Any] = stream[...]
    return samples


def read_file(file: BinaryIO, kind: str, name: str, raw: RawLayout | None = None) -> NDArray[Any]:
    """Read the samples of an open file of a kind in `WRITABLE`; see `read_image`."""
    try:
        return _READERS[kind](file, name, raw)
    except Exception as error:  # third-party parsers may raise anything
        if is_expected(error):
            raise
        raise unreadable(name, kind.upper(), error) from error


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
            f"{name}: a raw file does not say its shape; pass ",
            Argument("shape"),
            " ROWS,COLUMNS and ",
            Argument("dtype"),
            " uint16",
        )
    data = file.read()
    expected = int(np.prod(raw.shape, dtype=object)) * raw.dtype.itemsize
    if len(data) != expected:
        shape = ",".join(map(str, raw.shape))
        raise UnsupportedError(
            f"{name} has {len(data)} bytes, shape {shape} of {raw.dtype.name} needs {expected}; "
            "check ",
            Argument("shape"),
            " and ",
            Argument("dtype"),
        )
    return np.frombuffer(data, raw.dtype).reshape(raw.shape)


def _read_png(file: BinaryIO, name: str, raw: RawLayout | None) -> NDArray[Any]:
    image = require("PIL.Image")
    head = file.read(_PNG_HEAD)
    file.seek(0)
    if not head.startswith(_PNG_MAGIC) or len(head) < _PNG_HEAD:
        raise CorruptDataError(f"{name} is not a PNG file")
    depth, colour = head[24], head[25]
    # Pillow would return other variants changed: 16-bit colour reduced to 8 bits, palettes as
    # indices, 1 to 4 bits in whatever mode it chooses.
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
        This kind of file cannot hold the array.
    """
    if kind == "npy":
        np.save(file, array, allow_pickle=False)
    elif kind == "raw":
        file.write(sample_bytes(array))
    elif kind == "png":
        _write_png(file, array, name)
    elif kind == "tiff":
        photometric = "rgb" if array.ndim > 2 and array.shape[-1] == 3 else "minisblack"
        # Not directly to `file`: tifffile fails on files whose name is a number.
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
            f"{name}: PNG holds one frame, the array has shape {array.shape}; pass ",
            Argument("frame"),
            ", or choose .tif or .npy",
        )
    require("PIL.Image").fromarray(np.ascontiguousarray(array)).save(file, format="PNG")
