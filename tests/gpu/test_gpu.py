# SPDX-License-Identifier: MIT
"""mic.gpu without a GPU: registration, order, restoring, fall-back, messages."""

import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.pixels import get_decoder, pixel_array

import mic.gpu
from mic.gpu import decoder as gpu_decoder
from mic.gpu import plugin as gpu_plugin
from mic.gpu.plugin import LABEL, SYNTAXES

HAS_NVIMGCODEC = gpu_decoder.import_nvimgcodec() is not None
needs_nvimgcodec = pytest.mark.skipif(
    not HAS_NVIMGCODEC, reason="nvImageCodec is not installed: extra gpu"
)


def orders() -> list[list[str]]:
    return [list(get_decoder(syntax)._available) for syntax in SYNTAXES]


@pytest.fixture
def cpu_registered() -> Iterator[mic.gpu.Status]:
    status = mic.gpu.register(cpu=True)
    yield status
    mic.gpu.unregister()


def local_file(name: str) -> str:
    path = get_testdata_file(name, download=False)
    assert path, f"{name} is no file of pydicom"
    return path


def test_importing_registers_nothing() -> None:
    assert not any(LABEL in order for order in orders())
    assert mic.gpu.unregister() is False


def test_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mic.gpu.state.import_nvimgcodec", lambda: None)
    before = orders()
    for status in (mic.gpu.status(), mic.gpu.register(), mic.gpu.register(cpu=True)):
        assert not status
        assert "mic-codec[gpu]" in status.reason
        assert status.nvimgcodec is None
    assert orders() == before


@pytest.mark.parametrize(
    ("devices", "device", "word"),
    [
        (((), "there is no NVIDIA driver"), 0, "NVIDIA driver"),
        ((("A GPU",), ""), 1, "GPU 1 does not exist"),
        ((("A GPU",), ""), -1, "GPU -1 does not exist"),
    ],
)
def test_missing_device_is_said(
    monkeypatch: pytest.MonkeyPatch, devices: Any, device: int, word: str
) -> None:
    monkeypatch.setattr("mic.gpu.state.import_nvimgcodec", lambda: SimpleNamespace(__version__="9"))
    monkeypatch.setattr("mic.gpu.state.gpu_names", lambda: devices)
    before = orders()
    status = mic.gpu.register(device=device)
    assert not status.ok
    assert word in status.reason
    assert orders() == before


def test_a_decoder_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: int | None) -> None:
        raise RuntimeError("CUDA Runtime failure: '#35'")

    monkeypatch.setattr("mic.gpu.state.import_nvimgcodec", lambda: SimpleNamespace(__version__="9"))
    monkeypatch.setattr("mic.gpu.state.gpu_names", lambda: (("A GPU",), ""))
    monkeypatch.setattr("mic.gpu.registration.decoder_for", fail)
    before = orders()
    status = mic.gpu.register()
    assert not status.ok
    assert "#35" in status.reason
    assert orders() == before


@needs_nvimgcodec
def test_registered_first_and_the_others_keep_their_order() -> None:
    before = orders()
    status = mic.gpu.register(cpu=True)
    try:
        assert status.ok
        assert status.backend == "cpu"
        assert mic.gpu.status() == status
        assert orders() == [[LABEL, *order] for order in before]
        assert mic.gpu.register(cpu=True).ok  # again, without a second entry
        assert orders() == [[LABEL, *order] for order in before]
    finally:
        assert mic.gpu.unregister() is True
    assert orders() == before
    assert mic.gpu.unregister() is False


@needs_nvimgcodec
def test_a_plugin_added_meanwhile_stays(cpu_registered: mic.gpu.Status) -> None:
    decoder = get_decoder(SYNTAXES[0])
    decoder._available["mine"] = lambda src, runner: b""
    try:
        mic.gpu.unregister()
        assert list(decoder._available)[-1] == "mine"
    finally:
        del decoder._available["mine"]


@needs_nvimgcodec
@pytest.mark.parametrize("name", ["MR_small_jp2klossless.dcm", "JPEG-LL.dcm"])
def test_what_it_cannot_do_goes_on_quietly(
    name: str,
    cpu_registered: mic.gpu.Status,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Signed JPEG 2000, and JPEG lossless of 16 bits."""
    dataset = pydicom.dcmread(local_file(name))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        samples = dataset.pixel_array
    assert not caplog.records
    assert capfd.readouterr().err == ""
    mic.gpu.unregister()
    np.testing.assert_array_equal(samples, pydicom.dcmread(local_file(name)).pixel_array)


@needs_nvimgcodec
def test_asked_for_by_name_it_says_why_not(cpu_registered: mic.gpu.Status) -> None:
    dataset = pydicom.dcmread(local_file("MR_small_jp2klossless.dcm"))
    with pytest.raises(RuntimeError, match=r"does not take .*signed=True"):
        pixel_array(dataset, decoding_plugin=LABEL)


@needs_nvimgcodec
def test_truncated_and_mislabelled_frames(cpu_registered: mic.gpu.Status) -> None:
    """The message gives our reason and those of the others."""
    dataset = pydicom.dcmread(local_file("MR2_J2KR.dcm"))
    dataset.PixelData = dataset.PixelData[:400] + b"\0" * 8
    with pytest.raises(Exception, match=r"nvimgcodec|item|tag"):
        _ = dataset.pixel_array
    wrong = pydicom.dcmread(local_file("MR2_J2KR.dcm"))
    wrong.Rows = 1000
    with pytest.raises(Exception, match=r"\(1024, 1024, 1\).*\(1000, 1024, 1\)|reshape"):
        pixel_array(wrong, decoding_plugin=LABEL)
    label = pydicom.dcmread(local_file("MR2_J2KR.dcm"))
    label.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    with pytest.raises(RuntimeError, match="the frame is jpeg2000, JPEG Lossless"):
        pixel_array(label, decoding_plugin=LABEL)


@needs_nvimgcodec
def test_none_from_the_decoder_goes_on_to_the_others(
    cpu_registered: mic.gpu.Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = gpu_plugin._decoder
    assert decoder is not None
    monkeypatch.setattr(decoder, "decode", lambda frames, colour="stored": [None for _ in frames])
    dataset = pydicom.dcmread(local_file("MR2_J2KR.dcm"))
    samples = dataset.pixel_array
    mic.gpu.unregister()
    np.testing.assert_array_equal(samples, pydicom.dcmread(local_file("MR2_J2KR.dcm")).pixel_array)


@needs_nvimgcodec
def test_loading_is_quiet_and_leaves_the_environment(run_python: Callable[[str], str]) -> None:
    path = local_file("MR_small_jp2klossless.dcm")
    printed = run_python(
        "import os, tempfile, pydicom\n"
        "before, noise = dict(os.environ), tempfile.TemporaryFile()\n"
        "os.dup2(noise.fileno(), 2)\n"
        "import mic.gpu\n"
        "print(mic.gpu.register(cpu=True).backend, dict(os.environ) == before)\n"
        f"print(pydicom.dcmread({path!r}).pixel_array.shape, noise.seek(0, 2))"
    )
    assert printed.split("\n") == ["cpu True", "(64, 64) 0"]


@pytest.mark.skipif(not mic.gpu.status().ok, reason=f"needs a GPU: {mic.gpu.status().reason}")
def test_on_a_gpu() -> None:
    """Test the plugin, and a batch that stays on the device."""
    status = mic.gpu.register()
    try:
        assert status.backend == "gpu"
        dataset = pydicom.dcmread(local_file("MR2_J2KR.dcm"))
        on_gpu = dataset.pixel_array
        batch = mic.gpu.decode_batch([dataset])
        batch.raise_errors()
        assert batch[0].__cuda_array_interface__["shape"][:2] == on_gpu.shape
        np.testing.assert_array_equal(gpu_decoder.to_numpy(batch[0]), on_gpu)
    finally:
        mic.gpu.unregister()
    np.testing.assert_array_equal(on_gpu, pydicom.dcmread(local_file("MR2_J2KR.dcm")).pixel_array)
