# SPDX-License-Identifier: MIT
"""Locate frames in encapsulated pixel data: PS3.5 annex A.4, one fragment per frame."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..codec.streams import Bytes
from ..errors import CorruptDataError

ITEM = 0xE000
SEQUENCE_END = 0xE0DD
HEAD_BYTES = 8  # tag and length of an item
MAX_BASIC_OFFSET = 2**32 - 1
_ITEM_GROUP = 0xFFFE
_PIXEL_DATA = "Pixel Data (7FE0,0010)"
_FRAMES = "Number of Frames (0028,0008)"


class FrameIndex:
    """The place of each frame's fragment.

    Parameters
    ----------
    data : Bytes
        Holds the pixel data: memory or a file.
    start : int
        Offset of the value of Pixel Data, which is the item of the Basic Offset Table.
    n_frames : int
        Number of Frames.
    extended : (bytes, bytes), optional
        Extended Offset Table and its Lengths.
    name : str
        Name of the data set in messages.

    Raises
    ------
    CorruptDataError
        The tables or the items contradict each other or Number of Frames.
    """

    def __init__(
        self,
        data: Bytes,
        start: int,
        n_frames: int,
        extended: tuple[bytes, bytes] | None = None,
        name: str = "the data set",
    ) -> None:
        self.data = data
        self.name = name
        self._counted_in = "the file" if start else _PIXEL_DATA
        self._lengths: NDArray[np.uint64] | None = None
        if data.size - start <= 0:
            raise CorruptDataError(
                f"{name}: {_PIXEL_DATA} is empty, {n_frames} frame(s) are expected ({_FRAMES})"
            )
        length = self._item(start, "the Basic Offset Table")
        table_start, first = start + HEAD_BYTES, start + HEAD_BYTES + length
        if first > data.size:
            raise CorruptDataError(
                f"{name}: the Basic Offset Table has {length} bytes, only "
                f"{data.size - table_start} follow (truncated file)",
                offset=table_start,
            )
        if extended is not None:
            offsets, self._lengths = _read_extended(extended, name)
            self._check_count(len(offsets), n_frames, "the Extended Offset Table (7FE0,0001)")
        elif length:
            if length % 4:
                raise CorruptDataError(
                    f"{name}: the Basic Offset Table has {length} bytes, a multiple of 4 is "
                    "expected",
                    offset=table_start,
                )
            offsets = np.frombuffer(data.read(table_start, first), "<u4").astype(np.uint64)
            self._check_count(len(offsets), n_frames, "the Basic Offset Table")
        else:
            offsets = self._walk(first, n_frames)
        self._check_order(offsets)
        self._first, self._offsets = first, offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def _offset(self, frame: int) -> int:
        """Return where the item of a frame begins in `data`."""
        return self._first + int(self._offsets[frame])

    def fragment(self, frame: int) -> memoryview | bytes:
        """Return the coded bytes of a frame, with the padding byte if there is one."""
        return self.data.read(*self.locate(frame))

    def locate(self, frame: int) -> tuple[int, int]:
        """Return where the coded bytes of a frame begin and end.

        Raises
        ------
        CorruptDataError
            There is no item at the frame's offset, or it is truncated.
        """
        offset = self._offset(frame)
        if offset >= self.data.size:
            raise self._damaged(
                f"it begins at byte {offset} and the pixel data end at byte {self.data.size} "
                "(truncated file, or a damaged offset table)",
                frame,
                offset,
            )
        length = self._item(offset, f"frame {frame}", frame)
        end = offset + HEAD_BYTES + length
        if self._lengths is not None and not length - 1 <= int(self._lengths[frame]) <= length:
            raise self._damaged(
                f"its item has {length} bytes, the Extended Offset Table Lengths (7FE0,0002) say "
                f"{int(self._lengths[frame])}",
                frame,
                offset,
            )
        if end > self.data.size:
            raise self._damaged(
                f"its fragment of {length} bytes begins at byte {offset + HEAD_BYTES} and "
                f"the pixel data end at byte {self.data.size} (truncated file)",
                frame,
                offset,
            )
        if frame + 1 < len(self) and end != self._offset(frame + 1):
            raise self._damaged(
                f"its fragment ends at byte {end}, the next frame begins at byte "
                f"{self._offset(frame + 1)}; one fragment a frame is expected (a damaged "
                "offset table, or more fragments than frames)",
                frame,
                offset,
            )
        if frame + 1 == len(self):
            self._check_end(end, frame)
        return offset + HEAD_BYTES, end

    def _item(self, offset: int, what: str, frame: int | None = None) -> int:
        """Return the length of the item at `offset`."""
        head = bytes(self.data.read(offset, offset + HEAD_BYTES))
        if len(head) < HEAD_BYTES:
            raise CorruptDataError(
                f"{self.name}: {what}: the item at byte {offset} of {self._counted_in} is cut off "
                f"after {len(head)} bytes (truncated file)",
                frame=frame,
                offset=offset,
            )
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) != (_ITEM_GROUP, ITEM):
            raise CorruptDataError(
                f"{self.name}: {what}: byte {offset} of {self._counted_in} has the tag "
                f"({group:04X},{element:04X}), an item (FFFE,E000) is expected (a damaged offset "
                "table, or pixel data that are not encapsulated)",
                frame=frame,
                offset=offset,
            )
        return int(length)

    def _walk(self, first: int, n_frames: int) -> NDArray[np.uint64]:
        """Find the offsets without a table, by walking from item to item."""
        offsets: list[int] = []
        offset = first
        while offset < self.data.size and not self._is_end(offset):
            if len(offsets) > n_frames:  # enough to know that there are too many
                break
            offsets.append(offset - first)
            offset += HEAD_BYTES + self._item(offset, f"frame {len(offsets) - 1}", len(offsets) - 1)
        self._check_count(len(offsets), n_frames, _PIXEL_DATA)
        return np.array(offsets, np.uint64)

    def _is_end(self, offset: int) -> bool:
        head = bytes(self.data.read(offset, offset + 4))
        return head == struct.pack("<HH", _ITEM_GROUP, SEQUENCE_END)

    def _check_end(self, end: int, frame: int) -> None:
        """Refuse a fragment after the last frame; some writers omit the delimiter."""
        head = bytes(self.data.read(end, end + 4))
        if head == struct.pack("<HH", _ITEM_GROUP, ITEM):
            raise self._damaged(
                f"it is the last of {len(self)} ({_FRAMES}), but a further fragment follows it at "
                f"byte {end}; one fragment a frame is expected",
                frame,
                end,
            )

    def _check_count(self, found: int, n_frames: int, where: str) -> None:
        if found != n_frames:
            more = "at least " if found > n_frames and where == _PIXEL_DATA else ""
            raise CorruptDataError(
                f"{self.name}: {where} has {more}{found} frame(s), {_FRAMES} says {n_frames}; "
                "one fragment a frame is expected"
            )

    def _check_order(self, offsets: NDArray[np.uint64]) -> None:
        wrong = np.flatnonzero(offsets[1:] <= offsets[:-1]) + 1
        if offsets[0] != 0:
            raise self._damaged(f"its offset is {offsets[0]}, 0 is expected", 0, 0)
        if wrong.size:
            frame = int(wrong[0])
            raise self._damaged(
                f"its offset {offsets[frame]} is not behind that of frame {frame - 1}, "
                f"{offsets[frame - 1]} (damaged offset table)",
                frame,
                int(offsets[frame]),
            )

    def _damaged(self, what: str, frame: int, offset: int) -> CorruptDataError:
        return CorruptDataError(
            f"{self.name}: frame {frame}: {what}", stage="index", frame=frame, offset=offset
        )


def _read_extended(
    extended: tuple[bytes, bytes], name: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    offsets, lengths = extended
    if len(offsets) != len(lengths) or len(offsets) % 8 or not offsets:
        raise CorruptDataError(
            f"{name}: the Extended Offset Table (7FE0,0001) has {len(offsets)} bytes and its "
            f"Lengths (7FE0,0002) {len(lengths)}, the same multiple of 8 is expected"
        )
    return np.frombuffer(offsets, "<u8"), np.frombuffer(lengths, "<u8")


def frame_offsets(lengths: Sequence[int]) -> list[int]:
    """Return the offset of each frame's item from the first one, for fragments of these lengths."""
    offsets = [0]
    for length in lengths[:-1]:
        offsets.append(offsets[-1] + HEAD_BYTES + length + length % 2)
    return offsets


def needs_extended_table(lengths: Sequence[int]) -> bool:
    """Whether an offset exceeds what the Basic Offset Table can hold."""
    return frame_offsets(lengths)[-1] > MAX_BASIC_OFFSET
