# SPDX-License-Identifier: MIT
"""`mic encode`: image files and folders of them to .mic files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import api
from ..images.kinds import kind_of
from .jobs import EncodeOptions, encode_file
from .options import PATH, frame_option, raw_layout, raw_options, threads_option, writing_options
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
def encode(source: Path, target: Path, **given: Any) -> None:
    """Compress SRC, an image file or a folder, to DST.

    Images are .npy, .dcm (any syntax that pydicom can read; files without suffix
    are recognised), .png, .tif, and .raw or .bin with --shape and --dtype.  Of
    DICOM the stored pixel values are kept, not the header.  A folder is mirrored:
    a/b/scan.dcm becomes DST/b/scan.mic; what is no image is skipped.

    \b
    Examples:
      mic encode scan.dcm scan.mic
      mic encode volume.raw volume.mic --shape 120,512,512 --dtype int16
      mic encode ct.dcm ct.mic --container mic1 --unsigned     for the published codec
      mic encode slide.tif slide.mic --tile 256      tiles and a pyramid
    """
    raw = raw_layout(given["shape"], given["dtype"])
    stream = given["stream"]
    options = EncodeOptions(
        codec=given["codec"],
        states=int(given["states"]) if given["states"] else None,
        effort=given["effort"],
        threads=given["threads"],
        container=given["container"],
        max_value=given["max_value"],
        temporal=given["temporal"],
        strips=given["strips"],
        tile=given["tile"],
        levels=given["levels"],
        stream=stream,
        raw=raw,
        frame=given["frame"],
        unsigned=given["unsigned"],
        verify=not given["no_verify"],
        overwrite=given["overwrite"],
    )
    _check_encoding(options)
    suffix = ".mic" if stream is None else f".{stream}"
    if source.is_dir():
        with telling_errors():
            pairs, skipped = plan_encoding(source, target, raw, suffix)
    else:
        if raw is not None and kind_of(source) not in ("raw", None):
            raise click.UsageError(
                f"{source} says its shape itself: leave out --shape and --dtype."
            )
        pairs, skipped = [(source, target_of(source, target, suffix))], []
        is_mic = pairs[0][1].suffix == ".mic"
        if stream is None and not is_mic:
            raise click.UsageError(f"DST is {target}, a name ending in .mic is expected.")
        if stream is not None and is_mic:  # mic info would look for a container
            raise click.UsageError(
                f"DST is {target}, but --stream writes no .mic file: name it such as "
                f"{target.with_suffix(suffix)}; mic decode --stream {stream} reads it."
            )
    encode_one = encode_slide_file if options.is_slide else encode_file
    finish("encode", source, pairs, skipped, partial(encode_one, options=options), given)


def _check_encoding(options: EncodeOptions) -> None:
    """Refuse options that would have no effect."""
    if options.states is not None and options.coder != "fse":
        raise click.UsageError(
            f"--states is for --codec fse, not for {options.coder}; leave it out."
        )
    if options.stream is not None and (
        options.codec is not None
        or options.container != "native"
        or options.strips is not None
        or options.temporal
    ):
        raise click.UsageError(
            "--stream writes no container: leave out --codec, --container, --strips and --temporal."
        )
    if options.tile is not None and options.container not in api.SLIDE_CONTAINERS:
        raise click.UsageError(
            f"--tile makes a slide, which --container {options.container} does not hold; use "
            f"{' or '.join(api.SLIDE_CONTAINERS)}."
        )
    if options.levels is not None and not options.is_slide:
        raise click.UsageError("--levels is for slides: pass --tile 256 or --container mic3.")
    others = (options.stream, options.strips, options.max_value, options.temporal or None)
    if options.is_slide and any(value is not None for value in others):
        raise click.UsageError(
            "--stream, --strips, --max-value and --temporal are not for slides; leave them out."
        )
