# SPDX-License-Identifier: MIT
"""The table "What is tolerated" of docs/dicom.md: each row, at every face.

A row says *read* or *refused*.  What is read is right at every face, and what is refused
is refused by a sentence that names the file.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

import mic
import mic.dicom
import mic.display
import mic.volume
from mic.images.dicom import read_dicom_samples
from mic.transcode import transcode_file

DOCUMENT = Path(__file__).parents[2] / "docs" / "dicom.md"
IMAGE = np.arange(3 * 4 * 6, dtype="uint16").reshape(3, 4, 6) * 50
END = b"\xfe\xff\xdd\xe0\0\0\0\0"

pytestmark = pytest.mark.filterwarnings("ignore")
SITUATIONS: dict[str, Callable[[Path], None]] = {}


def situation(row: str) -> Callable[[Callable[[Path], None]], Callable[[Path], None]]:
    """Register how to write a file for a row of the table."""

    def register(write: Callable[[Path], None]) -> Callable[[Path], None]:
        SITUATIONS[row] = write
        return write

    return register


def native(path: Path, syntax: str = ExplicitVRLittleEndian, **attributes: object) -> None:
    write_dicom(path, IMAGE, syntax, bits_stored=12, **attributes)


def relabel(path: Path, old: str, new: str) -> None:
    raw = path.read_bytes()
    was, now = (uid.encode() + b"\0" * (len(uid) % 2) for uid in (old, new))
    at, shift = raw.index(was), len(now) - len(was)
    length = int.from_bytes(raw[140:144], "little") + shift
    raw = raw[: at - 2] + len(now).to_bytes(2, "little") + now + raw[at + len(was) :]
    path.write_bytes(raw[:140] + length.to_bytes(4, "little") + raw[144:])


def compressed(path: Path, **options: object) -> None:
    """Write RLE Lossless, with the fragments that the options ask for."""
    native(path)
    ds = pydicom.dcmread(path)
    ds.compress(RLELossless)
    if options:
        frames = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=3))
        ds.PixelData = encapsulate(frames, **options)
        ds["PixelData"].is_undefined_length = True
    ds.save_as(path)


def insert(path: Path, before: bytes, element: bytes) -> None:
    raw = path.read_bytes()
    at = raw.index(before, 132)
    path.write_bytes(raw[:at] + element + raw[at:])


ROWS_ELEMENT = b"\x28\x00\x10\x00US\x02\x00"
DATA_SET = b"\x08\x00\x16\x00UI"


@situation("the Transfer Syntax UID names another encoding than the bytes have")
def _label(path: Path) -> None:
    native(path, ImplicitVRLittleEndian)
    relabel(path, ImplicitVRLittleEndian, ExplicitVRLittleEndian)


@situation("the same with another byte order")
def _byte_order(path: Path) -> None:
    native(path, ExplicitVRBigEndian)
    relabel(path, ExplicitVRBigEndian, ExplicitVRLittleEndian)


@situation("no preamble")
def _no_preamble(path: Path) -> None:
    native(path)
    path.write_bytes(path.read_bytes()[132:])


@situation("no file meta information")
def _no_meta(path: Path) -> None:
    native(path)
    raw = path.read_bytes()
    path.write_bytes(raw[raw.index(DATA_SET) :])


@situation("file meta information without its group length and Media Storage UIDs")
def _incomplete_meta(path: Path) -> None:
    native(path)
    raw = path.read_bytes()
    at = raw.index(b"\x02\x00\x10\x00UI")
    end = at + 8 + int.from_bytes(raw[at + 6 : at + 8], "little")
    path.write_bytes(raw[:132] + raw[at:end] + raw[raw.index(DATA_SET) :])


@situation("Number of Frames is not a number")
def _no_number(path: Path) -> None:
    native(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"\x28\x00\x08\x00IS\x02\x003 ", b"\x28\x00\x08\x00IS\x02\x003A"))


@situation("Pixel Data are shorter than the attributes say")
def _short(path: Path) -> None:
    native(path)
    ds = pydicom.dcmread(path)
    ds.PixelData = ds.PixelData[:-10]
    ds.add_new(0xFFFCFFFC, "OB", b"\x55" * 126)
    ds.save_as(path)


@situation("less than one frame of bytes behind the last frame")
def _excess(path: Path) -> None:
    native(path)
    ds = pydicom.dcmread(path)
    ds.PixelData += b"\0" * 30
    ds.save_as(path)


@situation("the file ends within Pixel Data")
def _truncated(path: Path) -> None:
    native(path)
    path.write_bytes(path.read_bytes()[:-9])


@situation("the file ends before Pixel Data")
def _header_only(path: Path) -> None:
    native(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"\xe0\x7f\x10\x00")])


@situation("no Basic Offset Table")
def _no_table(path: Path) -> None:
    compressed(path, has_bot=False)


@situation("an offset table with wrong offsets, and as many fragments as frames")
def _wrong_table(path: Path) -> None:
    compressed(path, has_bot=True)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"\xfe\xff\x00\xe0\x0c\0\0\0") + 12
    raw[at : at + 4] = b"\x01\x02\x03\x00"
    path.write_bytes(raw)


@situation("several fragments for each frame, and an offset table")
def _fragments(path: Path) -> None:
    compressed(path, fragments_per_frame=2, has_bot=True)


@situation("more or fewer fragments than frames, and nothing that divides them")
def _fragments_unknown(path: Path) -> None:
    compressed(path, fragments_per_frame=2, has_bot=False)


@situation("no delimiter behind the last fragment")
def _no_delimiter(path: Path) -> None:
    compressed(path)
    raw = path.read_bytes()
    assert raw.endswith(END)
    path.write_bytes(raw[: -len(END)])


@situation("fragments, and a native Transfer Syntax UID")
def _native_label(path: Path) -> None:
    compressed(path)
    relabel(path, RLELossless, ExplicitVRLittleEndian)


@situation("a defined length, and a compressed Transfer Syntax UID")
def _compressed_label(path: Path) -> None:
    native(path)
    relabel(path, ExplicitVRLittleEndian, RLELossless)


@situation("values of odd length")
def _odd(path: Path) -> None:
    native(path)
    insert(path, ROWS_ELEMENT, b"\x20\x00\x00\x40LT\x03\x00abc")


@situation("group lengths")
def _group_length(path: Path) -> None:
    native(path)
    insert(path, DATA_SET, b"\x08\x00\x00\x00UL\x04\x00\x10\x00\x00\x00")


@situation("zeros, or fewer than 8 bytes, behind the last element")
def _padding(path: Path) -> None:
    native(path)
    path.write_bytes(path.read_bytes() + bytes(300))


@situation("elements of the Command Set")
def _command_set(path: Path) -> None:
    native(path)
    insert(path, DATA_SET, b"\x00\x00\x10\x01US\x02\x00\x01\x00")


@situation("two values where one is due, in an attribute of the pixels")
def _two_values(path: Path) -> None:
    native(path)
    raw = path.read_bytes()
    at = raw.index(ROWS_ELEMENT)
    path.write_bytes(raw[: at + 6] + b"\x04\x00\x04\x00\x05\x00" + raw[at + 10 :])


@situation("a private or unknown Transfer Syntax UID")
def _private(path: Path) -> None:
    native(path)
    relabel(path, ExplicitVRLittleEndian, "1.2.840.113619.5.2")


@situation("High Bit above Bits Stored - 1")
def _high_bit(path: Path) -> None:
    write_dicom(path, IMAGE << 4, bits_stored=12, HighBit=15)


@situation("High Bit that leaves too few bits")
def _impossible_high_bit(path: Path) -> None:
    write_dicom(path, IMAGE, bits_stored=12, HighBit=9)


def table() -> dict[str, str]:
    """Return the rows of the document: situation, and what happens."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("## What is tolerated\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (read|refused)\b.*\|$", section, re.M)
    return dict(rows)


def test_the_table_has_a_test_for_each_row() -> None:
    assert set(table()) == set(SITUATIONS)


FACES: dict[str, Callable[[Path], object]] = {
    "decode_frames(path)": mic.dicom.decode_frames,
    "decode_frames(bytes)": lambda path: mic.dicom.decode_frames(path.read_bytes()),
    "volume.read": lambda path: mic.volume.read(path).array,
    "display": lambda path: mic.display.to_uint8(path, "minmax", frame=2),
}


@pytest.mark.parametrize("row", SITUATIONS)
def test_row(row: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.dcm"
    SITUATIONS[row](path)
    outcome = table()[row]
    for name, face in FACES.items():
        if outcome == "read":
            found = np.asarray(face(path))
            expected = shown(IMAGE[2]) if name == "display" else IMAGE
            np.testing.assert_array_equal(found.reshape(expected.shape), expected, err_msg=name)
        else:
            with pytest.raises(mic.MicError) as caught:
                face(path)
            check_sentence(str(caught.value), name)


def shown(frame: np.ndarray) -> np.ndarray:
    return np.asarray(mic.display.to_uint8(frame, "minmax"))


def check_sentence(message: str, face: str) -> None:
    named = "the file" if "bytes" in face else "odd.dcm"
    assert message.startswith(named), (face, message)
    assert "Traceback" not in message and "\n" not in message, (face, message)


@pytest.mark.parametrize("row", SITUATIONS)
def test_words(row: str, tmp_path: Path) -> None:
    """Faces that keep words agree with the others, or refuse the file too."""
    path, target = tmp_path / "odd.dcm", tmp_path / "new.dcm"
    SITUATIONS[row](path)
    calls = (lambda: read_dicom_samples(path, None), lambda: transcode_file(path, target))
    for call in calls:
        if table()[row] == "read":
            call()
        else:
            with pytest.raises(mic.MicError) as caught:
                call()
            check_sentence(str(caught.value), "words")
    if target.exists():
        np.testing.assert_array_equal(mic.dicom.decode_frames(target), IMAGE)
