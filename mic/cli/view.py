# SPDX-License-Identifier: MIT
"""`mic view`: a picture of an image file, or of many."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..atomic import replacing
from ..dicom.failures import quiet_pydicom
from ..display.picture import WINDOWS, Window, to_uint8
from ..errors import MicError, UnsupportedError, located
from ..extras import require
from ..images.formats import read_samples
from ..images.kinds import files_below, kind_of
from ..images.samples import as_frames
from ..volume.frames import Frame, find_files, frames_of, read_heads
from ..volume.geometry import sort_for_display
from .jobs import refuse_existing
from .options import PATH, frame_option, number_option, overwrite_option
from .run import complain, explain, telling_errors

_CELL = 160  # side of a thumbnail in pixels
_MARGIN = 4
_MAX_LISTED = 2**36  # samples of files that are listed: frames are decoded one by one


def _parse_window(context: click.Context, option: click.Parameter, value: str) -> Window:
    if value in WINDOWS:
        return value
    try:
        centre, width = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is none of {', '.join(WINDOWS)} or CENTRE,WIDTH such as 40,400"
        ) from None
    return centre, width


@click.command()
@click.argument("source", type=PATH, metavar="FILE")
@frame_option("Frame to show.")
@click.option(
    "--window",
    callback=_parse_window,
    default="auto",
    show_default=True,
    metavar="W",
    help="auto, dicom, minmax, percentile, or CENTRE,WIDTH in modality units (40,400).",
)
@click.option("--overlays", is_flag=True, help="Paint the overlay planes of DICOM files.")
@click.option("--contact-sheet", is_flag=True, help="Many frames of a file or a folder at once.")
@number_option(
    "--tiles",
    "Most frames of a contact sheet, taken at even distances.",
    1,
    1024,
    default=36,
)
@click.option(
    "--series", metavar="UID", help="Series Instance UID: of a contact sheet show this series only."
)
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="PNG",
    help="Write this file instead of opening a window.",
)
@overwrite_option
def view(source: Path, **given: Any) -> None:
    """Show FILE, or write a picture of it as PNG.

    FILE is a DICOM file of any syntax that can be decoded here, .mic, .npy, .png or .tif.
    Without -o a window opens; where there is no display the picture is written
    into the current folder.  A contact sheet shows the frames of a file, or the
    images of a folder: series after series, each along its slice normal.  Images that
    cannot be shown are left out and named; the exit code then is 1.

    \b
    Examples:
      mic view CT.dcm --window 40,400
      mic view cine.dcm --frame 12 -o frame12.png
      mic view series/ --contact-sheet -o sheet.png
    """
    missing: list[str] = []
    with telling_errors():
        with quiet_pydicom():  # silences warnings that do not concern the pixels
            picture = _picture(source, given, missing)
        _show(picture, source, given)
    for reason in missing:
        complain(reason)
    if missing:
        complain(f"{_images(len(missing))} of {source} cannot be shown")
        sys.exit(1)


def _images(n: int) -> str:
    return f"{n} image{'s' if n != 1 else ''}"


def _show(picture: NDArray[np.uint8], source: Path, given: dict[str, Any]) -> None:
    """Show the picture in a window, or write it to a file."""
    target = given["output"]
    if target is None and _has_display():
        require("PIL.Image").fromarray(picture).show(title=source.name)
        return
    if target is None:
        target = Path(f"{source.resolve().stem or 'view'}.png")
    _write(picture, target, given["overwrite"])
    rows, columns = picture.shape[:2]
    print(f"{source} -> {target}: {columns} x {rows} pixels")


def _has_display() -> bool:
    """Tell whether a window can open."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _write(picture: NDArray[np.uint8], target: Path, overwrite: bool) -> None:
    if target.suffix.lower() != ".png":
        raise UnsupportedError(f"the output is {target}, a name ending in .png is expected")
    refuse_existing(target, overwrite)
    image = require("PIL.Image").fromarray(picture)
    with replacing(target) as file:
        image.save(file, format="PNG")


def _picture(source: Path, given: dict[str, Any], missing: list[str]) -> NDArray[np.uint8]:
    options = {"window": given["window"], "overlays": given["overlays"]}
    if given["contact_sheet"]:
        if given["frame"] is not None:
            raise UnsupportedError("--frame shows one frame, --contact-sheet many; pass one")
        tiles = _tiles(source, given["series"], options, missing)
        drawn = _draw(_evenly(tiles, given["tiles"]), missing)
        if not drawn:
            raise UnsupportedError(f"{source} holds no image that can be shown: {missing[0]}")
        return _sheet(drawn)
    if given["series"] is not None:
        raise UnsupportedError("--series chooses for --contact-sheet; pass both, or leave it out")
    if source.is_dir():
        raise UnsupportedError(f"{source} is a folder; pass --contact-sheet, or name a file")
    return _single(source, given["frame"] or 0, options)


def _single(path: Path, frame: int, options: dict[str, Any]) -> NDArray[np.uint8]:
    """Draw one frame of a file of any kind."""
    if not path.exists():
        raise UnsupportedError(f"{path} does not exist")
    if kind_of(path) in ("dicom", None):
        return to_uint8(path, frame=frame, **options)
    with located(path.name):
        return to_uint8(_samples(path), options["window"], frame)


def _samples(path: Path) -> NDArray[Any]:
    if kind_of(path) == "raw":
        raise UnsupportedError(
            f"{path.name}: a raw file does not say its shape; mic encode with --shape and --dtype "
            "makes a .mic file of it, which mic view shows"
        )
    return read_samples(path)


# ---- contact sheets ------------------------------------------------------------------

Tile = partial[NDArray[np.uint8]]


def _tiles(
    source: Path, series: str | None, options: dict[str, Any], missing: list[str]
) -> list[Tile]:
    """Return a function for each frame that draws it, in order; nothing is decoded yet."""
    if source.is_dir():
        files = [path for path in files_below(source) if kind_of(path) not in (None, "raw")]
        others = [path for path in files if kind_of(path) != "dicom"]
        if len(others) == len(files):
            if not files:
                raise UnsupportedError(f"{source} holds no image that mic reads")
            return [partial(_single, path, 0, options) for path in files]
    elif kind_of(source) not in ("dicom", None):
        samples = _samples(source)
        window = options["window"]
        return [partial(to_uint8, samples, window, n) for n in range(len(as_frames(samples)))]
    return _dicom_tiles(source, series, options, missing)


def _dicom_tiles(
    source: Path, wanted: str | None, options: dict[str, Any], missing: list[str]
) -> list[Tile]:
    """Return the tiles of one series after another, each in the order of its slice normal."""
    series: dict[str, list[Frame]] = {}
    unreadable: list[Exception] = []
    for image in read_heads(find_files(source), 1, unreadable):
        try:
            frames = frames_of(image, _MAX_LISTED)
            uid = str(image.header.get("SeriesInstanceUID") or "")
        except MicError as error:
            unreadable.append(error)
        else:
            series.setdefault(uid, []).extend(frames)
    missing += [explain(error) for error in unreadable]
    if not series and missing:
        return []
    if not series:
        raise UnsupportedError(f"{source} holds no DICOM file with pixels")
    if wanted is not None and wanted not in series:
        held = ", ".join(uid or "one without UID" for uid in series)
        raise UnsupportedError(f"{source} holds no series {wanted}; it holds {held}")
    chosen = series.values() if wanted is None else [series[wanted]]
    return [
        partial(to_uint8, frame.source, frame=frame.index or 0, **options)
        for frames in chosen
        for frame in sort_for_display(frames)
    ]


def _evenly(tiles: Sequence[Tile], n_most: int) -> list[Tile]:
    """Choose at most `n_most` tiles at even distances, including the first and the last."""
    if len(tiles) <= n_most:
        return list(tiles)
    return [tiles[int(place)] for place in np.linspace(0, len(tiles) - 1, n_most).round()]


def _draw(tiles: Iterable[Tile], missing: list[str]) -> list[Any]:
    """Return the thumbnails of all tiles that can be drawn."""
    image_module = require("PIL.Image")
    thumbnails = []
    for tile in tiles:
        try:
            image = image_module.fromarray(tile())
        except (MicError, OSError) as error:
            missing.append(explain(error))
            continue
        image.thumbnail((_CELL, _CELL), image_module.Resampling.LANCZOS)
        thumbnails.append(image)
    return thumbnails


def _sheet(thumbnails: Sequence[Any]) -> NDArray[np.uint8]:
    """Arrange thumbnails in rows; the sheet is grey unless one of them is in colour."""
    n_columns = math.ceil(math.sqrt(len(thumbnails)))
    n_rows = math.ceil(len(thumbnails) / n_columns)
    mode = "RGB" if any(image.mode == "RGB" for image in thumbnails) else "L"
    width = max(image.width for image in thumbnails) + _MARGIN
    height = max(image.height for image in thumbnails) + _MARGIN
    sheet = require("PIL.Image").new(mode, (n_columns * width + _MARGIN, n_rows * height + _MARGIN))
    for place, image in enumerate(thumbnails):
        row, column = divmod(place, n_columns)
        sheet.paste(image, (_MARGIN + column * width, _MARGIN + row * height))
    picture: NDArray[np.uint8] = np.asarray(sheet)
    return picture
