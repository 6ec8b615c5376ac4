# SPDX-License-Identifier: MIT
"""The work of the command line on one file: encode, decode, verify, describe.

Each job returns an `Outcome`, or raises MicError or OSError.  Nothing here prints.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .. import api, files, stages
from ..atomic import replacing
from ..codec.arrays import prepare
from ..codec.options import EncodeOptions
from ..dicom.failures import is_dicom
from ..errors import MicError, UnsupportedError, VerifyError
from ..images.formats import read_file, write_image
from ..images.kinds import WRITABLE, RawLayout, kind_of, target_kind
from ..images.mapped import map_image
from ..images.samples import as_frames, pixel_sha256, sample_bytes
from ..paths import refuse_name
from ..slides import Level

Array = NDArray[Any]

# Number of samples that verification holds at a time, unless one frame has more.
_CHUNK_SAMPLES = 1 << 25


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes
    ----------
    source, target : Path or str
        A str is a URL.
    status : {"ok", "failed", "skipped"}
    message : str
        The error, the reason for skipping, or what was verified.
    details : dict
        Figures for ``--json``.
    """

    source: Path | str
    target: Path | str | None = None
    status: str = "ok"
    message: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the source's path."""
        source = self.source
        return source.name if isinstance(source, Path) else source.rpartition("/")[2]

    def as_json(self) -> dict[str, Any]:
        """Return all fields in types that JSON knows."""
        return {
            "source": str(self.source),
            "target": None if self.target is None else str(self.target),
            "status": self.status,
            "message": self.message,
            **self.details,
        }


@dataclass(frozen=True)
class Encoding:
    """Options of `encode_file`: how to read the source and how to code it.

    Attributes
    ----------
    options : EncodeOptions
    stream : str or None
        Kind of a bare stream to write instead of a container.
    raw : RawLayout or None
        Layout of the samples, if the source is a raw file.
    frame : int or None
        Encode this frame only.
    unsigned : bool
        Take signed samples as bit patterns.
    overwrite : bool
        Replace an existing target.
    """

    options: EncodeOptions
    stream: str | None = None
    raw: RawLayout | None = None
    frame: int | None = None
    unsigned: bool = False
    overwrite: bool = False

    @property
    def coder(self) -> str:
        """Name of the codec, or kind of the bare stream."""
        return self.stream or self.options.coder


@dataclass(frozen=True)
class DecodeOptions:
    """Options of `decode_file`: those of `mic.decode`, those for slides and for bare streams."""

    frame: int | None = None
    rows: slice | None = None
    level: int | None = None
    region: tuple[int, int, int, int] | None = None
    partial: bool = False
    threads: int = 1
    max_pixels: int = api.MAX_PIXELS
    stream: str | None = None
    verify: bool = True


def encode_file(source: Path, target: Path, job: Encoding) -> Outcome:
    """Compress an image file; the target appears once it is verified."""
    options = job.options
    refuse_existing(target, job.overwrite)
    array = map_image(source, job.raw, job.frame)
    if job.unsigned:
        array = unsigned(array)
    stream = _encode(array, job)
    details = figures(array.shape, array.dtype, len(stream)) | {
        "codec": api.info(stream).codec if job.stream is None else job.stream,
        "container": options.container if job.stream is None else "none",
        "ratio": round(array.nbytes / len(stream), 4),
    }
    with replacing(target) as file:
        file.write(stream)
        if options.verify:
            file.flush()
            _check_written(file, array, job, target.name)
    return Outcome(source, target, message=_proof(array, options.verify, details), details=details)


def unsigned(array: Array) -> Array:
    """Return the bit patterns of the samples, in native byte order."""
    contiguous = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return contiguous.view(f"u{contiguous.dtype.itemsize}")


def check_sign(dtype: np.dtype[Any], options: EncodeOptions) -> None:
    """Refuse signed samples where a container would lose the sign."""
    if options.container != "native" and dtype.kind == "i":
        raise UnsupportedError(
            f"a published container keeps no sign and the samples are {dtype}; "
            "pass --unsigned to store their bit patterns, or use --container native"
        )


def _encode(array: Array, job: Encoding) -> bytes:
    options = job.options
    if job.stream is not None:
        if array.dtype.newbyteorder("=") != np.uint16 or array.ndim != 2:
            raise UnsupportedError(
                f"a bare stream holds one uint16 image, this is {array.dtype} of shape "
                f"{array.shape}; pass --frame for one frame, --unsigned for signed samples"
            )
        return stages.encode_stream(
            job.stream,
            array,
            array.shape[1],
            array.shape[0],
            options.max_value,
            options.states or api.DEFAULT_STATES,
        )
    check_sign(array.dtype, options)
    return api.encode_array(prepare(array), options)


def _check_written(file: BinaryIO, array: Array, job: Encoding, name: str) -> None:
    """Decode the file that was written, some frames at a time, and compare."""
    if job.stream is None:
        with files.open(file, threads=job.options.threads, max_pixels=array.size) as stream:
            _compare_frames(stream, array, name, "the original")
        return
    file.seek(0)
    rows, columns = array.shape
    again = stages.decode_stream(job.stream, file.read(), columns, rows)
    compare(again.reshape(rows, columns), array, name)


def decode_file(
    source: Path,
    target: Path,
    options: DecodeOptions,
    raw: RawLayout | None = None,
    overwrite: bool = False,
) -> Outcome:
    """Decompress a file; the target appears once it was read back and compared."""
    refuse_existing(target, overwrite)
    kind = target_kind(target)
    with contextlib.nullcontext() if options.stream else _reading_stream(source):
        array, lost = _decode(source, options, raw)
    details = figures(array.shape, array.dtype, source.stat().st_size)
    with replacing(target) as file:
        write_image(file, kind, array, target.name)
        if options.verify:
            file.seek(0)
            compare(_read_again(file, kind, target.name, array), array, target.name)
    message = _proof(array, options.verify, details)
    if lost is None:
        return Outcome(source, target, message=message, details=details)
    details["lost_rows"] = lost
    if not lost:
        return Outcome(source, target, message=f"{message}; no row is damaged", details=details)
    text = f"rescued {target.name}, but lost {sum(map(len, lost.values()))} rows: {_spans(lost)}"
    return Outcome(source, target, "failed", text, details)


def _decode(
    source: Path, options: DecodeOptions, raw: RawLayout | None
) -> tuple[Array, dict[int, list[int]] | None]:
    """Return the array and, after a rescue, the lost rows of each frame."""
    data = bytes_of_file(source)
    if options.stream is not None:
        return _decode_stream(data, options.stream, raw), None
    if options.level is not None or options.region is not None:
        return _decode_level(source, options), None
    selection: dict[str, Any] = {
        "frames": options.frame,
        "rows": options.rows,
        "threads": options.threads,
        "max_pixels": options.max_pixels,
    }
    if not options.partial:
        return api.decode(data, **selection), None
    array, intact = api.decode(data, partial=True, **selection)
    if api.info(data).levels:  # of a slide `intact` counts pixels
        intact = np.all(intact, axis=1, keepdims=True).T
    first_row = 0 if options.rows is None else _first_row(data, options.rows)
    lost: dict[int, list[int]] = {}
    for frame, row in np.argwhere(~intact):
        number = int(frame) if options.frame is None else options.frame
        lost.setdefault(number, []).append(int(row) + first_row)
    return array, lost


def _decode_level(source: Path, options: DecodeOptions) -> Array:
    if options.frame is not None or options.rows is not None or options.partial:
        raise UnsupportedError(
            "--level and --region go without --frame, --rows and --partial: a region of a slide is "
            "given by X,Y,WIDTH,HEIGHT"
        )
    with files.open(source, threads=options.threads, max_pixels=options.max_pixels) as stream:
        level = stream.level(options.level or 0)
        return level[...] if options.region is None else level.region(*options.region)


def _first_row(data: Any, rows: slice) -> int:
    info = files.MicFile(data).info
    return range(info.levels[0].rows if info.levels else info.rows)[rows][0]


def _decode_stream(data: Any, kind: str, layout: RawLayout | None) -> Array:
    if layout is None and kind in stages.WAVELETS:
        return stages.wavelet_decode(data, kind)
    if layout is None or len(layout.shape) != 2 or layout.dtype.itemsize != 2:
        raise UnsupportedError(
            "a bare stream says neither its size nor its sign; "
            "pass --shape ROWS,COLUMNS and --dtype uint16 or int16"
        )
    rows, columns = layout.shape
    pixels = stages.decode_stream(kind, data, columns, rows)
    return pixels.reshape(rows, columns).view(layout.dtype.newbyteorder("="))


def _read_again(file: BinaryIO, kind: str, name: str, array: Array) -> Array:
    layout = RawLayout(array.shape, array.dtype.newbyteorder("<"))
    again = read_file(file, kind, name, layout)
    # TIFF readers drop axes of length one; only the samples matter.
    return again.reshape(array.shape) if again.size == array.size else again


def _spans(lost: dict[int, list[int]]) -> str:
    """Format lost rows, such as ``frame 0 rows 12-40, frame 3 rows 0-511``."""
    parts = []
    for frame, rows in lost.items():
        breaks = [i for i in range(1, len(rows)) if rows[i] != rows[i - 1] + 1]
        for start, stop in zip([0, *breaks], [*breaks, len(rows)], strict=True):
            parts.append(f"frame {frame} rows {rows[start]}-{rows[stop - 1]}")
    return ", ".join(parts)


@contextlib.contextmanager
def _reading_stream(path: Path) -> Iterator[None]:
    """Explain in the error that a file is no stream because it is DICOM."""
    try:
        yield
    except MicError as error:
        if kind_of(path) == "dicom" and is_dicom(path):
            raise UnsupportedError(
                f"{path.name} is a DICOM file, a .mic file is expected; mic encode takes its "
                "pixels, mic transcode --to explicit decompresses it, and mic verify compares it "
                "with another file"
            ) from error
        if kind_of(path) in WRITABLE:
            stream = "mic decode --stream decodes it if it is a bare published stream, "
            raise UnsupportedError(
                f"{path.name} is no .mic file; mic encode compresses it, "
                f"{stream if kind_of(path) == 'raw' else ''}and mic verify compares it with "
                "another file"
            ) from error
        raise


def verify_file(source: Path, threads: int = 1, max_pixels: int = api.MAX_PIXELS) -> Outcome:
    """Decode every frame, which checks every checksum, and hash the samples."""
    digest = hashlib.sha256()
    with (
        _reading_stream(source),
        files.open(source, threads=threads, max_pixels=max_pixels) as stream,
    ):
        info = stream.info
        for level in stream.levels:
            for _, rows in _bands(level):
                if level.number == 0:
                    digest.update(sample_bytes(rows))
        for start, stop in [] if info.levels else _chunks(info):
            digest.update(sample_bytes(stream.frames(start, stop)))
    details = describe(info) | {"sha256": digest.hexdigest()}
    message = verification(info.frames, details["sha256"], "tile" if info.levels else "frame")
    if not info.frame_checksums:
        message += " (this container has no checksum: damage may go unseen)"
    return Outcome(source, message=message, details=details)


def verify_against(
    source: Path,
    original: Path,
    threads: int = 1,
    raw: RawLayout | None = None,
    frame: int | None = None,
) -> Outcome:
    """Compare the frames of a stream with an image file, bit by bit."""
    expected = map_image(original, raw, frame)
    with files.open(source, threads=threads) as stream:
        info = stream.info
        if info.container != "native":  # published containers keep no sign: compare bit patterns
            expected = unsigned(expected)
        sha256 = _compare_frames(stream, expected, source.name, original.name)
    details = describe(info) | {"sha256": sha256, "original": str(original)}
    message = verification(info.frames, sha256, "tile" if info.levels else "frame")
    return Outcome(source, message=message, details=details)


def _compare_frames(stream: files.MicFile, expected: Array, name: str, other: str) -> str:
    """Compare a stream with its original, some frames at a time, and return the samples' hash."""
    info, digest = stream.info, hashlib.sha256()
    _check_same_form(info.shape, info.dtype, expected, name, other)
    if info.levels:
        for top, rows in _bands(stream.level(0)):
            compare(rows, expected[top : top + len(rows)], name)
            digest.update(sample_bytes(rows))
        return digest.hexdigest()
    frames = as_frames(expected)
    if len(frames) != info.frames:  # such as three columns that were taken as colour
        frames = expected.reshape(info.frames, *info.shape[len(info.shape) - _n_image(info) :])
    for start, stop in _chunks(info):
        decoded = stream.frames(start, stop)
        compare(decoded, frames[start:stop], name, start)
        digest.update(sample_bytes(decoded))
    return digest.hexdigest()


def _bands(level: Level) -> Iterator[tuple[int, Array]]:
    """Yield rows of a level, some rows of tiles at a time, each with its first row's number."""
    tile_rows = level.chunks[0]
    step = max(1, _CHUNK_SAMPLES * len(level) // (level.size * tile_rows)) * tile_rows
    for top in range(0, len(level), step):
        yield top, level[top : top + step]


def _n_image(info: api.StreamInfo) -> int:
    return 3 if info.channels == 3 else 2


def _chunks(info: api.StreamInfo) -> list[tuple[int, int]]:
    """Return the ranges of frames to decode together."""
    per_frame = info.rows * info.columns * info.channels
    step = max(1, _CHUNK_SAMPLES // per_frame)
    return [(start, min(start + step, info.frames)) for start in range(0, info.frames, step)]


def _check_same_form(
    shape: tuple[int, ...], dtype: np.dtype[Any], expected: Array, name: str, other: str
) -> None:
    if shape != expected.shape or dtype != expected.dtype.newbyteorder("="):
        raise VerifyError(
            f"{name} holds {dtype} of shape {shape}, {other} holds {expected.dtype} of shape "
            f"{expected.shape}"
        )


def compare(actual: Array, expected: Array, name: str, first_frame: int = 0) -> None:
    """Check that the samples are the same, bit by bit.

    Raises
    ------
    VerifyError
        They differ.  The message names the frame, the first differing pixel and both
        values.
    """
    _check_same_form(actual.shape, actual.dtype.newbyteorder("="), expected, name, "the original")
    if np.array_equal(actual, expected):
        return
    got, wanted = as_frames(actual), as_frames(expected)
    frame, *position = (int(i) for i in np.argwhere(got != wanted)[0])
    at = (frame, *position)
    raise VerifyError(
        f"{name}: frame {first_frame + frame}, pixel ({', '.join(map(str, position))}) is "
        f"{got[at]}, {wanted[at]} is expected",
        frame=first_frame + frame,
    )


def info_file(source: Path) -> Outcome:
    """Describe a stream without decoding a sample."""
    with _reading_stream(source), files.open(source) as stream:
        return Outcome(source, details=describe(stream.info))


def describe(info: api.StreamInfo) -> dict[str, Any]:
    """Convert a `StreamInfo` to types that JSON knows."""
    facts = {item.name: getattr(info, item.name) for item in dataclasses.fields(info)}
    plain = {
        name: str(value) if isinstance(value, np.dtype) else value for name, value in facts.items()
    }
    parts = [dataclasses.asdict(part) for part in info.parts]
    levels = [level._asdict() for level in info.levels]
    return plain | {"ratio": round(info.ratio, 4), "parts": parts, "levels": levels}


def bytes_of_file(path: Path) -> Any:
    """Return the bytes of a file, mapped rather than read."""
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else b""


def refuse_existing(target: Path, overwrite: bool) -> None:
    """Refuse a target that exists, is a folder, or would lie in a folder that does not exist."""
    refuse_name(target.name, target)  # Windows says of its devices that they exist
    if target.is_dir():
        raise UnsupportedError(f"{target} is a folder, a file name is expected")
    if target.exists() and not overwrite:
        raise UnsupportedError(f"{target} exists; pass --overwrite to replace it")
    if not target.parent.is_dir():
        raise UnsupportedError(f"the folder {target.parent} does not exist; create it first")


def figures(shape: tuple[int, ...], dtype: np.dtype[Any], encoded_bytes: int) -> dict[str, Any]:
    """Return shape, type and sizes in bytes, for ``--json`` and the totals."""
    decoded_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    return {
        "shape": shape,
        "dtype": dtype.newbyteorder("=").name,
        "decoded_bytes": decoded_bytes,
        "encoded_bytes": encoded_bytes,
    }


def _proof(array: Array, verified: bool, details: dict[str, Any]) -> str:
    """Describe what was verified, and add the hash to the details."""
    details["verified"] = verified
    if not verified:
        return "not verified"
    details["sha256"] = pixel_sha256(array)
    return verification(len(as_frames(array)), details["sha256"])


def verification(n_frames: int, sha256: str, what: str = "frame") -> str:
    """Describe in words what was verified."""
    return f"verified {n_frames} {what}{'s' if n_frames != 1 else ''}, sha256 {sha256}"
