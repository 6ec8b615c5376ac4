# SPDX-License-Identifier: MIT
"""Decode many frames of any mix of transfer syntaxes onto one device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..codec.arrays import thread_count
from ..errors import CorruptDataError, MicError, UnsupportedError
from .codestream import Codestream, read_codestream
from .decoder import NvimgcodecDecoder, decoder_for, import_nvimgcodec, to_numpy
from .state import examine

if TYPE_CHECKING:
    from ..dicom.fragments import Fragments
    from ..dicom.reading import Image

Progress = Callable[[int, int], object]


@dataclass
class Batch:
    """Decoded frames, and the errors of those that could not be decoded.

    Attributes
    ----------
    frames : list
        On the CPU, numpy arrays (rows, columns[, samples]).  On a GPU, nvImageCodec
        images (rows, columns, samples) with ``__dlpack__`` and
        ``__cuda_array_interface__``: ``torch.from_dlpack`` and ``cupy.asarray`` accept
        them without a copy.  None for a frame that failed.
    places : list of (int, int)
        Source and frame number within it, for each entry of `frames`.
    errors : dict of int to Exception
        By position in `frames`.
    """

    frames: list[Any] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    errors: dict[int, Exception] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, position: int) -> Any:
        return self.frames[position]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.frames)

    def raise_errors(self) -> None:
        """Raise an error that names the frames that failed, if there are any.

        Raises
        ------
        MicError
            At least one frame could not be decoded.
        """
        if self.errors:
            first = min(self.errors)
            source, frame = self.places[first]
            raise CorruptDataError(
                f"{len(self.errors)} of {len(self.frames)} frames could not be decoded; the first "
                f"is frame {frame} of source {source}: {self.errors[first]}",
                frame=frame,
            ) from self.errors[first]


@dataclass
class _Job:
    """One frame to decode."""

    position: int
    image: Image | None  # None for a bare codestream
    frame: int
    encoded: bytes | None  # None: only pydicom can decode it
    decoded_bytes: int = 0


def decode_batch(
    sources: Sequence[Any],
    indices: Sequence[int] | None = None,
    device: int | str = 0,
    *,
    threads: int = 1,
    batch_bytes: int = 256 << 20,
    progress: Progress | None = None,
) -> Batch:
    """Decode frames of many sources onto one device.

    JPEG, JPEG lossless, JPEG 2000 and HTJ2K go to nvImageCodec in batches.  The CPU
    decodes what nvImageCodec does not decode exactly, and every other syntax including
    MIC, and uploads it.

    Parameters
    ----------
    sources : sequence of Dataset, path, or bytes
        Data sets, DICOM files, or single encoded frames (JPEG, JPEG 2000, HTJ2K, MIC).
    indices : sequence of int, optional
        Frames to decode from each source.  Default: all.
    device : int or "cpu"
        Number of the GPU, or ``"cpu"`` for numpy arrays.
    threads : int
        Number of threads for the frames that the CPU decodes; 0 for all CPUs.
    batch_bytes : int
        Maximum size of a batch for nvImageCodec, in decoded bytes.
    progress : callable(done, total), optional
        Called after each batch and each frame.

    Returns
    -------
    Batch
        In the order of the sources.  Colours are RGB where pydicom gives RGB.

    Raises
    ------
    UnsupportedError
        The device does not exist or cannot be used.
    """
    decoder = _decoder_on(device)
    batch = Batch()
    jobs = list(_list_jobs(sources, indices, batch))
    batch.frames = [None] * len(batch.places)
    done = len(batch.errors)

    def report(n: int) -> None:
        nonlocal done
        done += n
        if progress is not None:
            progress(done, len(batch.frames))

    rest: list[_Job] = []
    for colour, group in _split(jobs, decoder, batch_bytes, rest):
        assert decoder is not None  # without a decoder there are no groups
        for job, image in zip(group, _decode_group(decoder, group, colour), strict=True):
            if image is None:
                rest.append(job)
            else:
                batch.frames[job.position] = to_numpy(image) if device == "cpu" else image
        report(len(group) - sum(job in rest for job in group))
    upload = None if device == "cpu" or decoder is None else decoder.upload
    _decode_on_cpu(rest, batch, threads, upload, report)
    return batch


def _decoder_on(device: int | str) -> NvimgcodecDecoder | None:
    """Return the decoder of a device; None if the CPU has to work without nvImageCodec."""
    if device == "cpu":
        return None if import_nvimgcodec() is None else decoder_for(None)
    if isinstance(device, str):
        raise UnsupportedError(f'device is {device!r}, the number of a GPU or "cpu" is expected')
    found = examine(cpu=False, device=device)
    if not found.ok:
        raise UnsupportedError(f'{found.reason}; device="cpu" decodes without a GPU')
    try:
        return decoder_for(device)
    except RuntimeError as error:
        raise UnsupportedError(
            f'nvImageCodec cannot use GPU {device}: {error}; device="cpu" decodes without it'
        ) from error


def _list_jobs(
    sources: Sequence[Any], indices: Sequence[int] | None, batch: Batch
) -> Iterator[_Job]:
    for number, source in enumerate(sources):
        try:
            image, frames = _open_source(source, indices)
            fragments = None if image is None else _fragments_of(image)
        except Exception as error:  # whatever a bad file raises is the result of this source
            batch.errors[len(batch.places)] = error
            batch.places.append((number, 0))
            continue
        for frame in frames:
            position = len(batch.places)
            batch.places.append((number, frame))
            encoded = bytes(source) if image is None else None
            if fragments is not None:
                encoded = fragments.frame(frame)
            yield _Job(position, image, frame, encoded)


def _open_source(source: Any, indices: Sequence[int] | None) -> tuple[Image | None, Sequence[int]]:
    """Read the header of a source; a single encoded frame has none."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return None, (0,)
    from ..dicom.attributes import IMAGE_KEYWORDS
    from ..dicom.decoding import describe
    from ..dicom.reading import read_image

    image = read_image(source, IMAGE_KEYWORDS)
    n_frames = describe(image).number_of_frames
    if indices is None:
        return image, range(n_frames)
    wrong = [index for index in indices if not 0 <= index < n_frames]
    if wrong:
        raise UnsupportedError(f"frame {wrong[0]} does not exist, 0 to {n_frames - 1} are expected")
    return image, indices


def _fragments_of(image: Image) -> Fragments | None:
    """Return the codestreams of an image if nvImageCodec may know its syntax."""
    from ..dicom.decoding import describe
    from ..dicom.fragments import Fragments
    from ..dicom.reading import opened
    from .plugin import SYNTAXES

    if image.syntax not in SYNTAXES:
        return None
    with opened(image) as data:
        return Fragments.of(image, data, describe(image).number_of_frames)


def _split(
    jobs: Sequence[_Job], decoder: NvimgcodecDecoder | None, batch_bytes: int, rest: list[_Job]
) -> Iterator[tuple[str, list[_Job]]]:
    """Yield groups for nvImageCodec, each within the budget; add the other jobs to `rest`."""
    groups: dict[str, list[_Job]] = {}
    for job in jobs:
        colour = None if decoder is None else _colour_of(job, decoder)
        if colour is None:
            rest.append(job)
            continue
        group = groups.setdefault(colour, [])
        if group and sum(j.decoded_bytes for j in group) + job.decoded_bytes > batch_bytes:
            yield colour, group
            group = groups[colour] = []
        group.append(job)
    yield from groups.items()


def _colour_of(job: _Job, decoder: NvimgcodecDecoder) -> str | None:
    """Return the colour to ask nvImageCodec for, or None if it must not decode this frame."""
    from .plugin import check_description, choose_colour

    if job.encoded is None:
        return None
    try:
        codestream = read_codestream(job.encoded)
        n_samples = codestream.rows * codestream.columns * codestream.samples
        job.decoded_bytes = n_samples * (1 if codestream.precision <= 8 else 2)
        if job.image is None:
            photometric = "YBR_FULL_422" if codestream.luma_chroma else "RGB"
        else:
            header = job.image.header
            photometric = str(header.PhotometricInterpretation)
            check_description(
                codestream,
                job.image.syntax,
                header.Rows,
                header.Columns,
                header.SamplesPerPixel,
            )
            if not _is_plain(codestream, header):
                return None
        if not decoder.takes(codestream):
            return None
        if codestream.luma_chroma and photometric.startswith("YBR_FULL"):
            return "rgb"  # pydicom converts to RGB too
        return choose_colour(codestream, photometric, as_rgb=True)
    except (UnsupportedError, CorruptDataError):
        return None


def _is_plain(codestream: Codestream, header: Any) -> bool:
    """Whether the decoded samples need none of pydicom's corrections."""
    return (
        codestream.signed == bool(header.PixelRepresentation)
        and codestream.precision == header.BitsStored
        and (codestream.precision <= 8) == (header.BitsAllocated == 8)
    )


def _decode_group(decoder: NvimgcodecDecoder, group: Sequence[_Job], colour: str) -> list[Any]:
    """Decode a group; if memory runs out, decode its halves."""
    try:
        return decoder.decode([job.encoded or b"" for job in group], colour)
    except (MemoryError, RuntimeError):
        if len(group) == 1:
            return [None]  # the CPU decodes it
        middle = len(group) // 2
        return _decode_group(decoder, group[:middle], colour) + _decode_group(
            decoder, group[middle:], colour
        )


def _decode_on_cpu(
    jobs: Sequence[_Job],
    batch: Batch,
    threads: int,
    upload: Callable[[NDArray[Any]], Any] | None,
    report: Callable[[int], None],
) -> None:
    """Decode on threads, and upload each frame while the next ones are being decoded."""
    with ThreadPoolExecutor(thread_count(threads)) as pool:
        futures = [(job, pool.submit(_decode_one, job)) for job in jobs]
        for job, future in futures:
            try:
                samples = future.result()
                batch.frames[job.position] = samples if upload is None else upload(samples)
            except Exception as error:  # a decoder may raise anything; it is this frame's result
                batch.errors[job.position] = error
            report(1)


def _decode_one(job: _Job) -> NDArray[Any]:
    """Decode one frame on the CPU.  A MIC decoder for the GPU would replace this function."""
    if job.image is None:
        return _decode_bare(job.encoded or b"")
    from ..dicom.decoding import iter_frames

    return next(iter_frames(job.image, [job.frame]))


def _decode_bare(encoded: bytes) -> NDArray[Any]:
    from ..api import decode

    try:
        return decode(encoded)
    except MicError as error:
        raise CorruptDataError(
            f"the frame is no MIC stream ({error}), and nvImageCodec did not decode it; give a "
            "data set, so that pydicom's decoders can"
        ) from error
