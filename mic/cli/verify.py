# SPDX-License-Identifier: MIT
"""`mic verify A B`: two image files that are no .mic files."""

from __future__ import annotations

from pathlib import Path

from ..dicom.reading import quiet_pydicom
from ..errors import VerifyError
from ..images.formats import read_image
from ..images.kinds import RawLayout, kind_of
from ..images.samples import as_frames, pixel_sha256
from ..transcode.file import compare_files
from .jobs import Outcome, compare

_MOST_NAMED = 5


def verify_images(
    first: Path,
    second: Path,
    near: int = 0,
    raw: RawLayout | None = None,
    frame: int | None = None,
) -> Outcome:
    """Compare two image files: their samples, and of DICOM files their attributes too.

    Raises
    ------
    VerifyError
        They differ; names the first differing pixel, or the attributes.
    """
    if kind_of(first) == kind_of(second) == "dicom" and frame is None:
        return _verify_dicom(first, second, near)
    samples, expected = read_image(first, raw, frame), read_image(second, raw, frame)
    compare(
        samples.reshape(expected.shape) if samples.size == expected.size else samples,
        expected,
        first.name,
    )
    frames = len(as_frames(expected))
    details = {"original": str(second), "frames": frames, "sha256": pixel_sha256(expected)}
    message = f"the pixels of {_count(frames, 'frame')} are equal, sha256 {details['sha256']}"
    return Outcome(first, message=message, details=details)


def _verify_dicom(first: Path, second: Path, near: int) -> Outcome:
    with quiet_pydicom():
        facts = compare_files(first, second, near)
    frames = _count(facts["frames"], "frame")
    pixels = (
        f"the pixels of {frames} differ by {facts['max_error']} at most"
        if facts["max_error"]
        else f"the pixels of {frames} are equal, sha256 {facts['sha256'][0]}"
    )
    different = facts["differences"]
    if different:
        more = f"; and {len(different) - _MOST_NAMED} more" if len(different) > _MOST_NAMED else ""
        raise VerifyError(
            f"{first.name} and {second.name}: {pixels}, but not all attributes are: "
            f"{'; '.join(different[:_MOST_NAMED])}{more}"
        )
    details = facts | {"original": str(second)}
    return Outcome(first, message=f"{pixels}; the attributes are equal", details=details)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"
