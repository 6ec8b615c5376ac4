# SPDX-License-Identifier: MIT
"""Convert one file, from reading the source to comparing the result with it.

The pixels are decoded and encoded again in a copy of the data set, so elements that are
not touched stay the bytes that they were.
"""

from __future__ import annotations

import copy
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..arguments import choose, new_file, path_of, whole_number
from ..atomic import replacing
from ..dicom.reading import read_dataset
from ..dicom.syntaxes import (
    BIG_ENDIAN,
    DEFLATED,
    IMPLICIT,
    JPEG_LS_NEAR,
    KEEPING_WORDS,
    LOSSLESS,
    Syntax,
    find_syntax,
    syntax_of,
    title_of,
)
from ..errors import (
    CorruptDataError,
    UnsupportedError,
    VerifyError,
    first_line,
    is_expected,
    located,
)
from .attributes import LOSSY_CHANGES, differences, is_not_written, mark_lossy
from .comparison import compare_frames as compare_frames
from .comparison import compare_images
from .image import NativeImage, image_of, sha256_of, value_frames
from .pixels import PIXEL_KEYWORDS, describe, encode, pixel_part, to_native
from .report import digest_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class Record:
    """The result of `transcode_file`.

    Attributes
    ----------
    source, target : str
        Paths.
    source_syntax, syntax : str
        Transfer Syntax UIDs.
    frames : int
        Number of frames.
    decoded_bytes, encoded_bytes : int
        Size of the uncompressed pixels, and of the new Pixel Data.  In the deflated
        syntax, where Pixel Data has no size of its own, the size of the new file.
    ratio : float
        `decoded_bytes` divided by `encoded_bytes`.
    source_bytes, target_bytes : int
        Sizes of the files.
    sha256 : str
        Digest of the decoded pixels of the new file; see `mic.transcode.sha256_of`.
    target_sha256 : str
        Digest of the new file.
    near, max_error : int
        Largest error that was allowed, and that was found.
    verified : bool
        The new file was decoded and compared with the source.
    seconds : float
        Duration.
    """

    source: str
    target: str
    source_syntax: str
    syntax: str
    frames: int
    decoded_bytes: int
    encoded_bytes: int
    ratio: float
    source_bytes: int
    target_bytes: int
    sha256: str
    target_sha256: str
    near: int
    max_error: int
    verified: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return all fields in types that JSON supports.

        Returns
        -------
        dict
        """
        return asdict(self)


@dataclass(frozen=True)
class _Conversion:
    """Pixels in conversion: the input, and how far the output may differ from it."""

    native: bytes
    image: NativeImage | None
    photometric: str
    near: int
    frames: int

    def sha256(self) -> str:
        if self.image is None:
            return hashlib.sha256(self.native).hexdigest()
        return sha256_of(value_frames(self.image))


def transcode_file(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    to: str = "mic",
    *,
    near: int = 0,
    effort: int = 5,
    verify: bool = True,
) -> Record:
    """Write a DICOM file in another transfer syntax.

    Parameters
    ----------
    src : path-like
        A DICOM file in any syntax that pydicom (with the plugins of the extra "dicom")
        or mic decodes.
    dst : path-like
        The new file, replaced if it exists; its folder must exist.  It appears complete
        and verified, or not at all.
    to : str
        ``"mic"``, ``"explicit"``, ``"implicit"``, ``"deflated"``, ``"rle"``,
        ``"jpegls"``, ``"jpegls-near"``, ``"jpeg2000"``, ``"htj2k"``, ``"htj2k-rpcl"``,
        or a UID, keyword or DICOM name.
    near : int
        For ``"jpegls-near"``: largest error of a sample value.
    effort : int
        For ``"mic"``: 1 to 9; more takes longer and gives smaller files.
    verify : bool
        Decode the new file, and compare each frame and each attribute with the source
        before the new file gets its name.

    Returns
    -------
    Record

    Raises
    ------
    UnsupportedError
        The syntax may not hold these pixels, or a decoder or encoder is missing.
    CorruptDataError
        The source is damaged.
    VerifyError
        The new file differs from the source; there is no new file.
    OSError
        A file cannot be read or written.

    Notes
    -----
    Everything except the pixel data and the transfer syntax stays.  The only further
    changes are those that the standard requires: YCbCr of a lossy source becomes RGB,
    Planar Configuration becomes 0 in JPEG-LS, JPEG 2000 and HTJ2K, RGB becomes YBR_RCT
    in the last two, and near-lossless pixels are declared as such.

    Needs memory for about two uncompressed copies of the pixels.  Safe to call from
    several threads and processes; running it again gives the same file.
    """
    started = time.perf_counter()
    source, target = path_of("src", src), new_file("dst", dst)
    syntax = find_syntax(to)
    near = whole_number("near", near)
    choose("effort", effort, range(1, 10))
    with _named(source.name):
        original = read_dicom(source)
        # Unparsed elements keep their original bytes, so work on a copy.
        ds = copy.deepcopy(original)
        conversion = _convert(ds, syntax, near, effort)
        if not target.parent.is_dir():
            raise UnsupportedError(f"the folder {target.parent} does not exist; create it first")
        sha256, max_error = "", 0
        with replacing(target) as file:
            _write(file, ds, syntax)
            if verify:
                sha256, max_error = _verify(file, original, syntax, conversion, target.name)
            target_sha256 = digest_of(file)
            target_bytes = file.tell()
    is_deflated = syntax.uid == DEFLATED
    encoded = target_bytes if is_deflated else len(ds["PixelData"].value)
    return Record(
        str(source),
        str(target),
        syntax_of(original),
        syntax.uid,
        conversion.frames,
        len(conversion.native),
        encoded,
        round(len(conversion.native) / max(1, encoded), 4),
        source.stat().st_size,
        target_bytes,
        sha256 or conversion.sha256(),
        target_sha256,
        near,
        max_error,
        verify,
        round(time.perf_counter() - started, 4),
    )


def change_syntax(
    ds: Dataset, syntax: Syntax, *, near: int = 0, effort: int = 5, verify: bool = True
) -> None:
    """Convert a data set in memory, in place, like `transcode_file`.

    Parameters
    ----------
    ds : pydicom.Dataset
        It is unchanged if an error is raised.
    syntax : Syntax
        Target transfer syntax.
    near, effort, verify
        See `transcode_file`.

    Raises
    ------
    UnsupportedError, CorruptDataError, VerifyError
        See `transcode_file`.
    """
    from ..dicom.internals import forget_pixel_array

    changed = copy.deepcopy(ds)
    conversion = _convert(changed, syntax, near, effort)
    if verify:
        _compare_pixels(pixel_part(changed), conversion, syntax, "the compressed data set")
    ds.file_meta = changed.file_meta
    for tag in set(ds.keys()) - set(changed.keys()):
        del ds[tag]
    for tag in tuple(changed.keys()):
        element = changed.get_item(tag)
        if tag not in ds or element is not ds.get_item(tag):
            ds[tag] = element
    forget_pixel_array(ds)


def read_dicom(path: Path) -> Dataset:
    """Read a DICOM file, with or without a preamble.

    Raises
    ------
    CorruptDataError
        It is not a DICOM file.
    """
    return read_dataset(path)


def _convert(ds: Dataset, syntax: Syntax, near: int, effort: int) -> _Conversion:
    """Change the pixel data, the transfer syntax, and the attributes that depend on them."""
    if near and syntax.uid != JPEG_LS_NEAR:
        raise UnsupportedError(f"NEAR is {near}, {syntax.title} takes 0; choose jpegls-near")
    uid = syntax_of(ds)
    part = pixel_part(_little_endian(ds))
    kept = uid == syntax.uid and not near  # keep the codestreams as they are
    colour = ("PhotometricInterpretation", "PlanarConfiguration")
    before = {keyword: part.get(keyword) for keyword in colour}
    native = to_native(part, as_rgb=not kept)
    data, photometric = native.PixelData, str(native.get("PhotometricInterpretation"))
    frames = describe(native).number_of_frames
    if kept:
        return _Conversion(data, image_of(native), photometric, 0, frames)
    part, image = encode(native, syntax, near, effort)
    conversion = _Conversion(data, image, photometric, near, frames)
    for keyword in PIXEL_KEYWORDS:
        if keyword in ds:
            del ds[keyword]
        if keyword in part:
            ds[keyword] = part[keyword]
    if not hasattr(ds, "file_meta"):
        from pydicom.dataset import FileMetaDataset

        ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = part.file_meta.TransferSyntaxUID
    for keyword, value in before.items():
        if part.get(keyword) != value:
            ds[keyword] = part[keyword]
    if syntax.uid != IMPLICIT:
        from ..dicom.ambiguous import settle_vrs

        settle_vrs(ds)
    if near:
        ratio = len(data) / len(ds["PixelData"].value)
        mark_lossy(ds, near, ratio, conversion.sha256())
    return conversion


def _write(file: BinaryIO, ds: Dataset, syntax: Syntax) -> None:
    from pydicom.filewriter import dcmwrite

    for tag in tuple(ds.keys()):
        if is_not_written(tag):
            del ds[tag]
    # Complete missing file meta information as the file format requires.
    complete = _has_file_meta(ds)
    if complete and not getattr(ds, "preamble", None):
        ds.preamble = b"\0" * 128
    try:
        dcmwrite(
            file,
            ds,
            implicit_vr=syntax.uid == IMPLICIT,
            little_endian=True,
            enforce_file_format=not complete,
        )
    except Exception as error:  # values that pydicom cannot write in another encoding
        if is_expected(error):
            raise
        raise UnsupportedError(
            f"an attribute cannot be written as {syntax.title}: {first_line(error)}; correct it in "
            "the source"
        ) from error


def _has_file_meta(ds: Dataset) -> bool:
    return "MediaStorageSOPClassUID" in getattr(ds, "file_meta", {})


def _verify(
    file: BinaryIO, original: Dataset, syntax: Syntax, conversion: _Conversion, name: str
) -> tuple[str, int]:
    """Compare a written file with its source; return its pixels' digest and the largest error."""
    from pydicom import dcmread

    file.flush()
    file.seek(0)
    again = dcmread(file)
    again.filename = name  # for messages
    if syntax_of(again) != syntax.uid:
        raise VerifyError(
            f"{name} is {title_of(syntax_of(again))}, {syntax.title} is expected; "
            "please report this"
        )
    ignoring = LOSSY_CHANGES if conversion.near else frozenset()
    if conversion.photometric != str(original.get("PhotometricInterpretation")):
        ignoring |= {0x00280004}
    if not _has_file_meta(original):
        ignoring |= {0x00020002, 0x00020003}
    for difference in differences(_little_endian(original), again, ignoring):
        raise VerifyError(f"{name} differs from the source: {difference}")
    return _compare_pixels(pixel_part(again), conversion, syntax, name)


def _compare_pixels(
    part: Dataset, conversion: _Conversion, syntax: Syntax, name: str
) -> tuple[str, int]:
    again, expected = to_native(part, as_rgb=False), conversion.image
    if expected is None:
        if again.PixelData != conversion.native:
            raise VerifyError(f"{name}: the pixel data differ from the source's")
        return conversion.sha256(), 0
    image = image_of(again)
    if image is None or image.words.shape != expected.words.shape:
        shape = None if image is None else image.words.shape
        raise VerifyError(f"{name} has pixels of shape {shape}, {expected.words.shape} is expected")
    if image.photometric != conversion.photometric:
        raise VerifyError(
            f"{name} decodes to {image.photometric}, {conversion.photometric} is expected"
        )
    worst = compare_images(image, expected, name, near=conversion.near, words=syntax.keeps_words)
    return sha256_of(value_frames(image)), worst


def compare_files(first: Path, second: Path, near: int = 0) -> dict[str, Any]:
    """Compare the pixels and the attributes of two DICOM files, in any transfer syntaxes.

    Parameters
    ----------
    first, second : Path
    near : int
        Largest allowed difference of a sample value.

    Returns
    -------
    dict
        ``frames``; ``max_error``; ``sha256``, the digests of both pixels (one if they
        are equal); ``shape``; ``photometric``; ``compared``, which is ``"words"`` if both
        syntaxes keep every bit and otherwise ``"samples"``; and ``differences``, the
        attributes that differ, as texts.

    Raises
    ------
    VerifyError
        The samples differ by more than `near`; or the unused bits of the words differ,
        and both syntaxes keep them.
    CorruptDataError
        A file is damaged or is not a DICOM file.
    UnsupportedError
        A file has no pixels, or there is no decoder for its syntax.
    """
    one, two = (_little_endian(read_dicom(path)) for path in (first, second))
    natives = []
    for path, ds in ((first, one), (second, two)):
        with _named(path.name):
            natives.append(to_native(pixel_part(ds)))
    syntaxes = {syntax_of(one), syntax_of(two)}
    words = syntaxes <= KEEPING_WORDS
    facts = _compare_natives(natives[0], natives[1], first.name, second.name, near, words)
    decoded_to_rgb = all(str(ds.PhotometricInterpretation) == "RGB" for ds in natives)
    lossy = not syntaxes <= LOSSLESS
    ignoring = frozenset({0x00280004} if decoded_to_rgb and lossy else ())
    if near:
        ignoring |= LOSSY_CHANGES
    return facts | {"differences": list(differences(one, two, ignoring))}


def _compare_natives(
    first: Dataset, second: Dataset, name: str, other: str, near: int, words: bool
) -> dict[str, Any]:
    one, two = image_of(first), image_of(second)
    if one is None or two is None:
        if first.PixelData != second.PixelData:
            raise VerifyError(f"{name} and {other} have other pixel data")
        digest = hashlib.sha256(first.PixelData).hexdigest()
        return {
            "frames": describe(first).number_of_frames,
            "max_error": 0,
            "sha256": [digest],
            "shape": None,
            "compared": "words",
        }
    if one.words.shape != two.words.shape:
        raise VerifyError(
            f"{name} has pixels of shape {one.words.shape}, {other} of {two.words.shape}"
        )
    if one.photometric != two.photometric:
        raise VerifyError(f"{name} decodes to {one.photometric}, {other} to {two.photometric}")
    worst = compare_images(one, two, f"{name} against {other}", near=near, words=words)
    hashes = [sha256_of(value_frames(one))]
    if worst:
        hashes.append(sha256_of(value_frames(two)))
    return {
        "frames": one.frames,
        "max_error": worst,
        "sha256": hashes,
        "shape": one.words.shape,
        "photometric": one.photometric,
        "compared": "words" if words else "samples",
    }


def _little_endian(ds: Dataset) -> Dataset:
    """Convert a big-endian data set to little-endian, in place."""
    if syntax_of(ds) != BIG_ENDIAN:
        return ds
    from ..dicom.endian import swap_words, to_little_endian

    stored = ds.get("PixelData")
    to_little_endian(ds)
    sample_bytes = int(ds.get("BitsAllocated") or 0) // 8
    if stored and sample_bytes > 2:  # pydicom takes such samples as single words, whatever the VR
        ds["PixelData"].value = swap_words(stored, sample_bytes)
    return ds


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Prefix error messages with the name of the file, and turn all errors into MicErrors."""
    try:
        with located(name):
            yield
    except Exception as error:  # pydicom may raise anything for a damaged attribute
        if is_expected(error):
            raise
        raise CorruptDataError(f"{name} cannot be transcoded: {first_line(error)}") from error
