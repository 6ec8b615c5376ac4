# SPDX-License-Identifier: MIT
"""Damaged data sets in MIC Lossless: an error with file, frame and attribute, never pixels."""

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate

import mic
from mic import dicom
from mic.images.formats import read_image

N_FRAMES = 3


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    mic.register()
    yield
    mic.unregister()


def build(path: Path, array: np.ndarray | None = None) -> pydicom.Dataset:
    if array is None:
        array = np.arange(N_FRAMES * 20 * 31, dtype="u2").reshape(N_FRAMES, 20, 31)
    write_dicom(path, array)
    ds = pydicom.dcmread(path)
    dicom.compress(ds)
    return ds


def streams_of(ds: pydicom.Dataset) -> list[bytes]:
    return list(
        pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=ds.get("NumberOfFrames", 1))
    )


def set_pixels(ds: pydicom.Dataset, data: bytes) -> None:
    ds.PixelData = data
    ds["PixelData"].is_undefined_length = True


def with_streams(change: Callable[[list[bytes]], list[bytes]], has_bot: bool = True) -> Any:
    def damage(ds: pydicom.Dataset) -> None:
        set_pixels(ds, encapsulate(change(streams_of(ds)), has_bot=has_bot))

    return damage


def with_attribute(**values: Any) -> Any:
    def damage(ds: pydicom.Dataset) -> None:
        for name, value in values.items():
            setattr(ds, name, value)

    return damage


def with_flipped_byte(ds: pydicom.Dataset) -> None:
    streams = streams_of(ds)
    stream = bytearray(streams[1])
    stream[len(stream) // 2] ^= 0x10
    set_pixels(ds, encapsulate([streams[0], bytes(stream), streams[2]]))


def with_patched_table(offset: int, value: int) -> Any:
    def damage(ds: pydicom.Dataset) -> None:
        data = bytearray(ds.PixelData)
        data[offset : offset + 4] = struct.pack("<L", value)
        set_pixels(ds, bytes(data))

    return damage


def with_extended_table(offsets: list[int], lengths: list[int]) -> Any:
    def damage(ds: pydicom.Dataset) -> None:
        streams = streams_of(ds)
        set_pixels(ds, encapsulate(streams, has_bot=False))
        ds.ExtendedOffsetTable = struct.pack(f"<{len(offsets)}Q", *offsets)
        ds.ExtendedOffsetTableLengths = struct.pack(f"<{len(lengths)}Q", *lengths)

    return damage


def other_image(shape: tuple[int, ...], dtype: str = "u2") -> bytes:
    return mic.encode(np.arange(np.prod(shape)).reshape(shape).astype(dtype))


TOO_MANY = r"Basic Offset Table has 4 frame\(s\), Number of Frames \(0028,0008\) says 3"
DAMAGES: dict[str, tuple[Any, str]] = {
    "flipped byte": (with_flipped_byte, "frame 1, strip 0: "),
    "truncated fragment": (with_streams(lambda s: [s[0], s[1][:-20], s[2]]), "frame 1: "),
    "empty fragment": (with_streams(lambda s: [s[0], b"\0\0", s[2]]), "frame 1: "),
    "foreign fragment": (with_streams(lambda s: [s[0], b"\xff\xd8\xff\xe0" * 9, s[2]]), "frame 1:"),
    "one frame too many": (with_streams(lambda s: [*s, s[0]]), TOO_MANY),
    "one frame too few": (
        with_streams(lambda s: s[:2]),
        r"Basic Offset Table has 2 frame\(s\), Number of Frames \(0028,0008\) says 3",
    ),
    "one too many without a table": (
        with_streams(lambda s: [*s, s[0]], has_bot=False),
        r"Pixel Data \(7FE0,0010\) has at least 4 frame\(s\), Number of Frames .* says 3",
    ),
    "one too few without a table": (
        with_streams(lambda s: s[:2], has_bot=False),
        r"Pixel Data \(7FE0,0010\) has 2 frame\(s\), Number of Frames \(0028,0008\) says 3",
    ),
    "wrong Number of Frames": (with_attribute(NumberOfFrames=2), r"3 frame\(s\), Number .* says 2"),
    "wrong Rows": (
        with_attribute(Rows=21),
        r"frame 0: the stream holds 20 rows, Rows \(0028,0010\) says 21",
    ),
    "wrong Columns": (
        with_attribute(Columns=30),
        r"frame 0: the stream holds 31 columns, Columns \(0028,0011\) says 30",
    ),
    "Rows and Columns exchanged": (
        with_attribute(Rows=31, Columns=20),
        r"frame 0: the stream holds 20 rows, Rows \(0028,0010\) says 31",
    ),
    "wrong Samples per Pixel": (
        with_attribute(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0),
        r"frame 0: .* 1 sample\(s\) per pixel, Samples per Pixel \(0028,0002\) says 3",
    ),
    "wrong Bits Allocated": (
        with_attribute(BitsAllocated=8, BitsStored=8, HighBit=7),
        r"frame 0: .* samples of 16 bits, Bits Allocated \(0028,0100\) says 8",
    ),
    "a narrow frame": (
        with_streams(lambda s: [s[0], other_image((20, 31), "u1"), s[2]]),
        r"frame 1: .* samples of 8 bits, Bits Allocated \(0028,0100\) says 16",
    ),
    "a frame of another size": (
        with_streams(lambda s: [s[0], s[1], other_image((20, 32))]),
        r"frame 2: the stream holds 32 columns, Columns \(0028,0011\) says 31",
    ),
    "a frame that is a volume": (
        with_streams(lambda s: [s[0], other_image((2, 20, 31)), s[2]]),
        r"frame 1: the stream holds an array of 2 frame\(s\), not one frame",
    ),
    "truncated in the last frame": (
        lambda ds: set_pixels(ds, ds.PixelData[: -len(streams_of(ds)[-1]) // 2]),
        "frame 2: its fragment of .*truncated file",
    ),
    "truncated before the last frame": (
        lambda ds: set_pixels(ds, ds.PixelData[: 28 + len(streams_of(ds)[0])]),
        "frame 1: it begins at byte .* pixel data end .*truncated file",
    ),
    "truncated in the table": (lambda ds: set_pixels(ds, ds.PixelData[:13]), "Basic Offset Table"),
    "truncated in its head": (lambda ds: set_pixels(ds, ds.PixelData[:6]), "Basic Offset Table"),
    "first offset is not 0": (with_patched_table(8, 2), "frame 0: its offset is 2, 0 is expected"),
    "offsets out of order": (with_patched_table(12, 0), "frame 1: its offset 0 is not behind"),
    "offset into a frame": (with_patched_table(12, 50), "frame [01]: "),
    "table of odd length": (
        lambda ds: set_pixels(ds, bytes.fromhex("feff00e0060000000000") + bytes(4)),
        "Basic Offset Table has 6 bytes, a multiple of 4",
    ),
    "extended tables of different lengths": (
        with_extended_table([0, 40, 80], [32, 32]),
        r"Extended Offset Table \(7FE0,0001\) has 24 bytes and its Lengths .* 16",
    ),
    "extended table with too few": (
        with_extended_table([0, 40], [32, 32]),
        r"Extended Offset Table \(7FE0,0001\) has 2 frame\(s\), Number of Frames .* says 3",
    ),
    "extended table beyond the end": (
        with_extended_table([0, 166, 2**40], [158, 158, 158]),
        r"frame 1: its fragment ends at byte \d+, the next frame begins at byte 10995116\d+;",
    ),
    "extended table with wrong lengths": (
        with_extended_table([0, 40, 80], [32, 32, 32]),
        "frame [012]: .*",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(name: str, tmp_path: Path) -> None:
    """Test our own functions and pydicom's, from memory and from a file."""
    damage, said = DAMAGES[name]
    ds = build(tmp_path / "a.dcm")
    damage(ds)
    ds.save_as(tmp_path / "broken.dcm")
    calls: dict[str, Callable[[], Any]] = {
        "decode_frames": lambda: dicom.decode_frames(pydicom.dcmread(tmp_path / "broken.dcm")),
        "decode_frames of the file": lambda: dicom.decode_frames(tmp_path / "broken.dcm"),
        "decompress": lambda: dicom.decompress(pydicom.dcmread(tmp_path / "broken.dcm")),
        "pixel_array": lambda: pydicom.dcmread(tmp_path / "broken.dcm").pixel_array,
        "pixel_array of the file": lambda: pydicom.pixels.pixel_array(tmp_path / "broken.dcm"),
        "iter_pixels": lambda: list(pydicom.pixels.iter_pixels(tmp_path / "broken.dcm")),
        "ds.decompress": lambda: pydicom.dcmread(tmp_path / "broken.dcm").decompress(),
    }
    for call, function in calls.items():
        with pytest.raises(mic.CorruptDataError) as caught:
            function()
        message = str(caught.value)
        assert message.startswith("broken.dcm: "), (call, message)
        if "truncated" in name and ("of the file" in call or call == "iter_pixels"):
            continue  # the delimiter follows there, and is read as part of a frame
        assert re.search(said, message), (call, message)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"Pixel Data \(7FE0,0010\) is empty"),
        (bytes(3 * 20 * 31 * 2), r"tag \(0000,0000\), an item \(FFFE,E000\) is expected"),
        (bytes.fromhex("feff00e000000000feffdde000000000"), r"has 0 frame\(s\), Number .* says 3"),
    ],
)
def test_nothing_encapsulated(data: bytes, said: str, tmp_path: Path) -> None:
    ds = build(tmp_path / "a.dcm")
    set_pixels(ds, data)
    for function in (dicom.decode_frames, dicom.decompress, lambda ds: ds.pixel_array):
        with pytest.raises(mic.CorruptDataError, match=rf"a\.dcm: .*{said}"):
            function(ds)


@pytest.mark.parametrize("n_bytes", [1, 3, 8, 9, 40, 200])
def test_file_cut_off_at_its_end(n_bytes: int, tmp_path: Path) -> None:
    """An interrupted copy: if it ends within the delimiter, the frames are complete."""
    ds = build(tmp_path / "a.dcm")
    ds.save_as(tmp_path / "b.dcm")
    data = (tmp_path / "b.dcm").read_bytes()
    (tmp_path / "b.dcm").write_bytes(data[:-n_bytes])
    if n_bytes <= 8:
        assert dicom.decode_frames(tmp_path / "b.dcm").shape == (N_FRAMES, 20, 31)
    else:
        with pytest.raises(mic.CorruptDataError, match=r"b\.dcm: frame [12]: .*truncated file"):
            dicom.decode_frames(tmp_path / "b.dcm")
        assert dicom.decode_frames(tmp_path / "b.dcm", 0).shape == (20, 31)


def test_file_without_pixel_data(tmp_path: Path) -> None:
    ds = build(tmp_path / "a.dcm")
    del ds.PixelData
    ds.save_as(tmp_path / "b.dcm")
    for function in (dicom.decode_frames, lambda path: dicom.decode_frames(pydicom.dcmread(path))):
        with pytest.raises(mic.CorruptDataError, match=r"b\.dcm: Pixel Data .* is missing"):
            function(tmp_path / "b.dcm")


@pytest.mark.filterwarnings("ignore:Expected implicit VR")
def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no DICOM " * 50)
    with pytest.raises(mic.CorruptDataError, match=r"a\.txt is not a DICOM file"):
        dicom.decode_frames(tmp_path / "a.txt")
    plan = pydicom.examples.get_path("rt_plan")
    with pytest.raises(mic.UnsupportedError, match=r"rtplan\.dcm has neither .* no image"):
        dicom.decode_frames(plan)
    with pytest.raises(mic.UnsupportedError, match=r"rtplan\.dcm has neither .* no image"):
        dicom.compress(pydicom.dcmread(plan))
    with pytest.raises(mic.UnsupportedError, match=r"source is 5, a path, bytes"):
        dicom.decode_frames(5)  # type: ignore[arg-type]


def test_damage_is_found_where_it_is(tmp_path: Path) -> None:
    """The other frames of a damaged file decode."""
    ds = build(tmp_path / "a.dcm")
    with_flipped_byte(ds)
    assert dicom.decode_frames(ds, [0, 2]).shape == (2, 20, 31)
    with pytest.raises(mic.CorruptDataError) as caught:
        dicom.decode_frames(ds)
    assert caught.value.frame == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"BitsAllocated": 32}, r"Bits Allocated \(0028,0100\) is 32, 8 or 16 is expected"),
        ({"BitsAllocated": 1, "BitsStored": 1}, r"\(0028,0100\) is 1, .* unpack the bits"),
        ({"BitsStored": 17}, r"Bits Stored \(0028,0101\) is 17, 1 to 16"),
        ({"BitsStored": 0}, r"Bits Stored \(0028,0101\) is 0, 1 to 16"),
        ({"SamplesPerPixel": 4}, r"Samples per Pixel \(0028,0002\) is 4, 1 or 3"),
        ({"PixelRepresentation": 2}, r"Pixel Representation \(0028,0103\) is 2, 0 or 1"),
        ({"Rows": 0}, r"Rows \(0028,0010\) is 0, 1 to 65535"),
        ({"Rows": None}, r"has no Rows \(0028,0010\)"),
        ({"Columns": [3, 4]}, r"Columns \(0028,0011\) is \[3, 4\], one whole number"),
        ({"NumberOfFrames": -1}, r"Number of Frames \(0028,0008\) is -1, 1 or more"),
    ],
)
def test_attributes_that_mic_does_not_code(values: dict[str, Any], said: str) -> None:
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PixelRepresentation = 2, 4, 1, 0
    ds.BitsAllocated, ds.BitsStored, ds.PhotometricInterpretation = 16, 12, "MONOCHROME2"
    ds.PixelData = bytes(16)
    dicom.compress(ds)  # unchanged, it can be compressed
    dicom.decompress(ds)
    for name, value in values.items():
        setattr(ds, name, value)
    before = ds.PixelData
    with pytest.raises(mic.UnsupportedError, match=f"the data set.* {said}"):
        dicom.compress(ds)
    assert ds.PixelData == before


def test_float_pixel_data_are_refused() -> None:
    ds = pydicom.Dataset()
    ds.FloatPixelData = bytes(64)
    with pytest.raises(mic.UnsupportedError, match="floating-point pixel data"):
        dicom.compress(ds)


def test_native_pixel_data_of_another_length(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", np.zeros((4, 6), "u2"))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.Rows = 5
    with pytest.raises(mic.CorruptDataError, match=r"a\.dcm: .* has 48 bytes, 60 are expected"):
        dicom.compress(ds)
    ds.Rows = 3
    with pytest.raises(mic.UnsupportedError, match=r"48 bytes, 36 .* drop_excess=True"):
        dicom.compress(ds)
    dicom.compress(ds, drop_excess=True)
    assert dicom.decode_frames(ds).shape == (1, 3, 6)


def test_wrong_states(tmp_path: Path) -> None:
    ds = build(tmp_path / "a.dcm")
    with pytest.raises(mic.UnsupportedError, match="in MIC Lossless already"):
        dicom.compress(ds)
    dicom.decompress(ds)
    with pytest.raises(mic.UnsupportedError, match=r"is not compressed \(Explicit VR Little"):
        dicom.decompress(ds)
    ds.compress(pydicom.uid.RLELossless)
    with pytest.raises(mic.UnsupportedError, match=r"is compressed \(RLE Lossless\), native"):
        dicom.compress(ds)
    del ds.file_meta.TransferSyntaxUID
    ds.set_original_encoding(None, None)
    with pytest.raises(mic.UnsupportedError, match=r"has no Transfer Syntax UID \(0002,0010\)"):
        dicom.compress(ds)


def test_more_than_the_caller_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes that announce gigabytes are refused before memory is allocated for them."""
    ds = build(tmp_path / "a.dcm", np.zeros((4, 4), "u1"))
    write_dicom(tmp_path / "b.dcm", np.zeros((4, 4), "u1"), NumberOfFrames=2**31 - 1)
    with pytest.raises(mic.LimitError, match="announces 34359738352 samples"):
        dicom.decode_frames(tmp_path / "b.dcm")
    monkeypatch.setattr("mic.dicom.plugin.MAX_PIXELS", 15)
    with pytest.raises(mic.LimitError, match="announces 16 samples"):
        pydicom.pixels.pixel_array(ds)
    ds.Rows = ds.Columns = 40000
    with pytest.raises(mic.LimitError, match="announces 1600000000 samples"):
        dicom.decode_frames(ds)
    with pytest.raises(mic.LimitError, match="announces 1600000000 samples"):
        dicom.decompress(ds)


@given(position=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.integers(0, 300))
def test_any_damage_is_an_error_or_harmless(position: int, value: int, cut: int) -> None:
    """Whatever byte changes, wherever the data end, the result is the pixels or an error."""
    array = np.arange(2 * 6 * 7, dtype="u2").reshape(2, 6, 7) % 31
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = mic.MICLossless
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PixelRepresentation = 6, 7, 1, 0
    ds.BitsAllocated, ds.BitsStored, ds.PhotometricInterpretation = 16, 16, "MONOCHROME2"
    ds.NumberOfFrames = 2
    data = bytearray(encapsulate([mic.encode(frame) for frame in array]))
    data[position % len(data)] = value
    set_pixels(ds, bytes(data[: len(data) - cut] if cut > 150 else data))
    for decode in (dicom.decode_frames, lambda ds: ds.pixel_array):
        try:
            decoded = decode(ds)
        except mic.CorruptDataError:
            continue
        assert (decoded == array).all()


@pytest.mark.parametrize(
    "read",
    [
        mic.dicom.decode_frames,
        mic.display.to_uint8,
        mic.volume.read,
        read_image,
        lambda path: mic.transcode.transcode_file(path, path.with_name("b.dcm"), "explicit"),
    ],
)
def test_errors_of_the_parser_are_no_errors_of_the_system(
    read: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Of a sequence that ends amid an item pydicom raises OSError, without a number."""
    path = tmp_path / "cut.dcm"
    build(path).save_as(path)
    whole = path.read_bytes()
    sequence = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff"
    path.write_bytes(whole[: whole.index(b"\xe0\x7f\x10\x00")] + sequence + b"cut")
    with pytest.raises(mic.CorruptDataError, match=r"cut\.dcm"):
        read(path)
