# SPDX-License-Identifier: MIT
"""Data sets and files to decode frames from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
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
from .reading import file_name
from .syntaxes import syntax_of

if TYPE_CHECKING:
    from .reading import Image


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
        description = PixelDescription.codable(ds, name)
        return cls._of(description, ds, MemoryBytes(pixel_buffer(ds, name)), 0, name)

    @classmethod
    def of_image(cls, image: Image, data: Bytes) -> MicSource:
        """Open an image whose header was read; `data` are the bytes that hold its pixels."""
        assert image.pixels is not None
        description = image.description.check_codable(image.name)
        return cls._of(description, image.header, data, image.pixels.begin, image.name)

    @classmethod
    def _of(
        cls, description: PixelDescription, head: Dataset, data: Bytes, start: int, name: str
    ) -> MicSource:
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
        description = PixelDescription.from_options(options, name).check_codable(name)
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
