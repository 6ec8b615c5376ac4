# SPDX-License-Identifier: MIT
"""`mic verify`: .mic files by their checksums, or two files with one another."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from ..errors import VerifyError
from ..images.formats import read_image
from ..images.kinds import RawLayout, kind_of
from ..images.samples import as_frames, pixel_sha256
from .jobs import Outcome, compare, verify_against, verify_file
from .options import (
    PATH,
    Raw,
    collect,
    frame_option,
    jobs_option,
    json_option,
    number_option,
    raw_options,
    threads_option,
)
from .run import Task, report, run_jobs
from .trees import stream_tasks

_MOST_NAMED = 5


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="FILE...")
@frame_option("Frame of the original to compare with.")
@number_option(
    "--near",
    "Largest difference of a sample value that is allowed between two DICOM files.",
    0,
    65535,
    default=0,
)
@raw_options
@threads_option("file")
@jobs_option("Files at a time.")
@json_option
@collect("raw", Raw)
def verify(
    paths: tuple[Path, ...],
    raw: Raw,
    frame: int | None,
    near: int,
    threads: int,
    jobs: int,
    as_json: bool,
) -> None:
    """Check .mic files, or compare two files.

    Given .mic files or folders, each frame is decoded and its checksums are
    compared.  Given a .mic file and one other image, or two other images, the
    pixels of both are; of two DICOM files in any syntaxes, the attributes too.

    \b
    Examples:
      mic verify archive/
      mic verify scan.mic scan.dcm
      mic verify scan.dcm transcoded.dcm
    """
    layout = raw.layout
    tasks: list[Task]
    kinds = [None if path.is_dir() else kind_of(path) for path in paths]
    if near and (kinds != ["dicom", "dicom"] or frame is not None):
        raise click.UsageError("--near is for two whole DICOM files; leave it out.")
    if len(paths) == 2 and None not in kinds and kinds.count("mic") == 1:
        source, original = paths if kinds[0] == "mic" else reversed(paths)
        tasks = [(source, None, partial(verify_against, source, original, threads, layout, frame))]
    elif len(paths) == 2 and not {None, "mic"} & set(kinds):
        task = partial(verify_images, *paths, near=near, raw=layout, frame=frame)
        tasks = [(paths[0], None, task)]
    else:
        tasks = stream_tasks(paths, partial(verify_file, threads=threads))
    outcomes = run_jobs(tasks, jobs, not as_json)
    sys.exit(report("verify", outcomes, as_json))


def verify_images(
    first: Path,
    second: Path,
    near: int = 0,
    raw: RawLayout | None = None,
    frame: int | None = None,
) -> Outcome:
    """Compare the samples of two image files, and the attributes too if both are DICOM.

    Raises
    ------
    VerifyError
        They differ.  The message names the first differing pixel, or the attributes.
    """
    if kind_of(first) == kind_of(second) == "dicom" and frame is None:
        return _verify_dicom(first, second, near)
    samples, expected = read_image(first, raw, frame), read_image(second, raw, frame)
    compare(
        samples.reshape(expected.shape) if samples.size == expected.size else samples,
        expected,
        first.name,
    )
    frames = len(as_frames(expected))
    details = {"original": str(second), "frames": frames, "sha256": pixel_sha256(expected)}
    message = f"the pixels of {_count(frames, 'frame')} are equal, sha256 {details['sha256']}"
    return Outcome(first, message=message, details=details)


def _verify_dicom(first: Path, second: Path, near: int) -> Outcome:
    from ..dicom.failures import quiet_pydicom
    from ..transcode.file import compare_files

    with quiet_pydicom():
        facts = compare_files(first, second, near)
    frames = _count(facts["frames"], "frame")
    pixels = (
        f"the pixels of {frames} differ by {facts['max_error']} at most"
        if facts["max_error"]
        else f"the pixels of {frames} are equal, sha256 {facts['sha256'][0]}"
    )
    different = facts["differences"]
    if different:
        more = f"; and {len(different) - _MOST_NAMED} more" if len(different) > _MOST_NAMED else ""
        raise VerifyError(
            f"{first.name} and {second.name}: {pixels}, but not all attributes are: "
            f"{'; '.join(different[:_MOST_NAMED])}{more}"
        )
    if facts["compared"] == "samples":
        pixels += " (unused bits are not compared: not both syntaxes keep them)"
    details = facts | {"original": str(second)}
    return Outcome(first, message=f"{pixels}; the attributes are equal", details=details)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"
