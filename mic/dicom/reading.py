# SPDX-License-Identifier: MIT
"""The one way into a DICOM image: from a path, bytes, a file object or a data set.

The walk in C finds where each element lies and how the data set is really written,
whatever its label says.  pydicom says what the values mean.  Only the head of a file is
read here, and nothing stays open: `opened` gives access to the pixel data later.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from .._mic import DicomWalk
from ..arguments import shown
from ..codec.streams import Bytes, FileBytes, MemoryBytes
from ..errors import CorruptDataError, UnsupportedError, located
from .failures import NoPixelsError as NoPixelsError  # its name here was public in pickles
from .failures import is_dicom, reading
from .syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, KEEPING_WORDS, NATIVE, syntax_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileMetaDataset

    from .pixels import PixelDescription

_FIRST_BYTES = 1 << 13  # hold all elements before the pixels of most files
_GROWTH = 8
_MOST_INFLATED = 1 << 32  # bytes of a data set that is read as a whole
_PREAMBLE_BYTES = 128
_UNDEFINED = 0xFFFFFFFF
_ITEMS, _TRUNCATED = 1, 4  # flags of an element, see mic.h
_IMPLICIT, _EXPLICIT, _BIG_ENDIAN, _DEFLATED = range(4)
_CHARACTER_SET = 0x00080005
_ROWS, _SOP_CLASS = 0x00280010, 0x00080016
_EXTENDED = (0x7FE00001, 0x7FE00002)
PIXEL_KEYWORDS = {
    0x7FE00010: "PixelData",
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
}


class PixelValue(NamedTuple):
    """Where pixel data lie, and how.

    Attributes
    ----------
    keyword : str
        ``"PixelData"``, ``"FloatPixelData"`` or ``"DoubleFloatPixelData"``.
    vr : str
        Value representation; empty if the element does not name it.
    begin : int
        Offset of the value in the bytes that `opened` gives.
    n_bytes : int
        Length of the value, as the element says.  Encapsulated pixel data end at a
        delimiter instead, and this is the most that it can be.
    is_encapsulated : bool
        The value consists of fragments.
    """

    keyword: str
    vr: str
    begin: int
    n_bytes: int
    is_encapsulated: bool

    @property
    def label(self) -> str:
        """Name and tag, for messages."""
        group, element = divmod(_tag_of(self.keyword), 1 << 16)
        words = {"PixelData": "Pixel Data", "FloatPixelData": "Float Pixel Data"}
        name = words.get(self.keyword, "Double Float Pixel Data")
        return f"{name} ({group:04X},{element:04X})"


def _tag_of(keyword: str) -> int:
    return next(tag for tag, name in PIXEL_KEYWORDS.items() if name == keyword)


@dataclass(frozen=True, eq=False)
class Image:
    """A DICOM file or data set whose header was read.

    Attributes
    ----------
    source : Path, Bytes or pydicom Dataset
        A file that is opened when it is needed, bytes at hand, or a data set.
    name : str
        Name of the file, for messages.
    header : pydicom Dataset
        Attributes without pixels; for a data set, the data set itself.
    pixels : PixelValue or None
        None if there are no pixel data.
    big_endian : bool
        The data set is written with the high byte first.
    deflated_at : int or None
        Where a deflated data set begins in the file.
    """

    source: Any
    name: str
    header: Dataset
    pixels: PixelValue | None
    big_endian: bool = False
    deflated_at: int | None = None

    @property
    def has_pixels(self) -> bool:
        """Whether the header describes an image."""
        return all(name in self.header for name in ("Rows", "Columns", "BitsAllocated"))

    @property
    def why_no_pixels(self) -> str:
        """Message for an image without pixels."""
        # A file named .dcm is taken as DICOM even without a preamble, so it may be anything.
        if isinstance(self.source, Path) and not is_dicom(self.source):
            return f"{self.name} is not a DICOM file, or one without preamble and pixel data"
        return f"{self.name} is DICOM without pixel data"

    @functools.cached_property
    def description(self) -> PixelDescription:
        """The attributes of the pixels, checked; see `PixelDescription.of`."""
        from .pixels import PixelDescription

        assert self.pixels is not None
        return PixelDescription.of(self.header, self.name, self.pixels.keyword)

    @property
    def syntax(self) -> str:
        """Transfer Syntax UID: the one stated, or without one as the data set is written."""
        return syntax_of(self.header)

    @property
    def keeps_words(self) -> bool:
        """Whether the syntax keeps every allocated bit, and not only the samples."""
        return self.syntax in KEEPING_WORDS


class _Inflated:
    """A deflated data set, inflated only as far as it is read."""

    size = 1 << 62  # unknown

    def __init__(self, deflated: bytes) -> None:
        self._rest = deflated
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._done = bytearray()

    def read(self, start: int, stop: int) -> bytes:
        while len(self._done) < stop and not self._inflater.eof:
            more = self._inflate(stop - len(self._done))
            if not more and not self._rest:
                break
            self._done += more
        return bytes(self._done[start:stop])

    def _inflate(self, most: int) -> bytes:
        try:
            more = self._inflater.decompress(self._rest, most)
        except zlib.error as error:
            raise CorruptDataError(
                f"the deflated data set is damaged after {len(self._done)} inflated bytes: {error}"
            ) from None
        self._rest = self._inflater.unconsumed_tail
        return more


def read_image(source: Any, keywords: Sequence[str] | None = None) -> Image:
    """Read the part of a file before its pixels, or take a data set as it is.

    Parameters
    ----------
    source : path-like, bytes-like, binary file object or pydicom Dataset
        A file object is read from its position on.
    keywords : sequence of str, optional
        Attributes to keep.  Default: all.

    Raises
    ------
    CorruptDataError
        The file is not DICOM, or is damaged before its pixels.
    UnsupportedError
        `source` is something else.
    """
    from pydicom.dataset import Dataset

    if isinstance(source, Dataset):
        return _image_of_dataset(source)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        with path.open("rb") as file:
            return _image_of_bytes(path, path.name, FileBytes(file), keywords)
    if hasattr(source, "read"):
        return _image_of_bytes(data := _rest_of(source), file_name(source), data, keywords)
    try:
        data = MemoryBytes(source)
    except UnsupportedError:
        raise UnsupportedError(
            f"the source is {shown(source)}, a path, bytes, a binary file object or a pydicom "
            "data set is expected"
        ) from None
    return _image_of_bytes(data, "the file", data, keywords)


def file_name(file: BinaryIO) -> str:
    """Return the name of a file object for messages."""
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) else "the file"


class _Rest:
    """The bytes of a file object from a position on."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._data, self._start = FileBytes(file), start
        self.size = self._data.size - start

    def read(self, start: int, stop: int) -> bytes:
        return self._data.read(self._start + start, self._start + stop)


def _rest_of(file: Any) -> Bytes:
    try:
        return _Rest(file, file.tell())
    except OSError:  # a pipe has no position
        return MemoryBytes(file.read())


def _image_of_dataset(ds: Dataset) -> Image:
    path = ds.get("filename")
    name = Path(path).name if isinstance(path, (str, os.PathLike)) else "the data set"
    for keyword in PIXEL_KEYWORDS.values():
        if keyword in ds:
            element = ds[keyword]
            n_bytes = len(_value_in_memory(element.value))
            is_items = bool(element.is_undefined_length)
            pixels = PixelValue(keyword, str(element.VR), 0, n_bytes, is_items)
            return Image(ds, name, ds, pixels, ds.original_encoding[1] is False)
    return Image(ds, name, ds, None)


def _image_of_bytes(source: Any, name: str, data: Bytes, keywords: Sequence[str] | None) -> Image:
    with reading(name), located(name):
        head, walk = _walk_head(data)
        meta, deflated_at = _meta(head, walk), None
        if walk.encoding == _DEFLATED:
            deflated_at = walk.data_set
            data = _Inflated(bytes(data.read(deflated_at, data.size)))
            head, walk = _walk_head(data)
        _check_walk(walk, meta, name)
        header = _header(head, walk, keywords)
        header.file_meta = meta
        header.filename = source if isinstance(source, Path) else None
        pixels = _pixel_value(walk, data.size)
        return Image(source, name, header, pixels, walk.encoding == _BIG_ENDIAN, deflated_at)


def _walk_head(data: Bytes) -> tuple[bytes, DicomWalk]:
    """Walk over the first bytes, more and more until the pixels are found."""
    n_bytes = _FIRST_BYTES
    while True:
        head = bytes(data.read(0, n_bytes))
        walk = DicomWalk(head, True)
        is_all = len(head) < n_bytes
        if is_all or walk.pixel_data is not None or walk.encoding == _DEFLATED:
            return head, walk
        n_bytes = _next_guess(walk, n_bytes)


def _next_guess(walk: DicomWalk, n_bytes: int) -> int:
    """Guess how many bytes hold all elements before the pixels, if the first `n_bytes` do not."""
    *_, flags, offset, head_bytes, _, declared = walk[len(walk) - 1] if len(walk) else [0] * 7
    if flags & _TRUNCATED:
        return int(offset + head_bytes + declared) + _FIRST_BYTES
    return n_bytes * _GROWTH


def _check_walk(walk: DicomWalk, meta: FileMetaDataset, name: str) -> None:
    if not walk.has_prefix and not len(meta) and not _looks_like_a_data_set(walk):
        raise CorruptDataError(f"{name} is not a DICOM file")
    if walk.problem is not None and walk.pixel_data is None:
        raise walk.problem


def _looks_like_a_data_set(walk: DicomWalk) -> bool:
    return walk.find(_ROWS) is not None or walk.find(_SOP_CLASS) is not None


def _pixel_value(walk: DicomWalk, size: int) -> PixelValue | None:
    if walk.pixel_data is None:
        return None
    tag, vr, flags, offset, head_bytes, _, declared = walk[walk.pixel_data]
    begin = offset + head_bytes
    is_items = bool(flags & _ITEMS)
    return PixelValue(
        PIXEL_KEYWORDS[tag], vr, begin, size - begin if is_items else declared, is_items
    )


def read_dataset(path: Path) -> Dataset:
    """Read a whole file as a pydicom data set, with its pixel data.

    Elements keep their bytes until they are read.

    Raises
    ------
    CorruptDataError
        The file is not DICOM, or is damaged.
    """
    with reading(path.name), located(path.name):
        data = path.read_bytes()
        walk = DicomWalk(data)
        meta, preamble = _meta(data, walk), data[:_PREAMBLE_BYTES] if walk.has_prefix else None
        if walk.encoding == _DEFLATED:
            data = _Inflated(data[walk.data_set :]).read(0, _MOST_INFLATED)
            walk = DicomWalk(data)
        _check_walk(walk, meta, path.name)
        if walk.problem is not None:
            raise walk.problem
        ds = _dataset(data, walk, range(walk.n_meta, len(walk)))
        ds.file_meta, ds.filename, ds.preamble = meta, path, preamble
        _correct_label(ds)
        return ds


def _correct_label(ds: Dataset) -> None:
    """Let a native Transfer Syntax UID say how the data set is really written."""
    from pydicom.uid import UID

    stated = ds.file_meta.get("TransferSyntaxUID")
    implicit, little = ds.original_encoding
    written = IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN
    if stated in NATIVE and stated not in (written, DEFLATED):
        ds.file_meta.TransferSyntaxUID = UID(written)


# ---- elements as pydicom has them ----------------------------------------------------


def _meta(head: bytes, walk: DicomWalk) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    for element in _raw_elements(head, walk, range(walk.n_meta), False, True):
        meta[element.tag] = element
    meta.set_original_encoding(False, True, "iso8859")
    return meta


def _header(head: bytes, walk: DicomWalk, keywords: Sequence[str] | None) -> Dataset:
    if keywords is None:
        every = range(walk.n_meta, len(walk))
        return _dataset(head, walk, [n for n in every if walk[n][0] not in PIXEL_KEYWORDS])
    found = map(walk.find, _tags_of(tuple(keywords)))
    return _dataset(head, walk, sorted(number for number in found if number is not None))


@functools.lru_cache
def _tags_of(keywords: tuple[str, ...]) -> list[int]:
    from pydicom.datadict import tag_for_keyword

    return [_CHARACTER_SET, *(tag for word in keywords if (tag := tag_for_keyword(word)))]


def _dataset(data: bytes, walk: DicomWalk, numbers: Iterable[int]) -> Dataset:
    from pydicom.charset import convert_encodings
    from pydicom.dataset import Dataset

    implicit, little = walk.encoding == _IMPLICIT, walk.encoding != _BIG_ENDIAN
    ds = Dataset()
    for element in _raw_elements(data, walk, numbers, implicit, little):
        ds[element.tag] = element
    encodings = convert_encodings(ds.get("SpecificCharacterSet"))
    ds.set_original_encoding(implicit, little, encodings)
    return ds


def _raw_elements(
    data: bytes, walk: DicomWalk, numbers: Iterable[int], implicit: bool, little: bool
) -> Iterator[Any]:
    """Yield elements in the form that pydicom parses on first access."""
    from pydicom.dataelem import RawDataElement, empty_value_for_VR
    from pydicom.filereader import read_dataset
    from pydicom.tag import BaseTag

    for number in numbers:
        tag, vr, flags, offset, head_bytes, n_bytes, _ = walk[number]
        begin = offset + head_bytes
        if flags & _ITEMS and tag in PIXEL_KEYWORDS:
            items = data[begin : begin + n_bytes]
            yield RawDataElement(BaseTag(tag), vr or "OB", _UNDEFINED, items, begin, not vr, little)
            continue
        if flags & _ITEMS:
            one = read_dataset(io.BytesIO(data[offset : begin + n_bytes + 8]), implicit, little)
            yield one.get_item(tag)
            continue
        value: Any = data[begin : begin + n_bytes] or empty_value_for_VR(vr or None, True)
        is_implicit = not vr
        yield RawDataElement(BaseTag(tag), vr or None, n_bytes, value, begin, is_implicit, little)


# ---- the bytes of the pixels ---------------------------------------------------------


@contextlib.contextmanager
def opened(image: Image) -> Iterator[Bytes]:
    """Open the bytes in which the pixel data of an image lie."""
    from pydicom.dataset import Dataset

    if isinstance(image.source, Dataset):
        assert image.pixels is not None
        yield MemoryBytes(_value_in_memory(image.source[image.pixels.keyword].value))
    elif isinstance(image.source, Path):
        with image.source.open("rb") as file:
            yield _inflated(FileBytes(file), image)
    else:
        yield _inflated(image.source, image)


def _value_in_memory(value: Any) -> bytes:
    if hasattr(value, "read"):  # a buffer that pydicom left on disk
        value.seek(0)
        value = value.read()
    return value or b""


def _inflated(data: Bytes, image: Image) -> Bytes:
    if image.deflated_at is None:
        return data
    return _Inflated(bytes(data.read(image.deflated_at, data.size)))
