# SPDX-License-Identifier: MIT
"""Read the stored words of DICOM files in any transfer syntax as arrays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError


def read_dicom_samples(path: Path, frame: int | None) -> NDArray[Any]:
    """Read a file's frames with all bits, where its syntax keeps them."""
    from ..dicom.attributes import IMAGE_KEYWORDS
    from ..dicom.decoding import decode_into, describe
    from ..dicom.reading import read_image

    # pydicom warns about many oddities that do not affect the stored samples.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = read_image(path, IMAGE_KEYWORDS)
        description = describe(image).check_codable(path.name)
        n_frames = description.number_of_frames
        if frame is not None and not 0 <= frame < n_frames:
            raise UnsupportedError(
                f"{path.name}: frame {frame} is asked for, it has frames 0 to {n_frames - 1}"
            )
        indices = range(n_frames) if frame is None else [frame]
        samples = np.empty((len(indices), *description.frame_shape), description.dtype)
        # Other syntaxes than those that keep words have their own precision, so the sign of their
        # samples must be extended.
        decode_into(image, indices, samples, 1, not image.keeps_words)
    return samples[0] if frame is not None or n_frames == 1 else samples
