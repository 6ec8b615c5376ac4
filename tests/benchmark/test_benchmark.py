# SPDX-License-Identifier: MIT
"""Benchmarks: what is measured, what is refused, how figures are combined."""

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from dicomfiles import write_dicom
from pydicom.uid import JPEG2000Lossless

import mic
from mic import benchmark
from mic.benchmark import Measurement, Timing
from mic.benchmark import images as realimages
from mic.benchmark.codecs import Codec, own_codecs, peer_codecs, peer_versions
from mic.benchmark.images import RealImage
from mic.images import samples as image_samples

BENCH = Path(__file__).resolve().parents[2] / "bench"
QUICK = {"repeat": 2, "min_seconds": 0.0}


def image(dtype="int16", shape=(64, 80)):
    y, x = np.indices(shape)
    return ((x * y) // 50 - 20).astype(dtype)


def plain_codec(name="copy", wrong=False, own=False, **options):
    """A codec that copies; the wrong variant changes a sample."""

    def decode(stream, out, threads):
        out[...] = np.frombuffer(stream, out.dtype).reshape(out.shape)
        out.flat[0] += wrong

    return Codec(name, np.array, lambda array, threads: array.tobytes(), decode, own=own, **options)


def entry(codec, image, encode, decode, threads=1, encoded_bytes=500):
    times = [Timing(seconds, seconds, seconds, 1) for seconds in (encode, decode)]
    return Measurement(image, codec, threads, 1_000_000, encoded_bytes, *times)


# ---- codecs -----------------------------------------------------------------------


def test_own_codecs_are_the_usual_ones():
    names = [codec.name for codec in own_codecs()]
    assert len(names) == len(mic.CODECS) and names[0].startswith(mic.DEFAULT_CODEC)
    assert names[1:] == ["fse-4", "huffman"]
    every = [codec.name for codec in own_codecs(all_variants=True)]
    assert {"fse-2", "fse-4", "fse-8", "huffman"} <= set(every)
    assert [codec.name for codec in own_codecs(["fse-8", "huffman"])] == ["fse-8", "huffman"]
    with pytest.raises(mic.UnsupportedError, match="'jpeg' is no codec of mic"):
        own_codecs(["jpeg"])


def test_own_codecs_give_back_every_image():
    for dtype in ("uint8", "int8", "uint16", "int16"):
        for result in benchmark.measure_image(image(dtype), own_codecs(all_variants=True), **QUICK):
            assert result.error is None and result.ratio > 1 and result.speed("decode") > 0


def test_peers_are_lossless_and_have_versions():
    pytest.importorskip("imagecodecs")
    names = [codec.name for codec in peer_codecs()]
    assert names == [
        "CharLS", "OpenJPH", "OpenJPEG", "libjxl-1", "libjxl-3", "libjxl-7", "zstd-3",
    ]  # fmt: skip
    results = benchmark.measure_image(image(), peer_codecs(), **QUICK)
    assert [result.error for result in results] == [None] * len(names)
    assert results[5].encode.runs == 1 and results[0].encode.runs == 2
    assert {"charls", "openjph", "openjpeg", "libjxl", "zstd"} <= set(peer_versions())


def test_a_missing_peer_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(mic.UnsupportedError, match=r'pip install "mic-codec\[bench\]"'):
        peer_codecs()


# ---- measuring --------------------------------------------------------------------


def test_a_wrong_peer_is_reported_and_a_wrong_codec_of_mic_raised():
    (result,) = benchmark.measure_image(image(), [plain_codec(wrong=True)], **QUICK)
    assert "does not give the image back" in result.error
    with pytest.raises(mic.VerifyError):
        benchmark.measure_image(image(), [plain_codec(wrong=True, own=True)], **QUICK)


def test_codecs_take_turns():
    calls = []

    def spy(name):
        codec = plain_codec(name)

        def encode(array, threads):
            calls.append(name)
            return codec.encode(array, threads)

        return dataclasses.replace(codec, encode=encode)

    benchmark.measure_image(image(), [spy("a"), spy("b")], repeat=2, min_seconds=0)
    assert calls == list("ababab")


def test_threads_are_for_codecs_that_have_them():
    real = RealImage("x", "folder", "CT", None, image())
    codecs = [plain_codec("one"), plain_codec("many", threaded=True)]
    results = benchmark.measure_all([real], codecs, threads=[1, 2], **QUICK)
    assert [(r.codec, r.threads) for r in results] == [("one", 1), ("many", 1), ("many", 2)]


def test_summaries():
    results = [
        entry("a", 0, 1.0, 0.5),
        entry("a", 1, 4.0, 0.5, encoded_bytes=2000),
        entry("b", 0, 2.0, 0.25),
        entry("b", 1, 2.0, 1.0),
        Measurement(2, "b", 1, 1_000_000, error="refused"),
    ]
    a, b = benchmark.summarize(results)
    assert (a.codec, a.images, b.images) == ("a", 2, 2)
    assert a.ratio == pytest.approx((1000, 1250))
    assert a.encode == pytest.approx((0.5, 0.625)) and a.decode == pytest.approx((2, 2))
    assert benchmark.speed_against(results, "b", "a", "decode") == pytest.approx(1)
    assert benchmark.speed_against(results, "b", "a", "encode") == pytest.approx(1)
    assert np.isnan(benchmark.speed_against(results, "c", "a", "decode"))


def test_timing_spread():
    timing = Timing.of([0.2, 0.1, 0.4])
    assert (timing.median, timing.runs) == (0.2, 3) and timing.spread == pytest.approx(1.5)


def test_the_document_is_json_and_comes_back():
    real = RealImage("x", "folder", "CT", None, image())
    results = benchmark.measure_all([real], own_codecs(), **QUICK)
    document = json.loads(json.dumps(benchmark.document([real], results, {})))
    assert [Measurement.from_json(item) for item in document["results"]] == results
    assert document["images"][0]["sha256"] == real.sha256
    assert document["machine"]["active"] == mic.cpu_info()["active"]


# ---- images -----------------------------------------------------------------------


def test_installed_images_are_found_without_the_network(monkeypatch):
    from pydicom.data import data_manager

    def refuse(*arguments):
        raise AssertionError("nothing may be downloaded")

    monkeypatch.setattr(data_manager, "data_path_with_download", refuse)
    found = realimages.find_installed_images()
    assert {"CT_small.dcm", "MR_small.dcm"} <= {real.name for real in found}
    assert len({real.sha256 for real in found}) == len(found)
    for real in found:
        assert real.pixels.ndim == 2 and min(real.pixels.shape) >= 64
        assert real.pixels.dtype in (np.uint16, np.int16) and real.pixels.dtype.isnative
        assert "I.dcm" not in real.name  # the lossy images in pydicom-data


def test_lossy_small_and_broken_files_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(realimages, "installed_folders", lambda: {"here": tmp_path})
    write_dicom(tmp_path / "good.dcm", image())
    write_dicom(tmp_path / "same.dcm", image())
    write_dicom(tmp_path / "lossy.dcm", image() + 1, LossyImageCompression="01")
    write_dicom(tmp_path / "small.dcm", image(shape=(63, 80)))
    write_dicom(tmp_path / "eight.dcm", image("uint8"))
    write_dicom(tmp_path / "frames.dcm", np.stack([image(), image() + 2, image() + 3]))
    write_dicom(tmp_path / "broken.dcm", image())
    data = (tmp_path / "broken.dcm").read_bytes()
    broken = data.replace(b"1.2.840.10008.1.2.1\0", str(JPEG2000Lossless).encode()[:20])
    (tmp_path / "broken.dcm").write_bytes(broken[:2000])
    found = {real.name: real for real in realimages.find_installed_images()}
    assert set(found) == {"good.dcm", "frames.dcm"}
    assert found["frames.dcm"].frame == 1
    assert np.array_equal(found["frames.dcm"].pixels, image() + 2)


# ---- commands ---------------------------------------------------------------------


def test_mic_bench(tmp_path):
    from commandline import fails, run

    write_dicom(tmp_path / "a.dcm", image())
    np.save(tmp_path / "b.npy", np.stack([image("uint8")] * 3))
    target = tmp_path / "figures.json"
    arguments = ("bench", "--images", tmp_path, "--repeat", 1, "--json", target)
    output = run(*arguments, "--codec", "fse-8", "--codec", "huffman")
    lines = output.splitlines()
    assert lines[0].split()[:3] == ["image", "modality", "shape"]
    assert any(line.startswith("a.dcm  CT") and "64 x 80" in line for line in lines)
    assert "geometric mean  fse-8" in output and "2 images, every bit verified" in output
    document = json.loads(target.read_text())
    assert {item["codec"] for item in document["results"]} == {"fse-8", "huffman"}
    (tmp_path / "c.npy").write_text("broken")
    assert "not everything could be read: c.npy is not" in run(*arguments, code=1)
    assert "'jpeg' is no codec of mic" in fails("bench", "--codec", "jpeg")


def load_bench(name, monkeypatch):
    """Import a module of bench/, which is not a package."""
    if not BENCH.exists():
        pytest.skip("bench/ is not here")
    monkeypatch.syspath_prepend(str(BENCH))
    spec = importlib.util.spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_report(tmp_path, monkeypatch):
    report = load_bench("report", monkeypatch)
    reals = [RealImage(name, "folder", "CT", None, image()) for name in ("x", "y")]
    codecs = [plain_codec("CharLS"), plain_codec("OpenJPH"), *own_codecs()]
    results = benchmark.measure_all(reals, codecs, threads=[1, 2], **QUICK)
    results.append(Measurement(0, "zstd-3", 1, 1, error="out of luck"))
    settings = {"images": "two", "commit": "abc", "repeat": 2, "threads": [1, 2], "peers": {}}
    benchmark.write_json(tmp_path / "m.json", benchmark.document(reals, results, settings))
    report.write_report(tmp_path, tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "`bench/results/m.json`" in text and "decode x OpenJPH" in text
    assert "| CT (2) |" in text and "zstd-3 on x: out of luck" in text
    assert "nan" not in text.split("### One thread, the 0 images")[0]


def test_the_corpus(tmp_path, monkeypatch):
    corpus = load_bench("corpus", monkeypatch)
    label, _ = corpus.load(tmp_path)
    assert "pydicom" in label
    write_dicom(tmp_path / "a.dcm", image())
    item = {"source": "corpus", "file": "a.dcm", "frame": None, "modality": "CT"}
    item["sha256"] = image_samples.pixel_sha256(image())
    (tmp_path / "benchmark_set.json").write_text(json.dumps({"images": [item]}))
    _, (real,) = corpus.load(tmp_path)
    assert np.array_equal(real.pixels, image())
    item["sha256"] = "0" * 64
    (tmp_path / "benchmark_set.json").write_text(json.dumps({"images": [item]}))
    with pytest.raises(SystemExit, match="other pixels"):
        corpus.load(tmp_path)
