# SPDX-License-Identifier: MIT
"""DICOM for PyTorch: tensors, data sets for a DataLoader, whole batches decoded in one call.

Needs the extra "torch".

    slices = mic.torch.DicomSlices("scans/", rescale=True, threads=4)
    for batch in DataLoader(slices, batch_size=16, collate_fn=mic.torch.collate):
        ...                                     # float32, (16, 1, rows, columns)

Files are parsed once, when a data set is created.  After that, a slice only costs
reading and decoding its bytes.  Any transfer syntax that pydicom reads works; MIC
Lossless and native files are the fastest.  `mic.register` is not needed.
"""

from __future__ import annotations

from ..extras import naming_extra
from ..faces import publish

# Imported "as" itself: a name that 0.1.0 had here without documenting it.
with naming_extra("mic.torch", "PyTorch", "torch", "torch"):
    from .series import DicomSeries, Series
    from .slices import Batch as Batch
    from .slices import DicomSlices, Slice, collate, read_dicom_to_tensor, register_in_worker
    from .slices import PathLike as PathLike

__all__ = [
    "DicomSeries",
    "DicomSlices",
    "Series",
    "Slice",
    "collate",
    "read_dicom_to_tensor",
    "register_in_worker",
]

publish(__name__)
