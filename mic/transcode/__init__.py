# SPDX-License-Identifier: MIT
"""DICOM files from one transfer syntax into another, with proof.

A new file is written under a temporary name, read and decoded again, and compared
with the source, every frame and every attribute, before it gets its name.
"""

from __future__ import annotations

from ..faces import publish
from .file import Record, change_syntax, compare_files, transcode_file
from .image import sha256_of

__all__ = ["Record", "change_syntax", "compare_files", "sha256_of", "transcode_file"]

publish(__name__)
