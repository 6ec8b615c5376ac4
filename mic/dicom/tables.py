# SPDX-License-Identifier: MIT
"""Look-up tables: Modality LUT, VOI LUT and colour palettes, as files really hold them.

A table is two attributes: a descriptor of three numbers (entries, first value, bits of
an entry) and the data.  Many writers get the third number wrong, so it is compared
with the entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import shown
from ..errors import CorruptDataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_FEWEST_BITS, _MOST_BITS = 8, 16  # of an entry, by the standard
_MOST_ENTRIES = 1 << 16
_BIG_ENDIAN = "1.2.840.10008.1.2.2"


class LookupTable:
    """A table from the attributes ``<name>Descriptor`` and ``<name>Data``.

    pydicom's functions apply tables pixel by pixel, refuse a 12-bit Modality LUT and
    let the indices of 8-bit tables wrap at 256. mic only takes the values from it.

    Parameters
    ----------
    item : pydicom Dataset
        The sequence item, or the data set for a palette.
    ds : pydicom Dataset
        The data set.
    name : str
        Beginning of the keywords.
    signed : bool, optional
        The values to look up may be negative.  Default: if the pixels are signed.

    Attributes
    ----------
    data : ndarray of uint16
        The entries.
    first : int
        The value that the first entry stands for.
    declared_bits : int
        Bits of an entry as the descriptor says.
    n_missing : int
        Entries that the descriptor promises and the data lack.
    """

    def __init__(
        self, item: Dataset, ds: Dataset, name: str = "LUT", signed: bool | None = None
    ) -> None:
        self.name = name
        n_entries, self.first, self.declared_bits = descriptor(item, f"{name}Descriptor")
        if signed is None:
            signed = ds.get("PixelRepresentation") == 1
        # The second number may be negative whatever its VR says.
        if self.first > 0x7FFF and signed:
            self.first -= 1 << 16
        self.data, self.in_bytes = self._entries(item, ds, n_entries)
        self.n_missing = max(0, n_entries - len(self.data))

    def apply(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Look up values; values outside the table get its first or last entry."""
        places = np.clip(np.asarray(values, np.float64) - self.first, 0, len(self.data) - 1)
        entries: NDArray[np.uint16] = self.data[np.nan_to_num(places).astype(np.intp)]
        return entries

    def check_complete(self) -> LookupTable:
        """Refuse a table that lacks entries."""
        if self.n_missing:
            n_present = len(self.data)
            raise CorruptDataError(
                f"{label(f'{self.name}Data')} has {n_present} entries, its descriptor says "
                f"{n_present + self.n_missing}; correct the file's header"
            )
        return self

    def _entries(
        self, item: Dataset, ds: Dataset, n_entries: int
    ) -> tuple[NDArray[np.uint16], bool]:
        """Return the entries, and whether each takes one byte instead of a word."""
        words = _words(item, ds, f"{self.name}Data")
        if len(words) == n_entries:
            return words, False
        if len(words) == (n_entries + 1) // 2:
            # Two entries in a word; the first is the lower byte in both byte orders.
            return words.astype("<u2").view(np.uint8)[:n_entries].astype(np.uint16), True
        if self.declared_bits == _FEWEST_BITS or len(words) == 0:
            raise CorruptDataError(
                f"{label(f'{self.name}Data')} has {2 * len(words)} bytes, {n_entries} or "
                f"{2 * n_entries} are expected for the {n_entries} entries that its descriptor "
                "says; correct the file's header"
            )
        return words[:_MOST_ENTRIES], False


def is_table(item: Dataset, name: str = "LUT") -> bool:
    """Whether a data set has both parts of a table, and neither of them empty."""
    return all(_has_value(item, f"{name}{part}") for part in ("Descriptor", "Data"))


def is_empty(item: Dataset, name: str = "LUT") -> bool:
    """Whether a data set has no part of a table."""
    return not any(_has_value(item, f"{name}{part}") for part in ("Descriptor", "Data"))


def grey_bits(table: LookupTable) -> int:
    """Return the bits of the entries of a VOI LUT: those that the largest entry needs, 8 to 16.

    Files declare 16, the width of the word, for entries of 10 or 12 bits, or fewer bits
    than the entries have.  DCMTK's dcm2pnm has the same rule, as its option ignore-vlut-depth.
    """
    return min(max(int(table.data.max()).bit_length(), _FEWEST_BITS), _MOST_BITS)


def palette_bits(tables: list[LookupTable]) -> int:
    """Return the bits of the entries of a palette, and cut longer entries to them.

    A palette may be dark on purpose, so its largest entry does not tell its bits.  But
    whether the entries have 8 or 16 is seen in them, for all colours together, as DCMTK
    does (--check-lut-depth): the high bytes of 8-bit entries are 0 or copies.
    """
    entries = np.concatenate([table.data for table in tables])
    declared = max(table.declared_bits for table in tables)
    high, low = entries >> 8, entries & 0xFF
    is_narrow = all(table.in_bytes for table in tables) or bool(((high == 0) | (high == low)).all())
    if is_narrow and declared in (_FEWEST_BITS, _MOST_BITS):
        for table in tables:
            table.data = table.data & np.uint16(0xFF)
        return _FEWEST_BITS
    needed = min(max(int(entries.max()).bit_length(), _FEWEST_BITS), _MOST_BITS)
    if not _FEWEST_BITS <= declared <= _MOST_BITS:
        return needed
    return declared if needed <= declared else _MOST_BITS


def label(keyword: str) -> str:
    """Return name and tag of an attribute, for messages."""
    from pydicom.datadict import dictionary_description, tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None
    return f"{dictionary_description(tag)} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def missing(keyword: str) -> CorruptDataError:
    """Return the error to raise for a table without data."""
    return CorruptDataError(
        f"{label(keyword)} is missing, entries are expected; correct the file's header"
    )


def _has_value(item: Dataset, keyword: str) -> bool:
    value = item.get(keyword)
    return value is not None and (isinstance(value, int) or len(value) > 0)


def descriptor(item: Dataset, keyword: str) -> tuple[int, int, int]:
    """Return the number of entries, the first value and the bits of a table.

    Raises
    ------
    CorruptDataError
        The attribute is missing or holds something else.
    """
    value = item.get(keyword)
    try:
        n_entries, first, bits = (int(number) for number in value)
    except (TypeError, ValueError):
        raise CorruptDataError(
            f"{label(keyword)} is {shown(value)}, three numbers are expected (entries, first "
            "value, bits); correct the file's header"
        ) from None
    return (n_entries & 0xFFFF) or _MOST_ENTRIES, first, bits


def _words(item: Dataset, ds: Dataset, keyword: str) -> NDArray[np.uint16]:
    """Return table data as 16-bit numbers: pydicom parses VR US, but leaves OW as bytes."""
    data = item.get(keyword)
    if data is None:
        raise missing(keyword)
    if isinstance(data, bytes):
        order = ">" if item[keyword].VR != "OB" and _is_big_endian(ds) else "<"
        padded = data + b"\0" * (len(data) % 2)
        return np.frombuffer(padded, f"{order}u2").astype(np.uint16)
    return np.atleast_1d(np.asarray(data, np.int64)).astype(np.uint16)


def _is_big_endian(ds: Dataset) -> bool:
    is_little = ds.original_encoding[1]
    if is_little is not None:
        return not is_little
    syntax = getattr(ds, "file_meta", {}).get("TransferSyntaxUID")
    return bool(syntax == _BIG_ENDIAN)
