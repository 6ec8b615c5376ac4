# SPDX-License-Identifier: MIT
"""Data sets for a DataLoader: their samples, in this process and in workers."""

import pickle
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import zoo
from dicomfiles import write_dicom
from seriesfiles import write_series
from workers import frame_as_pydicom_decodes_it

import mic
import mic.dicom
import mic.volume

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, Subset  # noqa: E402

from mic.torch import (  # noqa: E402
    DicomSeries,
    DicomSlices,
    collate,
    read_dicom_to_tensor,
    register_in_worker,
)
from mic.torch.tensors import FrameCache, Memory  # noqa: E402


def compress(path: Path) -> None:
    ds = pydicom.dcmread(path)
    mic.dicom.compress(ds)
    ds.save_as(path)


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return zoo.volume((10,), 40, 32)


@pytest.fixture(scope="module")
def folder(scan: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files of one frame each in MIC Lossless, one of four frames, and one without pixels."""
    folder = tmp_path_factory.mktemp("scan")
    for number in range(6):
        write_dicom(folder / f"{number}.dcm", scan[number], RescaleSlope=1, RescaleIntercept=-7)
        compress(folder / f"{number}.dcm")
    write_dicom(folder / "6.dcm", scan[6:], RescaleSlope=1, RescaleIntercept=-7)
    compress(folder / "6.dcm")
    report = pydicom.dcmread(folder / "0.dcm")
    del report.PixelData, report.Rows, report.Columns
    report.save_as(folder / "7.dcm")
    return folder


def test_samples_are_frames(folder: Path, scan: np.ndarray) -> None:
    slices = DicomSlices(folder)
    assert len(slices) == 10
    for index in range(-10, 10):
        assert slices[index].dtype == torch.float32
        assert np.array_equal(slices[index].numpy(), scan[index][None].astype("f4"))
    assert slices.item(7) == (str(folder / "6.dcm"), 1)
    with pytest.raises(IndexError, match="there are 10"):
        slices[10]


def test_paths(folder: Path, scan: np.ndarray) -> None:
    slices = DicomSlices([folder / "3.dcm", str(folder / "1.dcm")], dtype=None)
    assert np.array_equal(torch.stack(list(slices)).numpy()[:, 0], scan[[3, 1]])
    with pytest.raises(mic.UnsupportedError, match="it holds no image"):
        DicomSlices([folder / "7.dcm"])
    with pytest.raises(mic.UnsupportedError, match="does not exist"):
        DicomSlices(folder / "nowhere")
    with pytest.raises(mic.UnsupportedError, match="paths are expected"):
        DicomSlices([pydicom.dcmread(folder / "1.dcm")])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "int16", None, "bfloat16"])
def test_batches(folder: Path, scan: np.ndarray, threads: int, dtype: str | None) -> None:
    kind = None if dtype is None else getattr(torch, dtype)
    slices = DicomSlices(folder, dtype=kind, threads=threads)
    expected = torch.from_numpy(scan)[:, None].to(slices[0].dtype)
    for function in (collate, None):
        batches = list(DataLoader(slices, batch_size=4, collate_fn=function))
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert torch.equal(torch.cat(batches), expected)


def test_collate_does_not_copy(folder: Path) -> None:
    batch = DicomSlices(folder).__getitems__([3, 8, 1])
    stacked = collate(batch)
    assert stacked.data_ptr() == batch[0].data_ptr()
    assert torch.equal(stacked, torch.stack(list(batch)))


def test_rescaling(folder: Path, scan: np.ndarray) -> None:
    slices = DicomSlices(folder, rescale=True)
    (batch,) = DataLoader(slices, batch_size=10, collate_fn=collate)
    assert np.array_equal(batch.numpy()[:, 0], scan.astype("f4") - 7)
    assert torch.equal(slices[4], batch[4])


def test_targets_and_transforms(folder: Path, scan: np.ndarray) -> None:
    def halve(tensor: torch.Tensor) -> torch.Tensor:
        return tensor[..., ::2]

    slices = DicomSlices(folder, target=lambda item: item.frame, transform=halve)
    for function in (collate, None):
        (batch, frames), *_ = DataLoader(slices, batch_size=8, collate_fn=function)
        assert frames.tolist() == [0] * 6 + [0, 1]
        assert np.array_equal(batch.numpy()[:, 0], scan[:8, :, ::2])
    slices = DicomSlices(folder, target=lambda item: item.frame)
    (batch, frames), *_ = DataLoader(slices, batch_size=8, collate_fn=collate)
    assert frames.tolist() == [0] * 6 + [0, 1]
    assert np.array_equal(batch.numpy()[:, 0], scan[:8])


def test_subsets_keep_their_batches(folder: Path, scan: np.ndarray) -> None:
    (batch,) = DataLoader(Subset(DicomSlices(folder), [9, 2]), batch_size=2, collate_fn=collate)
    assert np.array_equal(batch.numpy()[:, 0], scan[[9, 2]])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers(folder: Path, scan: np.ndarray, start: str) -> None:
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {start}")
    slices = DicomSlices(folder, target=frame_as_pydicom_decodes_it, cache_bytes=0)
    loader = DataLoader(
        slices, batch_size=4, num_workers=2, collate_fn=collate, multiprocessing_context=start
    )
    batches = list(loader)
    assert np.array_equal(torch.cat([batch for batch, _ in batches]).numpy()[:, 0], scan)
    sums = scan.astype(int).sum(axis=(1, 2))
    assert torch.cat([target for _, target in batches]).tolist() == sums.tolist()
    from pydicom.pixels import get_decoder

    with pytest.raises(NotImplementedError):
        get_decoder(mic.MICLossless)  # nothing was registered in this process


class PydicomFiles(torch.utils.data.Dataset):
    """A data set that is not mic's."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(pydicom.dcmread(self.paths[index]).pixel_array)


def test_workers_of_other_data_sets(folder: Path, scan: np.ndarray) -> None:
    files = PydicomFiles([folder / "0.dcm", folder / "1.dcm"])
    (batch,) = DataLoader(files, batch_size=2, num_workers=1, worker_init_fn=register_in_worker)
    assert np.array_equal(batch.numpy(), scan[:2])


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory, large: zoo.Sample) -> Path:
    """Write a file whose frame has several strips."""
    path = tmp_path_factory.mktemp("tall") / "tall.dcm"
    write_dicom(path, large.array)
    compress(path)
    return path


def test_parts(tall: Path, large: zoo.Sample) -> None:
    slices = DicomSlices(tall, dtype=None)
    part = slices.read(0, slice(100, 200), slice(50, 60))
    assert np.array_equal(part.numpy()[0], large.array[100:200, 50:60])
    rows = DicomSlices(tall, dtype=None, rows=slice(-30, None))[0]
    assert np.array_equal(rows.numpy()[0], large.array[-30:])
    for wrong in (slice(5, 5), slice(0, 50, 2), slice(10**6, None)):
        with pytest.raises(mic.UnsupportedError, match="slice of step 1"):
            slices.read(0, wrong)
    with pytest.raises(mic.UnsupportedError, match="exclude each other"):
        DicomSlices(tall, rows=slice(1), patch=(2, 2))
    with pytest.raises(mic.UnsupportedError, match="a slice is expected"):
        DicomSlices(tall, rows=5)
    with pytest.raises(mic.UnsupportedError, match="a pair of"):
        DicomSlices(tall, patch=5)


def test_parts_decode_only_their_strips(tall: Path, large: zoo.Sample, tmp_path: Path) -> None:
    """A damaged strip does not affect readers of other strips."""
    data = bytearray(tall.read_bytes())
    data[-100] ^= 4
    path = tmp_path / "damaged.dcm"
    path.write_bytes(data)
    slices = DicomSlices(path, dtype=None)
    assert np.array_equal(slices.read(0, slice(0, 99)).numpy()[0], large.array[:99])
    with pytest.raises(mic.CorruptDataError, match=r"damaged\.dcm: frame 0"):
        slices.read(0, slice(-9, None))


def test_native_parts(tmp_path: Path, scan: np.ndarray) -> None:
    write_dicom(tmp_path / "a.dcm", scan)
    slices = DicomSlices(tmp_path / "a.dcm", dtype=None)
    part = slices.read(7, slice(3, 9), slice(5, 20))
    assert np.array_equal(part.numpy()[0], scan[7, 3:9, 5:20])


def test_patches(tall: Path, large: zoo.Sample) -> None:
    slices = DicomSlices([tall] * 8, dtype=None, patch=(16, 24))
    torch.manual_seed(3)
    (first,) = DataLoader(slices, batch_size=8, collate_fn=collate)
    assert first.shape == (8, 1, 16, 24)
    windows = np.lib.stride_tricks.sliding_window_view(large.array, (16, 24))
    for patch in first.numpy()[:, 0]:
        corner = np.argwhere(windows[..., 0, 0] == patch[0, 0])
        assert any((windows[tuple(place)] == patch).all() for place in corner)
    assert len({patch.numpy().tobytes() for patch in first}) > 1
    torch.manual_seed(3)
    (again,) = DataLoader(slices, batch_size=8, collate_fn=collate)
    assert torch.equal(first, again)
    with pytest.raises(mic.UnsupportedError, match="do not fit"):
        DicomSlices(tall, patch=(10**5, 4))[0]


def test_frames_of_several_shapes(folder: Path, tmp_path: Path) -> None:
    write_dicom(tmp_path / "other.dcm", zoo.volume((), 50, 60))
    paths = [folder / "0.dcm", tmp_path / "other.dcm"]
    with pytest.raises(mic.UnsupportedError, match=r"other\.dcm has frames of \(50, 60\)"):
        list(DataLoader(DicomSlices(paths), batch_size=2, collate_fn=collate))
    (batch,) = DataLoader(DicomSlices(paths, patch=(8, 8)), batch_size=2, collate_fn=collate)
    assert batch.shape == (2, 1, 8, 8)


def test_cache(folder: Path, scan: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes((folder / "6.dcm").read_bytes())
    slices = DicomSlices(path, dtype=None, cache_bytes=2 * scan[0].nbytes)
    for index in (0, 1, 1, 2, 1):
        assert np.array_equal(slices[index].numpy()[0], scan[6 + index])
    path.unlink()
    for index in (1, 2):
        assert np.array_equal(slices.read(index, slice(4, 9)).numpy()[0], scan[6 + index, 4:9])
    with pytest.raises(FileNotFoundError):
        slices[0]
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickle.dumps(slices))[1]  # each worker has its own cache


def test_cache_keeps_to_its_size() -> None:
    cache = FrameCache(100)
    for key in range(50):
        cache.put(key, np.zeros(30, "u1"))
        assert cache.n_bytes <= 100
    assert cache.get(48) is not None
    assert cache.get(46) is None
    cache.put(99, np.zeros(101, "u1"))
    assert cache.get(99) is None
    with pytest.raises(mic.UnsupportedError, match="cache_bytes is -1"):
        FrameCache(-1)


def test_files_that_changed(tmp_path: Path, scan: np.ndarray) -> None:
    path = tmp_path / "a.dcm"
    write_dicom(path, scan[0])
    slices = DicomSlices(path)
    slices[0]
    time.sleep(0.02)
    write_dicom(path, scan[1])
    with pytest.raises(mic.CorruptDataError, match="changed since it was indexed"):
        slices[0]


def test_damage_in_a_batch_is_named(folder: Path, tmp_path: Path) -> None:
    for name in ("0.dcm", "1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    data = bytearray((tmp_path / "1.dcm").read_bytes())
    data[-60] ^= 1
    (tmp_path / "1.dcm").write_bytes(data)
    loader = DataLoader(DicomSlices(tmp_path), batch_size=3, collate_fn=collate)
    with pytest.raises(mic.CorruptDataError, match=r"1\.dcm: frame 0"):
        list(loader)


def test_memory_is_used_again_but_not_while_it_is_held(folder: Path, scan: np.ndarray) -> None:
    slices = DicomSlices(folder)
    first = collate(slices.__getitems__([0, 1]))
    part = first[1, 0, 5:].numpy()
    expected = part.copy()
    address = first.data_ptr()
    del first
    second = collate(slices.__getitems__([2, 3]))
    assert second.data_ptr() != address
    assert np.array_equal(part, expected)
    del part, second
    third = collate(slices.__getitems__([4, 5]))
    fourth = collate(slices.__getitems__([6, 7]))
    assert address in (third.data_ptr(), fourth.data_ptr())
    assert np.array_equal(third.numpy()[:, 0], scan[4:6])
    assert np.array_equal(fourth.numpy()[:, 0], scan[6:8])


def test_memory_keeps_few_blocks() -> None:
    memory = Memory()
    held = [memory.array((n,), "u1") for n in range(1, 30)]
    del held
    assert len(memory._free) <= Memory._MOST_FREE


def test_one_data_set_in_many_threads(folder: Path, scan: np.ndarray) -> None:
    slices = DicomSlices(folder, cache_bytes=3 * scan[0].nbytes)

    def check(index: int) -> bool:
        return np.array_equal(slices[index % 10].numpy()[0], scan[index % 10])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(400)))


@pytest.fixture
def two_series(tmp_path: Path) -> Path:
    for number, count in ((1, 5), (2, 3)):
        (tmp_path / str(number)).mkdir()
        write_series(
            tmp_path / str(number), zoo.volume((count,), 12, 10), SeriesInstanceUID=f"1.2.{number}"
        )
        for path in (tmp_path / str(number)).iterdir():
            compress(path)
    return tmp_path


def test_series(two_series: Path) -> None:
    mic.register()
    try:
        expected = {
            uid: mic.volume.read_series(two_series, series_uid=uid) for uid in ("1.2.1", "1.2.2")
        }
    finally:
        mic.unregister()
    series = DicomSeries(two_series, threads=2)
    assert len(series) == 2
    for sample in series:
        volume = expected.pop(sample["series_uid"])
        assert sample["image"].shape == (1, *volume.array.shape)
        assert np.array_equal(sample["image"].numpy()[0], volume.array.astype("f4"))
        assert np.allclose(sample["spacing"].numpy(), volume.spacing)
        assert np.allclose(sample["origin"].numpy(), volume.origin)
        assert np.allclose(sample["direction"].numpy(), volume.direction)
    assert not expected


def test_series_in_a_loader(two_series: Path) -> None:
    def only_image(sample: dict[str, Any]) -> torch.Tensor:
        return sample["image"][:, :3]

    series = DicomSeries(two_series, transform=only_image)
    (batch,) = DataLoader(series, batch_size=2)
    assert batch.shape == (2, 1, 3, 12, 10)
    assert len(pickle.loads(pickle.dumps(DicomSeries(two_series)))) == 2


# ---- files that differ ---------------------------------------------------------------


def write_mixed(folder: Path, kinds: tuple[str, ...], **attributes: Any) -> list[np.ndarray]:
    """Write a series of one slice of each type, the odd ones in MIC Lossless."""
    extremes = [np.array([[np.iinfo(kind).min, 0, np.iinfo(kind).max]], kind) for kind in kinds]
    paths = write_series(
        folder, extremes, names=[f"{number}.dcm" for number in range(len(kinds))], **attributes
    )
    for path in paths[1::2]:
        compress(path)
    return extremes


MIXED = [
    (("uint8", "uint16"), "uint16"),
    (("int16", "uint16", "int16"), "int32"),
    (("uint16", "int16"), "int32"),
    (("int8", "uint8"), "int16"),
]


@pytest.mark.parametrize(("kinds", "common"), MIXED)
def test_batches_of_several_types(kinds: tuple[str, ...], common: str, tmp_path: Path) -> None:
    slices = write_mixed(tmp_path, kinds)
    expected = np.stack([one.astype("int32") for one in slices])[:, None]
    for rescale, dtype, offset in (
        (False, "float32", 0),
        (False, "int32", 0),
        (True, "float32", 1),
    ):
        dataset = DicomSlices(tmp_path, rescale=rescale, dtype=getattr(torch, dtype))
        for function in (collate, None):
            (batch,) = DataLoader(dataset, batch_size=len(kinds), collate_fn=function)
            assert batch.dtype == getattr(torch, dtype)
            assert np.array_equal(batch.numpy(), expected - 1024 * offset)
    with pytest.raises(mic.UnsupportedError, match=r"pass a dtype that holds both, such as torch"):
        list(DataLoader(DicomSlices(tmp_path, dtype=None), batch_size=2, collate_fn=collate))
    with pytest.raises(mic.UnsupportedError, match="pass a wider dtype"):
        narrow = DicomSlices(tmp_path, dtype=torch.uint8)
        list(DataLoader(narrow, batch_size=2, collate_fn=collate))


@pytest.mark.parametrize(("kinds", "common"), MIXED)
def test_series_of_several_types(kinds: tuple[str, ...], common: str, tmp_path: Path) -> None:
    expected = np.stack([one.astype("int32") for one in write_mixed(tmp_path, kinds)])
    for dtype in (None, torch.int32, torch.float32):
        (sample,) = DicomSeries(tmp_path, dtype=dtype)
        assert sample["image"].dtype == (dtype or getattr(torch, common))
        assert np.array_equal(sample["image"].numpy()[0], expected)
    (sample,) = DicomSeries(tmp_path, rescale=True)
    assert np.array_equal(sample["image"].numpy()[0], expected - 1024)
    (series,) = [mic.volume.read_series(tmp_path, rescale=True)]
    assert np.array_equal(sample["image"].numpy()[0], series.array)


def test_types_that_hold_only_some_slices_are_refused(tmp_path: Path) -> None:
    """The bits stored of the second slice do not fit, although its type is that of the first."""
    write_series(tmp_path, np.full((2, 1, 3), 60000, "u2"), names=["0.dcm", "1.dcm"])
    ds = pydicom.dcmread(tmp_path / "0.dcm")
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = bytes(6)
    ds.save_as(tmp_path / "0.dcm")
    with pytest.raises(mic.UnsupportedError, match=r"1\.dcm has values from 0 to 65535"):
        DicomSeries(tmp_path, dtype=torch.int16)[0]


def test_tables_of_slices_of_several_types(tmp_path: Path) -> None:
    """A Modality LUT is looked up by stored value, in whatever type that value travels."""
    write_series(tmp_path, [np.array([[0, 1, 2]], kind) for kind in ("u2", "i2")])
    for path in tmp_path.iterdir():
        ds = pydicom.dcmread(path)
        table = pydicom.Dataset()
        table.add_new("LUTDescriptor", "US", [3, 0, 16])
        table.add_new("LUTData", "US", [7, 40, 500])
        ds.ModalityLUTSequence = [table]
        ds.save_as(path)
    (sample,) = DicomSeries(tmp_path, rescale=True)
    assert sample["image"].tolist() == [[[[7, 40, 500]], [[7, 40, 500]]]]


# ---- slopes --------------------------------------------------------------------------


def test_rescale_slope_of_zero(tmp_path: Path) -> None:
    slices = zoo.volume((3,), 4, 5)
    write_series(tmp_path, slices, RescaleSlope=lambda index: "01"[index > 1])
    for make in (DicomSlices, DicomSeries):
        with pytest.warns(UserWarning, match=r"Rescale Slope is 0 in \d+.dcm and 1 other file: "):
            make(tmp_path, rescale=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make(tmp_path)  # stored values are as they are
    with pytest.warns(UserWarning, match="Rescale Slope is 0"):
        (sample,) = DicomSeries(tmp_path, rescale=True)
    assert np.array_equal(
        sample["image"].numpy()[0], mic.volume.read_series(tmp_path, rescale=True).array
    )


def test_rescaled_values_that_overflow(tmp_path: Path) -> None:
    stored = np.array([[-3, 0, 5]], "i2")
    (path,) = write_series(tmp_path, [stored], RescaleSlope="1e300")
    expected = [[[-np.inf, -1024, np.inf]]]
    for use in (
        lambda: read_dicom_to_tensor(path, rescale=True),
        lambda: DicomSlices(path, rescale=True)[0],
        lambda: DicomSeries(path, rescale=True)[0]["image"][0],
    ):
        with pytest.warns(UserWarning, match=r"may be beyond torch\.float32") as caught:
            assert use().tolist() == expected
        assert len(caught) == 1 and caught[0].filename == __file__
    exact = read_dicom_to_tensor(path, rescale=True, dtype=torch.float64)
    assert exact.tolist() == [[[-3e300, -1024, 5e300]]]
    assert read_dicom_to_tensor(path).tolist() == [stored.tolist()]


def test_half_floats_overflow_too(tmp_path: Path) -> None:
    paths = write_series(tmp_path, np.array([[[1000, 65535]]], "u2"), RescaleIntercept="0")
    with pytest.warns(UserWarning, match=r"beyond torch\.float16"):
        tensor = read_dicom_to_tensor(paths[0], rescale=True, dtype=torch.float16)
    assert tensor.tolist() == [[[1000, np.inf]]]
    write_series(tmp_path, np.array([[[-32768, 32767]]], "i2"), names=[paths[0].name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # CT in 16 bits fits
        read_dicom_to_tensor(paths[0], rescale=True, dtype=torch.float16)
