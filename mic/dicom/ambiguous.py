# SPDX-License-Identifier: MIT
"""Value representations (VR) for elements that may have one of several.

Implicit VR files do not state the VR, and for some elements the dictionary of DICOM names
several.  pydicom chooses from the other attributes, but not for retired elements, such as
Curve Data, and then it cannot write the file with explicit VR.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.tag import BaseTag
from pydicom.valuerep import AMBIGUOUS_VR
from pydicom.values import convert_numbers

_PIXEL_DATA = 0x7FE00010


def settle_vrs(ds: Dataset, ancestors: Sequence[Dataset] = ()) -> None:
    """Choose one VR for each element that may have several, in place.

    The choice is pydicom's where it makes one, and otherwise that of DCMTK and GDCM: OW
    for what may be OW, and US or SS as Pixel Representation says.  Elements that state
    their VR keep it, and their bytes.

    Parameters
    ----------
    ds : pydicom.Dataset
        Little-endian.
    ancestors : sequence of pydicom.Dataset
        The data sets around an item of a sequence, from the inside out.
    """
    nearest = [ds, *ancestors]
    for tag in tuple(ds.keys()):
        stored = ds.get_item(tag)
        if tag == _PIXEL_DATA or (isinstance(stored, RawDataElement) and stored.VR):
            continue
        vr = stored.VR or _vr_of(tag)
        if vr == "SQ":
            for item in ds[tag].value:
                settle_vrs(item, nearest)
        elif vr in AMBIGUOUS_VR:
            _settle(ds[tag], nearest)


def _vr_of(tag: BaseTag) -> str | None:
    if not tag.is_private:
        with suppress(KeyError):
            return dictionary_VR(tag)
    return None


def _settle(element: Any, nearest: list[Dataset]) -> None:
    # pydicom fails if an attribute that decides is missing.
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        correct_ambiguous_vr_element(element, nearest[0], True, nearest)
    if element.VR not in AMBIGUOUS_VR:
        return
    if element.VR != "US or SS":
        element.VR = "OW"
        return
    signs = (item.get("PixelRepresentation") for item in nearest)
    is_signed = next((sign for sign in signs if sign is not None), 0) == 1
    data = element.value
    element.VR = "SS" if is_signed else "US"
    if isinstance(data, bytes) and data:
        if len(data) % 2:
            element.VR = "UN"  # no numbers, but the bytes stay
        else:
            element.value = convert_numbers(data, True, "h" if is_signed else "H")
