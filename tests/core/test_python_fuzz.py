# SPDX-License-Identifier: MIT
"""The Python layer on damaged bytes: every way in gives the samples or a `MicError`.

Hypothesis cuts, repeats, inserts and overwrites stretches of small streams of every
container and of whole DICOM files.  fuzz/ does the same to the C core at more speed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo
from dicomfiles import write_dicom
from hypothesis import given
from hypothesis import strategies as st

import mic

NATIVE = zoo.small_streams()
LIMIT = 10**5


def published_streams() -> dict[str, bytes]:
    """Streams in containers that have no checksum."""
    image = zoo.smooth((24, 14), "uint16") // 64
    streams = {
        f"mic1_{states}": mic.encode(image, "fse", container="mic1", states=states)
        for states in zoo.STATES
    }
    for container in ("pics", "pica"):
        streams[container] = mic.encode(image, container=container)
    streams["mic2"] = mic.encode(np.stack([image, image + 1]), container="mic2")
    streams["micr"] = mic.encode(zoo.smooth((9, 8, 3), "uint8") // 16, container="micr")
    return streams


PUBLISHED = published_streams()


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw a change to one to three stretches of any bytes."""
    edits = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "insert", "remove", "repeat", "cut", "number"]),
                st.floats(0, 1, exclude_max=True),
                st.integers(1, 40),
                st.binary(min_size=1, max_size=8),
            ),
            min_size=1,
            max_size=3,
        )
    )

    def damage(data: bytes) -> bytes:
        for kind, place, length, content in edits:
            at = int(place * len(data))
            before, after = data[:at], data[at:]
            data = {
                "set": before + content + after[len(content) :],
                "insert": before + content + after,
                "remove": before + after[length:],
                "repeat": before + after[:length] + after,
                "cut": before,
                "number": before + bytes([content[0]]) * 4 + after[4:],
            }[kind]
        return data

    return damage


def read_open(data: bytes) -> np.ndarray:
    with mic.open(io.BytesIO(data), max_pixels=LIMIT) as file:
        return file[...]


def read_frames(data: bytes) -> np.ndarray:
    with mic.open(data, max_pixels=LIMIT) as file:
        return file.frames(0, 1)


DOORS: dict[str, Callable[[bytes], Any]] = {
    "decode": lambda data: mic.decode(data, max_pixels=LIMIT),
    "threads": lambda data: mic.decode(data, threads=3, max_pixels=LIMIT),
    "rescue": lambda data: mic.decode(data, partial=True, max_pixels=LIMIT),
    "part": lambda data: mic.decode(data, frames=0, rows=(0, 1), max_pixels=LIMIT),
    "open": read_open,
    "frames": read_frames,
    "info": mic.info,
    "batch": lambda data: mic.decode_batch([data], max_pixels=LIMIT),
}


def through(door: str, data: bytes) -> Any:
    """Return the result of a call, or None after checking that its error is complete."""
    try:
        return DOORS[door](data)
    except mic.MicError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        # Slides refuse some of these calls, damaged or not.
        assert error.stage is not None or isinstance(error, mic.LimitError | mic.UnsupportedError)
        return None


@pytest.mark.parametrize("door", DOORS)
@given(name=st.sampled_from(sorted(NATIVE)), damage=damages())
def test_native_streams(door: str, name: str, damage: Callable[[bytes], bytes]) -> None:
    """Checksums find all damage: decoded samples are always the encoded ones."""
    stream, array = NATIVE[name]
    result = through(door, damage(stream))
    if door in ("decode", "threads", "open") and result is not None:
        assert np.array_equal(result, array)
    if door == "rescue" and result is not None and result[0].shape == array.shape:
        rescued, intact = result
        rows = rescued.reshape(*intact.shape, -1)
        assert np.array_equal(rows[intact], array.reshape(rows.shape)[intact])
        assert not rows[~intact].any()


@pytest.mark.parametrize("door", DOORS)
@given(name=st.sampled_from(sorted(PUBLISHED)), damage=damages())
def test_published_streams(door: str, name: str, damage: Callable[[bytes], bytes]) -> None:
    """Without checksums, the result is an array of the size that the header announces."""
    data = damage(PUBLISHED[name])
    result = through(door, data)
    if door in ("decode", "threads", "open") and result is not None:
        assert result.shape == mic.info(data).shape
        assert result.size <= LIMIT


# ---- DICOM -------------------------------------------------------------------


@pytest.fixture(scope="module")
def dicom_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    """A file in MIC Lossless, and its pixels."""
    import pydicom

    path = tmp_path_factory.mktemp("dicom") / "frames.dcm"
    array = np.arange(3 * 9 * 7, dtype="u2").reshape(3, 9, 7) % 61
    write_dicom(path, array)
    dataset = pydicom.dcmread(path)
    mic.dicom.compress(dataset)
    dataset.save_as(path)
    return path.read_bytes(), array


@given(damage=damages())
def test_dicom_files(
    damage: Callable[[bytes], bytes],
    dicom_file: tuple[bytes, np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever happens to a file, it gives its frames or an error, and stays unchanged."""
    whole, array = dicom_file
    path: Path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    path.write_bytes(damaged := damage(whole))
    try:
        decoded = mic.dicom.decode_frames(path)
    except mic.MicError as error:
        assert str(error)
    else:
        if decoded.shape == array.shape and decoded.dtype == array.dtype:
            assert np.array_equal(decoded, array)
    assert path.read_bytes() == damaged
