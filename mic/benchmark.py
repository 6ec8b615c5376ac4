# SPDX-License-Identifier: MIT
"""Measuring codecs against each other: one process, same buffers, verified.

Every codec encodes an array into new bytes and decodes into the same
preallocated array.  The codecs take turns on each image, so that what disturbs
the machine disturbs all of them alike.  Speeds are decoded bytes a second.
"""

from __future__ import annotations

import math
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import api
from ._version import __version__
from .errors import UnsupportedError, VerifyError
from .imagefiles import require
from .realimages import RealImage

Array = NDArray[Any]
Progress = Callable[[str, int, int], None]

MIN_SECONDS = 0.03
"""Shortest time that one measurement takes; quick calls are repeated to fill it."""

# A call this long is measured well by itself: its first run counts.
_LONG_SECONDS = 0.5
MEGABYTE = 1e6

# The options worth telling apart, for each codec of mic.
_VARIANTS: dict[str, list[dict[str, int]]] = {
    "fse": [{"states": 2}, {"states": 4}, {"states": 8}],
    "wavefront": [{"effort": 1}, {"effort": 5}, {"effort": 9}],
}
_USUAL = {"states": 4, "effort": 5}


@dataclass(frozen=True)
class Codec:
    """A codec as the measurement sees it.

    Attributes
    ----------
    name : str
    prepare : callable
        From the stored samples to what the codec takes; not timed.
    encode : callable(array, threads) -> bytes
    decode : callable(stream, out, threads)
    threaded : bool
        Whether `threads` means anything to it.
    own : bool
        Whether it is mic's: then it must take every image.
    max_repeat : int or None
        Most measurements of one image; for slow codecs.
    """

    name: str
    prepare: Callable[[Array], Array]
    encode: Callable[[Array, int], bytes]
    decode: Callable[[bytes, Array, int], Any]
    threaded: bool = False
    own: bool = False
    max_repeat: int | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, over several measurements."""

    median: float
    minimum: float
    maximum: float
    runs: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Timing:
        """Timing of samples, rounded to what they can mean."""
        rounded = [float(f"{sample:.5g}") for sample in samples]
        return cls(statistics.median(rounded), min(rounded), max(rounded), len(rounded))

    @property
    def spread(self) -> float:
        """Range over median."""
        return (self.maximum - self.minimum) / self.median


@dataclass(frozen=True)
class Measurement:
    """One codec on one image; `error` is set if it could not take the image."""

    image: int
    codec: str
    threads: int
    decoded_bytes: int
    encoded_bytes: int = 0
    encode: Timing | None = None
    decode: Timing | None = None
    error: str | None = None

    @property
    def ratio(self) -> float:
        """Decoded over encoded bytes."""
        return self.decoded_bytes / self.encoded_bytes

    def speed(self, direction: str) -> float:
        """MB/s of "encode" or "decode"."""
        timing: Timing = getattr(self, direction)
        return self.decoded_bytes / timing.median / MEGABYTE


def own_codecs(names: Iterable[str] = (), all_variants: bool = False) -> list[Codec]:
    """The codecs of mic.

    Parameters
    ----------
    names : iterable of str
        Such as "fse", "fse-8", "huffman"; by default all codecs.
    all_variants : bool
        Every number of states and several efforts, not the usual one only.

    Raises
    ------
    UnsupportedError
        A name that is no codec of mic.
    """
    every = {codec: _variants(codec) for codec in api.CODECS}
    by_name = {
        name: (codec, kept) for codec, kinds in every.items() for name, kept in kinds.items()
    }
    chosen: dict[str, tuple[str, dict[str, int]]] = {}
    for name in names or api.CODECS:
        if name in every:
            usual = {
                key: kept for key, kept in every[name].items() if all_variants or _is_usual(kept)
            }
            chosen.update({key: (name, kept) for key, kept in usual.items()})
        elif name in by_name:
            chosen[name] = by_name[name]
        else:
            known = ", ".join(dict.fromkeys([*every, *by_name]))
            raise UnsupportedError(f"{name!r} is no codec of mic, one of {known} is expected")
    return [_own_codec(name, codec, kept) for name, (codec, kept) in chosen.items()]


def _variants(codec: str) -> dict[str, dict[str, int]]:
    """Options of each variant of a codec, by the variant's name."""
    options = _VARIANTS.get(codec, [{}])
    return {"-".join([codec, *map(str, kept.values())]): kept for kept in options}


def _is_usual(options: dict[str, int]) -> bool:
    return all(_USUAL[key] == value for key, value in options.items())


def _own_codec(name: str, codec: str, options: Mapping[str, Any]) -> Codec:
    def encode(array: Array, threads: int) -> bytes:
        return bytes_of(api.encode(array, codec=codec, threads=threads, **options))

    def decode(stream: bytes, out: Array, threads: int) -> Any:
        return api.decode(stream, out=out, threads=threads)

    return Codec(name, np.ascontiguousarray, encode, decode, threaded=True, own=True)


def bytes_of(stream: bytes | int) -> bytes:
    """The stream that `mic.encode` returns when it is given no `out`."""
    assert isinstance(stream, bytes)
    return stream


def peer_codecs() -> list[Codec]:
    """CharLS, OpenJPH, OpenJPEG, libjxl and zstd, all lossless, through imagecodecs.

    They get the stored patterns as unsigned integers, as DICOM encoders do.

    Raises
    ------
    UnsupportedError
        imagecodecs is not installed.
    """
    ic = require("imagecodecs", "bench")
    return [
        Codec(
            "CharLS",
            _unsigned,
            lambda array, threads: ic.jpegls_encode(array),
            lambda stream, out, threads: ic.jpegls_decode(stream, out=out),
        ),
        Codec(
            "OpenJPH",
            _unsigned,
            lambda array, threads: ic.htj2k_encode(array, reversible=True),
            lambda stream, out, threads: ic.htj2k_decode(stream, out=out),
        ),
        Codec(
            "OpenJPEG",
            _unsigned,
            # A bare codestream, as DICOM has it, without the boxes of a JP2 file.
            lambda array, threads: ic.jpeg2k_encode(
                array, reversible=True, codecformat="j2k", numthreads=threads
            ),
            lambda stream, out, threads: ic.jpeg2k_decode(stream, out=out, numthreads=threads),
            threaded=True,
        ),
        *(_libjxl(ic, effort) for effort in (1, 3, 7)),
        Codec(
            "zstd-3",
            lambda array: array.reshape(-1).view(np.uint8),
            lambda array, threads: ic.zstd_encode(array, level=3),
            lambda stream, out, threads: ic.zstd_decode(stream, out=out),
        ),
    ]


def _libjxl(ic: Any, effort: int) -> Codec:
    return Codec(
        f"libjxl-{effort}",
        _unsigned,
        lambda array, threads: ic.jpegxl_encode(
            array, lossless=True, effort=effort, numthreads=threads
        ),
        lambda stream, out, threads: ic.jpegxl_decode(stream, out=out, numthreads=threads),
        threaded=True,
        max_repeat=1 if effort > 5 else None,
    )


def _unsigned(array: Array) -> Array:
    contiguous = np.ascontiguousarray(array)
    return contiguous.view(f"u{contiguous.dtype.itemsize}")


class _Run:
    """One codec on one image: the first, verified run, then the measurements."""

    def __init__(self, codec: Codec, image: Array, threads: int) -> None:
        self._codec = codec
        self._array = codec.prepare(image)
        self._out = np.zeros_like(self._array)
        start = time.perf_counter()
        self.stream = codec.encode(self._array, threads)
        between = time.perf_counter()
        codec.decode(self.stream, self._out, threads)
        first = between - start, time.perf_counter() - between
        if not np.array_equal(self._out, self._array):
            raise VerifyError(f"{codec.name} does not give the image back")
        self.samples: dict[str, list[float]] = {"encode": [], "decode": []}
        self._calls: dict[str, tuple[Callable[[], Any], float]] = {
            "encode": (partial(codec.encode, self._array, threads), first[0]),
            "decode": (partial(codec.decode, self.stream, self._out, threads), first[1]),
        }

    def measure(self, repeat: int, min_seconds: float) -> None:
        """Add one measurement of each direction, up to `repeat`."""
        wanted = min(repeat, self._codec.max_repeat or repeat)
        for direction, (call, first) in self._calls.items():
            samples = self.samples[direction]
            if len(samples) < wanted:
                counts = not samples and first > _LONG_SECONDS
                samples.append(first if counts else _seconds_per_call(call, first, min_seconds))


def _seconds_per_call(call: Callable[[], Any], estimate: float, min_seconds: float) -> float:
    n_calls = max(1, math.ceil(min_seconds / max(estimate, 1e-7)))
    start = time.perf_counter()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - start) / n_calls


def measure_image(
    image: Array,
    codecs: Sequence[Codec],
    *,
    number: int = 0,
    threads: int = 1,
    repeat: int = 5,
    min_seconds: float = MIN_SECONDS,
) -> list[Measurement]:
    """Measure codecs on one image, in turns.

    Parameters
    ----------
    image : ndarray
        Stored samples.
    codecs : sequence of Codec
    number : int
        Number of the image, for the result.
    threads, repeat : int
        Threads for each call; measurements whose median counts.
    min_seconds : float
        Shortest time of one measurement.

    Returns
    -------
    list of Measurement
        One for each codec; with `error` where a peer refuses the image.

    Raises
    ------
    MicError
        A codec of mic refuses the image or does not give it back.
    """
    failed: dict[str, Measurement] = {}
    runs: dict[str, _Run] = {}
    for codec in codecs:
        try:
            runs[codec.name] = _Run(codec, image, threads)
        except Exception as error:  # imagecodecs has an exception for each library
            if codec.own:
                raise
            text = str(error) or type(error).__name__
            failed[codec.name] = Measurement(number, codec.name, threads, image.nbytes, error=text)
    for _ in range(repeat):
        for run in runs.values():
            run.measure(repeat, min_seconds)
    return [
        failed[codec.name]
        if codec.name in failed
        else _measurement(codec.name, runs[codec.name], image.nbytes, number, threads)
        for codec in codecs
    ]


def _measurement(name: str, run: _Run, n_bytes: int, number: int, threads: int) -> Measurement:
    return Measurement(
        number,
        name,
        threads,
        n_bytes,
        len(run.stream),
        Timing.of(run.samples["encode"]),
        Timing.of(run.samples["decode"]),
    )


def measure_all(
    images: Sequence[RealImage],
    codecs: Sequence[Codec],
    *,
    threads: Sequence[int] = (1,),
    repeat: int = 5,
    min_seconds: float = MIN_SECONDS,
    progress: Progress | None = None,
) -> list[Measurement]:
    """`measure_image` for all images and numbers of threads.

    Codecs without threads are measured with one thread only.
    """
    results = []
    total = len(images) * len(threads)
    for done, (n_threads, number) in enumerate((n, i) for n in threads for i in range(len(images))):
        if progress is not None:
            progress(images[number].name, done, total)
        taking_part = [codec for codec in codecs if codec.threaded or n_threads == 1]
        results += measure_image(
            images[number].pixels,
            taking_part,
            number=number,
            threads=n_threads,
            repeat=repeat,
            min_seconds=min_seconds,
        )
    return results


def geometric_mean(values: Iterable[float]) -> float:
    """Geometric mean; nan of nothing."""
    numbers = list(values)
    return statistics.geometric_mean(numbers) if numbers else math.nan


@dataclass(frozen=True)
class Summary:
    """One codec over several images: (geometric mean, median) of each figure."""

    codec: str
    threads: int
    images: int
    ratio: tuple[float, float]
    encode: tuple[float, float]
    decode: tuple[float, float]


def summarize(results: Iterable[Measurement]) -> list[Summary]:
    """Summaries by codec and number of threads, in order of appearance."""
    groups: dict[tuple[str, int], list[Measurement]] = {}
    for result in results:
        if result.error is None:
            groups.setdefault((result.codec, result.threads), []).append(result)
    return [
        Summary(
            codec,
            threads,
            len(group),
            _mean_and_median([result.ratio for result in group]),
            _mean_and_median([result.speed("encode") for result in group]),
            _mean_and_median([result.speed("decode") for result in group]),
        )
        for (codec, threads), group in groups.items()
    ]


def _mean_and_median(values: list[float]) -> tuple[float, float]:
    return geometric_mean(values), statistics.median(values)


def speed_against(
    results: Sequence[Measurement], codec: str, base: str, direction: str, threads: int = 1
) -> float:
    """How many times as fast as `base` (on one thread) a codec is.

    The geometric mean of the ratios on each image that both have coded.
    """
    speeds = {
        (result.codec, result.image): result.speed(direction)
        for result in results
        if result.error is None and result.threads == (1 if result.codec == base else threads)
    }
    return geometric_mean(
        speed / speeds[base, image]
        for (name, image), speed in speeds.items()
        if name == codec and (base, image) in speeds
    )


def machine() -> dict[str, Any]:
    """What a measurement must tell about where it was made; no host names, no paths."""
    return {
        **api.cpu_info(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "mic": __version__,
    }


def peer_versions() -> dict[str, str]:
    """Versions of the peers' libraries, as imagecodecs tells them."""
    ic = require("imagecodecs", "bench")
    listed = re.findall(r"(imagecodecs|charls|openjph|openjpeg|libjxl|zstd)-([\w.]+)", ic.version())
    return dict(listed)
