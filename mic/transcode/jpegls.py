# SPDX-License-Identifier: MIT
"""What JPEG-LS may hold in DICOM, and its codestreams, lossless and near-lossless.

PS3.5, section 8.2.3 and table 8.2.3-1, say which images a JPEG-LS syntax may hold;
PS3.3, C.7.6.1.1.5, says what a lossy image must declare. pyjpegls (CharLS) makes the
codestreams.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..dicom.syntaxes import JPEG_LS, JPEG_LS_NEAR, title_of
from ..errors import UnsupportedError
from .image import NativeImage, Profile, check_profile, check_unused_bits
from .plugins import run_encoder

_ANY_BITS = range(2, 17)
_GREY = Profile(("MONOCHROME1", "MONOCHROME2"), 1, (0, 1), (8, 16), _ANY_BITS)
_PALETTE = Profile(("PALETTE COLOR",), 1, (0,), (8, 16), _ANY_BITS)
_RGB = Profile(("RGB",), 3, (0,), (8, 16), _ANY_BITS)
_YBR = Profile(("YBR_FULL",), 3, (0,), (8,), range(2, 9))

PROFILES = {JPEG_LS: (_GREY, _PALETTE, _RGB, _YBR), JPEG_LS_NEAR: (_GREY, _RGB, _YBR)}
"""The images that each of the two syntaxes may hold: PS3.5, table 8.2.3-1."""


def largest_near(stored: int) -> int:
    """Return the largest NEAR that JPEG-LS allows for `stored` bits (ISO 14495-1, C.2.3)."""
    return min(255, ((1 << stored) - 1) // 2)


def check(image: NativeImage, near: int = 0, uid: str | None = None) -> None:
    """Refuse an image that JPEG-LS cannot hold, at all or with this error.

    Parameters
    ----------
    image : NativeImage
    near : int
        NEAR, the largest error of a sample value; 0 is lossless.
    uid : str, optional
        Transfer syntax.  Default: JPEG-LS Lossless if `near` is 0, otherwise JPEG-LS
        Near-Lossless.

    Raises
    ------
    UnsupportedError
        It names the attribute, its value, the allowed values and the remedy.
    """
    uid = uid or (JPEG_LS_NEAR if near else JPEG_LS)
    title = title_of(uid)
    check_profile(image, PROFILES[uid], title)
    check_unused_bits(image, title)
    _check_near(image, near, uid)


def _check_near(image: NativeImage, near: int, uid: str) -> None:
    limit = 0 if uid == JPEG_LS else largest_near(image.stored)
    if not 0 <= near <= limit:
        hint = (
            f"for a Bits Stored (0028,0101) of {image.stored}"
            if limit
            else 'for a larger error choose "jpegls-near"'
        )
        raise UnsupportedError(f"NEAR is {near}, {title_of(uid)} takes 0 to {limit}; {hint}")
    if image.signed and near:
        _check_signed_range(image, near)


def _check_signed_range(image: NativeImage, near: int) -> None:
    """Refuse signed values so near the limits that an error could wrap them around."""
    half = 1 << (image.stored - 1)
    lowest, highest = near - half, half - 1 - near
    for number in range(image.frames):
        values = image.values(number)
        for extreme in (int(values.min()), int(values.max())):
            if not lowest <= extreme <= highest:
                raise UnsupportedError(
                    f"frame {number} holds {extreme}, near-lossless JPEG-LS of signed samples "
                    f"(Pixel Representation (0028,0103) is 1, Bits Stored (0028,0101) is "
                    f"{image.stored}) with NEAR {near} takes {lowest} to {highest}: beyond, an "
                    "error could turn the largest value into the smallest; clip or rescale the "
                    "samples, choose a smaller NEAR, or choose lossless",
                    frame=number,
                )


def encode_frames(image: NativeImage, near: int = 0, uid: str | None = None) -> Iterator[bytes]:
    """Encode the frames as JPEG-LS codestreams, colour by pixel.

    Raises
    ------
    UnsupportedError
        The image is refused (see `check`), or pyjpegls is not installed.
    """
    uid = uid or (JPEG_LS_NEAR if near else JPEG_LS)
    check(image, near, uid)
    # CharLS takes unsigned words without any bit above its precision.
    mask = np.array((1 << image.stored) - 1, image.words.dtype)
    frames = (image.words[number] & mask for number in range(image.frames))
    options = {"jls_error": near} if near else {}
    return run_encoder(uid, image, frames, image.photometric, **options)
