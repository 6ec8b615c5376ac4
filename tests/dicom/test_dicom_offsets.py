# SPDX-License-Identifier: MIT
"""Finding and decoding frames: both kinds of offset tables, reading only what is requested."""

import io
import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom
from pydicom.encaps import encapsulate, encapsulate_extended

import mic
from mic import dicom
from mic.codec.streams import MemoryBytes
from mic.dicom.offsets import FrameIndex, frame_offsets, needs_extended_table

N_FRAMES = 1000


def frames_of(n_frames: int) -> np.ndarray:
    ramp = np.arange(24 * 18, dtype="u2").reshape(24, 18)
    return ramp + np.arange(n_frames, dtype="u2")[:, None, None] * 7 % 4000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 1000 frames in MIC Lossless."""
    path = tmp_path_factory.mktemp("frames") / "many.dcm"
    write_dicom(path, frames_of(N_FRAMES))
    ds = pydicom.dcmread(path)
    dicom.compress(ds)
    ds.save_as(path)
    return path


class CountingFile(io.BytesIO):
    """Count the bytes that are read after an offset."""

    def __init__(self, data: bytes, start: int) -> None:
        super().__init__(data)
        self.start, self.n_read = start, 0

    def read(self, size: int | None = -1) -> bytes:
        position = self.tell()
        data = super().read(size)
        self.n_read += max(0, position + len(data) - max(position, self.start))
        return data


@pytest.mark.parametrize("kind", ["basic", "extended", "none"])
def test_one_frame_reads_only_its_bytes(kind: str, many: Path) -> None:
    """From 1000 frames, only the first 8 kB, the offset table and the requested frame are read."""
    ds = pydicom.dcmread(many)
    fragments = list(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=N_FRAMES))
    if kind == "none":
        ds.PixelData = encapsulate(fragments, has_bot=False)
    elif kind == "extended":
        data, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(
            fragments
        )
        ds.PixelData = data
    ds["PixelData"].is_undefined_length = True
    stored = io.BytesIO()
    ds.save_as(stored)
    data = stored.getvalue()
    file = CountingFile(data, data.index(ds.PixelData[:8]))
    one = dicom.decode_frames(file, 700)
    assert (one == frames_of(N_FRAMES)[700]).all()
    table = {"basic": 4 * N_FRAMES, "extended": 0, "none": 12 * N_FRAMES}[kind]
    assert file.n_read <= 8192 + table + len(fragments[700]) + 100
    assert file.n_read < sum(map(len, fragments)) / 5


def test_selections(many: Path) -> None:
    array = frames_of(N_FRAMES)
    assert (dicom.decode_frames(many, threads=2) == array).all()
    assert (dicom.decode_frames(str(many), slice(10, 13)) == array[10:13]).all()
    assert (dicom.decode_frames(many, [5, -1, 5], threads=0) == array[[5, -1, 5]]).all()
    assert (dicom.decode_frames(many, np.int64(3)) == array[3]).all()
    assert dicom.decode_frames(many, []).shape == (0, 24, 18)
    with pytest.raises(mic.UnsupportedError, match="frame 1000 is asked for"):
        dicom.decode_frames(many, N_FRAMES)
    with pytest.raises(mic.LimitError, match="announces 432000 samples"):
        dicom.decode_frames(many, max_pixels=10000)
    assert (dicom.decode_frames(many, [1, 2], max_pixels=10000) == array[1:3]).all()


def test_into_given_memory(many: Path) -> None:
    array = frames_of(N_FRAMES)
    volume = np.zeros((24, 18, 4), "u2")
    out = volume.transpose(2, 0, 1)
    assert dicom.decode_frames(many, range(4), out=out) is out
    assert (volume[..., 3] == array[3]).all()
    swapped = np.empty((2, 24, 18), ">u2")
    assert (dicom.decode_frames(many, [0, 9], out=swapped) == array[[0, 9]]).all()
    one = np.empty((24, 18), "u2")
    assert (dicom.decode_frames(many, 9, out=one) == array[9]).all()
    with pytest.raises(mic.UnsupportedError, match=r"out has shape \(24, 18\) and dtype int16"):
        dicom.decode_frames(many, 9, out=one.view("i2"))


def test_native_and_other_syntaxes_are_decoded_by_pydicom(tmp_path: Path) -> None:
    array = frames_of(5)
    write_dicom(tmp_path / "a.dcm", array)
    assert (dicom.decode_frames(tmp_path / "a.dcm", [3, 1]) == array[[3, 1]]).all()
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.compress(pydicom.uid.RLELossless)
    ds.save_as(tmp_path / "b.dcm")
    with (tmp_path / "b.dcm").open("rb") as file:
        assert (dicom.decode_frames(file) == array).all()
    assert (dicom.decode_frames(ds, slice(0, 5, 2)) == array[::2]).all()


def test_pixel_data_left_on_the_disk(many: Path) -> None:
    assert (dicom.decode_frames(pydicom.dcmread(many, defer_size=1000), 3) == frames_of(4)[3]).all()
    ds = pydicom.dcmread(many)
    ds.PixelData = io.BufferedReader(io.BytesIO(ds.PixelData))  # type: ignore[arg-type]
    assert (dicom.decode_frames(ds, 3) == frames_of(4)[3]).all()


def test_file_that_is_labelled_explicit_and_is_implicit(tmp_path: Path) -> None:
    """What pydicom writes if the syntax of an implicit data set is set as a plain string."""
    write_dicom(tmp_path / "a.dcm", frames_of(2))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    dicom.compress(ds)
    pydicom.dcmwrite(
        tmp_path / "b.dcm", ds, implicit_vr=True, little_endian=True, force_encoding=True
    )
    assert (dicom.decode_frames(tmp_path / "b.dcm") == frames_of(2)).all()


def test_extended_table_where_offsets_pass_32_bits() -> None:
    passes = [2**31, 2**31 - 17, 10]  # with two heads and a byte of padding
    assert frame_offsets(passes)[-1] == 2**32
    assert needs_extended_table(passes)
    assert not needs_extended_table([2**31, 2**31 - 18, 2**31])
    assert frame_offsets([3, 4]) == [0, 12]  # an odd fragment is padded


class SparseBytes:
    """Pixel data of more than 4 GiB, of which only a few bytes exist."""

    def __init__(self, size: int, parts: dict[int, bytes]) -> None:
        self.size, self.parts = size, parts

    def read(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size)
        for offset, part in self.parts.items():
            if offset <= start < offset + len(part):
                return part[start - offset : stop - offset]
        return bytes(stop - start)


def test_offsets_beyond_32_bits() -> None:
    stream = mic.encode(frames_of(1)[0])
    stream += b"\0" * (len(stream) % 2)
    offsets = [0, 5 * 2**30]
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(stream)) + stream
    data = SparseBytes(
        offsets[1] + 8 + len(item),
        {0: struct.pack("<HHL", 0xFFFE, 0xE000, 0), 8 + offsets[1]: item},
    )
    tables = struct.pack("<2Q", *offsets), struct.pack("<2Q", offsets[1] - 8, len(stream))
    index = FrameIndex(data, 0, 2, tables)
    assert (mic.decode(index.fragment(1)) == frames_of(1)[0]).all()


def test_table_is_chosen_by_the_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit that small fragments exceed."""
    write_dicom(tmp_path / "a.dcm", frames_of(3))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    monkeypatch.setattr("mic.dicom.offsets.MAX_BASIC_OFFSET", 50)
    dicom.compress(ds)
    assert len(ds.ExtendedOffsetTable) == len(ds.ExtendedOffsetTableLengths) == 24
    assert ds.PixelData[:8] == bytes.fromhex("feff00e000000000")  # an empty basic table
    ds.save_as(tmp_path / "b.dcm")
    assert (dicom.decode_frames(tmp_path / "b.dcm") == frames_of(3)).all()
    monkeypatch.undo()
    dicom.decompress(ds)
    assert "ExtendedOffsetTable" not in ds and "ExtendedOffsetTableLengths" not in ds


def test_offset_tables_agree() -> None:
    streams = [mic.encode(frame) for frame in frames_of(6)]
    data, offsets, lengths = encapsulate_extended(streams)
    tables = [
        FrameIndex(MemoryBytes(encapsulate(streams)), 0, 6),
        FrameIndex(MemoryBytes(encapsulate(streams, has_bot=False)), 0, 6),
        FrameIndex(MemoryBytes(data), 0, 6, (offsets, lengths)),
    ]
    for table in tables:
        for number, stream in enumerate(streams):
            assert bytes(table.fragment(number)).rstrip(b"\0") == stream.rstrip(b"\0")
