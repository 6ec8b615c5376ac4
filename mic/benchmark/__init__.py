# SPDX-License-Identifier: MIT
"""Measure codecs against each other: one process, same buffers, verified.

Every codec encodes an array into new bytes and decodes into the same preallocated
array.  The codecs take turns on each image, so that a disturbance of the machine
affects all of them alike.  Speeds are in decoded bytes per second.
"""

from __future__ import annotations

from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .codecs import Codec, own_codecs, peer_codecs, peer_versions
from .images import RealImage, find_installed_images, images_of
from .measure import MEGABYTE as MEGABYTE
from .measure import MIN_SECONDS as MIN_SECONDS
from .measure import Array as Array
from .measure import (
    Measurement,
    Summary,
    Timing,
    document,
    geometric_mean,
    machine,
    measure_all,
    measure_image,
    speed_against,
    summarize,
    write_json,
)
from .measure import Progress as Progress

__all__ = [
    "Codec",
    "Measurement",
    "RealImage",
    "Summary",
    "Timing",
    "document",
    "find_installed_images",
    "geometric_mean",
    "images_of",
    "machine",
    "measure_all",
    "measure_image",
    "own_codecs",
    "peer_codecs",
    "peer_versions",
    "speed_against",
    "summarize",
    "write_json",
]

publish(__name__)
