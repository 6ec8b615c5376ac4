# SPDX-License-Identifier: MIT
"""A slow, clear decoder of the native format of mic, written from docs/format.md alone.

It shares no code with the package: a second opinion for the tests, and a worked reading of the
specification, whose section numbers are given below. Section 7 is in reference_wavefront.py,
the blocks of section 2 in reference_blocks.py.
numpy only holds the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy
from reference_bits import Bits, Bytes, FormatError, Items, at, crc32c, depth, require
from reference_blocks import read_blocks
from reference_wavefront import Model, read_strip

__all__ = ["FormatError", "decode"]

MAX_SAMPLES = 1 << 24  # the caller's limit of section 8
# name, bytes, lowest value of sample types 0 to 3
SAMPLE_TYPES = [("uint8", 1, 0), ("int8", 1, -128), ("uint16", 2, 0), ("int16", 2, -32768)]
FSE_KINDS = {0x02: 2, 0x04: 4, 0x84: 8}  # kind: number of states


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> numpy.ndarray:
    """Decode a stream, or level 0 of a slide.

    More than `max_samples` samples are refused with a plain ValueError.
    """
    header, stored = decode_frames(bytes(data), max_samples)
    if header.levels:
        return assemble(header, stored)[0]
    return stored.reshape(header.shape)


def decode_levels(data: bytes, max_samples: int = MAX_SAMPLES) -> list[numpy.ndarray]:
    """Decode all levels of a slide."""
    return assemble(*decode_frames(bytes(data), max_samples))


def assemble(header: Header, stored: numpy.ndarray) -> list[numpy.ndarray]:
    """Section 2.3: put the tiles together, cut off the padding."""
    tiles = iter(stored.reshape(header.shape))
    images = []
    for rows, columns in header.levels:
        bands = [
            numpy.concatenate([next(tiles) for _ in range(0, columns, header.columns)], axis=1)
            for _ in range(0, rows, header.rows)
        ]
        images.append(numpy.concatenate(bands)[:rows, :columns])
    return images


def decode_frames(data: bytes, max_samples: int) -> tuple[Header, numpy.ndarray]:
    """Decode all frames, as one row of samples."""
    with at("header"):
        header = Header(data)
    header.read_shared_models(data)
    n_frames = math.prod(header.axes)
    if n_frames * header.frame_samples > max_samples:
        raise ValueError(f"{n_frames} frames of {header.frame_samples} samples are too many")
    if header.has_frames:
        with at("index"):
            bounds, end = read_index(data, header, n_frames)
        samples = b""
        for number in range(n_frames):
            content, stop = read_frame(data, header, number, bounds[number], bounds[number + 1])
            with at("index"):
                require(stop == bounds[number + 1], f"frame {number} ends at {stop}")
            samples += content
    else:
        samples, end = read_frame(data, header, 0, header.size, len(data))
    with at("end of the stream"):
        require(not any(data[end:]), "what follows is not zero")
    stored = numpy.frombuffer(samples, numpy.dtype(header.dtype).newbyteorder("<"))
    return header, stored.astype(header.dtype)


class Header:
    """Section 2.1; the header ends at `own_size`, the shared models end at `size`."""

    def __init__(self, data: bytes) -> None:
        source = Bytes(data, 0, len(data))
        require(source.take(4) == b"\x89Mic", "the magic is wrong")
        require(source.uint(1) == 1, "the version is not 1")
        layout = source.uint(1)
        require(layout >> 5 == 0, "a reserved layout bit is set")
        source.take(2)  # the codec asked for and the bits in use are informative
        self.rows, self.columns, self.strip_rows = (source.varint() for _ in range(3))
        self.axes: list[int] = []
        self.has_frames = bool(layout & 8)
        if self.has_frames:
            count = source.uint(1)
            require(1 <= count <= 29, "the number of leading axes is not 1 to 29")
            self.axes = [source.uint(4) for _ in range(count)]
            self.index_offset = source.uint(8)
        self.levels: list[tuple[int, int]] = []
        shared_bytes = 0
        if layout & 16:
            self.levels, shared_bytes = read_blocks(source.take(source.uint(4)))
        source.check_crc(0)
        self.own_size = source.pos
        self.size = source.pos + shared_bytes
        self.dtype, self.sample_bytes, self.lowest = SAMPLE_TYPES[layout & 3]
        self.channels = 3 if layout & 4 else 1
        self.frame_samples = self.rows * self.columns * self.channels
        self.shape = [*self.axes, self.rows, self.columns] + ([3] if layout & 4 else [])
        require(0 not in self.shape, "a size is 0")
        require(self.frame_samples < 1 << 31, "a frame has 2^31 samples or more")
        require(math.prod(self.axes) < 1 << 31, "there are 2^31 frames or more")
        require(self.strip_rows < self.rows, "rows per strip is not below rows")
        require(shared_bytes == 0 or shared_bytes >= self.channels + 4, "no room for shared models")
        if self.levels:
            self.check_levels()

    def check_levels(self) -> None:
        """Section 2.3."""
        above = self.levels[0]
        n_tiles = 0
        for rows, columns in self.levels:
            require(1 <= rows <= above[0] and 1 <= columns <= above[1], "a level is too large")
            n_tiles += math.ceil(rows / self.rows) * math.ceil(columns / self.columns)
            above = rows, columns
        require(self.axes == [n_tiles], "the levels have another number of tiles")

    def read_shared_models(self, data: bytes) -> None:
        """Section 2.4; None for a plane without a model."""
        self.shared: list[Model | None] = [None] * self.channels
        if self.size == self.own_size:
            return
        with at("shared models"):
            source = Bytes(data, self.own_size, min(self.size, len(data)))
            for plane in range(self.channels):
                content = source.take(source.varint())
                self.shared[plane] = Model(content) if content else None
            source.check_crc(self.own_size)
            require(source.pos == self.size, "the shared models have something left over")


def read_index(data: bytes, header: Header, n_frames: int) -> tuple[list[int], int]:
    """Section 2.2: return the start of each frame and the end of the last; the index's end."""
    require(header.size <= header.index_offset <= len(data), "the index is outside the data")
    source = Bytes(data, header.index_offset, len(data))
    require(8 * n_frames + 4 <= source.left(), "the index leaves the data")
    bounds = [source.uint(8) for _ in range(n_frames)]
    source.check_crc(header.index_offset)
    bounds.append(header.index_offset)
    require(bounds[0] == header.size, "frame 0 does not begin where the header ends")
    require(bounds == sorted(set(bounds)), "the offsets are out of order")
    return bounds, source.pos


# Section 3: frame
class Plane(NamedTuple):
    """One channel of a frame.

    It holds the value v of each word, its own model and the shared one, and the values
    decoded so far.
    """

    values: Sequence[int]
    model: Model | None
    shared: Model | None
    decoded: list[int]


def read_frame(data: bytes, header: Header, frame: int, start: int, stop: int) -> tuple[bytes, int]:
    """Return the samples of a frame as bytes, and where the frame ends (at or before `stop`)."""
    with at(f"head of frame {frame}"):
        source = Bytes(data, start, stop)
        samples_crc = source.uint(4)
        transform = source.uint(1) if header.channels == 3 else 0
        planes = read_planes(source, header, transform)
        coded = [plane for plane in planes if len(plane.values) > 1]
        strips = []
        for height in strip_heights(header) if coded else []:
            strips.append((height, [source.varint() for _ in coded], source.uint(4)))
        source.check_crc(start)
        total = sum(sum(lengths) for _, lengths, _ in strips)
        require(total <= source.left(), "the pieces leave the data")
    for strip, (height, lengths, crc) in enumerate(strips):
        with at(f"frame {frame} strip {strip}"):
            pieces = [source.take(length) for length in lengths]
            require(crc32c(b"".join(pieces)) == crc, "the CRC does not match")
            for plane, content in zip(coded, pieces, strict=True):
                words = read_piece(content, height, header.columns, plane)
                plane.decoded.extend(plane.values[word] for word in words)
    for plane in planes:
        if len(plane.values) == 1:
            plane.decoded.extend([plane.values[0]] * (header.rows * header.columns))
    samples = b"".join(
        (value % (1 << 8 * header.sample_bytes) + header.lowest).to_bytes(
            header.sample_bytes, "little", signed=header.lowest < 0
        )
        for pixel in zip(*(plane.decoded for plane in planes), strict=True)
        for value in inverse_transform(transform, pixel)
    )
    with at(f"frame {frame}"):
        require(crc32c(samples) == samples_crc, "the CRC of the samples does not match")
    return samples, source.pos


def read_planes(source: Bytes, header: Header, transform: int) -> list[Plane]:
    """Read the sample map of each plane, then the models of those that are not constant."""
    require(transform <= 2, "the colour transform is unknown")
    highest = 255 if header.sample_bytes == 1 and transform == 0 else 65535
    planes = []
    maps = [sample_map(source, highest) for _ in range(header.channels)]
    for values, shared in zip(maps, header.shared, strict=True):
        content = source.take(source.varint()) if len(values) > 1 else b""
        model = Model(content) if content else None
        require(
            model is None or model.max_value == len(values) - 1,
            "the largest word is not that of the sample map",
        )
        planes.append(Plane(values, model, shared, []))
    return planes


def strip_heights(header: Header) -> list[int]:
    """Return the number of rows in each strip, from the top."""
    height = header.strip_rows or header.rows
    return [min(height, header.rows - top) for top in range(0, header.rows, height)]


# Section 4: sample maps
def sample_map(source: Bytes, highest: int) -> Sequence[int]:
    """Return the value v of each word of a plane; a constant plane has one value."""
    kind, minimum = source.uint(1), source.uint(2)
    require(kind <= 2, "the kind of a sample map is unknown")
    values: Sequence[int] = [minimum]
    if kind == 1:
        span = source.uint(2)
        require(span >= 1, "a span is 0")
        values = range(minimum, minimum + span + 1)
    elif kind == 2:
        n_values = source.varint()
        require(2 <= n_values <= highest - minimum + 1, "the number of values is out of range")
        values = packed_values(source.take(source.varint()), minimum, n_values)
    require(values[-1] <= highest, "a sample map does not fit the sample type")
    return values


def packed_values(table: bytes, minimum: int, n_values: int) -> list[int]:
    """Return the values of a packed map, from the gaps between them."""
    count = n_values - 1
    gaps = run_lengths(huffman(table, most_runs(count)), count)
    require(len(gaps) == count, "a packed map has too few gaps")
    require(min(gaps) >= 1, "a gap of a packed map is 0")
    return [minimum + sum(gaps[:i]) for i in range(n_values)]


# Section 4.1: colour
def inverse_transform(transform: int, pixel: tuple[int, ...]) -> tuple[int, ...]:
    """Return the values v of a pixel (mod 2^16) from those of its planes."""
    if transform == 0:
        return pixel
    p0, p1, p2 = pixel
    if transform == 1:
        return (p0 + p1 - 32768) % 65536, p1, (p2 + p1 - 32768) % 65536
    co, cg = p1 - 32768, p2 - 32768
    t = p0 - half(cg)
    b = t - half(co)
    return (b + co) % 65536, (cg + t) % 65536, b % 65536


def half(x: int) -> int:
    """h(x)."""
    return ((x + 32768) % 65536 - 32768) >> 1


# Section 5: pieces
def read_piece(content: bytes, height: int, columns: int, plane: Plane) -> list[int]:
    """Return the words of one plane in one strip."""
    require(len(content) > 0, "the piece is empty")
    method, payload, count = content[0], content[1:], height * columns
    n_values = len(plane.values)
    require(method <= 4, "the method is unknown")
    if method == 0:
        source, size = Bytes(payload, 0, len(payload)), 1 if n_values <= 256 else 2
        require(len(payload) == count * size, "the raw words have the wrong length")
        words = [source.uint(size) for _ in range(count)]
    elif method >= 3:
        model = plane.model if method == 3 else plane.shared
        require(model is not None, "a wavefront piece has no model")
        require(model.max_value >= n_values - 1, "the shared model is for smaller words")
        words = read_strip(payload, model, height, columns)
    else:
        most = 1 + 2 * count  # the maximum, then for each pixel at most an escape and a word
        entropy = fse if method == 1 else huffman
        runs = entropy(payload, most_runs(most))
        residuals = run_lengths(runs, most)
        require(runs[0] == (1 << depth(residuals[0])) - 1, "the initial word is not the escape")
        words = prediction(residuals, height, columns)
    require(max(words) < n_values, "a word is outside the sample map")
    return words


# Section 6: published streams. `most` is the number of words that a stage may produce.
def prediction(words: list[int], height: int, columns: int) -> list[int]:
    """Section 6.1."""
    source = Items(words, 0, len(words))
    (maximum,) = source.take(1)
    require(maximum >= 1, "the maximum is 0")
    threshold, escape = (1 << (depth(maximum) - 1)) - 1, (1 << depth(maximum)) - 1
    pixels: list[int] = []
    for i in range(height * columns):
        if i == 0:
            predicted = 0
        elif i < columns:
            predicted = pixels[i - 1]
        elif i % columns == 0:
            predicted = pixels[i - columns]
        else:
            predicted = (pixels[i - 1] + pixels[i - columns]) >> 1
        (word,) = source.take(1)
        if word == escape:
            pixels += source.take(1)
        else:
            pixels.append((predicted + word - threshold) % (1 << 16))
    require(source.left() == 0, "the prediction has words left over")
    return pixels


def most_runs(count: int) -> int:
    """Return the most words that the run lengths of `count` words may have (section 6.3)."""
    return count * 5 // 4 + 16


def run_lengths(words: list[int], most: int) -> list[int]:
    """Section 6.2."""
    source = Items(words, 0, len(words))
    (initial,) = source.take(1)
    require(initial >= 1, "the initial word is 0")
    longest = (1 << (depth(initial) - 1)) - 1
    out: list[int] = []
    while source.left() > 0:
        (head,) = source.take(1)
        require(head >= 1, "a block of run lengths is empty")
        out += source.take(1) * head if head <= longest else source.take(head - longest)
        require(len(out) <= most, "the run lengths give too many words")
    return out


# Section 6.3: FSE
def fse(payload: bytes, most: int) -> list[int]:
    states, count = 1, most
    if payload[:1] == b"\xff":
        source = Bytes(payload, 1, len(payload))
        kind = source.uint(1)
        require(kind in FSE_KINDS, "the kind of FSE stream is unknown")
        states, count = FSE_KINDS[kind], source.uint(4)
        require(count <= most, "the FSE stream has too many words")
        payload = payload[source.pos :]
    table_log, norm, size = fse_header(payload)
    return fse_words(payload[size:], fse_table(table_log, norm), table_log, states, count)


def fse_bits(data: bytes) -> list[int]:
    return [(byte >> i) & 1 for byte in data for i in range(8)]


def fse_header(data: bytes) -> tuple[int, list[int], int]:
    """Return the table log, the count of each symbol, and the number of bytes in the header."""
    bits = Bits(fse_bits(data), 0, 8 * len(data))
    table_log = bits.low_first(4) + 5
    require(table_log <= 16, "the FSE table log is above 16")
    norm: list[int] = []
    rem, t, nb = (1 << table_log) + 1, 1 << table_log, table_log + 1
    while rem > 1:
        skip = 3 if norm and norm[-1] == 0 else 0
        while skip == 3:
            skip = bits.low_first(2)
            norm += [0] * skip
        maximum = 2 * t - 1 - rem
        c = bits.low_first(nb - 1)
        if c >= maximum:
            c += bits.low_first(1) << (nb - 1)
            c = c - maximum if c >= t else c
        norm.append(c - 1)
        require(len(norm) <= 1 << 16, "the FSE header has a symbol above 65535")
        rem -= abs(c - 1)
        while rem < t:
            nb, t = nb - 1, t // 2
    require(rem == 1, "the FSE counts do not add up")
    require(sum(map(bool, norm)) >= 2, "the FSE header has fewer than two symbols")
    return table_log, norm, (bits.pos + 7) // 8


def fse_table(table_log: int, norm: list[int]) -> list[tuple[int, int, int]]:
    """For each state u, return the symbol table[u], bits(u) and base(u)."""
    size = 1 << table_log
    symbols, high = [0] * size, size - 1
    for symbol, count in enumerate(norm):
        if count == -1:
            symbols[high] = symbol
            high -= 1
    step, pos = size // 2 + size // 8 + 3, 0
    for symbol, count in enumerate(norm):
        for _ in range(max(count, 0)):
            symbols[pos] = symbol
            pos = (pos + step) % size
            while pos > high:
                pos = (pos + step) % size
    require(pos == 0, "the FSE table is not filled")
    following = [abs(count) for count in norm]
    table = []
    for symbol in symbols:
        y = following[symbol]
        following[symbol] += 1
        n_bits = table_log - (depth(y) - 1)
        table.append((symbol, n_bits, (y << n_bits) - size))
    return table


def fse_words(data: bytes, table: list, table_log: int, states: int, count: int) -> list[int]:
    """Return `count` words; with one state, as many as there are but at most `count`."""
    require(data != b"" and data[-1] != 0, "the FSE bitstream has no end mark")
    backwards = fse_bits(data)[::-1]
    bits = Bits(backwards, backwards.index(1) + 1, len(backwards))
    state = [bits.high_first(table_log) for _ in range(states)]
    words: list[int] = []
    while True:
        i = len(words) % states
        symbol, n_bits, base = table[state[i]]
        if len(words) == count if states > 1 else bits.left() == 0 and n_bits > 0:
            break
        require(len(words) < count, "the FSE stream has too many words")
        words.append(symbol)
        state[i] = base + bits.high_first(n_bits)
    require(bits.left() == 0, "the FSE bitstream has bits left over")
    require(not any(state), "an FSE state does not end at 0")
    return words


# Section 6.4: Huffman
def huffman(payload: bytes, most: int) -> list[int]:
    all_bits = [(byte >> (7 - i)) & 1 for byte in payload for i in range(8)]
    bits = Bits(all_bits, 0, len(all_bits))
    count, maximum = bits.high_first(32), bits.high_first(16)
    longest, listed = bits.high_first(8), bits.high_first(16)
    word_depth = depth(maximum)
    require(count <= most, "the Huffman stream has too many words")
    require(longest + word_depth <= 32, "the Huffman codes are too long")
    symbols = [bits.high_first(word_depth) for _ in range(listed)]
    lengths = [bits.high_first(depth(longest)) for _ in range(listed)]
    codes = huffman_codes(symbols, lengths, longest)
    escape = (1 << word_depth) - 1
    require(escape in symbols, "the Huffman list lacks the escape")
    words = []
    for _ in range(count):
        length, code = 0, 0
        while (length, code) not in codes:
            require(length < longest, "a Huffman code is not in the list")
            length, code = length + 1, 2 * code + bits.high_first(1)
        word = codes[length, code]
        words.append(bits.high_first(word_depth) if word == escape else word)
    listed_words = [symbol for symbol in symbols if symbol != escape]
    require(max([0, *words, *listed_words]) <= maximum, "a Huffman word passes the maximum")
    require(0 <= bits.left() - (longest + word_depth) < 8, "the Huffman stream has a wrong length")
    require(not any(bits.take(bits.left())), "the Huffman stream does not end in zeros")
    return words


def huffman_codes(symbols: list, lengths: list, longest: int) -> dict[tuple[int, int], int]:
    """Return the canonical codes: (length, code) -> symbol."""
    require(len(symbols) > 0, "the Huffman list is empty")
    require(lengths == sorted(lengths, reverse=True), "the Huffman code lengths increase")
    require(lengths[0] == longest, "the longest Huffman code is not as long as announced")
    require((lengths[-1] == 0) == (len(symbols) == 1), "only a lone Huffman symbol has length 0")
    kraft = sum(1 << (longest - length) for length in lengths)
    require(kraft == 1 << longest, "the Huffman code is not complete")
    codes = {}
    code, before = 0, lengths[-1]
    for length in sorted(set(lengths)):
        code, before = code << (length - before), length
        for symbol in (s for s, own in zip(symbols, lengths, strict=True) if own == length):
            require(code < 1 << length, "the Huffman code lengths do not make a code")
            codes[length, code] = symbol
            code += 1
    return codes
