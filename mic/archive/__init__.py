# SPDX-License-Identifier: MIT
"""Archives of DICOM files on many machines: `mic.transcode` as a Dask graph.

Sources and targets may be anywhere that fsspec reaches: folders that all workers
mount, S3, Google Cloud Storage, Azure, SFTP and more.  Needs the extra "dask".
"""

from __future__ import annotations

from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
from .graph import Path as Path
from .graph import Run as Run
from .graph import execute as execute
from .graph import prepare as prepare
from .graph import transcode
from .report import Record

__all__ = ["Record", "transcode"]

publish(__name__)
