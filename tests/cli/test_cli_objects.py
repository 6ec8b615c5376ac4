# SPDX-License-Identifier: MIT
"""The options of commands become the fields of objects, none of them lost on the way."""

import pytest

pytest.importorskip("click")

from mic.cli.commands import load
from mic.cli.jobs import DecodeOptions, Encoding
from mic.cli.options import Raw, Writing
from mic.codec.options import EncodeOptions


def names(*kinds):
    return {name for kind in kinds for name in kind.__match_args__}


def test_every_option_has_a_field():
    given = {parameter.name for parameter in load("encode").params}
    assert given - {"source", "target"} <= names(EncodeOptions, Encoding, Raw, Writing)
    assert names(EncodeOptions) - given == {"rgb"}
    given = {parameter.name for parameter in load("decode").params}
    assert given - {"source", "target", "to"} == names(DecodeOptions, Raw, Writing)
