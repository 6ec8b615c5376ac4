# SPDX-License-Identifier: MIT
"""Damage streams in every way that can be listed, and count the outcomes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import mic

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

import taken_apart
import zoo

STREAMS_OF_A_KIND = 20
RANDOM_DAMAGES = 1000
OUTCOMES = ("detected", "identical", "different", "other")

Pair = tuple[bytes, np.ndarray]


def small_streams(encode: Callable[[np.ndarray], bytes], shape: tuple[int, ...]) -> list[Pair]:
    """Make twenty streams of a few hundred bytes from images of every character."""
    dtypes = ("uint16", "int16", "uint8", "int8")
    makers = (zoo.smooth, zoo.noise, zoo.sparse, zoo.runs, zoo.ramp)
    images = [make(shape, dtype, seed) for seed, make in enumerate(makers) for dtype in dtypes]
    return [(bytes(encode(image)), image) for image in images[:STREAMS_OF_A_KIND]]


def native_kinds() -> dict[str, list[Pair]]:
    """Make streams of each codec, and in the shapes that have special parts."""
    kinds = {
        f"native, {codec}": small_streams(lambda a, c=codec: mic.encode(a, codec=c), (18, 17))
        for codec in mic.CODECS
    }
    kinds["native, 3 frames"] = small_streams(mic.encode, (3, 9, 11))
    kinds["native, slide of 2 levels"] = small_streams(
        lambda a: mic.encode(a, tile=16, levels=2), (30, 33)
    )
    kinds["native, colour"] = small_streams(lambda a: mic.encode(a, rgb=True), (11, 9, 3))
    return kinds


def published_kinds() -> dict[str, list[Pair]]:
    """Make streams in the published containers of this version of mic; they hold no checksum."""
    made = {}
    for container in mic.CONTAINERS:
        if container == "native":
            continue
        shape = {"mic2": (2, 30, 30), "micr": (30, 30, 3), "mic3": (30, 30, 3)}.get(
            container, (30, 30)
        )
        colour = len(shape) == 3 and shape[-1] == 3
        dtype = "uint8" if colour else "uint16"
        pairs = []
        for seed in range(STREAMS_OF_A_KIND):
            image = zoo.ramp(shape, dtype, seed) // (1 if colour else 7)
            try:
                stream = mic.encode(image, codec=mic.api.PUBLISHED_CODEC, container=container)
            except mic.UnsupportedError:  # the published encoder cannot code it
                continue
            pairs.append((bytes(stream), image))
        made[f"published, {container}"] = pairs
    return made


def outcome(stream: bytes, image: np.ndarray) -> str:
    """Return what happens to a user who reads all of a stream."""
    try:
        decoded = decode_all(stream)
    except mic.MicError:
        return "detected"
    except Exception:  # anything else is a defect and counts as one
        return "other"
    same = decoded.shape == image.shape and np.array_equal(decoded, image)
    return "identical" if same else "different"


def decode_all(stream: bytes) -> np.ndarray:
    """Decode the array; also the other levels of a slide, which `mic.decode` does not use."""
    if mic.info(stream).levels:
        with mic.open(stream) as slide:
            for level in range(1, len(slide.levels)):
                slide.level(level)[...]
    return mic.decode(stream)


def every_bit(stream: bytes) -> Iterator[bytes]:
    for bit in range(8 * len(stream)):
        yield zoo.flip(stream, bit)


def every_truncation(stream: bytes) -> Iterator[bytes]:
    for length in range(len(stream)):
        yield stream[:length]


def random_damages(stream: bytes, seed: int) -> Iterator[bytes]:
    """Overwrite, zero, swap, remove or insert bytes, at 1 to 64 places at once."""
    random = np.random.default_rng(seed)
    for _ in range(RANDOM_DAMAGES):
        data = bytearray(stream)
        n = int(random.integers(1, 65))
        at = int(random.integers(0, len(data) - n))
        how = random.integers(0, 5)
        if how == 0:
            data[at : at + n] = random.bytes(n)
        elif how == 1:
            data[at : at + n] = bytes(n)
        elif how == 2:
            data[at : at + n] = data[at : at + n][::-1]
        elif how == 3:
            del data[at : at + n]
        else:
            data[at:at] = random.bytes(n)
        yield bytes(data)


def forged(stream: bytes) -> Iterator[bytes]:
    """Change every bit of the models and of the coded samples, and correct the checksums.

    The checksums of head and strips are recomputed, so only the decoder's own checks
    and the checksum of the decoded samples can find the damage.
    """
    for part in ("models", "strips"):
        pieces = getattr(taken_apart.take_apart(stream), part)
        count = len(pieces) if part == "models" else sum(map(len, pieces))
        for number in range(count):
            for bit in range(8 * len(_piece(taken_apart.take_apart(stream), part, number))):
                frame = taken_apart.take_apart(stream)
                _change(frame, part, number, bit)
                yield frame.stream()


def _piece(frame: taken_apart.Frame, part: str, number: int) -> bytes:
    pieces = frame.models if part == "models" else [p for strip in frame.strips for p in strip]
    return pieces[number]


def _change(frame: taken_apart.Frame, part: str, number: int, bit: int) -> None:
    changed = zoo.flip(_piece(frame, part, number), bit)
    if part == "models":
        frame.models[number] = changed
        return
    for strip in frame.strips:
        if number < len(strip):
            strip[number] = changed
            return
        number -= len(strip)


def count(pairs: list[Pair], damage: Callable[[bytes], Iterator[bytes]]) -> Counter[str]:
    """Count the outcomes of one kind of damage; an unchanged stream is not damage."""
    return Counter(
        outcome(damaged, image)
        for stream, image in pairs
        for damaged in damage(stream)
        if damaged != stream
    )


def large_streams() -> list[Pair]:
    """Make one stream of several strips with each native codec."""
    image = zoo.large_image()
    return [(bytes(mic.encode(image, codec=codec)), image) for codec in mic.CODECS]
