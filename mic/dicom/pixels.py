# SPDX-License-Identifier: MIT
"""The Image Pixel attributes, and native frames as samples to code.

A stream holds the samples of one frame, colour by pixel, each as wide as Bits Allocated
(8 bits if pydicom's encoder cut 16 to 8).  Every bit of the native word is coded,
whatever Bits Stored says.  Planar Configuration stays in the data set and is applied
when native bytes are produced.  The shape of a stream shows whether its chroma is
subsampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import UID

from .._mic import Layout
from ..codec.arrays import dtype_of
from ..errors import CorruptDataError, UnsupportedError, first_line
from .failures import NoPixelsError
from .syntaxes import MIC_UID

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MICLossless = UID(MIC_UID)
"""The private transfer syntax: Explicit VR Little Endian, encapsulated."""
MICLossless.set_private_encoding(implicit_vr=False, little_endian=True)

SUBSAMPLED = "YBR_FULL_422"
_MAX_SIDE = 65535
_ATTRIBUTES = {
    "rows": ("Rows", "(0028,0010)"),
    "columns": ("Columns", "(0028,0011)"),
    "samples_per_pixel": ("Samples per Pixel", "(0028,0002)"),
    "photometric_interpretation": ("Photometric Interpretation", "(0028,0004)"),
    "bits_allocated": ("Bits Allocated", "(0028,0100)"),
    "bits_stored": ("Bits Stored", "(0028,0101)"),
    "high_bit": ("High Bit", "(0028,0102)"),
    "pixel_representation": ("Pixel Representation", "(0028,0103)"),
    "planar_configuration": ("Planar Configuration", "(0028,0006)"),
    "number_of_frames": ("Number of Frames", "(0028,0008)"),
}
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_KEYWORDS = {name: label.title().replace(" ", "") for name, (label, _) in _ATTRIBUTES.items()}
_KEYWORDS["number_of_frames"] = "NumberOfFrames"
_KEYWORDS["samples_per_pixel"] = "SamplesPerPixel"


def attribute(name: str) -> str:
    """Return name and tag of an attribute, for messages."""
    return " ".join(_ATTRIBUTES[name])


_TRUNCATED = (
    f"(truncated, or {attribute('rows')}, {attribute('columns')} or "
    f"{attribute('number_of_frames')} is wrong)"
)


@dataclass(frozen=True)
class PixelDescription:
    """The Image Pixel attributes of a data set, checked.

    Attributes
    ----------
    rows, columns : int
        1 to 65535.
    samples_per_pixel : int
        1 or 3.
    photometric_interpretation : str
    bits_allocated : int
        1, 8, 16, 32 or 64.
    bits_stored : int
        1 to `bits_allocated`.
    high_bit : int
        The highest bit of a sample in its word; below it are `bits_stored` - 1 others.
    pixel_representation : int
        0 for unsigned, 1 for two's complement.
    planar_configuration : int
        0 for colour by pixel, 1 for colour by plane, in native pixel data.
    number_of_frames : int
    is_float : bool
        The samples are floating-point numbers.
    """

    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    planar_configuration: int
    number_of_frames: int
    is_float: bool = False

    @classmethod
    def of(
        cls, ds: Dataset, name: str = "the data set", keyword: str = "PixelData"
    ) -> PixelDescription:
        """Read and check the attributes of a data set whose pixels are in the element `keyword`.

        Raises
        ------
        NoPixelsError
            The data set is a report, a plan or something else that is not an image.
        UnsupportedError
            An attribute is missing or has a value that contradicts the others.
        """
        words = ("Rows", "Columns", *_PIXEL_KEYWORDS)
        if not any(word in ds for word in words):
            raise NoPixelsError(
                f"{name} has neither {attribute('rows')} nor pixel data; it holds no image"
            )
        options = {key: _value(ds, key, name) for key in _KEYWORDS}
        return cls.from_options(options | {"pixel_keyword": keyword}, name)

    @classmethod
    def codable(cls, ds: Dataset, name: str) -> PixelDescription:
        """Read and check the attributes of a data set that mic is to code.

        Raises
        ------
        UnsupportedError
            See `of` and `check_codable`.
        """
        if "PixelData" not in ds and any(word in ds for word in _PIXEL_KEYWORDS):
            raise UnsupportedError(
                f"{name} has floating-point pixel data, Pixel Data (7FE0,0010) of 8 or 16 bits is "
                "expected; leave it in its transfer syntax"
            )
        return cls.of(ds, name).check_codable(name)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], name: str) -> PixelDescription:
        """Read and check a mapping with the names that pydicom's coders use; see `of`."""
        is_float = "Float" in options.get("pixel_keyword", "")
        values = {key: options.get(key) for key in _ATTRIBUTES}
        values = {key: None if _is_empty(value) else value for key, value in values.items()}
        for key, default in _defaults(values, is_float).items():
            if values[key] is None:
                values[key] = default
        for key, value in values.items():
            if value is None:
                raise UnsupportedError(f"{name} has no {attribute(key)}; set it")
        numbers = {
            key: _number(key, value, name)
            for key, value in values.items()
            if key != "photometric_interpretation"
        }
        numbers["number_of_frames"] = numbers["number_of_frames"] or 1  # as pydicom has it
        photometric = str(values["photometric_interpretation"])
        description = cls(photometric_interpretation=photometric, is_float=is_float, **numbers)
        description._check(name)
        return description

    def _check(self, name: str) -> None:
        bits = (32, 64) if self.is_float else (1, 8, 16, 32, 64)
        named = "32 or 64" if self.is_float else "1, 8, 16, 32 or 64"
        self._expect(name, "bits_allocated", self.bits_allocated in bits, named)
        allocated, stored = self.bits_allocated, self.bits_stored
        self._expect(name, "bits_stored", 1 <= stored <= allocated, f"1 to {allocated}")
        high = stored - 1 <= self.high_bit < allocated
        self._expect(name, "high_bit", high, f"{stored - 1} (Bits Stored - 1) to {allocated - 1}")
        self._expect(name, "samples_per_pixel", self.samples_per_pixel in (1, 3), "1 or 3")
        self._expect(name, "pixel_representation", self.pixel_representation in (0, 1), "0 or 1")
        self._expect(name, "planar_configuration", self.planar_configuration in (0, 1), "0 or 1")
        self._expect(name, "rows", 1 <= self.rows <= _MAX_SIDE, f"1 to {_MAX_SIDE}")
        self._expect(name, "columns", 1 <= self.columns <= _MAX_SIDE, f"1 to {_MAX_SIDE}")
        self._expect(name, "number_of_frames", self.number_of_frames > 0, "1 or more")

    def check_codable(self, name: str) -> PixelDescription:
        """Refuse samples that mic does not code.

        Raises
        ------
        UnsupportedError
            Bits Allocated is neither 8 nor 16.
        """
        remedy = "mic codes integers of 8 and 16 bits; leave the file in its transfer syntax"
        if self.bits_allocated == 1:
            remedy = "unpack the bits to bytes first, or leave the file in its transfer syntax"
        self._expect(name, "bits_allocated", self.bits_allocated in (8, 16), "8 or 16", remedy)
        return self

    def _expect(
        self, name: str, key: str, fulfilled: bool, allowed: str, remedy: str = "correct it"
    ) -> None:
        if not fulfilled:
            raise _refusal(name, key, getattr(self, key), allowed, remedy)

    def as_options(self, n_frames: int, keyword: str, vr: str) -> dict[str, Any]:
        """Return the description as options of pydicom's decoders."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "samples_per_pixel": self.samples_per_pixel,
            "photometric_interpretation": self.photometric_interpretation,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": self.pixel_representation,
            "planar_configuration": self.planar_configuration,
            "number_of_frames": n_frames,
            "pixel_keyword": keyword,
            "pixel_vr": vr or "OW",
        }

    def for_length(self, n_bytes: int, name: str, label: str) -> PixelDescription:
        """Return the description of native pixel data of that length.

        YBR_FULL_422 has half of the chroma samples by the standard, but some writers keep
        all of them, as in YBR_FULL.

        Raises
        ------
        CorruptDataError
            There are fewer bytes than the attributes say.
        """
        whole = self
        if self.may_be_subsampled:
            whole = replace(self, photometric_interpretation="YBR_FULL")
        fitting = whole if n_bytes >= whole.native_bytes else self
        if n_bytes < fitting.native_bytes:
            said = self._length_said(n_bytes, fitting.native_bytes, name, label)
            raise CorruptDataError(f"{said} {_TRUNCATED}")
        return fitting

    def _length_said(self, n_bytes: int, expected: int, name: str, label: str) -> str:
        return (
            f"{name}: {label} has {n_bytes} bytes, {expected} are expected for "
            f"{self.number_of_frames} frame(s) of {self.rows} x {self.columns} pixels, "
            f"{self.samples_per_pixel} sample(s) of {self.bits_allocated} bits"
        )

    @property
    def frame_bits(self) -> int:
        """Size in bits of one native frame."""
        bits = self.rows * self.columns * self.samples_per_pixel * self.bits_allocated
        return bits // 3 * 2 if self.may_be_subsampled else bits

    @property
    def native_bytes(self) -> int:
        """Size in bytes of all native frames, which follow each other without gaps."""
        return -(-self.frame_bits * self.number_of_frames // 8)

    @property
    def is_shifted(self) -> bool:
        """Whether the samples are not the lowest bits of their words."""
        return not self.is_float and self.high_bit != self.bits_stored - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        if self.is_float:
            return np.dtype(f"f{self.bits_allocated // 8}")
        if self.bits_allocated == 1:
            return np.dtype(np.uint8)
        return np.dtype(f"{'ui'[self.pixel_representation]}{self.bits_allocated // 8}")

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(rows, columns) or (rows, columns, 3)."""
        shape = (self.rows, self.columns)
        return shape if self.samples_per_pixel == 1 else (*shape, self.samples_per_pixel)

    @property
    def frame_bytes(self) -> int:
        """Size in bytes of one native frame with a chroma sample for every pixel."""
        return self.rows * self.columns * self.samples_per_pixel * (self.bits_allocated // 8)

    @property
    def may_be_subsampled(self) -> bool:
        """Whether the native form of this colour has half the chroma samples."""
        return self.samples_per_pixel == 3 and self.photometric_interpretation == SUBSAMPLED


def _defaults(values: Mapping[str, Any], is_float: bool) -> dict[str, Any]:
    """Return what an attribute is taken to be where it is missing.

    Floating-point pixel data have no Bits Stored, High Bit and Pixel Representation.
    """
    allocated, stored = values["bits_allocated"], values["bits_stored"]
    defaults: dict[str, Any] = {"number_of_frames": 1, "planar_configuration": 0}
    if is_float:
        stored = allocated
        defaults |= {"bits_stored": stored, "pixel_representation": 0}
    if isinstance(stored, int):
        defaults["high_bit"] = stored - 1
    return defaults


def _is_empty(value: Any) -> bool:
    return isinstance(value, (str, bytes)) and not value.strip()


def _value(ds: Dataset, key: str, name: str) -> Any:
    try:
        return ds.get(_KEYWORDS[key])
    except (TypeError, ValueError) as error:  # pydicom parses on first access
        raise UnsupportedError(
            f"{name}: {attribute(key)} cannot be read ({first_line(error)}); correct it"
        ) from None


def _number(key: str, value: Any, name: str) -> int:
    try:
        number = int(value)
        if isinstance(value, float) and number != value:  # pydicom reads "2.5" as a float
            raise ValueError(value)
    except (TypeError, ValueError, OverflowError):
        raise _refusal(name, key, repr(value), "one whole number") from None
    return number


def _refusal(
    name: str, key: str, found: Any, allowed: str, remedy: str = "correct it"
) -> UnsupportedError:
    place = f"{name}: " if name else ""
    return UnsupportedError(f"{place}{attribute(key)} is {found}, {allowed} is expected; {remedy}")


def attribute_number(ds: Dataset, key: str, name: str = "") -> int | None:
    """Return an Image Pixel attribute as a whole number, or None if it is missing or empty.

    Parameters
    ----------
    ds : pydicom Dataset
    key : str
        Name of the attribute as in `PixelDescription`.
    name : str
        Name of the file, for messages.

    Raises
    ------
    UnsupportedError
        The attribute holds something else.
    """
    value = ds.get(_KEYWORDS[key])
    return None if value is None or _is_empty(value) else _number(key, value, name)


def frame_count(ds: Dataset, name: str = "") -> int:
    """Return Number of Frames; 0, empty or missing means 1, as in pydicom.

    Raises
    ------
    UnsupportedError
        Number of Frames is below 0, or no whole number.
    """
    n_frames = attribute_number(ds, "number_of_frames", name) or 1
    if n_frames < 1:
        raise _refusal(name, "number_of_frames", n_frames, "1 or more")
    return n_frames


def common_dtype(types: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the narrowest type that holds all values of all types.

    Raises
    ------
    UnsupportedError
        There is none, such as for 64-bit integers of both signs.

    Examples
    --------
    >>> import numpy as np
    >>> from mic.dicom.pixels import common_dtype
    >>> common_dtype([np.dtype("u2"), np.dtype("i2")])
    dtype('int32')
    """
    distinct = list(dict.fromkeys(types))
    common = np.result_type(*distinct)
    if common.kind == "f" and any(_digits(dtype) > _digits(common) for dtype in distinct):
        names = " and ".join(str(dtype) for dtype in distinct)
        raise UnsupportedError(
            f"the frames hold {names}, one type that holds all their values is expected, which "
            "there is not; read the files of each type on their own"
        )
    return common


def _digits(dtype: np.dtype[Any]) -> int:
    """Number of bits of the largest whole number up to which the type holds all."""
    if dtype.kind == "f":
        return int(np.finfo(dtype).nmant) + 1
    return 8 * dtype.itemsize - (dtype.kind == "i")


def native_frames(
    data: Any, description: PixelDescription, name: str, drop_excess: bool = False
) -> NDArray[Any]:
    """Convert native little-endian pixel data to samples to code, one frame after another.

    Parameters
    ----------
    data : bytes-like
        Value of Pixel Data.
    description : PixelDescription
    name : str
        Name of the data set in messages.
    drop_excess : bool
        Ignore bytes after the last frame, other than one padding byte.

    Returns
    -------
    ndarray, (frames, rows, columns[, 3])
        A view.  Frames with subsampled chroma are (rows, 2 * columns): luminance, then
        Cb, then Cr, side by side; they are a copy.

    Raises
    ------
    CorruptDataError
        There are fewer bytes than the attributes say.
    UnsupportedError
        There are more bytes than the attributes say, or the width is odd and the chroma
        subsampled.
    """
    full = description.frame_bytes * description.number_of_frames
    subsampled = description.may_be_subsampled and len(data) < full
    expected = full // 3 * 2 if subsampled else full
    _check_length(data, expected, description, name, drop_excess)
    words = np.frombuffer(data, np.uint8, expected).view(description.dtype.newbyteorder("<"))
    n_frames, rows, columns = description.number_of_frames, description.rows, description.columns
    if subsampled:
        if columns % 2:
            raise UnsupportedError(
                f"{name}: {attribute('columns')} is {columns}, an even number is expected with "
                f"{SUBSAMPLED}; convert the pixel data to YBR_FULL"
            )
        return _side_by_side(words.reshape(n_frames, rows, columns // 2, 4))
    if description.samples_per_pixel == 3 and description.planar_configuration == 1:
        return words.reshape(n_frames, 3, rows, columns).transpose(0, 2, 3, 1)
    return words.reshape(n_frames, *description.frame_shape)


def _check_length(
    data: Any, expected: int, description: PixelDescription, name: str, drop_excess: bool
) -> None:
    actual = len(data)
    said = description._length_said(actual, expected, name, "Pixel Data (7FE0,0010)")
    if actual < expected:
        raise CorruptDataError(f"{said} {_TRUNCATED}")
    is_padded = actual == expected + expected % 2 and not any(data[expected:])
    if actual > expected and not is_padded and not drop_excess:
        raise UnsupportedError(
            f"{said}; correct the attributes, or pass drop_excess=True to keep the first "
            f"{expected} bytes only"
        )


def _side_by_side(quads: NDArray[Any]) -> NDArray[Any]:
    """Arrange Y Y Cb Cr quadruples as three images side by side: smooth, unlike the quadruples."""
    n_frames, rows = quads.shape[:2]
    luminance = quads[..., :2].reshape(n_frames, rows, -1)
    return np.concatenate((luminance, quads[..., 2], quads[..., 3]), axis=2)


def _quadruples(samples: NDArray[Any]) -> NDArray[Any]:
    """Restore quadruples; the inverse of `_side_by_side`."""
    n_frames, rows, width = samples.shape
    quads = np.empty((n_frames, rows, width // 4, 4), samples.dtype)
    quads[..., :2] = samples[..., : width // 2].reshape(n_frames, rows, -1, 2)
    quads[..., 2] = samples[..., width // 2 : width // 4 * 3]
    quads[..., 3] = samples[..., width // 4 * 3 :]
    return quads


def native_bytes(samples: NDArray[Any], description: PixelDescription) -> bytes:
    """Convert samples to native bytes, padded to even length; the inverse of `native_frames`."""
    if is_subsampled(samples.shape[1:], description):
        samples = _quadruples(samples)
    elif description.samples_per_pixel == 3 and description.planar_configuration == 1:
        samples = samples.transpose(0, 3, 1, 2)
    little = samples.astype(samples.dtype.newbyteorder("<"), order="C", copy=False)
    data = little.tobytes()
    return data + b"\0" * (len(data) % 2)


def is_subsampled(frame_shape: tuple[int, ...], description: PixelDescription) -> bool:
    """Whether this is the shape of a coded frame with subsampled chroma."""
    return description.may_be_subsampled and len(frame_shape) == 2


def upsampled(samples: NDArray[Any]) -> NDArray[Any]:
    """Upsample frames to (frames, rows, columns, 3), using each chroma sample twice."""
    n_frames, rows, width = samples.shape
    pixels = np.empty((n_frames, rows, width // 2, 3), samples.dtype)
    pixels[..., 0] = samples[..., : width // 2]
    pixels[..., 1] = samples[..., width // 2 : width // 4 * 3].repeat(2, axis=2)
    pixels[..., 2] = samples[..., width // 4 * 3 :].repeat(2, axis=2)
    return pixels


def coded_shape(layout: Layout, description: PixelDescription, place: str) -> tuple[int, ...]:
    """Return the shape of the frame in a stream, if it is the one that the attributes describe.

    Parameters
    ----------
    layout : Layout
        Layout of the stream.
    description : PixelDescription
    place : str
        File and frame, for messages.

    Raises
    ------
    CorruptDataError
        The stream holds something else; the message names the attribute.
    """

    def refuse(key: str, found: Any) -> CorruptDataError:
        return CorruptDataError(
            f"{place}: the stream holds {found}, {attribute(key)} says "
            f"{getattr(description, key)}; one of the two is damaged, or the stream is of "
            "another image"
        )

    if layout.n_frames != 1 or layout.axes:
        raise refuse("number_of_frames", f"an array of {layout.n_frames} frame(s), not one frame")
    width = layout.columns
    half_chroma = (
        description.may_be_subsampled and layout.channels == 1 and width == 2 * description.columns
    )
    if layout.rows != description.rows:
        raise refuse("rows", f"{layout.rows} rows")
    if width != description.columns and not half_chroma:
        raise refuse("columns", f"{width} columns")
    if layout.channels != description.samples_per_pixel and not half_chroma:
        raise refuse("samples_per_pixel", f"{layout.channels} sample(s) per pixel")
    bits = 8 * dtype_of(layout).itemsize
    if bits != description.bits_allocated and not (bits == 8 and description.bits_stored <= 8):
        raise refuse("bits_allocated", f"samples of {bits} bits")
    return (layout.rows, width) if layout.channels == 1 else (layout.rows, width, 3)


def clear_unused_bits(samples: NDArray[Any], description: PixelDescription) -> None:
    """Clear the bits above Bits Stored in place, or fill them with the sign."""
    unused = description.bits_allocated - description.bits_stored
    if unused == 0:
        return
    if description.pixel_representation == 0:
        np.bitwise_and(samples, (1 << description.bits_stored) - 1, out=samples)
    else:
        np.left_shift(samples, unused, out=samples)
        np.right_shift(samples, unused, out=samples)


def samples_of(words: NDArray[Any], description: PixelDescription) -> NDArray[Any]:
    """Return the samples in words: the bits from High Bit down, with their sign.

    Examples
    --------
    Twelve bits in the upper part of their words:

    >>> import numpy as np
    >>> from mic.dicom.pixels import PixelDescription, samples_of
    >>> options = dict(rows=1, columns=2, samples_per_pixel=1, bits_allocated=16, bits_stored=12)
    >>> options |= dict(high_bit=15, pixel_representation=1)
    >>> options |= dict(photometric_interpretation="MONOCHROME2")
    >>> description = PixelDescription.from_options(options, "the file")
    >>> samples_of(np.array([0x0010, 0xFFF7], np.uint16), description)
    array([ 1, -1], dtype=int16)
    """
    above = description.bits_allocated - 1 - description.high_bit
    unused = description.bits_allocated - description.bits_stored
    typed = words.view(description.dtype.newbyteorder(words.dtype.byteorder))
    samples: NDArray[Any] = np.right_shift(np.left_shift(typed, above), unused)
    return samples
