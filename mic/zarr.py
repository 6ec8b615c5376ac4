# SPDX-License-Identifier: MIT
"""Zarr 3: `MicCodec`, the serializer that codes the chunks of an array.

    zarr.create_array(store, shape=..., chunks=(1, 512, 512), dtype="int16",
                      serializer=mic.zarr.MicCodec(), compressors=None)

Needs the extra "zarr".  Reading needs no import: Zarr finds the codec through the
entry point `zarr.codecs`.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import api
from ._mic import Layout
from .codec.chunks import (
    Box,
    SparseBytes,
    check_chunk,
    check_chunk_type,
    check_options,
    decode_box,
    frames_in,
    image_shape,
)
from .codec.streams import Bytes, MemoryBytes
from .errors import UnsupportedError
from .extras import naming_extra

with naming_extra("mic.zarr", "Zarr 3", "zarr", "zarr"):
    from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
    from zarr.abc.store import RangeByteRequest
    from zarr.core.common import parse_named_configuration
    from zarr.registry import register_codec

if TYPE_CHECKING:
    from typing import Self

    from zarr.abc.store import ByteGetter
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.common import JSON
    from zarr.core.dtype.wrapper import TBaseDType, TBaseScalar, ZDType
    from zarr.core.indexing import SelectorTuple

_HEAD_BYTES = 4096  # size of the first request to a stream
_WORTH_RANGES = 1 << 18  # decoded bytes; smaller chunks are read whole


@dataclass(frozen=True)
class MicCodec(ArrayBytesCodecPartialDecodeMixin, ArrayBytesCodec):
    """Lossless coding of chunks of int8, uint8, int16 or uint16.

    The last two axes of a chunk are rows and columns (the last three if the last has
    length 3: colour); all axes before them are frames.  A chunk may have any number of
    axes; a single axis is one row.  Reading a part of a chunk fetches and decodes only
    the frames and strips that it touches, so chunks may hold many slices.

    Parameters
    ----------
    effort : int, 1 to 9
        More takes longer and gives smaller chunks, see `mic.encode`.
    codec : {"wavefront", "fse", "huffman"}
        See `mic.encode`.
    rgb : bool, optional
        Whether a trailing axis of 3 is colour.  Default: it is.
    threads : int
        Number of threads within one chunk; 0 for all CPUs that this process may use.
        Zarr works on several chunks at once, so more than 1 pays only for chunks of
        many frames.  It belongs to the process, not to the data, and is not stored.

    Raises
    ------
    UnsupportedError
        An option is invalid or, when the array is created, the sample type is not
        supported.
    """

    is_fixed_size = False

    effort: int = 5
    codec: str = api.DEFAULT_CODEC
    rgb: bool | None = None
    threads: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        check_options(self.effort, self.codec, self.rgb, self.threads)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Make the codec that an array's metadata describes.

        Parameters
        ----------
        data : dict
            ``"name"`` and ``"configuration"``.

        Returns
        -------
        MicCodec
        """
        _, configuration = parse_named_configuration(data, "mic", require_configuration=False)
        try:
            return cls(**(configuration or {}))  # type: ignore[arg-type]
        except TypeError:
            raise UnsupportedError(
                f"the array's codec mic has the configuration {configuration}, effort, codec and "
                "rgb are expected; install a newer mic-codec"
            ) from None

    def to_dict(self) -> dict[str, JSON]:
        """Return the codec's entry in an array's metadata.

        Returns
        -------
        dict
            ``"name"`` and ``"configuration"``.
        """
        configuration: dict[str, JSON] = {"effort": self.effort, "codec": self.codec}
        if self.rgb is not None:
            configuration["rgb"] = self.rgb
        return {"name": "mic", "configuration": configuration}

    def validate(
        self,
        *,
        shape: tuple[int, ...],
        dtype: ZDType[TBaseDType, TBaseScalar],
        chunk_grid: ChunkGrid,
    ) -> None:
        """Refuse an array that cannot be coded; Zarr calls it when the array is created.

        Parameters
        ----------
        shape : tuple of int
            Shape of the array.
        dtype : zarr.dtype.ZDType
            Sample type of the array.
        chunk_grid : zarr.core.chunk_grids.ChunkGrid
            Not used: chunks of any shape can be coded.

        Raises
        ------
        UnsupportedError
            The sample type is not supported, or the array has no axes.
        """
        check_chunk_type(dtype.to_native_dtype(), len(shape))

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Refuse an array that cannot be coded; Zarr does not call `validate` inside shards.

        Parameters
        ----------
        array_spec : zarr.core.array_spec.ArraySpec
            Shape and sample type of the chunks.

        Returns
        -------
        MicCodec
            This codec itself.

        Raises
        ------
        UnsupportedError
            The sample type is not supported, or the array has no axes.
        """
        check_chunk_type(array_spec.dtype.to_native_dtype(), array_spec.ndim)
        return self

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        """Raise NotImplementedError, because the size depends on the samples."""
        raise NotImplementedError

    def _encode_sync(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        samples = chunk_array.as_numpy_array()
        image = samples.reshape(image_shape(samples.shape))
        stream = api.encode(image, self.codec, self.effort, self.threads, self.rgb)
        assert isinstance(stream, bytes)
        return chunk_spec.prototype.buffer.from_bytes(stream)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        data = MemoryBytes(chunk_bytes.as_numpy_array())
        return self._decode_box(data, Box.whole(chunk_spec.shape), chunk_spec)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    async def _decode_partial_single(
        self, byte_getter: ByteGetter, selection: SelectorTuple, chunk_spec: ArraySpec
    ) -> NDBuffer | None:
        box = Box.around(selection, chunk_spec.shape)
        data = await _fetch(byte_getter, box, chunk_spec)
        if data is None:
            return None
        part = await asyncio.to_thread(self._decode_box, data, box, chunk_spec)
        return part[box.within(selection)]

    def _decode_box(self, data: Bytes, box: Box, chunk_spec: ArraySpec) -> NDBuffer:
        samples = decode_box(data, box, chunk_spec.shape, _dtype(chunk_spec), self.threads)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(samples)


def _dtype(chunk_spec: ArraySpec) -> np.dtype[Any]:
    return np.dtype(chunk_spec.dtype.to_native_dtype())


async def _fetch(byte_getter: ByteGetter, box: Box, chunk_spec: ArraySpec) -> Bytes | None:
    """Fetch the bytes of a chunk that a box needs, or all bytes if that is as quick."""

    async def get(start: int, stop: int) -> Any:
        part = await byte_getter.get(chunk_spec.prototype, RangeByteRequest(start, stop))
        return None if part is None else part.as_numpy_array()

    if _worth_ranges(box, chunk_spec):
        head = await get(0, _HEAD_BYTES)
        if head is None:
            return None
        if len(head) < _HEAD_BYTES:
            return MemoryBytes(head)
        layout = Layout.read(head)
        check_chunk(layout, chunk_spec.shape, _dtype(chunk_spec))
        if layout.axes:
            data = SparseBytes(layout.stream_bytes)
            data.add(0, head)
            if layout.shared_bytes and layout.header_bytes > len(head):
                models = layout.header_bytes - layout.shared_bytes, layout.header_bytes
                data.add(models[0], await get(*models))
            index = await get(layout.index_offset, layout.index_offset + layout.index_bytes)
            data.add(layout.index_offset, index)
            runs = _runs(layout.index(index), frames_in(box, layout).reshape(-1))
            parts = await asyncio.gather(*(get(start, stop) for start, stop in runs))
            for (start, _), part in zip(runs, parts, strict=True):
                data.add(start, part)
            return data
    whole = await byte_getter.get(chunk_spec.prototype)
    return None if whole is None else MemoryBytes(whole.as_numpy_array())


def _worth_ranges(box: Box, chunk_spec: ArraySpec) -> bool:
    """Whether three small requests save most of a large one."""
    n_samples = math.prod(chunk_spec.shape)
    n_bytes = n_samples * _dtype(chunk_spec).itemsize
    touched = math.prod(box.shape[:-2]) * math.prod(chunk_spec.shape[-2:])
    return n_bytes >= _WORTH_RANGES and touched <= n_samples // 4


def _runs(offsets: NDArray[np.uint64], frames: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the byte ranges of frames in a stream; neighbours share one range."""
    breaks = np.flatnonzero(np.diff(frames) != 1) + 1
    return [(int(offsets[run[0]]), int(offsets[run[-1] + 1])) for run in np.split(frames, breaks)]


# The entry point does the same, but a frozen application or a source tree has none.
register_codec("mic", MicCodec)
