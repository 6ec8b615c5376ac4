# SPDX-License-Identifier: MIT
"""Reversible HTJ2K codestreams as DICOM requires them, encoded on the GPU if there is one.

The precision of the codestream is Bits Stored (PS3.5, 8.2.4).  With the RPCL options
(PS3.5, 10.18), the lowest resolution is at most 64 pixels wide and high, and tile
length markers tell where each resolution ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from ..errors import CorruptDataError, UnsupportedError
from ..extras import require
from ..gpu.codestream import has_tile_lengths, read_codestream

if TYPE_CHECKING:
    from .image import NativeImage, Words

_THUMBNAIL = 64  # pixels
_USUAL_DECOMPOSITIONS = 5

Encode = Callable[["Words", "NativeImage", bool], "bytes | None"]


def encode_htj2k(frames: Iterable[Words], image: NativeImage, progressive: bool) -> Iterator[bytes]:
    """Encode frames as HTJ2K codestreams.

    Parameters
    ----------
    frames : iterable of ndarray, (rows, columns[, samples])
        Sample values, in the range of Bits Stored.
    image : NativeImage
        What the data set says about them.
    progressive : bool
        Use the RPCL options.

    Yields
    ------
    bytes

    Raises
    ------
    UnsupportedError
        No encoder is installed.
    """
    on_gpu = _gpu_encoder()
    for frame in frames:
        stream = None if on_gpu is None else on_gpu(frame, image, progressive)
        if stream is None or not _is_as_asked(stream, image, progressive):
            stream = _encode_on_cpu(frame, image, progressive)
        yield stream


def decompositions(rows: int, columns: int, progressive: bool) -> int:
    """Return how often to halve the image: more often if a large one needs a thumbnail."""
    count = _USUAL_DECOMPOSITIONS
    while progressive and -(-max(rows, columns) >> count) > _THUMBNAIL:
        count += 1
    return count


def _is_as_asked(stream: bytes, image: NativeImage, progressive: bool) -> bool:
    """Whether a codestream declares what DICOM requires."""
    try:
        found = read_codestream(stream)
    except CorruptDataError:
        return False
    expected = ("htj2k", image.rows, image.columns, image.samples, image.stored, image.signed)
    stated = (found.coding, found.rows, found.columns, found.samples, found.precision, found.signed)
    return stated == expected and (not progressive or has_tile_lengths(stream))


def _encode_on_cpu(values: Words, image: NativeImage, progressive: bool) -> bytes:
    """Encode with OpenJPH.

    As imagecodecs calls it, it codes words of 8 or 16 bits and declares that precision
    in the codestream.  To a decoder, the precision matters only in the level shift of
    unsigned samples, 2^(precision - 1).  So adding the difference of the two shifts to
    the samples makes a codestream that is correct for the smaller precision.
    """
    codecs = require("imagecodecs", "dicom")
    try:
        encode = codecs.htj2k_encode
    except (AttributeError, ImportError):
        raise UnsupportedError(
            f"imagecodecs {codecs.__version__} has no HTJ2K encoder; "
            "pip install --upgrade imagecodecs, or choose jpeg2000"
        ) from None
    container = 8 if image.stored <= 8 else 16
    samples = values.astype(f"{values.dtype.kind}{container // 8}")
    if not image.signed:
        shift = (1 << (container - 1)) - (1 << (image.stored - 1))
        samples = samples + samples.dtype.type(shift)
    stream = bytearray(
        encode(
            samples,
            reversible=True,
            planar=False,
            rgb=image.samples > 1 and image.photometric == "RGB",
            resolutions=decompositions(image.rows, image.columns, progressive),
            tlm=progressive,
        )
    )
    _set_precision(stream, image.stored, image.signed, image.samples)
    return bytes(stream)


def _set_precision(stream: bytearray, bits: int, signed: bool, components: int) -> None:
    """Write Ssiz of each component in the SIZ marker, which follows SOC (ISO 15444-1, A.5.1)."""
    first = 4 + 38  # SOC and SIZ; its length and the fields before the components
    for component in range(components):
        stream[first + 3 * component] = (bits - 1) | (0x80 if signed else 0)


@cache
def _gpu_encoder() -> Encode | None:
    """Return nvImageCodec's encoder on the first GPU, or None if there is no GPU."""
    from ..gpu.decoder import import_nvimgcodec
    from ..gpu.state import has_device

    if not has_device():
        return None
    library = import_nvimgcodec()
    try:
        encoder = library.Encoder()
    except RuntimeError:
        return None  # `mic.gpu.status` gives the reason
    return lambda values, image, progressive: _encode_on_gpu(
        library, encoder, values, image, progressive
    )


def _encode_on_gpu(
    library: Any, encoder: Any, values: Words, image: NativeImage, progressive: bool
) -> bytes | None:
    """Encode with nvJPEG2000; None if it refuses the image."""
    colour = image.samples > 1
    parameters = library.EncodeParams(
        quality_type=library.QualityType.LOSSLESS,
        jpeg2k_encode_params=library.Jpeg2kEncodeParams(
            num_resolutions=1 + decompositions(image.rows, image.columns, progressive),
            bitstream_type=library.Jpeg2kBitstreamType.J2K,
            prog_order=library.Jpeg2kProgOrder.RPCL,
            mct_mode=int(colour and image.photometric == "RGB"),
            ht=True,
        ),
    )
    container = 8 if image.stored <= 8 else 16
    samples = values.astype(f"{values.dtype.kind}{container // 8}", order="C")
    planes = samples if colour else samples[..., None]
    try:
        stream = encoder.encode(
            library.as_image(planes, precision=image.stored).cuda(), "jpeg2k", params=parameters
        )
    except (RuntimeError, ValueError):
        return None
    return None if stream is None else bytes(stream)
