# SPDX-License-Identifier: MIT
"""CRC-32C: the generated tables, and the checksums in streams."""

import re
from pathlib import Path

import handmade
import numpy as np
import pytest
import zoo

import mic

TABLES = Path(__file__).parents[2] / "csrc" / "base" / "crc32c_tables.h"


def test_check_value() -> None:
    """The known check value of CRC-32C, on which handmade streams rely."""
    assert handmade.crc32c(b"123456789") == 0xE3069283
    assert handmade.crc32c(b"") == 0


@pytest.mark.skipif(not TABLES.exists(), reason="the C source is not here")
def test_tables() -> None:
    """Entry (k, b) is the remainder of byte b followed by k zero bytes."""
    numbers = [int(text, 16) for text in re.findall(r"0x[0-9A-F]{8}", TABLES.read_text())]
    table = handmade.crc_table()
    expected = list(table)
    rows = table
    for _ in range(7):
        rows = [crc >> 8 ^ table[crc & 255] for crc in rows]
        expected += rows
    assert numbers == expected


@pytest.mark.usefixtures("restore_isa")
@pytest.mark.parametrize("isa", zoo.available_isas())
def test_every_length(isa: str) -> None:
    """Test frame checksums of every length up to several steps of the widest kernel."""
    mic._mic.use_isa(isa)
    for length in [*range(1, 90), 255, 256, 257, 1023, 1024, 4099]:
        row = zoo.noise((1, length), "uint8", length)
        info = mic.info(mic.encode(row))
        assert info.frame_checksums == (handmade.crc32c(row.tobytes()),)


@pytest.mark.parametrize("dtype", zoo.DTYPES)
def test_strips_are_combined(dtype: str) -> None:
    """The checksum of a frame is combined from those of its strips."""
    image = zoo.smooth((50, 7), dtype)
    expected = handmade.crc32c(image.tobytes())
    for strip_rows in (1, 3, 49):
        stream = handmade.stream(image, strip_rows)
        assert mic.info(stream).frame_checksums == (expected,)
        assert np.array_equal(mic.decode(stream, threads=3), image)
