# SPDX-License-Identifier: MIT
"""Section 7 of docs/format.md, written from that page alone: the wavefront method.

The other half of reference_decoder.py, which turns a `WavefrontError` into an error with a place.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

LANES = 32
WEIGHTED = ("W", "NW", "NE", "WW", "NN", "NNE")  # the order of the weights


class WavefrontError(ValueError):
    """A model or a strip breaks section 7."""


def require(condition: bool, reason: str) -> None:
    """Reject the model or the strip unless the condition holds."""
    if not condition:
        raise WavefrontError(reason)


def i16(value: int) -> int:
    """Reduce a value mod 2^16 to -32768 ... 32767."""
    return (value + 32768) % 65536 - 32768


# Section 7.1: model
class Bits:
    """Takes fields off the front of a bit string, the lowest bit of a field first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        require(count <= self.left, "the model runs past its bytes")
        field = self.value & ((1 << count) - 1)
        self.value, self.left = self.value >> count, self.left - count
        return field


class Context(NamedTuple):
    """The frequency of each symbol, and the sum of those below it."""

    frequency: list[int]
    start: list[int]


class Model:
    """The model that all strips of a plane share, or the planes of several frames."""

    def __init__(self, data: bytes) -> None:
        bits = Bits(data)
        self.predictor, self.table_log = bits.take(4), bits.take(4)
        self.precision, self.direct_log = bits.take(4), bits.take(4)
        self.max_value, starts = bits.take(16), bits.take(32)
        require(self.predictor <= 1, "the predictor is unknown")
        require(8 <= self.table_log <= 12, "the table log is not 8 to 12")
        require(2 <= self.direct_log <= 6, "the direct log is not 2 to 6")
        require(self.max_value >= 1, "the largest word is 0")
        require(starts & 1 == 1, "bucket 0 begins no context")
        self.weights: dict[str, int] = {}
        if self.predictor == 1:
            self.weights = {name: signed_byte(bits.take(8)) for name in WEIGHTED}
            require(-128 not in self.weights.values(), "a weight is -128")
        contexts = [frequencies(bits, self) for _ in range(starts.bit_count())]
        require(bits.left < 8 and bits.value == 0, "the model has something left over")
        self.of_bucket = [contexts[(starts & ((2 << b) - 1)).bit_count() - 1] for b in range(32)]
        # Section 7.4: the scale of the samples
        self.shift = max((f for f in range(7) if self.max_value << f <= 32767), default=0)
        self.bias = -32768 if self.max_value > 32767 else 0


def signed_byte(value: int) -> int:
    return value - 256 if value >= 128 else value


def largest_magnitude(model: Model) -> int:
    """Return the largest magnitude that a symbol stands for, "largest m"."""
    return (1 << model.direct_log) + 4 * (16 - model.direct_log) - 1


def frequencies(bits: Bits, model: Model) -> Context:
    """Read the frequencies of one context."""
    last = bits.take(8)
    require(1 <= last <= 2 * largest_magnitude(model), "the last symbol is out of range")
    frequency = [0]
    for s in range(1, last + 1):
        guess = frequency[max(1, s - 2)].bit_length() if s > 1 else model.table_log - 1
        z = 0
        while bits.take(1) == 0:
            z += 1
            require(z <= 24, "a bit length is too far from its guess")
        length = guess - (z + 1) // 2 if z % 2 else guess + z // 2
        require(0 <= length <= model.table_log, "the bit length of a frequency is out of range")
        frequency.append(0)
        if length > 0:
            n = min(length - 1, model.precision)
            frequency[s] = ((1 << n) + bits.take(n)) << (length - 1 - n)
    others = sum(frequency)
    require(0 < others < 1 << model.table_log, "the frequencies have a wrong sum")
    frequency[0] = (1 << model.table_log) - others
    return Context(frequency, [0, *accumulate(frequency[:-1])])


def escape_shift(symbol: int, model: Model) -> int:
    """Return the number n of raw bits after an escape, or -1 if the symbol is not one."""
    j = (symbol + 1) // 2 - (1 << model.direct_log)
    return (j >> 2) + model.direct_log - 2 if j >= 0 else -1


def residual(symbol: int, raw: int, model: Model) -> int:
    """Return the residual that a symbol and the raw bits after it stand for."""
    magnitude, n = (symbol + 1) // 2, escape_shift(symbol, model)
    if n >= 0:
        j = magnitude - (1 << model.direct_log)
        magnitude = ((4 + (j & 3)) << n) + raw
    return magnitude if symbol % 2 else -magnitude


# Section 7.2: schedule
def active_lanes(step: int, height: int, width: int) -> list[tuple[int, int, int]]:
    """Lane, row and column of the active lanes, in ascending order."""
    period, active = max(width, 64), []
    for lane in range(min(height, LANES)):
        u = step - 2 * lane
        row, column = u // period * LANES + lane, u % period
        if u >= 0 and row < height and column < width:
            active.append((lane, row, column))
    return active


# Section 7.3: strip
class Coder:
    """The states of the lanes and the words that refill them."""

    def __init__(self, strip: bytes, lanes: int) -> None:
        require(len(strip) >= 4 * lanes, "the strip is shorter than its states")
        require(len(strip) % 2 == 0, "the strip has an odd number of bytes")
        self.states = [int.from_bytes(strip[4 * i : 4 * i + 4], "little") for i in range(lanes)]
        self.strip, self.pos = strip, 4 * lanes
        require(min(self.states) >= 1 << 16, "a state is below 2^16 at the start")

    def symbol(self, lane: int, context: Context, table_log: int) -> int:
        x = self.states[lane]
        slot = x % (1 << table_log)
        # The last symbol that starts at or below the slot: unused symbols start where the next one
        # does.
        symbol = bisect_right(context.start, slot) - 1
        x = context.frequency[symbol] * (x >> table_log) + slot - context.start[symbol]
        self.refill(lane, x)
        return symbol

    def raw_bits(self, lane: int, n: int) -> int:
        x = self.states[lane]
        self.refill(lane, x >> n)
        return x % (1 << n)

    def refill(self, lane: int, x: int) -> None:
        if x < 1 << 16:
            require(self.pos < len(self.strip), "the strip has too few words")
            x = (x << 16) + int.from_bytes(self.strip[self.pos : self.pos + 2], "little")
            self.pos += 2
        self.states[lane] = x

    def finish(self) -> None:
        require(self.pos == len(self.strip), "the strip has words left over")
        require(set(self.states) == {1 << 16}, "a state does not end at 2^16")


def read_strip(strip: bytes, model: Model, height: int, width: int) -> list[int]:
    """The words of a strip, row by row."""
    coder = Coder(strip, min(height, LANES))
    plane = Plane(model, height, width)
    step, left = 0, height * width
    while left > 0:
        decoded = []
        for lane, row, column in active_lanes(step, height, width):
            near = plane.neighbours(row, column)
            context = model.of_bucket[bucket(activity(near))]
            symbol = coder.symbol(lane, context, model.table_log)
            decoded.append((lane, row, column, near, symbol))
        for lane, row, column, near, symbol in decoded:
            n = escape_shift(symbol, model)
            raw = coder.raw_bits(lane, n) if n >= 0 else 0
            plane.put(row, column, near, residual(symbol, raw, model))
        step, left = step + 1, left - len(decoded)
    coder.finish()
    return plane.words()


# Section 7.4: prediction and context
class Near(NamedTuple):
    """The neighbours of a sample by name: scaled samples and errors."""

    S: dict[str, int]
    E: dict[str, int]


class Plane:
    """The scaled samples of a strip and their errors."""

    def __init__(self, model: Model, height: int, width: int) -> None:
        self.model, self.width = model, width
        self.samples = [[0] * width for _ in range(height)]
        self.errors = [[0] * width for _ in range(height)]

    def sample(self, row: int, column: int) -> int:
        """S, with the rows above the strip."""
        if row >= 0:
            return self.samples[row][column]
        return self.samples[0][column - 2] if column >= 2 else self.model.bias

    def error(self, row: int, column: int) -> int:
        """E, with the rows above the strip."""
        return self.errors[row][column] if row >= 0 else 0

    def neighbours(self, y: int, c: int) -> Near:
        S, E = {}, {}
        S["N"], E["N"] = self.sample(y - 1, c), self.error(y - 1, c)
        S["NN"] = self.sample(y - 2, c)
        if c == 0:
            S["W"] = S["WW"] = S["NW"] = S["N"]
            E["W"] = E["NW"] = 0
        else:
            S["W"], E["W"] = self.sample(y, c - 1), self.error(y, c - 1)
            S["NW"], E["NW"] = self.sample(y - 1, c - 1), self.error(y - 1, c - 1)
            S["WW"] = self.sample(y, c - 2) if c >= 2 else self.sample(y - 1, 0)
        if c == self.width - 1:
            S["NE"], S["NNE"], E["NE"] = S["N"], S["NN"], E["N"]
        else:
            S["NE"], E["NE"] = self.sample(y - 1, c + 1), self.error(y - 1, c + 1)
            S["NNE"] = self.sample(y - 2, c + 1)
        return Near(S, E)

    def put(self, row: int, column: int, near: Near, r: int) -> None:
        """Decode a sample from its residual."""
        f, p = self.model.shift, prediction(near, self.model)
        rounded = i16(p + (1 << (f - 1))) >> f << f if f > 0 else p
        if near.E["W"] + near.E["N"] < 0:
            r = -r
        self.samples[row][column] = i16(rounded + (r << f))
        self.errors[row][column] = i16(self.samples[row][column] - p)

    def words(self) -> list[int]:
        shift, bias = self.model.shift, self.model.bias
        return [(s - bias) % 65536 >> shift for row in self.samples for s in row]


def prediction(near: Near, model: Model) -> int:
    """P, the prediction of the scaled sample."""
    w, n, nw = near.S["W"], near.S["N"], near.S["NW"]
    if model.predictor == 0:
        return i16(w + n - max(min(w, n), min(max(w, n), nw)))
    terms = (i16(near.S[name] - n) * 256 * k for name, k in model.weights.items())
    p = i16(n + sum((term + (1 << 14)) >> 15 for term in terms))
    return min(max(p, model.bias), i16(model.bias + (model.max_value << model.shift)))


def activity(near: Near) -> int:
    """A, the activity."""
    S, E = near
    a = 1 + abs(i16(S["N"] - S["NW"])) + abs(i16(S["NE"] - S["N"])) + abs(i16(S["W"] - S["NW"]))
    a += abs(E["NW"]) + abs(E["NE"]) + 2 * abs(E["N"]) + 2 * abs(E["W"])
    return min(65535, a)


def bucket(a: int) -> int:
    """Return the bucket of an activity."""
    e = a.bit_length() - 1
    return 2 * e + (a >> (e - 1) & 1 if e > 0 else 0)
