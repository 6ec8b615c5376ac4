# SPDX-License-Identifier: MIT
"""Take every image file of pydicom and pydicom-data through MIC and back.

Run as a script, it writes the lists in docs/transcode.md: the files that cannot make
the round trip, and why.
"""

import logging
import re
import sys
import warnings
from pathlib import Path

import numpy as np
from pydicom import dcmread

import mic
from mic.benchmark.images import installed_folders
from mic.dicom.failures import is_dicom
from mic.dicom.syntaxes import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    LOSSLESS,
    SYNTAXES,
    syntax_of,
    title_of,
)
from mic.errors import MicError
from mic.transcode import transcode_file
from mic.transcode.attributes import differences
from mic.transcode.file import read_dicom

DOCUMENT = Path(__file__).parents[2] / "docs" / "transcode.md"
WRITABLE = {syntax.uid for syntax in SYNTAXES}
_MARKS = "<!-- {0}: made by tests/support/walk.py -->\n", "<!-- end of {0} -->\n"


def image_files():
    """List every file on disk that holds Pixel Data, with a name for it."""
    found = {}
    for folder in installed_folders().values():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (path.suffix.lower() == ".dcm" or is_dicom(path)):
                name = path.relative_to(folder).as_posix()
                if name not in found and _has_pixels(path):
                    found[name] = path
    return found


def _has_pixels(path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "PixelData" in read_dicom(path)
    except MicError:
        return False


def decoded(path):
    """Return pixels as pydicom gives them to its users: YCbCr as RGB, colour by pixel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path).pixel_array


def walk(path, folder):
    """Take a file through MIC to explicit, and back to its own lossless syntax.

    Returns the names of the steps taken; raises MicError or AssertionError.
    """
    expected = decoded(path)
    steps = ["mic", "explicit"]
    source = path
    for step in steps:
        target = folder / f"{step}.dcm"
        transcode_file(source, target, step)
        check_same(path, expected, target)
        source = target
    uid = syntax_of(read_dicom(path))
    if uid in (WRITABLE & LOSSLESS) - {EXPLICIT}:
        target = folder / "own.dcm"
        transcode_file(folder / "mic.dcm", target, uid)
        check_same(path, expected, target)
        steps.append(uid)
    return steps


def check_same(path, expected, target):
    """Check the pixels as pydicom decodes them from both files, and all attributes."""
    pixels = decoded(target)
    assert pixels.shape == expected.shape
    assert np.array_equal(pixels, expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original, new = read_dicom(path), read_dicom(target)
        uid = syntax_of(original)
        ignoring = set() if uid in LOSSLESS else {0x00280004}  # YCbCr of a lossy file is RGB now
        if "MediaStorageSOPClassUID" not in getattr(original, "file_meta", {}):
            ignoring |= {0x00020002, 0x00020003}
        if uid == BIG_ENDIAN:
            mic.dicom.endian.to_little_endian(original)
        assert not list(differences(original, new, frozenset(ignoring)))
        if uid in (BIG_ENDIAN, IMPLICIT):
            return
        for element in original:  # the same check with pydicom's own comparison
            storage = {0x7FE00010, 0x00280004, 0xFFFCFFFC}
            if element.tag.element and element.tag not in ignoring | storage:
                assert new[element.tag] == element, element.keyword


def failure_of(path, folder):
    """Return (kind, reason) for a file that cannot make the round trip, or None."""
    try:
        decoded(path)
    except Exception as error:
        return "undecodable", _one_line(error)
    try:
        walk(path, folder)
    except MicError as error:
        return "refused", _one_line(error).removeprefix(f"{path.name}: ")
    return None


def _one_line(error):
    return " ".join(str(error).split())


def _shortened(text):
    return (text if len(text) <= 160 else text[:157] + "...").replace("|", "/")


def listed(kind):
    """Return the names in one of the document's lists."""
    start, end = (mark.format(kind) for mark in _MARKS)
    section = DOCUMENT.read_text(encoding="utf-8").split(start)[1].split(end)[0]
    return set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))


def main():
    import tempfile

    logging.disable(logging.CRITICAL)
    mic.register()
    rows = {"undecodable": [], "refused": []}
    for name, path in image_files().items():
        with tempfile.TemporaryDirectory() as folder:
            failure = failure_of(path, Path(folder))
        if failure is not None:
            kind, reason = failure
            syntax = title_of(syntax_of(read_dicom(path)))
            rows[kind].append(f"| `{name}` | {syntax} | {_shortened(reason)} |\n")
            print(name, *failure)
    text = DOCUMENT.read_text(encoding="utf-8")
    for kind, lines in rows.items():
        start, end = (mark.format(kind) for mark in _MARKS)
        before, rest = text.split(start)
        head = "| File | Transfer syntax | Reason |\n| --- | --- | --- |\n"
        text = before + start + head + "".join(lines) + end + rest.split(end)[1]
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
