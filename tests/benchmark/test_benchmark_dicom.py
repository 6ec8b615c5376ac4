# SPDX-License-Identifier: MIT
"""The table of decode times: what it measures, compares and sums.  No speed is asserted."""

import json

import pydicom
from dicomfiles import shipped

import mic
from mic.benchmark import dicom as benchmark_dicom
from mic.benchmark.dicom import (
    FileError,
    FileTimes,
    dicom_files,
    measure_files,
    speedup,
    table,
    totals,
)
from mic.dicom import plugin as pydicom_plugin


def test_measured_files():
    files = [
        shipped(name)
        for name in ("MR_small_RLE.dcm", "CT_small.dcm", "rtdose.dcm", "MR_truncated.dcm")
    ]
    rows = list(measure_files(files, warm_ups=1, runs=3))
    assert [type(row) for row in rows] == [FileTimes, FileTimes, FileError, FileError]
    rle, ct, dose, truncated = rows
    assert (rle.syntax, rle.shape, rle.kind, rle.grey) == (
        "RLE Lossless",
        (64, 64),
        "lossless",
        True,
    )
    assert rle.plugin in ("pylibjpeg", "pydicom", "gdcm")
    assert (ct.kind, ct.plugin) == ("uncompressed", "none")
    assert {way: len(times) for way, times in ct.seconds.items()} == {"pydicom": 3, "MIC": 3}
    assert ct.sizes["MIC"] < ct.sizes["pydicom"] == files[1].stat().st_size
    assert "Bits Allocated (0028,0100) is 32" in dose.message
    assert "less than expected" in truncated.message
    assert not pydicom_plugin.is_registered()


def test_other_pixels_are_an_error(monkeypatch):
    """A decoder that is fast but wrong does not get into the table."""
    real = benchmark_dicom.transcode_file

    def wrong(path, copy, *args, **options):
        real(shipped("CT_small.dcm"), copy, *args, **options)
        ds = pydicom.dcmread(copy)
        ds.decompress()
        ds.PixelData = bytes(len(ds.PixelData))
        ds.compress(mic.MICLossless)
        ds.save_as(copy)

    monkeypatch.setattr(benchmark_dicom, "transcode_file", wrong)
    (row,) = measure_files([shipped("CT_small.dcm")], warm_ups=0, runs=1)
    assert isinstance(row, FileError) and "MIC decodes to other pixels" in row.message


def row(name, kind, grey, baseline, mic_seconds, **more):
    seconds = {"pydicom": baseline, "MIC": mic_seconds, **more}
    return FileTimes(
        name, "syntax", (2, 3), kind, grey, "plugin", {"pydicom": 9, "MIC": 3}, seconds
    )


def test_sums_and_table():
    rows = [
        row("a", "lossless", True, [3.0, 5.0], [1.0, 1.0]),
        row("b", "lossy", False, [2.0, 2.0], [1.0, 3.0]),
        row("c", "uncompressed", True, [1.0, 1.0], [4.0, 4.0]),
    ]
    sums = totals(rows)
    assert sums["losslessly compressed, grey"] == {"pydicom": 4.0, "MIC": 1.0, "files": 1}
    assert sums["all compressed sources"] == {"pydicom": 6.0, "MIC": 3.0, "files": 2}
    assert speedup(sums["TOTAL"]) == 1.0
    assert totals(rows, min)["all compressed sources"] == {"pydicom": 5.0, "MIC": 2.0, "files": 2}
    assert "losslessly compressed, colour" not in sums
    head, lines = table(rows)
    assert head == [
        *("Transfer Syntax", "Shape", "Baseline (s)", "Std"),
        *("MIC (s)", "Std", "Speedup", "File"),
    ]
    assert lines[0] == ["syntax", "2 x 3", "4.00000", "1.41421", "1.00000", "0.00000", "4.00x", "a"]
    assert [line[0] for line in lines[3:]][-1] == "TOTAL"
    assert {len(line) for line in lines} == {len(head)}
    json.dumps(benchmark_dicom.as_json(rows, [FileError("d", "broken")]))


def test_a_further_way_is_a_further_column():
    head, lines = table([row("a", "lossless", True, [4.0], [1.0], nvimgcodec=[2.0])])
    assert head[4:10] == ["MIC (s)", "Std", "Speedup", "nvimgcodec (s)", "Std", "Speedup"]
    assert lines[0][6] == "4.00x" and lines[0][9] == "2.00x"


def test_command(tmp_path):
    from commandline import run

    files = [shipped(name) for name in ("MR_small_RLE.dcm", "CT_small.dcm", "rtdose.dcm")]
    options = [text for file in files for text in ("--images", str(file))]
    path = tmp_path / "figures.json"
    output = run("bench", "dicom", "--repeat", 1, *options, "--json", path)
    assert "TOTAL" in output and "rtdose.dcm: Bits Allocated" in output
    content = json.loads(path.read_text())
    assert [entry["file"] for entry in content["rows"]] == ["MR_small_RLE.dcm", "CT_small.dcm"]
    assert content["errors"][0]["file"] == "rtdose.dcm"
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    output = run("bench", "dicom", "--images", tmp_path, code=1)
    assert "no file could be measured" in output


def test_the_files_that_pip_brought_are_found():
    """The list holds files with pixels; deliberately broken files do not stop it."""
    names = [path.name for path in dicom_files()]
    assert "CT_small.dcm" in names
    assert "no_meta.dcm" not in names
