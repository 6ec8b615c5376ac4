# SPDX-License-Identifier: MIT
"""`mic decode`: .mic files, folders of them and bare streams to image files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from .. import api, stages
from ..images.kinds import WRITABLE, kind_of
from .jobs import DecodeOptions, decode_file
from .options import (
    PATH,
    Raw,
    Writing,
    collect,
    number_option,
    parse_dtype,
    parse_shape,
    threads_option,
    writing_options,
)
from .run import finish, telling_errors
from .slides import slide_decoding_options
from .trees import plan_decoding, target_of

_SUFFIX_OF = {"npy": ".npy", "raw": ".raw", "png": ".png", "tif": ".tif"}


def _parse_rows(context: click.Context, option: click.Parameter, value: str | None) -> slice | None:
    if value is None:
        return None
    try:
        start, stop = (int(part) if part.strip() else None for part in value.split(":"))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no range of rows; write START:STOP, such as 100:200"
        ) from None
    return slice(start, stop)


@click.command()
@click.argument("source", type=PATH, metavar="SRC")
@click.argument("target", type=PATH, metavar="DST")
@click.option("--frame", type=int, metavar="N", help="Decode this frame only.")
@click.option(
    "--rows",
    metavar="A:B",
    callback=_parse_rows,
    help="Decode these rows only; half-open, as in numpy.",
)
@slide_decoding_options
@click.option("--partial", is_flag=True, help="Rescue what is intact of a damaged file.")
@number_option(
    "--max-pixels", "Refuse files that announce more samples.", 1, default=api.MAX_PIXELS
)
@click.option(
    "--to",
    type=click.Choice(list(_SUFFIX_OF)),
    default="npy",
    show_default=True,
    help="Kind of the outputs, for folders.",
)
@click.option(
    "--stream",
    type=click.Choice(stages.STREAM_KINDS),
    help="SRC is a bare published stream; all but wavelets need --shape and --dtype.",
)
@click.option("--shape", metavar="R,C", callback=parse_shape, help="Shape of a bare stream: R,C.")
@click.option(
    "--dtype",
    callback=parse_dtype,
    metavar="DTYPE",
    help="Sample type of a bare stream: uint16 or int16.",
)
@threads_option("file")
@writing_options
@collect("options", DecodeOptions)
@collect("raw", Raw)
@collect("writing", Writing)
def decode(
    source: Path, target: Path, options: DecodeOptions, raw: Raw, writing: Writing, to: str
) -> None:
    """Decompress SRC, a .mic file or a folder of them, to DST.

    The suffix of DST says the format: .npy, .raw (little-endian samples without
    a header), .png or .tif.  With --partial the exit code is 1 if any row was
    lost; lost samples are 0.

    \b
    Examples:
      mic decode scan.mic scan.npy
      mic decode scan.mic part.tif --frame 3 --rows 100:200
      mic decode slide.mic part.png --level 1 --region 1000,2000,512,512
      mic decode archive/ images/ --to tif
      mic decode ct.bin ct.npy --stream fse --shape 512,512 --dtype uint16
    """
    layout = raw.layout
    if layout is not None and options.stream is None:
        raise click.UsageError("--shape and --dtype are for --stream; a .mic file knows its own.")
    has_shape = layout is not None or options.stream in stages.WAVELETS
    if options.stream is not None and (not has_shape or source.is_dir()):
        raise click.UsageError("--stream needs a single file, --shape and --dtype.")
    suffix = _SUFFIX_OF[to]
    if source.is_dir():
        with telling_errors():
            pairs, skipped = plan_decoding(source, target, suffix)
    else:
        pairs, skipped = [(source, target_of(source, target, suffix))], []
        if kind_of(pairs[0][1]) not in WRITABLE:
            raise click.UsageError(
                f"DST is {target}, a name in .npy, .raw, .png or .tif is expected."
            )
    work = partial(decode_file, options=options, raw=layout, overwrite=writing.overwrite)
    finish("decode", source, pairs, skipped, work, writing)
