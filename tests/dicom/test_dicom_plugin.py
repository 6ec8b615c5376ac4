# SPDX-License-Identifier: MIT
"""pydicom's own calls with MIC Lossless, and what registration changes and restores."""

import copy
import io
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import swapped, write_dicom
from pydicom.hooks import hooks
from pydicom.pixels import get_decoder, iter_pixels, pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import mic
from mic.dicom import plugin as pydicom_plugin


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    mic.register()
    yield
    mic.unregister()


def smooth(shape: tuple[int, ...], dtype: str, bits: int) -> np.ndarray:
    """Make values that use all of `bits` bits."""
    values = np.arange(np.prod(shape), dtype="i8").reshape(shape) * 37 % (1 << bits)
    signed = dtype.startswith("i")
    return (values - (1 << bits - 1 if signed else 0)).astype(dtype)


CASES = {
    "grey": (smooth((40, 30), "u2", 12), {"bits_stored": 12}),
    "signed": (smooth((40, 30), "i2", 13), {"bits_stored": 13}),
    "narrow": (smooth((40, 30), "u2", 8), {"bits_stored": 8}),
    "narrow and signed": (smooth((40, 30), "i2", 7), {"bits_stored": 7}),
    "bytes": (smooth((5, 5), "u1", 8), {}),
    "signed bytes": (smooth((5, 5), "i1", 8), {}),
    "frames": (smooth((4, 20, 31), "u2", 16), {}),
    "colour": (smooth((21, 31, 3), "u1", 8), {}),
    "colour frames": (smooth((3, 21, 31, 3), "u1", 8), {}),
    "wide colour": (smooth((21, 31, 3), "u2", 16), {}),
    "implicit": (smooth((40, 30), "u2", 16), {"syntax": ImplicitVRLittleEndian}),
    "YBR": (smooth((8, 8, 3), "u1", 8), {"PhotometricInterpretation": "YBR_FULL"}),
}


@pytest.fixture(params=CASES)
def native(request: pytest.FixtureRequest, tmp_path: Path) -> pydicom.Dataset:
    array, options = CASES[request.param]
    write_dicom(tmp_path / "native.dcm", array, **options)
    return pydicom.dcmread(tmp_path / "native.dcm")


def test_every_call_of_pydicom(native: pydicom.Dataset, tmp_path: Path) -> None:
    expected = native.pixel_array.copy()
    raw = pixel_array(native, raw=True)
    data = native.PixelData
    frames = expected if native.get("NumberOfFrames", 1) > 1 else expected[np.newaxis]
    native.compress(mic.MICLossless, generate_instance_uid=False)
    path = tmp_path / "mic.dcm"
    native.save_as(path)
    ds = pydicom.dcmread(path)
    assert ds.file_meta.TransferSyntaxUID.is_compressed
    assert not ds.file_meta.TransferSyntaxUID.is_implicit_VR
    for source in (native, ds, path):
        got = pixel_array(source)
        assert got.dtype == expected.dtype and (got == expected).all()
        assert (pixel_array(source, raw=True) == raw).all()
        assert (pixel_array(source, index=len(frames) - 1) == frames[-1]).all()
        assert all(np.array_equal(*pair) for pair in zip(iter_pixels(source), frames, strict=True))
        last = next(iter(iter_pixels(source, indices=[len(frames) - 1])))
        assert (last == frames[-1]).all()
    assert ds.pixel_array.flags.writeable
    decoder = get_decoder(mic.MICLossless)
    assert b"".join(frame for frame, _ in decoder.iter_buffer(ds)) == decoder.as_buffer(ds)[0]
    assert copy.deepcopy(ds) == ds and pickle.loads(pickle.dumps(ds)) == ds
    ds.decompress(as_rgb=False, generate_instance_uid=False)
    assert ds.PixelData == data
    ds.save_as(path)
    assert (pydicom.dcmread(path).pixel_array == expected).all()


def test_options_reach_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dicom(tmp_path / "a.dcm", smooth((64, 64), "u2", 12))
    seen = []
    encode = pydicom_plugin.encode_array
    monkeypatch.setattr(
        pydicom_plugin, "encode_array", lambda *a, **k: seen.append(k) or encode(*a, **k)
    )
    pydicom.dcmread(tmp_path / "a.dcm").compress(mic.MICLossless, effort=9, threads=2)
    assert (seen[0]["effort"], seen[0]["threads"]) == (9, 2)
    with pytest.raises(RuntimeError, match="mic: effort is 12, one of 1, 2"):
        pydicom.dcmread(tmp_path / "a.dcm").compress(mic.MICLossless, effort=12)


@pytest.mark.parametrize("name", ["frames", "narrow and signed", "colour frames"])
def test_both_ways_into_an_array(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decode directly into pydicom's array, and through the plugin interface."""
    array, options = CASES[name]
    write_dicom(tmp_path / "a.dcm", array, **options)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.compress(mic.MICLossless)
    direct = pixel_array(ds, threads=3)
    assert (direct == array).all()
    calls = []
    decode = pydicom_plugin.decode
    plugins = get_decoder(mic.MICLossless)
    plugins.remove_plugin("mic")
    monkeypatch.setattr(
        pydicom_plugin, "decode", lambda *arguments: calls.append(1) or decode(*arguments)
    )
    plugins.add_plugin("other", (pydicom_plugin.__name__, "decode"))
    assert (pixel_array(ds) == direct).all() and pixel_array(ds).dtype == direct.dtype
    assert calls


def test_array_and_extended_table(tmp_path: Path) -> None:
    array, options = CASES["colour frames"]
    write_dicom(tmp_path / "a.dcm", array, PlanarConfiguration=1, **options)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.compress(mic.MICLossless, array, encapsulate_ext=True)
    ds.save_as(tmp_path / "b.dcm")
    assert (pydicom.dcmread(tmp_path / "b.dcm").pixel_array == array).all()
    assert (pixel_array(tmp_path / "b.dcm", index=2) == array[2]).all()
    assert (mic.dicom.decode_frames(tmp_path / "b.dcm", 2) == array[2]).all()


def test_colour_by_plane(tmp_path: Path) -> None:
    planes = smooth((2, 3, 9, 8), "u1", 8)
    pixels = planes.transpose(0, 2, 3, 1)
    write_dicom(tmp_path / "a.dcm", pixels, PixelData=planes.tobytes(), PlanarConfiguration=1)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.compress(mic.MICLossless)
    assert (ds.pixel_array == pixels).all()
    exact = copy.deepcopy(ds)
    mic.dicom.decompress(exact)
    assert exact.PixelData == planes.tobytes()
    ds.decompress()
    assert (ds.PlanarConfiguration, ds.PixelData) == (0, pixels.tobytes())


def test_subsampled_chroma(tmp_path: Path) -> None:
    write_dicom(
        tmp_path / "a.dcm",
        np.zeros((2, 6, 8, 3), "u1"),
        PixelData=smooth((2, 6, 8, 2), "u1", 8).tobytes(),
        PhotometricInterpretation="YBR_FULL_422",
    )
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    rgb, ybr = pixel_array(ds), pixel_array(ds, raw=True)
    with pytest.raises(mic.UnsupportedError, match=r"YBR_FULL_422, .* mic\.dicom\.compress"):
        ds.compress(mic.MICLossless)
    mic.dicom.compress(ds)
    assert (pixel_array(ds) == rgb).all() and (pixel_array(ds, raw=True) == ybr).all()
    assert (pixel_array(ds, index=1) == rgb[1]).all()
    ds.decompress(as_rgb=False)
    assert ds.PhotometricInterpretation == "YBR_FULL"
    assert (pixel_array(ds, raw=True) == ybr).all()


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (smooth((4, 4), "u2", 12), {"syntax": ExplicitVRBigEndian}, "Big Endian, a little-endian"),
        (smooth((4, 4), "u2", 16), {"bits_stored": 8}, r"Bits Stored \(0028,0101\) is 8, but"),
        (np.zeros((4, 4), "u4"), {}, r"Bits Allocated \(0028,0100\) is 32, 8 or 16"),
    ],
)
def test_what_would_be_lost_is_refused(
    array: np.ndarray, options: dict, said: str, tmp_path: Path
) -> None:
    write_dicom(tmp_path / "a.dcm", array, **options)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    before = ds.PixelData
    with pytest.raises(mic.UnsupportedError, match=rf"a\.dcm: .*{said}"):
        ds.compress(mic.MICLossless)
    assert ds.PixelData == before
    if array.itemsize == 4:
        with pytest.raises(mic.UnsupportedError, match=said):
            ds.compress(mic.MICLossless, arr=array)


def test_words_in_the_other_order(tmp_path: Path) -> None:
    """Our functions keep what pydicom's call refuses."""
    write_dicom(tmp_path / "a.dcm", smooth((4, 4), "u2", 12), syntax=ExplicitVRBigEndian)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    mic.dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    ds = pydicom.dcmread(tmp_path / "b.dcm")
    assert (ds.pixel_array == smooth((4, 4), "u2", 12)).all()
    ds.decompress()
    assert swapped(np.frombuffer(ds.PixelData, "u2")) == swapped(smooth((4, 4), "u2", 12))


def test_pixel_array_follows_the_pixel_data(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", smooth((8, 8), "u2", 12))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    other = ds.pixel_array[::-1].copy()
    mic.dicom.compress(ds, other)
    assert (ds.pixel_array == other).all()
    mic.dicom.decompress(ds)
    assert (ds.pixel_array == other).all()


def test_registration_is_idempotent_and_reversible(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a.dcm", smooth((8, 8), "u2", 12))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    mic.dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    mic.register()
    hook = hooks.raw_element_value
    mic.register()
    assert hooks.raw_element_value is hook
    assert pydicom_plugin.is_registered() and pydicom_plugin.marks_files()
    assert pydicom.uid.PrivateTransferSyntaxes.count(mic.MICLossless) == 1
    for _ in range(2):
        mic.unregister()
        assert not pydicom_plugin.is_registered() and not pydicom_plugin.marks_files()
        assert mic.MICLossless not in pydicom.uid.PrivateTransferSyntaxes
        assert hooks.raw_element_value is pydicom.hooks.raw_element_value
        ds = pydicom.dcmread(tmp_path / "b.dcm")
        with pytest.raises(NotImplementedError, match=mic.MICLossless):
            ds.pixel_array  # noqa: B018
        with pytest.raises(ValueError, match="not a transfer syntax"):
            ds.file_meta.TransferSyntaxUID.is_compressed  # noqa: B018
        assert mic.dicom.decode_frames(ds).shape == (1, 8, 8)
    mic.register()
    assert pydicom.dcmread(tmp_path / "b.dcm").pixel_array.shape == (8, 8)


def test_hooks_of_others(tmp_path: Path) -> None:
    """Another function is chained to ours, or replaces it."""
    write_dicom(tmp_path / "a.dcm", smooth((8, 8), "u2", 12))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    mic.dicom.compress(ds)
    ds.save_as(tmp_path / "b.dcm")
    ours = hooks.raw_element_value
    hooks.register_callback("raw_element_value", lambda *a, **k: ours(*a, **k))
    try:
        assert not pydicom_plugin.marks_files()
        mic.register()
        assert pydicom_plugin.marks_files()
        assert pixel_array(tmp_path / "b.dcm").shape == (8, 8)
        mic.unregister()
        syntax = pydicom.dcmread(tmp_path / "b.dcm").file_meta.TransferSyntaxUID
        assert not syntax.is_transfer_syntax
    finally:
        hooks.register_callback("raw_element_value", pydicom.hooks.raw_element_value)


def test_marking(tmp_path: Path) -> None:
    mic.unregister()
    plain = pydicom.uid.UID(str(mic.MICLossless))
    assert not plain.is_transfer_syntax
    assert mic.dicom.mark(plain) is plain and plain.is_compressed
    assert mic.dicom.mark(str(mic.MICLossless)) is mic.MICLossless
    assert not mic.dicom.mark(ExplicitVRLittleEndian).is_compressed
    write_dicom(tmp_path / "a.dcm", smooth((8, 8), "u2", 12))
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    mic.dicom.compress(ds)
    ds.file_meta.TransferSyntaxUID = str(mic.MICLossless)
    assert mic.dicom.mark(ds) is ds
    ds.save_as(tmp_path / "b.dcm")
    ds.file_meta.TransferSyntaxUID = str(mic.MICLossless)
    mic.dicom.mark(ds.file_meta)
    assert ds.file_meta.TransferSyntaxUID.is_compressed
    with pytest.raises(mic.UnsupportedError, match="cannot be marked; an association"):
        mic.dicom.mark("1.2.3")


def test_unknown_pydicom_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    mic.unregister()
    monkeypatch.delattr("pydicom.pixels.decoders.base._PIXEL_DATA_DECODERS")
    with pytest.raises(mic.UnsupportedError, match=r"pydicom is .*, one like 3\.0 .* work without"):
        mic.register()
    mic.unregister()
    assert not pydicom_plugin.is_registered()
    monkeypatch.undo()
    assert not pydicom_plugin.is_registered()


def test_importing_changes_nothing(run_python: Callable[[str], str]) -> None:
    """Importing mic does not import pydicom, and importing mic.dicom registers nothing."""
    code = """
import json, sys, mic
first = "pydicom" in sys.modules
import pydicom.pixels.decoders.base as decoders, pydicom.hooks as hooks
before = dict(decoders._PIXEL_DATA_DECODERS)
mic.dicom, mic.MICLossless, mic.register, mic.unregister
print(json.dumps([first, before == decoders._PIXEL_DATA_DECODERS,
                  hooks.hooks.raw_element_value is hooks.raw_element_value,
                  str(mic.MICLossless), "dicom" in dir(mic)]))
"""
    assert json.loads(run_python(code)) == [False, True, True, mic.MICLossless, True]


def test_save_to_memory() -> None:
    file = io.BytesIO()
    write_dicom(file, smooth((8, 8), "u2", 12))
    file.seek(0)
    ds = pydicom.dcmread(file)
    ds.compress(mic.MICLossless)
    stored = io.BytesIO()
    ds.save_as(stored)
    stored.seek(0)
    assert (pixel_array(stored) == smooth((8, 8), "u2", 12)).all()
