# SPDX-License-Identifier: MIT
"""The transfer syntaxes that mic knows: their UIDs, and what those that it writes can keep.

Needs no pydicom, so that code which only compares UIDs starts without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UnsupportedError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MIC_UID = "2.25.219156239368538134118765945298758614842"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
HTJ2K = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K_LOSSLESS = (HTJ2K, HTJ2K_RPCL)

NATIVE = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
"""Syntaxes whose pixel data are not encapsulated."""

DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"

KEEPING_WORDS = NATIVE | {RLE, MIC_UID, DEFLATED_FRAMES}
"""Syntaxes that keep every allocated bit of a word."""

JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
"""JPEG of 1992: readers, pydicom among them, cut its samples to Bits Stored."""

LOSSLESS = NATIVE | {
    MIC_UID,
    RLE,
    JPEG_LS,
    JPEG_2000,
    *HTJ2K_LOSSLESS,
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    DEFLATED_FRAMES,
}
"""Syntaxes that are always lossless."""


@dataclass(frozen=True)
class Syntax:
    """A transfer syntax that `transcode_file` writes.

    Attributes
    ----------
    name : str
        Its name for ``--to``.
    uid, keyword, title : str
        Transfer Syntax UID, pydicom's keyword for it, and its name in PS3.6.
    keeps_words : bool
        Every allocated bit is restored.  Other syntaxes keep the Bits Stored of each
        sample and its sign.
    """

    name: str
    uid: str
    keyword: str
    title: str
    keeps_words: bool

    @property
    def native(self) -> bool:
        """Whether the pixel data are not encapsulated."""
        return self.uid in NATIVE


SYNTAXES = (
    Syntax("mic", MIC_UID, "MICLossless", "MIC Lossless", True),
    Syntax("explicit", EXPLICIT, "ExplicitVRLittleEndian", "Explicit VR Little Endian", True),
    Syntax("implicit", IMPLICIT, "ImplicitVRLittleEndian", "Implicit VR Little Endian", True),
    Syntax(
        "deflated",
        DEFLATED,
        "DeflatedExplicitVRLittleEndian",
        "Deflated Explicit VR Little Endian",
        True,
    ),
    Syntax("rle", RLE, "RLELossless", "RLE Lossless", True),
    Syntax("jpegls", JPEG_LS, "JPEGLSLossless", "JPEG-LS Lossless Image Compression", False),
    Syntax(
        "jpegls-near",
        JPEG_LS_NEAR,
        "JPEGLSNearLossless",
        "JPEG-LS Lossy (Near-Lossless) Image Compression",
        False,
    ),
    Syntax(
        "jpeg2000",
        JPEG_2000,
        "JPEG2000Lossless",
        "JPEG 2000 Image Compression (Lossless Only)",
        False,
    ),
    Syntax(
        "htj2k",
        HTJ2K,
        "HTJ2KLossless",
        "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
        False,
    ),
    Syntax(
        "htj2k-rpcl",
        HTJ2K_RPCL,
        "HTJ2KLosslessRPCL",
        "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        False,
    ),
)
"""The syntaxes that `transcode_file` can write."""

NAMES = tuple(syntax.name for syntax in SYNTAXES)


def find_syntax(name: str) -> Syntax:
    """Find a syntax by its name, UID, keyword or title, in any case.

    Raises
    ------
    UnsupportedError
        mic writes no such syntax.

    Examples
    --------
    >>> find_syntax("1.2.840.10008.1.2.5").name
    'rle'
    >>> find_syntax("JPEGLSLossless").title
    'JPEG-LS Lossless Image Compression'
    """
    wanted = str(name).strip().lower()
    for syntax in SYNTAXES:
        known = (syntax.name, syntax.uid, syntax.keyword, syntax.title)
        if wanted in (text.lower() for text in known):
            return syntax
    raise UnsupportedError(
        f"{name!r} is no transfer syntax that mic writes; it writes {', '.join(NAMES)} "
        "(their UIDs, keywords and DICOM names are understood too)"
    )


def syntax_of(ds: Dataset) -> str:
    """Return the Transfer Syntax UID; without file meta information, as the data set was read.

    Raises
    ------
    UnsupportedError
        Neither gives it.
    """
    stated = getattr(ds, "file_meta", {}).get("TransferSyntaxUID")
    if stated:
        return str(stated)
    is_implicit, is_little_endian = ds.original_encoding
    if is_implicit is None:
        raise UnsupportedError(
            "the data set has no Transfer Syntax UID (0002,0010); set "
            "ds.file_meta.TransferSyntaxUID to say how its pixel data are encoded"
        )
    if is_implicit:
        return IMPLICIT
    return EXPLICIT if is_little_endian else BIG_ENDIAN


def title_of(uid: str) -> str:
    """Return the name of any transfer syntax, for messages."""
    if uid == MIC_UID:
        return "MIC Lossless"
    from pydicom.uid import UID

    return UID(uid).name
