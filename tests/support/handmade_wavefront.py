# SPDX-License-Identifier: MIT
"""Wavefront models and strips made from docs/format.md, section 7, alone.

They include models and strips that the encoder of mic never makes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

LANES, BUCKETS, MEDIAN, LINEAR = 32, 32, 0, 1
WEIGHTS = (80, -24, 28, -8, -2, 0)


def i16(value: int) -> int:
    return (value + 0x8000 & 0xFFFF) - 0x8000


class Bits:
    """Write the lowest bit first."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def put(self, value: int, n: int) -> None:
        self.bits += [value >> i & 1 for i in range(n)]

    def bytes(self) -> bytes:
        padded = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(
            sum(bit << i for i, bit in enumerate(padded[at : at + 8]))
            for at in range(0, len(padded), 8)
        )


@dataclass
class Model:
    """Section 7.1.  The `frequencies` of each context are those of the symbols 0, 1, ..."""

    max_value: int
    predictor: int = MEDIAN
    table_log: int = 10
    precision: int = 15
    direct_log: int = 5
    starts: int = 1
    weights: Sequence[int] = WEIGHTS
    frequencies: list[list[int]] = field(default_factory=list)

    def context(self, bucket: int) -> int:
        return (self.starts & (2 << bucket) - 1).bit_count() - 1

    def bytes(self) -> bytes:
        """Nothing is checked."""
        out = Bits()
        for value in (self.predictor, self.table_log, self.precision, self.direct_log):
            out.put(value, 4)
        out.put(self.max_value, 16)
        out.put(self.starts, 32)
        for weight in self.weights if self.predictor == LINEAR else ():
            out.put(weight, 8)
        for frequency in self.frequencies:
            self.put_frequencies(out, frequency)
        return out.bytes()

    def put_frequencies(self, out: Bits, frequency: Sequence[int]) -> None:
        lengths = [0]
        out.put(len(frequency) - 1, 8)
        for symbol, value in enumerate(frequency[1:], 1):
            guess = lengths[1] if symbol == 2 else self.table_log - 1
            guess = lengths[symbol - 2] if symbol >= 3 else guess
            length = value.bit_length()
            zeros = 2 * (guess - length) - 1 if length < guess else 2 * (length - guess)
            out.put(1 << zeros, zeros + 1)
            kept = min(length - 1, self.precision)
            if length:
                out.put(value >> length - 1 - kept, kept)
            lengths.append(length)


@dataclass
class Sample:
    """The quantities that the decoder finds at one pixel."""

    row: int
    column: int
    bucket: int
    symbol: int
    raw: int
    n_raw: int


def samples_of(words: np.ndarray, model: Model) -> list[Sample]:
    """Section 7.4, for each pixel in raster order."""
    height, width = words.shape
    f = 0
    while f < 6 and model.max_value << f + 1 <= 32767:
        f += 1
    bias = -32768 if model.max_value > 32767 else 0
    scaled = [[i16((int(word) << f) + bias) for word in row] for row in words]
    above1 = [bias, bias, *scaled[0]][:width]
    rows = [above1, above1, *scaled]  # row y is rows[y + 2]
    errors = [[0] * width for _ in range(height + 1)]  # row y is errors[y + 1]
    out = []
    for y in range(height):
        nns, ns, ws, e_ns, e_ws = *rows[y : y + 3], errors[y], errors[y + 1]
        for c in range(width):
            n, nn, e_n = ns[c], nns[c], e_ns[c]
            w, e_w = (ws[c - 1], e_ws[c - 1]) if c else (n, 0)
            nw, e_nw = (ns[c - 1], e_ns[c - 1]) if c else (n, 0)
            ww = ws[c - 2] if c > 1 else ns[0]
            inside = c + 1 < width
            ne, nne, e_ne = (ns[c + 1], nns[c + 1], e_ns[c + 1]) if inside else (n, nn, e_n)
            if model.predictor == MEDIAN:
                p = i16(w + n - max(min(w, n), min(max(w, n), nw)))
            else:
                steps = zip((w, nw, ne, ww, nn, nne), model.weights, strict=True)
                p = i16(n + sum(i16(v - n) * 256 * k + 2**14 >> 15 for v, k in steps))
                p = max(bias, min(i16(bias + (model.max_value << f)), p))
            activity = 1 + abs(i16(n - nw)) + abs(i16(ne - n)) + abs(i16(w - nw))
            activity += abs(e_nw) + abs(e_ne) + 2 * abs(e_n) + 2 * abs(e_w)
            activity = min(65535, activity)
            e = activity.bit_length() - 1
            bucket = 2 * e + (activity >> e - 1 & 1 if e else 0)
            s = ws[c]
            near = i16(p + (1 << f >> 1)) & -(1 << f)
            residual = i16(s - near) >> f
            residual = -residual if e_w + e_n < 0 else residual
            e_ws[c] = i16(s - p)
            out.append(Sample(y, c, bucket, *symbol_of(residual, model.direct_log)))
    return out


def symbol_of(residual: int, direct_log: int) -> tuple[int, int, int]:
    """Section 7.1: the symbol, its raw bits and how many."""
    magnitude, raw, n = abs(residual), 0, 0
    if magnitude >> direct_log:
        n = magnitude.bit_length() - 3
        raw = magnitude & (1 << n) - 1
        magnitude = (1 << direct_log) + 4 * (n - direct_log + 2) + (magnitude >> n & 3)
    return (2 * magnitude - 1 if residual > 0 else 2 * magnitude), raw, n


def strip(words: np.ndarray, model: Model) -> bytes:
    """Section 7.3, backwards."""
    period = max(words.shape[1], 64)
    starts = [np.cumsum([0, *frequency]).tolist() for frequency in model.frequencies]
    order = []  # (step, is raw, lane, sample)
    for sample in samples_of(words, model):
        lane = sample.row % LANES
        step = sample.row // LANES * period + sample.column + 2 * lane
        order.append((step, False, lane, sample))
        if sample.n_raw:
            order.append((step, True, lane, sample))
    order.sort(key=lambda item: item[:3])
    states, out = [1 << 16] * min(len(words), LANES), []
    for _, is_raw, lane, sample in reversed(order):
        x = states[lane]
        if is_raw:
            if x >> 32 - sample.n_raw:
                out.append(x & 0xFFFF)
                x >>= 16
            states[lane] = x << sample.n_raw | sample.raw
            continue
        context = model.context(sample.bucket)
        frequency = model.frequencies[context][sample.symbol]
        if x >= frequency << 32 - model.table_log:
            out.append(x & 0xFFFF)
            x >>= 16
        states[lane] = (
            (x // frequency << model.table_log) + x % frequency + starts[context][sample.symbol]
        )
    return struct.pack(f"<{len(states)}I{len(out)}H", *states, *reversed(out))


def fitted(strips: Sequence[np.ndarray], model: Model) -> Model:
    """Return the model with frequencies that fit the words of these strips."""
    counts: list[dict[int, int]] = [{} for _ in range(model.context(BUCKETS - 1) + 1)]
    for words in strips:
        for sample in samples_of(words, model):
            count = counts[model.context(sample.bucket)]
            count[sample.symbol] = count.get(sample.symbol, 0) + 1
    size = 1 << model.table_log
    frequencies = []
    for count in counts:
        total = sum(count.values())
        made = [0] * (max(count, default=0) + 1)
        made += [0] * (2 - len(made))
        for symbol, n in count.items():
            made[symbol] = max(1, n * size // total)
        made[1] = made[1] or sum(made[1:]) == 0
        while sum(made[1:]) >= size:
            made[made.index(max(made[1:]), 1)] -= 1
        made[0] = size - sum(made[1:])
        frequencies.append(made)
    return replace(model, frequencies=frequencies)
