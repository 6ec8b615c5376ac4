# SPDX-License-Identifier: MIT
"""Convert images to uint8 for display, windowed as the file or the caller specifies.

The steps are those of DICOM's greyscale pipeline (PS3.4, N.2): Modality LUT, VOI LUT,
inversion.  Colour images go through their palette or a conversion to RGB instead.

Examples
--------
>>> import mic.display, numpy as np
>>> mic.display.to_uint8(np.array([[-160, 40, 240]]), window=(40, 400)).tolist()
[[0, 128, 255]]
"""

from __future__ import annotations

from ..faces import publish
from .picture import WINDOWS, Window, to_uint8

__all__ = ["WINDOWS", "Window", "to_uint8"]

publish(__name__)
