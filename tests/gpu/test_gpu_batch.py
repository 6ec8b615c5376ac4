# SPDX-License-Identifier: MIT
"""Batches: order, bad frames, memory, uploading; a stand-in plays the GPU decoder."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

import mic
import mic.gpu
from mic.gpu import batch as gpu_batch
from mic.gpu.codestream import Codestream
from mic.gpu.probe import probe_frames

PROBES = [(frame, samples) for coding, *_, frame, samples in probe_frames() if coding == "htj2k"]


class OnDevice:
    """An image that is not in host memory."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples


class PlayedDecoder:
    """Decodes the probes, at most three frames at once, and records the sizes of its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.known = dict(PROBES)

    def takes(self, codestream: Codestream) -> bool:
        return codestream.coding == "htj2k"

    def decode(self, frames: Sequence[bytes], colour: str) -> list[Any]:
        assert colour == "stored"
        if len(frames) > 3:
            raise MemoryError
        self.calls.append(len(frames))
        return [OnDevice(self.known[frame]) if frame in self.known else None for frame in frames]

    def upload(self, samples: np.ndarray) -> OnDevice:
        return OnDevice(samples)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedDecoder]:
    decoder = PlayedDecoder()
    monkeypatch.setattr(gpu_batch, "_decoder_on", lambda device: decoder)
    yield decoder


def test_order_and_memory(played: PlayedDecoder) -> None:
    """Too many at once are halved until they fit; the order is that of the sources."""
    frames = [PROBES[i % 2][0] for i in range(10)]
    batch = mic.gpu.decode_batch(frames)
    batch.raise_errors()
    assert sum(played.calls) == 10
    assert max(played.calls) <= 3
    for i, image in enumerate(batch):
        np.testing.assert_array_equal(image.samples, PROBES[i % 2][1])


def test_the_budget_is_kept(played: PlayedDecoder) -> None:
    frame, samples = PROBES[0]
    mic.gpu.decode_batch([frame] * 5, batch_bytes=2 * samples.nbytes)
    assert played.calls == [2, 2, 1]


def test_a_mix_with_mic_frames_is_uploaded(played: PlayedDecoder) -> None:
    image = np.arange(4096, dtype=np.int16).reshape(64, 64)
    steps: list[tuple[int, int]] = []
    batch = mic.gpu.decode_batch(
        [mic.encode(image), PROBES[0][0], mic.encode(image + 1)],
        threads=2,
        progress=lambda done, total: steps.append((done, total)),
    )
    batch.raise_errors()
    assert all(isinstance(frame, OnDevice) for frame in batch)
    np.testing.assert_array_equal(batch[0].samples, image)
    np.testing.assert_array_equal(batch[2].samples, image + 1)
    assert steps[-1] == (3, 3)
    assert sorted(steps) == steps


def test_bad_frames_are_told_and_stop_nothing(played: PlayedDecoder, tmp_path: Any) -> None:
    good = PROBES[0][0]
    damaged = bytearray(mic.encode(np.eye(32, dtype=np.uint16)))
    damaged[-3] ^= 1
    sources = [good, b"no image", good[:-40], bytes(damaged), tmp_path / "missing.dcm", good]
    batch = mic.gpu.decode_batch(sources)
    assert sorted(batch.errors) == [1, 2, 3, 4]
    assert [frame is None for frame in batch] == [False, True, True, True, True, False]
    assert isinstance(batch.errors[4], FileNotFoundError)
    with pytest.raises(mic.CorruptDataError, match=r"4 of 6 frames .* frame 0 of source 1"):
        batch.raise_errors()


def test_frames_that_do_not_exist(played: PlayedDecoder) -> None:
    path = get_testdata_file("emri_small_jpeg_2k_lossless.dcm", download=False)
    batch = mic.gpu.decode_batch([path, pydicom.dcmread(path)], [0, 99])
    assert sorted(batch.errors) == [0, 1]
    assert "frame 99 does not exist, 0 to 9" in str(batch.errors[0])


def test_data_sets_without_pixels(played: PlayedDecoder) -> None:
    batch = mic.gpu.decode_batch([pydicom.Dataset()])
    assert "it holds no image" in str(batch.errors[0])


@pytest.mark.parametrize("device", ["cuda", "gpu"])
def test_devices_are_numbers_or_cpu(device: str) -> None:
    with pytest.raises(mic.UnsupportedError, match="number of a GPU"):
        mic.gpu.decode_batch([], device=device)


def test_a_device_that_does_not_exist() -> None:
    with pytest.raises(mic.UnsupportedError, match='device="cpu" decodes without'):
        mic.gpu.decode_batch([PROBES[0][0]], device=4096)


def test_on_the_cpu_without_nvimgcodec(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydicom's decoders then do everything."""
    monkeypatch.setattr(gpu_batch, "import_nvimgcodec", lambda: None)
    path = get_testdata_file("emri_small_RLE.dcm", download=False)
    batch = mic.gpu.decode_batch([path, path], [1, 3], device="cpu")
    batch.raise_errors()
    expected = pydicom.dcmread(path).pixel_array
    assert batch.places == [(0, 1), (0, 3), (1, 1), (1, 3)]
    for (_, frame), samples in zip(batch.places, batch, strict=True):
        np.testing.assert_array_equal(samples, expected[frame])
