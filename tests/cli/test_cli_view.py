# SPDX-License-Identifier: MIT
"""`mic view`: the picture that it writes, and its output."""

import functools

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from seriesfiles import pixels, positions, write_enhanced, write_series

import mic
import mic.volume
from mic.display import to_uint8

pytest.importorskip("PIL")

from commandline import fails as command_fails
from commandline import run
from PIL import Image

from mic.cli import view as cli_view


@pytest.fixture(autouse=True)
def without_display(monkeypatch):
    monkeypatch.setattr(cli_view, "_has_display", lambda: False)


view = functools.partial(run, "view")
fails = functools.partial(command_fails, "view")


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_floating_point_pixels(folder):
    """They have no Bits Stored."""
    samples = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)
    write_dicom("a.dcm", samples.view("uint32"))
    ds = pydicom.dcmread("a.dcm")
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    ds.FloatPixelData = samples.tobytes()
    ds.save_as("a.dcm")
    assert "4 x 3 pixels" in view("a.dcm", "-o", "a.png")
    shown = picture("a.png")
    assert (shown[0, 0], shown[-1, -1]) == (0, 255) and (
        np.diff(shown.ravel().astype(int)) > 0
    ).all()


def test_dicom(folder):
    array = pixels(3)
    write_dicom("a.dcm", array, RescaleSlope="1", RescaleIntercept="-1024")
    assert "10 x 12 pixels" in view("a.dcm", "-o", "a.png")
    assert np.array_equal(picture("a.png"), to_uint8("a.dcm"))
    view("a.dcm", "--frame", 2, "--window", "40,400", "-o", "b.png")
    assert np.array_equal(picture("b.png"), to_uint8("a.dcm", (40, 400), 2))
    assert "exists; pass --overwrite" in fails("a.dcm", "-o", "a.png")
    view("a.dcm", "--window", "minmax", "-o", "a.png", "--overwrite")
    assert np.array_equal(picture("a.png"), to_uint8("a.dcm", "minmax"))
    assert not list(folder.glob("*.part"))


def test_colour_and_other_kinds(folder):
    colour = np.arange(4 * 5 * 3, dtype="uint8").reshape(4, 5, 3)
    write_dicom("rgb.dcm", colour)
    view("rgb.dcm", "-o", "rgb.png")
    assert np.array_equal(picture("rgb.png"), colour)
    view("rgb.png", "-o", "again.png")
    assert np.array_equal(picture("again.png"), colour)
    frames = pixels(3)
    np.save("a.npy", frames)
    (folder / "a.mic").write_bytes(mic.encode(frames))
    for source in ("a.npy", "a.mic"):
        view(source, "--frame", 1, "-o", "a.png", "--overwrite")
        assert np.array_equal(picture("a.png"), to_uint8(frames, frame=1))


def test_without_a_display_the_picture_is_named_after_the_file(folder):
    write_dicom("a.dcm", pixels(1)[0])
    (folder / "there").mkdir()
    assert "a.dcm -> a.png" in view("a.dcm")
    assert "exists" in fails("a.dcm")


def test_with_a_display_a_window_opens(folder, monkeypatch):
    write_dicom("a.dcm", pixels(1)[0])
    shown = []
    monkeypatch.setattr(cli_view, "_has_display", lambda: True)
    monkeypatch.setattr(Image.Image, "show", lambda image, title: shown.append(np.asarray(image)))
    assert view("a.dcm") == ""
    assert np.array_equal(shown[0], to_uint8("a.dcm"))
    view("a.dcm", "-o", "a.png")
    assert len(shown) == 1 and (folder / "a.png").exists()


def test_refused(folder):
    write_dicom("a.dcm", pixels(1)[0])
    (folder / "text.dcm").write_text("no image")
    (folder / "text").write_text("no image")
    (folder / "empty").mkdir()
    assert "frames 0 to 0" in fails("a.dcm", "--frame", 1)
    assert "ending in .png" in fails("a.dcm", "-o", "a.jpg")
    assert "folder nowhere does not exist" in fails("a.dcm", "-o", "nowhere/a.png")
    assert "does not exist" in fails("missing.dcm")
    assert "not a DICOM file" in fails("text")
    assert "text.dcm is not a DICOM file" in fails("text.dcm")
    assert "is a folder; pass --contact-sheet" in fails("empty")
    assert "no image that mic reads" in fails("empty", "--contact-sheet")
    assert "pass one" in fails("a.dcm", "--contact-sheet", "--frame", 0)
    assert "CENTRE,WIDTH" in view("a.dcm", "--window", "best", code=2)
    assert "width above 0" in fails("a.dcm", "--window", "40,0")
    assert not list(folder.glob("*.png"))


# ---- contact sheets ------------------------------------------------------------------


def steps(n):
    """Make slices of 12 x 10 that differ in their grey value."""
    return np.full((n, 12, 10), 0, "int16") + np.arange(n, dtype="int16")[:, None, None]


def cells(path, n_columns):
    """Return the grey in the middle of each thumbnail in the first row."""
    sheet = picture(path)
    return [int(sheet[10, 9 + 14 * column]) for column in range(n_columns)]


def test_sheet_of_a_series(folder):
    write_series(folder / "series", steps(4))
    view("series", "--contact-sheet", "-o", "sheet.png", "--window", "-1022,4")
    sheet = picture("sheet.png")
    assert sheet.shape == (2 * 16 + 4, 2 * 14 + 4)
    found = [sheet[10 + 16 * row, 9 + 14 * column] for row in (0, 1) for column in (0, 1)]
    expected = [to_uint8(step, (-1022, 4))[0, 0] for step in steps(4) - 1024]
    assert found == expected and found == sorted(found)


def test_sheet_of_frames(folder):
    array = steps(9)
    where = positions(9)[::-1]  # against the normal: the sheet reverses them
    write_enhanced(folder / "ct.dcm", array, where, windows=[("4", "8")] * 9)
    view("ct.dcm", "--contact-sheet", "-o", "a.png")
    assert cells("a.png", 3) == [to_uint8(array[n], (4, 8))[0, 0] for n in (8, 7, 6)]
    view("ct.dcm", "--contact-sheet", "--tiles", 3, "-o", "b.png")
    assert cells("b.png", 2) == [to_uint8(array[n], (4, 8))[0, 0] for n in (8, 4)]
    np.save("a.npy", array)
    view("a.npy", "--contact-sheet", "-o", "c.png", "--window", "4,8")
    assert cells("c.png", 3) == [to_uint8(array[n], (4, 8))[0, 0] for n in (0, 1, 2)]


def test_sheet_of_several_series(folder):
    write_series(folder / "s" / "a", steps(2), SeriesInstanceUID="1.2.3")
    write_series(folder / "s" / "b", steps(4), SeriesInstanceUID="1.2.4")
    view("s", "--contact-sheet", "-o", "a.png", "--window", "-1022,4")
    expected = [to_uint8(step, (-1022, 4))[0, 0] for step in steps(4) - 1024]
    assert cells("a.png", 3) == [*expected[:2], expected[0]]
    view("s", "--contact-sheet", "--series", "1.2.3", "-o", "b.png")
    assert picture("b.png").shape == (20, 32)
    message = fails("s", "--contact-sheet", "--series", "1.2.5", "-o", "c.png")
    assert "no series 1.2.5" in message and "1.2.4" in message


def test_sheet_of_other_files(folder):
    (folder / "images").mkdir()
    for number in range(3):
        np.save(folder / "images" / f"{number}.npy", steps(3)[number].astype("uint8") * 100)
    view("images", "--contact-sheet", "-o", "a.png")
    assert cells("a.png", 2) == [0, 100]


def spoil_series(folder):
    """A series of six: one file is empty, one is truncated and one has no columns."""
    paths = write_series(folder / "series", pixels(6))
    paths[1].write_bytes(b"")
    paths[2].write_bytes(paths[2].read_bytes()[:-60])
    ds = pydicom.dcmread(paths[4])
    ds.Columns = 0
    ds.save_as(paths[4])
    return [paths[place].name for place in (1, 2, 4)]


def test_sheet_without_the_files_that_cannot_be_shown(folder):
    spoilt = spoil_series(folder)
    output = view("series", "--contact-sheet", "-o", "sheet.png", code=1)
    assert "mic: 3 images of series cannot be shown" in output
    assert all(f"mic: {name}" in output for name in spoilt), output
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (2 * 14 + 4, 2 * 16 + 4)


def test_no_sheet_where_nothing_can_be_shown(folder):
    (folder / "series").mkdir()
    for name in ("a.dcm", "b.dcm"):
        (folder / "series" / name).write_text("hello")
    output = fails("series", "--contact-sheet", "-o", "sheet.png")
    assert not (folder / "sheet.png").exists()
    assert "series holds no image that can be shown: a.dcm is not a DICOM file" in output


def test_series_are_listed_without_the_files_that_cannot_be_read(folder):
    spoilt = spoil_series(folder)
    with pytest.warns(UserWarning, match="cannot be read: 2 files: ") as caught:
        (series,) = mic.volume.list_series(folder / "series")
    assert (series.files, series.frames) == (4, 4)  # the truncated file has a complete header
    assert spoilt[0] in str(caught[0].message) and spoilt[2] in str(caught[0].message)
    assert len(caught) == 1
    for path in (folder / "series").iterdir():
        path.write_text("hello")
    with pytest.raises(mic.MicError, match="is not a DICOM file"):
        mic.volume.list_series(folder / "series")
