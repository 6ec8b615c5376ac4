# SPDX-License-Identifier: MIT
"""Errors: classes, fields, messages."""

import copy
import errno
import pickle
from pathlib import Path

import numpy as np
import pytest
import zoo
from taken_apart import take_apart

import mic
from mic.atomic import replacing

CLASSES = (mic.CorruptDataError, mic.UnsupportedError, mic.LimitError, mic.VerifyError)


def raised() -> dict[str, mic.MicError]:
    """Cause one error of each kind of place, by its description."""
    image = zoo.volume((3,), 20, 20)
    stream = mic.encode(image)
    last = mic.info(stream).frame_offsets[2]
    (strip,) = take_apart(stream, 2).strip_offsets
    calls = {
        "magic": lambda: mic.decode(b"GIF89a" + stream),
        "header": lambda: mic.decode(zoo.flip(stream, 70)),
        "index": lambda: mic.decode(zoo.flip(stream, 8 * len(stream) - 1)),
        "frame head": lambda: mic.decode(zoo.flip(stream, 8 * last + 1)),
        "strip": lambda: mic.decode(zoo.flip(stream, 8 * strip + 300)),
        "truncated": lambda: mic.decode(stream[:-9]),
        "padding": lambda: mic.decode(stream + b"more"),
        "limit": lambda: mic.decode(stream, max_pixels=1199),
        "frame": lambda: mic.decode(stream, frames=3),
        "rows": lambda: mic.decode(stream, rows=(20, 21)),
        "dtype": lambda: mic.encode(np.zeros((3, 3), "float32")),
        "shape": lambda: mic.encode(np.zeros((0, 3), "uint8")),
        "codec": lambda: mic.encode(image, "png"),
        "out": lambda: mic.decode(stream, out=np.zeros((3, 20, 21), "int16")),
        "published": lambda: mic.encode(np.zeros((3, 3), "uint16"), container="mic1"),
        "fse": lambda: mic.stages.fse_decode(b"\xff\x02\0\0\0\1garbage"),
    }
    found = {}
    for name, call in calls.items():
        with pytest.raises(mic.MicError) as caught:
            call()
        found[name] = caught.value
    return found


ERRORS = raised()


def test_classes() -> None:
    for cls in CLASSES:
        assert issubclass(cls, mic.MicError)
        assert issubclass(cls, ValueError) == (cls is not mic.VerifyError)
    assert issubclass(mic.MicError, Exception)
    assert not issubclass(mic.MicError, ValueError)


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name: str) -> None:
    """A message is one short sentence on one line, with numbers where there are any."""
    message = str(ERRORS[name])
    assert "\n" not in message
    assert 30 < len(message) < 320
    assert message[0].islower() or message[0].isdigit()
    assert not message.endswith(".")
    assert any(c.isdigit() for c in message) or name == "codec"


@pytest.mark.parametrize("name", ERRORS)
def test_errors_travel(name: str) -> None:
    """Errors survive pickling between processes."""
    error = ERRORS[name]
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("name", "cls", "stage", "frame", "strip"),
    [
        ("magic", mic.CorruptDataError, "container", None, None),
        ("header", mic.CorruptDataError, "header", None, None),
        ("index", mic.CorruptDataError, "index", None, None),
        ("frame head", mic.CorruptDataError, "frame head", 2, None),
        ("strip", mic.CorruptDataError, "strip", 2, 0),
        ("truncated", mic.CorruptDataError, "index", None, None),
        ("padding", mic.CorruptDataError, "container", None, None),
        ("limit", mic.LimitError, None, None, None),
        ("frame", mic.UnsupportedError, None, None, None),
    ],
)
def test_places(
    name: str, cls: type, stage: str | None, frame: int | None, strip: int | None
) -> None:
    error = ERRORS[name]
    assert type(error) is cls
    assert (error.stage, error.frame, error.strip) == (stage, frame, strip)


def test_messages_name_the_values() -> None:
    assert "1200" in str(ERRORS["limit"])
    assert "1199" in str(ERRORS["limit"])
    assert "float32" in str(ERRORS["dtype"])
    assert "(0, 3)" in str(ERRORS["shape"])
    assert "'png'" in str(ERRORS["codec"])
    assert "(3, 20, 21)" in str(ERRORS["out"])
    assert "frame 2, strip 0" in str(ERRORS["strip"])
    assert "0 to 2" in str(ERRORS["frame"])


def test_core_codes() -> None:
    """Errors from the core carry its status number; those from Python have 0."""
    assert ERRORS["strip"].code == 3
    assert ERRORS["truncated"].code == 1
    assert ERRORS["dtype"].code == 0


def test_fields_can_be_set() -> None:
    error = mic.CorruptDataError("text", stage="fse", frame=1, strip=2, offset=3)
    assert (error.stage, error.frame, error.strip, error.offset, error.code) == ("fse", 1, 2, 3, 0)
    assert vars(mic.MicError("text")) == {
        "parts": ("text",),
        "argument": None,
        "remedy": None,
        "code": 0,
        "stage": None,
        "frame": None,
        "strip": None,
        "offset": None,
        "level": None,
        "tile": None,
    }


def test_damage_in_the_head_of_the_only_frame() -> None:
    """Without leading axes, it is also that of frame 0."""
    stream = mic.encode(zoo.smooth((20, 30), "uint16"))
    for at in range(mic.info(stream).frame_offsets[0], mic.info(stream).frame_offsets[0] + 12):
        with pytest.raises(mic.CorruptDataError, match="frame 0") as caught:
            mic.decode(zoo.flip(stream, 8 * at))
        assert caught.value.frame == 0


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """The system reports a full disk without naming the file that did not fit."""
    target = tmp_path / "scan.mic"
    with pytest.raises(OSError, match="No space left") as caught, replacing(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []


def test_args_hold_the_whole_sentence() -> None:
    """Loggers and old code read ``error.args[0]``, also after a place was put in front."""
    with pytest.raises(mic.LimitError) as caught:
        mic.decode(mic.encode(np.zeros((9, 9), np.uint8)), max_pixels=80)
    assert caught.value.args == (str(caught.value),)
    caught.value.begin("scan.mic: ")
    assert caught.value.args == (str(caught.value),)
    assert str(caught.value).startswith("scan.mic: ")
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
