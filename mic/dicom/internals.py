# SPDX-License-Identifier: MIT
"""All uses that mic makes of private names of pydicom.

pydicom has no public call for a new transfer syntax, for the order of its decoders
or for forgetting decoded pixels.  All such access is in this file, so a new version
of pydicom is checked here and nowhere else.  ``tests/dicom/test_internals.py`` holds
the rest of mic to this rule.

Each function was tried with pydicom 3.0.0, 3.0.2 and the development version of 3.1,
unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders import base as decoders
from pydicom.pixels.encoders import base as encoders

from ..errors import UnsupportedError

WHOLE_ARRAY = "mic_whole_array"
"""Option of a runner: the function with which `WholeArrayDecoder` decodes its frames."""


def coder_tables() -> tuple[dict[Any, Any], dict[Any, Any]]:
    """pydicom's tables of decoders and encoders: (coder, version it came with) by UID.

    A transfer syntax is registered by adding an entry, and unregistered by removing it.
    The tables are pydicom's own, not copies; callers hold a lock while they change
    them.

    Raises
    ------
    UnsupportedError
        The tables are gone or hold something else.
    """
    tables = (
        getattr(decoders, "_PIXEL_DATA_DECODERS", None),
        getattr(encoders, "_PIXEL_DATA_ENCODERS", None),
    )
    for table in tables:
        if not isinstance(table, dict) or not all(
            isinstance(entry, tuple) and len(entry) == 2 for entry in table.values()
        ):
            raise UnsupportedError(
                f"pydicom is {pydicom.__version__}, one like 3.0 or 3.1 is expected to register "
                "with; mic.dicom.compress, decompress and decode_frames work without"
            )
    return tables  # type: ignore[return-value]


def forget_pixel_array(ds: Dataset) -> None:
    """Make ``ds.pixel_array`` decode again, because the pixel data changed.

    pydicom keeps the decoded array in the data set and compares the `id` of the pixel
    data before it uses the array again.  New pixel data may get the `id` of the old.
    """
    ds._pixel_array = None
    ds._pixel_id = {}


class WholeArrayDecoder(decoders.Decoder):
    """A decoder of pydicom that can decode straight into the array which pydicom returns.

    The plugin interface gives each frame a buffer of its own, from which pydicom
    copies.  With the option `WHOLE_ARRAY`, a function of runner and frame number (None
    for all frames), the frames come from that function as one flat array instead.  If a
    version of pydicom does not call the private method, its plugins decode as usual.
    """

    @staticmethod
    def _as_array_encapsulated(
        runner: decoders.DecodeRunner, index: int | None
    ) -> NDArray[np.generic]:
        decode: Callable[[decoders.DecodeRunner, int | None], NDArray[np.generic]] | None
        decode = runner.get_option(WHOLE_ARRAY)
        if decode is None:
            return decoders.Decoder._as_array_encapsulated(runner, index)
        return decode(runner, index)


def attempts(decoder: decoders.Decoder) -> tuple[str, ...]:
    """Names of a decoder's plugins in the order in which pydicom tries them.

    The public ``available_plugins`` sorts them by name.  It is used if the private
    table does not exist.
    """
    return tuple(getattr(decoder, "_available", decoder.available_plugins))


def put_first(decoder: decoders.Decoder, label: str) -> None:
    """Make pydicom try a plugin before all others of a decoder.

    pydicom tries its plugins in the order of a private dictionary, and has no call to
    change it.  The new order is assigned as a whole: a thread that is decoding sees the
    old one or the new one.  ``decoder.remove_plugin`` takes the plugin out again and
    leaves the others in their order.
    """
    plugins = dict(decoder._available)
    first = plugins.pop(label)
    decoder._available = {label: first, **plugins}


def plugins_of_call(runner: decoders.DecodeRunner) -> Mapping[str, Callable[..., Any]]:
    """The decoding functions that pydicom would try in this call, by name and in order.

    The mapping is empty if this version of pydicom keeps them elsewhere.
    """
    plugins: Mapping[str, Callable[..., Any]] = getattr(runner, "_decoders", {})
    return plugins


def stop_colour_checks(runner: decoders.DecodeRunner) -> None:
    """Stop comparing each frame's own colour space with the photometric interpretation.

    pydicom reads the JFIF and Adobe markers of each JPEG frame for that.  Once a plugin
    returns RGB for YCbCr frames, it would find a contradiction in every frame and warn.
    Concerns this runner only, that is, one call.
    """
    runner._conform_jpg_colorspace = lambda info: None  # type: ignore[method-assign]
