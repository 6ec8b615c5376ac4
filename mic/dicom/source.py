# SPDX-License-Identifier: MIT
"""Data sets and files to decode frames from."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from ..arguments import shown
from ..codec.arrays import dtype_of
from ..codec.streams import Bytes, FileBytes, MemoryBytes, Stream
from ..codec.streams import decode_into as decode_streams_into
from ..errors import CorruptDataError, UnsupportedError, located
from .offsets import FrameIndex
from .pixels import (
    MICLossless,
    PixelDescription,
    clear_unused_bits,
    coded_shape,
    is_subsampled,
    upsampled,
)
from .reading import reading
from .syntaxes import syntax_of

_PIXEL_DATA = (0x7FE0, 0x0010)
_EXPLICIT_VRS = (b"OB", b"OW", b"UN")


class Source(Protocol):
    """Frames to decode, in any transfer syntax."""

    description: PixelDescription

    def decode_into(
        self, frames: Sequence[int], out: NDArray[Any], threads: int, correct_unused_bits: bool
    ) -> object:
        """Decode frames into `out`, (frames, rows, columns[, 3])."""


def check_dataset(ds: Any) -> None:
    """Refuse a path, which must first be read as a data set."""
    if not isinstance(ds, Dataset):
        raise UnsupportedError(
            f"ds is {shown(ds)}, a pydicom data set is expected; read files with pydicom.dcmread"
        )


def name_of(ds: Dataset) -> str:
    """Return the name of a data set for messages, which is the name of its file."""
    filename = getattr(ds, "filename", None)
    return Path(filename).name if isinstance(filename, (str, os.PathLike)) else "the data set"


def file_name(file: BinaryIO) -> str:
    """Return the name of a file object for messages."""
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else "the file"


def transfer_syntax(ds: Dataset) -> UID:
    """Return `syntax_of` as pydicom's UID, mic's own marked; errors name the file."""
    with located(name_of(ds)):
        syntax = syntax_of(ds)
    return MICLossless if syntax == MICLossless else UID(syntax)


def pixel_buffer(ds: Dataset, name: str) -> bytes:
    """Return the value of Pixel Data in memory.

    Raises
    ------
    CorruptDataError
        It is missing or empty.
    """
    value = ds.get("PixelData")
    if hasattr(value, "read"):  # a buffer that pydicom left on disk
        value.seek(0)
        value = value.read()
    if not value:
        raise CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) is {'missing' if value is None else 'empty'}; "
            "there is no frame to read"
        )
    return bytes(value)


class MicSource:
    """Frames in MIC Lossless, in memory or in a file.

    Parameters
    ----------
    description : PixelDescription
    index : FrameIndex
    """

    def __init__(self, description: PixelDescription, index: FrameIndex) -> None:
        self.description = description
        self.index = index

    @classmethod
    def of_dataset(cls, ds: Dataset) -> MicSource:
        """Open a data set whose pixel data are in memory."""
        name = name_of(ds)
        return cls._of(ds, MemoryBytes(pixel_buffer(ds, name)), 0, name)

    @classmethod
    def of_file(cls, file: BinaryIO, head: Dataset, name: str) -> MicSource:
        """Open a file that was read up to its pixel data."""
        start = file.tell() + element_head_bytes(file, name)
        return cls._of(head, FileBytes(file), start, name)

    @classmethod
    def _of(cls, head: Dataset, data: Bytes, start: int, name: str) -> MicSource:
        description = PixelDescription.of(head, name)
        tables = head.get("ExtendedOffsetTable"), head.get("ExtendedOffsetTableLengths")
        extended = None if tables == (None, None) else (tables[0] or b"", tables[1] or b"")
        index = FrameIndex(data, start, description.number_of_frames, extended, name)
        return cls(description, index)

    @classmethod
    def of_coder(cls, src: Any, options: Mapping[str, Any]) -> MicSource:
        """Open what pydicom passes to decoders: a data set, bytes, or a file at the pixel data."""
        if isinstance(src, Dataset):
            return cls.of_dataset(src)
        if hasattr(src, "read"):
            name, start = file_name(src), src.tell()
            data: Bytes = FileBytes(src)
            src.seek(start)
        else:
            name, start, data = "the pixel data", 0, MemoryBytes(src)
        description = PixelDescription.from_options(options, name)
        n_frames, extended = description.number_of_frames, options.get("extended_offsets")
        return cls(description, FrameIndex(data, start, n_frames, extended, name))

    def coded_samples(self, frames: Sequence[int], threads: int) -> NDArray[Any]:
        """Decode frames with all their bits, chroma as it is coded."""
        parsed = self._parse(frames)
        samples = np.empty((len(frames), *parsed[0].shape), self.description.dtype)
        decode_parsed(parsed, samples, frames, self.index.name, threads)
        return samples

    def decode_into(
        self, frames: Sequence[int], out: NDArray[Any], threads: int, correct_unused_bits: bool
    ) -> list[ParsedFrame]:
        """Decode frames into `out`, (frames, rows, columns[, 3]); return their parsed streams."""
        parsed = self._parse(frames)
        if is_subsampled(parsed[0].shape, self.description):
            samples = np.empty((len(frames), *parsed[0].shape), self.description.dtype)
            decode_parsed(parsed, samples, frames, self.index.name, threads)
            out[...] = upsampled(samples)
        else:
            decode_parsed(parsed, out, frames, self.index.name, threads)
        if correct_unused_bits:
            clear_unused_bits(out, self.description)
        return parsed

    def check(self, frames: Sequence[int]) -> None:
        """Decode one frame after another, to raise the error of the first damaged one."""
        for number in frames:
            self.coded_samples([number], 1)

    def _parse(self, frames: Sequence[int]) -> list[ParsedFrame]:
        parsed: list[ParsedFrame] = []
        for number in frames:
            place = f"{self.index.name}: frame {number}"
            frame = parse_frame(self.index.fragment(number), self.description, place)
            if parsed and (frame.shape, frame.dtype) != (parsed[0].shape, parsed[0].dtype):
                raise CorruptDataError(
                    f"{place}: the stream holds {frame.shape} {frame.dtype}, {parsed[0].shape} "
                    f"{parsed[0].dtype} like frame {frames[0]} is expected",
                    frame=number,
                )
            parsed.append(frame)
        return parsed


class ParsedFrame(NamedTuple):
    """The stream of one frame, and the type and shape of the array that it holds."""

    stream: Stream
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def parse_frame(fragment: Any, description: PixelDescription, place: str) -> ParsedFrame:
    """Parse the head of a frame's stream and compare it with the attributes.

    Raises
    ------
    CorruptDataError
        The fragment is damaged, or contradicts an attribute.
    """
    with located(place):
        stream = Stream(MemoryBytes(fragment))
    return ParsedFrame(
        stream, coded_shape(stream.layout, description, place), dtype_of(stream.layout)
    )


def decode_parsed(
    parsed: Sequence[ParsedFrame],
    out: NDArray[Any],
    numbers: Sequence[int],
    name: str,
    threads: int = 1,
) -> None:
    """Decode frames of one shape and type into `out`, widening 8-bit samples if `out` is wider."""
    jobs = [(frame.stream, 0) for frame in parsed]
    coded = parsed[0].dtype
    # The sign of the words comes from the data set, as in native pixel data.
    is_narrow = coded.itemsize != out.itemsize
    if is_narrow:
        target = np.empty(out.shape, coded)
    else:
        target = out.view(coded.newbyteorder(out.dtype.byteorder))
    with located(name):
        decode_streams_into(jobs, 0, out.shape[1], target, threads, numbers=numbers)
    if is_narrow:
        out[...] = target.astype(out.dtype)


class PydicomSource:
    """Frames in a syntax that pydicom decodes, one after another."""

    def __init__(self, source: str | os.PathLike[str] | BinaryIO | Dataset, head: Dataset) -> None:
        name = name_of(head)
        self.description = PixelDescription.of(head, name)
        syntax = getattr(head, "file_meta", Dataset()).get("TransferSyntaxUID")
        if not (syntax and UID(syntax).is_transfer_syntax):
            raise UnsupportedError(
                f"{name}: the Transfer Syntax UID (0002,0010) is {syntax or 'missing'}, one that "
                "pydicom knows is expected; set the one that its pixel data are encoded in"
            )
        self._source = source
        self._name = name

    def decode_into(
        self, frames: Sequence[int], out: NDArray[Any], threads: int, correct_unused_bits: bool
    ) -> None:
        """Decode frames into `out`, (frames, rows, columns[, 3])."""
        options: dict[str, Any] = {} if correct_unused_bits else {"correct_unused_bits": False}
        with reading(self._name):
            decoded = iter_pixels(self._source, raw=True, indices=frames, **options)
            for target, frame in zip(out, decoded, strict=True):
                target[...] = frame


@contextmanager
def open_source(src: str | os.PathLike[str] | BinaryIO | Dataset) -> Iterator[Source]:
    """Open the frames of a data set, a path or a binary file object."""
    if isinstance(src, Dataset):
        yield _dataset_source(src)
    elif isinstance(src, (str, os.PathLike)):
        with Path(src).open("rb") as file:
            yield _file_source(file, Path(src).name)
    elif hasattr(src, "read"):
        yield _file_source(cast(BinaryIO, src), file_name(cast(BinaryIO, src)))
    else:
        raise UnsupportedError(
            f"the source is a {type(src).__name__}, a path, a binary file object or a pydicom "
            "data set is expected; put bytes into io.BytesIO"
        )


def _is_mic(ds: Dataset) -> bool:
    return transfer_syntax(ds) == MICLossless


def _dataset_source(ds: Dataset) -> Source:
    with reading(name_of(ds)):
        return MicSource.of_dataset(ds) if _is_mic(ds) else PydicomSource(ds, ds)


def _file_source(file: BinaryIO, name: str) -> Source:
    begin = file.tell()
    with reading(name):
        head = dcmread(file, stop_before_pixels=True, force=True)
        if "TransferSyntaxUID" not in head.file_meta and "Rows" not in head:
            raise CorruptDataError(f"{name} is no DICOM image")
        if _is_mic(head):
            return MicSource.of_file(file, head, name)
        file.seek(begin)
        return PydicomSource(file, head)


def element_head_bytes(file: BinaryIO, name: str) -> int:
    """Return the distance from the tag of Pixel Data to its value; `file` stays at the tag.

    Some writers label implicit VR as mic's syntax.  There, the letters of a VR would be
    an odd length, which no element has.
    """
    start = file.tell()
    head = file.read(12)
    file.seek(start)
    if len(head) < 8 or struct.unpack("<HH", head[:4]) != _PIXEL_DATA:
        raise CorruptDataError(
            f"{name}: Pixel Data (7FE0,0010) is missing; there is no frame to read (truncated "
            "file?)"
        )
    return 12 if head[4:6] in _EXPLICIT_VRS else 8
