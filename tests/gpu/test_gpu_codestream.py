# SPDX-License-Identifier: MIT
"""Headers of JPEG and JPEG 2000 frames, and the probes that decide what a decoder gets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mic
from mic.gpu.codestream import Codestream, read_codestream
from mic.gpu.probe import probe_frames

PROBES = list(probe_frames())


def jpeg(*segments: bytes, names: bytes = b"\x01\x02\x03", sampling: int = 0x11) -> bytes:
    """Make a JPEG header: 5 rows, 7 columns, three components, the first with this sampling."""
    factors = (sampling, 0x11, 0x11)
    components = b"".join(bytes((n, f, 0)) for n, f in zip(names, factors, strict=True))
    frame = b"\x08\x00\x05\x00\x07\x03" + components
    return b"\xff\xd8" + b"".join(segments) + b"\xff\xc0\x00\x11" + frame


CODINGS = ("jpeg", "jpeg-lossless", "jpeg2000", "htj2k")
JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"


def adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes((transform,))


@pytest.mark.parametrize(
    ("segments", "names", "luma_chroma"),
    [
        ((), b"\1\2\3", True),
        ((), b"RGB", False),
        ((), b"rgb", False),
        ((JFIF,), b"RGB", True),
        ((adobe(0),), b"\1\2\3", False),
        ((adobe(1),), b"\1\2\3", True),
        ((JFIF, adobe(0)), b"\1\2\3", True),
    ],
)
def test_jpeg_colours(segments: tuple[bytes, ...], names: bytes, luma_chroma: bool) -> None:
    found = read_codestream(jpeg(*segments, names=names))
    assert found == Codestream("jpeg", 5, 7, 3, 8, luma_chroma=luma_chroma)


def test_jpeg_subsampling() -> None:
    assert read_codestream(jpeg(sampling=0x22)).subsampled
    assert not read_codestream(jpeg(sampling=0x11)).subsampled


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe[0]}-{probe[1]}-{probe[2]}")
def test_headers_of_the_probes(probe: tuple[str, int, bool, bytes, np.ndarray]) -> None:
    coding, precision, signed, frame, samples = probe
    assert read_codestream(frame) == Codestream(coding, 16, 16, 1, precision, signed=signed)
    assert samples.min() < samples.max() < 1 << precision


def test_the_probes_hold_what_they_promise() -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="a second decoder: extra bench")
    decoders = {
        "jpeg-lossless": imagecodecs.ljpeg_decode,
        "jpeg2000": imagecodecs.jpeg2k_decode,
        "htj2k": imagecodecs.htj2k_decode,
    }
    for coding, _, _, frame, samples in PROBES:
        decoded = decoders[coding](frame)
        assert decoded.dtype == samples.dtype
        np.testing.assert_array_equal(decoded, samples)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe[0]}-{probe[1]}-{probe[2]}")
def test_a_header_cut_anywhere_is_refused(
    probe: tuple[str, int, bool, bytes, np.ndarray],
) -> None:
    frame = probe[3]
    complete = read_codestream(frame)
    for length in range(len(frame)):
        try:
            assert read_codestream(frame[:length]) == complete
        except mic.CorruptDataError:
            continue
        return  # from here on the header is complete


@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51"]))
def test_any_bytes_are_a_header_or_an_error(tail: bytes, start: bytes) -> None:
    try:
        assert read_codestream(start + tail).coding in CODINGS
    except mic.CorruptDataError as error:
        assert "header" in str(error) or "expected" in str(error)
