# SPDX-License-Identifier: MIT
"""numcodecs: `Mic`, a codec for Zarr 2, kerchunk and other users of numcodecs.

Needs the extra "zarr".  Reading needs no import: numcodecs finds the codec through
the entry point `numcodecs.codecs`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import api
from .codec.arrays import dtype_of, full_shape
from .codec.blocks import add_block, read_blocks
from .codec.chunks import check_chunk_type, check_options, image_shape
from .codec.streams import MemoryBytes, Stream
from .errors import UnsupportedError
from .extras import naming_extra

with naming_extra("mic.numcodecs", "numcodecs", "numcodecs", "zarr"):
    from numcodecs.abc import Codec  # type: ignore[import-untyped]
    from numcodecs.compat import (  # type: ignore[import-untyped]
        ensure_ndarray,
        ndarray_copy,
    )
    from numcodecs.registry import register_codec  # type: ignore[import-untyped]

_MEMORY_ORDER = b"memo"
_BIG_ENDIAN, _COLUMN_MAJOR, _ONE_AXIS = 1, 2, 4


class Mic(Codec):  # type: ignore[misc]
    """Lossless coding of int8, uint8, int16 and uint16 arrays.

    Memory order is restored: a big-endian array decodes to big-endian samples, an array
    in Fortran order to Fortran order.  The last two axes are rows and columns, all axes
    before them are frames.  A one-dimensional array is one row, which compresses badly,
    so pass arrays with their shape.

    Parameters
    ----------
    effort : int, 1 to 9
        More takes longer and gives smaller streams, see `mic.encode`.
    codec : {"wavefront", "fse", "huffman"}
        See `mic.encode`.
    rgb : bool, optional
        Whether a trailing axis of 3 is colour.  Default: it is.
    threads : int
        Number of threads for one call; 0 for all CPUs that this process may use.  It
        belongs to the process, not to the data, and is not part of the configuration.

    Raises
    ------
    UnsupportedError
        An option is invalid.
    """

    codec_id = "mic"

    def __init__(
        self,
        effort: int = 5,
        codec: str = api.DEFAULT_CODEC,
        rgb: bool | None = None,
        threads: int = 1,
    ) -> None:
        check_options(effort, codec, rgb, threads)
        self.effort = effort
        self.codec = codec
        self.rgb = rgb
        self.threads = threads

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for metadata, in types that JSON supports.

        Returns
        -------
        dict
        """
        return {"id": self.codec_id, "effort": self.effort, "codec": self.codec, "rgb": self.rgb}

    def encode(self, buf: Any) -> bytes:
        """Encode an array, or any buffer as one row of its items.

        Parameters
        ----------
        buf : ndarray or buffer
            uint8, int8, uint16 or int16, any byte order and strides.

        Returns
        -------
        bytes
            A native stream.

        Raises
        ------
        UnsupportedError
            The sample type is not supported, or the array has no axes.
        TypeError
            The array holds Python objects.
        """
        array = ensure_ndarray(buf)
        if array.dtype == object:
            raise TypeError(
                "the array holds Python objects, the codec mic takes samples of 8 or 16 bits"
            )
        check_chunk_type(array.dtype, array.ndim)
        order = _BIG_ENDIAN * (array.dtype.newbyteorder("=") != array.dtype)
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            order |= _COLUMN_MAJOR
            array = array.T
        order |= _ONE_AXIS * (array.ndim == 1)
        image = array.reshape(image_shape(array.shape))
        stream = api.encode(image, self.codec, self.effort, self.threads, self.rgb)
        assert isinstance(stream, bytes)
        return add_block(stream, _MEMORY_ORDER, bytes([order])) if order else stream

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a stream.

        Parameters
        ----------
        buf : buffer
            A stream from `encode`, or any other stream that mic decodes.
        out : buffer, optional
            Where to put the samples: any writable buffer of exactly their size in
            bytes.

        Returns
        -------
        ndarray
            The array that was encoded, or `out`.

        Raises
        ------
        CorruptDataError
            The stream is damaged.
        UnsupportedError
            `out` has another size or is read-only.
        """
        data = ensure_ndarray(buf)
        layout = Stream(MemoryBytes(data)).layout
        order = read_blocks(data).get(_MEMORY_ORDER, b"\0")[0]
        if out is None:
            return _reordered(api.decode(data, threads=self.threads), order)
        target = ensure_ndarray(out)
        dtype, shape = dtype_of(layout), full_shape(layout)
        _check_target(target, shape, dtype)
        if order == 0 and target.flags.c_contiguous:
            samples = target.reshape(-1).view(np.uint8).view(dtype).reshape(shape)
            api.decode(data, samples, threads=self.threads)
        else:
            array = _reordered(api.decode(data, threads=self.threads), order)
            ndarray_copy(array, target)
        return out


def _check_target(target: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if target.dtype == object:
        raise TypeError("out holds Python objects, a buffer of samples is expected")
    n_bytes = math.prod(shape) * dtype.itemsize
    if target.nbytes != n_bytes or not target.flags.writeable:
        raise UnsupportedError(
            f"out has {target.nbytes} bytes{'' if target.flags.writeable else ', read-only'}; "
            f"{n_bytes} writable bytes are expected (shape {shape} of {dtype})"
        )


def _reordered(array: NDArray[Any], order: int) -> NDArray[Any]:
    """Give the decoded array the byte order and axes of the encoded one."""
    if order & _ONE_AXIS:
        array = array.reshape(-1)
    if order & _COLUMN_MAJOR:
        array = array.T
    return array.astype(array.dtype.newbyteorder(">")) if order & _BIG_ENDIAN else array


# The entry point does the same, but a frozen application or a source tree has none.
register_codec(Mic)
