# SPDX-License-Identifier: MIT
"""MIC Lossless as one of pydicom's own transfer syntaxes.

`register` adds it and `unregister` removes it again.  pydicom has no public interface
for that; access to its private names is in `internals`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.hooks import hooks
from pydicom.pixels.decoders import base as decoders
from pydicom.pixels.encoders import base as encoders
from pydicom.uid import PrivateTransferSyntaxes, register_transfer_syntax

from ..api import MAX_PIXELS
from ..api import decode as decode_stream
from ..api import encode as encode_array
from ..codec.arrays import check_limit, thread_count
from ..errors import MicError, UnsupportedError, VerifyError
from .internals import WHOLE_ARRAY, WholeArrayDecoder, coder_tables
from .pixels import (
    SUBSAMPLED,
    MICLossless,
    PixelDescription,
    attribute,
    is_subsampled,
    native_frames,
    upsampled,
)
from .source import MicSource, decode_parsed, name_of, parse_frame
from .syntaxes import BIG_ENDIAN

LABEL = "mic"  # pydicom lower-cases the names of plugins
DECODER_DEPENDENCIES = {MICLossless: ("mic-codec",)}
ENCODER_DEPENDENCIES = {MICLossless: ("mic-codec",)}
_SINCE = "3.0"
_TRANSFER_SYNTAX_TAG = 0x00020010
_WAS_SUBSAMPLED = "mic_subsampled"  # an option of ours in a runner


def is_available(uid: str) -> bool:
    """Return whether this plugin codes the transfer syntax (pydicom's plugin interface)."""
    return uid == MICLossless


def decode(src: bytes, runner: decoders.DecodeRunner) -> bytearray:
    """Decode one frame (pydicom's plugin interface).

    Parameters
    ----------
    src : bytes
        The fragment of the frame.
    runner : pydicom.pixels.decoders.base.DecodeRunner

    Returns
    -------
    bytearray
        The samples, little-endian, colour by pixel, as wide as Bits Allocated.

    Raises
    ------
    CorruptDataError
        The fragment is damaged, or contradicts the attributes.
    """
    description = PixelDescription.from_options(runner.options, "the data set")
    if runner.get_option(_WAS_SUBSAMPLED):
        description = replace(description, photometric_interpretation=SUBSAMPLED)
    frame = parse_frame(src, description, "the fragment")
    decoded = bytearray(description.frame_bytes)
    out = np.frombuffer(decoded, description.dtype).reshape(1, *description.frame_shape)
    if is_subsampled(frame.shape, description):
        coded = np.empty((1, *frame.shape), description.dtype)
        decode_parsed([frame], coded, [0], "the fragment")
        out[...] = upsampled(coded)
    else:
        decode_parsed([frame], out, [0], "the fragment")
    _describe_decoded(runner, is_subsampled(frame.shape, description))
    if not np.little_endian:
        out.byteswap(inplace=True)
    return decoded


def _describe_decoded(runner: decoders.DecodeRunner, was_subsampled: bool) -> None:
    """Tell pydicom how decoded frames differ from the attributes of the data set."""
    if was_subsampled:
        runner.set_option(_WAS_SUBSAMPLED, True)
        _set_option(runner, "photometric_interpretation", "YBR_FULL")
    if runner.samples_per_pixel > 1:
        _set_option(runner, "planar_configuration", 0)


def _set_option(runner: decoders.DecodeRunner, name: str, value: Any) -> None:
    """Tell pydicom about the decoded frame; from 3.1 on this is set for each frame."""
    if hasattr(runner, "set_frame_option"):
        runner.set_frame_option(runner.index, name, value)  # type: ignore[attr-defined]
    else:
        runner.set_option(name, value)


def encode(src: bytes, runner: encoders.EncodeRunner) -> bytes:
    """Encode one frame (pydicom's plugin interface).

    The options ``effort`` and ``threads`` are those of `mic.encode`; with
    ``verify=False`` the stream is not decoded and compared.

    Parameters
    ----------
    src : bytes
        The samples: one byte each for up to 8 bits stored, otherwise two.
    runner : pydicom.pixels.encoders.base.EncodeRunner

    Returns
    -------
    bytes
        A native stream of one frame.

    Raises
    ------
    UnsupportedError
        An attribute or an option has a value that mic does not code.
    VerifyError
        The stream decoded to different samples.
    """
    name = "the data set"
    described = PixelDescription.from_options(runner.options, name).check_codable(name)
    by_plane = described.planar_configuration == 1 and not runner.is_array
    frame = replace(
        described,
        bits_allocated=8 if described.bits_stored <= 8 else 16,
        planar_configuration=int(by_plane),
        number_of_frames=1,
    )
    samples = np.ascontiguousarray(native_frames(src, frame, "the data set")[0])
    threads = runner.get_option("threads", 1)
    effort = runner.get_option("effort", 5)
    stream = bytes(encode_array(samples, effort=effort, threads=threads, rgb=samples.ndim == 3))
    if runner.get_option("verify", True) and not np.array_equal(
        decode_stream(stream, threads=threads, max_pixels=samples.size), samples
    ):
        raise VerifyError("the frame came back different; please report this with the file")
    return stream


class MicDecoder(WholeArrayDecoder):
    """pydicom's decoder, with errors that name the frame."""

    def as_array(self, src: Any, *, index: int | None = None, **kwargs: Any) -> Any:
        with _explained(src, None if index is None else [index], kwargs) as source:
            if source is not None and self.available_plugins == (LABEL,):
                kwargs = {**kwargs, WHOLE_ARRAY: partial(_decode_array, source)}
            return super().as_array(src, index=index, **kwargs)

    def as_buffer(self, src: Any, *, index: int | None = None, **kwargs: Any) -> Any:
        with _explained(src, None if index is None else [index], kwargs):
            return super().as_buffer(src, index=index, **kwargs)

    def iter_array(self, src: Any, *, indices: Any = None, **kwargs: Any) -> Iterator[Any]:
        indices = list(indices or [])
        with _explained(src, indices or None, kwargs):
            yield from super().iter_array(src, indices=indices, **kwargs)

    def iter_buffer(self, src: Any, *, indices: Any = None, **kwargs: Any) -> Iterator[Any]:
        indices = list(indices or [])
        with _explained(src, indices or None, kwargs):
            yield from super().iter_buffer(src, indices=indices, **kwargs)


def _decode_array(
    source: MicSource, runner: decoders.DecodeRunner, index: int | None
) -> NDArray[np.generic]:
    """Decode one frame, or all of them, straight into the array that pydicom returns.

    The plugin interface would put each frame into a buffer of its own and copy it from
    there, which takes a tenth of ``dcmread(path).pixel_array``.  Here the option
    ``threads`` also has an effect.
    """
    description = source.description
    frames = range(description.number_of_frames) if index is None else [index]
    out = np.empty((len(frames), *description.frame_shape), runner.pixel_dtype)
    threads = thread_count(runner.get_option("threads", 1))
    parsed = source.decode_into(frames, out, threads, correct_unused_bits=False)
    _describe_decoded(runner, is_subsampled(parsed[0].shape, description))
    return out.reshape(-1)


@contextmanager
def _explained(
    src: Any, frames: list[int] | None, options: dict[str, Any]
) -> Iterator[MicSource | None]:
    """Check the frame index before pydicom uses it, and name the frame that fails.

    pydicom itself would return more frames than Number of Frames says.  It reports a
    failure in the plugin's words, and the plugin sees only one fragment.

    Yields
    ------
    MicSource or None
        None if pydicom should report the error: missing attributes, or frames that do
        not exist.
    """
    position = src.tell() if hasattr(src, "tell") else None
    try:
        source = MicSource.of_coder(src, options)
    except UnsupportedError:
        yield None
        return
    check_limit(source.description.frame_shape, MAX_PIXELS)
    n_frames = source.description.number_of_frames
    wanted = range(n_frames) if frames is None else [i for i in frames if 0 <= i < n_frames]
    for frame in wanted:
        source.index.locate(frame)
    if position is not None:
        src.seek(position)
    try:
        yield source if frames is None or len(wanted) == len(frames) else None
    except MicError:
        raise
    except Exception:
        source.check(wanted)
        raise


class MicEncoder(encoders.Encoder):
    """pydicom's encoder; refuses what pydicom would pass on changed."""

    def encode(self, src: Any, **kwargs: Any) -> bytes:
        _check_source(src, kwargs)
        return super().encode(src, **kwargs)

    def iter_encode(self, src: Any, **kwargs: Any) -> Iterator[bytes]:
        _check_source(src, kwargs)
        return super().iter_encode(src, **kwargs)


def _check_source(src: Any, options: dict[str, Any]) -> None:
    if not isinstance(src, Dataset):
        name = "the data set"
        PixelDescription.from_options(options, name).check_codable(name)
        return
    name = name_of(src)
    description = PixelDescription.codable(src, name)
    syntax = src.file_meta.TransferSyntaxUID
    remedy = "mic.dicom.compress(ds) keeps every bit"
    if syntax == BIG_ENDIAN:
        raise UnsupportedError(
            f"{name}: the Transfer Syntax UID (0002,0010) is {syntax.name}, a little-endian one "
            f"is expected because pydicom does not swap the bytes; {remedy}"
        )
    if description.may_be_subsampled:
        raise UnsupportedError(
            f"{name}: {attribute('photometric_interpretation')} is {SUBSAMPLED}, which pydicom "
            f"does not compress; {remedy}"
        )
    if description.bits_allocated == 16 and description.bits_stored <= 8:
        words = native_frames(src.PixelData, description, name, drop_excess=True)
        if not np.array_equal(words, words.astype(f"{words.dtype.kind}1")):
            raise UnsupportedError(
                f"{name}: {attribute('bits_stored')} is {description.bits_stored}, but upper bytes "
                f"are in use, which pydicom would drop; {remedy}"
            )


# ---- registration ------------------------------------------------------------


@dataclass
class _ValueHook:
    """Marks the UID in data sets that pydicom reads, while it is active."""

    previous: Callable[..., None]
    is_active: bool = True

    def __call__(self, raw: Any, data: dict[str, Any], **kwargs: Any) -> None:
        self.previous(raw, data, **kwargs)
        if raw.tag == _TRANSFER_SYNTAX_TAG and self.is_active and data.get("value") == MICLossless:
            data["value"] = MICLossless


_lock = threading.Lock()
_hook: _ValueHook | None = None


def register() -> None:
    """Make MIC Lossless a transfer syntax of pydicom, in this process.

    From then on ``dcmread``, ``ds.pixel_array``, ``pydicom.pixels.pixel_array``,
    ``iter_pixels``, ``ds.compress(mic.MICLossless)``, ``ds.decompress`` and ``save_as``
    know it.  It may be called any number of times; `unregister` undoes everything.
    Spawned processes must call it themselves.

    Raises
    ------
    UnsupportedError
        This version of pydicom is built differently; `mic.dicom` works without
        registration.
    """
    global _hook
    decoder_table, encoder_table = coder_tables()
    with _lock:
        if MICLossless not in decoder_table:
            decoder = MicDecoder(MICLossless)
            decoder.add_plugin(LABEL, (__name__, "decode"))
            decoder_table[MICLossless] = (decoder, _SINCE)
        if MICLossless not in encoder_table:
            encoder = MicEncoder(MICLossless)
            encoder.add_plugin(LABEL, (__name__, "encode"))
            encoder_table[MICLossless] = (encoder, _SINCE)
        if MICLossless not in PrivateTransferSyntaxes:
            register_transfer_syntax(MICLossless)
        if hooks.raw_element_value is not _hook:  # never registered, or replaced since
            _deactivate_hook()
            _hook = _ValueHook(hooks.raw_element_value)
            hooks.register_callback("raw_element_value", _hook)


def unregister() -> None:
    """Undo everything that `register` did; may be called any number of times."""
    with _lock, suppress(UnsupportedError):
        for table in coder_tables():
            table.pop(MICLossless, None)
        if MICLossless in PrivateTransferSyntaxes:
            PrivateTransferSyntaxes.remove(MICLossless)
        _deactivate_hook()


def is_registered() -> bool:
    """Return whether pydicom decodes and encodes MIC Lossless in this process.

    Returns
    -------
    bool
    """
    try:
        return all(MICLossless in table for table in coder_tables())
    except UnsupportedError:
        return False


def marks_files() -> bool:
    """Return whether the UID is marked in data sets that pydicom reads.

    It is not if other code has replaced the function at pydicom's hook since
    `register`.  Then data sets decode, but ``pixel_array(path)`` and
    ``ds.decompress()`` do not until `register` is called again.
    """
    return _hook is not None and hooks.raw_element_value is _hook


def _deactivate_hook() -> None:
    global _hook
    if _hook is None:
        return
    _hook.is_active = False  # if other code has chained to it, this is all that can be done
    if hooks.raw_element_value is _hook:
        hooks.register_callback("raw_element_value", _hook.previous)
    _hook = None
