# SPDX-License-Identifier: MIT
"""`mic encode`: image files and folders of them to .mic files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ..codec.options import SLIDE_CONTAINERS, EncodeOptions
from ..images.kinds import kind_of
from .jobs import Encoding, encode_file
from .options import (
    PATH,
    Raw,
    Writing,
    collect,
    frame_option,
    raw_options,
    threads_option,
    writing_options,
)
from .published import encoding_options
from .run import finish, telling_errors
from .slides import encode_slide_file, slide_encoding_options
from .trees import plan_encoding, target_of


@click.command()
@click.argument("source", type=PATH, metavar="SRC")
@click.argument("target", type=PATH, metavar="DST")
@encoding_options
@slide_encoding_options
@frame_option("Encode this frame only.")
@click.option("--unsigned", is_flag=True, help="Take signed samples as unsigned bit patterns.")
@raw_options
@threads_option("file")
@writing_options
@collect("options", EncodeOptions)
@collect("raw", Raw)
@collect("writing", Writing)
def encode(
    source: Path,
    target: Path,
    options: EncodeOptions,
    raw: Raw,
    writing: Writing,
    stream: str | None,
    frame: int | None,
    unsigned: bool,
) -> None:
    """Compress SRC, an image file or a folder, to DST.

    Images are .npy, .dcm (any syntax that pydicom can read; files without suffix
    are recognised), .png, .tif, and .raw or .bin with --shape and --dtype.  Of
    DICOM the stored pixel values are kept, not the header.  A folder is mirrored:
    a/b/scan.dcm becomes DST/b/scan.mic; other files are skipped.

    \b
    Examples:
      mic encode scan.dcm scan.mic
      mic encode volume.raw volume.mic --shape 120,512,512 --dtype int16
      mic encode ct.dcm ct.mic --container mic1 --unsigned     for the published codec
      mic encode slide.tif slide.mic --tile 256      tiles and a pyramid
    """
    job = Encoding(options, stream, raw.layout, frame, unsigned, writing.overwrite)
    _check_encoding(job)
    suffix = ".mic" if stream is None else f".{stream}"
    if source.is_dir():
        with telling_errors():
            pairs, skipped = plan_encoding(source, target, job.raw, suffix)
    else:
        if job.raw is not None and kind_of(source) not in ("raw", None):
            raise click.UsageError(
                f"{source} says its shape itself: leave out --shape and --dtype."
            )
        pairs, skipped = [(source, target_of(source, target, suffix))], []
        is_mic = pairs[0][1].suffix == ".mic"
        if stream is None and not is_mic:
            raise click.UsageError(f"DST is {target}, a name ending in .mic is expected.")
        if stream is not None and is_mic:  # mic info would look for a container in it
            raise click.UsageError(
                f"DST is {target}, but --stream writes no .mic file: name it such as "
                f"{target.with_suffix(suffix)}; mic decode --stream {stream} reads it."
            )
    encode_one = encode_slide_file if options.is_slide else encode_file
    finish("encode", source, pairs, skipped, partial(encode_one, job=job), writing)


def _check_encoding(job: Encoding) -> None:
    """Refuse options that would have no effect."""
    options = job.options
    if options.states is not None and job.coder != "fse":
        raise click.UsageError(f"--states is for --codec fse, not for {job.coder}; leave it out.")
    if job.stream is not None and (
        options.codec is not None
        or options.container != "native"
        or options.strips is not None
        or options.temporal
    ):
        raise click.UsageError(
            "--stream writes no container: leave out --codec, --container, --strips and --temporal."
        )
    if options.tile is not None and options.container not in SLIDE_CONTAINERS:
        raise click.UsageError(
            f"--tile makes a slide, which --container {options.container} does not hold; use "
            f"{' or '.join(SLIDE_CONTAINERS)}."
        )
    if options.levels is not None and not options.is_slide:
        raise click.UsageError("--levels is for slides: pass --tile 256 or --container mic3.")
    others = (job.stream, options.strips, options.max_value, options.temporal or None)
    if options.is_slide and any(value is not None for value in others):
        raise click.UsageError(
            "--stream, --strips, --max-value and --temporal are not for slides; leave them out."
        )
