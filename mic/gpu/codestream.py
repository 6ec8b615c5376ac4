# SPDX-License-Identifier: MIT
"""Read what the headers of JPEG and JPEG 2000 frames say about the samples.

Only the facts that decide whether a decoder can be trusted with a frame: sizes,
precision, sign, and how colours are stored.  Sources: ITU-T T.81 (JPEG), T.871 (JFIF),
T.872 (Adobe's marker) and T.800/T.814 (JPEG 2000, HTJ2K).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import CorruptDataError

_JPEG_START = b"\xff\xd8"
_JPEG2000_START = b"\xff\x4f\xff\x51"
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS_FRAME = 0xC3
_START_OF_SCAN = 0xDA
_CAPABILITIES = 0x50  # CAP: only HTJ2K has it
_TILE_LENGTHS = 0x55  # TLM
_START_OF_TILE = 0x90
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length


@dataclass(frozen=True)
class Codestream:
    """The header of one encoded frame.

    Attributes
    ----------
    coding : {"jpeg", "jpeg-lossless", "jpeg2000", "htj2k"}
    rows, columns, samples : int
        Size; samples per pixel.
    precision : int
        Bits per sample.
    signed : bool
        Samples are in two's complement; never in JPEG.
    luma_chroma : bool
        A JPEG decoder takes the three components as Y, Cb and Cr.
    subsampled : bool
        The components differ in size.
    """

    coding: str
    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool = False
    luma_chroma: bool = False
    subsampled: bool = False


def read_codestream(frame: bytes) -> Codestream:
    """Read the header of a JPEG or JPEG 2000 frame.

    Raises
    ------
    CorruptDataError
        The frame is neither, or ends within its header.
    """
    try:
        if frame[:4] == _JPEG2000_START:
            return _read_jpeg2000(frame)
        if frame[:2] == _JPEG_START:
            return _read_jpeg(frame)
    except (struct.error, IndexError):
        raise CorruptDataError(
            f"the frame of {len(frame)} bytes ends within its header; get the file again",
            stage="codestream",
        ) from None
    raise CorruptDataError(
        f"the frame starts with {bytes(frame[:4]).hex() or 'nothing'}, a JPEG (ffd8) or JPEG 2000 "
        "(ff4fff51) codestream is expected; compare the Transfer Syntax UID with the data",
        stage="codestream",
    )


def has_tile_lengths(frame: bytes) -> bool:
    """Whether the main header of a JPEG 2000 codestream has TLM markers."""
    return any(marker == _TILE_LENGTHS for marker, _ in _segments(frame, 2))


def _read_jpeg2000(frame: bytes) -> Codestream:
    length, _, right, bottom, left, top = struct.unpack_from(">HHIIII", frame, 4)
    samples = struct.unpack_from(">H", frame, 40)[0]
    depths = [frame[42 + 3 * i] for i in range(samples)]
    steps = {(frame[43 + 3 * i], frame[44 + 3 * i]) for i in range(samples)}
    high_throughput = any(marker == _CAPABILITIES for marker, _ in _segments(frame, 4 + length))
    return Codestream(
        coding="htj2k" if high_throughput else "jpeg2000",
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        precision=max((depth & 0x7F) + 1 for depth in depths),
        signed=any(depth & 0x80 for depth in depths),
        subsampled=len(steps) > 1,
    )


def _read_jpeg(frame: bytes) -> Codestream:
    jfif, adobe_transform = False, None
    for marker, at in _segments(frame, 2):
        if marker == 0xE0 and frame[at : at + 4] == b"JFIF":
            jfif = True
        elif marker == 0xEE and frame[at : at + 5] == b"Adobe":
            adobe_transform = frame[at + 11]
        elif marker in _FRAME_MARKERS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, at)
            components = [frame[at + 6 + 3 * i : at + 9 + 3 * i] for i in range(samples)]
            names = bytes(component[0] for component in components)
            return Codestream(
                coding="jpeg-lossless" if marker == _LOSSLESS_FRAME else "jpeg",
                rows=rows,
                columns=columns,
                samples=samples,
                precision=precision,
                luma_chroma=samples == 3 and _is_luma_chroma(names, jfif, adobe_transform),
                subsampled=len({component[1] for component in components}) > 1,
            )
    raise IndexError


def _is_luma_chroma(names: bytes, jfif: bool, adobe_transform: int | None) -> bool:
    """Whether common decoders take three components as Y, Cb and Cr without being told."""
    if jfif:
        return True
    if adobe_transform is not None:
        return adobe_transform != 0
    return names not in (b"RGB", b"rgb")


def _segments(frame: bytes, at: int) -> list[tuple[int, int]]:
    """List (marker, offset of its content) up to the coded data or the frame header."""
    found = []
    while True:
        if frame[at] != 0xFF:
            raise IndexError
        marker = frame[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        found.append((marker, at + 4))
        if marker in (_START_OF_SCAN, _START_OF_TILE) or marker in _FRAME_MARKERS:
            return found
        if marker in _STANDALONE:
            at += 2
        else:
            at += 2 + max(2, struct.unpack_from(">H", frame, at + 2)[0])
