# SPDX-License-Identifier: MIT
"""nvImageCodec as a decoding plugin of pydicom.

Frames that the decoder cannot decode exactly go to the plugins behind this one, in the
user's order. pydicom would do the same, but log a traceback for every frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import uid
from pydicom.pixels.common import PhotometricInterpretation as Photometric
from pydicom.pixels.processing import convert_color_space

from ..dicom.internals import plugins_of_call, stop_colour_checks
from ..errors import CorruptDataError, UnsupportedError
from .codestream import Codestream, read_codestream
from .decoder import NvimgcodecDecoder, to_numpy

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

LABEL = "nvimgcodec"
SYNTAXES = (
    uid.JPEGBaseline8Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
DECODER_DEPENDENCIES = dict.fromkeys(SYNTAXES, ("nvidia-nvimgcodec-cu13",))

_CODINGS = {
    uid.JPEGBaseline8Bit: ("jpeg",),
    uid.JPEGLossless: ("jpeg-lossless",),
    uid.JPEGLosslessSV1: ("jpeg-lossless",),
    uid.JPEG2000Lossless: ("jpeg2000",),
    uid.JPEG2000: ("jpeg2000",),
    uid.HTJ2KLossless: ("htj2k",),
    uid.HTJ2KLosslessRPCL: ("htj2k",),
    uid.HTJ2K: ("htj2k",),
}

_GIVES_RGB = "mic_gives_rgb"  # option of a runner: its frames are already RGB

_decoder: NvimgcodecDecoder | None = None


def use_decoder(decoder: NvimgcodecDecoder | None) -> None:
    """Use this decoder for all frames from now on; None for no decoder."""
    global _decoder
    _decoder = decoder


def is_available(syntax: str) -> bool:
    """Tell pydicom whether frames of this syntax can be decoded now."""
    return _decoder is not None and syntax in SYNTAXES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes | bytearray:
    """Decode one frame for pydicom: samples in row order, colour by pixel."""
    try:
        return _decode(src, runner)
    except (UnsupportedError, CorruptDataError) as reason:
        return _decode_by_others(src, runner, reason)


def choose_colour(codestream: Codestream, photometric: str, as_rgb: bool) -> str:
    """Choose the colour request that yields what pydicom's own decoders give.

    Those return the components of a JPEG as they are stored and convert afterwards.
    The decoder converts only if the chroma is subsampled and RGB is wanted, because
    most of the time goes there.

    Raises
    ------
    UnsupportedError
        The decoder cannot return these components.
    """
    if codestream.coding == "jpeg" and codestream.luma_chroma:
        if not codestream.subsampled:
            return "luma-chroma"
        if as_rgb and photometric in (Photometric.YBR_FULL, Photometric.YBR_FULL_422):
            return "rgb"
        raise UnsupportedError("subsampled YCbCr is not given as it is stored")
    if codestream.subsampled or (codestream.coding == "jpeg-lossless" and codestream.luma_chroma):
        raise UnsupportedError("the components would be converted or resampled")
    return "stored"


def check_description(
    codestream: Codestream, syntax: str, rows: int, columns: int, samples: int
) -> None:
    """Compare a frame's own header with what the data set says about it.

    Raises
    ------
    UnsupportedError
        They differ: pydicom's decoders then handle the frame in their own way.
    """
    if codestream.coding not in _CODINGS[uid.UID(syntax)]:
        raise UnsupportedError(
            f"the frame is {codestream.coding}, {uid.UID(syntax).name} is announced"
        )
    found = (codestream.rows, codestream.columns, codestream.samples)
    if found != (rows, columns, samples):
        raise UnsupportedError(
            f"the frame has (rows, columns, samples) {found}, the data set says "
            f"{(rows, columns, samples)}"
        )


def _decode(src: bytes, runner: DecodeRunner) -> bytes:
    if _decoder is None:
        raise UnsupportedError("mic.gpu is not registered; call mic.gpu.register()")
    codestream = read_codestream(src)
    check_description(
        codestream, runner.transfer_syntax, runner.rows, runner.columns, runner.samples_per_pixel
    )
    if not _decoder.takes(codestream):
        raise UnsupportedError(f"this decoder does not take {codestream}")
    if codestream.luma_chroma and runner.get_option(_GIVES_RGB, False):
        colour = "rgb"
    else:
        as_rgb = bool(runner.get_option("as_rgb", False))
        colour = choose_colour(codestream, runner.photometric_interpretation, as_rgb)
    image = _decoder.decode([src], colour)[0]
    if image is None:
        raise CorruptDataError("nvImageCodec could not decode the frame")
    samples = to_numpy(image)
    expected = (codestream.rows, codestream.columns, codestream.samples)
    if samples.shape != expected[: samples.ndim] or samples.dtype.itemsize > 2:
        raise UnsupportedError(f"nvImageCodec gave {samples.shape} {samples.dtype}")
    _describe(runner, codestream, colour, samples.dtype)
    return np.ascontiguousarray(samples).tobytes()


def _describe(
    runner: DecodeRunner, codestream: Codestream, colour: str, dtype: np.dtype[Any]
) -> None:
    """Tell pydicom how the decoded frame differs from the description in the data set."""
    if codestream.coding in ("jpeg2000", "htj2k"):
        # As in pydicom's own plugins, the codestream determines the sample width.
        runner.set_option("bits_allocated", 8 * dtype.itemsize)
        if runner.photometric_interpretation in (Photometric.YBR_ICT, Photometric.YBR_RCT):
            runner.set_option("photometric_interpretation", Photometric.RGB)
    elif 8 * dtype.itemsize != runner.bits_allocated:
        raise UnsupportedError(
            f"the frame has {8 * dtype.itemsize}-bit samples, Bits Allocated is "
            f"{runner.bits_allocated}"
        )
    if colour == "rgb":
        _announce_rgb(runner)
    if codestream.samples > 1:
        runner.set_option("planar_configuration", 0)


def _announce_rgb(runner: DecodeRunner) -> None:
    """Tell pydicom that all frames of this call are RGB, from the first such frame on."""
    runner.set_option("photometric_interpretation", Photometric.RGB)
    if not runner.get_option(_GIVES_RGB, False):
        runner.set_option(_GIVES_RGB, True)
        stop_colour_checks(runner)


def _decode_by_others(src: bytes, runner: DecodeRunner, reason: Exception) -> bytes | bytearray:
    frame = _first_success(src, runner, reason)
    if not runner.get_option(_GIVES_RGB, False):
        return frame
    stored = np.frombuffer(frame, np.uint8).reshape(runner.rows, runner.columns, 3)
    rgb = convert_color_space(stored, Photometric.YBR_FULL, Photometric.RGB)
    return bytearray(np.ascontiguousarray(rgb))


def _first_success(src: bytes, runner: DecodeRunner, reason: Exception) -> bytes | bytearray:
    failures = [f"{LABEL}: {reason}"]
    for label, decode in plugins_of_call(runner).items():
        if decode is decode_frame:
            continue
        try:
            frame: bytes | bytearray = decode(src, runner)
            return frame
        except Exception as error:  # as in pydicom: a plugin may raise anything
            failures.append(f"{label}: {error}")
    raise RuntimeError("; ".join(failures)) from reason
