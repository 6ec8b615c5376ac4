# SPDX-License-Identifier: MIT
"""Volumes: the slices of a series in one array, with their place in space.

Examples
--------
>>> import mic.volume, numpy as np
>>> volume = mic.volume.Volume(np.zeros((40, 128, 96), "int16"), spacing=(0.5, 0.5, 2.0))
>>> volume.size, float(volume.affine[2, 2])
((96, 128, 40), 2.0)
"""

from __future__ import annotations

from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .volume import Heads as Heads
from .volume import SeriesInfo, Volume, list_series, read, read_series
from .volume import Triple as Triple
from .volume import frames_of_series as frames_of_series

__all__ = ["SeriesInfo", "Volume", "list_series", "read", "read_series"]

publish(__name__)
