# SPDX-License-Identifier: MIT
"""A slow, clear decoder of the native format of mic, written from docs/format.md alone.

It shares no code with the package: a second opinion for the tests and a worked reading of the specification,
whose section numbers the docstrings give. numpy only holds the result.
"""

from __future__ import annotations

import contextlib
import math

import numpy

MAX_SAMPLES = 1 << 24  # the limit of the caller that section 7 speaks of
SAMPLE_TYPES = {0: ("uint8", 1, 0), 1: ("int8", 1, -128), 2: ("uint16", 2, 0), 3: ("int16", 2, -32768)}
FSE_KINDS = {0x02: 2, 0x04: 4, 0x84: 8}


class FormatError(ValueError):
    """The stream breaks the specification; `place` is "header", "index", "head of frame 3", "frame 3 piece 1" ..."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason, self.place = reason, place


def require(condition: bool, reason: str) -> None:
    """Reject the stream unless `condition` holds."""
    if not condition:
        raise FormatError(reason)


@contextlib.contextmanager
def at(place: str):
    """Name the place of every error raised inside the `with` block."""
    try:
        yield
    except FormatError as error:
        raise FormatError(error.reason, place) from None


# Section 1: conventions


def depth(value: int) -> int:
    """Bits needed for a value, 0 for 0."""
    return value.bit_length()


def crc32c(data: bytes) -> int:
    """CRC-32C, bit by bit (82F63B78 is 1EDC6F41 reflected)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


class Bytes:
    """Reads little-endian fields of `data` from `pos` up to, not including, `end`."""

    def __init__(self, data: bytes, pos: int, end: int) -> None:
        self.data, self.pos, self.end = data, pos, end

    def take(self, count: int) -> bytes:
        """The next bytes as they are."""
        require(count <= self.end - self.pos, "the data end too early")
        self.pos += count
        return self.data[self.pos - count : self.pos]

    def uint(self, size: int) -> int:
        """A u8, u16, u32 or u64."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """Seven bits a byte, lowest first."""
        value = 0
        for number in range(5):
            byte = self.uint(1)
            value |= (byte & 0x7F) << (7 * number)
            if byte < 0x80:
                require(byte != 0 or number == 0, "a varint has a surplus zero byte")
                require(value < 1 << 32, "a varint is 2^32 or more")
                return value
        raise FormatError("a varint has more than five bytes")

    def check_crc(self, start: int) -> None:
        """A u32, held against the CRC of everything since `start`."""
        covered = self.data[start : self.pos]
        require(self.uint(4) == crc32c(covered), "the CRC does not match")


class Bits:
    """Reads fields from a list of bits, front to back, the first bit of a field being its highest."""

    def __init__(self, bits: list[int]) -> None:
        self.bits, self.pos = bits, 0

    def left(self) -> int:
        """How many bits have not been read."""
        return len(self.bits) - self.pos

    def look(self, count: int) -> list[int]:
        """The next bits, not used up."""
        require(count <= self.left(), "the data run out of bits")
        return self.bits[self.pos : self.pos + count]

    def read(self, count: int) -> int:
        """The next field."""
        field = self.look(count)
        self.pos += count
        return number_of(field)


def number_of(bits: list[int]) -> int:
    """The number that bits stand for, highest first."""
    value = 0
    for bit in bits:
        value = 2 * value + bit
    return value


# Section 2: stream


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> numpy.ndarray:
    """Decode a whole stream. More than `max_samples` samples are refused with a plain ValueError."""
    data = bytes(data)
    with at("header"):
        header = Header(data)
    frames = math.prod(header.axes)
    if frames * header.frame_samples > max_samples:
        raise ValueError(f"the array has {frames * header.frame_samples} samples, more than {max_samples}")
    if header.has_frames:
        with at("index"):
            bounds, end = read_index(data, header, frames)
        samples = b""
        for number in range(frames):
            content, after = read_frame(data, header, number, bounds[number], bounds[number + 1])
            with at("index"):
                require(after == bounds[number + 1], f"frame {number} does not end where the next part begins")
            samples += content
    else:
        samples, end = read_frame(data, header, 0, header.size, len(data))
    with at("end of the stream"):
        require(not any(data[end:]), "what follows is not zero")
    stored = numpy.frombuffer(samples, numpy.dtype(header.dtype).newbyteorder("<"))
    return stored.astype(header.dtype).reshape(header.shape)


class Header:
    """The fields of section 2.1; `highest` is the highest v of section 4, `size` where the header ends."""

    def __init__(self, data: bytes) -> None:
        source = Bytes(data, 0, len(data))
        require(source.take(4) == b"\x89Mic", "the magic is wrong")
        require(source.uint(1) == 1, "the version is not 1")
        layout = source.uint(1)
        require(layout >> 5 == 0, "a reserved layout bit is set")
        source.take(2)  # codec asked for, bits in use: informative
        self.rows, self.columns, self.strip_rows = source.varint(), source.varint(), source.varint()
        self.axes: list[int] = []
        self.has_frames = bool(layout & 8)
        if self.has_frames:
            count = source.uint(1)
            require(1 <= count <= 30, "the number of leading axes is not 1 to 30")
            self.axes = [source.uint(4) for _ in range(count)]
            self.index_offset = source.uint(8)
        if layout & 16:
            skip_blocks(source.take(source.uint(4)))
        source.check_crc(0)
        self.size = source.pos
        self.dtype, self.sample_bytes, self.lowest = SAMPLE_TYPES[layout & 3]
        self.highest = (1 << 8 * self.sample_bytes) - 1
        self.channels = 3 if layout & 4 else 1
        self.frame_samples = self.rows * self.columns * self.channels
        self.shape = [*self.axes, self.rows, self.columns] + ([3] if layout & 4 else [])
        self.check()

    def check(self) -> None:
        """The sizes, by sections 2.1 and 7."""
        require(0 not in self.shape, "a size is 0")
        require(self.frame_samples < 1 << 31, "a frame has 2^31 samples or more")
        require(math.prod(self.axes) < 1 << 31, "there are 2^31 frames or more")
        require(self.strip_rows < self.rows, "rows per strip is not below rows")


def skip_blocks(blocks: bytes) -> None:
    """Section 2.1: skip the optional blocks, refuse those that have to be understood."""
    source = Bytes(blocks, 0, len(blocks))
    while source.pos < source.end:
        block_type = source.take(4)
        require(not 0x41 <= block_type[0] <= 0x5A, f"block {block_type!r} is not known")
        source.take(source.uint(4))


def read_index(data: bytes, header: Header, frames: int) -> tuple[list[int], int]:
    """Section 2.2: where each frame begins and the last one ends; where the index ends."""
    require(header.size <= header.index_offset <= len(data), "the index is outside the data")
    source = Bytes(data, header.index_offset, len(data))
    require(8 * frames + 4 <= source.end - source.pos, "the index leaves the data")
    bounds = [source.uint(8) for _ in range(frames)]
    source.check_crc(header.index_offset)
    bounds.append(header.index_offset)
    require(bounds[0] == header.size, "frame 0 does not begin where the header ends")
    for start, stop in zip(bounds, bounds[1:]):
        require(start < stop, "the offsets are out of order")
    return bounds, source.pos


# Section 3: frame


def read_frame(data: bytes, header: Header, number: int, start: int, stop: int) -> tuple[bytes, int]:
    """The samples of a frame, as bytes, and where the frame ends (at or before `stop`)."""
    with at(f"head of frame {number}"):
        source = Bytes(data, start, stop)
        samples_crc = source.uint(4)
        maps = [SampleMap(source, header) for _ in range(header.channels)]
        pieces = []
        for height in strip_heights(header):
            for plane, plane_map in enumerate(maps):
                if not plane_map.constant:
                    pieces.append((height, plane, source.varint(), source.uint(4)))
        source.check_crc(start)
        require(sum(piece[2] for piece in pieces) <= stop - source.pos, "the pieces leave the data")
    planes: list[list[int]] = [[] for _ in maps]
    for count, (height, plane, length, crc) in enumerate(pieces):
        with at(f"frame {number} piece {count}"):
            piece = source.take(length)
            require(crc32c(piece) == crc, "the CRC does not match")
            words = read_piece(piece, height, header.columns, maps[plane].n_values)
            planes[plane] += [maps[plane].value(word) for word in words]
    for plane, plane_map in enumerate(maps):
        if plane_map.constant:
            planes[plane] = [plane_map.minimum] * (header.rows * header.columns)
    samples = b"".join(
        (value + header.lowest).to_bytes(header.sample_bytes, "little", signed=header.lowest < 0)
        for pixel in zip(*planes)
        for value in pixel
    )
    with at(f"frame {number}"):
        require(crc32c(samples) == samples_crc, "the CRC of the samples does not match")
    return samples, source.pos


def strip_heights(header: Header) -> list[int]:
    """The rows of each strip, from the top; the last may be lower."""
    height = header.strip_rows or header.rows
    return [min(height, header.rows - top) for top in range(0, header.rows, height)]


# Section 4: sample maps


class SampleMap:
    """Turns the words of a plane into values v."""

    def __init__(self, source: Bytes, header: Header) -> None:
        kind = source.uint(1)
        self.minimum = source.uint(2)
        require(self.minimum <= header.highest, "a minimum does not fit the sample type")
        self.constant = kind == 0
        self.n_values = 1
        self.values: list[int] | None = None
        if kind == 1:
            span = source.uint(2)
            require(span >= 1, "a span is 0")
            require(self.minimum + span <= header.highest, "a span does not fit the sample type")
            self.n_values = span + 1
        elif kind == 2:
            self.n_values = source.varint()
            require(self.n_values >= 2, "a packed map has fewer than two values")
            require(self.minimum + self.n_values - 1 <= header.highest, "the values do not fit the sample type")
            self.values = packed_values(source.take(source.varint()), self.minimum, self.n_values)
            require(self.values[-1] <= header.highest, "the values do not fit the sample type")
        else:
            require(self.constant, "the kind of a sample map is unknown")

    def value(self, word: int) -> int:
        """The v of a word."""
        return self.minimum + word if self.values is None else self.values[word]


def packed_values(table: bytes, minimum: int, n_values: int) -> list[int]:
    """The values of a packed map, from the gaps between them."""
    gaps = run_lengths(huffman(table, most_run_words(n_values - 1)), n_values - 1)
    require(len(gaps) == n_values - 1, "a packed map has too few gaps")
    values = [minimum]
    for gap in gaps:
        require(gap >= 1, "a gap of a packed map is 0")
        values.append(values[-1] + gap)
    return values


# Section 5: pieces


def read_piece(piece: bytes, height: int, columns: int, n_values: int) -> list[int]:
    """The words of one plane of one strip."""
    require(len(piece) > 0, "the piece is empty")
    method, payload, count = piece[0], piece[1:], height * columns
    if method == 0:
        words = raw(payload, count, 1 if n_values <= 256 else 2)
    elif method in (1, 2):
        most = 1 + 2 * count  # the maximum, then for each pixel at most an escape and a word
        entropy = fse if method == 1 else huffman
        words = prediction(run_lengths(entropy(payload, most_run_words(most)), most), height, columns)
    else:
        raise FormatError("the method is unknown")
    require(max(words) < n_values, "a word is outside the sample map")
    return words


def raw(payload: bytes, count: int, size: int) -> list[int]:
    """Method 0."""
    require(len(payload) == count * size, "the raw words have the wrong length")
    return [int.from_bytes(payload[i : i + size], "little") for i in range(0, len(payload), size)]


# Section 6: published streams


def prediction(words: list[int], height: int, columns: int) -> list[int]:
    """Section 6.1."""
    source = Words(words)
    maximum = source.next()
    require(maximum >= 1, "the maximum is 0")
    threshold, escape = (1 << (depth(maximum) - 1)) - 1, (1 << depth(maximum)) - 1
    pixels: list[int] = []
    for number in range(height * columns):
        left = pixels[number - 1] if number % columns > 0 else None
        upper = pixels[number - columns] if number >= columns else None
        word = source.next()
        if word == escape:
            pixels.append(source.next())
        else:
            pixels.append((predict(left, upper) + word - threshold) % (1 << 16))
    require(source.pos == len(words), "the prediction has words left over")
    return pixels


def predict(left: int | None, upper: int | None) -> int:
    """The prediction P of section 6.1; a neighbour outside the piece is None."""
    if upper is None:
        return 0 if left is None else left
    return upper if left is None else (left + upper) >> 1


class Words:
    """Takes words from a list, one by one."""

    def __init__(self, words: list[int]) -> None:
        self.words, self.pos = words, 0

    def next(self) -> int:
        """The next word."""
        require(self.pos < len(self.words), "a stage runs out of words")
        self.pos += 1
        return self.words[self.pos - 1]


def most_run_words(count: int) -> int:
    """The most words that run lengths take for `count` words: `initial`, and a block header for each word."""
    return 1 + 2 * count


def run_lengths(words: list[int], most: int) -> list[int]:
    """Section 6.2; `most` is what the stage behind can take."""
    source = Words(words)
    initial = source.next()
    require(initial >= 1, "the initial word is 0")
    longest = (1 << (depth(initial) - 1)) - 1
    out: list[int] = []
    while source.pos < len(words):
        head = source.next()
        require(head >= 1, "a block of run lengths is empty")
        if head <= longest:
            out += [source.next()] * head
        else:
            out += [source.next() for _ in range(head - longest)]
        require(len(out) <= most, "the run lengths give too many words")
    return out


# Section 6.3: FSE


def fse(payload: bytes, most: int) -> list[int]:
    """Section 6.3; `most` is what the stage behind can take."""
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
    """The bits of the data, bit j being bit j mod 8 of byte j div 8."""
    return [(byte >> i) & 1 for byte in data for i in range(8)]


def fse_header(data: bytes) -> tuple[int, list[int], int]:
    """The table log, the counts `norm` of the symbols, and the number of bytes of the header."""
    bits = Bits(fse_bits(data))

    def look(count: int) -> int:
        return number_of(bits.look(count)[::-1])  # fields of the header have their lowest bit first

    def read(count: int) -> int:
        value = look(count)
        bits.pos += count
        return value

    table_log = read(4) + 5
    require(table_log <= 16, "the FSE table log is above 16")
    norm: list[int] = []
    rem, t, nb = (1 << table_log) + 1, 1 << table_log, table_log + 1
    while rem > 1:
        skip = 3 if norm and norm[-1] == 0 else 0
        while skip == 3:
            skip = read(2)
            norm += [0] * skip
            require(len(norm) < 1 << 16, "the FSE header has a symbol above 65535")
        require(len(norm) < 1 << 16, "the FSE header has a symbol above 65535")
        maximum = 2 * t - 1 - rem
        if look(nb - 1) < maximum:
            c = read(nb - 1)
        else:
            c = read(nb)
            c = c - maximum if c >= t else c
        norm.append(c - 1)
        rem -= abs(c - 1)
        while 1 <= rem < t:
            nb, t = nb - 1, t // 2
    require(rem == 1, "the FSE counts do not add up")
    require(len(norm) >= 2, "the FSE header has fewer than two symbols")
    return table_log, norm, (bits.pos + 7) // 8


def fse_table(table_log: int, norm: list[int]) -> list[tuple[int, int, int]]:
    """Of each state u: the symbol, bits(u) and base(u)."""
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
    """The words of the bitstream: `count`, or with one state no more than `count`."""
    require(len(data) > 0 and data[-1] != 0, "the FSE bitstream has no end mark")
    backwards = fse_bits(data)[::-1]
    bits = Bits(backwards[backwards.index(1) + 1 :])
    state = [bits.read(table_log) for _ in range(states)]
    words: list[int] = []
    while True:
        which = len(words) % states
        symbol, n_bits, base = table[state[which]]
        if len(words) == count if states > 1 else bits.left() == 0 and n_bits > 0:
            break
        require(len(words) < count, "the FSE stream has too many words")
        words.append(symbol)
        state[which] = base + bits.read(n_bits)
    require(bits.left() == 0, "the FSE bitstream has bits left over")
    require(not any(state), "an FSE state does not end at 0")
    return words


# Section 6.4: Huffman


def huffman(payload: bytes, most: int) -> list[int]:
    """Section 6.4; `most` is what the stage behind can take."""
    bits = Bits([(byte >> (7 - i)) & 1 for byte in payload for i in range(8)])
    count, word_depth, longest, listed = bits.read(32), depth(bits.read(16)), bits.read(8), bits.read(16)
    require(count <= most, "the Huffman stream has too many words")
    symbols = [bits.read(word_depth) for _ in range(listed)]
    lengths = [bits.read(depth(longest)) for _ in range(listed)]
    codes = huffman_codes(symbols, lengths, longest)
    words = []
    for _ in range(count):
        length, code = 0, 0
        while (length, code) not in codes:
            require(length < longest, "a Huffman code is not in the list")
            length, code = length + 1, 2 * code + bits.read(1)
        word = codes[length, code]
        words.append(bits.read(word_depth) if word == (1 << word_depth) - 1 else word)
    require(bits.read(longest + word_depth) == 0, "the Huffman stream does not end in zeros")
    require(bits.left() < 8, "the Huffman stream has data left over")
    require(bits.read(bits.left()) == 0, "the Huffman stream does not end in zeros")
    return words


def huffman_codes(symbols: list[int], lengths: list[int], longest: int) -> dict[tuple[int, int], int]:
    """The canonical codes: (length, code) -> symbol."""
    require(len(symbols) > 0, "the Huffman list is empty")
    require(len(set(symbols)) == len(symbols), "a Huffman symbol is listed twice")
    require(lengths == sorted(lengths, reverse=True), "the Huffman code lengths increase")
    require(lengths[0] == longest, "the longest Huffman code is not as long as announced")
    require((longest == 0) == (len(symbols) == 1) and (lengths[-1] >= 1 or longest == 0), "a Huffman code is empty")
    codes = {}
    code, before = 0, lengths[-1]
    for length in sorted(set(lengths)):
        code, before = code << (length - before), length
        for symbol in (s for s, its_length in zip(symbols, lengths) if its_length == length):
            require(code < 1 << length, "the Huffman code lengths do not make a code")
            codes[length, code] = symbol
            code += 1
    return codes
