# SPDX-License-Identifier: MIT
"""The commands of `mic`: their names and their modules.

A module is imported only when its command runs or shows its help.  The commands need
different libraries, and `mic --help` needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from .._version import __version__

COMMANDS = {
    "encode": "Compress SRC, an image file or a folder, to DST.",
    "decode": "Decompress SRC, a .mic file or a folder of them, to DST.",
    "info": "Show what streams hold, without decoding a sample.",
    "verify": "Check .mic files, or compare two files.",
    "view": "Show FILE, or write a picture of it as PNG.",
    "transcode": "Write DICOM files in another transfer syntax, and prove that nothing was lost.",
    "bench": "Compress real images, verify every bit, print ratios and speeds.",
    "doctor": "Show versions, the processor and what is installed.",
}
"""The first sentence of each command's help.  The module of a command has the same name."""


def load(name: str) -> click.Command:
    """Import the command with this name."""
    command: click.Command = getattr(import_module(f".{name}", __package__), name)
    return command


class Commands(click.Group):
    """A group that holds a name and a line of help for each command, and imports it on demand."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, line in COMMANDS.items():
            self.add_command(click.Command(name, help=line))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command itself instead of its stand-in."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
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
