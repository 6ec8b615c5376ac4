# SPDX-License-Identifier: MIT
"""Operations on data sets: compress, decompress, decode_frames, mark."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels.utils import decompress as pydicom_decompress
from pydicom.uid import UID, ExplicitVRLittleEndian

from ..api import DEFAULT_CODEC, MAX_PIXELS, decode, encode
from ..arguments import shown
from ..codec.arrays import check_limit, check_out, thread_count
from ..codec.selection import FrameSelection, select_frames
from ..errors import UnsupportedError, VerifyError, located
from .ambiguous import settle_vrs
from .attributes import IMAGE_KEYWORDS
from .decoding import decode_into, describe
from .endian import has_word_pixels, swap_words, to_little_endian
from .failures import find_decoder, reading
from .internals import forget_pixel_array
from .offsets import needs_extended_table
from .pixels import (
    MICLossless,
    PixelDescription,
    attribute,
    clear_unused_bits,
    is_subsampled,
    native_bytes,
    native_frames,
    upsampled,
)
from .reading import read_image
from .source import (
    MicSource,
    check_dataset,
    name_of,
    pixel_buffer,
    transfer_syntax,
)
from .syntaxes import BIG_ENDIAN, KEEPING_WORDS, NATIVE
from .words import words_of_decoded

_Markable = TypeVar("_Markable")

_IMAGE_GROUP, _PIXEL_GROUP = 0x0028, 0x7FE0


def compress(
    ds: Dataset,
    arr: NDArray[Any] | None = None,
    *,
    effort: int = 5,
    threads: int = 1,
    verify: bool = True,
    codec: str = DEFAULT_CODEC,
    drop_excess: bool = False,
    encapsulate_ext: bool = False,
) -> None:
    """Compress the native pixel data of a data set in place.

    Only Pixel Data, the Transfer Syntax UID and the Extended Offset Table change; other
    attributes and the SOP Instance UID stay.  A big-endian data set becomes
    little-endian in all its elements.

    Parameters
    ----------
    ds : pydicom.Dataset
        With native pixel data of 8 or 16 bits allocated, 1 or 3 samples per pixel, in
        any native transfer syntax.
    arr : ndarray, (rows, columns) or (frames, rows, columns), optional (..., 3)
        Compress these samples instead of the data set's pixel data.  Shape and values
        must match the attributes.
    effort : int, 1 to 9
        More takes longer and gives smaller files; see `mic.encode`.
    threads : int
        Number of threads; 0 for all CPUs that this process may use.
    verify : bool
        Decode every frame and compare all its bits before the data set changes.
    codec : {"wavefront", "fse", "huffman"}
        See `mic.encode`.
    drop_excess : bool
        Ignore bytes after the last frame instead of refusing them.
    encapsulate_ext : bool
        Write an Extended Offset Table even if no offset needs it.

    Raises
    ------
    UnsupportedError
        The data set is compressed, or an attribute has a value that mic does not code;
        the message names it.
    CorruptDataError
        There are fewer bytes than the attributes say.
    VerifyError
        A frame decoded to different bits; the data set is unchanged.
    """
    check_dataset(ds)
    name = name_of(ds)
    description = PixelDescription.codable(ds, name)
    if arr is None:
        frames = _native_samples(ds, description, name, drop_excess)
    else:
        frames = _array_samples(arr, description, name)
    streams = _encode_frames(frames, effort, thread_count(threads), codec, verify, name)
    to_little_endian(ds)
    settle_vrs(ds)
    if encapsulate_ext or needs_extended_table([len(stream) for stream in streams]):
        data, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(streams)
    else:
        data = encapsulate(streams)
        _delete_extended_table(ds)
    _set_pixel_data(ds, data, MICLossless, "OB", is_undefined_length=True)


def decompress(
    ds: Dataset, exact: bool = True, threads: int = 1, max_pixels: int = MAX_PIXELS
) -> None:
    """Decompress a data set to Explicit VR Little Endian in place.

    Parameters
    ----------
    ds : pydicom.Dataset
        In MIC Lossless, or in any compressed syntax that pydicom decodes.
    exact : bool
        Restore the exact bytes of the native little-endian pixel data, including bits
        above Bits Stored, planar configuration and subsampled chroma.  If False, write
        what ``ds.decompress(as_rgb=False)`` of pydicom writes: unused bits cleared or
        filled with the sign, colour by pixel, all chroma samples.
    threads : int
        Number of threads for MIC Lossless; 0 for all CPUs that this process may use.
    max_pixels : int
        Maximum number of samples to decode.

    Raises
    ------
    UnsupportedError
        The data set is not compressed.
    CorruptDataError
        The pixel data are damaged, or contradict the attributes.
    LimitError
        There are more than `max_pixels` samples.
    """
    check_dataset(ds)
    syntax = transfer_syntax(ds)
    if syntax != MICLossless:
        _decompress_by_pydicom(ds, syntax, exact)
        return
    describe(read_image(ds))
    source = MicSource.of_dataset(ds)
    description = source.description
    check_limit((description.number_of_frames, *description.frame_shape), max_pixels)
    samples = source.coded_samples(range(description.number_of_frames), thread_count(threads))
    data = native_bytes(samples, description) if exact else _standardize(ds, samples, description)
    _delete_extended_table(ds)
    vr = "OB" if description.bits_allocated == 8 else "OW"
    _set_pixel_data(ds, data, ExplicitVRLittleEndian, vr, is_undefined_length=False)


def decode_frames(
    src: str | os.PathLike[str] | bytes | BinaryIO | Dataset,
    indices: FrameSelection = None,
    threads: int = 1,
    out: NDArray[Any] | None = None,
    *,
    correct_unused_bits: bool = True,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[Any]:
    """Decode frames of a data set on several threads.

    From a file in MIC Lossless, only the attributes and the bytes of the requested
    frames are read.  Other syntaxes are decoded by pydicom, on one thread.

    Parameters
    ----------
    src : path-like, bytes-like, binary file object or pydicom.Dataset
        An image in MIC Lossless (registered or not) or in any syntax that pydicom
        decodes.
    indices : int, slice or sequence of int, optional
        Frames to decode, in this order.  Default: all.
    threads : int
        Number of threads; 0 for all CPUs that this process may use.
    out : ndarray, optional
        Where to put the samples: same shape and dtype as the result, any strides.
    correct_unused_bits : bool
        Give the samples: the bits from High Bit down, of which there are Bits Stored,
        with their sign.  If False, every bit is as it was in the native pixel data.
    max_pixels : int
        Maximum number of samples to decode.

    Returns
    -------
    ndarray, (frames, rows, columns[, 3]), or one image for an int
        The stored samples: not rescaled, not converted to RGB, native byte order.
        Subsampled chroma is upsampled (YBR_FULL).

    Raises
    ------
    CorruptDataError
        The pixel data are damaged, or contradict the attributes; `.frame` gives the
        frame.
    LimitError
        There are more than `max_pixels` samples.
    UnsupportedError
        The data set lacks a requested frame, or `out` does not fit.
    """
    is_one = isinstance(indices, (int, np.integer))
    image = read_image(src, IMAGE_KEYWORDS)
    description = describe(image)
    if indices is None:
        check_limit((description.number_of_frames, *description.frame_shape), max_pixels)
    selected = select_frames(indices, description.number_of_frames)
    shape = (len(selected), *description.frame_shape)
    check_limit(shape, max_pixels)
    if out is None:
        frames = np.empty(shape, description.dtype)
    else:
        check_out(out, shape[1:] if is_one else shape, description.dtype)
        frames = out[np.newaxis] if is_one else out
    if selected:
        decode_into(image, selected, frames, thread_count(threads), correct_unused_bits)
    if out is not None:
        return out
    return frames[0] if is_one else frames


def mark(item: _Markable) -> _Markable | UID:
    """Tell pydicom how data sets in MIC Lossless are encoded, where it cannot know.

    pydicom stores that on each UID object, and only objects that it created itself
    after `mic.register` have it.  Marking needs no registration.

    Parameters
    ----------
    item : pynetdicom Association, pydicom.Dataset, UID or str
        For an association, all its accepted contexts are marked: call it on the sending
        side after ``ae.associate``, on the receiving side in a handler of
        ``evt.EVT_ACCEPTED``.  For a data set or file meta information, its Transfer
        Syntax UID is marked.

    Returns
    -------
    object
        `item` itself; for a str, the marked UID.

    Raises
    ------
    UnsupportedError
        `item` is something else.
    """
    if hasattr(item, "accepted_contexts"):
        for context in item.accepted_contexts:
            for syntax in context.transfer_syntax:
                _mark_uid(syntax)
    elif isinstance(item, Dataset):
        meta = item if isinstance(item, FileMetaDataset) else getattr(item, "file_meta", None)
        if meta is not None and meta.get("TransferSyntaxUID") == MICLossless:
            meta.TransferSyntaxUID = MICLossless
    elif isinstance(item, UID):
        _mark_uid(item)
    elif item == MICLossless:
        return MICLossless
    else:
        raise UnsupportedError(
            f"{item!r} cannot be marked; an association, a data set, file meta information or "
            f"the UID {MICLossless} is expected"
        )
    return item


def _mark_uid(uid: UID) -> None:
    if uid == MICLossless:
        uid.set_private_encoding(implicit_vr=False, little_endian=True)


def _native_samples(
    ds: Dataset, description: PixelDescription, name: str, drop_excess: bool
) -> NDArray[Any]:
    syntax = transfer_syntax(ds)
    if syntax == MICLossless:
        raise UnsupportedError(f"{name} is in MIC Lossless already; there is nothing to compress")
    if syntax not in NATIVE:
        with located(name):
            find_decoder(syntax)
        raise UnsupportedError(
            f"{name} is compressed ({syntax.name}), native pixel data are expected; call "
            "mic.dicom.decompress(ds) first, or mic.transcode.transcode_file for files"
        )
    data = pixel_buffer(ds, name)
    describe(read_image(ds))
    if syntax == BIG_ENDIAN and has_word_pixels(ds):
        data = swap_words(data)
    return native_frames(data, description, name, drop_excess)


def _array_samples(arr: NDArray[Any], description: PixelDescription, name: str) -> NDArray[Any]:
    shape = description.frame_shape
    n_frames = description.number_of_frames
    expected = shape if n_frames == 1 else (n_frames, *shape)
    if not isinstance(arr, np.ndarray):
        raise UnsupportedError(
            f"arr is {shown(arr)}, a numpy array of shape {expected} is expected"
        )
    if arr.shape != expected and arr.shape != (n_frames, *shape):
        raise UnsupportedError(
            f"{name}: arr has shape {arr.shape}, {expected} is expected from its attributes; "
            "correct Rows, Columns, Samples per Pixel or Number of Frames"
        )
    if arr.dtype.newbyteorder("=") != description.dtype:
        raise UnsupportedError(
            f"{name}: arr has dtype {arr.dtype}, {description.dtype} is expected from "
            f"{attribute('bits_allocated')} {description.bits_allocated} and "
            f"{attribute('pixel_representation')} {description.pixel_representation}; convert it"
        )
    signed = description.pixel_representation
    top = 2 ** (description.bits_stored - signed)
    low, high = int(arr.min()), int(arr.max())
    if low < -top * signed or high >= top:
        raise UnsupportedError(
            f"{name}: arr has values from {low} to {high}, {-top * signed} to {top - 1} are "
            f"expected from {attribute('bits_stored')} {description.bits_stored}; correct one"
        )
    return arr.reshape(n_frames, *shape)


def _encode_frames(
    frames: NDArray[Any], effort: int, threads: int, codec: str, verify: bool, name: str
) -> list[bytes]:
    """Encode each frame as a stream; frames go to threads, a single frame divides its strips."""
    inner = threads if len(frames) < threads else 1
    colour = frames.ndim == 4

    def encode_one(number: int) -> bytes:
        frame = np.ascontiguousarray(frames[number])
        stream = bytes(encode(frame, codec, effort, inner, rgb=colour))
        if verify:
            _verify(stream, frame, inner, f"{name}: frame {number}")
        return stream

    if inner > 1 or threads == 1 or len(frames) == 1:
        return [encode_one(number) for number in range(len(frames))]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(encode_one, range(len(frames))))


def _verify(stream: bytes, frame: NDArray[Any], threads: int, place: str) -> None:
    decoded = decode(stream, threads=threads, max_pixels=frame.size)
    if np.array_equal(decoded, frame):
        return
    where = tuple(int(i) for i in np.argwhere(decoded != frame)[0])
    raise VerifyError(
        f"{place}: the sample at {where} is {frame[where]} and came back as {decoded[where]}; the "
        "data set is unchanged. Please report this with the file"
    )


def _standardize(ds: Dataset, samples: NDArray[Any], description: PixelDescription) -> bytes:
    """Return the bytes that pydicom would write, and set the attributes to match."""
    if is_subsampled(samples.shape[1:], description):
        samples = upsampled(samples)
        ds.PhotometricInterpretation = "YBR_FULL"
    clear_unused_bits(samples, description)
    if description.samples_per_pixel > 1:
        ds.PlanarConfiguration = 0
    data = samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()
    return data + b"\0" * (len(data) % 2)


def _decompress_by_pydicom(ds: Dataset, syntax: UID, exact: bool) -> None:
    name = name_of(ds)
    if syntax in NATIVE:
        raise UnsupportedError(
            f"{name} is not compressed ({syntax.name}); there is nothing to decompress"
        )
    with reading(name), located(name):
        find_decoder(syntax)
        describe(read_image(ds))
        part = _pixel_part(ds)
        # Without the correction, values that do not fit into Bits Stored are seen and not cut.
        options: dict[str, Any] = {"correct_unused_bits": not exact}
        pydicom_decompress(part, as_rgb=False, generate_instance_uid=False, **options)
        data = part.PixelData
        if exact and syntax not in KEEPING_WORDS:
            data = _as_words(part, syntax, name)
    _delete_extended_table(ds)
    for element in part:
        ds[element.tag] = element
    vr = "OB" if part.BitsAllocated <= 8 else "OW"
    _set_pixel_data(ds, data, ExplicitVRLittleEndian, vr, is_undefined_length=False)


def _pixel_part(ds: Dataset) -> Dataset:
    """Copy the elements of the pixels, so that `ds` stays as it is if decoding fails."""
    part = Dataset()
    part.file_meta = FileMetaDataset()
    part.file_meta.TransferSyntaxUID = ds.file_meta.TransferSyntaxUID
    for tag in tuple(ds.keys()):
        if tag.group in (_IMAGE_GROUP, _PIXEL_GROUP):
            part[tag] = copy(ds[tag])
    return part


def _as_words(part: Dataset, syntax: UID, name: str) -> bytes:
    description = PixelDescription.of(part, name)
    frames = native_frames(part.PixelData, description, name, drop_excess=True)
    words = [words_of_decoded(frame, description, syntax, name) for frame in frames]
    return native_bytes(np.stack(words), description)


def _set_pixel_data(
    ds: Dataset, data: bytes, syntax: UID, vr: str, is_undefined_length: bool
) -> None:
    ds.PixelData = data
    ds["PixelData"].VR = vr
    ds["PixelData"].is_undefined_length = is_undefined_length
    if not hasattr(ds, "file_meta"):
        ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    forget_pixel_array(ds)


def _delete_extended_table(ds: Dataset) -> None:
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in ds:
            delattr(ds, keyword)
