# SPDX-License-Identifier: MIT
"""Arguments of wrong type or value: a sentence that names them, and no file left behind."""

import io
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicomfiles import write_dicom

import mic
import mic.jpegls
import mic.transcode
import mic.volume
from mic import stages
from mic.arguments import shown

IMAGE = np.arange(48 * 40, dtype="uint16").reshape(48, 40)
WORDS = np.arange(100, dtype="uint16")
STREAM = mic.encode(IMAGE)
SLIDE = mic.encode(np.zeros((90, 70, 3), "uint8"), tile=32)
NO_NUMBERS = (None, "a", 1.5, [1], np.zeros(3))
NO_PATHS = (None, 5, 1.5, b"x.mic", [1], np.zeros(3))


def refused(call, *words):
    with pytest.raises(mic.UnsupportedError) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message and len(message) < 400


def test_values_are_shown_in_one_short_line():
    assert shown(None) == "None" and shown("a") == "'a'" and shown(1.5) == "1.5"
    assert shown(np.zeros((100, 100))) == "an array of float64 and shape (100, 100)"
    assert len(shown("x" * 1000)) < 100 and len(shown(list(range(10**5)))) < 100
    assert "\n" not in shown(np.zeros((2, 2)).tolist() * 9)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_numbers_of_the_stages(value):
    is_none = value is None
    fse = stages.fse_encode(np.tile(np.arange(8, dtype="uint16") ** 2 // 4, 50))
    calls = {
        "width": lambda: stages.delta_encode(WORDS, value, 10),
        "height": lambda: stages.delta_decode(WORDS, 10, value),
        "max_words": lambda: stages.fse_decode(fse, value),
    }
    if not is_none:
        calls["max_value"] = lambda: stages.delta_encode(WORDS, 10, 10, value)
        calls["initial"] = lambda: stages.rle_encode(WORDS, value)
        calls["levels"] = lambda: stages.wavelet_encode(IMAGE, 40, 48, levels=value)
    for name, call in calls.items():
        refused(call, f"{name} is {shown(value)}", "number", "is expected")


@pytest.mark.parametrize("value", [None, 5, "a", 1.5, [1]])
@pytest.mark.parametrize("coder", ["fse", "rans", "huffman"])
def test_streams_of_the_stages(coder, value):
    words = shown(value), "a bytes-like object is expected"
    refused(lambda: getattr(stages, f"{coder}_decode")(value), *words)
    refused(lambda: stages.decode_stream("fse", value, 10, 10), *words)
    refused(lambda: stages.wavelet_decode(value), *words)


@pytest.mark.parametrize("value", [None, "a", [None]])
def test_words_of_the_stages(value):
    for call in (stages.fse_encode, stages.rle_encode, stages.rle_decode, stages.huffman_encode):
        refused(lambda call=call: call(value), f"words are {shown(value)}", "uint16 is expected")
    refused(lambda: stages.delta_encode(value, 1, 1), f"pixels are {shown(value)}")


def test_limits_of_the_stages_are_sizes():
    refused(lambda: stages.fse_decode(b"x", -1), "max_words is -1", "0 or more")
    with pytest.raises(mic.CorruptDataError):
        stages.fse_decode(b"x", 2**70)


@pytest.mark.parametrize("value", [["fse"], {}, np.zeros(3), None, 50])
def test_choices_are_listed_whatever_is_passed(value):
    refused(lambda: mic.encode(IMAGE, effort=value), "effort is", "1, 2, 3")
    refused(lambda: mic.encode(IMAGE, container=value), f"container is {shown(value)}", "'native'")
    refused(lambda: stages.delta_encode(WORDS, 10, 10, predictor=value), "'average'")
    if value is not None:
        refused(lambda: mic.encode(IMAGE, codec=value), f"codec is {shown(value)}", "'wavefront'")


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_places_in_a_slide(value):
    with mic.open(SLIDE) as slide:
        level = slide.level(0)
        calls = {
            "level": lambda: slide.level(value),
            "row": lambda: level.tile(value, 0),
            "column": lambda: slide.tile(0, 0, value),
            "x": lambda: level.region(value, 0, 5, 5),
            "height": lambda: level.region(0, 0, 5, value),
        }
        for name, call in calls.items():
            refused(call, f"{name} is {shown(value)}", "a whole number is expected")
    with mic.open(STREAM) as file:
        refused(lambda: file.frames(value, 1), f"start is {shown(value)}")
        refused(lambda: file.frames(0, value), f"stop is {shown(value)}")


@pytest.mark.parametrize("shape", [None, 5, "ab", (2.5, 4), (None, 4), ("a", 4), np.array(3)])
def test_shape_of_a_new_slide(tmp_path, shape):
    path = tmp_path / "x.mic"
    refused(lambda: mic.create_slide(path, shape, "uint8"), shown(shape), "(rows, columns)")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", NO_PATHS)
def test_paths_of_new_files(value):
    words = f"path is {shown(value)}", "a path", "is expected"
    refused(lambda: mic.create(value, (..., 4, 4), "uint8"), *words)
    refused(lambda: mic.create_slide(value, (4, 4), "uint8"), *words)


def test_a_folder_is_no_new_file(tmp_path):
    words = f"path is {tmp_path}", "a folder", "a file name is expected"
    refused(lambda: mic.create(tmp_path, (..., 4, 4), "uint8"), *words)
    refused(lambda: mic.create_slide(tmp_path, (4, 4), "uint8"), *words)
    source = tmp_path / "x.dcm"
    write_dicom(source, IMAGE)
    call = mic.transcode.transcode_file
    refused(lambda: call(source, tmp_path), f"dst is {tmp_path}", "a file name is expected")
    assert [path.name for path in tmp_path.iterdir()] == ["x.dcm"]


@pytest.mark.parametrize("value", [5, 1.5, [1], "wrong", True])
def test_dtypes_of_new_files(tmp_path, value):
    words = f"dtype is {shown(value)}", "uint16 or int16 is expected"
    refused(lambda: mic.create(tmp_path / "x.mic", (..., 4, 4), value), *words)
    refused(lambda: mic.create_slide(tmp_path / "x.mic", (4, 4), value), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tile", [1.5, None, object(), "x"])
def test_tiles_and_levels_of_slides(tmp_path, tile):
    path = tmp_path / "x.mic"
    refused(lambda: mic.create_slide(path, (9, 9), "uint8", tile=tile), "tile is", "such as 256")
    if tile is not None:
        levels = mic.create_slide
        refused(lambda: levels(path, (9, 9), "uint8", levels=tile), "levels is", "a whole number")


@pytest.mark.parametrize("value", [None, 5, Path("x")])
def test_what_a_slide_is_written_from(tmp_path, value):
    writer = mic.create_slide(tmp_path / "x.mic", (9, 9), "uint8")
    refused(lambda: writer.write(value), f"the source is {shown(value)}", "an iterable of tiles")
    writer.abort()


@pytest.mark.parametrize("value", [None, "scan.npy", object()])
def test_arrays_are_expected_not_names(value):
    refused(lambda: mic.encode(value), "the array is ", "uint8, int8, uint16 or int16", "read a")


@pytest.mark.parametrize("value", [None, 5, 1.5, [1]])
def test_what_is_opened(value):
    refused(lambda: mic.open(value), f"source is {shown(value)}", "a path, a binary file object")
    refused(lambda: mic.decode(value), f"the stream is {shown(value)}", "mic.open takes paths")


def test_file_objects_that_cannot_be_read_from_anywhere():
    class Pipe(io.RawIOBase):
        def readable(self):
            return True

    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        refused(lambda: mic.open(pipe), "cannot seek", "pass its bytes")
    os.close(writing)
    refused(lambda: mic.open(Pipe()), "cannot seek", "pass its bytes")
    refused(lambda: mic.open(io.StringIO("text")), "gives text", '"rb"')


def test_limits_are_numbers_and_nan_is_none():
    with pytest.raises(mic.LimitError, match="max_pixels allows nan"):
        mic.decode(STREAM, max_pixels=float("nan"))
    refused(lambda: mic.decode(STREAM, threads=2**70), "threads is 1180591620717411303424")


@pytest.mark.parametrize("value", NO_PATHS)
def test_paths_of_volumes(value):
    refused(lambda: mic.volume.read(value), f"path is {shown(value)}", "a path")
    if not isinstance(value, list):
        words = f"{shown(value)} is no series", "a folder, paths or pydicom data sets"
        refused(lambda: mic.volume.read_series(value), *words)
    refused(lambda: mic.volume.read_series([value]), f"a path is {shown(value)}")


def test_a_folder_among_paths(tmp_path):
    words = f"{tmp_path} is a folder among paths", "pass a single folder"
    refused(lambda: mic.volume.list_series([tmp_path]), *words)


@pytest.mark.parametrize("value", [None, 5, "abc", (1, 2), (1, "a", 2), np.zeros((2, 2))])
def test_geometry_of_volumes(value):
    array = np.zeros((4, 5, 6), "int16")
    volume = mic.volume.Volume
    refused(lambda: volume(array, spacing=value), f"spacing is {shown(value)}", "three numbers")
    refused(lambda: volume(array, origin=value), f"origin is {shown(value)}", "three numbers")
    refused(lambda: mic.volume.Volume(array, direction=value), "direction is", "3 x 3 numbers")
    refused(lambda: mic.volume.Volume(array, metadata=[value]), "metadata is", "a dict is expected")


def test_methods_of_volumes():
    volume = mic.volume.Volume(np.zeros((2, 4, 5, 6), "int16"))
    refused(lambda: volume.at("a"), "time is 'a'", "a whole number")
    refused(lambda: volume.normalize(np.zeros(3)), "method is an array", '"minmax", "zscore"')


def test_sitk_and_torch():
    volume = mic.volume.Volume(np.zeros((4, 5, 6), "int16"))
    pytest.importorskip("SimpleITK")
    refused(lambda: mic.volume.Volume.from_sitk(None), "the image is None", "a SimpleITK.Image")
    refused(lambda: volume.resample(4, interpolator=["x"]), "interpolator is ['x']", "'linear'")
    pytest.importorskip("torch")
    for value in (5, "nothing", ["float32"]):
        refused(lambda value=value: volume.to_tensor(value), f"dtype is {shown(value)}", "torch")


@pytest.mark.parametrize("value", NO_PATHS)
def test_paths_of_transcoding(tmp_path, value):
    source = tmp_path / "x.dcm"
    write_dicom(source, IMAGE)
    call = mic.transcode.transcode_file
    refused(lambda: call(value, tmp_path / "y.dcm"), f"src is {shown(value)}", "a path")
    refused(lambda: call(source, value), f"dst is {shown(value)}", "a path")


@pytest.mark.parametrize("value", [None, "a", 1.5])
def test_options_of_transcoding(tmp_path, value):
    source, target = tmp_path / "x.dcm", tmp_path / "y.dcm"
    write_dicom(source, IMAGE)
    words = f"near is {shown(value)}", "a whole number is expected"
    call = mic.transcode.transcode_file
    refused(lambda: call(source, target, "jpegls-near", near=value), *words)
    refused(lambda: call(source, target, "rle", effort=value), f"effort is {shown(value)}")
    refused(lambda: mic.jpegls.compress(pydicom.dcmread(source), value), *words)
    assert not target.exists()


@pytest.mark.parametrize("value", [None, "x.dcm", 5])
def test_jpegls_takes_data_sets(value):
    words = f"ds is {shown(value)}", "a pydicom data set", "pydicom.dcmread"
    refused(lambda: mic.jpegls.compress(value), *words)


@pytest.mark.parametrize("codec", ["wavefront", "huffman"])
def test_states_are_those_of_fse(tmp_path, codec):
    words = "states is 8", f'"{codec}"', 'codec="fse"'
    refused(lambda: mic.encode(IMAGE, codec, states=8), *words)
    refused(lambda: mic.encode(IMAGE, codec, states=8, tile=32), *words)
    refused(lambda: mic.create(tmp_path / "x.mic", (4, 4), "u1", codec=codec, states=8), *words)
    call = mic.create_slide
    refused(lambda: call(tmp_path / "x.mic", (4, 4), "u1", codec=codec, states=8), *words)
    assert not list(tmp_path.iterdir())
    assert (mic.decode(mic.encode(IMAGE, "fse", states=8)) == IMAGE).all()


@pytest.mark.parametrize("container", ["mic1", "pics", "mic2"])
def test_a_small_maximum_is_named(container):
    image = IMAGE[None] if container == "mic2" else IMAGE
    words = "max_value is 8 and the largest sample is 1919", "leave max_value out"
    refused(lambda: mic.encode(image, container=container, max_value=8), *words)


def test_what_the_published_coder_refuses_goes_into_the_native_container():
    noise = np.random.default_rng(1).integers(0, 2**16, (300, 300)).astype("uint16")
    refused(lambda: mic.encode(noise, container="mic1"), "cannot code", 'use container="native"')
