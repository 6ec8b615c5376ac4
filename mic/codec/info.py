# SPDX-License-Identifier: MIT
"""The description of a stream, from its header and index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..faces import public
from .arrays import dtype_of, full_shape
from .published import CONTAINERS, StreamPart, parts_of, strips_of
from .streams import Stream
from .tiles import LevelInfo, describe_levels, slide_samples

CODECS = {"wavefront": 3, "fse": 1, "huffman": 2}
"""Names of the codecs of the native container, and their numbers in it."""


@public("mic")
@dataclass(frozen=True)
class StreamInfo:
    """The description of a stream, from its header and index.

    Attributes
    ----------
    container, codec : str
        One of `mic.CONTAINERS`; the codec that the encoder was asked for.
    shape : tuple of int
        Shape of the decoded array.
    dtype : numpy.dtype
        Sample type of the decoded array.
    frames, rows, columns, channels : int
        Number of frames over all leading axes, and the shape of one frame.
    bits_used : int
        Smallest number of bits that holds every sample; the width of the type if
        colour was transformed.
    strip_rows, strips : int
        Rows in a strip, and strips in a frame.  Each strip can be decoded on its own.
    encoded_bytes, decoded_bytes : int
        Size of the stream and of the array.
    frame_offsets : tuple of int
        Byte offset in the stream at which each frame begins; one more entry for the
        end.
    frame_checksums : tuple of int
        CRC-32C of each frame's samples (little-endian, C order); empty for
        containers without checksums.
    temporal : bool
        Frames are coded as differences: reading one decodes all frames before it.
    parts : tuple of StreamPart
        The strips of PICS and PICA, the planes of MICR; empty for others.
    levels : tuple of LevelInfo
        The levels of a slide; empty for others.  In a slide a frame is a tile, `rows`
        and
        `columns` are those of a tile, `shape` is that of the largest level, and
        `decoded_bytes` that of all levels.
    """

    container: str
    codec: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    frames: int
    rows: int
    columns: int
    channels: int
    bits_used: int
    strip_rows: int
    strips: int
    encoded_bytes: int
    decoded_bytes: int
    frame_offsets: tuple[int, ...]
    frame_checksums: tuple[int, ...]
    temporal: bool = False
    parts: tuple[StreamPart, ...] = ()
    levels: tuple[LevelInfo, ...] = ()

    @property
    def ratio(self) -> float:
        """Decoded bytes divided by encoded bytes."""
        return self.decoded_bytes / self.encoded_bytes


def describe(stream: Stream) -> StreamInfo:
    """Return the `StreamInfo` of a parsed stream."""
    layout = stream.layout
    shape, dtype = full_shape(layout), dtype_of(layout)
    container = CONTAINERS[layout.container]
    starts = [int(offset) for offset in stream.offsets[:-1]]
    checksums = (
        [bytes(stream.data.read(at, at + 4)) for at in starts] if container == "native" else []
    )
    names = {number: name for name, number in CODECS.items()}
    return StreamInfo(
        container=container,
        codec=names.get(layout.codec, f"codec {layout.codec}"),
        shape=shape,
        dtype=dtype,
        frames=layout.n_frames,
        rows=layout.rows,
        columns=layout.columns,
        channels=layout.channels,
        bits_used=layout.bits_used,
        strip_rows=layout.strip_rows,
        strips=strips_of(layout),
        encoded_bytes=stream.size,
        decoded_bytes=(slide_samples(layout) or math.prod(shape)) * dtype.itemsize,
        frame_offsets=tuple(int(offset) for offset in stream.offsets),
        frame_checksums=tuple(int.from_bytes(checksum, "little") for checksum in checksums),
        temporal=layout.temporal,
        parts=parts_of(stream),
        levels=describe_levels(stream),
    )
