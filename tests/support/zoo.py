# SPDX-License-Identifier: MIT
"""Images and streams that together reach every branch of the codec."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import handmade
import numpy as np
from hypothesis import strategies as st

import mic
from mic import _mic

DTYPES = ("uint8", "int8", "uint16", "int16")
CODECS = ("wavefront", "fse", "huffman")
STATES = (1, 2, 4, 8)


class Sample(NamedTuple):
    """A stream and the array that it decodes to."""

    stream: bytes
    array: np.ndarray


def available_isas() -> list[str]:
    """Return the instruction sets that mic can use on this machine."""
    before, names = _mic.active_isa(), []
    for name in _mic.ISA_NAMES:
        try:
            _mic.use_isa(name)
        except mic.MicError:
            continue
        names.append(name)
    _mic.use_isa(before)
    return names


# ---- images ------------------------------------------------------------------


def _limits(dtype: str) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def noise(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    low, high = _limits(dtype)
    return np.random.default_rng(seed).integers(low, high + 1, shape).astype(dtype)


def smooth(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Slow waves with a little noise, like the output of an image sensor."""
    low, high = _limits(dtype)
    span = min(high - low, 4000)
    rows, columns = shape[-2:]
    y, x = np.arange(rows)[:, None], np.arange(columns)
    wave = 2 + np.sin(y / 9) + np.cos(x / 13)
    grain = np.random.default_rng(seed).integers(0, 1 + span // 200, shape)
    return (max(low, -1024) + wave * span / 5 + grain).clip(low, high).astype(dtype)


def ramp(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    low, high = _limits(dtype)
    steps = np.arange(np.prod(shape)) * (1 + seed % 300) % (high - low + 1)
    return (low + steps).reshape(shape).astype(dtype)


def sparse(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Few values, far apart, as in windowed or rescaled images."""
    low, high = _limits(dtype)
    values = np.linspace(low, high, 12).astype(np.int64)
    return values[np.random.default_rng(seed).integers(0, 12, shape)].astype(dtype)


def runs(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Long stretches of one value."""
    image = np.full(shape, _limits(dtype)[1] // 2, dtype)
    flat = image.reshape(-1)
    flat[flat.size // 2 :: max(1, flat.size // (2 + seed % 3))] += 3
    return image


def escapes(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """A quiet image with the extreme values sprinkled over it."""
    image = smooth(shape, dtype, seed)
    places = np.random.default_rng(seed + 1).random(shape)
    image[places < 0.05], image[places > 0.95] = _limits(dtype)
    return image


def checker(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Every residual as large as possible."""
    low, high = _limits(dtype)
    parity = np.indices(shape).sum(axis=0) % 2
    return np.where(parity, high, low).astype(dtype)


def flat(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    low, high = _limits(dtype)
    return np.full(shape, (low, 0, 7, high)[seed % 4], dtype)


CONTENTS = (noise, smooth, ramp, sparse, runs, escapes, checker, flat)
SHAPES = ((1, 1), (1, 97), (97, 1), (2, 3), (24, 31))


def images(dtype: str, shapes: tuple[tuple[int, int], ...] = SHAPES) -> dict[str, np.ndarray]:
    """Return each content in each shape, by name."""
    return {
        f"{content.__name__}_{rows}x{columns}": content((rows, columns), dtype, 1)
        for content in CONTENTS
        for rows, columns in shapes
    }


def volume(axes: tuple[int, ...], rows: int, columns: int, dtype: str = "int16") -> np.ndarray:
    """Frames that all differ."""
    array = np.empty((*axes, rows, columns), dtype)
    for number, index in enumerate(np.ndindex(axes)):
        array[index] = smooth((rows, columns), dtype, number)
    return array


def large_image(dtype: str = "uint16") -> np.ndarray:
    """More than 1.5 million pixels, from which on a frame has several strips."""
    tile = smooth((130, 125), dtype, 3)
    return np.ascontiguousarray(np.tile(tile, (10, 10)))


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Any dtype, any small shape, any content."""
    dtype = draw(st.sampled_from(DTYPES))
    axes = draw(st.lists(st.integers(1, 3), max_size=3))
    image = draw(st.sampled_from([*SHAPES, (3, 3), (17, 3), (5, 64), (40, 40)]))
    colour = draw(st.sampled_from([(), (), (3,)]))
    content = draw(st.sampled_from(CONTENTS))
    return content((*axes, *image, *colour), dtype, draw(st.integers(0, 50)))


# ---- streams -----------------------------------------------------------------


def small_streams() -> dict[str, Sample]:
    """Native streams of every kind, small enough to damage each of their bits."""
    quiet = smooth((8, 6), "uint16")
    arrays_ = {
        "flat": np.full((5, 4), 9, "uint8"),
        "noise": noise((4, 5), "uint16"),
        "packed": sparse((14, 12), "int16"),
        "colour": smooth((4, 5, 3), "uint8"),
        "half_flat_colour": np.stack([np.zeros((6, 6)), np.eye(6), np.ones((6, 6))], -1).astype(
            "u1"
        ),
        "frames": volume((2, 3), 4, 3),
        "one_pixel": np.array([[-7]], "int8"),
    }
    samples = {name: Sample(mic.encode(array), array) for name, array in arrays_.items()}
    for codec in ("fse", "huffman"):
        image = ramp((30, 30), "uint16", 4) // 7
        samples[codec] = Sample(mic.encode(image, codec), image)
    image = smooth((33, 40), "uint8") // 16
    samples["wavefront"] = Sample(mic.encode(image), image)
    for predictor in (0, 1):
        tiny = smooth((11, 9), "int16")
        made = handmade.stream(tiny, 6, "wavefront", predictor=predictor, starts=0x11000001)
        samples[f"wavefront_{predictor}"] = Sample(made, tiny)
    for method in handmade.METHODS:
        strips = smooth((40, 16), "uint8") // 16
        samples[f"strips_{method}"] = Sample(handmade.stream(strips, 11, method), strips)
    samples["blocks"] = Sample(
        handmade.stream(quiet, blocks=handmade.block(b"note", b"abc")), quiet
    )
    slide = smooth((9, 11), "uint8")
    samples["tiles"] = Sample(mic.encode(slide, tile=(4, 6), levels=1), slide)
    stack = np.stack([smooth((12, 10), "uint16", seed) for seed in range(3)])
    samples["shared_models"] = Sample(mic.encode(stack), stack)
    samples["padded"] = Sample(mic.encode(quiet) + bytes(3), quiet)
    return samples


def flip(stream: bytes, bit: int) -> bytes:
    """Return `stream` with one bit changed."""
    damaged = bytearray(stream)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def decode_one(source: Any, frame: int) -> np.ndarray:
    """Return one frame of a `MicFile`; other processes can import this function."""
    return source[frame]


class RecordingFile(io.BytesIO):
    """A file that remembers which bytes were read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.spans: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.spans.append((start, start + len(data)))
        return data
