# SPDX-License-Identifier: MIT
"""The codec for Zarr 3: every supported array is restored, every other one is refused at once."""

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zoo

import mic

zarr = pytest.importorskip("zarr", minversion="3")
from mic.zarr import MicCodec  # noqa: E402

DTYPES = ("int8", "uint8", "<i2", ">i2", "<u2", ">u2")
LAYOUTS = (
    {"chunks": (1, 96, 128)},
    {"chunks": (5, 40, 50)},  # the last ones pass the edge
    {"chunks": (24, 96, 128)},
    {"chunks": (2, 48, 64), "shards": (8, 96, 128)},
)


def stored(array: np.ndarray, **options: Any) -> Any:
    """Write an array to memory and open it again."""
    store = zarr.storage.MemoryStore()
    codec = options.pop("serializer", MicCodec())
    options.setdefault("chunks", array.shape)
    written = zarr.create_array(
        store,
        shape=array.shape,
        dtype=array.dtype,
        serializer=codec,
        compressors=None,
        **options,
    )
    written[...] = array
    return zarr.open_array(store)


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    return zoo.volume((24,), 96, 128)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_roundtrip(scan: np.ndarray, dtype: str, layout: dict[str, Any]) -> None:
    array = scan.astype(dtype)
    opened = stored(array, fill_value=7, **layout)
    assert opened.dtype == array.dtype.newbyteorder("=")
    assert (opened[...] == array).all()


@pytest.mark.parametrize("shape", [(200,), (40, 60), (6, 40, 60), (2, 3, 40, 60), (2, 2, 2, 8, 9)])
def test_ranks(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 4000, shape, "uint16")
    assert (stored(array)[...] == array).all()


@pytest.mark.parametrize("rgb", [None, True, False])
def test_colour(rgb: bool | None) -> None:
    array = np.random.default_rng(1).integers(0, 255, (2, 40, 60, 3), "uint8")
    opened = stored(array, serializer=MicCodec(rgb=rgb), chunks=(1, 40, 60, 3))
    assert (opened[...] == array).all()
    assert (opened[1, 3:9, :, 1] == array[1, 3:9, :, 1]).all()


SELECTIONS = (
    np.s_[3],
    np.s_[-1, 5:20],
    np.s_[::3, 7, ::5],
    np.s_[10:20, 90, 7],
    np.s_[..., -1],
    np.s_[5:2],
    np.s_[4:5, 95:96, 127:128],
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_parts(scan: np.ndarray, layout: dict[str, Any]) -> None:
    opened = stored(scan, **layout)
    for selection in SELECTIONS:
        assert np.array_equal(opened[selection], scan[selection]), selection
    grid = ([1, 5, 23], range(96), [3, 100])
    assert np.array_equal(opened.oindex[[1, 5, 23], :, [3, 100]], scan[np.ix_(*grid)])
    points = ([1, 5, 23], [0, 1, 95], [3, 127, 1])
    assert np.array_equal(opened.vindex[points], scan[points])
    every_seventh = np.arange(24) % 7 == 3
    assert np.array_equal(opened.oindex[every_seventh], scan[every_seventh])


class CountingStore(zarr.storage.WrapperStore):
    """Count the bytes of chunks that are read."""

    n_bytes = 0

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        part = await self._store.get(key, prototype, byte_range)
        if part is not None and "zarr.json" not in key:
            type(self).n_bytes += len(part)
        return part


def test_a_part_of_a_chunk_reads_a_part_of_its_bytes(scan: np.ndarray) -> None:
    opened = stored(scan)
    counted = zarr.open_array(CountingStore(opened.store_path.store))
    whole = len(mic.encode(scan))
    for index in range(24):
        CountingStore.n_bytes = 0
        assert (counted[index] == scan[index]).all()
        assert CountingStore.n_bytes < whole / 4
    CountingStore.n_bytes = 0
    assert (counted[...] == scan).all()
    assert CountingStore.n_bytes == whole


def test_writing_a_part_keeps_the_rest(scan: np.ndarray) -> None:
    opened = stored(scan, chunks=(6, 96, 128))
    opened[3, 10:20, 5] = 1
    changed = scan.copy()
    changed[3, 10:20, 5] = 1
    assert (opened[...] == changed).all()


def test_chunks_that_were_not_written_are_the_fill_value() -> None:
    store = zarr.storage.MemoryStore()
    array = zarr.create_array(
        store,
        shape=(4, 32, 32),
        chunks=(1, 32, 32),
        dtype="int16",
        serializer=MicCodec(),
        compressors=None,
        fill_value=-1024,
    )
    array[2] = np.broadcast_to(np.arange(32), (32, 32))
    assert (array[0] == -1024).all()
    assert (array[2] == np.arange(32)).all()
    array[2] = -1024
    assert array.nchunks_initialized == 0


def test_metadata_say_what_is_needed_to_decode() -> None:
    opened = stored(np.zeros((4, 8), "int16") + 1, serializer=MicCodec(effort=7, threads=3))
    metadata = json.loads(json.dumps(opened.metadata.to_dict()))
    expected = {"name": "mic", "configuration": {"effort": 7, "codec": "wavefront"}}
    assert list(metadata["codecs"]) == [expected]
    assert opened.metadata.codecs[0] == MicCodec(effort=7)
    assert MicCodec.from_dict({"name": "mic"}) == MicCodec()
    assert MicCodec.from_dict(MicCodec(rgb=False).to_dict()) == MicCodec(rgb=False)


def test_by_name_in_a_dictionary() -> None:
    array = np.arange(64, dtype="uint16").reshape(8, 8)
    assert (stored(array, serializer={"name": "mic", "configuration": {}})[...] == array).all()


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32", "bool", "complex64"])
@pytest.mark.parametrize("shards", [None, (4, 4)])
def test_other_dtypes_are_refused_at_creation(dtype: str, shards: tuple[int, int] | None) -> None:
    with pytest.raises(mic.UnsupportedError, match=f"dtype {dtype}.*convert the data"):
        zarr.create_array(
            {},
            shape=(4, 4),
            chunks=(2, 2),
            shards=shards,
            dtype=dtype,
            serializer=MicCodec(),
            compressors=None,
        )


def test_scalars_are_refused_at_creation() -> None:
    with pytest.raises(mic.UnsupportedError, match="no axes"):
        zarr.create_array({}, shape=(), dtype="int16", serializer=MicCodec(), compressors=None)


@pytest.mark.parametrize(
    "wrong", [{"effort": 0}, {"codec": "zip"}, {"rgb": 3}, {"threads": -1}], ids=str
)
def test_options_are_checked_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(mic.UnsupportedError, match=next(iter(wrong))):
        MicCodec(**wrong)


def test_unknown_options_of_a_newer_version() -> None:
    with pytest.raises(mic.UnsupportedError, match="install a newer"):
        MicCodec.from_dict({"name": "mic", "configuration": {"lanes": 64}})


def damage_cut(chunk: bytes) -> bytes:
    return chunk[: len(chunk) * 2 // 3]


def damage_flip(chunk: bytes) -> bytes:
    return chunk[:5000] + bytes([chunk[5000] ^ 4]) + chunk[5001:]


def damage_other_shape(chunk: bytes) -> bytes:
    return mic.encode(mic.decode(chunk)[:, :-1])


def damage_huge(chunk: bytes) -> bytes:
    """It announces 2^31 - 1 frames; the core wrote the header, so its checksum is right."""
    from mic._mic import Layout

    layout = Layout.make(0, 3, 1, (2**31 - 1,), 96, 128)
    layout.plan(3)
    layout.finish((2**31 - 1,), 16, 2**40)
    return layout.header() + chunk


@pytest.mark.parametrize("damage", [damage_cut, damage_flip, damage_other_shape, damage_huge])
@pytest.mark.parametrize("selection", [np.s_[...], np.s_[20]], ids=["all", "part"])
def test_damage(
    scan: np.ndarray, damage: Callable[[bytes], bytes], selection: Any, tmp_path: Path
) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=scan.shape,
        chunks=scan.shape,
        dtype=scan.dtype,
        serializer=MicCodec(),
        compressors=None,
    )
    array[...] = scan
    chunk = tmp_path / "a.zarr" / "c" / "0" / "0" / "0"
    chunk.write_bytes(damage(chunk.read_bytes()))
    if damage is damage_flip and selection != np.s_[...]:
        assert (array[selection] == scan[selection]).all()  # the damage is elsewhere
        return
    with pytest.raises(mic.CorruptDataError):
        array[selection]


def test_dask(scan: np.ndarray) -> None:
    dask_array = pytest.importorskip("dask.array")
    lazy = dask_array.from_zarr(stored(scan, chunks=(4, 96, 128)))
    assert lazy.chunksize == (4, 96, 128)
    assert int(lazy.max().compute()) == scan.max()


def test_entry_points(tmp_path: Path, run_python: Callable[[str], str]) -> None:
    """An installed mic is found without an import."""
    try:
        groups = {e.group: e.value for e in metadata.distribution("mic-codec").entry_points}
    except metadata.PackageNotFoundError:
        pytest.skip("mic-codec is not installed, only importable")
    assert groups["zarr.codecs"] == "mic.zarr:MicCodec"
    path = tmp_path / "a.zarr"
    array = zarr.create_array(
        path, shape=(8, 8), dtype="int16", serializer=MicCodec(), compressors=None
    )
    array[...] = np.arange(64, dtype="int16").reshape(8, 8)
    code = f"import zarr; print(zarr.open_array({str(path)!r})[7, 7])"
    assert run_python(code) == "63"
    code = 'import numcodecs; print(numcodecs.get_codec({"id": "mic"}).effort)'
    assert run_python(code) == "5"
