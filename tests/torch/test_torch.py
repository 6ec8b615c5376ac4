# SPDX-License-Identifier: MIT
"""Tensors from DICOM files: pydicom's values, in the type and shape that torch needs."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import zoo
from dicomfiles import write_dicom
from pydicom.data import data_manager
from pydicom.pixels import apply_modality_lut
from pydicom.pixels.utils import pixel_array

import mic
import mic.dicom

torch = pytest.importorskip("torch")
from mic.torch import read_dicom_to_tensor  # noqa: E402

# Among pydicom's files: signed, multi-frame, colour by pixel and by plane, big-endian, RLE.
NAMES = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
)


def installed(name: str) -> Path:
    return Path(data_manager.DATA_ROOT) / "test_files" / name


def in_mic(path: Path, target: Path) -> Path:
    """Write a copy of a file in MIC Lossless."""
    ds = pydicom.dcmread(path)
    mic.dicom.compress(ds)
    ds.save_as(target)
    return target


def channels_first(array: np.ndarray, ds: pydicom.Dataset) -> np.ndarray:
    colour = ds.SamplesPerPixel == 3
    return np.moveaxis(array, -1, -3) if colour else np.expand_dims(array, -3)


@pytest.mark.parametrize("name", NAMES)
def test_values_of_pydicom(name: str, tmp_path: Path) -> None:
    path = installed(name)
    if not path.exists():
        pytest.skip(f"this pydicom does not bring {name}")
    ds = pydicom.dcmread(path)
    expected = channels_first(pixel_array(path), ds)
    paths = [path]
    if not ds.file_meta.TransferSyntaxUID.is_compressed:
        paths.append(in_mic(path, tmp_path / "mic.dcm"))
    for source in paths:
        stored = read_dicom_to_tensor(source, dtype=None)
        assert stored.numpy().dtype == expected.dtype.newbyteorder("=")
        assert np.array_equal(stored.numpy(), expected)
        as_float = read_dicom_to_tensor(source)
        assert as_float.dtype == torch.float32
        assert np.array_equal(as_float.numpy(), expected.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_stored_types(dtype: str, tmp_path: Path) -> None:
    array = zoo.volume((3,), 24, 20, dtype)
    write_dicom(tmp_path / "a.dcm", array)
    in_mic(tmp_path / "a.dcm", tmp_path / "b.dcm")
    for name in ("a.dcm", "b.dcm"):
        tensor = read_dicom_to_tensor(tmp_path / name, dtype=None)
        assert str(tensor.dtype) == f"torch.{dtype}"
        assert np.array_equal(tensor.numpy()[:, 0], array)


@pytest.mark.parametrize("target", ["float16", "bfloat16", "float64", "int32", "int64"])
def test_wider_types(target: str, tmp_path: Path) -> None:
    array = zoo.volume((), 24, 20, "uint8")
    write_dicom(tmp_path / "a.dcm", array)
    tensor = read_dicom_to_tensor(tmp_path / "a.dcm", dtype=getattr(torch, target))
    assert str(tensor.dtype) == f"torch.{target}"
    assert np.array_equal(tensor.to(torch.int32).numpy()[0], array)


def test_types_that_lose_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_dicom(path, zoo.volume((), 24, 20, "uint16") & 0x0FFF, bits_stored=12)
    assert read_dicom_to_tensor(path, dtype=torch.int16).max() < 4096
    for dtype in (torch.uint8, torch.int8):
        with pytest.raises(mic.UnsupportedError, match="values from 0 to 4095"):
            read_dicom_to_tensor(path, dtype=dtype)
    for dtype, rescale in ((torch.int32, True), (None, True), (torch.bool, False), ("f4", False)):
        with pytest.raises(mic.UnsupportedError, match="is expected"):
            read_dicom_to_tensor(path, dtype=dtype, rescale=rescale)


def test_frames(tmp_path: Path) -> None:
    array = zoo.volume((5,), 24, 20)
    write_dicom(tmp_path / "native.dcm", array)
    in_mic(tmp_path / "native.dcm", tmp_path / "mic.dcm")
    for path in (tmp_path / "native.dcm", tmp_path / "mic.dcm"):
        whole = read_dicom_to_tensor(path, threads=2).numpy()
        assert whole.shape == (5, 1, 24, 20)
        assert np.array_equal(read_dicom_to_tensor(path, 3).numpy(), whole[3])
        assert np.array_equal(read_dicom_to_tensor(path, [4, 0]).numpy(), whole[[4, 0]])
        assert np.array_equal(read_dicom_to_tensor(path, slice(1, 3)).numpy(), whole[1:3])
        with pytest.raises(mic.UnsupportedError, match="frame 5 is asked for"):
            read_dicom_to_tensor(path, 5)
        with pytest.raises(mic.UnsupportedError, match="select none"):
            read_dicom_to_tensor(path, [])


@pytest.mark.filterwarnings("ignore:rescaled values of .*float16")
@pytest.mark.parametrize("slope, intercept", [(1, -1024), (2, 0), (0.1, -3.7), (-1, 5), (1e-6, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_rescaling_is_that_of_pydicom(
    slope: float, intercept: float, dtype: str, tmp_path: Path
) -> None:
    array = zoo.volume((2,), 24, 20)
    path = tmp_path / "a.dcm"
    write_dicom(path, array, RescaleSlope=slope, RescaleIntercept=intercept)
    in_mic(path, tmp_path / "b.dcm")
    expected = apply_modality_lut(array, pydicom.dcmread(path)).astype(np.float32)
    for source in (path, tmp_path / "b.dcm"):
        tensor = read_dicom_to_tensor(source, rescale=True, dtype=getattr(torch, dtype))
        wanted = torch.from_numpy(expected).to(getattr(torch, dtype))[:, None]
        assert torch.allclose(tensor, wanted, rtol=0, atol=0) or dtype == "float64"
        assert torch.equal(tensor.to(torch.float32).to(wanted.dtype), wanted)


def test_modality_table(tmp_path: Path) -> None:
    array = (zoo.volume((2,), 24, 20, "uint16") & 0x1FF).astype("uint16")
    path = tmp_path / "a.dcm"
    write_dicom(path, array, bits_stored=12)
    ds = pydicom.dcmread(path)
    table = pydicom.Dataset()
    table.LUTDescriptor = [300, 50, 16]
    table.add_new(0x00283006, "US", [(7 * i * i) % 65536 for i in range(300)])  # LUT Data
    ds.ModalityLUTSequence = [table]
    ds.save_as(path)
    expected = apply_modality_lut(array, ds)
    assert len(np.unique(expected)) > 50
    tensor = read_dicom_to_tensor(path, rescale=True)
    assert np.array_equal(tensor.numpy()[:, 0], expected.astype(np.float32))


def test_rescaling_of_each_frame(tmp_path: Path) -> None:
    """Enhanced files keep it in functional groups, which pydicom's function ignores."""
    array = zoo.volume((3,), 24, 20)
    path = tmp_path / "a.dcm"
    write_dicom(path, array)
    ds = pydicom.dcmread(path)
    groups = []
    for frame in range(3):
        item, transformation = pydicom.Dataset(), pydicom.Dataset()
        transformation.RescaleSlope, transformation.RescaleIntercept = frame + 1, -frame
        item.PixelValueTransformationSequence = [transformation]
        groups.append(item)
    ds.PerFrameFunctionalGroupsSequence = groups
    ds.save_as(path)
    tensor = read_dicom_to_tensor(path, rescale=True).numpy()[:, 0]
    for frame in range(3):
        assert np.array_equal(tensor[frame], array[frame].astype("f4") * (frame + 1) - frame)


@pytest.mark.parametrize("signed", [False, True])
def test_bits_above_bits_stored(signed: bool, tmp_path: Path) -> None:
    """Old overlays in unused bits are not part of the values, as in pydicom."""
    rng = np.random.default_rng(1)
    array = rng.integers(0, 65536, (40, 30), "uint16").view("int16" if signed else "uint16")
    path = tmp_path / "a.dcm"
    write_dicom(path, array, bits_stored=12)
    in_mic(path, tmp_path / "b.dcm")
    expected = pixel_array(path)
    assert not np.array_equal(expected, array)
    for source in (path, tmp_path / "b.dcm"):
        assert np.array_equal(read_dicom_to_tensor(source, dtype=None).numpy()[0], expected)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422", "RGB"])
def test_colour_is_rgb(photometric: str, tmp_path: Path) -> None:
    colour = np.random.default_rng(2).integers(0, 256, (2, 16, 20, 3), "uint8")
    path = tmp_path / "a.dcm"
    write_dicom(path, colour, PhotometricInterpretation=photometric)
    if photometric == "YBR_FULL_422":
        ds = pydicom.dcmread(path)
        ds.PixelData = np.random.default_rng(3).integers(0, 256, 2 * 16 * 20 * 2, "uint8").tobytes()
        ds.save_as(path)
    expected = np.moveaxis(pixel_array(path), -1, 1)
    in_mic(path, tmp_path / "b.dcm")
    for source in (path, tmp_path / "b.dcm"):
        assert np.array_equal(read_dicom_to_tensor(source, dtype=None).numpy(), expected)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip(data: bytes) -> bytes:
    return data[:-100] + bytes([data[-100] ^ 4]) + data[-99:]


@pytest.mark.parametrize("damage", [cut, flip, lambda data: b"no DICOM file"])
def test_damage(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", zoo.volume((), 96, 128))
    path = in_mic(tmp_path / "a.dcm", tmp_path / "b.dcm")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(mic.MicError, match=r"b\.dcm"):
        read_dicom_to_tensor(path)


def test_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_dicom(path, zoo.volume((), 24, 20))
    ds = copy.deepcopy(pydicom.dcmread(path))
    del ds.PixelData, ds.Rows
    ds.save_as(path)
    with pytest.raises(mic.UnsupportedError, match="it holds no image"):
        read_dicom_to_tensor(path)


def test_without_torch(run_python: Callable[[str], str]) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n import mic.torch\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    assert 'pip install "mic-codec[torch]"' in run_python(code)


def test_limits(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", zoo.volume((4,), 24, 20))
    path = in_mic(tmp_path / "a.dcm", tmp_path / "b.dcm")
    assert read_dicom_to_tensor(path, max_pixels=4 * 24 * 20).shape == (4, 1, 24, 20)
    assert read_dicom_to_tensor(path, 1, max_pixels=24 * 20).shape == (1, 24, 20)
    for frames, limit in ((None, 4 * 24 * 20 - 1), ([0, 1], 24 * 20), (0, 24 * 20 - 1)):
        with pytest.raises(mic.LimitError, match="max_pixels"):
            read_dicom_to_tensor(path, frames, max_pixels=limit)
