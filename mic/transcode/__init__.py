# SPDX-License-Identifier: MIT
"""Convert DICOM files from one transfer syntax to another, with proof.

A new file is written under a temporary name, read and decoded again, and compared with
the source in every frame and every attribute, before it gets its name.
"""

from __future__ import annotations

from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .file import Record, change_syntax, compare_files, transcode_file
from .file import compare_frames as compare_frames
from .file import read_dicom as read_dicom
from .image import sha256_of

__all__ = ["Record", "change_syntax", "compare_files", "sha256_of", "transcode_file"]

publish(__name__)
