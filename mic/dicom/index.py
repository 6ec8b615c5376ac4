# SPDX-License-Identifier: MIT
"""DICOM files parsed once, so that their frames are read without parsing again.

Parsing a header takes longer than decoding a slice.  An `IndexedFile` keeps what
reading needs: where the bytes of each frame lie, what they mean, and the Modality LUT.
It is small, and is pickled to workers with its data set.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ..api import MAX_PIXELS
from ..codec.arrays import thread_count
from ..codec.streams import FileBytes, decode_into
from ..errors import CorruptDataError, MicError, UnsupportedError, located
from .attributes import (
    IMAGE_KEYWORDS,
    FrameAttributes,
    check_announced,
    modality_values,
    rescaling,
)
from .decoding import describe, iter_frames
from .pixels import (
    MICLossless,
    PixelDescription,
    clear_unused_bits,
)
from .reading import Image, read_image
from .source import (
    MicSource,
    ParsedFrame,
    decode_parsed,
    parse_frame,
    transfer_syntax,
)
from .syntaxes import EXPLICIT, IMPLICIT

_NATIVE = (EXPLICIT, IMPLICIT)
_YBR = ("YBR_FULL", "YBR_FULL_422")


@dataclass(frozen=True, eq=False)
class IndexedFile:
    """The facts needed to read the frames of a file.

    Attributes
    ----------
    path : str
    description : PixelDescription
    is_mic : bool
        The file is in MIC Lossless; otherwise it is native, or read by pydicom.
    spans : ndarray of int64, (frames, 2), or None
        Where the bytes of each frame begin and end in the file; None if frames need
        more than decoding.
    slopes, intercepts : ndarray of float64
        One for each frame, or a single one for all.
    table : ndarray of float32, or None
        Modality LUT: the result for each stored value, lowest value first.
    stamp : (int, int)
        Size and modification time of the file.
    """

    path: str
    description: PixelDescription
    is_mic: bool
    spans: NDArray[np.int64] | None
    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    table: NDArray[np.float32] | None
    stamp: tuple[int, int]

    @property
    def name(self) -> str:
        """Name of the file, for messages."""
        return Path(self.path).name

    @property
    def n_frames(self) -> int:
        """Number of Frames."""
        return self.description.number_of_frames

    def rescaling(self, frame: int) -> tuple[float, float]:
        """Return slope and intercept of a frame."""
        at = frame if len(self.slopes) > 1 else 0
        return float(self.slopes[at]), float(self.intercepts[at])


def index_file(path: str | os.PathLike[str], max_pixels: int = MAX_PIXELS) -> IndexedFile:
    """Parse a DICOM file up to its pixel data; see `index_image`."""
    return index_image(read_image(Path(path), IMAGE_KEYWORDS), max_pixels)


def index_image(image: Image, max_pixels: int = MAX_PIXELS) -> IndexedFile:
    """Find the pixels of a file whose header has been read.

    Raises
    ------
    UnsupportedError
        There are no pixel data, or they do not have 8 or 16 bits.
    CorruptDataError
        The file is not DICOM, or contradicts itself.
    LimitError
        A frame has more than `max_pixels` samples.
    """
    name, header = image.name, image.header
    if not isinstance(image.source, Path):
        raise UnsupportedError(f"{name} is in memory, files are expected; save it first")
    description = describe(image).check_codable(name)
    with located(name):
        check_announced(math.prod(description.frame_shape), max_pixels)
        slopes, intercepts, table = _rescalings(header, description)
    is_mic = transfer_syntax(header) == MICLossless
    with image.source.open("rb") as file:
        status = os.fstat(file.fileno())
        spans: NDArray[np.int64] | None
        if description.photometric_interpretation in _YBR or description.is_shifted:
            spans = None
        elif is_mic:
            spans = _mic_spans(image, FileBytes(file))
        else:
            spans = _native_spans(image, status.st_size, description)
    stamp = (status.st_size, status.st_mtime_ns)
    path = os.fspath(image.source)
    return IndexedFile(path, description, is_mic, spans, slopes, intercepts, table, stamp)


def _mic_spans(image: Image, data: FileBytes) -> NDArray[np.int64]:
    index = MicSource.of_image(image, data).index
    return np.array([index.locate(frame) for frame in range(len(index))], np.int64)


def _native_spans(
    image: Image, file_bytes: int, description: PixelDescription
) -> NDArray[np.int64] | None:
    """Locate native frames that need no conversion; None for all others."""
    colour = description.samples_per_pixel == 3
    if image.syntax not in _NATIVE or image.big_endian or description.may_be_subsampled:
        return None
    if colour and description.planar_configuration == 1:
        return None
    assert image.pixels is not None
    start, size = image.pixels.begin, description.frame_bytes
    available = min(image.pixels.n_bytes, file_bytes - start)
    description.for_length(available, image.name, image.pixels.label)
    starts = start + size * np.arange(description.number_of_frames, dtype=np.int64)
    return np.stack([starts, starts + size], axis=1)


def _rescalings(
    head: Dataset, description: PixelDescription
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32] | None]:
    shared = FrameAttributes(head)
    if shared.get("ModalityLUTSequence"):
        limits = np.iinfo(description.dtype)
        stored = np.arange(limits.min, limits.max + 1)
        table = modality_values(stored, shared).astype(np.float32)
        return np.ones(1), np.zeros(1), table
    groups = head.get("PerFrameFunctionalGroupsSequence")
    if groups and len(groups) != description.number_of_frames:
        raise CorruptDataError(
            f"Number of Frames is {description.number_of_frames}, but there are functional groups "
            f"of {len(groups)} frames; correct the file's header"
        )
    frames = range(len(groups)) if groups else range(1)
    pairs = np.array([rescaling(FrameAttributes(head, frame)) for frame in frames])
    if (pairs == pairs[0]).all():
        pairs = pairs[:1]
    return pairs[:, 0].copy(), pairs[:, 1].copy(), None


def read_frame(indexed: IndexedFile, frame: int, rows: range | None = None) -> NDArray[Any]:
    """Read the stored values of a frame, or of some of its rows, colour as RGB.

    In MIC Lossless, only the strips that hold the rows are decoded; in native files,
    only the rows are read.

    Returns
    -------
    ndarray, (rows, columns[, 3])
        The result of pydicom's ``pixel_array`` for the file after `mic.register`.

    Raises
    ------
    CorruptDataError
        The frame is damaged, or the file has changed since it was indexed.
    """
    rows = range(indexed.description.rows) if rows is None else rows
    samples = None
    if indexed.spans is not None:
        samples = (
            _mic_rows(indexed, frame, rows) if indexed.is_mic else _native(indexed, frame, rows)
        )
    if samples is None:
        image = read_image(Path(indexed.path), IMAGE_KEYWORDS)
        samples = next(iter_frames(image, [frame]))[rows.start : rows.stop]
    return samples


def _native(indexed: IndexedFile, frame: int, rows: range) -> NDArray[Any]:
    assert indexed.spans is not None
    description = indexed.description
    start = int(indexed.spans[frame, 0])
    row_bytes = description.frame_bytes // description.rows
    data = _read(indexed, start + rows.start * row_bytes, start + rows.stop * row_bytes)
    little = np.frombuffer(bytearray(data), description.dtype.newbyteorder("<"))
    native: NDArray[Any] = little.reshape(len(rows), *description.frame_shape[1:])
    native = native.astype(description.dtype, copy=False)
    clear_unused_bits(native, description)
    return native


def _mic_rows(indexed: IndexedFile, frame: int, rows: range) -> NDArray[Any] | None:
    """Decode rows; None if the frame must be widened or its chroma upsampled."""
    assert indexed.spans is not None
    description = indexed.description
    start, stop = (int(offset) for offset in indexed.spans[frame])
    place = f"{indexed.name}: frame {frame}"
    parsed = parse_frame(_read(indexed, start, stop), description, place)
    if not _is_plain(parsed, description):
        return None
    samples = np.empty((1, len(rows), *parsed.shape[1:]), parsed.dtype)
    with located(indexed.name):
        decode_into([(parsed.stream, 0)], rows.start, len(rows), samples, 1, numbers=[frame])
    stored: NDArray[Any] = samples[0].view(description.dtype)
    _clear_unused_bits(stored, parsed, description)
    return stored


def _is_plain(parsed: ParsedFrame, description: PixelDescription) -> bool:
    """Whether the samples have the data set's width, and all their chroma."""
    return parsed.shape == description.frame_shape and (
        parsed.dtype.itemsize == description.dtype.itemsize
    )


def _clear_unused_bits(
    samples: NDArray[Any], parsed: ParsedFrame, description: PixelDescription
) -> None:
    """Clear unused bits as pydicom does, unless the stream says that none is set."""
    may_be_set = parsed.stream.layout.bits_used > description.bits_stored
    if may_be_set or parsed.dtype != description.dtype:
        clear_unused_bits(samples, description)


def _read(indexed: IndexedFile, start: int, stop: int) -> bytes:
    with open(indexed.path, "rb", buffering=0) as file:  # noqa: PTH123 (Path costs as much as reading)
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != indexed.stamp:
            raise CorruptDataError(
                f"{indexed.name} changed since it was indexed; make the data set anew"
            )
        file.seek(start)
        data = file.read(stop - start)
    if len(data) < stop - start:
        raise CorruptDataError(
            f"{indexed.name}: bytes {start} to {stop} are needed, only {len(data)} could be read "
            "(truncated file)"
        )
    return data


def read_frames(
    items: Sequence[tuple[IndexedFile, int]],
    threads: int = 1,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Read the stored values of frames of one shape, colour as RGB.

    Frames in MIC Lossless are decoded in one call of the core, on `threads` threads and
    without the interpreter's lock.

    Parameters
    ----------
    items : sequence of (IndexedFile, int)
        Files and frame numbers.
    threads : int
        Number of threads; 0 for all CPUs that this process may use.
    out : ndarray, optional
        Where to put the values: the shape of the result, and a type that holds all of
        them.  Required if the frames differ in type.

    Returns
    -------
    ndarray, (frames, rows, columns[, 3])

    Raises
    ------
    UnsupportedError
        The shapes differ, or the types do without `out`.
    """
    first = items[0][0].description
    for indexed, _ in items:
        description = indexed.description
        if description.frame_shape != first.frame_shape:
            raise UnsupportedError(
                f"{indexed.name} has frames of {description.frame_shape}, {items[0][0].name} of "
                f"{first.frame_shape}; a batch needs one shape: take one at a time, or patches"
            )
    if out is None:
        check_one_type([indexed for indexed, _ in items])
        out = np.empty((len(items), *first.frame_shape), first.dtype)
    of_core = all(indexed.is_mic and indexed.description.dtype == out.dtype for indexed, _ in items)
    if not (of_core and _decode_all(items, out, threads)):
        for target, (indexed, frame) in zip(out, items, strict=True):
            np.copyto(target, read_frame(indexed, frame), casting="safe")
    return out


def check_one_type(files: Sequence[IndexedFile]) -> None:
    """Refuse files whose stored values differ in type."""
    dtype = files[0].description.dtype
    for indexed in files:
        if indexed.description.dtype != dtype:
            raise UnsupportedError(
                f"{indexed.name} holds {indexed.description.dtype}, {files[0].name} {dtype}; a "
                "batch of stored values needs one type: pass a dtype that holds both, such as "
                "torch.int32, or take one at a time"
            )


def _decode_all(
    items: Sequence[tuple[IndexedFile, int]], samples: NDArray[Any], threads: int
) -> bool:
    """Decode frames in MIC Lossless in one call; return False if one of them prevents that."""
    parsed = []
    for indexed, frame in items:
        if indexed.spans is None:
            return False
        start, stop = (int(offset) for offset in indexed.spans[frame])
        place = f"{indexed.name}: frame {frame}"
        coded = parse_frame(_read(indexed, start, stop), indexed.description, place)
        if not _is_plain(coded, indexed.description):
            return False
        parsed.append(coded)
    if any(coded.dtype != parsed[0].dtype for coded in parsed):
        return False
    try:
        decode_parsed(parsed, samples, range(len(items)), "the batch", thread_count(threads))
    except MicError:
        for indexed, frame in items:  # for a message that names the file
            read_frame(indexed, frame)
        raise
    for target, coded, (indexed, _) in zip(samples, parsed, items, strict=True):
        _clear_unused_bits(target, coded, indexed.description)
    return True


def rescale(samples: NDArray[Any], indexed: IndexedFile, frame: int, out: NDArray[Any]) -> None:
    """Write stored values, after the Modality LUT, to a float array.

    The values are those of pydicom's ``apply_modality_lut``, which computes in float64,
    rounded once to the type of `out`; those beyond it are infinite.  The stored values
    may be in a wider type than the file's.
    """
    if indexed.table is not None:
        lowest = np.iinfo(indexed.description.dtype).min
        np.take(indexed.table, samples.astype(np.intp) - lowest, out=out)
        return
    slope, intercept = indexed.rescaling(frame)
    if _is_exact(slope, intercept, out.dtype):
        np.multiply(samples, out.dtype.type(slope), out=out, casting="unsafe")
        out += out.dtype.type(intercept)
    else:
        with np.errstate(over="ignore"):
            out[...] = samples * np.float64(slope) + intercept


def _is_exact(slope: float, intercept: float, dtype: np.dtype[Any]) -> bool:
    """Whether all results are whole numbers that the type can hold."""
    largest = 2 ** (np.finfo(dtype).nmant + 1)
    whole = float(slope).is_integer() and float(intercept).is_integer()
    return whole and abs(slope) * 2**16 + abs(intercept) <= largest
