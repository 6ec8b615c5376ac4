# SPDX-License-Identifier: MIT
"""Users' mistakes: one sentence with the value, the expectation, and the place."""

import errno
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from dicomfiles import write_dicom

import mic
import mic.dicom
from mic.atomic import replacing

IMAGE = np.arange(48, dtype="uint16").reshape(6, 8)
STREAM = mic.encode(IMAGE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": None}, "threads is None"),
        ({"threads": "2"}, "threads is '2'"),
        ({"threads": 1.5}, r"threads is 1\.5"),
        ({"tile": "x"}, "tile is 'x', a size"),
        ({"tile": (1, 2, 3)}, r"tile is \(1, 2, 3\), a size"),
        ({"tile": (4, 2.5)}, r"tile is \(4, 2.5\), a size"),
        ({"container": "pics", "strips": "a"}, "strips is 'a'"),
        ({"container": "mic1", "max_value": 1.5}, r"max_value is 1\.5"),
        ({"out": 5}, "out is 5, a writable buffer"),
    ],
)
def test_options_of_encode(options, message):
    with pytest.raises(mic.UnsupportedError, match=message):
        mic.encode(IMAGE, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": "a"}, "a number, a slice, numbers or a mask"),
        ({"frames": 1.0}, r"frames is 1\.0, a number"),
        ({"frames": [0.5]}, r"frames is \[0.5\], a number"),
        ({"rows": 5}, "rows is 5, a slice"),
        ({"rows": "ab"}, "rows is 'ab', a slice"),
        ({"rows": (1, 2, 3)}, r"rows is \(1, 2, 3\), a slice"),
        ({"max_pixels": None}, "max_pixels is None, a number"),
    ],
)
def test_options_of_decode(options, message):
    with pytest.raises(mic.UnsupportedError, match=message):
        mic.decode(STREAM, **options)


@pytest.mark.parametrize("streams", [STREAM, None, 5])
def test_batches_are_lists_of_streams(streams):
    with pytest.raises(mic.UnsupportedError, match="a list of streams is expected"):
        mic.decode_batch(streams)
    assert mic.decode_batch(iter([STREAM, STREAM])).shape == (2, 6, 8)


@pytest.mark.parametrize("shape", [5, None, (-1, 8, 8), (None, 8, 8), (2, 0, 8), (2.5, 8, 8)])
def test_shape_of_a_new_file(tmp_path, shape):
    with pytest.raises(mic.UnsupportedError, match=r"shape is .*rows, columns.* is expected"):
        mic.create(tmp_path / "x.mic", shape=shape, dtype="uint8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_is_named_by_the_file_that_was_asked_for(tmp_path, wrapped):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left") as caught, replacing(tmp_path / "x"):
        if wrapped:  # as in pydicom, with a traceback in the text
            raise OSError("With tag got exception\nTraceback") from full
        raise full
    assert caught.value.filename == str(tmp_path / "x") and caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named_without_the_temporary_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        mic.create(tmp_path / "none" / "x.mic", shape=(..., 8, 8), dtype="uint8")
    assert caught.value.filename == str(tmp_path / "none" / "x.mic")


def test_what_pydicom_cannot_decode_is_an_error_of_mic(tmp_path):
    path = tmp_path / "x.dcm"
    write_dicom(path, IMAGE)
    os.truncate(path, path.stat().st_size - 20)
    with pytest.raises(mic.CorruptDataError, match=r"x\.dcm: Pixel Data .*truncated"):
        mic.dicom.decode_frames(path)


@pytest.mark.parametrize("change", [mic.dicom.compress, mic.dicom.decompress])
def test_data_sets_are_expected_not_paths(change):
    with pytest.raises(mic.UnsupportedError, match=r"ds is .CT.dcm., a pydicom data set .*dcmread"):
        change("CT.dcm")


def test_a_file_may_be_closed_while_threads_read_it(tmp_path):
    path = tmp_path / "x.mic"
    path.write_bytes(mic.encode(np.zeros((3, 900, 900), "uint8")))
    for _ in range(20):
        file = mic.open(path)
        errors = []

        def read(file=file, errors=errors):
            while not errors:
                try:
                    file[1, 5:9]
                except ValueError as error:
                    errors.append(str(error))

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        file.close()
        for thread in threads:
            thread.join()
        assert set(errors) == {"the file is closed; open it again with mic.open"}


def test_importing_mic_brings_numpy_and_little_else():
    code = "import mic, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    dear = {"pydicom", "click", "rich", "torch", "zarr", "tempfile", "secrets", "multiprocessing"}
    with_numpy = subprocess.run(
        [sys.executable, "-c", code.replace("mic", "numpy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not dear & loaded - set(with_numpy.stdout.split())
