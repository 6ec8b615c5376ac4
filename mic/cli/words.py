# SPDX-License-Identifier: MIT
"""How the command line words the arguments and remedies that errors name."""

from __future__ import annotations

from ..errors import Argument, MicError, Remedy, Setting, one_sentence

_OPTION_OF = {
    "codec": "--codec",
    "container": "--container",
    "dtype": "--dtype",
    "effort": "--effort",
    "frame": "--frame",
    "frames": "--frame",
    "levels": "--levels",
    "max_pixels": "--max-pixels",
    "max_value": "--max-value",
    "report": "--report",
    "rows": "--rows",
    "shape": "--shape",
    "states": "--states",
    "strips": "--strips",
    "temporal": "--temporal",
    "threads": "--threads",
    "tile": "--tile",
}

REMEDIES = {
    "rescue": "mic decode --partial rescues what is there",
    "rescue_frames": "mic decode --partial rescues the frames",
    "rescue_strips": "mic decode --partial rescues the other strips",
    "rescue_models": "mic decode --partial rescues the frames with models of their own",
    "bare_stream": "(mic decode --stream decodes bare published streams)",
    "any_maximum": "pass --max-value=255 or use the native container",
    "larger_maximum": "raise --max-value to 8 or more, or use the native container",
    "limit": "raise --max-pixels if you trust the source, or decode fewer frames",
    "limit_file": "raise --max-pixels if you trust the file",
    "native": "use --container native",
    "frame_axis": "",  # the command line cannot pass another array
    "level": "use --level or --region",
    "index": "leave --level and --region out",
    "decompress": "mic decode decompresses it",
    "overwrite": "pass --overwrite to replace it",
}
"""The words for each key of `mic.errors.REMEDIES`."""


def explain(error: Exception) -> str:
    """Explain an error in one sentence that tells the user what to do."""
    if isinstance(error, MicError):
        return " ".join(error.say(_argument, _remedy).split()) or type(error).__name__
    return one_sentence(error)


def _argument(part: Argument) -> str:
    name, _, value = part.partition("=")
    option = _OPTION_OF.get(name)
    if option is None:
        return str(part)
    if not isinstance(part, Setting):
        return option
    bare = value.strip('"')
    return f"{option} {bare}"


def _remedy(part: Remedy) -> str:
    return REMEDIES[part]
