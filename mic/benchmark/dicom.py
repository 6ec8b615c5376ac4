# SPDX-License-Identifier: MIT
"""Measure how long pydicom takes to decode a file, and the same pixels in MIC Lossless.

Both are timed as users call them: ``dcmread(path).pixel_array``, with opening, parsing
and colour conversion.  They take turns, so that a disturbance of the machine affects
both alike.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dicom import plugin as pydicom_plugin
from ..dicom.failures import quiet_pydicom, reading
from ..dicom.internals import attempts
from ..dicom.syntaxes import LOSSLESS, NATIVE, syntax_of, title_of
from ..errors import CorruptDataError, MicError, UnsupportedError, VerifyError, one_sentence
from ..transcode.file import read_dicom, transcode_file
from .images import installed_folders

BASELINE, MIC, NVIMGCODEC = "pydicom", "MIC", "nvimgcodec"

# Largest difference, out of 255, between two correct decoders of JPEG baseline: they differ in
# rounding and in how they smooth subsampled chroma (docs/gpu.md).
_LOSSY_BOUND = 5


@dataclass(frozen=True)
class FileTimes:
    """Decode times of one file.

    Attributes
    ----------
    file, syntax : str
        Name of the file and of its transfer syntax.
    shape : tuple of int
    kind : {"uncompressed", "lossless", "lossy"}
    grey : bool
        One sample per pixel.
    plugin : str
        The decoder that pydicom used for the original.
    sizes : dict
        Size of the file in bytes, for each way of decoding.
    seconds : dict
        Time of each run, for each way of decoding: "pydicom", "MIC", ...
    """

    file: str
    syntax: str
    shape: tuple[int, ...]
    kind: str
    grey: bool
    plugin: str
    sizes: dict[str, int]
    seconds: dict[str, list[float]] = field(repr=False)

    def mean(self, way: str) -> float:
        """Mean time of one way of decoding, in seconds."""
        return statistics.fmean(self.seconds[way])

    def deviation(self, way: str) -> float:
        """Standard deviation of the times of one way of decoding, in seconds."""
        times = self.seconds[way]
        return statistics.stdev(times) if len(times) > 1 else 0.0


@dataclass(frozen=True)
class FileError:
    """A file that could not be measured."""

    file: str
    message: str


def dicom_files() -> list[Path]:
    """List the .dcm files of pydicom and pydicom-data that hold Pixel Data."""
    found = []
    for folder in installed_folders().values():
        for path in sorted(folder.rglob("*.dcm")):
            with quiet_pydicom(), suppress(CorruptDataError):  # some are broken on purpose
                if "PixelData" in read_dicom(path):
                    found.append(path)
    return found


def measure_files(
    paths: Iterable[Path],
    *,
    warm_ups: int = 2,
    runs: int = 5,
    effort: int = 5,
    nvimgcodec: str | None = None,
) -> Iterator[FileTimes | FileError]:
    """Measure each file; MIC is registered with pydicom meanwhile.

    Parameters
    ----------
    paths : iterable of Path
    warm_ups, runs : int
        Number of decodes that are not counted, and that are.
    effort : int
        Effort of the MIC files, which are written to a temporary folder.
    nvimgcodec : {None, "gpu", "cpu"}
        Also time the original with `mic.gpu.register`, on the first GPU or with
        nvImageCodec's CPU decoders; files in other syntaxes are decoded as before.

    Yields
    ------
    FileTimes or FileError
        An error if pydicom cannot decode the file, or MIC cannot hold it.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,  # a scanner may read it
        quiet_pydicom(),
        _registered(),
    ):
        for path in paths:
            copy = Path(folder) / "mic.dcm"
            result: FileTimes | FileError
            try:
                with reading(path.name):
                    result = _measure(path, copy, warm_ups, runs, effort, nvimgcodec)
            except (MicError, OSError, MemoryError) as error:
                said = one_sentence(error).removeprefix(path.name)
                result = FileError(path.name, said.removeprefix(":").strip())
            yield result


def _measure(
    path: Path, copy: Path, warm_ups: int, runs: int, effort: int, nvimgcodec: str | None
) -> FileTimes:
    from pydicom import dcmread

    expected = dcmread(path).pixel_array
    transcode_file(path, copy, "mic", effort=effort)
    sources = {BASELINE: path, **({NVIMGCODEC: path} if nvimgcodec else {}), MIC: copy}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for run in range(warm_ups + runs):
        for name, source in sources.items():
            with _gpu_registered(nvimgcodec if name == NVIMGCODEC else None):
                start = time.perf_counter()
                array = dcmread(source).pixel_array
                elapsed = time.perf_counter() - start
            if run == 0 and not _alike(array, expected, _LOSSY_BOUND * (name == NVIMGCODEC)):
                raise VerifyError(f"{name} decodes to other pixels")
            if run >= warm_ups:
                seconds[name].append(elapsed)
    ds = read_dicom(path)
    uid = syntax_of(ds)
    return FileTimes(
        path.name,
        title_of(uid),
        expected.shape,
        "uncompressed" if uid in NATIVE else "lossless" if uid in LOSSLESS else "lossy",
        ds.get("SamplesPerPixel") == 1,
        _plugin_for(path, uid),
        {name: source.stat().st_size for name, source in sources.items()},
        seconds,
    )


def _alike(array: NDArray[Any], expected: NDArray[Any], bound: int) -> bool:
    if bound == 0 or expected.dtype.itemsize > 1 or array.shape != expected.shape:
        return np.array_equal(array, expected)
    return bool(np.abs(array.astype(np.int16) - expected).max() <= bound)


@contextmanager
def _gpu_registered(backend: str | None) -> Iterator[None]:
    if backend is None:
        yield
        return
    from .. import gpu

    status = gpu.register(cpu=backend == "cpu")
    if not status:
        raise UnsupportedError(status.reason)
    try:
        yield
    finally:
        gpu.unregister()


def _plugin_for(path: Path, uid: str) -> str:
    """Return the first of pydicom's decoders that decodes the file, which is the one it uses."""
    from pydicom import dcmread
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    if uid in NATIVE:
        return "none"
    decoder = get_decoder(UID(uid))
    ds = dcmread(path)
    for name in attempts(decoder):
        try:
            decoder.as_array(ds, decoding_plugin=name, index=0)
        except Exception:  # this one fails, and pydicom tries the next
            continue
        return str(name)
    return "unknown"


@contextmanager
def _registered() -> Iterator[None]:
    was_registered = pydicom_plugin.is_registered()
    pydicom_plugin.register()
    try:
        yield
    finally:
        if not was_registered:
            pydicom_plugin.unregister()


GROUPS: dict[str, Callable[[FileTimes], bool]] = {
    "losslessly compressed, grey": lambda row: row.kind == "lossless" and row.grey,
    "losslessly compressed, colour": lambda row: row.kind == "lossless" and not row.grey,
    "lossy": lambda row: row.kind == "lossy",
    "all compressed sources": lambda row: row.kind != "uncompressed",
    "uncompressed": lambda row: row.kind == "uncompressed",
    "TOTAL": lambda row: True,
}
"""The groups of files that sums are computed for."""


def totals(
    rows: list[FileTimes], of: Callable[[list[float]], float] = statistics.fmean
) -> dict[str, dict[str, float]]:
    """Sum the mean time of each file, or `of` its times, for each way and each group.

    Groups without files are left out.
    """
    sums = {}
    for name, belongs in GROUPS.items():
        members = [row for row in rows if belongs(row)]
        if members:
            ways = members[0].seconds
            sums[name] = {way: sum(of(row.seconds[way]) for row in members) for way in ways}
            sums[name]["files"] = len(members)
    return sums


def speedup(times: dict[str, float], way: str = MIC) -> float:
    """Return the baseline's time divided by that of another way."""
    return times[BASELINE] / times[way]


def table(rows: list[FileTimes]) -> tuple[list[str], list[list[str]]]:
    """Return headings and cells: one line for each file, then the sums.

    A further way, such as a GPU decoder, adds a pair of columns.
    """
    ways = [way for way in rows[0].seconds if way != BASELINE] if rows else [MIC]
    head = ["Transfer Syntax", "Shape", "Baseline (s)", "Std"]
    for way in ways:
        head += [f"{way} (s)", "Std", "Speedup"]
    head += ["File"]
    lines = [
        [
            row.syntax,
            " x ".join(map(str, row.shape)),
            *_cells({way: row.mean(way) for way in row.seconds}, row, ways),
            row.file,
        ]
        for row in rows
    ]
    for name, times in totals(rows).items():
        lines.append([name, f"{times['files']:.0f} files", *_cells(times, None, ways), ""])
    return head, lines


def _cells(times: dict[str, float], row: FileTimes | None, ways: list[str]) -> list[str]:
    def deviation(way: str) -> str:
        return "" if row is None else f"{row.deviation(way):.5f}"

    cells = [f"{times[BASELINE]:.5f}", deviation(BASELINE)]
    for way in ways:
        cells += [f"{times[way]:.5f}", deviation(way), f"{speedup(times, way):.2f}x"]
    return cells


def as_json(rows: list[FileTimes], errors: list[FileError]) -> dict[str, Any]:
    """Return all results in types that JSON supports."""
    return {
        "rows": [asdict(row) for row in rows],
        "totals": totals(rows),
        "errors": [asdict(error) for error in errors],
    }
