# SPDX-License-Identifier: MIT
"""Compare the containers on real data: size, speed, and reading a part.

    python bench/formats.py            # a minute; writes bench/results/formats.json
    python bench/formats.py --report   # the tables of docs/formats.md from it, and from
                                       # results/published.json if that exists

Needs ``pip install -e ".[bench]" wsidicom-data pillow``.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tables
from numpy.typing import NDArray

import mic
from mic.benchmark import geometric_mean
from mic.images.formats import read_image

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "formats.json"
PUBLISHED = RESULTS.with_name("published.json")
PAGE = ROOT / "docs" / "formats.md"
CORPUS = ROOT.parent / "shared" / "corpus"
SLIDE_SIDE, REGION = 4096, 512

Array = NDArray[Any]


class Way(NamedTuple):
    """One way to store an array: a name, and options of `mic.encode`."""

    name: str
    options: dict[str, Any]


class Subject(NamedTuple):
    """An array, the ways to store it, and the part of it that is read."""

    name: str
    array: Array
    ways: list[Way]
    part: str
    read: Callable[[mic.MicFile], Array]


class CountingFile(io.BytesIO):
    """Count the bytes that are read."""

    n_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.n_bytes += len(data)
        return data


# ---- data ---------------------------------------------------------------------


def test_file(name: str) -> Path:
    """Return a file of the corpus, or of pydicom and pydicom-data."""
    from pydicom.data import get_testdata_file

    if (CORPUS / name).exists():
        return CORPUS / name
    found = get_testdata_file(name, download=False)
    if found is None:
        raise SystemExit(f"{name} is neither in {CORPUS} nor in pydicom-data")
    return Path(str(found))


def slide() -> Array:
    """Make a slide of tissue: the tile of wsidicom-data, rotated and mirrored at random."""
    import wsidicom_data
    from PIL import Image

    path = Path(wsidicom_data.__file__).parent / "data" / "test_tile.png"
    tile = np.asarray(Image.open(path).convert("RGB"))
    turned = [np.rot90(side, turns) for side in (tile, tile[::-1]) for turns in range(4)]
    n = -(-SLIDE_SIDE // tile.shape[0])
    choice = np.random.default_rng(0).integers(0, len(turned), (n, n))
    rows = [np.concatenate([turned[i] for i in line], axis=1) for line in choice]
    return np.ascontiguousarray(np.concatenate(rows)[:SLIDE_SIDE, :SLIDE_SIDE])


def subjects() -> list[Subject]:
    native = [Way("native, wavefront", {}), Way("native, FSE", {"codec": "fse"})]
    frames = [
        *native,
        Way("MIC2", {"container": "mic2"}),
        Way("MIC2, temporal", {"container": "mic2", "temporal": True}),
    ]
    colour = [*native, Way("MICR", {"container": "micr"})]
    grey = [
        *native,
        Way("MIC1", {"container": "mic1"}),
        Way("PICS, 4 strips", {"container": "pics"}),
        Way("PICA, 4 strips", {"container": "pica"}),
    ]
    tiles = [
        Way("native, tiles of 256", {"tile": 256}),
        Way("native, tiles of 512", {"tile": 512}),
        Way("native, FSE, tiles of 256", {"tile": 256, "codec": "fse"}),
        Way("MIC3", {"container": "mic3"}),
    ]
    large = "SC1.dcm" if (CORPUS / "SC1.dcm").exists() else "RG1_UNCR.dcm"
    made = [
        Subject(
            "multi-frame MR (emri_small.dcm)", read("emri_small.dcm"), frames, "last frame", last
        )
    ]
    made.append(Subject(f"radiograph ({large})", read(large), grey, "64 rows", rows_of))
    for name, kind in (
        ("US1", "RGB ultrasound"),
        ("VL1", "visible light"),
        ("VL6", "visible light"),
    ):
        if (CORPUS / f"{name}.dcm").exists():
            image = read(f"{name}.dcm")
            made.append(Subject(f"{kind} ({name}.dcm)", image, colour, "64 rows", rows_of))
    us = read("examples_rgb_color.dcm")
    made.append(Subject("RGB ultrasound (examples_rgb_color.dcm)", us, colour, "64 rows", rows_of))
    made.append(Subject(f"slide, {SLIDE_SIDE} x {SLIDE_SIDE}", slide(), tiles, "512 x 512", region))
    return made


def read(name: str) -> Array:
    array = read_image(test_file(name))
    is_frame = array.ndim == (4 if array.shape[-1] == 3 else 3) and len(array) == 1
    image = array[0] if is_frame else array
    return image.view("uint16") if image.dtype == np.int16 else image


def last(file: mic.MicFile) -> Array:
    return file[-1]


def rows_of(file: mic.MicFile) -> Array:
    middle = file.shape[0] // 2
    return file[middle : middle + 64]


def region(file: mic.MicFile) -> Array:
    at = SLIDE_SIDE // 2 - REGION // 3
    return file.level(0).region(at, at, REGION, REGION)


# ---- measuring ------------------------------------------------------------------


def measure(subject: Subject, repeat: int) -> list[dict[str, Any]]:
    """Measure the ways in turns, so that a disturbance of the machine affects all alike."""
    array = subject.array
    streams, times = {}, {}
    ways = []
    for way in subject.ways:
        try:
            streams[way.name] = mic.encode(array, **way.options)
        except mic.UnsupportedError as error:
            print(f"  {way.name}: {error}")
            continue
        assert np.array_equal(mic.decode(streams[way.name]), array)
        ways.append(way)
    for _ in range(repeat):
        for way in ways:
            for what, call in calls(subject, way, streams[way.name]).items():
                times.setdefault((way.name, what), []).append(timed(call))
    return [facts(subject, way, streams[way.name], times) for way in ways]


def calls(subject: Subject, way: Way, stream: bytes) -> dict[str, Callable[[], Any]]:
    array = subject.array
    out = np.empty_like(array)
    return {
        "encode": lambda: mic.encode(array, **way.options),
        "decode": lambda: mic.decode(stream, out=out),
        "part": lambda: subject.read(mic.open(stream)),
    }


def timed(call: Callable[[], Any]) -> float:
    """CPU seconds of a call: all work is on one thread, and others may use the machine."""
    start = time.process_time()
    call()
    return time.process_time() - start


def facts(
    subject: Subject, way: Way, stream: bytes, times: dict[tuple[str, str], list[float]]
) -> dict[str, Any]:
    info = mic.info(stream)
    source = CountingFile(stream)
    subject.read(mic.open(source))
    best = {what: min(times[way.name, what]) for what in ("encode", "decode", "part")}
    pixels = subject.array.nbytes / 1e6
    return {
        "way": way.name,
        "bytes": len(stream),
        "ratio": round(info.decoded_bytes / len(stream), 3),
        "encode_mb_s": round(info.decoded_bytes / 1e6 / best["encode"], 1),
        "decode_mb_s": round(pixels / best["decode"], 1),
        "part_ms": round(best["part"] * 1e3, 3),
        "part_bytes_read": source.n_bytes,
    }


def run(repeat: int) -> dict[str, Any]:
    measured = []
    for subject in subjects():
        print(subject.name, subject.array.shape, subject.array.dtype)
        measured.append(
            {
                "subject": subject.name,
                "shape": subject.array.shape,
                "dtype": subject.array.dtype.name,
                "part": subject.part,
                "ways": measure(subject, repeat),
            }
        )
    return {
        "machine": mic.cpu_info() | {"system": platform.system()},
        "version": mic.__version__,
        "repeat": repeat,
        "subjects": measured,
    }


# ---- the page ---------------------------------------------------------------------


def containers(document: dict[str, Any]) -> str:
    machine = document["machine"]
    lines = [
        f"{machine['model']}, {machine['active']}, {machine['compiler']}; CPU time of one thread, "
        f"best of {document['repeat']} runs; MB count decoded bytes; `bench/results/formats.json`.",
    ]
    for subject in document["subjects"]:
        shape = " x ".join(map(str, subject["shape"]))
        heading = ["", "ratio", "encode MB/s", "decode MB/s", f"{subject['part']}: ms", "kB read"]
        rows = [
            [
                way["way"],
                f"{way['ratio']:.2f}",
                f"{way['encode_mb_s']:.0f}",
                f"{way['decode_mb_s']:.0f}",
                f"{way['part_ms']:.2f}",
                f"{way['part_bytes_read'] / 1e3:.0f}",
            ]
            for way in subject["ways"]
        ]
        title = f"**{subject['subject']}**, {shape} {subject['dtype']}"
        lines += ["", title, "", tables.markdown(heading, rows).rstrip("\n")]
    return "\n".join(lines)


def against_published(document: dict[str, Any]) -> str:
    """Compare the first way of each subject (native, default codec) with each published way."""
    rows = []
    for subject in document["subjects"]:
        native, *others = subject["ways"]
        rows += [
            [
                f"{subject['subject']}, {way['way']}",
                f"{100 * native['bytes'] / way['bytes'] - 100:+.0f} %",
                f"{native['encode_mb_s'] / way['encode_mb_s']:.2f}x",
                f"{native['decode_mb_s'] / way['decode_mb_s']:.2f}x",
            ]
            for way in others
            if not way["way"].startswith("native")
        ]
    heading = ["native, wavefront, against", "size", "encode", "decode"]
    return "This table compares the first line of each table with the published containers.\n\n" + (
        tables.markdown(heading, rows).rstrip("\n")
    )


def published_tables(document: dict[str, Any]) -> str:
    """Tables of the results of bench/published.py: strips on threads, colour against MICR."""
    first, *_, last = document["threads"]
    rows = [
        [
            f"{row['image']}, {row['container'].upper()}",
            str(row["strips"]),
            f"{row['ratio']:.2f}",
            f"{row['encode_speedup']:.2f}x",
            f"{row['decode_speedup']:.2f}x",
        ]
        for row in document["strips"]
    ]
    lines = [
        f"Gain from coding strips on {last} threads instead of {first}: wall-clock time, best of "
        f"{document['repeat']} runs, from `bench/results/published.json`.",
        "",
        tables.markdown(["", "strips", "ratio", "encode", "decode"], rows).rstrip("\n"),
    ]
    gains = {row["image"]: row["native_over_micr"] for row in document["colour"]}
    least, most = min(gains, key=gains.__getitem__), max(gains, key=gains.__getitem__)
    lines += [
        "",
        f"Over {len(gains)} RGB images, the ratio of the native container is "
        f"{geometric_mean(gains.values()):.2f} times that of MICR (geometric mean; least "
        f"{gains[least]:.2f}, {least}; most {gains[most]:.2f}, {most}).",
    ]
    return "\n".join(lines)


def write_page(document: dict[str, Any]) -> None:
    parts = [containers(document), against_published(document)]
    if PUBLISHED.exists():
        parts.append(published_tables(json.loads(PUBLISHED.read_text())))
    tables.insert(PAGE, "\n\n".join(parts) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--report", action="store_true", help="only write the page")
    arguments = parser.parse_args()
    if not arguments.report:
        RESULTS.write_text(json.dumps(run(arguments.repeat), indent=1) + "\n")
    write_page(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
