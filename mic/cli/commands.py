# SPDX-License-Identifier: MIT
"""The commands of `mic`: their options and what they call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from .. import api, stages
from .._version import __version__
from ..dicom.reading import NoPixelsError
from ..errors import UnsupportedError
from ..images.kinds import WRITABLE, files_below, kind_of
from .bench import bench
from .doctor import doctor
from .jobs import (
    DecodeOptions,
    EncodeOptions,
    Outcome,
    decode_file,
    encode_file,
    info_file,
    verify_against,
    verify_file,
)
from .options import (
    PATH,
    frame_option,
    jobs_option,
    json_option,
    number_option,
    parse_dtype,
    parse_shape,
    raw_layout,
    raw_options,
    threads_option,
    writing_options,
)
from .published import encoding_options, print_parts
from .run import (
    Task,
    attempt,
    complain,
    explain,
    human,
    located,
    plan_decoding,
    plan_encoding,
    print_table,
    report,
    run_jobs,
    telling_errors,
    with_suffix,
)
from .slides import (
    encode_slide_file,
    print_levels,
    slide_decoding_options,
    slide_encoding_options,
)
from .transcode import transcode
from .verify import verify_images
from .view import view

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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="mic")
def cli() -> None:
    """Compress medical images without loss, and prove it.

    Every file that mic writes is decoded again and compared bit by bit before it
    gets its name.

    \b
    Examples:
      mic encode scan.dcm scan.mic            compress the pixels of a DICOM file
      mic encode study/ archive/ --jobs 4     a whole tree of images
      mic decode scan.mic scan.npy            and back (also .raw, .png, .tif)
      mic decode scan.mic f3.png --frame 3    one frame of many
      mic info archive/*.mic                  sizes and ratios
      mic verify scan.mic scan.dcm            compare with the original
      mic view scan.dcm -o scan.png           a picture of it
      mic transcode a.dcm b.dcm --to mic      DICOM in another transfer syntax
      mic bench                               figures on real images
      mic doctor                              versions, CPU, what is installed

    "mic COMMAND --help" tells more.
    """


@cli.command()
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
        pairs, skipped = [(source, _target_of(source, target, suffix))], []
        is_mic = pairs[0][1].suffix == ".mic"
        if stream is None and not is_mic:
            raise click.UsageError(f"DST is {target}, a name ending in .mic is expected.")
        if stream is not None and is_mic:  # mic info would look for a container
            raise click.UsageError(
                f"DST is {target}, but --stream writes no .mic file: name it such as "
                f"{target.with_suffix(suffix)}; mic decode --stream {stream} reads it."
            )
    encode_one = encode_slide_file if options.is_slide else encode_file
    _finish("encode", source, pairs, skipped, partial(encode_one, options=options), given)


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


@cli.command()
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
@click.option("--partial", "rescue", is_flag=True, help="Rescue what is intact of a damaged file.")
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
def decode(source: Path, target: Path, **given: Any) -> None:
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
    options = DecodeOptions(
        frame=given["frame"],
        rows=given["rows"],
        level=given["level"],
        region=given["region"],
        partial=given["rescue"],
        threads=given["threads"],
        max_pixels=given["max_pixels"],
        stream=given["stream"],
        raw=raw_layout(given["shape"], given["dtype"]),
        verify=not given["no_verify"],
        overwrite=given["overwrite"],
    )
    if options.raw is not None and options.stream is None:
        raise click.UsageError("--shape and --dtype are for --stream; a .mic file knows its own.")
    has_shape = options.raw is not None or options.stream in stages.WAVELETS
    if options.stream is not None and (not has_shape or source.is_dir()):
        raise click.UsageError("--stream needs a single file, --shape and --dtype.")
    suffix = _SUFFIX_OF[given["to"]]
    if source.is_dir():
        with telling_errors():
            pairs, skipped = plan_decoding(source, target, suffix)
    else:
        pairs, skipped = [(source, _target_of(source, target, suffix))], []
        if kind_of(pairs[0][1]) not in WRITABLE:
            raise click.UsageError(
                f"DST is {target}, a name in .npy, .raw, .png or .tif is expected."
            )
    _finish("decode", source, pairs, skipped, partial(decode_file, options=options), given)


def _target_of(source: Path, target: Path, suffix: str) -> Path:
    """DST, or a name within it if it is a folder."""
    return with_suffix(target / source.name, suffix) if target.is_dir() else target


def _finish(
    command: str,
    source: Path,
    pairs: list[tuple[Path, Path]],
    skipped: list[Outcome],
    work: Callable[[Path, Path], Outcome],
    given: dict[str, Any],
) -> None:
    """Run the jobs, report, exit."""
    is_folder = source.is_dir()

    def job(path: Path, target: Path) -> Outcome:
        if not is_folder:
            return work(path, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return work(path, target)
        except NoPixelsError as error:  # a study may hold reports, and nobody named this file
            return Outcome(path, target, "skipped", explain(error))

    tasks: list[Task] = [(path, target, partial(job, path, target)) for path, target in pairs]
    if not tasks:
        nothing = f"{source} holds no file to {command}"
        skipped = [*skipped, Outcome(source, status="failed", message=nothing)]
    outcomes = run_jobs(tasks, given["jobs"], not given["as_json"])
    sys.exit(report(command, [*outcomes, *skipped], given["as_json"]))


def _stream_tasks(paths: tuple[Path, ...], work: Callable[[Path], Outcome]) -> list[Task]:
    """A task for each file, and for each .mic file of the folders."""
    tasks: list[Task] = []
    for path in paths:
        if not path.is_dir():
            tasks.append((path, None, partial(work, path)))
            continue
        below = [file for file in files_below(path) if kind_of(file) == "mic"]
        tasks += [(file, None, partial(work, file)) for file in below]
        if not below:
            tasks.append((path, None, partial(_refuse_empty, path)))
    return tasks


def _refuse_empty(folder: Path) -> Outcome:
    raise UnsupportedError(f"{folder} holds no .mic file")


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="FILE...")
@json_option
def info(paths: tuple[Path, ...], as_json: bool) -> None:
    """Show what streams hold, without decoding a sample.

    FILE is a .mic file or a folder of them.  Of one published file the frames,
    strips or planes are listed, of one slide the levels.  --json adds the offset
    and the checksum of each frame.
    """
    outcomes = [attempt(*task) for task in _stream_tasks(paths, info_file)]
    good = [outcome for outcome in outcomes if outcome.status == "ok"]
    if as_json:
        sys.exit(report("info", outcomes, as_json))
    if good:
        columns = [("file", "left"), ("shape", "left"), ("dtype", "left"), ("bits", "right")]
        columns += [("codec", "left"), ("container", "left"), ("strips", "right")]
        columns += [("pixels", "right"), ("file size", "right"), ("ratio", "right")]
        print_table(columns, [_info_row(outcome) for outcome in good])
    if len(outcomes) == len(good) == 1:
        print_parts(good[0].details)
        print_levels(good[0].details)
    failed = [outcome for outcome in outcomes if outcome.status != "ok"]
    for outcome in failed:
        complain(located(outcome))
    sys.exit(1 if failed else 0)


def _info_row(outcome: Outcome) -> list[str]:
    facts = outcome.details
    return [
        str(outcome.source),
        " x ".join(map(str, facts["shape"])),
        facts["dtype"],
        str(facts["bits_used"]),
        facts["codec"],
        facts["container"],
        str(facts["strips"]),
        human(facts["decoded_bytes"]),
        human(facts["encoded_bytes"]),
        f"{facts['ratio']:.2f}",
    ]


@cli.command()
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
def verify(paths: tuple[Path, ...], **given: Any) -> None:
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
    raw = raw_layout(given["shape"], given["dtype"])
    threads = given["threads"]
    tasks: list[Task]
    kinds = [None if path.is_dir() else kind_of(path) for path in paths]
    if given["near"] and (kinds != ["dicom", "dicom"] or given["frame"] is not None):
        raise click.UsageError("--near is for two whole DICOM files; leave it out.")
    if len(paths) == 2 and None not in kinds and kinds.count("mic") == 1:
        source, original = paths if kinds[0] == "mic" else reversed(paths)
        tasks = [
            (source, None, partial(verify_against, source, original, threads, raw, given["frame"]))
        ]
    elif len(paths) == 2 and not {None, "mic"} & set(kinds):
        task = partial(verify_images, *paths, near=given["near"], raw=raw, frame=given["frame"])
        tasks = [(paths[0], None, task)]
    else:
        tasks = _stream_tasks(paths, partial(verify_file, threads=threads))
    outcomes = run_jobs(tasks, given["jobs"], not given["as_json"])
    sys.exit(report("verify", outcomes, given["as_json"]))


cli.add_command(bench)
cli.add_command(doctor)
cli.add_command(view)
cli.add_command(transcode)
