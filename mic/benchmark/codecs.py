# SPDX-License-Identifier: MIT
"""The codecs that are compared: those of mic and their peers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import api
from ..errors import UnsupportedError
from ..extras import require

Array = NDArray[Any]

# The options worth comparing, for each codec of mic.
_VARIANTS: dict[str, list[dict[str, int]]] = {
    "fse": [{"states": 2}, {"states": 4}, {"states": 8}],
    "wavefront": [{"effort": 1}, {"effort": 5}, {"effort": 9}],
}
_USUAL = {"states": 4, "effort": 5}


@dataclass(frozen=True)
class Codec:
    """A codec as the benchmark sees it.

    Attributes
    ----------
    name : str
    prepare : callable
        Converts the stored samples to what the codec takes; not timed.
    encode : callable(array, threads) -> bytes
    decode : callable(stream, out, threads)
    threaded : bool
        Whether `threads` has an effect.
    own : bool
        Whether it is a codec of mic, which must take every image.
    max_repeat : int or None
        Maximum number of measurements of one image, for slow codecs.
    """

    name: str
    prepare: Callable[[Array], Array]
    encode: Callable[[Array, int], bytes]
    decode: Callable[[bytes, Array, int], Any]
    threaded: bool = False
    own: bool = False
    max_repeat: int | None = None


def own_codecs(names: Iterable[str] = (), all_variants: bool = False) -> list[Codec]:
    """Return the codecs of mic.

    Parameters
    ----------
    names : iterable of str
        Such as "fse", "fse-8", "huffman".  Default: all codecs.
    all_variants : bool
        Include every number of states and several efforts, not only the default.

    Returns
    -------
    list of Codec

    Raises
    ------
    UnsupportedError
        A name is not a codec of mic.
    """
    every = {codec: _variants(codec) for codec in api.CODECS}
    by_name = {
        name: (codec, kept) for codec, kinds in every.items() for name, kept in kinds.items()
    }
    chosen: dict[str, tuple[str, dict[str, int]]] = {}
    for name in names or api.CODECS:
        if name in every:
            usual = {
                key: kept for key, kept in every[name].items() if all_variants or _is_usual(kept)
            }
            chosen.update({key: (name, kept) for key, kept in usual.items()})
        elif name in by_name:
            chosen[name] = by_name[name]
        else:
            known = ", ".join(dict.fromkeys([*every, *by_name]))
            raise UnsupportedError(f"{name!r} is no codec of mic, one of {known} is expected")
    return [_own_codec(name, codec, kept) for name, (codec, kept) in chosen.items()]


def _variants(codec: str) -> dict[str, dict[str, int]]:
    """Return the options of each variant of a codec, by the variant's name."""
    options = _VARIANTS.get(codec, [{}])
    return {"-".join([codec, *map(str, kept.values())]): kept for kept in options}


def _is_usual(options: dict[str, int]) -> bool:
    return all(_USUAL[key] == value for key, value in options.items())


def _own_codec(name: str, codec: str, options: Mapping[str, Any]) -> Codec:
    def encode(array: Array, threads: int) -> bytes:
        return bytes_of(api.encode(array, codec=codec, threads=threads, **options))

    def decode(stream: bytes, out: Array, threads: int) -> Any:
        return api.decode(stream, out=out, threads=threads)

    return Codec(name, np.ascontiguousarray, encode, decode, threaded=True, own=True)


def bytes_of(stream: bytes | int) -> bytes:
    """Narrow what `mic.encode` returns to bytes, its result when no `out` is passed."""
    assert isinstance(stream, bytes)
    return stream


def peer_codecs() -> list[Codec]:
    """Return CharLS, OpenJPH, OpenJPEG, libjxl and zstd, all lossless, through imagecodecs.

    They get the stored bit patterns as unsigned integers, as in DICOM encoders.

    Returns
    -------
    list of Codec

    Raises
    ------
    UnsupportedError
        imagecodecs is not installed.
    """
    ic = require("imagecodecs", "bench")
    return [
        Codec(
            "CharLS",
            _unsigned,
            lambda array, threads: ic.jpegls_encode(array),
            lambda stream, out, threads: ic.jpegls_decode(stream, out=out),
        ),
        Codec(
            "OpenJPH",
            _unsigned,
            lambda array, threads: ic.htj2k_encode(array, reversible=True),
            lambda stream, out, threads: ic.htj2k_decode(stream, out=out),
        ),
        Codec(
            "OpenJPEG",
            _unsigned,
            # A bare codestream as in DICOM, without the boxes of a JP2 file.
            lambda array, threads: ic.jpeg2k_encode(
                array, reversible=True, codecformat="j2k", numthreads=threads
            ),
            lambda stream, out, threads: ic.jpeg2k_decode(stream, out=out, numthreads=threads),
            threaded=True,
        ),
        *(_libjxl(ic, effort) for effort in (1, 3, 7)),
        Codec(
            "zstd-3",
            lambda array: array.reshape(-1).view(np.uint8),
            lambda array, threads: ic.zstd_encode(array, level=3),
            lambda stream, out, threads: ic.zstd_decode(stream, out=out),
        ),
    ]


def _libjxl(ic: Any, effort: int) -> Codec:
    return Codec(
        f"libjxl-{effort}",
        _unsigned,
        lambda array, threads: ic.jpegxl_encode(
            array, lossless=True, effort=effort, numthreads=threads
        ),
        lambda stream, out, threads: ic.jpegxl_decode(stream, out=out, numthreads=threads),
        threaded=True,
        max_repeat=1 if effort > 5 else None,
    )


def _unsigned(array: Array) -> Array:
    contiguous = np.ascontiguousarray(array)
    return contiguous.view(f"u{contiguous.dtype.itemsize}")


def peer_versions() -> dict[str, str]:
    """Return the versions of the peers' libraries, as imagecodecs reports them."""
    ic = require("imagecodecs", "bench")
    listed = re.findall(r"(imagecodecs|charls|openjph|openjpeg|libjxl|zstd)-([\w.]+)", ic.version())
    return dict(listed)
