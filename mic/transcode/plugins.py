# SPDX-License-Identifier: MIT
"""pydicom's decoders and encoders, with one kind of error whatever their plugins raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..dicom.failures import EXTRA, find_decoder
from ..dicom.syntaxes import title_of
from ..errors import CorruptDataError, MicError, UnsupportedError, one_sentence
from .image import NativeImage, Words

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# A plugin may raise anything else: a panic in Rust is not an Exception.
_NOT_OF_PLUGINS = (MicError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit)


def decoded_arrays(part: Dataset, uid: str, as_rgb: bool) -> Iterator[tuple[Words, dict[str, Any]]]:
    """Yield the frames as pydicom decodes them, colour by pixel, with their properties.

    Unused bits are as the decoder leaves them.

    Raises
    ------
    UnsupportedError
        No decoder is installed; the message says which ones would work.
    CorruptDataError
        No decoder can decode the frames.
    """
    decoder = find_decoder(uid)
    # Without the correction, values that do not fit into Bits Stored are seen and not cut.
    options: dict[str, Any] = {"raw": not as_rgb, "correct_unused_bits": False}
    try:
        yield from decoder.iter_array(part, **options)
    except _NOT_OF_PLUGINS:
        raise
    except BaseException as error:  # pydicom and its plugins may raise anything
        raise CorruptDataError(f"{title_of(uid)} cannot be decoded: {_lines([error])}") from error


def run_encoder(
    uid: str, image: NativeImage, frames: Iterable[Words], photometric: str, **options: Any
) -> Iterator[bytes]:
    """Encode frames with pydicom's encoder for a transfer syntax.

    Raises
    ------
    UnsupportedError
        No encoder is installed (the message says which would work), or it refuses the
        image.
    """
    from pydicom.pixels.encoders.base import get_encoder
    from pydicom.uid import UID

    encoder = get_encoder(UID(uid))
    title = title_of(uid)
    if not encoder.is_available:
        raise UnsupportedError(
            f"no encoder for {title} is installed ({_lines(encoder.missing_dependencies)}); {EXTRA}"
        )
    described: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "number_of_frames": 1,
        "samples_per_pixel": image.samples,
        "bits_allocated": image.allocated,
        "bits_stored": image.stored,
        "pixel_representation": int(image.signed),
        "photometric_interpretation": photometric,
        "planar_configuration": 0,
    }
    for frame in frames:
        try:
            yield bytes(encoder.encode(frame.tobytes(), **(described | options)))
        except _NOT_OF_PLUGINS:
            raise
        except BaseException as error:  # pydicom and its plugins may raise anything
            raise UnsupportedError(f"{title} cannot be encoded: {_lines([error])}") from error


def _lines(texts: Iterable[Any]) -> str:
    """Join foreign messages, which may have several lines, into one line."""
    lines = [
        one_sentence(text) if isinstance(text, BaseException) else " ".join(str(text).split())
        for text in texts
    ]
    return " ".join(line for line in lines if line)[:300]
