# SPDX-License-Identifier: MIT
"""The command line: what it writes, what it says, how it exits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commandline import NO_SUCH_FILE, fails, run
from dicomfiles import write_dicom

import mic
from mic.cli import jobs as cli_jobs
from mic.images.samples import pixel_sha256


def scan(dtype="uint16", shape=(40, 48)):
    """A smooth image with some noise."""
    rng = np.random.default_rng(3)
    y, x = np.indices(shape[-2:])
    smooth = (x * y) // 40 + rng.integers(0, 4, shape)
    return (smooth % 100 if np.dtype(dtype).itemsize == 1 else smooth).astype(dtype)


def leftovers(folder):
    """Return temporary files that should not exist."""
    return [path.name for path in folder.rglob("*.part")]


# ---- encode and decode ---------------------------------------------------------------


@pytest.mark.parametrize("codec", mic.CODECS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("suffix", [".npy", ".raw", ".tif"])
def test_there_and_back(folder, codec, dtype, suffix):
    array = scan(dtype, (3, 40, 48))
    np.save("a.npy", array)
    output = run("encode", "a.npy", "a.mic", "--codec", codec)
    assert f"verified 3 frames, sha256 {pixel_sha256(array)}" in output
    assert mic.info((folder / "a.mic").read_bytes()).codec == codec
    run("decode", "a.mic", f"b{suffix}")
    layout = ["--shape", "3,40,48", "--dtype", dtype] if suffix == ".raw" else []
    run("encode", f"b{suffix}", "c.mic", "--codec", codec, *layout)
    assert (folder / "c.mic").read_bytes() == (folder / "a.mic").read_bytes()
    assert not leftovers(folder)


def test_png(folder):
    pytest.importorskip("PIL")
    for dtype in ("uint8", "uint16"):
        np.save("a.npy", scan(dtype))
        run("encode", "a.npy", "a.mic", "--overwrite")
        run("decode", "a.mic", "a.png", "--overwrite")
        run("encode", "a.png", "b.mic", "--overwrite")
        assert np.array_equal(mic.decode((folder / "b.mic").read_bytes()), scan(dtype))
    np.save("a.npy", scan("int16"))
    run("encode", "a.npy", "a.mic", "--overwrite")
    assert "choose .tif or .npy" in fails("decode", "a.mic", "c.png")
    assert not (folder / "c.png").exists() and not leftovers(folder)


def test_dicom(folder):
    array = scan("int16", (4, 40, 48)) - 700
    write_dicom("a.dcm", array)
    run("encode", "a.dcm", "a.mic")
    run("decode", "a.mic", "a.npy")
    assert np.array_equal(np.load("a.npy"), array)
    run("encode", "a.dcm", "one.mic", "--frame", 2)
    assert np.array_equal(mic.decode((folder / "one.mic").read_bytes()), array[2])


def test_frame_and_rows(folder):
    array = scan(shape=(5, 40, 48))
    np.save("a.npy", array)
    run("encode", "a.npy", "a.mic", "--threads", 0)
    run("decode", "a.mic", "b.npy", "--frame", 3, "--rows", "10:20")
    assert np.array_equal(np.load("b.npy"), array[3, 10:20])
    run("decode", "a.mic", "c.npy", "--rows", ":7")
    assert np.array_equal(np.load("c.npy"), array[:, :7])
    assert "frames 0 to 4" in fails("decode", "a.mic", "d.npy", "--frame", 5)
    assert "--max-pixels" in fails("decode", "a.mic", "d.npy", "--max-pixels", 100)


def test_published_container(folder):
    write_dicom("a.dcm", scan("int16"))
    assert "--unsigned" in fails(
        "encode", "a.dcm", "a.mic", "--container", "mic1", "--codec", "fse"
    )
    published = ("--container", "mic1", "--codec", "fse", "--unsigned", "--max-value", 4095)
    run("encode", "a.dcm", "a.mic", *published)
    assert mic.info((folder / "a.mic").read_bytes()).container == "mic1"
    assert "verified 1 frame" in run("verify", "a.mic", "a.dcm")
    assert "no checksum" in run("verify", "a.mic")


@pytest.mark.parametrize("kind", mic.stages.STREAM_KINDS)
def test_bare_streams(folder, kind):
    np.save("a.npy", scan("int16"))
    assert "--unsigned" in fails("encode", "a.npy", "a.bin", "--stream", kind)
    run("encode", "a.npy", "a.bin", "--stream", kind, "--unsigned")
    layout = ["--stream", kind, "--shape", "40,48", "--dtype", "int16"]
    run("decode", "a.bin", "b.npy", *layout)
    assert np.array_equal(np.load("b.npy"), scan("int16"))
    layout[3] = "40,47"
    fails("decode", "a.bin", "c.npy", *layout)
    if kind in mic.stages.WAVELETS:  # a wavelet stream records its shape
        run("decode", "a.bin", "c.npy", "--stream", kind)
    else:
        assert "--shape" in run("decode", "a.bin", "c.npy", "--stream", kind, code=2)


def test_states_and_effort(folder):
    np.save("a.npy", scan())
    streams = set()
    for states in mic.api.STATES:
        run("encode", "a.npy", f"{states}.mic", "--codec", "fse", "--states", states, "--effort", 9)
        streams.add((folder / f"{states}.mic").read_bytes())
    assert len(streams) == len(mic.api.STATES)


# ---- refusals ----------------------------------------------------------------------


def test_existing_outputs_are_kept(folder):
    np.save("a.npy", scan())
    (folder / "a.mic").write_text("precious")
    assert "a.mic exists; pass --overwrite" in fails("encode", "a.npy", "a.mic")
    assert (folder / "a.mic").read_text() == "precious"
    run("encode", "a.npy", "a.mic", "--overwrite")
    (folder / "b.npy").write_text("precious")
    assert "b.npy exists" in fails("decode", "a.mic", "b.npy")


@pytest.mark.skipif(sys.platform == "win32", reason="links are for administrators there")
def test_a_source_that_vanished_is_a_failure(folder):
    """A file is listed but gone before it is read; the others are done."""
    (folder / "in").mkdir()
    np.save(folder / "in" / "there.npy", scan())
    (folder / "in" / "gone.npy").symlink_to(folder / "nothing.npy")
    assert "gone.npy: No such file" in run("encode", "in", "out", code=1)
    assert (folder / "out" / "there.mic").exists()


def test_missing_files_and_folders(folder):
    assert "nothing.npy: No such file" in fails("encode", "nothing.npy", "a.mic")
    assert f"nothing.mic: {NO_SUCH_FILE}" in fails("decode", "nothing.mic", "a.npy")
    np.save("a.npy", scan())
    assert "folder no does not exist" in fails("encode", "a.npy", "no/a.mic")
    fails("verify", "nothing.mic")
    fails("info", "nothing.mic")


def test_wrong_things_are_refused(folder):
    np.save("float.npy", np.zeros((4, 4)))
    assert "integers of 8 or 16 bits" in fails("encode", "float.npy", "a.mic")
    np.save("flat.npy", np.zeros(16, "uint8"))
    assert "rows and columns are expected" in fails("encode", "flat.npy", "a.mic")
    (folder / "x.txt").write_text("hello")
    assert "no image that mic reads" in fails("encode", "x.txt", "a.mic")
    (folder / "x.mic").write_text("hello")
    fails("decode", "x.mic", "a.npy")
    (folder / "empty.mic").write_bytes(b"")
    fails("decode", "empty.mic", "a.npy")
    (folder / "x.dcm").write_text("hello")
    assert "x.dcm is not a DICOM file" in fails("encode", "x.dcm", "a.mic")
    assert sorted(path.name for path in folder.glob("a.*")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "a.npy"],
        ["encode", "a.npy", "a.dcm"],
        ["encode", "a.npy", "a.mic", "--codec", "jpeg"],
        ["encode", "a.npy", "a.mic", "--states", "3"],
        ["encode", "a.npy", "a.mic", "--threads", "-1"],
        ["encode", "a.raw", "a.mic", "--shape", "4,4"],
        ["encode", "a.raw", "a.mic", "--shape", "4", "--dtype", "uint8"],
        ["encode", "a.raw", "a.mic", "--shape", "4,x", "--dtype", "uint8"],
        ["encode", "a.raw", "a.mic", "--shape", "4,4", "--dtype", "float32"],
        ["encode", "a.raw", "a.mic", "--shape", "4,4", "--dtype", "nonsense"],
        ["decode", "a.mic", "a.jpg"],
        ["decode", "a.mic", "a.npy", "--rows", "3"],
        ["decode", "a.mic", "a.npy", "--stream", "fse"],
        ["nonsense"],
        ["verify"],
        ["info"],
    ],
)
def test_usage_errors(folder, arguments):
    np.save("a.npy", scan())
    (folder / "a.raw").write_bytes(bytes(16))
    (folder / "a.mic").write_bytes(mic.encode(scan()))
    assert "Usage:" in run(*arguments, code=2)


def test_an_output_that_does_not_verify_gets_no_name(folder, monkeypatch):
    np.save("a.npy", scan())
    wrong = scan()
    wrong[5, 7] += 1
    monkeypatch.setattr(mic.MicFile, "frames", lambda *_: wrong[np.newaxis])
    message = fails("encode", "a.npy", "a.mic")
    assert f"frame 0, pixel (5, 7) is {wrong[5, 7]}, {wrong[5, 7] - 1} is expected" in message
    assert [path.name for path in folder.iterdir()] == ["a.npy"]
    run("encode", "a.npy", "a.mic", "--no-verify")


def test_a_failing_disk_leaves_nothing(folder, monkeypatch):
    (folder / "a.mic").write_bytes(mic.encode(scan()))

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli_jobs, "write_image", full)
    assert "No space left" in fails("decode", "a.mic", "a.npy")
    assert [path.name for path in folder.iterdir()] == ["a.mic"]


# ---- rescue ---------------------------------------------------------------------------


def test_partial_counts_the_rows_of_a_stack(folder):
    stream = bytearray(mic.encode(np.arange(3 * 48 * 40, dtype="uint16").reshape(3, 48, 40)))
    offsets = mic.info(bytes(stream)).frame_offsets
    stream[(offsets[1] + offsets[2]) // 2] ^= 16
    (folder / "bad.mic").write_bytes(stream)
    message = fails("decode", "bad.mic", "bad.npy", "--partial")
    assert "lost 48 rows: frame 1 rows 0-47" in message


def test_partial(folder, volume):
    (folder / "good.mic").write_bytes(volume.stream)
    assert "no row is damaged" in run("decode", "good.mic", "good.npy", "--partial")
    info = mic.info(volume.stream)
    damaged = bytearray(volume.stream)
    damaged[(info.frame_offsets[4] + info.frame_offsets[5]) // 2] ^= 16
    (folder / "bad.mic").write_bytes(damaged)
    assert "frame 4" in fails("decode", "bad.mic", "bad.npy")
    assert not (folder / "bad.npy").exists()
    message = fails("decode", "bad.mic", "bad.npy", "--partial")
    assert "lost 24 rows: frame 4 rows 0-23" in message
    expected = volume.array.copy().reshape(12, 24, 20)
    expected[4] = 0
    assert np.array_equal(np.load("bad.npy").reshape(12, 24, 20), expected)
    message = fails(
        "decode", "bad.mic", "c.npy", "--partial", "--frame", 4, "--rows", "5:9", "--overwrite"
    )
    assert "lost 4 rows: frame 4 rows 5-8" in message


# ---- folders ---------------------------------------------------------------------------


def study(folder):
    """A tree with images, reports, junk and one broken file."""
    (folder / "src/deep").mkdir(parents=True)
    np.save("src/a.npy", scan())
    np.save("src/same.npy", scan("uint8"))
    (folder / "src/same.raw").write_bytes(scan("uint16").tobytes())
    write_dicom("src/deep/1.2.3", scan("int16"))
    write_dicom("src/deep/1.2.4", scan("int16") + 1)
    (folder / "src/notes.txt").write_text("hello")


def test_folders_are_mirrored(folder):
    study(folder)
    output = run("encode", "src", "dst", "--jobs", 3)
    names = {path.name for path in (folder / "dst").rglob("*.mic")}
    assert "4 files done" in output and "2 skipped" in output
    notes, raw = Path("src/notes.txt"), Path("src/same.raw")
    assert f"skipped {notes}" in output and f"{raw}: a raw file" in output
    run("decode", "dst", "back", "--to", "raw")
    assert names == {"a.mic", "same.mic", "1.2.3.mic", "1.2.4.mic"} and not leftovers(folder)
    assert (folder / "back/deep/1.2.4.raw").read_bytes() == (scan("int16") + 1).tobytes()
    assert "4 files done" in run("verify", "dst")
    assert run("info", "dst").count("\n") == 5


def test_equal_names_keep_their_suffix(folder):
    study(folder)
    run("encode", "src", "dst", "--shape", "40,48", "--dtype", "uint16")
    names = {path.name for path in (folder / "dst").iterdir()}
    assert names == {"a.mic", "same.npy.mic", "same.raw.mic", "deep"}


def test_one_failure_does_not_stop_the_rest(folder):
    study(folder)
    (folder / "src/b.npy").write_bytes(b"broken")
    document = json.loads(run("encode", "src", "dst", "--json", code=1))
    assert not document["ok"]
    assert (document["done"], document["failed"], document["skipped"]) == (4, 1, 2)
    failed = [entry for entry in document["files"] if entry["status"] == "failed"]
    assert failed[0]["source"] == str(Path("src", "b.npy"))
    assert "not a .npy file" in failed[0]["message"]
    again = json.loads(run("encode", "src", "dst", "--json", code=1))
    assert again["failed"] == 5 and "--overwrite" in again["files"][0]["message"]


def test_empty_folders_are_failures(folder):
    (folder / "src").mkdir()
    assert "holds no file to encode" in fails("encode", "src", "dst")
    for command_name in ("verify", "info"):
        assert "src holds no .mic file" in run(command_name, "src", "--json", code=1)
        assert "holds no .mic file" in fails(command_name, "src")


def test_a_folder_as_target_of_one_file(folder):
    np.save("a.npy", scan())
    (folder / "dst").mkdir()
    run("encode", "a.npy", "dst")
    run("decode", "dst/a.mic", "dst", "--to", "raw")
    assert {path.name for path in (folder / "dst").iterdir()} == {"a.mic", "a.raw"}


# ---- info and verify ---------------------------------------------------------------


def test_info(folder, volume):
    (folder / "a[b].mic").write_bytes(volume.stream)
    assert "a[b].mic  3 x 4 x 24 x 20  int16" in run("info", "a[b].mic")
    document = json.loads(run("info", "a[b].mic", "--json"))
    facts = document["files"][0]
    assert facts["shape"] == [3, 4, 24, 20] and facts["codec"] == mic.DEFAULT_CODEC
    assert len(facts["frame_offsets"]) == 13 and facts["encoded_bytes"] == len(volume.stream)
    (folder / "bad.mic").write_bytes(b"hello there")
    output = run("info", "a[b].mic", "bad.mic", code=1)
    assert "3 x 4 x 24 x 20" in output and "mic: bad.mic: " in output


def test_verify_finds_every_damaged_file(folder):
    stream = mic.encode(scan())
    for name in ("a", "b", "c"):
        (folder / f"{name}.mic").write_bytes(stream)
    damaged = bytearray(stream)
    damaged[len(stream) // 2] ^= 1
    (folder / "b.mic").write_bytes(damaged)
    output = run("verify", ".", code=1)
    assert "mic: b.mic: " in output and "2 files done" in output and "1 failed" in output
    assert f"a.mic: verified 1 frame, sha256 {pixel_sha256(scan())}" in output


def test_verify_against_the_original(folder):
    array = scan("int16", (3, 40, 48))
    (folder / "a.mic").write_bytes(mic.encode(array))
    write_dicom("a.dcm", array)
    assert f"verified 3 frames, sha256 {pixel_sha256(array)}" in run("verify", "a.mic", "a.dcm")
    assert "verified 3 frames" in run("verify", "a.dcm", "a.mic")
    array[1, 2, 3] += 5
    np.save("other.npy", array)
    message = fails("verify", "a.mic", "other.npy")
    assert f"frame 1, pixel (2, 3) is {array[1, 2, 3] - 5}, {array[1, 2, 3]} is expected" in message
    np.save("other.npy", array[0])
    assert "of shape (40, 48)" in fails("verify", "a.mic", "other.npy")
    np.save("other.npy", array.view("uint16"))
    assert "a.mic holds int16" in fails("verify", "a.mic", "other.npy")


def test_three_columns_are_no_colour_problem(folder):
    array = scan(shape=(4, 6, 3))
    (folder / "a.mic").write_bytes(mic.encode(array, rgb=False))
    np.save("a.npy", array)
    assert "verified 4 frames" in run("verify", "a.mic", "a.npy")


# ---- the rest ---------------------------------------------------------------------------


def test_json_of_encode(folder):
    np.save("a.npy", scan())
    document = json.loads(run("encode", "a.npy", "a.mic", "--json"))
    entry = document["files"][0]
    assert document["ok"] and entry["status"] == "ok" and entry["verified"]
    assert entry["sha256"] == pixel_sha256(scan())
    assert entry["encoded_bytes"] == (folder / "a.mic").stat().st_size
    assert entry["codec"] == mic.DEFAULT_CODEC and entry["container"] == "native"


def test_help_names_every_command():
    output = run("--help")
    for command in ("encode", "decode", "info", "verify", "bench", "doctor"):
        assert f"mic {command}" in output
        assert "Usage: " in run(command, "--help")


def command(*arguments, before="", **options):
    """Run `mic` in its own process."""
    code = f"{before}; from mic.cli import main; main()"
    environment = dict(os.environ, PYTHONPATH=str(Path(mic.__file__).parents[1]))
    return subprocess.Popen(
        [sys.executable, "-c", code.lstrip("; "), *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_entry_point(folder):
    np.save("a.npy", scan())
    process = command("encode", "a.npy", "a.mic", cwd=folder)
    output, errors = process.communicate()
    assert process.returncode == 0 and "verified 1 frame" in output and errors == ""


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_sentence_says_what_to_install(missing):
    process = command("--help", before=f"import sys; sys.modules[{missing!r}] = None")
    output, errors = process.communicate()
    assert process.returncode == 1 and output == "" and errors.count("\n") == 1
    assert 'pip install "mic-codec[cli]"' in errors


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM handlers")
def test_a_terminated_command_leaves_no_temporary_file(folder):
    np.save("a.npy", np.random.default_rng(0).integers(0, 65536, (30, 1000, 1000), "uint16"))
    process = command("encode", "a.npy", "a.mic", cwd=folder)
    deadline = time.monotonic() + 30
    while not leftovers(folder) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + signal.SIGTERM)
    assert not leftovers(folder) and "Traceback" not in errors
