# SPDX-License-Identifier: MIT
"""Each face says arguments and remedies in its own words, and leaves all else as it is."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from commandline import fails, run

import mic
from mic import errors
from mic.cli import words
from mic.cli.encode import encode
from mic.cli.words import explain
from mic.codec.options import EncodeOptions
from mic.errors import Argument

PACKAGE = Path(mic.__file__).parent
SOURCES = Path(__file__).parents[2] / "csrc"
IMAGE = np.arange(3 * 48 * 40, dtype="uint16").reshape(3, 48, 40)
STREAM = mic.encode(IMAGE)
NAME = "max_pixels partial=True threads is max_value.mic"


def test_every_remedy_has_words():
    assert words.REMEDIES.keys() == errors.REMEDIES.keys()


@pytest.mark.skipif(not SOURCES.exists(), reason="csrc/ is not beside tests/")
def test_the_core_and_python_number_remedies_alike():
    enum = re.search(r"enum mic_remedy \{(.*?)\}", (SOURCES / "mic.h").read_text(), re.S)[1]
    names = re.findall(r"MIC_REMEDY_(\w+) = (\d+)", enum)
    assert [int(number) for _, number in names] == list(range(len(errors._OF_CORE)))
    assert [name.lower() for name, _ in names[1:]] == list(errors._OF_CORE[1:])


@pytest.mark.skipif(not SOURCES.exists(), reason="csrc/ is not beside tests/")
def test_the_core_speaks_neither_python_nor_options():
    for path in SOURCES.glob("*/*.c"):
        for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', path.read_text()):
            assert not re.search(
                r"=True|\bmic\.(?!h\b)[a-z]|\bmic (de|en|trans)code|--[a-z]", text
            ), (path.name, text)


def test_no_message_is_searched_for_words():
    for path in (PACKAGE / "cli").glob("*.py"):
        assert ".replace(" not in path.read_text(), path.name
    assert "replace(" not in (PACKAGE / "errors.py").read_text()


def test_the_library_names_no_option_of_the_command():
    option = re.compile(r"""["'][^"']*(?<![-\w])--[a-z]""")
    for path in PACKAGE.rglob("*.py"):
        if "cli" not in path.relative_to(PACKAGE).parts:
            lines = path.read_text().splitlines()
            found = [line for line in lines if option.search(line) and "--upgrade" not in line]
            assert not found, (path.name, found)


def test_names_of_files_are_left_alone(folder):
    (folder / NAME).write_bytes(STREAM[:-9])
    for arguments in (("info", NAME), ("verify", NAME), ("decode", NAME, "x.npy")):
        output = fails(*arguments)
        assert output.startswith(f"mic: {NAME}: ")
        assert output.endswith("(truncated file; mic decode --partial rescues what is there)\n")
    (folder / NAME).write_bytes(STREAM)
    output = fails("decode", NAME, "x.npy", "--max-pixels", 9)
    assert output == (
        f"mic: {NAME}: the stream announces 5760 samples (shape (3, 48, 40)), --max-pixels allows "
        "9; raise --max-pixels if you trust the source, or decode fewer frames\n"
    )
    assert NAME in run("info", NAME)


def test_the_command_says_options(folder):
    np.save("x.npy", IMAGE[0])
    np.save("zero.npy", np.zeros((4, 4), "uint16"))
    (folder / "x.raw").write_bytes(bytes(8))
    (folder / "bare.mic").write_bytes(b"\1\2\3\4\5\6\7\x08")
    for arguments, words_of_it in (
        ("encode x.npy a.mic --strips 3", "--strips is given, but --container native takes none"),
        ("encode x.npy a.mic --container mic2", "; encode one image at a time or use --container"),
        ("encode x.raw a.mic", "x.raw: a raw file does not say its shape; pass --shape ROWS,COL"),
        ("encode zero.npy a.mic --container mic1", "--max-value is 0, 1 to 65535 is expected"),
        ("encode zero.npy a.mic --container mic1", "; pass --max-value=255 or use the native"),
        ("encode x.npy a.mic --container mic1 --codec huffman", "; leave --codec out"),
        ("encode x.npy a.mic --container mic3 --states 4", "--states is given, but --container"),
        ("decode x.raw b.npy", "mic decode --stream decodes it if it is a bare published"),
        (
            "decode x.raw b.npy --stream huffman --shape 9,9 --dtype uint16",
            "mic: x.raw: the Huffman data end",
        ),
        ("info bare.mic", "known to mic (mic decode --stream decodes bare"),
    ):
        assert words_of_it in fails(*arguments.split())


def test_every_option_of_encoding_has_its_spelling():
    options = {option.name: option.opts for option in encode.params}
    shared = options.keys() & set(EncodeOptions._fields)
    assert {"codec", "effort", "states", "strips", "tile"} <= shared
    for name in shared - {"rgb", "verify"}:  # flags, which no message names
        assert explain(mic.MicError(Argument(name))) in options[name]


CASES = {
    "rescue": lambda: mic.decode(STREAM[:-9]),
    "rescue_frames": lambda: mic.decode(STREAM[:-1] + bytes([STREAM[-1] ^ 1])),
    "rescue_strips": lambda: mic.decode(_damaged()),
    "bare_stream": lambda: mic.decode(b"GIF89a"),
    "native": lambda: mic.encode(IMAGE[0], container="micr"),
    "limit": lambda: mic.decode(STREAM, max_pixels=9),
    "frame_axis": lambda: mic.encode(IMAGE[0], container="mic2"),
    "level": lambda: mic.decode(mic.encode(IMAGE[0], tile=16), frames=0),
    "index": lambda: mic.open(STREAM).level(0),
}


def _damaged():
    at = mic.info(STREAM).frame_offsets[1] - 2
    return STREAM[:at] + bytes([STREAM[at] ^ 1]) + STREAM[at + 1 :]


@pytest.mark.parametrize("remedy", CASES)
def test_errors_carry_their_remedy(remedy):
    with pytest.raises(mic.MicError) as caught:
        CASES[remedy]()
    error = caught.value
    assert error.remedy == remedy and errors.REMEDIES[remedy] in str(error)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(again), vars(again)) == (str(error), vars(error))
        assert words.explain(again) == words.explain(error) != str(error)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("threads", lambda: mic.encode(IMAGE, threads=-1)),
        ("codec", lambda: mic.encode(IMAGE, "png")),
        ("max_pixels", lambda: mic.decode(STREAM, max_pixels=9)),
        ("rows", lambda: mic.decode(STREAM, rows=5)),
        ("max_value", lambda: mic.encode(np.zeros((4, 4), "uint16"), container="mic1")),
        (None, lambda: mic.decode(STREAM[:-9])),
    ],
)
def test_errors_name_the_argument(argument, call):
    with pytest.raises(mic.MicError) as caught:
        call()
    assert caught.value.argument == argument
    assert type(caught.value.argument) in (str, type(None))
