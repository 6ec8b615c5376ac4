# SPDX-License-Identifier: MIT
"""`mic bench dicom`: decode times of DICOM files, as users of pydicom see them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .. import benchmark, gpu
from ..benchmark.dicom import (
    FileError,
    FileTimes,
    as_json,
    dicom_files,
    measure_files,
    table,
)
from ..errors import UnsupportedError
from ..images.kinds import files_below, kind_of
from .jobs import Outcome
from .options import (
    effort_option,
    images_option,
    json_file_option,
    number_option,
    repeat_option,
)
from .run import complain, print_table, progress_bar, telling_errors


@click.command("dicom")
@images_option
@repeat_option(5, "Runs of each file whose mean counts.")
@number_option("--warm-ups", "Runs before these that do not count.", 0, default=2)
@effort_option("1 to 9: time against size, of the MIC files.")
@click.option(
    "--nvimgcodec",
    type=click.Choice(["gpu", "cpu"]),
    help="Also by nvImageCodec: on the first GPU, or its CPU decoders.",
)
@json_file_option
def bench_dicom(
    paths: tuple[Path, ...],
    repeat: int,
    warm_ups: int,
    effort: int,
    nvimgcodec: str | None,
    json_path: Path | None,
) -> None:
    """Time dcmread(path).pixel_array of DICOM files, and of the same in MIC Lossless.

    The files are the .dcm files that pip installed with pydicom and pydicom-data;
    nothing is downloaded.  Times are means of --repeat runs after --warm-ups, on one
    thread; the pixels of both are compared.
    """
    if nvimgcodec is not None:
        status = gpu.register(cpu=nvimgcodec == "cpu")
        gpu.unregister()
        if not status:
            complain(status.reason)
            sys.exit(1)
    with telling_errors():
        rows, errors = _measure(paths, repeat, warm_ups, effort, nvimgcodec)
    head, lines = table(rows)
    figures = {"Shape", "File", "Transfer Syntax"}
    print_table([(name, "left" if name in figures else "right") for name in head], lines)
    for failure in errors:
        complain(f"{failure.file}: {failure.message}")
    if json_path is not None:
        settings = {
            "repeat": repeat,
            "warm_ups": warm_ups,
            "effort": effort,
            "threads": 1,
            "nvimgcodec": nvimgcodec,
        }
        content = {"machine": benchmark.machine(), "settings": settings, **as_json(rows, errors)}
        benchmark.write_json(json_path, content)


def _measure(
    paths: tuple[Path, ...], repeat: int, warm_ups: int, effort: int, nvimgcodec: str | None
) -> tuple[list[FileTimes], list[FileError]]:
    files = [file for path in paths for file in _files(path)] if paths else dicom_files()
    rows: list[FileTimes] = []
    errors: list[FileError] = []
    with progress_bar(len(files), True) as advance:
        for path, result in zip(
            files,
            measure_files(
                files, warm_ups=warm_ups, runs=repeat, effort=effort, nvimgcodec=nvimgcodec
            ),
            strict=True,
        ):
            advance(Outcome(path))
            if isinstance(result, FileTimes):
                rows.append(result)
            else:
                errors.append(result)
    if not rows:
        reasons = "; ".join(f"{error.file}: {error.message}" for error in errors[:3])
        raise UnsupportedError(f"no file could be measured ({reasons or 'pass --images FOLDER'})")
    return rows, errors


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in files_below(path) if kind_of(file) == "dicom"]
