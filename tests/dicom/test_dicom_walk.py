# SPDX-License-Identifier: MIT
"""The walk in C finds what pydicom finds, in every image file at hand."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from mic._mic import DicomWalk, dicom_frames
from mic.benchmark.images import installed_folders
from mic.errors import CorruptDataError

SHARED = Path(__file__).parents[3] / "shared"
KEYWORDS = (
    "SamplesPerPixel",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED = range(4)
ABSENT, UNUSUAL = -1, -2
ITEMS, UNENDED, TRUNCATED = 1, 2, 4

# What the walk says otherwise than pydicom, and why.
DIFFERENCES = {
    "MR_truncated.dcm": "pydicom takes the bytes that are there as the value",
    "rtplan_truncated.dcm": "pydicom takes the bytes that are there as the value",
    "SC_rgb_jpeg.dcm": "implicit under an explicit label: pydicom names the label's encoding",
    "badVR.dcm": "a Number of Frames that is no number, which pydicom passes on as text",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "pydicom stops before the first element",
}


def dicom_files():
    folders = [*installed_folders().values(), Path(pydicom.__file__).parent / "data", SHARED]
    found = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in DIFFERENCES:
                with path.open("rb") as file:
                    if file.read(132)[128:] == b"DICM":
                        found.setdefault(path.name, path)
    return list(found.values())


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(path)
        return ds, {k: number_of(ds, k) for k in KEYWORDS}


def number_of(ds, keyword):
    value = ds.get(keyword)
    return ABSENT if value in (None, "") else int(value)


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("pydicom").disabled = True
    yield
    logging.getLogger("pydicom").disabled = False


def check_values(walk, ds, raw):
    for number in range(walk.n_meta, len(walk)):
        tag, _, flags, offset, head_bytes, n_bytes, _ = walk[number]
        value = ds.get_item(tag).value
        if isinstance(value, bytes) and (not flags or tag == 0x7FE00010):
            start = offset + head_bytes
            assert raw[start : start + n_bytes] == value, hex(tag)


def frames_of(walk, raw, n_frames):
    _, _, _, offset, head_bytes, n_bytes, _ = walk[walk.pixel_data]
    value = memoryview(raw)[offset + head_bytes :][:n_bytes]
    for begin, end, n_fragments in dicom_frames(value, b"", n_frames).tolist():
        parts = []
        for _ in range(n_fragments):
            length = int.from_bytes(value[begin + 4 : begin + 8], "little")
            parts.append(value[begin + 8 : begin + 8 + length])
            begin += 8 + length
        assert begin == end
        yield b"".join(parts)


def test_every_file_at_hand():
    paths = dicom_files()
    for path in paths:
        raw = path.read_bytes()
        walk = DicomWalk(raw)
        ds, numbers = read(path)
        assert walk.syntax == ds.file_meta.get("TransferSyntaxUID", ""), path
        if walk.encoding == DEFLATED:
            continue
        assert walk.problem is None, path
        found = [walk[i][0] for i in range(len(walk))]
        assert set(found) == {*map(int, ds.file_meta.keys()), *map(int, ds.keys())}, path
        assert (walk.encoding == IMPLICIT, walk.encoding != BIG_ENDIAN) == ds.original_encoding, (
            path
        )
        assert walk.numbers == tuple(numbers.values()), path
        assert walk.photometric == (ds.get("PhotometricInterpretation") or ""), path
        check_values(walk, ds, raw)
        if walk.pixel_data is not None and walk[walk.pixel_data][2] & ITEMS:
            n_frames = max(1, numbers["NumberOfFrames"])
            theirs = generate_frames(ds.PixelData, number_of_frames=n_frames)
            assert list(frames_of(walk, raw, n_frames)) == list(theirs), path
    assert len(paths) >= 80, "pydicom itself brings that many"


def test_differences_are_still_there():
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    walk = DicomWalk((folder / "MR_truncated.dcm").read_bytes())
    assert isinstance(walk.problem, CorruptDataError)
    assert "has 8192 bytes, only 8130 follow" in str(walk.problem)
    assert walk[walk.pixel_data][2] == TRUNCATED
    jpeg = DicomWalk((folder / "SC_rgb_jpeg.dcm").read_bytes())
    assert jpeg.encoding == IMPLICIT and jpeg.problem is None
    odd = DicomWalk((folder / "badVR.dcm").read_bytes())
    assert odd.numbers[KEYWORDS.index("NumberOfFrames")] == UNUSUAL


def test_many_elements_are_all_listed():
    ds = pydicom.Dataset()
    for number in range(1000):
        ds.add_new(0x00091000 + number, "LO", str(number))
    raw = written(ds)
    walk = DicomWalk(raw)
    assert [walk[i][0] for i in range(len(walk))] == [0x00091000 + i for i in range(1000)]
    assert walk.find(0x00091000 + 999) == 999
    assert walk.find(0x00101010) is None
    with pytest.raises(IndexError):
        walk[1000]


def written(ds):
    from io import BytesIO

    file = BytesIO()
    pydicom.dcmwrite(file, ds, implicit_vr=False, little_endian=True)
    return file.getvalue()


def test_the_last_of_two_elements_counts():
    first, second = pydicom.Dataset(), pydicom.Dataset()
    first.Rows, second.Rows = 3, 4
    walk = DicomWalk(written(first) + written(second))
    assert walk.numbers[KEYWORDS.index("Rows")] == 4
    assert walk.find(0x00280010) == 1


def test_a_wrong_number_of_frames_costs_no_memory():
    value = encapsulate([b"12", b"34"])
    assert len(dicom_frames(value, b"", 2)) == 2
    for n_frames in (0, 3, 2**62, 2**64 - 1):
        with pytest.raises(CorruptDataError, match=rf"hold 2 frames .* says {n_frames} "):
            dicom_frames(value, b"", n_frames)


def test_closed_walk_lets_go_of_its_memory():
    data = bytearray(written(pydicom.Dataset()) + b"\x08\x00\x05\x00CS\x00\x00")
    walk = DicomWalk(data)
    with pytest.raises(BufferError):
        data.append(1)
    walk.close()
    data.append(1)
    assert len(walk) == 1


def test_empty_and_tiny_inputs():
    for n in range(12):
        walk = DicomWalk(bytes(n))
        assert len(walk) == 0 and walk.problem is None
    assert DicomWalk(np.zeros(4, np.uint8)).encoding == EXPLICIT
