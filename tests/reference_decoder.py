# SPDX-License-Identifier: MIT
"""A slow, clear decoder of the native format of mic, written from docs/format.md alone.

It shares no code with the package: it is a second opinion for the tests and a worked reading of the
specification. Section numbers in the docstrings are those of the page. numpy only holds the result.
"""

from __future__ import annotations

import math

import numpy

MAX_SAMPLES = 1 << 24  # limit of the caller, for the last rule of section 7

SAMPLE_TYPES = {  # section 2.1: code -> (numpy name, bytes, lowest value)
    0: ("uint8", 1, 0),
    1: ("int8", 1, -128),
    2: ("uint16", 2, 0),
    3: ("int16", 2, -32768),
}
FSE_KINDS = {0x02: 2, 0x04: 4, 0x84: 8}


class FormatError(ValueError):
    """The stream breaks the specification; `place` says where: "header", "index", "frame 3 piece 1" ..."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.reason = message
        self.place = place


def require(condition: bool, message: str) -> None:
    """Reject the stream unless `condition` holds."""
    if not condition:
        raise FormatError(message)


class At:
    """Names the place for every error raised inside a `with` block that has no place yet."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, FormatError) and not error.place:
            raise FormatError(error.reason, self.place) from None


# --- Section 1: conventions ---------------------------------------------------------------------


def depth(value: int) -> int:
    """Bits needed for a value, 0 for 0."""
    return value.bit_length()


def crc_table() -> list[int]:
    """The 256 remainders of the reflected polynomial 1EDC6F41."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data: bytes) -> int:
    """CRC-32C of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Bytes:
    """Reads the little-endian fields of section 1 from `data`, from `pos` up to (not including) `end`."""

    def __init__(self, data: bytes, pos: int, end: int) -> None:
        self.data = data
        self.pos = pos
        self.end = end

    def take(self, count: int) -> bytes:
        require(count <= self.end - self.pos, "the data end too early")
        self.pos += count
        return self.data[self.pos - count : self.pos]

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value = 0
        for place in range(5):
            byte = self.uint(1)
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                require(byte != 0 or place == 0, "a varint has a surplus zero byte")
                require(value < 1 << 32, "a varint is 2^32 or more")
                return value
        raise FormatError("a varint has more than five bytes")

    def check_crc(self, start: int) -> None:
        """Read a u32 and hold it against the CRC of everything since `start`."""
        covered = self.data[start : self.pos]
        require(self.uint(4) == crc32c(covered), "the CRC does not match")


# --- Section 2: stream --------------------------------------------------------------------------


class Header:
    """The fields of section 2.1."""

    def __init__(self) -> None:
        self.dtype, self.sample_size, self.lowest = "", 0, 0
        self.channels, self.rows, self.columns, self.strip_rows = 1, 0, 0, 0
        self.has_frames, self.axes, self.index_offset, self.size = False, [], 0, 0

    @property
    def range(self) -> int:
        """The highest v = sample - lowest."""
        return (1 << (8 * self.sample_size)) - 1


def read_header(data: bytes) -> Header:
    """Section 2.1."""
    source, header = Bytes(data, 0, len(data)), Header()
    require(source.take(4) == b"\x89Mic", "the magic is wrong")
    require(source.uint(1) == 1, "the version is not 1")
    layout = source.uint(1)
    require(layout >> 5 == 0, "a reserved layout bit is set")
    header.dtype, header.sample_size, header.lowest = SAMPLE_TYPES[layout & 3]
    header.channels = 3 if layout & 4 else 1
    source.take(2)  # codec asked for, bits in use: informative
    header.rows = source.varint()
    header.columns = source.varint()
    header.strip_rows = source.varint()
    header.has_frames = bool(layout & 8)
    if header.has_frames:
        count = source.uint(1)
        require(1 <= count <= 30, "the number of leading axes is not 1 to 30")
        header.axes = [source.uint(4) for _ in range(count)]
        header.index_offset = source.uint(8)
    if layout & 16:
        size = source.uint(4)
        read_blocks(source.take(size))
    source.check_crc(0)
    header.size = source.pos
    check_sizes(header)
    return header


def read_blocks(blocks: bytes) -> None:
    """Section 2.1: skip the optional blocks, refuse those that must be understood."""
    source = Bytes(blocks, 0, len(blocks))
    while source.pos < source.end:
        block_type = source.take(4)
        require(not 0x41 <= block_type[0] <= 0x5A, f"block {block_type!r} is unknown and must be understood")
        source.take(source.uint(4))


def check_sizes(header: Header) -> None:
    """Section 2.1 and the size limits of section 7."""
    require(header.rows > 0 and header.columns > 0 and 0 not in header.axes, "a size is 0")
    require(header.rows * header.columns * header.channels < 1 << 31, "a frame has 2^31 samples or more")
    require(math.prod(header.axes) < 1 << 31, "there are 2^31 frames or more")
    require(header.strip_rows < header.rows, "rows per strip is not below rows")
    if header.strip_rows == 0:
        header.strip_rows = header.rows


def read_index(data: bytes, header: Header) -> tuple[list[int], int]:
    """Section 2.2: where each frame starts, then where the last one ends; and where the index ends."""
    count = math.prod(header.axes)
    require(header.size <= header.index_offset <= len(data), "the index lies outside the data")
    source = Bytes(data, header.index_offset, len(data))
    require(8 * count + 4 <= source.end - source.pos, "the index leaves the data")
    bounds = [source.uint(8) for _ in range(count)]
    source.check_crc(header.index_offset)
    bounds.append(header.index_offset)
    require(bounds[0] == header.size, "frame 0 does not begin where the header ends")
    for start, stop in zip(bounds, bounds[1:]):
        require(start < stop, "the frames are out of order")
    return bounds, source.pos


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> numpy.ndarray:
    """Decode a whole stream (section 2), or raise FormatError.

    Arrays of more than `max_samples` samples are refused with a plain ValueError.
    """
    data = bytes(data)
    with At("header"):
        header = read_header(data)
    frames = math.prod(header.axes)
    frame_samples = header.rows * header.columns * header.channels
    if frames * frame_samples > max_samples:
        raise ValueError(f"the array has {frames * frame_samples} samples, more than {max_samples}")
    samples = bytearray()
    if header.has_frames:
        with At("index"):
            bounds, end = read_index(data, header)
        for number in range(frames):
            start, stop = bounds[number : number + 2]
            content, after = read_frame(data, header, number, start, stop)
            with At("index"):
                require(after == stop, f"frame {number} ends at {after}, not at {stop}")
            samples += content
    else:
        content, end = read_frame(data, header, 0, header.size, len(data))
        samples += content
    with At(f"byte {end}"):
        require(not any(data[end:]), "what follows the stream is not zero")
    return as_array(bytes(samples), header)


def as_array(samples: bytes, header: Header) -> numpy.ndarray:
    """The samples in the shape of section 2.1 and in the byte order of this machine."""
    shape = [*header.axes, header.rows, header.columns]
    if header.channels == 3:
        shape.append(3)
    stored = numpy.dtype(header.dtype).newbyteorder("<")
    return numpy.frombuffer(samples, stored).astype(header.dtype).reshape(shape)


# --- Section 3: frame ---------------------------------------------------------------------------


def strip_heights(header: Header) -> list[int]:
    """The rows of each strip, from the top; the last may be lower."""
    return [min(header.strip_rows, header.rows - top) for top in range(0, header.rows, header.strip_rows)]


def read_frame(data: bytes, header: Header, number: int, start: int, stop: int) -> tuple[bytes, int]:
    """Section 3: the samples of a frame as bytes, and where the frame ends."""
    with At(f"head of frame {number}"):
        source = Bytes(data, start, stop)
        samples_crc = source.uint(4)
        maps = [read_map(source, header) for _ in range(header.channels)]
        pieces = []  # (strip height, plane, length, CRC)
        for height in strip_heights(header):
            for plane in range(header.channels):
                if maps[plane].n_values > 1:
                    pieces.append((height, plane, source.varint(), source.uint(4)))
        source.check_crc(start)
        total = sum(length for _, _, length, _ in pieces)
        require(total <= source.end - source.pos, "the pieces leave the data")
    planes: list[list[int]] = [[] for _ in maps]
    for piece, (height, plane, length, crc) in enumerate(pieces):
        with At(f"frame {number} piece {piece}"):
            content = source.take(length)
            require(crc32c(content) == crc, "the CRC does not match")
            words = read_piece(content, height, header.columns, maps[plane].n_values)
            planes[plane] += [maps[plane].value(word) for word in words]
    for plane, plane_map in enumerate(maps):
        if plane_map.n_values == 1:
            planes[plane] = [plane_map.minimum] * (header.rows * header.columns)
    samples = join_planes(planes, header)
    with At(f"head of frame {number}"):
        require(crc32c(samples) == samples_crc, "the CRC of the samples does not match")
    return samples, source.pos


def join_planes(planes: list[list[int]], header: Header) -> bytes:
    """The samples of a frame, interleaved, as little-endian bytes."""
    out = bytearray()
    for pixel in zip(*planes):
        for value in pixel:
            out += (value + header.lowest).to_bytes(header.sample_size, "little", signed=header.lowest < 0)
    return bytes(out)


# --- Section 4: sample maps ---------------------------------------------------------------------


class SampleMap:
    """Turns words into values v: a constant plane has one value, `values` is None unless packed."""

    def __init__(self, minimum: int, n_values: int, values: list[int] | None = None) -> None:
        self.minimum = minimum
        self.n_values = n_values
        self.values = values

    def value(self, word: int) -> int:
        return self.minimum + word if self.values is None else self.values[word]


def read_map(source: Bytes, header: Header) -> SampleMap:
    """Section 4."""
    kind = source.uint(1)
    require(kind <= 2, "the kind of sample map is unknown")
    minimum = source.uint(2)
    require(minimum <= header.range, "a minimum does not fit the sample type")
    if kind == 0:
        return SampleMap(minimum, 1)
    if kind == 1:
        span = source.uint(2)
        require(span >= 1, "a span is 0")
        require(minimum + span <= header.range, "a span does not fit the sample type")
        return SampleMap(minimum, span + 1)
    n_values = source.varint()
    require(2 <= n_values <= header.range - minimum + 1, "the number of packed values is out of range")
    table = source.take(source.varint())
    return SampleMap(minimum, n_values, packed_values(table, minimum, n_values, header.range))


def packed_values(table: bytes, minimum: int, n_values: int, highest: int) -> list[int]:
    """Section 4: the values of a packed map, from the gaps between them."""
    gaps = run_lengths(huffman(table, most_run_words(n_values - 1)), n_values - 1)
    require(len(gaps) == n_values - 1, "the packed table has too few gaps")
    values = [minimum]
    for gap in gaps:
        require(gap >= 1, "a gap of the packed table is 0")
        values.append(values[-1] + gap)
    require(values[-1] <= highest, "a packed value does not fit the sample type")
    return values


# --- Section 5: pieces --------------------------------------------------------------------------


def read_piece(content: bytes, height: int, columns: int, n_values: int) -> list[int]:
    """Section 5: the words of one plane of one strip."""
    require(len(content) > 0, "the piece is empty")
    method, payload, count = content[0], content[1:], height * columns
    if method == 0:
        words = raw(payload, count, 1 if n_values <= 256 else 2)
    elif method in (1, 2):
        most = 1 + 2 * count  # the maximum, then at most an escape and a word for each pixel
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


# --- Section 6: published streams ---------------------------------------------------------------


def prediction(words: list[int], height: int, columns: int) -> list[int]:
    """Section 6.1."""
    require(len(words) > 0 and words[0] >= 1, "the maximum is missing or 0")
    threshold, escape = (1 << (depth(words[0]) - 1)) - 1, (1 << depth(words[0])) - 1
    pixels: list[int] = []
    at = 1
    for number in range(height * columns):
        require(at < len(words), "the prediction runs out of words")
        word = words[at]
        at += 1
        if word == escape:
            require(at < len(words), "the prediction runs out of words")
            pixels.append(words[at])
            at += 1
        else:
            pixels.append((predict(pixels, number, columns) + word - threshold) % (1 << 16))
    require(at == len(words), "the prediction has words left over")
    return pixels


def predict(pixels: list[int], number: int, columns: int) -> int:
    """The prediction P of section 6.1 for pixel `number`."""
    if number == 0:
        return 0
    if number < columns:
        return pixels[number - 1]
    if number % columns == 0:
        return pixels[number - columns]
    return (pixels[number - 1] + pixels[number - columns]) >> 1


def most_run_words(count: int) -> int:
    """The most words that run lengths can take for `count` words: a block header for each, and `initial`."""
    return 1 + 2 * count


def run_lengths(words: list[int], most: int) -> list[int]:
    """Section 6.2; `most` is what the stage behind can use."""
    require(len(words) > 0 and words[0] >= 1, "the initial word is missing or 0")
    longest = (1 << (depth(words[0]) - 1)) - 1
    out: list[int] = []
    at = 1
    while at < len(words):
        head = words[at]
        at += 1
        require(head >= 1, "a block of run lengths is empty")
        size = 1 if head <= longest else head - longest
        block = words[at : at + size]
        require(len(block) == size, "the run lengths run out of words")
        at += size
        out += block * head if head <= longest else block
        require(len(out) <= most, "the run lengths give too many words")
    return out


# --- Section 6.3: FSE ---------------------------------------------------------------------------


def bit_from_low(data: bytes, number: int) -> int:
    """Bit j is bit j mod 8 of byte j div 8."""
    return (data[number // 8] >> (number % 8)) & 1


class FseHeaderBits:
    """Fields of the header: the first bit read is the lowest."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0

    def look(self, count: int) -> int:
        require(self.pos + count <= 8 * len(self.data), "the FSE header runs out of bits")
        return sum(bit_from_low(self.data, self.pos + i) << i for i in range(count))

    def read(self, count: int) -> int:
        value = self.look(count)
        self.pos += count
        return value


class FseStateBits:
    """Reads the bitstream backwards from its end mark: the first bit read is the highest."""

    def __init__(self, data: bytes) -> None:
        require(len(data) > 0 and data[-1] != 0, "the FSE end mark is missing")
        self.data = data
        self.left = 8 * (len(data) - 1) + depth(data[-1]) - 1

    def read(self, count: int) -> int:
        require(count <= self.left, "the FSE bitstream runs out of bits")
        value = 0
        for _ in range(count):
            self.left -= 1
            value = 2 * value + bit_from_low(self.data, self.left)
        return value


def fse(payload: bytes, most: int) -> list[int]:
    """Section 6.3; `most` is what the stage behind can use."""
    states, count = 1, most
    if payload[:1] == b"\xff":
        source = Bytes(payload, 1, len(payload))
        kind = source.uint(1)
        require(kind in FSE_KINDS, "the kind of FSE stream is unknown")
        states, count = FSE_KINDS[kind], source.uint(4)
        require(count <= most, "the FSE stream has too many words")
        payload = payload[source.pos :]
    table_log, norm, size = fse_header(payload)
    table = fse_table(table_log, norm)
    bits = FseStateBits(payload[size:])
    return fse_words(table, table_log, bits, states, count)


def fse_header(data: bytes) -> tuple[int, list[int], int]:
    """The table log, the normalised counts, and the bytes of the header."""
    bits = FseHeaderBits(data)
    table_log = bits.read(4) + 5
    require(table_log <= 16, "the FSE table log is above 16")
    norm: list[int] = []
    rem, t, nb = (1 << table_log) + 1, 1 << table_log, table_log + 1
    while rem > 1:
        if norm and norm[-1] == 0:
            skip_zero_counts(bits, norm)
        require(len(norm) < 1 << 16, "the FSE header has a symbol above 65535")
        maximum = 2 * t - 1 - rem
        if bits.look(nb - 1) < maximum:
            c = bits.read(nb - 1)
        else:
            c = bits.read(nb)
            if c >= t:
                c -= maximum
        norm.append(c - 1)
        rem -= abs(c - 1)
        while rem < t:
            nb, t = nb - 1, t // 2
            if t == 0:
                break
    require(rem == 1, "the FSE counts do not add up")
    require(len(norm) >= 2, "the FSE header has fewer than two symbols")
    return table_log, norm, (bits.pos + 7) // 8


def skip_zero_counts(bits: FseHeaderBits, norm: list[int]) -> None:
    """Step 1 of the header."""
    while True:
        skip = bits.read(2)
        norm += [0] * skip
        if skip < 3:
            return
        require(len(norm) < 1 << 16, "the FSE header has a symbol above 65535")


def fse_table(table_log: int, norm: list[int]) -> list[tuple[int, int, int]]:
    """For each state u: its symbol, bits(u) and base(u)."""
    size = 1 << table_log
    symbols = [0] * size
    high = size - 1
    for symbol, count in enumerate(norm):
        if count == -1:
            symbols[high] = symbol
            high -= 1
    pos = 0
    for symbol, count in enumerate(norm):
        for _ in range(max(count, 0)):
            symbols[pos] = symbol
            pos = (pos + size // 2 + size // 8 + 3) % size
            while pos > high:
                pos = (pos + size // 2 + size // 8 + 3) % size
    require(pos == 0, "the FSE table is not filled")
    following = [abs(count) for count in norm]
    table = []
    for symbol in symbols:
        y = following[symbol]
        following[symbol] += 1
        count = table_log - (depth(y) - 1)
        table.append((symbol, count, (y << count) - size))
    return table


def fse_words(table: list, table_log: int, bits: FseStateBits, states: int, count: int) -> list[int]:
    """The words of the bitstream: `count` of them, or with one state at most so many."""
    state = [bits.read(table_log) for _ in range(states)]
    words: list[int] = []
    while True:
        which = len(words) % states
        symbol, size, base = table[state[which]]
        if states > 1 and len(words) == count:
            break
        if states == 1 and bits.left == 0 and size > 0:
            break
        require(len(words) < count, "the FSE stream has too many words")
        words.append(symbol)
        state[which] = base + bits.read(size)
    require(bits.left == 0, "the FSE bitstream has bits left over")
    require(not any(state), "an FSE state does not end at 0")
    return words


# --- Section 6.4: Huffman -----------------------------------------------------------------------


class HuffmanBits:
    """Bit j is bit 7 - (j mod 8) of byte j div 8, fields have their highest bit first."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0

    def read(self, count: int) -> int:
        require(self.pos + count <= 8 * len(self.data), "the Huffman stream runs out of bits")
        value = 0
        for _ in range(count):
            value = 2 * value + ((self.data[self.pos // 8] >> (7 - self.pos % 8)) & 1)
            self.pos += 1
        return value


def huffman(payload: bytes, most: int) -> list[int]:
    """Section 6.4; `most` is what the stage behind can use."""
    bits = HuffmanBits(payload)
    count = bits.read(32)
    require(count <= most, "the Huffman stream has too many words")
    word_depth = depth(bits.read(16))
    escape = (1 << word_depth) - 1
    longest = bits.read(8)
    listed = bits.read(16)
    symbols = [bits.read(word_depth) for _ in range(listed)]
    lengths = [bits.read(depth(longest)) for _ in range(listed)]
    codes = huffman_codes(symbols, lengths, longest)
    words = []
    for _ in range(count):
        word = huffman_symbol(bits, codes, longest)
        words.append(bits.read(word_depth) if word == escape else word)
    require(bits.read(longest + word_depth) == 0, "the end of the Huffman stream is not zero")
    padding = 8 * len(payload) - bits.pos
    require(padding < 8, "the Huffman stream has bytes left over")
    require(bits.read(padding) == 0, "the padding of the Huffman stream is not zero")
    return words


def huffman_codes(symbols: list[int], lengths: list[int], longest: int) -> dict[tuple[int, int], int]:
    """The canonical codes: (length, code) -> symbol."""
    require(len(symbols) > 0, "the Huffman list is empty")
    require(len(set(symbols)) == len(symbols), "a Huffman symbol is listed twice")
    require(lengths == sorted(lengths, reverse=True), "the Huffman code lengths increase")
    require(lengths[0] == longest, "the longest Huffman code length is not the one announced")
    require(lengths[-1] >= 1 or len(symbols) == 1, "a Huffman code length is 0")
    codes = {}
    code, before = 0, lengths[-1]
    for length in sorted(set(lengths)):
        code <<= length - before
        before = length
        for symbol in (s for s, its in zip(symbols, lengths) if its == length):
            require(code < 1 << length, "the Huffman code lengths do not fit a code")
            codes[length, code] = symbol
            code += 1
    return codes


def huffman_symbol(bits: HuffmanBits, codes: dict[tuple[int, int], int], longest: int) -> int:
    """Read one code."""
    code, length = 0, 0
    while (length, code) not in codes:
        require(length < longest, "a Huffman code is not in the list")
        code = 2 * code + bits.read(1)
        length += 1
    return codes[length, code]
