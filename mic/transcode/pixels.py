# SPDX-License-Identifier: MIT
"""Pixel data from any transfer syntax that pydicom decodes, and to those that mic writes.

Works on the *pixel part* of a data set: a small data set with copies of group 0028, the
pixel data and the transfer syntax.  So nothing here can touch any other element, or
even rewrite it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dicom.failures import NoPixelsError
from ..dicom.fragments import one_fragment_each
from ..dicom.offsets import needs_extended_table
from ..dicom.syntaxes import (
    EXPLICIT,
    HTJ2K_LOSSLESS,
    HTJ2K_RPCL,
    JPEG_2000,
    KEEPING_WORDS,
    LOSSLESS,
    MIC_UID,
    NATIVE,
    RLE,
    Syntax,
    syntax_of,
)
from ..errors import CorruptDataError, UnsupportedError
from .htj2k import encode_htj2k
from .image import (
    NativeImage,
    Profile,
    Words,
    check_profile,
    check_unused_bits,
    image_of,
)
from .jpegls import encode_frames as encode_jpegls
from .plugins import decoded_arrays, run_encoder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ..dicom.pixels import PixelDescription

PIXEL_KEYWORDS = ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")
"""The elements that a change of the transfer syntax replaces."""

_IMAGE_GROUP = 0x0028
_FLOATS = ("FloatPixelData", "DoubleFloatPixelData")
_MAX_NATIVE_BYTES = 2**32 - 2
_BITS_16 = range(1, 17)

# PS3.5, table 8.2.2-1.
_RLE_PROFILES = (
    Profile(("MONOCHROME1", "MONOCHROME2"), 1, (0, 1), (8, 16), _BITS_16),
    Profile(("PALETTE COLOR",), 1, (0,), (8, 16), _BITS_16),
    Profile(("YBR_FULL",), 3, (0,), (8,), range(1, 9)),
    Profile(("RGB",), 3, (0,), (8, 16), _BITS_16),
)
# PS3.5, table 8.2.4-1; the available coders take 8 and 16 bits. RGB is written as YBR_RCT, the
# reversible colour transform of these syntaxes.
_J2K_PROFILES = (
    Profile(("MONOCHROME1", "MONOCHROME2"), 1, (0, 1), (8, 16), _BITS_16),
    Profile(("PALETTE COLOR",), 1, (0,), (8, 16), _BITS_16),
    Profile(("RGB", "YBR_FULL"), 3, (0,), (8, 16), _BITS_16),
)


def pixel_part(ds: Dataset) -> Dataset:
    """Copy the elements that describe and hold the pixels; `ds` is left as it is.

    Raises
    ------
    NoPixelsError
        The data set is not an image.
    CorruptDataError
        It is an image but has no Pixel Data.
    UnsupportedError
        It has floating-point pixel data.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.tag import Tag
    from pydicom.uid import UID

    for keyword in _FLOATS:
        if keyword in ds:
            raise UnsupportedError("the pixels are floating-point, which no syntax here holds")
    if "PixelData" not in ds and _says_image(ds):
        raise CorruptDataError(
            "it is an image by its other attributes, but there is no Pixel Data (7FE0,0010): a "
            "truncated file, or a header alone"
        )
    if "PixelData" not in ds:
        raise NoPixelsError("DICOM without pixel data")
    part = Dataset()
    # Raw elements are converted where they are read; that must happen here, not in `ds`.
    for tag in tuple(ds.keys()):
        if tag.group == _IMAGE_GROUP:
            part[tag] = ds.get_item(tag)
    for keyword in PIXEL_KEYWORDS:
        if keyword in ds:
            part[keyword] = ds.get_item(Tag(keyword))
    part.filename = getattr(ds, "filename", None)  # for messages
    part.file_meta = FileMetaDataset()
    part.file_meta.TransferSyntaxUID = UID(syntax_of(ds))
    return part


def _says_image(ds: Dataset) -> bool:
    sop_class = getattr(ds, "file_meta", {}).get("MediaStorageSOPClassUID")
    return "Rows" in ds or (sop_class is not None and "Image Storage" in sop_class.name)


def to_native(part: Dataset, as_rgb: bool = True) -> Dataset:
    """Decode the pixels in place, to uncompressed data in the layout that `part` states.

    Lossless sources keep their colour space, and every bit that their syntax keeps.
    YCbCr of lossy sources becomes RGB, as pydicom decodes it, unless `as_rgb` is False.

    Raises
    ------
    CorruptDataError
        The pixels cannot be decoded.
    UnsupportedError
        There is no decoder for the syntax; the message says what to install.
    """
    uid = str(part.file_meta.TransferSyntaxUID)
    describe(part)
    if uid == MIC_UID:
        from .. import dicom

        dicom.decompress(part, exact=True)
    elif uid not in NATIVE:
        _sort_fragments(part)
        _decode(part, uid, as_rgb and uid not in LOSSLESS)
    return part


def _sort_fragments(part: Dataset) -> None:
    """Make each frame one fragment, so that pydicom needs no table, which may be wrong."""
    offsets = part.get("ExtendedOffsetTable") or b""
    part.PixelData = one_fragment_each(part.PixelData, offsets, describe(part).number_of_frames)
    for keyword in PIXEL_KEYWORDS[1:]:
        if keyword in part:
            del part[keyword]


def describe(part: Dataset) -> PixelDescription:
    """Return the attributes of the pixels, checked against each other and the pixel data.

    Raises
    ------
    UnsupportedError
        An attribute is missing or contradicts the others.
    CorruptDataError
        The pixel data are encapsulated although the syntax is native, or the reverse.
    """
    from ..dicom.decoding import describe as describe_image
    from ..dicom.reading import read_image

    return describe_image(read_image(part))


def _decode(part: Dataset, uid: str, as_rgb: bool) -> None:
    description = describe(part)
    frames, photometric = [], description.photometric_interpretation
    for array, found in decoded_arrays(part, uid, as_rgb):
        frames.append(_as_native(array, description, uid, part))
        photometric = str(found["photometric_interpretation"])
    expected = description.number_of_frames
    if len(frames) != expected:
        raise CorruptDataError(
            f"Pixel Data (7FE0,0010) hold {len(frames)} frames, Number of Frames (0028,0008) is "
            f"{expected}; correct one of them"
        )
    data = b"".join(frames)
    if len(data) > _MAX_NATIVE_BYTES:
        raise UnsupportedError(
            f"the pixels take {len(data)} bytes uncompressed, an element holds 2^32 - 2; "
            "split the file into several"
        )
    _set_pixels(part, EXPLICIT, data, "OB" if description.bits_allocated <= 8 else "OW")
    part.PhotometricInterpretation = photometric


def _as_native(array: Words, description: PixelDescription, uid: str, part: Dataset) -> bytes:
    """Return a frame as words of Bits Allocated, in the Planar Configuration of the data set."""
    from ..dicom.source import name_of
    from ..dicom.words import words_of_decoded

    words = _as_allocated(array, description.bits_allocated)
    if uid not in KEEPING_WORDS:
        words = words_of_decoded(words, description, uid, name_of(part))
    if array.ndim == 3 and description.planar_configuration == 1:
        words = np.moveaxis(words, -1, 0)
    return words.tobytes()


def _as_allocated(array: Words, allocated: int) -> Words:
    if allocated not in (8, 16, 32):
        raise UnsupportedError(
            f"Bits Allocated (0028,0100) is {allocated} and the pixels are compressed; "
            "8, 16 or 32 is expected"
        )
    if array.dtype.kind not in "ui":
        raise UnsupportedError(f"the decoded samples are {array.dtype}, integers are expected")
    words: Words = array.astype(f"<{array.dtype.kind}{allocated // 8}")
    if not np.array_equal(words, array):
        raise CorruptDataError(
            f"the decoded samples need more than the {allocated} bits of Bits Allocated (0028,0100)"
        )
    return words


def _set_pixels(part: Dataset, uid: str, data: bytes, vr: str) -> None:
    from pydicom.dataelem import DataElement
    from pydicom.uid import UID

    encapsulated = uid not in NATIVE
    if not encapsulated and len(data) % 2:
        data += b"\0"
    for keyword in PIXEL_KEYWORDS:
        if keyword in part:
            del part[keyword]
    part[0x7FE00010] = DataElement(0x7FE00010, vr, data, is_undefined_length=encapsulated)
    part.file_meta.TransferSyntaxUID = UID(uid)


def encode(
    native: Dataset, syntax: Syntax, near: int = 0, effort: int = 5
) -> tuple[Dataset, NativeImage | None]:
    """Encode uncompressed pixels in a transfer syntax.

    Parameters
    ----------
    native : pydicom.Dataset
        Result of `to_native`; changed in place.
    syntax : Syntax
    near : int
        For JPEG-LS near-lossless.
    effort : int
        For MIC.

    Returns
    -------
    part : pydicom.Dataset
        `native` with the new pixel data, and the attributes that the syntax requires.
    image : NativeImage or None
        The uncompressed input pixels; see `image_of`.

    Raises
    ------
    UnsupportedError
        The syntax may not hold these pixels, or its encoder is not installed.
    """
    from pydicom.uid import UID

    image = image_of(native)
    if syntax.native:
        native.file_meta.TransferSyntaxUID = UID(syntax.uid)
        _fit_vr(native)
        return native, image
    if syntax.uid == MIC_UID:
        from .. import dicom

        # The file is verified as a whole. Bytes beyond the frames are padding (`image_of`).
        dicom.compress(native, effort=effort, verify=False, drop_excess=True)
        return native, image
    if image is None:
        raise UnsupportedError(
            f"the pixels are no whole words (Bits Allocated (0028,0100) is {native.BitsAllocated}, "
            f"Photometric Interpretation (0028,0004) is {native.PhotometricInterpretation}), which "
            f"{syntax.title} does not take; choose explicit, implicit or deflated"
        )
    _encapsulate(native, syntax.uid, list(_encoded_frames(image, syntax, near)))
    if image.samples > 1 and syntax.uid != RLE:
        native.PlanarConfiguration = 0  # PS3.5, tables 8.2.3-1 and 8.2.4-1
    if image.photometric == "RGB" and syntax.uid in (JPEG_2000, *HTJ2K_LOSSLESS):
        native.PhotometricInterpretation = "YBR_RCT"
    return native, image


def _fit_vr(native: Dataset) -> None:
    """Use OW for words; bytes may have either VR if it is explicit (PS3.5, A.1 and A.2)."""
    element = native["PixelData"]
    implicit = native.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    if implicit or native.BitsAllocated > 8 or element.VR not in ("OB", "OW"):
        element.VR = "OW" if implicit or native.BitsAllocated > 8 else "OB"
    element.is_undefined_length = False


def _encapsulate(part: Dataset, uid: str, frames: list[bytes]) -> None:
    from pydicom.encaps import encapsulate, encapsulate_extended

    if not needs_extended_table([len(frame) for frame in frames]):
        _set_pixels(part, uid, encapsulate(frames), "OB")
        return
    data, offsets, lengths = encapsulate_extended(frames)
    _set_pixels(part, uid, data, "OB")
    part.ExtendedOffsetTable = offsets
    part.ExtendedOffsetTableLengths = lengths


def _encoded_frames(image: NativeImage, syntax: Syntax, near: int) -> Iterator[bytes]:
    uid = syntax.uid
    if uid == RLE:
        check_profile(image, _RLE_PROFILES, syntax.title)
        words = (image.words[number] for number in range(image.frames))
        # RLE codes bytes, and all of them count, so Bits Stored is as large as the word.
        return run_encoder(uid, image, words, image.photometric, bits_stored=image.allocated)
    if uid not in (JPEG_2000, *HTJ2K_LOSSLESS):
        return encode_jpegls(image, near, uid)
    check_profile(image, _J2K_PROFILES, syntax.title)
    check_unused_bits(image, syntax.title)
    values = (image.values(number) for number in range(image.frames))
    if uid in HTJ2K_LOSSLESS:
        return encode_htj2k(values, image, progressive=uid == HTJ2K_RPCL)
    colour = "YBR_RCT" if image.photometric == "RGB" else image.photometric
    return run_encoder(uid, image, values, colour)
