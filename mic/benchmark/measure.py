# SPDX-License-Identifier: MIT
"""Measure the time of single calls, summarize many measurements, write them to a file."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import api
from .._version import __version__
from ..atomic import replacing
from ..errors import VerifyError
from .codecs import Codec
from .images import RealImage

Array = NDArray[Any]
Progress = Callable[[str, int, int], None]

MIN_SECONDS = 0.03
"""Minimum duration of one measurement; quick calls are repeated to fill it."""

# A call this long is measured well by itself, so its first run counts.
_LONG_SECONDS = 0.5
MEGABYTE = 1e6


@dataclass(frozen=True)
class Timing:
    """Time of one call in seconds, over several measurements."""

    median: float
    minimum: float
    maximum: float
    runs: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Timing:
        """Summarise samples, rounded to the digits that mean something."""
        rounded = [float(f"{sample:.5g}") for sample in samples]
        return cls(statistics.median(rounded), min(rounded), max(rounded), len(rounded))

    @property
    def spread(self) -> float:
        """Range divided by median."""
        return (self.maximum - self.minimum) / self.median


@dataclass(frozen=True)
class Measurement:
    """Result of one codec on one image; `error` is set if it refused the image."""

    image: int
    codec: str
    threads: int
    decoded_bytes: int
    encoded_bytes: int = 0
    encode: Timing | None = None
    decode: Timing | None = None
    error: str | None = None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Measurement:
        """Rebuild the measurement from an entry in "results" of `document`."""
        timings = {
            direction: None if entry[direction] is None else Timing(**entry[direction])
            for direction in ("encode", "decode")
        }
        return cls(**{**entry, **timings})

    @property
    def ratio(self) -> float:
        """Decoded bytes divided by encoded bytes."""
        return self.decoded_bytes / self.encoded_bytes

    def speed(self, direction: str) -> float:
        """Speed in MB/s; `direction` is "encode" or "decode"."""
        timing: Timing = getattr(self, direction)
        return self.decoded_bytes / timing.median / MEGABYTE


class _Run:
    """One codec on one image: a first, verified run, then the measurements."""

    def __init__(self, codec: Codec, image: Array, threads: int) -> None:
        self._codec = codec
        self._array = codec.prepare(image)
        self._out = ~self._array  # differs everywhere, so that a decoder must write all of it
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
        Number of threads for each call; number of measurements, whose median counts.
    min_seconds : float
        Minimum duration of one measurement.

    Returns
    -------
    list of Measurement
        One for each codec; `error` is set if a peer refuses the image.

    Raises
    ------
    MicError
        A codec of mic refuses the image or does not reproduce it.
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
    """Run `measure_image` for all images and numbers of threads.

    Codecs without threads are measured on one thread only.

    Returns
    -------
    list of Measurement
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
    """Geometric mean; NaN if there are no values."""
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
    """Summarise by codec and number of threads, in order of appearance."""
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
    """Return how many times as fast as `base` (on one thread) a codec is.

    This is the geometric mean of the ratios over the images that both have coded.
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
    """Describe the machine as far as results depend on it; no host names, no paths."""
    return {
        **api.cpu_info(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "mic": __version__,
    }


def document(
    images: Sequence[RealImage], results: Iterable[Measurement], settings: dict[str, Any]
) -> dict[str, Any]:
    """Return everything that was measured, in types that JSON supports."""
    return {
        "machine": machine(),
        "settings": settings,
        "images": [_image_entry(image) for image in images],
        "results": [dataclasses.asdict(result) for result in results],
    }


def _image_entry(image: RealImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "source": image.source,
        "frame": image.frame,
        "modality": image.modality,
        "shape": list(image.pixels.shape),
        "dtype": image.pixels.dtype.name,
        "sha256": image.sha256,
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())
