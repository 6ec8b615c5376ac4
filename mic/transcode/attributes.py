# SPDX-License-Identifier: MIT
"""Attributes of transcoded data sets: what a lossy one must declare, and what must not change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

_JPEG_LS_METHOD = "ISO_14495_1"
_LOSSY_CODE = ("113040", "DCM", "Lossy Compression")
_PREDECESSOR_CODE = ("121320", "DCM", "Uncompressed predecessor")
_SHORT_TEXT = 1024

# Elements about pixel storage, since pixels are compared as pixels.
_STORAGE = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00010})
_COMMAND_GROUP, _PADDING = 0x0000, 0xFFFCFFFC
# File meta information about the file itself and the software that wrote it.
_FILE_META = frozenset({0x00020000, 0x00020001, 0x00020010, 0x00020012, 0x00020013, 0x00020016})
_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_DECODES_TO_RGB = ("YBR_RCT", "YBR_ICT")


def mark_lossy(ds: Dataset, near: int, ratio: float, pixels_sha256: str) -> None:
    """Declare that JPEG-LS near-lossless has changed the pixels of a data set.

    PS3.3, C.7.6.1.1.5 (Lossy Image Compression, its ratio and method, one value for
    each lossy step), C.7.6.1.1.2 (Image Type) and C.12.4.1.1 (derivation).

    Parameters
    ----------
    ds : pydicom.Dataset
        It still has the SOP Instance UID of the source.
    near : int
        Largest error of a sample value; above 0.
    ratio : float
        Uncompressed size of the pixels divided by their compressed size.
    pixels_sha256 : str
        Digest of the source's pixels.  The new SOP Instance UID is derived from it and
        the old UID, so that the same source always gives the same UID.
    """
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

    source_class, source_uid = ds.get("SOPClassUID"), ds.get("SOPInstanceUID")
    ds.LossyImageCompressionRatio = [*_values(ds, "LossyImageCompressionRatio"), f"{ratio:.4g}"]
    methods = _values(ds, "LossyImageCompressionMethod")
    ds.LossyImageCompressionMethod = [*methods, _JPEG_LS_METHOD]
    ds.LossyImageCompression = "01"
    ds.ImageType = ["DERIVED", *(_values(ds, "ImageType") or ["", "SECONDARY"])[1:]]
    text = f"Lossy compression with JPEG-LS near-lossless, NEAR {near}"
    before = str(ds.get("DerivationDescription") or "")
    ds.DerivationDescription = f"{before}; {text}"[-_SHORT_TEXT:] if before else text
    derivations = list(ds.get("DerivationCodeSequence") or [])
    ds.DerivationCodeSequence = [*derivations, _code(_LOSSY_CODE)]
    if source_class and source_uid:
        reference = Dataset()
        reference.ReferencedSOPClassUID = source_class
        reference.ReferencedSOPInstanceUID = source_uid
        reference.PurposeOfReferenceCodeSequence = [_code(_PREDECESSOR_CODE)]
        ds.SourceImageSequence = [*(ds.get("SourceImageSequence") or []), reference]
    name = f"{source_uid} jpegls-near {near} {pixels_sha256}"
    ds.SOPInstanceUID = UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}")
    if "MediaStorageSOPInstanceUID" in ds.file_meta:
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID


LOSSY_CHANGES = frozenset(
    {
        0x00020003,  # Media Storage SOP Instance UID
        0x00080008,  # Image Type
        0x00080018,  # SOP Instance UID
        0x00082111,  # Derivation Description
        0x00082112,  # Source Image Sequence
        0x00089215,  # Derivation Code Sequence
        0x00282110,  # Lossy Image Compression
        0x00282112,  # its ratio
        0x00282114,  # its method
    }
)
"""The elements that `mark_lossy` sets."""


def _values(ds: Dataset, keyword: str) -> list[Any]:
    value = ds.get(keyword)
    if value in (None, ""):
        return []
    return list(value) if not isinstance(value, str) and hasattr(value, "__iter__") else [value]


def _code(code: tuple[str, str, str]) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def differences(
    first: Dataset, second: Dataset, ignoring: frozenset[int] = frozenset()
) -> Iterator[str]:
    """Yield the attributes in which two data sets differ, each as text.

    Compares the encoded values of all elements, and sequences item by item, whatever
    the VR encoding and the byte order.  Attributes about the storage of the pixels are
    left out: offset tables, the transfer syntax, the software that wrote the file,
    Planar Configuration, and the colour transforms YBR_RCT and YBR_ICT, which decode to
    RGB.

    Parameters
    ----------
    first, second : pydicom.Dataset
        Read from files.
    ignoring : set of int
        Tags to leave out, at the top level or in the file meta information.
    """
    storage = _STORAGE | ignoring
    meta = _FILE_META | ignoring
    yield from _compare(first.get("file_meta", {}), second.get("file_meta", {}), meta, "")
    yield from _compare(first, second, storage, "")


def is_not_written(tag: BaseTag) -> bool:
    """Whether an element says nothing about the image, so that new files do not have it.

    These are retired group lengths, padding at the end of a file, and elements of the
    Command Set, which belong to messages and which PS3.10 does not allow in files.
    """
    return tag.element == 0 or tag.group == _COMMAND_GROUP or tag == _PADDING


def _compare(first: Any, second: Any, ignoring: frozenset[int], path: str) -> Iterator[str]:
    for tag in sorted({*first.keys(), *second.keys()}):
        if int(tag) in ignoring or is_not_written(tag):
            continue
        if not path and tag == _PLANAR:
            continue
        name = f"{path}{_name_of(tag, first if tag in first else second)}"
        if tag not in first or tag not in second:
            yield f"{name} is only in the {'first' if tag in first else 'second'}"
            continue
        if _same_bytes(first.get_item(tag), second.get_item(tag)):
            continue
        one, other = first[tag], second[tag]
        if "SQ" in (one.VR, other.VR):
            yield from _compare_items(one, other, name)
        elif not path and tag == _PHOTOMETRIC and _as_decoded(one) == _as_decoded(other):
            continue
        elif _encoded(one) != _encoded(other):
            yield f"{name} is {_shown(one)} and {_shown(other)}"


def _compare_items(one: DataElement, other: DataElement, name: str) -> Iterator[str]:
    if one.VR != other.VR:
        yield f"{name} is a sequence in one and {one.VR if other.VR == 'SQ' else other.VR} in one"
    elif len(one.value) != len(other.value):
        yield f"{name} has {len(one.value)} and {len(other.value)} items"
    else:
        for number, (a, b) in enumerate(zip(one.value, other.value, strict=True), 1):
            yield from _compare(a, b, frozenset(), f"{name}, item {number}, ")


def _name_of(tag: Any, ds: Any) -> str:
    from pydicom.datadict import dictionary_has_tag, keyword_for_tag

    keyword = keyword_for_tag(tag) if dictionary_has_tag(tag) else "private element"
    return f"{keyword} ({tag.group:04X},{tag.element:04X})"


def _same_bytes(one: DataElement | RawDataElement, other: DataElement | RawDataElement) -> bool:
    """Whether two elements that have not been parsed yet are equal byte for byte."""
    from pydicom.dataelem import RawDataElement

    if not (isinstance(one, RawDataElement) and isinstance(other, RawDataElement)):
        return False
    same_order = one.is_little_endian == other.is_little_endian
    same_vr = one.VR == other.VR or None in (one.VR, other.VR)
    return same_order and same_vr and one.value == other.value


def _as_decoded(element: DataElement) -> str:
    return "RGB" if element.value in _DECODES_TO_RGB else str(element.value)


def _encoded(element: DataElement) -> bytes:
    """Encode the value as in a little-endian file."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_data_element(buffer, element, ["utf-8"])
    return buffer.getvalue()[8:].rstrip(b"\0 ")


def _shown(element: DataElement) -> str:
    text = repr(element.value)
    return text if len(text) <= 60 else f"{text[:57]}..."
