# SPDX-License-Identifier: MIT
"""Decode the frames of DICOM images: any syntax, any source, one answer.

Every sample that leaves mic comes through here.  Streams of MIC Lossless are decoded by
the core, all others by pydicom and its plugins, which get the bytes of the frames that
are asked for and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codec.streams import Bytes
from ..errors import CorruptDataError, UnsupportedError, located
from ..extras import require
from .failures import NoPixelsError, find_decoder, reading
from .fragments import Fragments
from .pixels import PixelDescription, attribute, clear_unused_bits, samples_of
from .reading import Image, opened
from .source import MicSource
from .syntaxes import BIG_ENDIAN, EXPLICIT, JPEG_EXTENDED, MIC_UID, NATIVE, title_of

_END_OF_IMAGE, _EXTENDED_FRAME, _SCAN = b"\xff\xd9", 0xC1, 0xDA  # markers of JPEG
_YBR = ("YBR_FULL", "YBR_FULL_422")


def iter_frames(
    image: Image,
    indices: Sequence[int],
    *,
    raw: bool = False,
    correct_unused_bits: bool = True,
) -> Iterator[NDArray[Any]]:
    """Decode frames to stored values, one after another.

    Parameters
    ----------
    image : Image
        From a file, only the required parts are read.
    indices : sequence of int
        Frames, in the order of the result.
    raw : bool
        Leave YBR_FULL as it is instead of converting it to RGB.
    correct_unused_bits : bool
        Give the samples: the bits from High Bit down, with their sign.  If False, give
        the words with every bit, where the syntax keeps them.

    Raises
    ------
    CorruptDataError
        The pixel data are damaged, or contradict the attributes.
    UnsupportedError
        There are no pixels, or no decoder for the transfer syntax is installed.
    """
    with reading(image.name), opened(image) as data:
        description = describe(image)
        is_shifted = correct_unused_bits and description.is_shifted
        as_words = is_shifted and image.keeps_words
        frames = _decoded(
            image,
            data,
            description,
            indices,
            raw=raw or as_words,
            correct_unused_bits=correct_unused_bits and not as_words,
        )
        for frame in frames:
            yield _shifted(frame, description, raw) if as_words else frame


def decode_into(
    image: Image,
    indices: Sequence[int],
    out: NDArray[Any],
    threads: int,
    correct_unused_bits: bool,
) -> None:
    """Decode frames into `out`, (frames, rows, columns[, 3]); see `iter_frames` with ``raw=True``.

    Frames in MIC Lossless are decoded on several threads.
    """
    with reading(image.name), opened(image) as data:
        description = describe(image)
        if image.syntax == MIC_UID:
            as_words = correct_unused_bits and description.is_shifted
            source = MicSource.of_image(image, data)
            source.decode_into(indices, out, threads, correct_unused_bits and not as_words)
            if as_words:
                out[...] = samples_of(out, description)
            return
    frames = iter_frames(image, indices, raw=True, correct_unused_bits=correct_unused_bits)
    for target, frame in zip(out, frames, strict=True):
        target[...] = frame


def describe(image: Image) -> PixelDescription:
    """Return the attributes of an image's pixels, and check that it has pixels.

    Raises
    ------
    NoPixelsError
        The file is DICOM, but no image.
    UnsupportedError
        An attribute is missing, or contradicts the others.
    CorruptDataError
        The pixel data are missing, or are encapsulated although the syntax is native, or
        the reverse.
    """
    if image.pixels is None:
        if image.has_pixels:
            raise CorruptDataError(
                f"{image.name}: Pixel Data (7FE0,0010) is missing; there is no frame to read "
                "(truncated file?)"
            )
        raise NoPixelsError(
            f"{image.name} has neither {attribute('rows')} nor pixel data; it holds no image"
        )
    _check_form(image)
    return image.description


def _check_form(image: Image) -> None:
    """Refuse pixel data that do not have the form of their transfer syntax."""
    assert image.pixels is not None
    uid, label = image.syntax, image.pixels.label
    is_native = uid in NATIVE
    if is_native and image.pixels.is_encapsulated:
        raise CorruptDataError(
            f"{image.name}: {label} is encapsulated, so it is compressed, but the Transfer Syntax "
            f"UID (0002,0010) says {title_of(uid)}, which is not; set the UID of the codec"
        )
    if not is_native and not image.pixels.is_encapsulated:
        if uid != MIC_UID:
            with located(image.name):
                find_decoder(uid)  # what no decoder knows may be native all the same
        raise CorruptDataError(
            f"{image.name}: {label} has a defined length of {image.pixels.n_bytes} bytes, but "
            f"{title_of(uid)} ({uid}) is encapsulated: an undefined length and fragments are "
            "expected; correct the Transfer Syntax UID (0002,0010), or the file's writer"
        )


def _decoded(
    image: Image,
    data: Bytes,
    description: PixelDescription,
    indices: Sequence[int],
    **options: bool,
) -> Iterator[NDArray[Any]]:
    if image.syntax == MIC_UID:
        return _by_mic(image, data, indices, **options)
    if image.syntax in NATIVE:
        return _native(image, data, description, indices, options)
    return _encapsulated(image, data, description, indices, options)


def _shifted(words: NDArray[Any], description: PixelDescription, raw: bool) -> NDArray[Any]:
    """Move the bits from High Bit down to where pydicom and numpy expect them."""
    samples = samples_of(words, description)
    photometric = description.photometric_interpretation
    return samples if raw else _as_rgb(samples, photometric)


def _as_rgb(frame: NDArray[Any], photometric: str) -> NDArray[Any]:
    from pydicom.pixels.processing import convert_color_space

    if photometric in _YBR and frame.dtype == np.uint8:
        return convert_color_space(frame, photometric, "RGB")
    return frame


# ---- MIC Lossless --------------------------------------------------------------------


def _by_mic(
    image: Image, data: Bytes, indices: Sequence[int], *, raw: bool, correct_unused_bits: bool
) -> Iterator[NDArray[Any]]:
    """Decode frames in MIC Lossless, whether or not pydicom knows the syntax."""
    source = MicSource.of_image(image, data)
    description = source.description
    for index in indices:
        frame = np.empty(description.frame_shape, description.dtype)
        source.decode_into([index], frame[np.newaxis], 1, correct_unused_bits)
        yield frame if raw else _as_rgb(frame, description.photometric_interpretation)


# ---- native pixel data ---------------------------------------------------------------


def _native(
    image: Image,
    data: Bytes,
    description: PixelDescription,
    indices: Sequence[int],
    options: dict[str, bool],
) -> Iterator[NDArray[Any]]:
    assert image.pixels is not None
    begin, n_frames = image.pixels.begin, description.number_of_frames
    n_bytes = min(image.pixels.n_bytes, data.size - begin)
    description = description.for_length(n_bytes, image.name, image.pixels.label)
    n_bits = description.frame_bits
    syntax = BIG_ENDIAN if image.big_endian else EXPLICIT
    if image.big_endian or n_bits % 8:  # words and bytes cross the borders of frames
        n_used = -(-n_bits * n_frames // 8)
        # The byte that pads an odd number of them is in the last word, too.
        value = data.read(begin, begin + min(n_bytes, n_used + n_used % 2))
        yield from _by_pydicom(value, image, description, n_frames, indices, syntax, options)
        return
    for index in indices:
        start = begin + index * (n_bits // 8)
        value = data.read(start, start + n_bits // 8)
        yield from _by_pydicom(value, image, description, 1, [0], syntax, options)


# ---- compressed pixel data -----------------------------------------------------------


def _encapsulated(
    image: Image,
    data: Bytes,
    description: PixelDescription,
    indices: Sequence[int],
    options: dict[str, bool],
) -> Iterator[NDArray[Any]]:
    from pydicom.encaps import encapsulate

    fragments = Fragments.of(image, data, description.number_of_frames)
    for index in indices:
        coded = bytes(fragments.frame(index))
        value = encapsulate([coded])
        try:
            yield from _by_pydicom(value, image, description, 1, [0], image.syntax, options)
        except RuntimeError:
            frame = _extended_jpeg(coded, image.syntax, description)
            if frame is None:
                raise
            yield frame


def _extended_jpeg(coded: bytes, syntax: str, description: PixelDescription) -> NDArray[Any] | None:
    """Decode grey JPEG Extended of 12 bits that pydicom's plugins do not decode, or return None.

    Pillow does not know it.  The libjpeg of pylibjpeg does, but refuses scans with other
    limits than 0 and 63, which real files have; no other limits make sense here, and
    imagecodecs ignores them.  Whatever else pylibjpeg refuses is damaged: imagecodecs
    would fill it up with grey.
    """
    is_wide = description.bits_allocated == 16 and description.bits_stored > 8
    if syntax != JPEG_EXTENDED or not is_wide or description.samples_per_pixel != 1:
        return None
    limits = _scan_limits(coded)
    if limits is None or (limits == (0, 63) and _has_wide_jpeg()):
        return None
    try:
        codecs = require("imagecodecs", "dicom")
        words = np.empty(description.frame_shape, np.uint16)
        # With an array given, a frame that announces another size cannot take more memory.
        codecs.jpeg_decode(coded, out=words)
    except (UnsupportedError, RuntimeError, ValueError):
        return None
    samples = words.view(description.dtype)
    clear_unused_bits(samples, description)
    return samples


def _has_wide_jpeg() -> bool:
    """Whether pydicom has a plugin for JPEG of 12 bits."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    return not {"pylibjpeg", "gdcm"}.isdisjoint(get_decoder(UID(JPEG_EXTENDED)).available_plugins)


def _scan_limits(coded: bytes) -> tuple[int, int] | None:
    """Return start and end of the spectrum in a complete JPEG Extended frame's first scan."""
    if not coded.rstrip(b"\0\xff").endswith(_END_OF_IMAGE):  # without padding
        return None
    at, is_extended = 2, False
    while at + 4 <= len(coded) and coded[at] == 0xFF:
        end = at + 2 + int.from_bytes(coded[at + 2 : at + 4], "big")
        is_extended |= coded[at + 1] == _EXTENDED_FRAME
        if coded[at + 1] == _SCAN:
            return (coded[end - 3], coded[end - 2]) if is_extended and end < len(coded) else None
        at = end
    return None


def _by_pydicom(
    value: Any,
    image: Image,
    description: PixelDescription,
    n_frames: int,
    indices: Sequence[int],
    syntax: str,
    options: dict[str, bool],
) -> Iterator[NDArray[Any]]:
    assert image.pixels is not None
    with located(image.name):
        decoder = find_decoder(syntax)
    described = description.as_options(n_frames, image.pixels.keyword, image.pixels.vr)
    frames = decoder.iter_array(value, indices=indices, **(described | options))
    yield from (frame for frame, _ in frames)
