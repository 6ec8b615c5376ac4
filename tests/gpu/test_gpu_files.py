# SPDX-License-Identifier: MIT
"""Every JPEG, JPEG 2000 and HTJ2K file that pip installed: nvImageCodec against pydicom."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

import mic.gpu
from mic.benchmark.dicom import NVIMGCODEC, FileTimes, measure_files, table
from mic.benchmark.images import installed_folders
from mic.gpu.decoder import import_nvimgcodec
from mic.gpu.plugin import SYNTAXES

pytestmark = pytest.mark.skipif(
    import_nvimgcodec() is None, reason="nvImageCodec is not installed: extra gpu"
)

# Largest difference from pydicom's result for lossy colour files: two correct decoders differ in
# rounding and in how they smooth subsampled chroma.
BASELINE_BOUND = 5


def _files() -> Iterator[Path]:
    for folder in installed_folders().values():
        for path in sorted(folder.rglob("*.dcm")):
            try:
                dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            except Exception:
                continue
            if getattr(dataset.file_meta, "TransferSyntaxUID", "") in SYNTAXES:
                yield path


FILES = list(_files())


def decode(path: Path, **options: Any) -> np.ndarray | None:
    """Return what pydicom gives, or None if it raises."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    try:
        return pixel_array(path, **options)
    except Exception:
        return None
    finally:
        logging.getLogger("pydicom").setLevel(logging.NOTSET)


def assert_close(path: Path, found: np.ndarray, expected: np.ndarray) -> None:
    """Equal, or as close as two decoders of the file's syntax get to each other."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    bound = BASELINE_BOUND if syntax == pydicom.uid.JPEGBaseline8Bit else 0
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= bound


@pytest.fixture
def cpu_registered() -> Iterator[None]:
    assert mic.gpu.register(cpu=True)
    yield
    mic.gpu.unregister()


def test_there_are_files_of_most_syntaxes() -> None:
    syntaxes = {
        pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID for path in FILES
    }
    assert len(syntaxes) >= 4
    assert len(FILES) >= 15


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("as_rgb", [True, False])
def test_same_pixels_as_pydicom(path: Path, as_rgb: bool, request: pytest.FixtureRequest) -> None:
    """Compare the first frame; a test below shows that frames do not differ."""
    if not as_rgb and pydicom.dcmread(path).get("SamplesPerPixel", 1) == 1:
        return  # grey: the option has no meaning
    expected = decode(path, index=0, as_rgb=as_rgb)
    request.getfixturevalue("cpu_registered")
    found = decode(path, index=0, as_rgb=as_rgb)
    if expected is None:
        assert found is None  # no decoder accepts what another refuses
        return
    assert found is not None
    assert_close(path, found, expected)


@pytest.mark.filterwarnings("error")
def test_frames_of_one_call_share_their_colours(cpu_registered: None) -> None:
    """Thirty subsampled frames: each is RGB, and there is no warning about the JFIF marker."""
    path = next(path for path in FILES if path.stem == "examples_ybr_color")
    dataset = pydicom.dcmread(path)
    array = dataset.pixel_array
    for index in (0, 29):
        np.testing.assert_array_equal(array[index], pixel_array(dataset, index=index))


@pytest.mark.filterwarnings("ignore")
def test_decompressing_says_what_the_pixels_are(cpu_registered: None) -> None:
    path = next(path for path in FILES if path.stem == "SC_rgb_dcmtk_+eb+cy+n1")
    dataset = pydicom.dcmread(path)
    expected = dataset.pixel_array
    dataset.decompress()
    assert dataset.PhotometricInterpretation == "RGB"
    np.testing.assert_array_equal(dataset.pixel_array, expected)


@pytest.mark.filterwarnings("ignore")
def test_batch_on_the_cpu_is_what_pydicom_gives() -> None:
    readable = [
        path
        for path in FILES
        if "PixelData" in pydicom.dcmread(path) and decode(path, index=0) is not None
    ]
    batch = mic.gpu.decode_batch(readable, [0], device="cpu", threads=2)
    batch.raise_errors()
    assert batch.places == [(number, 0) for number in range(len(readable))]
    for path, frame in zip(readable, batch, strict=True):
        expected = decode(path, index=0)
        assert expected is not None
        assert_close(path, frame, expected)


@pytest.mark.filterwarnings("ignore")
def test_the_benchmark_has_a_column_for_it() -> None:
    small = [path for path in FILES if path.stem in ("SC_rgb_jpeg_dcmtk", "MR_small_jp2klossless")]
    rows = list(measure_files(small, warm_ups=0, runs=1, nvimgcodec="cpu"))
    assert len(rows) == len(small) > 0
    assert all(isinstance(row, FileTimes) and NVIMGCODEC in row.seconds for row in rows)
    head, _ = table([row for row in rows if isinstance(row, FileTimes)])
    assert head[4:7] == ["nvimgcodec (s)", "Std", "Speedup"]
