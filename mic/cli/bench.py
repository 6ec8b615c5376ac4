# SPDX-License-Identifier: MIT
"""`mic bench`: figures on real images, every bit verified."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .. import benchmark
from ..benchmark.codecs import Codec, own_codecs, peer_codecs
from ..benchmark.images import RealImage, find_installed_images, images_of
from ..benchmark.measure import Measurement
from ..errors import UnsupportedError
from .bench_dicom import bench_dicom
from .options import images_option, json_file_option, repeat_option, threads_option
from .run import explain, print_table, telling_errors


@click.group(invoke_without_command=True)
@click.pass_context
@click.option(
    "--codec",
    "names",
    multiple=True,
    metavar="NAME",
    help="Such as fse, fse-8, huffman; repeatable.",
)
@threads_option("image")
@click.option(
    "--peers",
    is_flag=True,
    help="Also CharLS, OpenJPH, OpenJPEG, libjxl and zstd, through imagecodecs.",
)
@images_option
@repeat_option(3, "Measurements whose median counts.")
@json_file_option
def bench(
    context: click.Context,
    names: tuple[str, ...],
    threads: int,
    peers: bool,
    paths: tuple[Path, ...],
    repeat: int,
    json_path: Path | None,
) -> None:
    """Compress real images, verify every bit, print ratios and speeds.

    The images are the greyscale 16-bit DICOM images that pip installed with
    pydicom and pydicom-data (more with pip install "mic-codec[bench]"); nothing
    is downloaded.  A file with several frames contributes its middle frame.  Speeds
    are decoded bytes a second, the median of --repeat measurements.

    "mic bench dicom" times what pydicom's users do instead: dcmread(path).pixel_array.
    """
    if context.invoked_subcommand is not None:
        return
    with telling_errors():
        _bench(names, threads, peers, paths, repeat, json_path)


def _bench(
    names: tuple[str, ...],
    threads: int,
    peers: bool,
    paths: tuple[Path, ...],
    repeat: int,
    json_path: Path | None,
) -> None:
    codecs = own_codecs(names) + (peer_codecs() if peers else [])
    unread: list[str] = []
    images = _images(paths, unread)
    if not images:
        raise UnsupportedError("there is no image to measure; pass --images FOLDER")
    results = _measure(images, codecs, threads, repeat)
    _print_images(images, results)
    _print_summary(images, results)
    if json_path is not None:
        settings = {"repeat": repeat, "threads": [threads]}
        benchmark.write_json(json_path, benchmark.document(images, results, settings))
    if unread:
        raise UnsupportedError(f"not everything could be read: {'; '.join(unread)}")


def _images(paths: tuple[Path, ...], unread: list[str]) -> list[RealImage]:
    if not paths:
        return find_installed_images()
    return images_of(paths, lambda path, error: unread.append(explain(error)))


def _measure(
    images: list[RealImage], codecs: list[Codec], threads: int, repeat: int
) -> list[Measurement]:
    results = []
    with _progress(len(images)) as advance:
        for number, image in enumerate(images):
            advance(image.name, number)
            results += benchmark.measure_image(
                image.pixels, codecs, number=number, threads=threads, repeat=repeat
            )
    return results


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, int], None]]:
    """Show progress on stderr if it is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name, done: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda name, done: progress.update(task, description=name, completed=done)


_FIGURES = [("ratio", "right"), ("encode MB/s", "right"), ("decode MB/s", "right")]


def _print_images(images: list[RealImage], results: list[Measurement]) -> None:
    columns = [("image", "left"), ("modality", "left"), ("shape", "left"), ("codec", "left")]
    rows = []
    for number, image in enumerate(images):
        shape = " x ".join(map(str, image.pixels.shape))
        label = [image.name, image.modality, shape]
        for result in (result for result in results if result.image == number):
            rows.append([*label, result.codec, *_figures(result)])
            label = ["", "", ""]
    print_table([*columns, *_FIGURES], rows)


def _figures(result: Measurement) -> list[str]:
    if result.error is not None:
        return ["failed", "", ""]
    speeds = [f"{result.speed(direction):.0f}" for direction in ("encode", "decode")]
    return [f"{result.ratio:.3f}", *speeds]


def _print_summary(images: list[RealImage], results: list[Measurement]) -> None:
    rows = []
    for summary in benchmark.summarize(results):
        for i, kind in enumerate(("geometric mean", "median")):
            figures = [
                f"{summary.ratio[i]:.3f}",
                f"{summary.encode[i]:.0f}",
                f"{summary.decode[i]:.0f}",
            ]
            rows.append([kind, summary.codec, *figures])
    print()
    print_table([("", "left"), ("codec", "left"), *_FIGURES], rows)
    cpu = benchmark.machine()
    threads = sorted({result.threads for result in results})
    print(
        f"\n{len(images)} images, every bit verified; threads: {', '.join(map(str, threads))}; "
        f"{cpu['model'] or cpu['architecture']}, {cpu['active']}"
    )
    for codec in dict.fromkeys(result.codec for result in results if result.error):
        first = next(result for result in results if result.codec == codec and result.error)
        print(f"{codec} failed on {images[first.image].name}: {first.error}")


bench.add_command(bench_dicom)
