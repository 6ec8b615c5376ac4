# SPDX-License-Identifier: MIT
"""Compare images: the samples that a reader sees, and the words that hold them."""

from __future__ import annotations

import numpy as np

from ..errors import VerifyError
from .image import NativeImage, Words


def compare_images(
    got: NativeImage, wanted: NativeImage, name: str, *, near: int = 0, words: bool = True
) -> int:
    """Return the largest difference between the samples of two images.

    Parameters
    ----------
    got, wanted : NativeImage
        Of the same shape.
    name : str
        Name of the image in messages.
    near : int
        Largest difference of samples that is allowed.
    words : bool
        Compare unused bits too.  Where samples differ by `near` at most, they are not
        compared, because they may hold the sign.

    Raises
    ------
    VerifyError
        They differ.  The message says whether in samples or in unused bits, and gives
        the frame and the first such pixel.
    """
    worst = 0
    for number in range(wanted.frames):
        samples = got.values(number), wanted.values(number)
        worst = max(worst, compare_frames(*samples, number, name, near))
        if words and not np.array_equal(got.words[number], wanted.words[number]):
            _compare_unused_bits(got, wanted, number, name, samples)
    return worst


def compare_frames(got: Words, wanted: Words, frame: int, name: str, near: int = 0) -> int:
    """Return the largest difference between two frames.

    Raises
    ------
    VerifyError
        It is above `near`; the message gives the frame, the first such pixel and both
        values.
    """
    if np.array_equal(got, wanted):
        return 0
    error = np.abs(got.astype(np.int64) - wanted.astype(np.int64))
    worst = int(error.max())
    if worst <= near:
        return worst
    position = tuple(int(i) for i in np.argwhere(error > near)[0])
    allowed = f" give or take {near}" if near else ""
    raise VerifyError(
        f"{name}: frame {frame}, pixel {position} is {got[position]}, {wanted[position]}{allowed} "
        f"is expected ({int((error > near).sum())} samples differ, by {worst} at most)",
        frame=frame,
    )


def _compare_unused_bits(
    got: NativeImage, wanted: NativeImage, frame: int, name: str, samples: tuple[Words, Words]
) -> None:
    one, other = got.words[frame], wanted.words[frame]
    differ = (one != other) & (samples[0] == samples[1])
    if not differ.any():
        return
    position = tuple(int(i) for i in np.argwhere(differ)[0])
    digits = wanted.allocated // 4
    raise VerifyError(
        f"{name}: frame {frame}, pixel {position} has the word 0x{one[position]:0{digits}X}, "
        f"0x{other[position]:0{digits}X} is expected (the unused bits of {int(differ.sum())} words "
        f"differ, outside the {wanted.stored} bits of the sample, which are equal)",
        frame=frame,
    )
